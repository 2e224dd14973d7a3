//! Which machine is this: a dry run of identification, why a record is one machine, merging and taking that back.

use super::caller::Caller;
use super::cis::MomentQuery;
use super::extract::{Body, Named, Parameters};
use super::view::ci::{Ci, DryRun, call_by_names_of_now, counted};
use super::view::review::Explained;
use super::{Api, cis, past};
use crate::answer::{self, ApiError};
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::Command;
use rollcall_domain::ci::{CiCommand, Reporter, explain, identify};
use rollcall_domain::id::CiId;
use rollcall_shared::{Section, SectionName};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;

/// A machine to be identified.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"sections": {"system": [{"serial": "SRV00001", "manufacturer": "Dell Inc.", "virtualisation": "physical"}]}}))]
pub struct Machine {
    /// Who would report it: an agent's id, or nobody known.
    agent: Option<String>,
    /// Or another system, with its own key for the machine.
    feed: Option<ReportingFeed>,
    /// Sections by name, each a list of rows as `GET /api/v1/cis/{id}/sections/{name}` shows them. What is left out of a row is not known;
    /// lists that are left out are empty.
    #[schema(value_type = BTreeMap<String, Vec<Object>>)]
    sections: BTreeMap<String, serde_json::Value>,
}

/// Another system's key for a machine.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportingFeed {
    /// The system.
    name: String,
    /// Its key.
    key: String,
}

/// Records to be merged.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"duplicates": ["host_00000000000000000000000002"], "reason": "One machine, re-installed"}))]
pub struct Merging {
    /// Records of the same thing; what they know moves to this one.
    duplicates: Vec<String>,
    /// Why.
    reason: String,
}

/// Why a merge is taken back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "Two machines after all"}))]
pub struct Unmerging {
    /// In words.
    reason: String,
}

/// Tells which configuration item a machine would be identified as. Nothing is written.
#[utoipa::path(post, path = "/api/v1/identify", tag = "cis", request_body = Machine,
    responses((status = 200, description = "What identification would do.", body = DryRun)))]
pub async fn identify_machine(State(api): State<Api>, Body(machine): Body<Machine>) -> Result<Response, ApiError> {
    let reporter = reporter(machine.agent, machine.feed)?;
    let mut sections = Vec::with_capacity(machine.sections.len());
    for (name, rows) in machine.sections {
        let field = format!("sections.{name}");
        let known: SectionName = name.parse().map_err(|error| ApiError::invalid(&field, format!("{error}")))?;
        let section = Section::from_json_rows(known, rows).map_err(|error| ApiError::invalid(&field, error.to_string()))?;
        sections.push(Arc::new(section));
    }
    if !sections.iter().any(|section| matches!(&**section, Section::System(rows) if !rows.is_empty())) {
        return Err(ApiError::invalid("sections.system", "is needed, with a row: it says what kind of machine this is"));
    }
    let now = api.engine.now();
    api.engine.read(|world| Ok(answer::json(&DryRun::from(&identify::identify(world, &reporter, &sections, now)))))
}

fn reporter(agent: Option<String>, feed: Option<ReportingFeed>) -> Result<Reporter, ApiError> {
    match (agent, feed) {
        (Some(agent), None) => agent.parse().map(Reporter::Agent).map_err(|_| ApiError::invalid("agent", "must be the id of an agent")),
        (None, Some(feed)) => Ok(Reporter::Feed { name: feed.name, key: feed.key }),
        (None, None) => Ok(Reporter::Feed { name: "dry run".into(), key: String::new() }),
        (Some(_), Some(_)) => Err(ApiError::invalid("feed", "give an agent or a feed")),
    }
}

/// Explains why a record is one machine, and whose value counts in each attribute.
///
/// Of a moment in the past it says what the record's own history tells. Which other records had the same facts, and what was in doubt
/// then, is not kept: `others` and `reviews` are null.
#[utoipa::path(get, path = "/api/v1/cis/{id}/explain", tag = "cis", params(MomentQuery),
    responses((status = 200, description = "The explanation.", body = Explained)))]
pub async fn explain_ci(
    State(api): State<Api>,
    Named(id): Named<CiId>,
    Parameters(query): Parameters<MomentQuery>,
) -> Result<Response, ApiError> {
    if let Some(moment) = query.as_of {
        let (then, past) = past::whole(&api, id, moment).await?;
        let found = explain::explain_then(&past, id).ok_or_else(|| ApiError::not_found("configuration item", &id.to_string()))?;
        let identified = cis::identified_then(&past, id);
        return api.engine.read(|world| Ok(answer::resource(&Explained::new((world, &then), &found, identified), then.revision)));
    }
    let attempts = cis::attempts(&api, id).await?;
    api.engine.read(|world| {
        let ci = cis::find(world, id)?;
        let identified = world.cmdb.identifications.get(&id).map(|identified| (identified.operation, attempts.as_slice()));
        let found = explain::explain(world, ci, api.engine.now());
        let mut explained = Explained::new((world, ci), &found, identified);
        call_by_names_of_now(world, &mut explained.attributes);
        explained.attributes.extend(counted(world, ci));
        Ok(answer::resource(&explained, ci.revision))
    })
}

/// Merges records of one thing into this one. What contradicts in strong facts is refused.
#[utoipa::path(post, path = "/api/v1/cis/{id}/merge", tag = "cis", request_body = Merging,
    responses((status = 200, description = "The configuration item as it is now.", body = Ci)))]
pub async fn merge_cis(
    State(api): State<Api>,
    Named(id): Named<CiId>,
    caller: Caller,
    Body(merging): Body<Merging>,
) -> Result<Response, ApiError> {
    let parsed = |(place, text): (usize, &String)| {
        text.parse().map_err(|_| ApiError::invalid(format!("duplicates[{place}]"), "must be the id of a configuration item"))
    };
    let from: Vec<CiId> = merging.duplicates.iter().enumerate().map(parsed).collect::<Result<_, _>>()?;
    let command = CiCommand::Merge { into: id, from, reason: merging.reason, expected: caller.expected };
    caller.execute(&api.engine, Command::Ci(command)).await?;
    cis::show(&api, id)
}

/// Takes the merge of this record back: both are as they were, save for what was said of them since.
#[utoipa::path(post, path = "/api/v1/cis/{id}/unmerge", tag = "cis", request_body = Unmerging,
    responses((status = 200, description = "The configuration item as it is now.", body = Ci)))]
pub async fn unmerge_ci(
    State(api): State<Api>,
    Named(id): Named<CiId>,
    caller: Caller,
    Body(unmerging): Body<Unmerging>,
) -> Result<Response, ApiError> {
    let command = CiCommand::Unmerge { ci: id, reason: unmerging.reason, expected: caller.expected };
    caller.execute(&api.engine, Command::Ci(command)).await?;
    cis::show(&api, id)
}
