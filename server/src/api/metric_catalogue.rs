//! The catalogue of metrics: what can be measured, in which unit, and which rules read it.

use super::Api;
use super::extract::Parameters;
use super::format::Format;
use super::page::{Page, Paging};
use super::view::metric::Metric;
use crate::answer::ApiError;
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::World;
use rollcall_domain::rule::metric;
use rollcall_shared::metric::METRICS;
use serde::Deserialize;
use std::collections::BTreeMap;
use utoipa::IntoParams;

/// Which metrics are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MetricQuery {
    /// With this text in their name, whatever the case.
    #[param(example = "filesystem")]
    q: Option<String>,
    /// Whether they are of the catalogue, or came from somewhere else; both unless given.
    catalogued: Option<bool>,
    /// Items of one page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists what can be measured, by name: the metrics that agents send, with units, and those that came from collectors of the site, checks
/// and other systems since the server was started.
#[utoipa::path(get, path = "/api/v1/metric_catalogue", tag = "rules", params(MetricQuery),
    responses((status = 200, description = "A page.", body = Page<Metric>)))]
pub async fn list_metrics(
    State(api): State<Api>,
    Parameters(query): Parameters<MetricQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<String>::new("metric_catalogue", query.limit, query.cursor.as_deref())?;
    let text = query.q.map(|text| text.to_lowercase());
    let all = api.engine.read(all);
    let wanted = all.into_iter().filter(|(name, metric)| {
        paging.after.as_ref().is_none_or(|after| name > after)
            && text.as_ref().is_none_or(|text| name.to_lowercase().contains(text))
            && query.catalogued.is_none_or(|catalogued| metric.catalogued == catalogued)
    });
    Ok(format.list(&paging.page(wanted)))
}

fn all(world: &World) -> BTreeMap<String, Metric> {
    let mut readers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for known in world.rules.rules.values() {
        for name in metric::of(&known.rule.condition) {
            readers.entry(name).or_default().push(known.rule.id.to_string());
        }
    }
    let mut rules = |name: &str| readers.remove(name).unwrap_or_default();
    let mut all: BTreeMap<String, Metric> =
        METRICS.iter().map(|metric| (metric.name.to_owned(), Metric::catalogued(metric, rules(metric.name)))).collect();
    for (name, attributes) in world.telemetry.foreign_metrics() {
        all.insert(name.clone(), Metric::foreign((name, world.unit_of(name)), attributes, rules(name)));
    }
    all
}
