//! Health samples of a host, reduced to buckets.
//!
//! A bucket without a value is null, never zero. Samples are read an hour at a time and folded at once, so that a month of
//! them costs no more memory than the answer.

use super::Api;
use super::cis;
use super::extract::{Named, Parameters};
use super::format::Format;
use super::page::Page;
use super::view::sample::{SampleRow, SampleSeries};
use crate::answer::ApiError;
use axum::extract::State;
use axum::response::Response;
use rollcall_domain::World;
use rollcall_domain::id::CiId;
use rollcall_shared::sample::Series;
use rollcall_shared::{AgentId, ContentHash, Section, Timestamp};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;
use utoipa::IntoParams;

mod bucket;

pub use bucket::Bucket;
use bucket::Buckets;

/// Points of one answer, over all series: ten times what a wide screen can show.
const POINTS: usize = 10_000;

/// Longest span of one question; raw samples are kept for days.
const SPAN: Duration = Duration::from_secs(31 * 86_400);

/// Read at once: the store keeps one block an agent and hour.
const CHUNK: Duration = Duration::from_secs(3600);

/// Points a series when no step is given.
const DEFAULT_POINTS: u64 = 300;

/// Shortest step, and the shortest default one: agents sample every 10 s.
const STEP_MIN: Duration = Duration::from_secs(1);
const STEP_DEFAULT_MIN: Duration = Duration::from_secs(10);

/// The step that reduces nothing.
const RAW: &str = "raw";

/// Which samples are wanted, and how they are reduced.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SampleQuery {
    /// Metric name. Without one the newest value of every series is shown, each as one point.
    #[param(example = "system.filesystem.utilization")]
    metric: Option<String>,
    /// Only series with this attribute, as `name:value`.
    #[param(example = "mountpoint:/var")]
    attribute: Option<String>,
    /// Begin: RFC 3339, or relative to now such as `-90m`, `-1h`, `-7d`. One hour ago unless given.
    #[param(example = "-1h")]
    from: Option<String>,
    /// End, not included: RFC 3339, relative, or `now`. Now unless given.
    #[param(example = "now")]
    to: Option<String>,
    /// Length of a bucket, such as `30s`, `5m` or `1h`, or `raw` for every sample as it is. Chosen for about 300 points unless given.
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
        Some(metric) if query.step.as_deref() == Some(RAW) => {
            let wanted = Wanted::raw(metric, &query, api.engine.now())?;
            raw(&api, id, &wanted).await?
        }
        Some(metric) => {
            let wanted = Wanted::new(metric, &query, api.engine.now())?;
            history(&api, id, &wanted).await?
        }
        None if query.from.is_some() || query.to.is_some() || query.step.is_some() => {
            return Err(ApiError::invalid("metric", "is needed with from, to and step"));
        }
        None => newest(&api, id, pair(query.attribute.as_deref())?)?,
    };
    let page = Page { items, next_cursor: None };
    match format {
        Format::Csv | Format::Ndjson => Ok(format.list(&Page { items: SampleRow::of_all(&page.items), next_cursor: None })),
        Format::Json | Format::EventStream | Format::Text => Ok(format.list(&page)),
    }
}

/// The agents that ever spoke for a host; more than one after it was enrolled again.
fn agents_of(world: &World, id: CiId) -> Result<Vec<AgentId>, ApiError> {
    cis::find(world, id)?;
    Ok(world.trust.agents.values().filter(|agent| agent.ci == Some(id)).map(|agent| agent.id).collect())
}

fn newest(api: &Api, id: CiId, attribute: Option<(String, String)>) -> Result<Vec<SampleSeries>, ApiError> {
    api.engine.read(|world| {
        let latest = agents_of(world, id)?.into_iter().flat_map(|agent| world.telemetry.latest(agent));
        let fits = |series: &Series| attribute.as_ref().is_none_or(|pair| series.attributes.contains(pair));
        let latest = latest.filter(|(series, ..)| fits(series));
        Ok(latest.map(|(series, value, at)| SampleSeries::newest(series, value, at)).collect())
    })
}

async fn history(api: &Api, id: CiId, wanted: &Wanted) -> Result<Vec<SampleSeries>, ApiError> {
    let mut buckets = Buckets::new(wanted.from, wanted.step_ms, wanted.count);
    each_value(api, id, wanted, |attributes, at, value| {
        if !buckets.series.contains_key(attributes) && (buckets.series.len() + 1) * wanted.count > POINTS {
            return Err(too_many_points());
        }
        buckets.add(attributes, at, value);
        Ok(())
    })
    .await?;
    Ok(buckets.series.into_iter().map(|(attributes, points)| SampleSeries::new(wanted, attributes, &points)).collect())
}

async fn raw(api: &Api, id: CiId, wanted: &Wanted) -> Result<Vec<SampleSeries>, ApiError> {
    let mut series: BTreeMap<Attributes, Vec<(Timestamp, f64)>> = BTreeMap::new();
    let mut total = 0;
    each_value(api, id, wanted, |attributes, at, value| {
        total += 1;
        if total > POINTS {
            return Err(too_many_points());
        }
        series.entry(attributes.to_vec()).or_default().push((at, value));
        Ok(())
    })
    .await?;
    Ok(series.into_iter().map(|(attributes, points)| SampleSeries::raw(wanted, attributes, points)).collect())
}

/// Reads an hour at a time.
async fn each_value(
    api: &Api,
    id: CiId,
    wanted: &Wanted,
    mut take: impl FnMut(&[(String, String)], Timestamp, f64) -> Result<(), ApiError>,
) -> Result<(), ApiError> {
    let agents = api.engine.read(|world| agents_of(world, id))?;
    let mut tables = Tables::default();
    for agent in agents {
        let mut begin = wanted.from;
        while begin < wanted.to {
            let end = begin.plus(CHUNK).min(wanted.to);
            for set in api.engine.samples(agent, begin, end).await? {
                tables.load(api, wanted, set.table).await?;
                for (column, attributes) in tables.0.get(&set.table).into_iter().flatten() {
                    let Some(Some(value)) = set.values.get(*column) else { continue };
                    take(attributes, set.at, *value)?;
                }
            }
            begin = end;
        }
    }
    Ok(())
}

/// A checked question.
pub struct Wanted {
    /// Metric name.
    pub metric: String,
    /// Begin, at a whole step.
    pub from: Timestamp,
    /// Length of a bucket.
    pub step_ms: i64,
    attribute: Option<(String, String)>,
    to: Timestamp,
    count: usize,
}

impl Wanted {
    /// A question for every sample: what has no buckets is bounded while it is read.
    fn raw(metric: &str, query: &SampleQuery, now: Timestamp) -> Result<Self, ApiError> {
        let (from, to) = span(query, now)?;
        Ok(Self { metric: metric.to_owned(), from, step_ms: 0, attribute: pair(query.attribute.as_deref())?, to, count: 0 })
    }

    fn new(metric: &str, query: &SampleQuery, now: Timestamp) -> Result<Self, ApiError> {
        let (from, to) = span(query, now)?;
        let span = to.since(from);
        let step = match query.step.as_deref() {
            Some(text) => duration(text)
                .filter(|step| *step >= STEP_MIN)
                .ok_or_else(|| ApiError::invalid("step", "must be raw, or 1s or more, such as 30s, 5m, 1h"))?,
            None => Duration::from_secs(span.as_secs().div_ceil(DEFAULT_POINTS)).max(STEP_DEFAULT_MIN),
        };
        let step_ms = i64::try_from(step.as_millis()).unwrap_or(i64::MAX);
        let from = Timestamp(from.0.div_euclid(step_ms).saturating_mul(step_ms));
        let count = usize::try_from(to.since(from).as_millis().div_ceil(step.as_millis().max(1))).unwrap_or(usize::MAX);
        if count > POINTS {
            return Err(too_many_points());
        }
        let attribute = pair(query.attribute.as_deref())?;
        Ok(Self { metric: metric.to_owned(), from, step_ms, attribute, to, count })
    }
}

fn span(query: &SampleQuery, now: Timestamp) -> Result<(Timestamp, Timestamp), ApiError> {
    let from = moment("from", query.from.as_deref().unwrap_or("-1h"), now)?;
    let to = moment("to", query.to.as_deref().unwrap_or("now"), now)?;
    let span = to.since(from);
    if span.is_zero() || span > SPAN {
        return Err(ApiError::invalid("from", "must be before `to` by at most 31 days"));
    }
    Ok((from, to))
}

fn pair(text: Option<&str>) -> Result<Option<(String, String)>, ApiError> {
    let pair = text.map(|pair| pair.split_once(':').ok_or_else(|| ApiError::invalid("attribute", "must have the form name:value")));
    Ok(pair.transpose()?.map(|(name, value)| (name.to_owned(), value.to_owned())))
}

fn too_many_points() -> ApiError {
    ApiError::invalid(
        "step",
        format!("the answer would have more than {POINTS} points: ask for a longer step, a shorter span or one attribute"),
    )
}

/// What tells the series of one metric apart.
type Attributes = Vec<(String, String)>;

/// Which columns of each series table are wanted, with their attributes.
#[derive(Default)]
struct Tables(BTreeMap<ContentHash, Vec<(usize, Attributes)>>);

impl Tables {
    async fn load(&mut self, api: &Api, wanted: &Wanted, table: ContentHash) -> Result<(), ApiError> {
        if self.0.contains_key(&table) {
            return Ok(());
        }
        let section = api.engine.section(table).await?;
        let columns = match section.as_deref() {
            Some(Section::Series(series)) => series.iter().enumerate().filter(|(_, series)| {
                let fits = |pair: &(String, String)| series.attributes.contains(pair);
                series.metric == wanted.metric && wanted.attribute.as_ref().is_none_or(fits)
            }),
            _ => return Err(ApiError::internal(format!("series table {table} is referred to and not stored"))),
        };
        let columns = columns.map(|(column, series)| (column, series.attributes.clone())).collect();
        self.0.insert(table, columns);
        Ok(())
    }
}

/// A moment: RFC 3339, `now`, or `-` and a duration.
pub(super) fn moment(field: &'static str, text: &str, now: Timestamp) -> Result<Timestamp, ApiError> {
    let relative = text.strip_prefix('-').and_then(duration).map(|ago| now.minus(ago));
    let known = if text == "now" { Some(now) } else { relative.or_else(|| text.parse().ok()) };
    known.ok_or_else(|| ApiError::invalid(field, "must be RFC 3339 such as 2026-11-21T04:31:00Z, `now`, or relative such as -1h"))
}

/// A number and a unit: `s`, `m`, `h` or `d`.
fn duration(text: &str) -> Option<Duration> {
    let unit = match text.as_bytes().last()? {
        b's' => 1,
        b'm' => 60,
        b'h' => 3600,
        b'd' => 86_400,
        _ => return None,
    };
    let number: u32 = text[..text.len() - 1].parse().ok()?;
    Some(Duration::from_secs(u64::from(number) * unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_235_460_000);

    #[track_caller]
    fn check(text: &str, expected: Option<i64>) {
        assert_eq!(moment("from", text, NOW).ok().map(|moment| moment.0 - NOW.0), expected, "{text}");
    }

    #[test]
    fn moments_are_absolute_or_relative_to_now() {
        check("now", Some(0));
        check("-90m", Some(-5_400_000));
        check("-7d", Some(-604_800_000));
        check("2026-11-21T04:31:01Z", Some(1000));
        for other in ["", "-", "-h", "1h", "--1h", "-1w", "-1.5h", "+1h", "yesterday", "-99999999999h", "-1é"] {
            check(other, None);
        }
    }

    #[test]
    fn spans_and_steps_are_bounded() {
        let query = |from: &str, step: Option<&str>| SampleQuery {
            metric: None,
            attribute: None,
            from: Some(from.into()),
            to: None,
            step: step.map(str::to_owned),
        };
        assert_eq!(Wanted::new("m", &query("-1h", None), NOW).unwrap().step_ms, 12_000);
        assert_eq!(Wanted::new("m", &query("-1m", None), NOW).unwrap().step_ms, 10_000);
        assert!(Wanted::new("m", &query("-1d", Some("1s")), NOW).is_err());
        assert!(Wanted::new("m", &query("-32d", None), NOW).is_err());
        assert!(Wanted::new("m", &query("now", None), NOW).is_err());
        assert!(Wanted::new("m", &query("-1h", Some("0s")), NOW).is_err());
    }
}
