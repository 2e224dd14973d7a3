//! Doubts that no machine should decide: list, look at, settle.

use super::Api;
use super::caller::Caller;
use super::extract::{Body, Named, Parameters};
use super::format::Format;
use super::page::{Page, Paging};
use super::view::review::Review;
use crate::answer::{self, ApiError};
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::ci::CiCommand;
use rollcall_domain::ci::review::{Resolution, ReviewTask};
use rollcall_domain::id::{CiId, TaskId};
use rollcall_domain::{Command, World};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// Which reviews are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ReviewQuery {
    /// Whether they wait for somebody.
    open: Option<bool>,
    /// About this configuration item.
    ci: Option<String>,
    /// Items of one page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// What somebody decides.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"resolution": "merged", "keep": "host_00000000000000000000000001", "reason": "One machine, re-installed"}))]
pub struct Decision {
    /// merged, distinct or dismissed.
    resolution: Word,
    /// The record that stays, with `merged`.
    keep: Option<String>,
    /// Why.
    reason: String,
}

/// What can be decided: they are one thing, they are different things, it needs no answer.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// One thing.
    Merged,
    /// Different things.
    Distinct,
    /// No answer.
    Dismissed,
}

/// Lists doubts about the identity of things, oldest first.
#[utoipa::path(get, path = "/api/v1/reviews", tag = "reviews", params(ReviewQuery),
    responses((status = 200, description = "A page.", body = Page<Review>)))]
pub async fn list_reviews(
    State(api): State<Api>,
    Parameters(query): Parameters<ReviewQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<TaskId>::new("reviews", query.limit, query.cursor.as_deref())?;
    let ci = query.ci.as_deref().map(str::parse::<CiId>).transpose();
    let ci = ci.map_err(|_| ApiError::invalid("ci", "must be the id of a configuration item"))?;
    let page = api.engine.read(|world| {
        let tasks = world.cmdb.reviews.range(paging.ascending()).map(|(_, task)| task);
        let tasks = tasks.filter(|task| query.open.is_none_or(|open| task.settled.is_none() == open));
        let tasks = tasks.filter(|task| ci.is_none_or(|ci| task.cis.contains(&ci)));
        paging.page(tasks.map(|task| (task.id, task.into())))
    });
    Ok(format.list::<Review>(&page))
}

/// Shows one doubt.
#[utoipa::path(get, path = "/api/v1/reviews/{id}", tag = "reviews", responses((status = 200, description = "The review.", body = Review)))]
pub async fn get_review(State(api): State<Api>, Named(id): Named<TaskId>) -> Result<Response, ApiError> {
    show(&api, id)
}

/// Settles a doubt. With `merged` the other records are merged into the one to keep.
#[utoipa::path(post, path = "/api/v1/reviews/{id}/resolve", tag = "reviews", request_body = Decision,
    responses((status = 200, description = "The review as it is now.", body = Review)))]
pub async fn resolve_review(
    State(api): State<Api>,
    Named(id): Named<TaskId>,
    caller: Caller,
    Body(decision): Body<Decision>,
) -> Result<Response, ApiError> {
    let resolution = match (decision.resolution, decision.keep) {
        (Word::Merged, Some(keep)) => {
            let keep = keep.parse().map_err(|_| ApiError::invalid("keep", "must be the id of a configuration item"))?;
            Resolution::Merged { keep }
        }
        (Word::Merged, None) => return Err(ApiError::invalid("keep", "is needed with merged: the record that stays")),
        (_, Some(_)) => return Err(ApiError::invalid("keep", "goes with merged alone")),
        (Word::Distinct, None) => Resolution::Distinct,
        (Word::Dismissed, None) => Resolution::Dismissed,
    };
    let command = CiCommand::ResolveReview { task: id, resolution, reason: decision.reason };
    caller.execute(&api.engine, Command::Ci(command)).await?;
    show(&api, id)
}

fn find(world: &World, id: TaskId) -> Result<&ReviewTask, ApiError> {
    world.cmdb.reviews.get(&id).ok_or_else(|| ApiError::not_found("review", &id.to_string()))
}

fn show(api: &Api, id: TaskId) -> Result<Response, ApiError> {
    api.engine.read(|world| find(world, id).map(|task| answer::json(&Review::from(task))))
}
