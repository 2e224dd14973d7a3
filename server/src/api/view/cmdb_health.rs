//! How good the CMDB is.

use super::Time;
use super::word::{Class, HealthMetric, HealthReason, Lifecycle};
use rollcall_domain::catalogue::Day;
use rollcall_domain::ci::health::{self, Measurement, Metric, Tally};
use rollcall_domain::ci::{self, Ci};
use serde::Serialize;
use utoipa::ToSchema;

/// How good the CMDB is, with when that was and will be measured.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HealthPage {
    /// All of it first, then each class.
    pub items: Vec<ClassHealth>,
    /// Give this as `cursor` to get the next page; null on the last one.
    pub next_cursor: Option<String>,
    /// When it was measured; null when it never was.
    pub measured_at: Option<Time>,
    /// When it is measured next; null when it is measured whenever this is asked.
    pub next_measurement_at: Option<Time>,
    /// Why there are no rows; null when there are.
    pub note: Option<String>,
}

/// How good the records of a class are, those that inherit from it included.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ClassHealth {
    /// The class; null for everything but software products.
    pub class: Option<Class>,
    /// When it was measured.
    pub measured_at: Time,
    /// Configuration items that were counted: those in use.
    pub cis: u64,
    /// The mean of all metrics: 0 to 100, 100 when nothing is wrong.
    #[schema(example = 92.5)]
    pub score: f64,
    /// Each metric.
    pub metrics: Vec<MetricHealth>,
    /// Expected attributes that items lack, the one that most lack first.
    pub lacking: Vec<Lacking>,
}

/// One metric.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MetricHealth {
    /// Which.
    pub metric: HealthMetric,
    /// 0 to 100, 100 when nothing is wrong.
    #[schema(example = 87.5)]
    pub score: f64,
    /// Configuration items that fail it. An item that lacks what is recommended alone does not.
    pub failing: u64,
    /// Why, by how many items.
    pub reasons: Vec<ReasonCount>,
}

/// Configuration items for one reason; an item may have several.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReasonCount {
    /// The reason.
    pub reason: HealthReason,
    /// Configuration items.
    pub cis: u64,
}

/// An expected attribute that items lack.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Lacking {
    /// Its name.
    #[schema(example = "serial")]
    pub attribute: String,
    /// Configuration items.
    pub cis: u64,
}

/// How good the CMDB was on one day.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DayHealth {
    /// The day, in UTC.
    #[schema(example = "2026-11-25")]
    pub day: String,
    /// When it was measured.
    pub measured_at: Time,
    /// The class; null for everything.
    pub class: Option<Class>,
    /// Configuration items that were counted.
    pub cis: u64,
    /// The mean of all metrics: 0 to 100.
    pub score: f64,
    /// Score of completeness.
    pub completeness: f64,
    /// Score of correctness.
    pub correctness: f64,
    /// Score of staleness.
    pub staleness: f64,
    /// Score of duplicates.
    pub duplicates: f64,
    /// Score of orphans.
    pub orphans: f64,
}

/// A configuration item that counts against a metric.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Finding {
    /// Its id.
    #[schema(example = "host_00000000000000000000000001")]
    pub ci: String,
    /// What it is called.
    pub name: String,
    /// What it is.
    pub class: Class,
    /// Where it is in its life.
    pub status: Lifecycle,
    /// Why.
    pub reasons: Vec<FindingReason>,
}

/// Why a configuration item counts against a metric.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FindingReason {
    /// For programs.
    pub reason: HealthReason,
    /// The attribute that it is about.
    #[schema(example = "serial")]
    pub attribute: Option<String>,
    /// For people.
    #[schema(example = "the required attribute serial is not known")]
    pub text: String,
}

impl ClassHealth {
    /// The view of a class in a measurement; `None` for one without items.
    pub fn new(measured: &Measurement, class: Option<ci::Class>) -> Option<Self> {
        let tally = measured.of(class);
        let scores = tally.scores()?;
        let metrics = Metric::ALL.into_iter().zip(scores.metrics);
        let mut lacking: Vec<Lacking> =
            tally.lacking.iter().map(|(attribute, cis)| Lacking { attribute: attribute.clone(), cis: *cis }).collect();
        lacking.sort_by(|a, b| b.cis.cmp(&a.cis).then_with(|| a.attribute.cmp(&b.attribute)));
        Some(Self {
            class: class.map(Into::into),
            measured_at: Time(measured.at),
            cis: tally.cis,
            score: scores.health,
            metrics: metrics.map(|(metric, score)| MetricHealth::new(&tally, metric, score)).collect(),
            lacking,
        })
    }
}

impl MetricHealth {
    fn new(tally: &Tally, metric: Metric, score: f64) -> Self {
        let reasons = tally.reasons.iter().filter(|(code, _)| code.metric() == metric);
        let reasons = reasons.map(|(code, cis)| ReasonCount { reason: (*code).into(), cis: *cis }).collect();
        Self { metric: metric.into(), score, failing: tally.failing(metric), reasons }
    }
}

impl DayHealth {
    /// The view of a class in the measurement of a day; `None` for one without items then.
    pub fn new(day: Day, measured: &Measurement, class: Option<ci::Class>) -> Option<Self> {
        let tally = measured.of(class);
        let scores = tally.scores()?;
        let [completeness, correctness, staleness, duplicates, orphans] = scores.metrics;
        Some(Self {
            day: day.to_string(),
            measured_at: Time(measured.at),
            class: class.map(Into::into),
            cis: tally.cis,
            score: scores.health,
            completeness,
            correctness,
            staleness,
            duplicates,
            orphans,
        })
    }
}

impl Finding {
    /// The view of an item with its reasons.
    pub fn new(ci: &Ci, reasons: &[health::Reason<'_>]) -> Self {
        let reason = |reason: &health::Reason<'_>| FindingReason {
            reason: reason.code().into(),
            attribute: reason.attribute().map(str::to_owned),
            text: reason.to_string(),
        };
        Self {
            ci: ci.id.to_string(),
            name: ci.name.clone(),
            class: ci.class.into(),
            status: ci.status.into(),
            reasons: reasons.iter().map(reason).collect(),
        }
    }
}
