//! Metrics that come and are in no catalogue: of collectors of the site, and of other systems.

use super::Telemetry;
use rollcall_shared::metric;
use rollcall_shared::sample::Series;
use std::collections::{BTreeMap, BTreeSet};

/// Metrics remembered: a site with more has names that are values.
const METRICS: usize = 10_000;

/// Names of attributes remembered of each.
const ATTRIBUTES: usize = 16;

/// Names of metrics, each with the names of its attributes.
#[derive(Clone, Debug, Default)]
pub(super) struct Foreign(BTreeMap<String, BTreeSet<String>>);

impl Foreign {
    /// Takes note of what is in a table; what agents always send is passed over.
    pub(super) fn note(&mut self, table: &[Series]) {
        for series in table.iter().filter(|series| metric::find(&series.metric).is_none()) {
            if !self.0.contains_key(&series.metric) && self.0.len() >= METRICS {
                continue;
            }
            let known = self.0.entry(series.metric.clone()).or_default();
            for (name, _) in &series.attributes {
                if known.len() < ATTRIBUTES && !known.contains(name) {
                    known.insert(name.clone());
                }
            }
        }
    }
}

impl Telemetry {
    /// Metrics that hosts sent since the server was started and that are in no catalogue, with the names of their attributes. What hosts send
    /// now is always among them.
    #[must_use]
    pub fn foreign_metrics(&self) -> &BTreeMap<String, BTreeSet<String>> {
        &self.plans.foreign.0
    }
}
