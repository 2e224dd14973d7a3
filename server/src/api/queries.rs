//! The query language: what a query means, what could be written next, and how lists of configuration items use it.

use super::Api;
use super::extract::Parameters;
use super::view::query::{QueryCheck, QueryCompletions};
use crate::answer::{self, ApiError};
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::World;
use rollcall_domain::query::{LENGTH, Query, Scope, Unanswerable, complete};
use rollcall_shared::Timestamp;
use serde::Deserialize;
use utoipa::IntoParams;

/// Which query is meant.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CheckQuery {
    /// The query; everything unless given.
    #[param(example = "class:server package:openssl<3.0.13 last_seen>7d")]
    query: Option<String>,
}

/// What is being written.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CompletionQuery {
    /// The query as far as it is written; nothing unless given.
    #[param(example = "class:ser")]
    query: Option<String>,
    /// Where the cursor is, in characters from 0; at the end unless given.
    position: Option<usize>,
}

/// Tells what a query means and how many configuration items fulfil it.
#[utoipa::path(get, path = "/api/v1/queries/check", tag = "queries", params(CheckQuery),
    responses((status = 200, description = "The query in its one form and in words.", body = QueryCheck)))]
pub async fn check_query(State(api): State<Api>, Parameters(asked): Parameters<CheckQuery>) -> Result<Response, ApiError> {
    let text = asked.query.unwrap_or_default();
    let query = parse(&text)?;
    let now = api.engine.now();
    let (count, warnings) = api.engine.read(|world| {
        let found = scope(world, now).find(&query).map_err(|error| unanswerable(&text, &error))?;
        Ok::<_, ApiError>((found.len(), query.doubts(world)))
    })?;
    Ok(answer::json(&QueryCheck { query: query.to_string(), explanation: query.explain(), count, warnings }))
}

/// Lists what could be written at a place of a query: fields, operators, values.
#[utoipa::path(get, path = "/api/v1/queries/completions", tag = "queries", params(CompletionQuery),
    responses((status = 200, description = "What fits, the best first.", body = QueryCompletions)))]
pub async fn complete_query(State(api): State<Api>, Parameters(asked): Parameters<CompletionQuery>) -> Result<Response, ApiError> {
    let text = asked.query.unwrap_or_default();
    if text.len() > LENGTH {
        return Err(ApiError::invalid("query", format!("a query has at most {LENGTH} bytes")));
    }
    let position = asked.position.and_then(|position| text.char_indices().nth(position)).map_or(text.len(), |(bytes, _)| bytes);
    let now = api.engine.now();
    let found = api.engine.read(|world| complete::complete(&scope(world, now), &text, position));
    Ok(answer::json(&QueryCompletions::new(&text, found)))
}

/// Reads a query from the parameter of that name.
pub fn parse(text: &str) -> Result<Query, ApiError> {
    Query::parse(text).map_err(|error| {
        let length = text.get(error.span.clone()).unwrap_or_default().chars().count();
        ApiError::invalid("query", error.to_string()).at(error.column - 1, length)
    })
}

/// What queries are asked of.
pub fn scope(world: &World, now: Timestamp) -> Scope<'_> {
    Scope { world, groups: &world.groups, now }
}

/// A query that was understood and cannot be answered.
pub fn unanswerable(text: &str, error: &Unanswerable) -> ApiError {
    let refused = ApiError::invalid("query", error.to_string());
    let Some(bytes) = text.find(error.group()) else { return refused };
    refused.at(text.get(..bytes).unwrap_or_default().chars().count(), error.group().chars().count())
}
