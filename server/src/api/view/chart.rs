//! Charts of incidents: what one must show, and the same with the points to draw.

use super::Time;
use super::sample::{SamplePoint, SampleResolution};
use super::word::Side;
use rollcall_domain::World;
use rollcall_domain::alert::wording;
use rollcall_domain::incident::chart as domain;
use rollcall_domain::rule::expression::{Function, Read};
use rollcall_domain::rule::{Condition, Reduce};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What the lines of a chart are drawn against: the first series, or the number that is judged, which is no value of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinesOf {
    /// The first series.
    Series,
    /// The number that is judged.
    Judged,
}

/// What a rule makes of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReadAs {
    /// The newest value.
    Last,
    /// The smallest of the window.
    Min,
    /// The largest of the window.
    Max,
    /// The mean of the window.
    Avg,
    /// The sum of the window.
    Sum,
    /// The newest value minus the smallest of the window.
    Increase,
    /// Growth a second over the window.
    Rate,
    /// Seconds until a target is reached, by a line through the window.
    Forecast,
    /// Deviations from what is usual at this hour of this weekday.
    Baseline,
    /// Seconds since a value came.
    Absence,
}

/// A series that a rule reads.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ChartSeries {
    /// The configuration item that measures it, where that is another than the alert's: a check about one is run by others.
    pub ci: Option<String>,
    /// Metric.
    pub metric: String,
    /// Its unit in UCUM notation, such as `By`, `s` or `1` for a ratio; null where it is not known.
    pub unit: Option<String>,
    /// Attributes of the series.
    pub attributes: BTreeMap<String, String>,
    /// What the rule makes of it; null where that was not written down.
    pub read_as: Option<ReadAs>,
    /// Length of the window, ms; null without one.
    pub window_ms: Option<u64>,
}

/// The number that a rule judges, which it makes of its series.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ChartNumber {
    /// In words.
    #[schema(example = "rate over 10 min of system.network.errors as a share of rate over 10 min of system.network.packets")]
    pub what: String,
    /// Its unit in UCUM notation; null where it is not known.
    pub unit: Option<String>,
}

/// What is usual in one hour.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct UsualHour {
    /// Begin of the hour.
    pub at: Time,
    /// Median of the same hour of the last weeks.
    pub median: f64,
    /// One deviation. The band that a level leaves is the median ± the level × this.
    pub deviation: f64,
}

/// What series are held against besides the levels. `series` counts the chart's series from 0; values are in the unit of that series.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ChartReference {
    /// A forecast: what must not be reached.
    Target {
        /// Of which series.
        series: usize,
        /// How much.
        value: f64,
    },
    /// A forecast: the fitted line, from a point of it on.
    Trend {
        /// Of which series.
        series: usize,
        /// Time of the point: that of the newest sample when the incident opened.
        at: Time,
        /// The line's value there.
        value: f64,
        /// How it goes on, a second.
        per_second: f64,
        /// When it meets the target; null when it does not within ten years.
        reaches_at: Option<Time>,
    },
    /// An increase: the smallest value of the window, from which it is counted.
    Minimum {
        /// Of which series.
        series: usize,
        /// How much.
        value: f64,
    },
    /// A baseline: what is usual.
    Usual {
        /// Of which series.
        series: usize,
        /// Hour by hour, as far as it is known.
        hours: Vec<UsualHour>,
    },
    /// An absence: when one of the series last came; where none ever did, since when it has been looked for.
    LastSeen {
        /// When.
        at: Time,
    },
}

/// What a chart must show so that the breach is seen.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Chart {
    /// Metric of the first series.
    pub metric: String,
    /// Its unit in UCUM notation, such as `By`, `s` or `1` for a ratio; null where it is not known.
    pub unit: Option<String>,
    /// Attributes of the first series.
    pub attributes: BTreeMap<String, String>,
    /// Begin of the window.
    pub from: Time,
    /// End of the window.
    pub to: Time,
    /// Which side of the lines is bad.
    pub side: Side,
    /// The line at which a warning is raised, of what `lines_of` says.
    pub warning: Option<f64>,
    /// The line at which it becomes critical, of what `lines_of` says.
    pub critical: Option<f64>,
    /// What the lines are drawn against.
    pub lines_of: LinesOf,
    /// All series that the rule reads, in the order of its condition.
    pub series: Vec<ChartSeries>,
    /// The number that is judged; null where it was not written down what that is, and where series are judged as they are.
    pub judged: Option<ChartNumber>,
    /// What else the series are held against.
    pub references: Vec<ChartReference>,
}

/// A series that a rule reads, with its points.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DrawnSeries {
    /// The configuration item that measures it.
    pub ci: String,
    /// Metric.
    pub metric: String,
    /// Its unit in UCUM notation, such as `By`, `s` or `1` for a ratio; null where it is not known.
    pub unit: Option<String>,
    /// Attributes of the series.
    pub attributes: BTreeMap<String, String>,
    /// What the rule makes of it; null where that was not written down.
    pub read_as: Option<ReadAs>,
    /// Length of the window, ms; null without one.
    pub window_ms: Option<u64>,
    /// The buckets, oldest first.
    pub points: Vec<SamplePoint>,
}

/// The number that a rule judges, with its points.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DrawnNumber {
    /// In words.
    pub what: String,
    /// Its unit in UCUM notation; null where it is not known.
    pub unit: Option<String>,
    /// The buckets, oldest first.
    pub points: Vec<SamplePoint>,
}

/// The chart of an incident with all of its points. All series have the same buckets; one without a value is null, never zero.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DrawnChart {
    /// Of which incident.
    #[schema(example = "inc_00000000000000000000000001")]
    pub incident: String,
    /// Of which configuration item.
    #[schema(example = "host_00000000000000000000000001")]
    pub ci: String,
    /// Begin of the window.
    pub from: Time,
    /// End of the window. There are no points after now.
    pub to: Time,
    /// Which side of the lines is bad.
    pub side: Side,
    /// The line at which a warning is raised, of what `lines_of` says.
    pub warning: Option<f64>,
    /// The line at which it becomes critical, of what `lines_of` says.
    pub critical: Option<f64>,
    /// What the lines are drawn against.
    pub lines_of: LinesOf,
    /// Length of a bucket.
    pub step_ms: i64,
    /// What the points of series were made of.
    pub resolution: SampleResolution,
    /// All series that the rule reads, in the order of its condition.
    pub series: Vec<DrawnSeries>,
    /// The number that was judged, computed anew from the samples; null where it was not written down what that is, and where series are
    /// judged as they are.
    pub judged: Option<DrawnNumber>,
    /// What else the series are held against, as it was when the incident opened.
    pub references: Vec<ChartReference>,
}

impl ReadAs {
    fn of(chart: &domain::Chart, read: Option<&Read>) -> Option<Self> {
        if matches!(chart.condition, Some(Condition::Absent { .. })) {
            return Some(Self::Absence);
        }
        if matches!(chart.condition, Some(Condition::TargetCheck { .. })) {
            return Some(Self::Last);
        }
        Some(match read?.function {
            Function::Reduce(Reduce::Last) => Self::Last,
            Function::Reduce(Reduce::Min) => Self::Min,
            Function::Reduce(Reduce::Max) => Self::Max,
            Function::Reduce(Reduce::Avg) => Self::Avg,
            Function::Reduce(Reduce::Sum) => Self::Sum,
            Function::Reduce(Reduce::Increase) => Self::Increase,
            Function::Reduce(Reduce::Rate) => Self::Rate,
            Function::Forecast { .. } => Self::Forecast,
            Function::Baseline => Self::Baseline,
        })
    }
}

/// The series of a chart.
pub fn series_of(world: &World, chart: &domain::Chart) -> Vec<ChartSeries> {
    let all = chart.all_series().into_iter().zip(chart.reads());
    all.map(|(one, read)| ChartSeries {
        ci: one.ci.map(|ci| ci.to_string()),
        unit: unit_of(world, &one.metric),
        metric: one.metric,
        attributes: one.attributes,
        read_as: ReadAs::of(chart, read.as_ref()),
        window_ms: read.map(|read| read.window_ms).filter(|window_ms| *window_ms > 0),
    })
    .collect()
}

/// The number that is judged.
pub fn judged(world: &World, chart: &domain::Chart) -> Option<ChartNumber> {
    let condition = chart.condition.as_ref().filter(|condition| !matches!(condition, Condition::TargetCheck { .. }))?;
    let what = match condition {
        Condition::Absent { metric, .. } => format!("time since {metric} came"),
        Condition::Check { .. } => "state of the check".to_owned(),
        _ => wording::what(condition),
    };
    Some(ChartNumber { what, unit: unit(world, condition) })
}

fn unit_of(world: &World, metric: &str) -> Option<String> {
    world.unit_of(metric).map(str::to_owned)
}

fn unit(world: &World, condition: &Condition) -> Option<String> {
    match condition {
        Condition::Threshold { metric, reduce: Reduce::Rate, .. } => unit_of(world, metric).map(|unit| format!("{unit}/s")),
        Condition::Threshold { metric, .. } => unit_of(world, metric),
        Condition::Ratio { .. } | Condition::Check { .. } => Some("1".to_owned()),
        Condition::Baseline { .. } => Some("{deviation}".to_owned()),
        Condition::Forecast { .. } | Condition::Absent { .. } => Some("s".to_owned()),
        _ => None,
    }
}

/// What else series are held against.
pub fn references(chart: &domain::Chart) -> Vec<ChartReference> {
    chart.references.iter().map(Into::into).collect()
}

impl Chart {
    /// The chart of an incident.
    pub fn new(world: &World, chart: &domain::Chart) -> Self {
        Self {
            metric: chart.metric.clone(),
            unit: unit_of(world, &chart.metric),
            attributes: chart.attributes.clone(),
            from: Time(chart.from),
            to: Time(chart.to),
            side: chart.side.into(),
            warning: chart.warning,
            critical: chart.critical,
            lines_of: chart.lines_of().into(),
            series: series_of(world, chart),
            judged: judged(world, chart),
            references: references(chart),
        }
    }
}

impl From<domain::LinesOf> for LinesOf {
    fn from(lines: domain::LinesOf) -> Self {
        match lines {
            domain::LinesOf::Series => Self::Series,
            domain::LinesOf::Judged => Self::Judged,
        }
    }
}

impl From<&domain::Reference> for ChartReference {
    fn from(reference: &domain::Reference) -> Self {
        let hour = |hour: &domain::UsualHour| UsualHour { at: Time(hour.at), median: hour.usual.median, deviation: hour.usual.deviation };
        match reference {
            domain::Reference::Target { series, value } => Self::Target { series: *series, value: *value },
            domain::Reference::Trend { series, at, value, per_second, reaches_at } => {
                Self::Trend { series: *series, at: Time(*at), value: *value, per_second: *per_second, reaches_at: reaches_at.map(Time) }
            }
            domain::Reference::Minimum { series, value } => Self::Minimum { series: *series, value: *value },
            domain::Reference::Usual { series, hours } => Self::Usual { series: *series, hours: hours.iter().map(hour).collect() },
            domain::Reference::LastSeen { at } => Self::LastSeen { at: Time(*at) },
        }
    }
}
