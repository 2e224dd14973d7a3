//! How many items of a class were counted, and what was wrong with them.

use super::{Examined, Metric, ReasonCode};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Points of an item that has everything.
pub(super) const WHOLE: u64 = 1_000;

/// Counts of the items of one class.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Items.
    pub cis: u64,
    /// Of a thousand for each item: how complete it is.
    pub completeness: u64,
    /// Items that fail each metric; none that nothing fails.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub failing: BTreeMap<Metric, u64>,
    /// Items by reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reasons: BTreeMap<ReasonCode, u64>,
    /// Items that lack each expected attribute.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lacking: BTreeMap<String, u64>,
}

/// What counts come to: 0 to 100 with one decimal, 100 when nothing is wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scores {
    /// The mean of all metrics.
    pub health: f64,
    /// In the order of [`Metric::ALL`].
    pub metrics: [f64; 5],
}

impl Tally {
    /// Counts an item.
    pub fn count(&mut self, examined: &Examined<'_>) {
        self.cis += 1;
        self.completeness += examined.completeness;
        let codes = |wanted: &dyn Fn(ReasonCode) -> bool| examined.reasons.iter().any(|reason| wanted(reason.code()));
        for metric in Metric::ALL {
            if codes(&|code| code.metric() == metric && code.fails()) {
                *self.failing.entry(metric).or_default() += 1;
            }
        }
        let mut seen: Vec<ReasonCode> = Vec::new();
        for reason in &examined.reasons {
            let code = reason.code();
            if !seen.contains(&code) {
                seen.push(code);
                *self.reasons.entry(code).or_default() += 1;
            }
            if let (ReasonCode::LacksRequired | ReasonCode::LacksRecommended, Some(name)) = (code, reason.attribute()) {
                match self.lacking.get_mut(name) {
                    Some(count) => *count += 1,
                    None => drop(self.lacking.insert(name.to_owned(), 1)),
                }
            }
        }
    }

    /// Adds other counts.
    pub fn add(&mut self, other: &Self) {
        self.cis += other.cis;
        self.completeness += other.completeness;
        other.failing.iter().for_each(|(metric, count)| *self.failing.entry(*metric).or_default() += count);
        other.reasons.iter().for_each(|(code, count)| *self.reasons.entry(*code).or_default() += count);
        other.lacking.iter().for_each(|(name, count)| *self.lacking.entry(name.clone()).or_default() += count);
    }

    /// Items that fail a metric.
    #[must_use]
    pub fn failing(&self, metric: Metric) -> u64 {
        self.failing.get(&metric).copied().unwrap_or(0)
    }

    /// The scores; `None` without items.
    #[must_use]
    pub fn scores(&self) -> Option<Scores> {
        if self.cis == 0 {
            return None;
        }
        let cis = self.cis as f64;
        let exact = Metric::ALL.map(|metric| match metric {
            Metric::Completeness => 100.0 * self.completeness as f64 / (WHOLE as f64 * cis),
            _ => 100.0 * (1.0 - self.failing(metric) as f64 / cis),
        });
        let health = exact.iter().sum::<f64>() / exact.len() as f64;
        Some(Scores { health: rounded(health), metrics: exact.map(rounded) })
    }
}

/// To one decimal, downwards: 100 says that nothing is wrong.
fn rounded(score: f64) -> f64 {
    // What floating point takes from a round number must not cost it a decimal.
    ((score + 1e-9) * 10.0).floor() / 10.0
}
