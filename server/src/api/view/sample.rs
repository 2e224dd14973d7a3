//! Health samples in buckets.

use super::Time;
use crate::api::samples::{Bucket, Wanted};
use rollcall_shared::Timestamp;
use rollcall_shared::sample::Series;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

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
}

/// One series of a metric.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SampleSeries {
    /// Metric name.
    pub metric: String,
    /// What tells it from the metric's other series.
    pub attributes: BTreeMap<String, String>,
    /// Length of a bucket; null for newest values.
    pub step_ms: Option<i64>,
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
}

impl SampleSeries {
    /// The view of one series' newest value.
    pub fn newest(series: Series, value: Option<f64>, at: Timestamp) -> Self {
        let point = SamplePoint { at: Time(at), avg: value, min: value, max: value, last: value };
        Self { metric: series.metric, attributes: series.attributes.into_iter().collect(), step_ms: None, points: vec![point] }
    }

    /// The view of one series as it was measured.
    pub fn raw(wanted: &Wanted, attributes: Vec<(String, String)>, mut values: Vec<(Timestamp, f64)>) -> Self {
        values.sort_by_key(|(at, _)| *at);
        let point = |(at, value)| SamplePoint { at: Time(at), avg: Some(value), min: Some(value), max: Some(value), last: Some(value) };
        let points = values.into_iter().map(point).collect();
        Self { metric: wanted.metric.clone(), attributes: attributes.into_iter().collect(), step_ms: None, points }
    }

    /// The view of one series' buckets.
    pub fn new(wanted: &Wanted, attributes: Vec<(String, String)>, buckets: &[Option<Bucket>]) -> Self {
        let starts = (0_i64..).map(|place| Time(Timestamp(wanted.from.0.saturating_add(place.saturating_mul(wanted.step_ms)))));
        let point = |(at, bucket): (Time, &Option<Bucket>)| SamplePoint {
            at,
            avg: bucket.map(|bucket| bucket.avg()),
            min: bucket.map(|bucket| bucket.min),
            max: bucket.map(|bucket| bucket.max),
            last: bucket.map(|bucket| bucket.last.1),
        };
        Self {
            metric: wanted.metric.clone(),
            attributes: attributes.into_iter().collect(),
            step_ms: Some(wanted.step_ms),
            points: starts.zip(buckets).map(point).collect(),
        }
    }
}

impl SampleRow {
    /// The rows of all series.
    pub fn of_all(series: &[SampleSeries]) -> Vec<Self> {
        let rows = series.iter().flat_map(|series| series.points.iter().map(move |point| (series, point)));
        rows.map(|(series, point)| Self {
            at: point.at,
            metric: series.metric.clone(),
            attributes: series.attributes.clone(),
            avg: point.avg,
            min: point.min,
            max: point.max,
            last: point.last,
        })
        .collect()
    }
}
