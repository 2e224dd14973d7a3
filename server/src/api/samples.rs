//! Health samples of hosts, reduced to buckets.
//!
//! A bucket without a value is null, never zero. Samples and rows are read a page at a time and folded at once, so that a year of
//! them costs no more memory than the answer.

mod bucket;
pub mod drawn;
pub mod fleet;
mod wanted;

pub use wanted::Wanted;
pub(super) use wanted::moment;

use super::Api;
use super::cis;
use super::extract::{Named, Parameters};
use super::format::Format;
use super::page::Page;
use super::view::sample::{SampleRow, SampleSeries};
use crate::answer::ApiError;
use crate::engine::History;
use crate::store::StoreError;
use axum::extract::State;
use axum::response::Response;
use bucket::Buckets;
use rollcall_domain::World;
use rollcall_domain::id::CiId;
use rollcall_domain::sample::{Attributes, Row, Tracks};
use rollcall_shared::sample::Series;
use rollcall_shared::{AgentId, Timestamp};
use serde::Deserialize;
use std::collections::BTreeMap;
use utoipa::IntoParams;
use wanted::{POINTS, fit, pairs, too_many_points};

/// Which samples are wanted, and how they are reduced.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SampleQuery {
    /// Metric name. Without one the newest value of every series is shown, each as one point.
    #[param(example = "system.filesystem.utilization")]
    metric: Option<String>,
    /// Only series with this attribute, as `name:value`; several separated by commas. `name:` means series without the attribute.
    #[param(example = "mountpoint:/var")]
    attribute: Option<String>,
    /// Begin: RFC 3339, or relative to now such as `-90m`, `-1h`, `-7d`; brought back to a whole step. One hour ago unless given.
    #[param(example = "-1h")]
    from: Option<String>,
    /// End, not included: RFC 3339, relative, or `now`. Now unless given.
    #[param(example = "now")]
    to: Option<String>,
    /// Length of a bucket, such as `30s`, `5m` or `1h`, or `raw` for every sample as it is. Chosen for about 300 points unless given. Whole
    /// multiples of five minutes and of an hour are served from reduced samples, which are kept longer; the answer says from which.
    #[param(example = "1m")]
    step: Option<String>,
}

/// Shows a metric of a host: one series for each set of attributes, in buckets of one step. Gaps are null.
#[utoipa::path(get, path = "/api/v1/cis/{id}/samples", tag = "cis", params(SampleQuery),
    responses((status = 200, description = "All series; CSV and NDJSON have a row for each point.", body = Page<SampleSeries>)))]
pub async fn list_samples(
    State(api): State<Api>,
    Named(id): Named<CiId>,
    Parameters(query): Parameters<SampleQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let items = match &query.metric {
        Some(metric) => {
            let history = api.engine.history();
            let unit = unit_of(&api, metric);
            let wanted = Wanted::new((metric, unit), &query, api.engine.now(), history.retention)?;
            let agents = api.engine.read(|world| agents_of(world, id))?;
            blocking(move || read_series(&history, &agents, &wanted, POINTS)).await?
        }
        None if query.from.is_some() || query.to.is_some() || query.step.is_some() => {
            return Err(ApiError::invalid("metric", "is needed with from, to and step"));
        }
        None => newest(&api, id, &pairs(query.attribute.as_deref())?)?,
    };
    let page = Page { items, next_cursor: None };
    match format {
        Format::Csv | Format::Ndjson => Ok(format.list(&Page { items: SampleRow::of_all(&page.items), next_cursor: None })),
        Format::Json | Format::EventStream | Format::Text => Ok(format.list(&page)),
    }
}

/// Runs what reads the store on a thread that may block.
pub(super) async fn blocking<R: Send + 'static>(work: impl FnOnce() -> Result<R, ApiError> + Send + 'static) -> Result<R, ApiError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| ApiError::internal(format!("reading samples ended early: {error}")))?
}

/// The agents that ever spoke for a host (more than one after it was enrolled again) and the collectors that measure it.
fn agents_of(world: &World, id: CiId) -> Result<Vec<AgentId>, ApiError> {
    cis::find(world, id)?;
    Ok(world.trust.voices_of(id))
}

/// The unit of a metric, where it is known.
fn unit_of(api: &Api, metric: &str) -> Option<String> {
    api.engine.read(|world| world.unit_of(metric).map(str::to_owned))
}

fn newest(api: &Api, id: CiId, pairs: &[(String, String)]) -> Result<Vec<SampleSeries>, ApiError> {
    api.engine.read(|world| {
        let latest = agents_of(world, id)?.into_iter().flat_map(|agent| world.telemetry.latest(agent));
        let fits = |series: &Series| fit(pairs, &series.attributes);
        let latest = latest.filter(|(series, ..)| fits(series));
        Ok(latest.map(|(series, value, at)| SampleSeries::newest(world, series, value, at)).collect())
    })
}

/// The series of one host, of at most so many points together.
fn read_series(history: &History, agents: &[AgentId], wanted: &Wanted, points: usize) -> Result<Vec<SampleSeries>, ApiError> {
    if wanted.step_ms == 0 {
        return every_sample(history, agents, wanted, points);
    }
    let mut buckets = Buckets::new(wanted.from, wanted.step_ms, wanted.count);
    for page in wanted.pages() {
        for (attributes, rows) in read_page(history, agents, wanted, page)? {
            if !buckets.series.contains_key(&attributes) && (buckets.series.len() + 1) * wanted.count > points {
                return Err(too_many_points());
            }
            rows.iter().for_each(|row| buckets.add(&attributes, row));
        }
    }
    Ok(buckets.series.into_iter().map(|(attributes, points)| SampleSeries::new(wanted, attributes, &points)).collect())
}

fn every_sample(history: &History, agents: &[AgentId], wanted: &Wanted, points: usize) -> Result<Vec<SampleSeries>, ApiError> {
    let mut series: BTreeMap<Attributes, Vec<(Timestamp, f64)>> = BTreeMap::new();
    let mut total = 0;
    for page in wanted.pages() {
        for (attributes, rows) in read_page(history, agents, wanted, page)? {
            total += rows.len();
            if total > points {
                return Err(too_many_points());
            }
            series.entry(attributes).or_default().extend(rows.iter().map(|row| (row.at, row.last)));
        }
    }
    Ok(series.into_iter().map(|(attributes, points)| SampleSeries::raw(wanted, attributes, points)).collect())
}

/// The wanted series of one page, in order of time whichever agent they came from.
fn read_page(history: &History, agents: &[AgentId], wanted: &Wanted, page: (Timestamp, Timestamp)) -> Result<Tracks, ApiError> {
    let mut found = Tracks::new();
    for agent in agents {
        let tracks = match wanted.grain() {
            Some(grain) => history.rows(grain, &wanted.metric, *agent, page),
            None => history.points(&wanted.metric, *agent, page),
        };
        for (attributes, rows) in tracks.map_err(unreadable)?.into_iter().filter(|(attributes, _)| wanted.fits(attributes)) {
            let known: &mut Vec<Row> = found.entry(attributes).or_default();
            let ordered = known.last().zip(rows.first()).is_none_or(|(last, first)| last.at <= first.at);
            known.extend(rows);
            if !ordered {
                known.sort_by_key(|row| row.at);
            }
        }
    }
    Ok(found)
}

pub(super) fn unreadable(error: StoreError) -> ApiError {
    ApiError::internal(error.to_string())
}
