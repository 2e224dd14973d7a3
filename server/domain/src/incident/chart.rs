//! What a chart must show so that a person sees what a rule judged: the series that it read, the number that it made of them, and what that
//! was held against, as all of that was when the incident opened.
//!
//! Invariant: lines of levels are lines of the number that is judged. Only where that number is a value of the first series, in its unit,
//! are they lines of that series too: [`Chart::lines_of`] says so.

use crate::World;
use crate::alert::{Alert, target};
use crate::id::CiId;
use crate::rule::baseline::Usual;
use crate::rule::expression::{self, Function, Read};
use crate::rule::plan::Remembered;
use crate::rule::select::effective;
use crate::rule::window::Trend;
use crate::rule::{Condition, Reduce, Rule};
use rollcall_shared::Timestamp;
use rollcall_shared::message::Side;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// What a chart shows at least before and after the moment of the breach: how it came about, and the first minutes of what became of it.
const SPAN: (Duration, Duration) = (Duration::from_secs(3 * 3600), Duration::from_secs(15 * 60));

/// The longest that a chart shows: as long as a window may be.
const LONGEST: Duration = Duration::from_secs(31 * 86_400);

/// Series of one chart: as many as an expression can read.
pub const SERIES: usize = expression::LEAVES;

/// Hours of a week: what is usual comes again after as many.
const HOURS: usize = 168;

const HOUR_MS: i64 = 3_600_000;

/// What a chart must show so that the breach is seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chart {
    /// Metric of the first series.
    pub metric: String,
    /// Attributes of the first series.
    pub attributes: BTreeMap<String, String>,
    /// Begin of the window.
    pub from: Timestamp,
    /// End of the window; after the moment in which the incident opened.
    pub to: Timestamp,
    /// Which side of the lines is bad.
    pub side: Side,
    /// The line at which a warning is raised, of the number that is judged.
    pub warning: Option<f64>,
    /// The line at which it becomes critical, of the number that is judged.
    pub critical: Option<f64>,
    /// All series that the condition reads, in its order; see [`Chart::all_series`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub series: Vec<ChartSeries>,
    /// What makes the number that is judged of them; `None` where that was not written down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
    /// What besides the levels the series are held against.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<Reference>,
}

/// A series of a chart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ChartSeries {
    /// Whose; that of the item itself unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ci: Option<CiId>,
    /// Metric.
    pub metric: String,
    /// All of its attributes.
    pub attributes: BTreeMap<String, String>,
}

/// What a series is held against. `series` is a position among those of the chart; values are in the unit of that series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Reference {
    /// A forecast: what must not be reached.
    Target {
        /// Of which series.
        series: usize,
        /// How much.
        value: f64,
    },
    /// A forecast: the fitted line.
    Trend {
        /// Of which series.
        series: usize,
        /// Time of a point on the line: that of the newest sample.
        at: Timestamp,
        /// Its value there.
        value: f64,
        /// How it goes on, a second.
        per_second: f64,
        /// When it meets the target; `None` when it does not within ten years.
        reaches_at: Option<Timestamp>,
    },
    /// An increase: the smallest value of the window, which it is counted from.
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
        at: Timestamp,
    },
}

/// What is usual in one hour.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct UsualHour {
    /// Begin of the hour.
    pub at: Timestamp,
    /// What it is.
    #[serde(flatten)]
    pub usual: Usual,
}

/// What the lines of a chart are drawn against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinesOf {
    /// The first series.
    Series,
    /// The number that is judged, which is no value of a series.
    Judged,
}

impl Chart {
    /// All of its series; the first alone where no others were written down.
    #[must_use]
    pub fn all_series(&self) -> Vec<ChartSeries> {
        if self.series.is_empty() {
            return vec![ChartSeries { ci: None, metric: self.metric.clone(), attributes: self.attributes.clone() }];
        }
        self.series.clone()
    }

    /// What is made of each of its series, as far as that is written down.
    #[must_use]
    pub fn reads(&self) -> Vec<Option<Read>> {
        let expression = self.condition.as_ref().and_then(expression::of);
        let mut reads = expression.iter().flat_map(|value| value.reads()).cloned();
        self.all_series().iter().map(|_| reads.next()).collect()
    }

    /// What its lines are drawn against.
    #[must_use]
    pub fn lines_of(&self) -> LinesOf {
        match &self.condition {
            // Without a condition it is of a rule on one metric: there were no other charts before conditions were written down.
            None | Some(Condition::Check { .. } | Condition::TargetCheck { .. }) => LinesOf::Series,
            Some(Condition::Threshold { reduce: Reduce::Last | Reduce::Min | Reduce::Max | Reduce::Avg, .. }) => LinesOf::Series,
            Some(_) => LinesOf::Judged,
        }
    }

    /// How far a value of the first series is on the bad side of what is usual in its hour, for a rule on a baseline.
    #[must_use]
    pub fn deviation(&self, at: Timestamp, value: f64) -> Option<f64> {
        let hours = self.references.iter().find_map(|reference| match reference {
            Reference::Usual { series: 0, hours } => Some(hours),
            _ => None,
        })?;
        let deviation = hours.iter().find(|hour| hour.at == hour_of(at))?.usual.deviation(value)?;
        let is_below = matches!(self.condition, Some(Condition::Baseline { side: Side::Below, .. }));
        Some(if is_below { -deviation } else { deviation })
    }
}

/// The chart of an alert that fires: the window and the lines as they count for its item. `None` where the rule looks at no samples.
pub(super) fn of(world: &World, alert: &Alert, rule: &Rule, now: Timestamp) -> Option<Chart> {
    let rule = effective(rule, world, world.cmdb.cis.get(&alert.key.ci))?;
    let begins = alert.since.min(now).minus(shown(&rule.condition)).max(now.minus(LONGEST));
    let window = (begins, now.plus(SPAN.1));
    let (series, references) = evidence(world, alert, &rule.condition, window);
    let first = series.first()?;
    let line = |level: &Option<crate::rule::Level>| level.as_ref().filter(|_| rule.condition.has_lines()).map(|level| level.raise);
    Some(Chart {
        metric: first.metric.clone(),
        attributes: first.attributes.clone(),
        from: window.0,
        to: window.1,
        side: rule.condition.side(),
        warning: line(&rule.levels.warning),
        critical: line(&rule.levels.critical),
        series,
        condition: Some(rule.condition.clone()),
        references,
    })
}

/// How much is shown of the time before a breach: what the rule looked at, and a little more.
fn shown(condition: &Condition) -> Duration {
    let reads = expression::of(condition);
    let longest = reads.iter().flat_map(|value| value.reads()).map(|read| Duration::from_millis(read.window_ms)).max();
    let missing = match condition {
        Condition::Absent { after_ms, .. } => Duration::from_millis(*after_ms).saturating_add(SPAN.1),
        _ => Duration::ZERO,
    };
    longest.unwrap_or_default().max(missing).max(SPAN.0)
}

/// The series that a condition reads, and what they are held against.
fn evidence(world: &World, alert: &Alert, condition: &Condition, window: (Timestamp, Timestamp)) -> (Vec<ChartSeries>, Vec<Reference>) {
    if matches!(condition, Condition::TargetCheck { .. }) {
        return (target::watched(world, alert).take(SERIES).map(of_other).collect(), Vec::new());
    }
    let is_absence = matches!(condition, Condition::Absent { .. });
    let of_item = |metric: &str, attributes: BTreeMap<String, String>| ChartSeries { ci: None, metric: metric.to_owned(), attributes };
    let named = named(condition);
    let seen = world.telemetry.seen_by(&world.trust, alert).filter(|seen| {
        let read = || seen.inputs.iter().map(|(one, _)| one.metric.as_str());
        if is_absence {
            read().all(|metric| named.iter().any(|known| known == metric))
        } else {
            read().eq(named.iter().map(String::as_str))
        }
    });
    let Some(seen) = seen.filter(|_| !named.is_empty()) else {
        // What the host measured then is not at hand any more: an incident may open long after.
        let named = named.iter().take(SERIES);
        return (named.map(|metric| of_item(metric, alert.key.attributes.clone())).collect(), Vec::new());
    };
    let inputs = seen.inputs.iter().take(SERIES);
    let mut series: Vec<ChartSeries> = inputs.map(|(one, _)| of_item(&one.metric, one.attributes.iter().cloned().collect())).collect();
    if let Condition::Absent { metric, attributes, .. } = condition {
        if series.is_empty() {
            series.push(of_item(metric, attributes.clone()));
        }
        return (series, vec![Reference::LastSeen { at: seen.last_value }]);
    }
    let expression = expression::of(condition);
    let reads = expression.iter().flat_map(|value| value.reads());
    let references = reads.zip(&seen.inputs).enumerate().flat_map(|(place, (read, (_, memory)))| references(place, read, memory, window));
    (series, references.collect())
}

fn of_other((ci, metric, attributes): (CiId, String, BTreeMap<String, String>)) -> ChartSeries {
    ChartSeries { ci: Some(ci), metric, attributes }
}

/// The metrics that a condition names, in its order.
fn named(condition: &Condition) -> Vec<String> {
    match condition {
        Condition::Absent { metric, .. } => vec![metric.clone()],
        _ => expression::of(condition).iter().flat_map(|value| value.reads()).map(|read| read.metric.clone()).collect(),
    }
}

/// What one series is held against.
fn references(series: usize, read: &Read, memory: &Remembered<'_>, window: (Timestamp, Timestamp)) -> Vec<Reference> {
    match (read.function, memory) {
        (Function::Forecast { target, .. }, Remembered::Window(held)) => {
            let mut references = vec![Reference::Target { series, value: target }];
            let length_ms = i64::try_from(read.window_ms).unwrap_or(i64::MAX);
            references.extend(held.trend(length_ms).map(|Trend { at, value, per_second }| Reference::Trend {
                series,
                at,
                value,
                per_second,
                reaches_at: Trend { at, value, per_second }.reaches(target),
            }));
            references
        }
        (Function::Reduce(Reduce::Increase), Remembered::Window(held)) => {
            held.smallest().map(|value| Reference::Minimum { series, value }).into_iter().collect()
        }
        (Function::Baseline, Remembered::Baseline(baseline)) => {
            let last = hour_of(window.1);
            let hours = (0..).map(|place| Timestamp(hour_of(window.0).0.saturating_add(place * HOUR_MS))).take_while(|hour| *hour <= last);
            let known = hours.take(HOURS).filter_map(|at| Some(UsualHour { at, usual: baseline.usual(at)? }));
            vec![Reference::Usual { series, hours: known.collect() }]
        }
        _ => Vec::new(),
    }
}

fn hour_of(at: Timestamp) -> Timestamp {
    Timestamp(at.0.div_euclid(HOUR_MS).saturating_mul(HOUR_MS))
}

#[cfg(test)]
mod tests;
