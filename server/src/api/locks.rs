//! Locks on attributes, and drift between what people and machines say.

use super::Api;
use super::caller::Caller;
use super::cis::{find, show};
use super::extract::{AttributeName, Body, Named, Parameters};
use super::format::Format;
use super::page::{Page, Paging};
use super::view::ci::{Ci, Value};
use super::view::drift::{Drift, DriftKey};
use super::view::word::Class;
use crate::answer::{self, ApiError};
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::Command;
use rollcall_domain::ci::CiCommand;
use rollcall_domain::id::CiId;
use serde::Deserialize;
use std::ops::Bound;
use utoipa::{IntoParams, ToSchema};

/// A value that shall count for now, whatever anybody says.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"value": "rack 12", "reason": "moved for the audit, sensors follow", "expires_at": "2027-01-31T00:00:00Z"}))]
pub struct LockRequest {
    /// The value; the one that counts now unless given.
    value: Option<Value>,
    /// Why.
    reason: String,
    /// When the computed value counts again: RFC 3339, at most 366 days away.
    expires_at: String,
}

/// Which drift is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DriftQuery {
    /// Of this attribute.
    attribute: Option<String>,
    /// Of configuration items of this class or one that inherits from it.
    class: Option<Class>,
    /// Items of one page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Locks an attribute of a configuration item, or changes its lock.
#[utoipa::path(put, path = "/api/v1/cis/{id}/locks/{name}", tag = "cis", request_body = LockRequest,
    responses((status = 200, description = "The configuration item as it is now.", body = Ci)))]
pub async fn put_lock(
    State(api): State<Api>,
    Named(ci): Named<CiId>,
    Named(AttributeName(attribute)): Named<AttributeName>,
    caller: Caller,
    Body(request): Body<LockRequest>,
) -> Result<Response, ApiError> {
    let expires_at = request.expires_at.parse();
    let expires_at = expires_at.map_err(|_| ApiError::invalid("expires_at", "must be RFC 3339, such as 2027-01-31T00:00:00Z"))?;
    let (value, reason, expected) = (request.value.map(|value| value.0), request.reason, caller.expected);
    let command = CiCommand::Lock { ci, attribute, value, reason, expires_at, expected };
    caller.execute(&api.engine, Command::Ci(command)).await?;
    show(&api, ci)
}

/// Ends the lock on an attribute: the computed value counts again.
#[utoipa::path(delete, path = "/api/v1/cis/{id}/locks/{name}", tag = "cis", responses((status = 204, description = "Unlocked.")))]
pub async fn delete_lock(
    State(api): State<Api>,
    Named(ci): Named<CiId>,
    Named(AttributeName(attribute)): Named<AttributeName>,
    caller: Caller,
) -> Result<Response, ApiError> {
    let command = CiCommand::Unlock { ci, attribute, expected: caller.expected };
    caller.execute(&api.engine, Command::Ci(command)).await?;
    Ok(answer::done())
}

/// Lists attributes of which people say something else than machines, by configuration item and name.
#[utoipa::path(get, path = "/api/v1/drift", tag = "cis", params(DriftQuery), responses((status = 200, description = "A page.", body = Page<Drift>)))]
pub async fn list_drift(State(api): State<Api>, Parameters(query): Parameters<DriftQuery>, format: Format) -> Result<Response, ApiError> {
    let paging = Paging::<DriftKey>::new("drift", query.limit, query.cursor.as_deref())?;
    let after = paging.after.clone().map_or(Bound::Unbounded, |DriftKey(ci, name)| Bound::Excluded((ci, name)));
    let page = api.engine.read(|world| {
        let drifting = world.cmdb.ledger.drifting((after, Bound::Unbounded));
        let wanted = drifting.filter(|(_, name)| query.attribute.as_ref().is_none_or(|attribute| **attribute == **name));
        let rows = wanted.filter_map(|(id, name)| {
            let ci = find(world, *id).ok().filter(|ci| query.class.is_none_or(|class| ci.class.is_a(class.0)))?;
            Some((DriftKey(*id, name.clone()), Drift::new(world, ci, name)?))
        });
        paging.page(rows)
    });
    Ok(format.list(&page))
}

/// Accepts what machines observe: withdraws what people assert of an attribute, a lock included.
#[utoipa::path(post, path = "/api/v1/cis/{id}/drift/{name}/accept", tag = "cis",
    responses((status = 200, description = "The configuration item as it is now.", body = Ci)))]
pub async fn accept_observed(
    State(api): State<Api>,
    Named(ci): Named<CiId>,
    Named(AttributeName(attribute)): Named<AttributeName>,
    caller: Caller,
) -> Result<Response, ApiError> {
    let command = CiCommand::AcceptObserved { ci, attribute, expected: caller.expected };
    caller.execute(&api.engine, Command::Ci(command)).await?;
    show(&api, ci)
}
