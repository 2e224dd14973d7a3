//! Rules: list, make, replace, switch, look back.

pub mod backtest;
pub mod file;

use super::Api;
use super::caller::Caller;
use super::cis::PageQuery;
use super::extract::{Body, Named, Parameters};
use super::format::Format;
use super::page::{Page, Paging};
use super::view::rule::{Rule, RuleInput, RuleVersion};
use crate::answer::{self, ApiError};
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::id::RuleId;
use rollcall_domain::rule::{KnownRule, RuleCommand, RuleEvent};
use rollcall_domain::{Command, Event, World};

/// Lists rules, by name.
#[utoipa::path(get, path = "/api/v1/rules", tag = "rules", params(PageQuery), responses((status = 200, description = "A page.", body = Page<Rule>)))]
pub async fn list_rules(State(api): State<Api>, Parameters(query): Parameters<PageQuery>, format: Format) -> Result<Response, ApiError> {
    let paging = Paging::<RuleId>::new("rules", query.limit, query.cursor.as_deref())?;
    let page = api.engine.read(|world| {
        let rules = world.rules.rules.range(paging.ascending());
        paging.page(rules.map(|(id, rule)| (id.clone(), Rule::new(rule, world))))
    });
    Ok(format.list(&page))
}

/// Makes a rule.
#[utoipa::path(post, path = "/api/v1/rules", tag = "rules", request_body = RuleInput, responses((status = 201, description = "The rule.", body = Rule)))]
pub async fn create_rule(State(api): State<Api>, caller: Caller, Body(input): Body<RuleInput>) -> Result<Response, ApiError> {
    let id = input.name()?.ok_or_else(|| ApiError::invalid("id", "is needed to create a rule"))?;
    caller.execute(&api.engine, Command::Rule(RuleCommand::Create(input.into_domain(id.clone())))).await?;
    api.engine.read(|world| {
        let rule = find(world, &id)?;
        Ok(answer::created(&format!("/api/v1/rules/{id}"), &Rule::new(rule, world), Some(rule.revision)))
    })
}

/// Shows one rule.
#[utoipa::path(get, path = "/api/v1/rules/{id}", tag = "rules", responses((status = 200, description = "The rule.", body = Rule)))]
pub async fn get_rule(State(api): State<Api>, Named(id): Named<RuleId>) -> Result<Response, ApiError> {
    show(&api, &id)
}

/// Replaces a rule.
#[utoipa::path(put, path = "/api/v1/rules/{id}", tag = "rules", request_body = RuleInput,
    responses((status = 200, description = "The rule as it is now.", body = Rule)))]
pub async fn put_rule(
    State(api): State<Api>,
    Named(id): Named<RuleId>,
    caller: Caller,
    Body(input): Body<RuleInput>,
) -> Result<Response, ApiError> {
    if input.name()?.is_some_and(|name| name != id) {
        return Err(ApiError::invalid("id", "a rule keeps its name for ever: leave it out or give that of the path"));
    }
    let stock = api.engine.read(|world| find(world, &id).map(|known| known.rule.stock))?;
    let mut rule = input.into_domain(id.clone());
    rule.stock = stock;
    caller.execute(&api.engine, Command::Rule(RuleCommand::Update { rule, expected: caller.expected })).await?;
    show(&api, &id)
}

/// Switches a rule on.
#[utoipa::path(post, path = "/api/v1/rules/{id}/enable", tag = "rules", responses((status = 200, description = "The rule as it is now.", body = Rule)))]
pub async fn enable_rule(State(api): State<Api>, Named(id): Named<RuleId>, caller: Caller) -> Result<Response, ApiError> {
    let command = RuleCommand::Enable { rule: id.clone(), enabled: true, expected: caller.expected };
    caller.execute(&api.engine, Command::Rule(command)).await?;
    show(&api, &id)
}

/// Switches a rule off.
#[utoipa::path(post, path = "/api/v1/rules/{id}/disable", tag = "rules", responses((status = 200, description = "The rule as it is now.", body = Rule)))]
pub async fn disable_rule(State(api): State<Api>, Named(id): Named<RuleId>, caller: Caller) -> Result<Response, ApiError> {
    let command = RuleCommand::Enable { rule: id.clone(), enabled: false, expected: caller.expected };
    caller.execute(&api.engine, Command::Rule(command)).await?;
    show(&api, &id)
}

/// Lists the versions of a rule, oldest first: what it was, since when, and who set it so.
#[utoipa::path(get, path = "/api/v1/rules/{id}/versions", tag = "rules", params(PageQuery),
    responses((status = 200, description = "A page.", body = Page<RuleVersion>)))]
pub async fn list_rule_versions(
    State(api): State<Api>,
    Named(id): Named<RuleId>,
    Parameters(query): Parameters<PageQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<u64>::new("rule_versions", query.limit, query.cursor.as_deref())?;
    let (revisions, first) = api.engine.read(|world| {
        let known = find(world, &id)?;
        let later = known.history.iter().copied().filter(|revision| paging.after.is_none_or(|after| *revision > after));
        let before = known.history.iter().filter(|revision| paging.after.is_some_and(|after| **revision <= after)).count();
        Ok::<_, ApiError>((later.take(paging.limit + 1).collect::<Vec<u64>>(), before))
    })?;
    let records = api.engine.records_at(revisions).await?;
    let versions = records.iter().filter_map(|record| match &record.event {
        Event::Rule(RuleEvent::RuleSet { rule }) => Some((record, rule)),
        _ => None,
    });
    let versions = versions.enumerate().map(|(place, (record, rule))| (record.revision, RuleVersion::new(first + place + 1, record, rule)));
    Ok(format.list(&paging.page(versions)))
}

fn find<'a>(world: &'a World, id: &RuleId) -> Result<&'a KnownRule, ApiError> {
    world.rules.rules.get(id).ok_or_else(|| ApiError::not_found("rule", id.as_str()))
}

fn show(api: &Api, id: &RuleId) -> Result<Response, ApiError> {
    api.engine.read(|world| find(world, id).map(|known| answer::resource(&Rule::new(known, world), known.revision)))
}
