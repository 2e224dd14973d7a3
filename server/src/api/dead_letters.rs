//! Dead letters: inputs that were refused and set aside.

use super::Api;
use super::extract::Parameters;
use super::format::Format;
use super::page::{Page, Paging};
use super::view::dead_letter::DeadLetter;
use super::view::word::DeadLetterCode;
use crate::answer::ApiError;
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::id::{CiId, DeadLetterId};
use rollcall_shared::AgentId;
use serde::Deserialize;
use utoipa::IntoParams;

/// Which dead letters are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeadLetterQuery {
    /// Refused for this reason.
    code: Option<DeadLetterCode>,
    /// Sent by this agent.
    agent: Option<String>,
    /// Sent by this feed.
    feed: Option<String>,
    /// About this configuration item.
    ci: Option<String>,
    /// Items of one page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists inputs that were refused and set aside, the last refused first. A letter goes when its sender is identified after all.
#[utoipa::path(get, path = "/api/v1/dead_letters", tag = "dead-letters", params(DeadLetterQuery), responses((status = 200, description = "A page.", body = Page<DeadLetter>)))]
pub async fn list_dead_letters(
    State(api): State<Api>,
    Parameters(query): Parameters<DeadLetterQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<DeadLetterId>::new("dead-letters", query.limit, query.cursor.as_deref())?;
    let ci: Option<CiId> =
        query.ci.as_deref().map(str::parse).transpose().map_err(|_| ApiError::invalid("ci", "must be the id of a configuration item"))?;
    let agent: Option<AgentId> =
        query.agent.as_deref().map(str::parse).transpose().map_err(|_| ApiError::invalid("agent", "must be the id of an agent"))?;
    let page = api.engine.read(|world| {
        let letters = world.cmdb.dead_letters.range(paging.descending()).rev().map(|(_, letter)| letter);
        let letters = letters
            .filter(|letter| query.code.is_none_or(|code| letter.code == code.0))
            .filter(|letter| agent.is_none() || letter.reporter.agent() == agent)
            .filter(|letter| query.feed.is_none() || letter.reporter.feed() == query.feed.as_deref())
            .filter(|letter| ci.is_none_or(|ci| letter.candidates.contains(&ci)));
        paging.page(letters.map(|letter| (letter.id, DeadLetter::from(letter))))
    });
    Ok(format.list(&page))
}
