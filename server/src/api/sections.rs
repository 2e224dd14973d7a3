//! The sections of a host's inventory, as they are and as they were.

use super::Api;
use super::cis;
use super::extract::{Named, Parameters};
use super::format::Format;
use super::page::{Page, Paging};
use super::past;
use super::view::Time;
use super::view::ci::{SectionContent, SectionState};
use crate::answer::{self, ApiError, Code};
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::ci;
use rollcall_domain::id::CiId;
use rollcall_shared::{ContentHash, SectionName, Timestamp};
use serde::Deserialize;
use utoipa::IntoParams;

/// Whose sections are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SectionsQuery {
    /// What this feed delivers; unless given what counts: the agent's word, else a feed's.
    feed: Option<String>,
    /// As they were at this moment (RFC 3339); as they are now unless given.
    #[param(value_type = Option<Time>)]
    as_of: Option<Timestamp>,
    /// Items of one page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Which content of a section is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SectionQuery {
    /// What this feed delivers; unless given what counts: the agent's word, else a feed's.
    feed: Option<String>,
    /// The content that held at this moment (RFC 3339); the current one unless given.
    #[param(value_type = Option<Time>)]
    as_of: Option<Timestamp>,
    /// Rows of one page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists the sections of a host with how their last collection went.
#[utoipa::path(get, path = "/api/v1/cis/{id}/sections", tag = "cis", params(SectionsQuery),
    responses((status = 200, description = "A page.", body = Page<SectionState>)))]
pub async fn list_sections(
    State(api): State<Api>,
    Named(id): Named<CiId>,
    Parameters(query): Parameters<SectionsQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<SectionName>::new("sections", query.limit, query.cursor.as_deref())?;
    let page = |ci: &ci::Ci| {
        let names = SectionName::ALL.iter().copied().filter(|name| paging.after.is_none_or(|after| *name > after));
        let known = names.filter_map(|name| state_of(ci, name, query.feed.as_deref()).map(|(state, feed)| (name, state, feed)));
        paging.page(known.map(|(name, state, feed)| (name, SectionState::new(name, state, feed))))
    };
    let page = match query.as_of {
        None => api.engine.read(|world| cis::find(world, id).map(page))?,
        Some(moment) => page(&past::ci_at(&api, id, moment).await?),
    };
    Ok(format.list(&page))
}

/// What is known of a section: of one feed, or what counts, with the feed that says it.
fn state_of<'c>(ci: &'c ci::Ci, name: SectionName, feed: Option<&str>) -> Option<(&'c ci::SectionState, Option<&'c str>)> {
    let of_feed = |feed: Option<&str>| {
        let mut feeds = ci.feeds.iter().filter(|(known, _)| feed.is_none_or(|feed| *known == feed));
        feeds.find_map(|(known, sections)| Some((sections.get(&name)?, Some(known.as_str()))))
    };
    match feed {
        Some(feed) => of_feed(Some(feed)),
        None => ci.sections.get(&name).map(|state| (state, None)).or_else(|| of_feed(None)),
    }
}

/// Why there are no rows: either there were none at that time, or the last collection says why there are none now.
fn no_content(subject: &str, state: &ci::SectionState, as_of: Option<Timestamp>) -> ApiError {
    if as_of.is_some() {
        return ApiError::not_found("content at that time of section", subject);
    }
    let reason = state.reason.as_deref().unwrap_or("no reason given");
    ApiError::new(Code::NotFound, format!("section {subject} has no content: {} ({reason})", state.outcome.as_str()))
}

/// Shows the rows of one section, now or as of a moment.
#[utoipa::path(get, path = "/api/v1/cis/{id}/sections/{name}", tag = "cis", params(SectionQuery),
    responses((status = 200, description = "A page of rows with the content's name.", body = SectionContent)))]
pub async fn get_section(
    State(api): State<Api>,
    Named(id): Named<CiId>,
    Named(name): Named<SectionName>,
    Parameters(query): Parameters<SectionQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let subject = format!("{name} of {id}");
    let paging = Paging::<u64>::new("rows", query.limit, query.cursor.as_deref())?;
    let (state, version) = api.engine.read(|world| {
        let known = state_of(cis::find(world, id)?, name, query.feed.as_deref());
        let (state, _) = known.ok_or_else(|| ApiError::not_found("section", &subject))?;
        let version = version_at(state, query.as_of).ok_or_else(|| no_content(&subject, state, query.as_of))?;
        Ok::<_, ApiError>((state.clone(), version))
    })?;
    let (since, hash) = version;
    let section =
        api.engine.section(hash).await?.ok_or_else(|| ApiError::internal(format!("section {hash} is referred to and not stored")))?;
    let rows = section.to_json_rows().map_err(|error| ApiError::internal(format!("section {hash} as JSON: {error}")))?;
    let later = (0_u64..).zip(rows).filter(|(position, _)| paging.after.is_none_or(|after| *position > after));
    let page = paging.page(later);
    if format != Format::Json {
        return Ok(format.untyped_list(&page));
    }
    let current = state.hash == Some(hash);
    let content = SectionContent {
        name: name.into(),
        hash: hash.to_string(),
        since: Time(since),
        outcome: current.then_some(state.outcome.into()),
        reason: state.reason.filter(|_| current),
        items: page.items,
        next_cursor: page.next_cursor,
    };
    Ok(answer::json(&content))
}

/// The content that held at a moment and since when; now unless a moment is given.
fn version_at(state: &ci::SectionState, as_of: Option<Timestamp>) -> Option<(Timestamp, ContentHash)> {
    match as_of {
        None => state.hash.map(|hash| (state.since, hash)),
        Some(moment) => state.history.iter().rev().find(|(since, _)| *since <= moment).copied(),
    }
}
