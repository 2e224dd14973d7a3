//! Sources of values: who has said how much, what they may, and taking back all that one has said.

use super::Api;
use super::caller::Caller;
use super::cis::PageQuery;
use super::extract::{Body, Named, Parameters};
use super::format::Format;
use super::page::{Page, Paging};
use super::view::source::{RevertOutcome, ValueSource};
use crate::answer::{self, ApiError};
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::Command;
use rollcall_domain::ci::{self, CiCommand, decide::revert};
use serde::Deserialize;
use utoipa::ToSchema;

/// Why all that a source has said is to be taken back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "imported from the test system", "dry_run": true}))]
pub struct RevertRequest {
    /// Why.
    reason: String,
    /// Only tell what would change; not unless said.
    dry_run: Option<bool>,
}

/// Lists sources that have said something: people, then agents, then other systems, each by name.
#[utoipa::path(get, path = "/api/v1/sources", tag = "sources", params(PageQuery), responses((status = 200, description = "A page.", body = Page<ValueSource>)))]
pub async fn list_sources(State(api): State<Api>, Parameters(query): Parameters<PageQuery>, format: Format) -> Result<Response, ApiError> {
    let paging = Paging::<ci::Source>::new("sources", query.limit, query.cursor.as_deref())?;
    let page = api.engine.read(|world| {
        let sources = world.cmdb.ledger.sources(paging.ascending());
        paging.page(sources.map(|source| (source.clone(), ValueSource::new(world, source))))
    });
    Ok(format.list(&page))
}

/// Shows one source.
#[utoipa::path(get, path = "/api/v1/sources/{id}", tag = "sources", responses((status = 200, description = "The source.", body = ValueSource)))]
pub async fn get_source(State(api): State<Api>, Named(id): Named<ci::Source>) -> Result<Response, ApiError> {
    api.engine.read(|world| {
        let cmdb = &world.cmdb;
        if !cmdb.ledger.knows(&id) && !cmdb.reverts.contains_key(&id) {
            return Err(ApiError::not_found("source", &id.to_string()));
        }
        Ok(answer::json(&ValueSource::new(world, &id)))
    })
}

/// Takes back all that a source has said: every attribute falls to the next that counts, and every CI that it brought stays.
///
/// It goes on in the background, a thousand configuration items a second; what the source says afterwards counts.
#[utoipa::path(post, path = "/api/v1/sources/{id}/revert", tag = "sources", request_body = RevertRequest,
    responses((status = 200, description = "What changes.", body = RevertOutcome)))]
pub async fn revert_source(
    State(api): State<Api>,
    Named(source): Named<ci::Source>,
    caller: Caller,
    Body(request): Body<RevertRequest>,
) -> Result<Response, ApiError> {
    let dry_run = request.dry_run.unwrap_or(false);
    if dry_run {
        let forecast = api.engine.read(|world| revert::forecast(world, &source))?;
        return Ok(answer::json(&RevertOutcome::new(&source, &forecast, dry_run)));
    }
    let command = CiCommand::RevertSource { source: source.clone(), reason: request.reason };
    caller.execute(&api.engine, Command::Ci(command)).await?;
    // A repeated request finds nothing left to tell.
    let forecast = api.engine.read(|world| revert::forecast(world, &source)).unwrap_or_default();
    Ok(answer::json(&RevertOutcome::new(&source, &forecast, dry_run)))
}
