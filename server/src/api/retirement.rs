//! What has been silent for so long that it may be retired, and retiring it. Nothing is deleted: what returns is revived.

use super::Api;
use super::caller::Caller;
use super::cis::PageQuery;
use super::extract::{Body, Parameters};
use super::format::Format;
use super::page::{Page, Paging};
use super::selection::Selection;
use super::view::lifecycle::{self as view, Retirement, RetirementCandidate, RetirementResult};
use crate::answer::{self, ApiError};
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::ci::lifecycle::{RETIRED_AT_ONCE, retirable};
use rollcall_domain::ci::{CiCommand, CiEvent, Lifecycle};
use rollcall_domain::id::CiId;
use rollcall_domain::{Command, Event, Record, World};
use rollcall_shared::Timestamp;
use serde::Deserialize;
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// What is to be retired: ids or a query.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"query": "retirement_candidate:true class:workstation", "reason": "not seen for two months", "dry_run": true}))]
pub struct RetirementRequest {
    /// Which configuration items; at most 1000.
    cis: Option<Vec<String>>,
    /// Those that fulfil this query; at most 1000 may. See `/api/v1/queries/check`.
    query: Option<String>,
    /// Why.
    reason: String,
    /// Only tell what would be done; not unless said.
    #[serde(default)]
    dry_run: bool,
}

/// Lists configuration items that have been silent for so long that they may be retired, by id.
#[utoipa::path(get, path = "/api/v1/retirement_candidates", tag = "cis", params(PageQuery),
    responses((status = 200, description = "A page.", body = Page<RetirementCandidate>)))]
pub async fn list_retirement_candidates(
    State(api): State<Api>,
    Parameters(query): Parameters<PageQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<CiId>::new("retirement-candidates", query.limit, query.cursor.as_deref())?;
    let page = api.engine.read(|world| {
        let candidates = world.cmdb.candidates.range(paging.ascending());
        paging.page(candidates.filter_map(|(id, _)| Some((*id, view::candidate(world, *id)?))))
    });
    Ok(format.list::<RetirementCandidate>(&page))
}

/// Retires configuration items: those of the named ones, or of those that a query finds, that nothing speaks of any more.
///
/// Nothing is deleted. What is retired raises no alerts, and is operational again when something reports as it. What is alive
/// is refused here: to retire it nevertheless, set its status.
#[utoipa::path(post, path = "/api/v1/retirement_candidates/retire", tag = "cis", request_body = RetirementRequest,
    responses((status = 200, description = "What became of each.", body = Retirement)))]
pub async fn retire_candidates(
    State(api): State<Api>,
    caller: Caller,
    Body(request): Body<RetirementRequest>,
) -> Result<Response, ApiError> {
    let now = api.engine.now();
    let cis = api.engine.read(|world| request.selected(world, now))?;
    let mut items: Vec<RetirementResult> = api.engine.read(|world| cis.iter().map(|id| forecast(world, *id, now)).collect());
    if !request.dry_run {
        let command = CiCommand::Retire { cis, reason: request.reason };
        let executed = caller.execute(&api.engine, Command::Ci(command)).await?;
        let done = retired(&executed.records);
        for item in items.iter_mut().filter(|item| item.retired && !done.contains(&item.ci)) {
            let (code, reason) = ("conflict".to_owned(), "something spoke of it just now, or it was retired elsewhere".to_owned());
            (item.retired, item.code, item.reason) = (false, Some(code), Some(reason));
        }
    }
    let count = |wanted| items.iter().filter(|item| item.retired == wanted).count() as u64;
    let (retired, refused) = (count(true), count(false));
    Ok(answer::json(&Retirement { dry_run: request.dry_run, retired, refused, items }))
}

fn retired(records: &[Record]) -> BTreeSet<String> {
    let changed = records.iter().filter_map(|record| match &record.event {
        Event::Ci(CiEvent::CiStatusChanged { ci, after: Lifecycle::Retired, .. }) => Some(ci.to_string()),
        _ => None,
    });
    changed.collect()
}

fn forecast(world: &World, id: CiId, now: Timestamp) -> RetirementResult {
    let refusal = retirable(world, id, now).err().map(ApiError::from);
    RetirementResult {
        ci: id.to_string(),
        retired: refusal.is_none(),
        code: refusal.as_ref().map(|error| error.code().as_str().to_owned()),
        reason: refusal.map(|error| error.detail().to_owned()),
    }
}

impl RetirementRequest {
    fn selected(&self, world: &World, now: Timestamp) -> Result<Vec<CiId>, ApiError> {
        if self.reason.trim().is_empty() {
            return Err(ApiError::invalid("reason", "is needed: it stays in the history of each item"));
        }
        match (&self.cis, &self.query) {
            (Some(texts), None) => {
                if texts.len() > RETIRED_AT_ONCE {
                    return Err(ApiError::invalid("cis", format!("must be at most {RETIRED_AT_ONCE}")));
                }
                Ok(super::manual::ids("cis", texts)?.into_iter().collect())
            }
            (None, Some(query)) => {
                let selection = Selection::new(Some(query), now)?;
                let found: Vec<CiId> = selection.all(world)?.take(RETIRED_AT_ONCE + 1).map(|ci| ci.id).collect();
                if found.len() > RETIRED_AT_ONCE {
                    let why = format!("finds more than {RETIRED_AT_ONCE} items: narrow it, and retire them in several steps");
                    return Err(ApiError::invalid("query", why));
                }
                Ok(found.into_iter().collect::<BTreeSet<_>>().into_iter().collect())
            }
            _ => Err(ApiError::invalid("cis", "give either cis or query")),
        }
    }
}
