//! The catalogue's rules and its table of ends of life.

use super::Api;
use super::caller::Caller;
use super::cis::PageQuery;
use super::extract::{Body, Named, Parameters};
use super::format::Format;
use super::import::{ImportReport, Table};
use super::page::{Page, Paging};
use super::view::software::{Cycle, SoftwareRule, SoftwareRuleInput};
use crate::answer::{self, ApiError};
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::catalogue::{self, CatalogueCommand, CatalogueEvent};
use rollcall_domain::id::SoftwareRuleId;
use rollcall_domain::{Command, Event, World};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::IntoParams;

/// Which cycles are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CycleQuery {
    /// Of the product with this name, whatever the case.
    product: Option<String>,
    /// Items of one page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists the rules of the catalogue in the order in which they count; those that come with Rollcall are last.
#[utoipa::path(get, path = "/api/v1/software/rules", tag = "software", params(PageQuery),
    responses((status = 200, description = "A page.", body = Page<SoftwareRule>)))]
pub async fn list_software_rules(
    State(api): State<Api>,
    Parameters(query): Parameters<PageQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<String>::new("software-rules", query.limit, query.cursor.as_deref())?;
    let page = api.engine.read(|world| {
        let rules = world.catalogue.ordered_rules().into_iter();
        let keyed = rules.map(|rule| (format!("{:010} {}", rule.position, rule.id), rule));
        let later = keyed.filter(|(key, _)| paging.after.as_ref().is_none_or(|after| key > after));
        paging.page(later.map(|(key, rule)| (key, SoftwareRule::new(rule, world.catalogue.rules.get(&rule.id)))))
    });
    Ok(format.list(&page))
}

/// Makes a rule: what packages that fit are called, who makes them, whether they may be used.
#[utoipa::path(post, path = "/api/v1/software/rules", tag = "software", request_body = SoftwareRuleInput,
    responses((status = 201, description = "The rule.", body = SoftwareRule)))]
pub async fn create_software_rule(
    State(api): State<Api>,
    caller: Caller,
    Body(input): Body<SoftwareRuleInput>,
) -> Result<Response, ApiError> {
    let rule = Box::new(input.into_domain(SoftwareRuleId(0)));
    let executed = caller.execute(&api.engine, Command::Catalogue(CatalogueCommand::CreateRule { rule })).await?;
    let made = executed.records.iter().find_map(|record| match &record.event {
        Event::Catalogue(CatalogueEvent::SoftwareRuleSet { rule }) => Some(rule.id),
        _ => None,
    });
    let id = made.ok_or_else(|| ApiError::internal("a rule was made without an event"))?;
    api.engine.read(|world| {
        let rule = view(world, id)?;
        Ok(answer::created(&format!("/api/v1/software/rules/{id}"), &rule, Some(rule.revision)))
    })
}

/// Shows one rule.
#[utoipa::path(get, path = "/api/v1/software/rules/{id}", tag = "software",
    responses((status = 200, description = "The rule.", body = SoftwareRule)))]
pub async fn get_software_rule(State(api): State<Api>, Named(id): Named<SoftwareRuleId>) -> Result<Response, ApiError> {
    show(&api, id)
}

/// Replaces a rule.
#[utoipa::path(put, path = "/api/v1/software/rules/{id}", tag = "software", request_body = SoftwareRuleInput,
    responses((status = 200, description = "The rule as it is now.", body = SoftwareRule)))]
pub async fn put_software_rule(
    State(api): State<Api>,
    Named(id): Named<SoftwareRuleId>,
    caller: Caller,
    Body(input): Body<SoftwareRuleInput>,
) -> Result<Response, ApiError> {
    let command = CatalogueCommand::UpdateRule { rule: Box::new(input.into_domain(id)), expected: caller.expected };
    caller.execute(&api.engine, Command::Catalogue(command)).await?;
    show(&api, id)
}

/// Withdraws a rule; what it said is not said any more.
#[utoipa::path(delete, path = "/api/v1/software/rules/{id}", tag = "software", responses((status = 204, description = "It is gone.")))]
pub async fn delete_software_rule(State(api): State<Api>, Named(id): Named<SoftwareRuleId>, caller: Caller) -> Result<Response, ApiError> {
    let command = CatalogueCommand::RemoveRule { rule: id, expected: caller.expected };
    caller.execute(&api.engine, Command::Catalogue(command)).await?;
    Ok(answer::done())
}

/// Lists until when the makers of products care for them, by product and cycle.
#[utoipa::path(get, path = "/api/v1/software/end_of_life", tag = "software", params(CycleQuery),
    responses((status = 200, description = "A page.", body = Page<Cycle>)))]
pub async fn list_end_of_life(
    State(api): State<Api>,
    Parameters(query): Parameters<CycleQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<String>::new("end-of-life", query.limit, query.cursor.as_deref())?;
    let product = query.product.map(|product| product.to_lowercase());
    let page = api.engine.read(|world| {
        let products = world.catalogue.end_of_life.iter().filter(|(name, _)| product.as_ref().is_none_or(|wanted| *name == wanted));
        // Names have no control characters, so the keys sort by name first.
        let keyed = products.flat_map(|(name, cycles)| cycles.iter().map(move |(cycle, known)| (format!("{name}\t{cycle}"), known)));
        let later = keyed.filter(|(key, _)| paging.after.as_ref().is_none_or(|after| key > after));
        let sorted: BTreeMap<String, &catalogue::Cycle> = later.collect();
        paging.page(sorted.into_iter().map(|(key, cycle)| (key, Cycle::from(cycle))))
    });
    Ok(format.list(&page))
}

/// Takes in a table of ends of life.
///
/// Columns (CSV) or fields (NDJSON, JSON) are `product`, `cycle` and `end_of_life` (also `eol`): a day, or nothing to forget the cycle. Each row
/// succeeds or fails on its own.
#[utoipa::path(post, path = "/api/v1/software/end_of_life/import", tag = "software",
    request_body(content = String, content_type = "text/csv", description = "The table; also application/x-ndjson and application/json."),
    responses((status = 200, description = "What became of each row.", body = ImportReport)))]
pub async fn import_end_of_life(State(api): State<Api>, caller: Caller, table: Table) -> Result<Response, ApiError> {
    // Of rows about one cycle the last counts.
    let (report, cycles) = table.read("product", |value| read_cycle(value).map(|cycle| (cycle.key(), cycle)));
    let command = CatalogueCommand::ImportEndOfLife { cycles: cycles.into_values().collect() };
    let executed = caller.execute(&api.engine, Command::Catalogue(command)).await?;
    let accepted = executed.records.iter().map(|record| match &record.event {
        Event::Catalogue(CatalogueEvent::EndOfLifeImported { cycles }) => cycles.len() as u64,
        _ => 0,
    });
    Ok(answer::json(&report.settled(accepted.sum())))
}

fn read_cycle(row: &Value) -> Result<catalogue::Cycle, rollcall_domain::Rejection> {
    // Tables made from JSON have numbers where cycles look like numbers, and `false` where no day is known.
    let text = |field: &str| match &row[field] {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    };
    let end_of_life = Some(text("end_of_life")).filter(|day| !day.is_empty()).unwrap_or_else(|| text("eol"));
    catalogue::Cycle::read(&text("product"), &text("cycle"), &end_of_life)
}

fn view(world: &World, id: SoftwareRuleId) -> Result<SoftwareRule, ApiError> {
    let rule = world.catalogue.ordered_rules().into_iter().find(|rule| rule.id == id);
    let rule = rule.ok_or_else(|| ApiError::not_found("software rule", &id.to_string()))?;
    Ok(SoftwareRule::new(rule, world.catalogue.rules.get(&id)))
}

fn show(api: &Api, id: SoftwareRuleId) -> Result<Response, ApiError> {
    api.engine.read(|world| view(world, id).map(|rule| answer::resource(&rule, rule.revision)))
}
