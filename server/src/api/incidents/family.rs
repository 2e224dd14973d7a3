//! Incidents that belong together, and people who want to know what becomes of them.

use super::{IncidentName, act, named};
use crate::answer::ApiError;
use crate::api::Api;
use crate::api::caller::Caller;
use crate::api::extract::{Body, Named};
use crate::api::view::incident::Incident;
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::incident::{IncidentAction, Who};
use serde::Deserialize;
use utoipa::ToSchema;

/// The incident that another one is part of.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"parent": "INC0000017"}))]
pub struct IncidentParent {
    /// Its id or number; null for none.
    pub parent: Option<String>,
}

/// The incident that another one is the same as.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"into": "INC0000017"}))]
pub struct IncidentMerge {
    /// The id or number of the one that goes on.
    pub into: String,
}

/// Who watches.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"contact": "Web team"}))]
pub struct Watching {
    /// Id or name of a contact; whoever asks unless given.
    pub contact: Option<String>,
}

/// Makes an incident part of another one, or of none. A family has one level.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/parent", tag = "incidents", request_body = IncidentParent,
    responses((status = 200, description = "The incident as it is now.", body = Incident)))]
pub async fn set_incident_parent(
    State(api): State<Api>,
    Named(id): Named<IncidentName>,
    caller: Caller,
    Body(body): Body<IncidentParent>,
) -> Result<Response, ApiError> {
    let parent = body.parent.as_deref().map(|text| api.engine.read(|world| named(world, "parent", text))).transpose()?;
    act(&api, id, &caller, IncidentAction::SetParent { parent }).await
}

/// Merges an incident into another one, which goes on with its alerts, affected items and watchers; this one closes.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/merge", tag = "incidents", request_body = IncidentMerge,
    responses((status = 200, description = "The incident as it is now: closed, with `duplicate_of`.", body = Incident)))]
pub async fn merge_incident(
    State(api): State<Api>,
    Named(id): Named<IncidentName>,
    caller: Caller,
    Body(body): Body<IncidentMerge>,
) -> Result<Response, ApiError> {
    let into = api.engine.read(|world| named(world, "into", &body.into))?;
    act(&api, id, &caller, IncidentAction::Merge { into }).await
}

/// Lets a contact, or whoever asks, watch an incident. Contacts are told of changes of state and priority and of public comments, through
/// notification methods of their own and those of a minute together; not where a route tells them the same. Whom nothing reaches the answer
/// names among the `watchers`, with the reason (`unreached`).
#[utoipa::path(post, path = "/api/v1/incidents/{id}/watch", tag = "incidents", request_body = Watching,
    responses((status = 200, description = "The incident as it is now.", body = Incident)))]
pub async fn watch_incident(
    State(api): State<Api>,
    Named(id): Named<IncidentName>,
    caller: Caller,
    Body(body): Body<Watching>,
) -> Result<Response, ApiError> {
    act(&api, id, &caller, IncidentAction::Watch { watcher: body.contact.map(Who::Contact) }).await
}

/// Tells somebody no more.
#[utoipa::path(post, path = "/api/v1/incidents/{id}/unwatch", tag = "incidents", request_body = Watching,
    responses((status = 200, description = "The incident as it is now.", body = Incident)))]
pub async fn unwatch_incident(
    State(api): State<Api>,
    Named(id): Named<IncidentName>,
    caller: Caller,
    Body(body): Body<Watching>,
) -> Result<Response, ApiError> {
    act(&api, id, &caller, IncidentAction::Unwatch { watcher: body.contact.map(Who::Contact) }).await
}
