//! What an administrator decides of identification, reconciliation and lifecycle.

use super::Api;
use super::caller::Caller;
use super::extract::Body;
use super::view::policy::{Policy, PolicyInput};
use crate::answer::{self, ApiError};
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::Command;
use rollcall_domain::ci::CiCommand;

/// Shows the policy. One that was never set is the default.
#[utoipa::path(get, path = "/api/v1/policy", tag = "policy", responses((status = 200, description = "The policy.", body = Policy)))]
pub async fn get_policy(State(api): State<Api>) -> Result<Response, ApiError> {
    Ok(show(&api))
}

/// Replaces the policy; what is left out gets its default. Values that count by other rules now change within seconds.
#[utoipa::path(put, path = "/api/v1/policy", tag = "policy", request_body = PolicyInput,
    responses((status = 200, description = "The policy as it is now.", body = Policy)))]
pub async fn put_policy(State(api): State<Api>, caller: Caller, Body(input): Body<PolicyInput>) -> Result<Response, ApiError> {
    let policy = Box::new(input.into_domain()?);
    caller.execute(&api.engine, Command::Ci(CiCommand::SetPolicy { policy, expected: caller.expected })).await?;
    Ok(show(&api))
}

fn show(api: &Api) -> Response {
    api.engine.read(|world| answer::resource(&Policy::new(&world.cmdb), world.cmdb.policy_revision))
}
