//! Samples across the fleet: who is at the top, and a metric of many hosts at once.

use super::super::Api;
use super::super::extract::Parameters;
use super::super::format::Format;
use super::super::page::{Page, Paging};
use super::super::selection::Selection;
use super::super::view::sample::{FleetSampleRow, FleetSamples, TopSample};
use super::wanted::{POINTS, duration, fit, pairs};
use super::{SampleQuery, Wanted, blocking, read_page, read_series, unit_of};
use crate::answer::ApiError;
use crate::engine::History;
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::World;
use rollcall_domain::ci::Ci;
use rollcall_domain::id::CiId;
use rollcall_domain::sample::{Attributes, Row};
use rollcall_shared::{AgentId, Timestamp};
use serde::Deserialize;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};

/// The metric of a question that names none: what people look at first.
const METRIC: &str = "system.cpu.utilization";

/// A value that is older is not one of now: the host is silent or was switched off.
const NOW: Duration = Duration::from_secs(900);

/// Longest window: as long as reduced samples are usually kept.
const WINDOW: Duration = Duration::from_secs(31 * 86_400);

/// Hosts of which stored samples are read for one answer: about a second of two cores for a window of a day.
const HOSTS: usize = 2_000;

/// What is compared, and among whom.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TopQuery {
    /// Metric name; `system.cpu.utilization` unless given.
    #[param(example = "system.filesystem.utilization")]
    metric: Option<String>,
    /// Only series with this attribute, as `name:value`; several separated by commas. `name:` means series without the attribute. Unless
    /// attributes are asked for, an item that has a total of the metric is there with that alone, not with what it is the total of.
    #[param(example = "mountpoint:/var")]
    attribute: Option<String>,
    /// Only configuration items that this query selects.
    #[param(example = "tag:web")]
    query: Option<String>,
    /// Over a window up to now, such as `1h` or `7d`. Without one the newest values are compared, as far as they are of the last 15 minutes.
    #[param(example = "1d")]
    window: Option<String>,
    /// What counts of a window; `avg` unless given.
    #[param(inline)]
    aggregation: Option<Aggregation>,
    /// Which end of the order is the top; `highest` unless given.
    #[param(inline)]
    order: Option<End>,
    /// How many; 100 unless given, 1,000 at most.
    limit: Option<u32>,
    /// There is one page alone.
    cursor: Option<String>,
}

/// What a window comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Aggregation {
    /// The mean.
    #[default]
    Avg,
    /// The smallest value.
    Min,
    /// The largest.
    Max,
    /// The newest.
    Last,
}

/// An end of an order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// Most first.
    #[default]
    Highest,
    /// Least first.
    Lowest,
}

/// A configuration item with its agents.
struct Member {
    ci: CiId,
    name: String,
    agents: Vec<AgentId>,
}

/// Lists the series of a metric with the highest (or lowest) values across the fleet. Equal ones come in order of ids and attributes.
#[utoipa::path(get, path = "/api/v1/samples/top", tag = "cis", params(TopQuery),
    responses((status = 200, description = "One page, the top first.", body = Page<TopSample>)))]
pub async fn list_top_samples(
    State(api): State<Api>,
    Parameters(query): Parameters<TopQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<CiId>::new("top_samples", query.limit, query.cursor.as_deref())?;
    let metric = query.metric.clone().unwrap_or_else(|| METRIC.to_owned());
    let wanted = pairs(query.attribute.as_deref())?;
    let now = api.engine.now();
    let mut top = match query.window.as_deref() {
        None if query.aggregation.is_some() => return Err(ApiError::invalid("aggregation", "is of a window, which is not given")),
        None => newest(&api, &query, &metric, &wanted, now)?,
        Some(text) => {
            let window = duration(text).filter(|window| !window.is_zero() && *window <= WINDOW);
            let window = window.ok_or_else(|| ApiError::invalid("window", "must be up to 31d, such as 15m, 6h or 7d"))?;
            let step = if window > Duration::from_secs(2 * 86_400) { "1h" } else { "5m" };
            let step = if window < Duration::from_secs(600) { "10s" } else { step };
            let asked = SampleQuery {
                attribute: query.attribute.clone(),
                from: Some(now.minus(window).to_string()),
                to: Some(now.to_string()),
                step: Some(step.to_owned()),
                ..SampleQuery::default()
            };
            let history = api.engine.history();
            let wanted = Wanted::new((&metric, unit_of(&api, &metric)), &asked, now, history.retention)?;
            let members = members(&api, query.query.as_deref(), None, HOSTS, now)?;
            if members.len() > HOSTS {
                return Err(ApiError::invalid("query", format!("selects more than {HOSTS} hosts: narrow it, or leave the window out")));
            }
            let aggregation = query.aggregation.unwrap_or_default();
            blocking(move || over_window(&history, members, &wanted, aggregation)).await?
        }
    };
    if query.attribute.is_none() {
        top = totals(top);
    }
    let order = query.order.unwrap_or_default();
    top.sort_by(|a, b| before(order, a, b));
    top.truncate(paging.limit);
    for (rank, item) in (1..).zip(&mut top) {
        item.rank = rank;
    }
    Ok(format.list(&Page { items: top, next_cursor: None }))
}

/// Leaves out of each item what another of its series is the total of: one whose attributes it has too, and others besides.
fn totals(mut top: Vec<TopSample>) -> Vec<TopSample> {
    top.sort_by(|a, b| (&a.ci, a.attributes.len()).cmp(&(&b.ci, b.attributes.len())));
    let mut kept: Vec<TopSample> = Vec::with_capacity(top.len());
    let mut begin = 0;
    for one in top {
        if kept.last().is_some_and(|last| last.ci != one.ci) {
            begin = kept.len();
        }
        let is_part = |total: &TopSample| {
            total.attributes.len() < one.attributes.len()
                && total.attributes.iter().all(|(name, value)| one.attributes.get(name).is_some_and(|known| known == value))
        };
        // Most series that are no part of another have as many attributes as each other: sixteen totals of an item are enough.
        if !kept[begin..].iter().take(16).any(is_part) {
            kept.push(one);
        }
    }
    kept
}

fn before(order: End, a: &TopSample, b: &TopSample) -> Ordering {
    let values = match order {
        End::Highest => b.value.total_cmp(&a.value),
        End::Lowest => a.value.total_cmp(&b.value),
    };
    values.then_with(|| a.ci.cmp(&b.ci)).then_with(|| a.attributes.cmp(&b.attributes))
}

fn newest(api: &Api, query: &TopQuery, metric: &str, wanted: &[(String, String)], now: Timestamp) -> Result<Vec<TopSample>, ApiError> {
    let selection = Selection::new(query.query.as_deref(), now)?;
    api.engine.read(|world| {
        let mut top = Vec::new();
        let unit = world.unit_of(metric);
        for ci in selection.all(world)? {
            let voices = world.telemetry.speaker(ci.id).into_iter().chain(world.trust.collectors.of(ci.id).map(|(voice, _)| voice));
            let newest = voices.filter_map(|voice| world.telemetry.newest(voice)).flat_map(|newest| newest.within(NOW, now));
            for (series, value, at) in newest.filter(|(series, ..)| series.metric == metric) {
                if fit(wanted, &series.attributes) {
                    top.push(TopSample::new((ci.id, &ci.name), (metric, unit), &series.attributes, (at, value)));
                }
            }
        }
        Ok(top)
    })
}

fn over_window(history: &History, members: Vec<Member>, wanted: &Wanted, aggregation: Aggregation) -> Result<Vec<TopSample>, ApiError> {
    let mut top = Vec::new();
    for member in members {
        let mut whole: BTreeMap<Attributes, Row> = BTreeMap::new();
        for page in wanted.pages() {
            for (attributes, rows) in read_page(history, &member.agents, wanted, page)? {
                for row in rows {
                    whole.entry(attributes.clone()).and_modify(|known| known.absorb(&row)).or_insert(row).at = row.at;
                }
            }
        }
        top.extend(whole.into_iter().map(|(attributes, row)| {
            let value = match aggregation {
                Aggregation::Avg => row.avg(),
                Aggregation::Min => row.min,
                Aggregation::Max => row.max,
                Aggregation::Last => row.last,
            };
            TopSample::new((member.ci, &member.name), (&wanted.metric, wanted.unit.as_deref()), &attributes, (row.at, value))
        }));
    }
    Ok(top)
}

/// Which samples of which hosts are wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FleetQuery {
    /// Only configuration items that this query selects.
    #[param(example = "tag:web")]
    query: Option<String>,
    /// Metric name; `system.cpu.utilization` unless given.
    #[param(example = "system.filesystem.utilization")]
    metric: Option<String>,
    /// Only series with this attribute, as `name:value`; several separated by commas.
    attribute: Option<String>,
    /// Begin, as for one host.
    #[param(example = "-1h")]
    from: Option<String>,
    /// End, not included, as for one host.
    to: Option<String>,
    /// Length of a bucket, as for one host.
    #[param(example = "5m")]
    step: Option<String>,
    /// Hosts of a page; 100 unless given, 1,000 at most.
    limit: Option<u32>,
    /// Where the page begins.
    cursor: Option<String>,
}

/// Lists a metric of many hosts in buckets, host by host in order of their ids. Hosts without the metric are there with no series.
#[utoipa::path(get, path = "/api/v1/samples", tag = "cis", params(FleetQuery),
    responses((status = 200, description = "A page of hosts; CSV and NDJSON have a row for each point.", body = Page<FleetSamples>)))]
pub async fn list_fleet_samples(
    State(api): State<Api>,
    Parameters(query): Parameters<FleetQuery>,
    format: Format,
) -> Result<Response, ApiError> {
    let paging = Paging::<CiId>::new("fleet_samples", query.limit, query.cursor.as_deref())?;
    let metric = query.metric.clone().unwrap_or_else(|| METRIC.to_owned());
    let asked = SampleQuery { metric: None, attribute: query.attribute, from: query.from, to: query.to, step: query.step };
    let (now, history) = (api.engine.now(), api.engine.history());
    let wanted = Wanted::new((&metric, unit_of(&api, &metric)), &asked, now, history.retention)?;
    let mut members = members(&api, query.query.as_deref(), paging.after, paging.limit, now)?;
    let more = members.len() > paging.limit;
    members.truncate(paging.limit);
    let next_cursor = members.last().filter(|_| more).map(|last| paging.cursor(&last.ci));
    let items = blocking(move || {
        let (mut items, mut room) = (Vec::with_capacity(members.len()), POINTS);
        for member in members {
            let series = read_series(&history, &member.agents, &wanted, room)?;
            room = room.saturating_sub(series.iter().map(|one| one.points.len()).sum());
            items.push(FleetSamples { ci: member.ci.to_string(), name: member.name, series });
        }
        Ok(items)
    })
    .await?;
    match format {
        Format::Csv | Format::Ndjson => Ok(format.list(&Page { items: FleetSampleRow::of_all(&items), next_cursor })),
        Format::Json | Format::EventStream | Format::Text => Ok(format.list(&Page { items, next_cursor })),
    }
}

/// The selected items for which an agent ever spoke or that a collector measures, in order of their ids; one more than `limit` where there are more.
fn members(api: &Api, query: Option<&str>, after: Option<CiId>, limit: usize, now: Timestamp) -> Result<Vec<Member>, ApiError> {
    let selection = Selection::new(query, now)?;
    api.engine.read(|world| {
        let agents = agents_by_ci(world);
        let member = |ci: &Ci| Some(Member { ci: ci.id, name: ci.name.clone(), agents: agents.get(&ci.id)?.clone() });
        Ok(selection.after(world, after, limit)?.filter_map(member).take(limit + 1).collect())
    })
}

fn agents_by_ci(world: &World) -> BTreeMap<CiId, Vec<AgentId>> {
    let mut agents: BTreeMap<CiId, BTreeSet<AgentId>> = BTreeMap::new();
    for agent in world.trust.agents.values() {
        if let Some(ci) = agent.ci {
            agents.entry(ci).or_default().insert(agent.id);
        }
    }
    for (voice, collector) in world.trust.collectors.iter() {
        agents.entry(collector.ci).or_default().insert(voice);
    }
    agents.into_iter().map(|(ci, agents)| (ci, agents.into_iter().collect())).collect()
}
