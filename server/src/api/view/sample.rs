//! Health samples in buckets.

use super::Time;
use crate::api::samples::Wanted;
use rollcall_domain::World;
use rollcall_domain::id::CiId;
use rollcall_domain::sample::Row;
use rollcall_shared::Timestamp;
use rollcall_shared::sample::Series;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What an answer was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub enum SampleResolution {
    /// Every sample.
    #[serde(rename = "raw")]
    Raw,
    /// Samples reduced to five minutes.
    #[serde(rename = "5m")]
    FiveMinutes,
    /// Samples reduced to an hour.
    #[serde(rename = "1h")]
    Hour,
}

/// One bucket. Null where nothing was measured.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SamplePoint {
    /// When the bucket begins.
    pub at: Time,
    /// Mean.
    pub avg: Option<f64>,
    /// Smallest.
    pub min: Option<f64>,
    /// Largest.
    pub max: Option<f64>,
    /// Newest.
    pub last: Option<f64>,
    /// How many values; zero where nothing was measured.
    pub count: u32,
}

/// One series of a metric.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SampleSeries {
    /// Metric name.
    pub metric: String,
    /// Its unit in UCUM notation, such as `By`, `s` or `1` for a ratio; null where it is not known.
    pub unit: Option<String>,
    /// What tells it from the metric's other series.
    pub attributes: BTreeMap<String, String>,
    /// Length of a bucket; null for newest values.
    pub step_ms: Option<i64>,
    /// What it was made of; null for newest values.
    pub resolution: Option<SampleResolution>,
    /// The buckets, oldest first.
    pub points: Vec<SamplePoint>,
}

/// One bucket of one series: the row of a CSV.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SampleRow {
    /// When the bucket begins.
    pub at: Time,
    /// Metric name.
    pub metric: String,
    /// Its unit in UCUM notation, such as `By`, `s` or `1` for a ratio; null where it is not known.
    pub unit: Option<String>,
    /// What tells the series from the metric's other ones.
    pub attributes: BTreeMap<String, String>,
    /// Mean.
    pub avg: Option<f64>,
    /// Smallest.
    pub min: Option<f64>,
    /// Largest.
    pub max: Option<f64>,
    /// Newest.
    pub last: Option<f64>,
    /// How many values; zero where nothing was measured.
    pub count: u32,
}

impl SamplePoint {
    fn one(at: Timestamp, value: Option<f64>) -> Self {
        Self { at: Time(at), avg: value, min: value, max: value, last: value, count: u32::from(value.is_some()) }
    }
}

impl SampleSeries {
    /// The view of one series' newest value.
    pub fn newest(world: &World, series: Series, value: Option<f64>, at: Timestamp) -> Self {
        let points = vec![SamplePoint::one(at, value)];
        let unit = world.unit_of(&series.metric).map(str::to_owned);
        Self { metric: series.metric, unit, attributes: series.attributes.into_iter().collect(), step_ms: None, resolution: None, points }
    }

    /// The view of one series as it was measured.
    pub fn raw(wanted: &Wanted, attributes: Vec<(String, String)>, mut values: Vec<(Timestamp, f64)>) -> Self {
        values.sort_by_key(|(at, _)| *at);
        let points = values.into_iter().map(|(at, value)| SamplePoint::one(at, Some(value))).collect();
        let (metric, attributes) = (wanted.metric.clone(), attributes.into_iter().collect());
        Self { unit: wanted.unit.clone(), metric, attributes, step_ms: None, resolution: Some(wanted.resolution), points }
    }

    /// The view of one series' buckets.
    pub fn new(wanted: &Wanted, attributes: Vec<(String, String)>, buckets: &[Option<Row>]) -> Self {
        Self {
            metric: wanted.metric.clone(),
            unit: wanted.unit.clone(),
            attributes: attributes.into_iter().collect(),
            step_ms: Some(wanted.step_ms),
            resolution: Some(wanted.resolution),
            points: points((wanted.from, wanted.step_ms), buckets),
        }
    }
}

/// The view of buckets, the first of which begins at a moment.
pub fn points((from, step_ms): (Timestamp, i64), buckets: &[Option<Row>]) -> Vec<SamplePoint> {
    let starts = (0_i64..).map(|place| Time(Timestamp(from.0.saturating_add(place.saturating_mul(step_ms)))));
    let point = |(at, bucket): (Time, &Option<Row>)| SamplePoint {
        at,
        avg: bucket.map(|bucket| bucket.avg()),
        min: bucket.map(|bucket| bucket.min),
        max: bucket.map(|bucket| bucket.max),
        last: bucket.map(|bucket| bucket.last),
        count: bucket.map_or(0, |bucket| bucket.count),
    };
    starts.zip(buckets).map(point).collect()
}

impl SampleRow {
    /// The rows of all series.
    pub fn of_all(series: &[SampleSeries]) -> Vec<Self> {
        let rows = series.iter().flat_map(|series| series.points.iter().map(move |point| (series, point)));
        rows.map(|(series, point)| Self {
            at: point.at,
            metric: series.metric.clone(),
            unit: series.unit.clone(),
            attributes: series.attributes.clone(),
            avg: point.avg,
            min: point.min,
            max: point.max,
            last: point.last,
            count: point.count,
        })
        .collect()
    }
}

/// A series at the top of an order.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TopSample {
    /// From 1.
    pub rank: usize,
    /// Configuration item.
    #[schema(example = "host_00000000000000000000000001")]
    pub ci: String,
    /// What people call it.
    pub name: String,
    /// Metric name.
    pub metric: String,
    /// Its unit in UCUM notation, such as `By`, `s` or `1` for a ratio; null where it is not known.
    pub unit: Option<String>,
    /// What tells the series from the metric's other ones.
    pub attributes: BTreeMap<String, String>,
    /// What it is ordered by.
    pub value: f64,
    /// When its newest value was measured, or when the bucket of that value begins.
    pub at: Time,
}

impl TopSample {
    /// Before it has a rank.
    pub fn new(
        (ci, name): (CiId, &str),
        (metric, unit): (&str, Option<&str>),
        attributes: &[(String, String)],
        (at, value): (Timestamp, f64),
    ) -> Self {
        let unit = unit.map(str::to_owned);
        let (ci, name, metric) = (ci.to_string(), name.to_owned(), metric.to_owned());
        Self { rank: 0, ci, name, metric, unit, attributes: attributes.iter().cloned().collect(), value, at: Time(at) }
    }
}

/// A metric of one host among others.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FleetSamples {
    /// Configuration item.
    #[schema(example = "host_00000000000000000000000001")]
    pub ci: String,
    /// What people call it.
    pub name: String,
    /// Its series.
    pub series: Vec<SampleSeries>,
}

/// One bucket of one series of one host: the row of a CSV.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FleetSampleRow {
    /// When the bucket begins.
    pub at: Time,
    /// Configuration item.
    pub ci: String,
    /// What people call it.
    pub name: String,
    /// Metric name.
    pub metric: String,
    /// Its unit in UCUM notation, such as `By`, `s` or `1` for a ratio; null where it is not known.
    pub unit: Option<String>,
    /// What tells the series from the metric's other ones.
    pub attributes: BTreeMap<String, String>,
    /// Mean.
    pub avg: Option<f64>,
    /// Smallest.
    pub min: Option<f64>,
    /// Largest.
    pub max: Option<f64>,
    /// Newest.
    pub last: Option<f64>,
    /// How many values; zero where nothing was measured.
    pub count: u32,
}

impl FleetSampleRow {
    /// The rows of all hosts.
    pub fn of_all(hosts: &[FleetSamples]) -> Vec<Self> {
        let rows = hosts.iter().flat_map(|host| SampleRow::of_all(&host.series).into_iter().map(move |row| (host, row)));
        rows.map(|(host, row)| Self {
            at: row.at,
            ci: host.ci.clone(),
            name: host.name.clone(),
            metric: row.metric,
            unit: row.unit,
            attributes: row.attributes,
            avg: row.avg,
            min: row.min,
            max: row.max,
            last: row.last,
            count: row.count,
        })
        .collect()
    }
}
