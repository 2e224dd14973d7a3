//! Rules: list, make, replace, switch, take away, look back.

pub mod backtest;
pub mod file;
pub mod of_item;

use super::Api;
use super::caller::Caller;
use super::cis::PageQuery;
use super::extract::{Body, Named, Parameters};
use super::format::Format;
use super::page::{Page, Paging};
use super::view::rule::{Rule, RuleInput, RuleVersion};
use super::view::word::Tier;
use crate::answer::{self, ApiError};
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::id::RuleId;
use rollcall_domain::rule::case::Tested;
use rollcall_domain::rule::{self as domain, KnownRule, RuleCommand, RuleEvent};
use rollcall_domain::{Command, Event, World};
use serde::Deserialize;
use utoipa::IntoParams;

/// Which rules are wanted: those that fulfil all that is given.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RuleQuery {
    /// So loud at one of their levels.
    tier: Option<Tier>,
    /// Judged, or switched off.
    enabled: Option<bool>,
    /// Come with the release, or made by people.
    stock: Option<bool>,
    /// With this text in name, title or description, in whatever case.
    q: Option<String>,
    /// Items of one page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

impl RuleQuery {
    fn wants(&self, rule: &domain::Rule) -> bool {
        let has_tier = |tier: &Tier| tier.0 == rule.tier || Some(tier.0) == rule.warning_tier;
        let has_text = |text: &str| {
            let text = text.to_lowercase();
            [rule.id.as_str(), &rule.title, &rule.description].iter().any(|place| place.to_lowercase().contains(&text))
        };
        self.tier.as_ref().is_none_or(has_tier)
            && self.enabled.is_none_or(|enabled| enabled == rule.enabled)
            && self.stock.is_none_or(|stock| stock == rule.stock)
            && self.q.as_deref().is_none_or(has_text)
    }
}

/// Lists rules, by name.
#[utoipa::path(get, path = "/api/v1/rules", tag = "rules", params(RuleQuery), responses((status = 200, description = "A page.", body = Page<Rule>)))]
pub async fn list_rules(State(api): State<Api>, Parameters(query): Parameters<RuleQuery>, format: Format) -> Result<Response, ApiError> {
    let paging = Paging::<RuleId>::new("rules", query.limit, query.cursor.as_deref())?;
    let page = api.engine.read(|world| {
        let rules = world.rules.rules.range(paging.ascending()).filter(|(_, known)| query.wants(&known.rule));
        paging.page(rules.map(|(id, rule)| (id.clone(), Rule::new(rule, world))))
    });
    Ok(format.list(&page))
}

/// Makes a rule.
#[utoipa::path(post, path = "/api/v1/rules", tag = "rules", request_body = RuleInput, responses((status = 201, description = "The rule.", body = Rule)))]
pub async fn create_rule(State(api): State<Api>, caller: Caller, Body(input): Body<RuleInput>) -> Result<Response, ApiError> {
    let id = input.name()?.ok_or_else(|| ApiError::invalid("id", "is needed to create a rule"))?;
    let rule = tested(*input.into_domain(id.clone())).await?;
    caller.execute(&api.engine, Command::Rule(RuleCommand::Create(rule))).await?;
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
    api.engine.read(|world| find(world, &id).map(drop))?;
    let rule = tested(*input.into_domain(id.clone())).await?;
    caller.execute(&api.engine, Command::Rule(RuleCommand::Update { rule, expected: caller.expected })).await?;
    show(&api, &id)
}

/// Takes a rule away that people made. Its alerts and incidents end as those of a rule that is switched off. A stock rule stays: it can be
/// switched off, and reset.
#[utoipa::path(delete, path = "/api/v1/rules/{id}", tag = "rules", responses((status = 204, description = "It is gone.")))]
pub async fn delete_rule(State(api): State<Api>, Named(id): Named<RuleId>, caller: Caller) -> Result<Response, ApiError> {
    let command = RuleCommand::Remove { rule: id, expected: caller.expected };
    caller.execute(&api.engine, Command::Rule(command)).await?;
    Ok(answer::done())
}

/// Makes a stock rule again what it is in this release, without overrides, and switched on.
#[utoipa::path(post, path = "/api/v1/rules/{id}/reset", tag = "rules", responses((status = 200, description = "The rule as it is now.", body = Rule)))]
pub async fn reset_rule(State(api): State<Api>, Named(id): Named<RuleId>, caller: Caller) -> Result<Response, ApiError> {
    let command = RuleCommand::Reset { rule: id.clone(), expected: caller.expected };
    caller.execute(&api.engine, Command::Rule(command)).await?;
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

/// Lists the versions of a rule, oldest first: what it was, since when, and who set it so. A rule that was deleted keeps them, and one that
/// is made again under its name goes on counting.
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
        let history = world.rules.history(&id).ok_or_else(|| ApiError::not_found("rule", id.as_str()))?;
        let later = history.iter().copied().filter(|revision| paging.after.is_none_or(|after| *revision > after));
        let before = history.iter().filter(|revision| paging.after.is_some_and(|after| **revision <= after)).count();
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

/// Runs the tests of a rule where they hold up nobody.
async fn tested(rule: domain::Rule) -> Result<Tested, ApiError> {
    let ran = tokio::task::spawn_blocking(move || Tested::of(rule)).await;
    Ok(ran.map_err(|error| ApiError::internal(format!("tests of a rule ended early: {error}")))??)
}

fn find<'a>(world: &'a World, id: &RuleId) -> Result<&'a KnownRule, ApiError> {
    world.rules.rules.get(id).ok_or_else(|| ApiError::not_found("rule", id.as_str()))
}

fn show(api: &Api, id: &RuleId) -> Result<Response, ApiError> {
    api.engine.read(|world| find(world, id).map(|known| answer::resource(&Rule::new(known, world), known.revision)))
}
