//! Agents: who is enrolled, who waits, who is refused.

use super::Api;
use super::caller::Caller;
use super::extract::{Body, Named, Parameters};
use super::format::Format;
use super::page::{Page, Paging};
use super::view::agent::{Agent, ThresholdTable};
use super::view::word::AgentStatus;
use crate::answer::{self, ApiError};
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::trust::decide::TrustCommand;
use rollcall_domain::{Command, World, trust};
use rollcall_shared::AgentId;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// Which agents are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AgentQuery {
    /// With this status.
    status: Option<AgentStatus>,
    /// Of this host.
    ci: Option<String>,
    /// Items of one page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Why an agent is to be refused from now on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// Why.
    #[schema(example = "the disk was stolen")]
    reason: String,
}

/// Lists agents, by id.
#[utoipa::path(get, path = "/api/v1/agents", tag = "agents", params(AgentQuery), responses((status = 200, description = "A page.", body = Page<Agent>)))]
pub async fn list_agents(State(api): State<Api>, Parameters(query): Parameters<AgentQuery>, format: Format) -> Result<Response, ApiError> {
    let paging = Paging::<AgentId>::new("agents", query.limit, query.cursor.as_deref())?;
    let ci = query.ci.as_deref().map(str::parse).transpose();
    let ci = ci.map_err(|_| ApiError::invalid("ci", "must be the id of a configuration item"))?;
    let now = api.engine.now();
    let page = api.engine.read(|world| {
        let agents = world.trust.agents.range(paging.ascending()).map(|(_, agent)| agent);
        let agents = agents.filter(|agent| query.status.is_none_or(|status| agent.status == status.0));
        let agents = agents.filter(|agent| ci.is_none() || agent.ci == ci);
        paging.page(agents.map(|agent| (agent.id, Agent::new(world, agent, now))))
    });
    Ok(format.list(&page))
}

/// Shows one agent.
#[utoipa::path(get, path = "/api/v1/agents/{id}", tag = "agents", responses((status = 200, description = "The agent.", body = Agent)))]
pub async fn get_agent(State(api): State<Api>, Named(id): Named<AgentId>) -> Result<Response, ApiError> {
    show(&api, id)
}

/// Shows the lines at which an agent pushes at once, with the rules that drew them: overrides are in them, muted rules are not.
#[utoipa::path(get, path = "/api/v1/agents/{id}/thresholds", tag = "agents", responses((status = 200, description = "The table.", body = ThresholdTable)))]
pub async fn get_agent_thresholds(State(api): State<Api>, Named(id): Named<AgentId>) -> Result<Response, ApiError> {
    let now = api.engine.now();
    let table = api.engine.read(|world| find(world, id).map(|agent| ThresholdTable::new(world, agent.id, now)))?;
    Ok(answer::json(&table))
}

/// Lets a pending or suspended agent's data count.
#[utoipa::path(post, path = "/api/v1/agents/{id}/approve", tag = "agents",
    responses((status = 200, description = "The agent as it is now.", body = Agent)))]
pub async fn approve_agent(State(api): State<Api>, Named(id): Named<AgentId>, caller: Caller) -> Result<Response, ApiError> {
    act(&api, id, &caller, TrustCommand::ApproveAgent(id)).await
}

/// Refuses an agent for ever and closes its connections.
#[utoipa::path(post, path = "/api/v1/agents/{id}/revoke", tag = "agents", request_body = Revocation,
    responses((status = 200, description = "The agent as it is now.", body = Agent)))]
pub async fn revoke_agent(
    State(api): State<Api>,
    Named(id): Named<AgentId>,
    caller: Caller,
    Body(body): Body<Revocation>,
) -> Result<Response, ApiError> {
    act(&api, id, &caller, TrustCommand::RevokeAgent { agent: id, reason: body.reason }).await
}

async fn act(api: &Api, id: AgentId, caller: &Caller, command: TrustCommand) -> Result<Response, ApiError> {
    let current = api.engine.read(|world| find(world, id).map(|agent| agent.revision))?;
    caller.check_precondition(&id.to_string(), current)?;
    caller.execute(&api.engine, Command::Trust(command)).await?;
    show(api, id)
}

fn find(world: &World, id: AgentId) -> Result<&trust::Agent, ApiError> {
    world.trust.agents.get(&id).map(|agent| &**agent).ok_or_else(|| ApiError::not_found("agent", &id.to_string()))
}

fn show(api: &Api, id: AgentId) -> Result<Response, ApiError> {
    let now = api.engine.now();
    api.engine.read(|world| find(world, id).map(|agent| answer::resource(&Agent::new(world, agent, now), agent.revision)))
}
