//! Collectors: what feeds of measurements say of which item, and what of it means none.

use super::Api;
use super::extract::Parameters;
use super::format::Format;
use super::page::{Page, Paging};
use super::view::collector::Collector;
use crate::answer::ApiError;
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::id::CiId;
use rollcall_shared::AgentId;
use serde::Deserialize;
use std::ops::Bound;
use utoipa::IntoParams;

/// Which collectors are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CollectorQuery {
    /// Of this feed.
    feed: Option<String>,
    /// Of this configuration item.
    ci: Option<String>,
    /// Those that mean an item (`true`, unless given), or those that mean none and whose values are refused (`false`).
    placed: Option<bool>,
    /// Items of one page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists what feeds of the kinds `otlp` and `prometheus` measure, by id: each resource or target with the item that it means, its series and
/// when it was last heard. Those that mean no item are listed with `placed=false`, with the reason, as far as they were heard since the
/// server's start.
///
/// OpenTelemetry's collector sends to `POST /api/v1/otlp/v1/metrics`, Prometheus writes to `POST /api/v1/prometheus/write`, both with
/// the secret of their feed.
#[utoipa::path(get, path = "/api/v1/collectors", tag = "feeds", params(CollectorQuery),
    responses((status = 200, description = "A page.", body = Page<Collector>)))]
pub async fn list_collectors(
    State(api): State<Api>,
    Parameters(query): Parameters<CollectorQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<AgentId>::new("collectors", query.limit, query.cursor.as_deref())?;
    let ci: Option<CiId> = query.ci.as_deref().map(str::parse).transpose().map_err(|_| {
        // The form of an id tells nothing of whether it exists.
        ApiError::invalid("ci", "must be the id of a configuration item")
    })?;
    let is_of_feed = |name: &str| query.feed.as_deref().is_none_or(|feed| feed == name);
    if query.placed == Some(false) {
        let unplaced = api.site.collecting.unplaced();
        let after = unplaced.range((paging.after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded));
        let wanted = after.filter(|(_, one)| ci.is_none() && is_of_feed(one.feed.as_str()));
        return Ok(format.list(&paging.page(wanted.map(|(id, one)| (*id, Collector::of_nobody(*id, one))))));
    }
    let page = api.engine.read(|world| {
        let after = world.trust.collectors.after(paging.after);
        let wanted = after.filter(|(_, one)| ci.is_none_or(|ci| one.ci == ci) && is_of_feed(one.feed.as_str()));
        paging.page(wanted.map(|(voice, one)| (voice, Collector::new(world, voice, one))))
    });
    Ok(format.list(&page))
}
