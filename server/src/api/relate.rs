//! What people say of how configuration items belong together.

use super::Api;
use super::caller::Caller;
use super::extract::{Body, Parameters};
use super::view::relation::Relation;
use super::view::word::RelationKind;
use crate::answer::{self, ApiError};
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::Command;
use rollcall_domain::ci::{CiCommand, Source, relation};
use rollcall_domain::id::CiId;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// A relation that a person asserts.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"from": "svc_00000000000000000000000001", "kind": "depends_on", "to": "host_00000000000000000000000001"}))]
pub struct NewRelation {
    /// One configuration item.
    from: String,
    /// How, read from `from` to `to`.
    kind: RelationKind,
    /// The other one.
    to: String,
}

/// Which relation is meant.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RelationName {
    /// One configuration item.
    from: String,
    /// How, read from `from` to `to`.
    kind: RelationKind,
    /// The other one.
    to: String,
}

/// Says that two configuration items belong together. `contains` moves the part into its container.
#[utoipa::path(post, path = "/api/v1/relations", tag = "cis", request_body = NewRelation,
    responses((status = 201, description = "The relation.", body = Relation)))]
pub async fn create_relation(State(api): State<Api>, caller: Caller, Body(new): Body<NewRelation>) -> Result<Response, ApiError> {
    let (from, kind, to) = (id("from", &new.from)?, new.kind.0, id("to", &new.to)?);
    caller.execute(&api.engine, Command::Ci(CiCommand::Relate { from, kind, to })).await?;
    let source = Source::of(&caller.principal.actor);
    api.engine.read(|world| {
        let told: Vec<_> = relation::relations(&world.cmdb, from).into_iter().filter(|one| one.kind == kind && one.to == to).collect();
        let relation = told.iter().find(|one| one.source == source).or(told.first());
        let relation = relation.ok_or_else(|| ApiError::internal("a relation was made and is not there"))?;
        Ok(answer::created(&format!("/api/v1/cis/{from}/relations"), &Relation::new(world, relation), None))
    })
}

/// Takes back what people said of how two configuration items belong together.
#[utoipa::path(delete, path = "/api/v1/relations", tag = "cis", params(RelationName),
    responses((status = 204, description = "Taken back."), (status = 404, description = "There is no such relation.")))]
pub async fn delete_relation(
    State(api): State<Api>,
    caller: Caller,
    Parameters(name): Parameters<RelationName>,
) -> Result<Response, ApiError> {
    let (from, kind, to) = (id("from", &name.from)?, name.kind.0, id("to", &name.to)?);
    caller.execute(&api.engine, Command::Ci(CiCommand::Unrelate { from, kind, to })).await?;
    Ok(answer::done())
}

fn id(field: &str, text: &str) -> Result<CiId, ApiError> {
    text.parse().map_err(|_| ApiError::invalid(field, "must be the id of a configuration item"))
}
