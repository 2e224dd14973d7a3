//! Chosen series over one span, all in the same buckets: what charts are drawn from.

use super::super::view::sample::{SamplePoint, SampleResolution, points};
use super::bucket::Buckets;
use super::wanted::{Wanted, fit};
use super::{History, read_page};
use crate::answer::ApiError;
use crate::engine::Retention;
use rollcall_domain::sample::{Attributes, Row};
use rollcall_shared::{AgentId, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;

/// A span in buckets, of which nothing is after now.
pub struct Grid(Wanted);

impl Grid {
    /// Of about 300 buckets.
    pub fn new((from, to): (Timestamp, Timestamp), now: Timestamp, kept: Retention) -> Result<Self, ApiError> {
        // What is measured in this very millisecond is shown.
        let to = to.min(now.plus(Duration::from_millis(1)));
        Wanted::over(("", None), Vec::new(), (from, to), None, (now, kept)).map(Self)
    }

    /// Begin, at a whole step, and end, not included.
    pub fn span(&self) -> (Timestamp, Timestamp) {
        (self.0.from, self.0.to)
    }

    /// Length of a bucket.
    pub fn step_ms(&self) -> i64 {
        self.0.step_ms
    }

    /// What series are made of.
    pub fn resolution(&self) -> SampleResolution {
        self.0.resolution
    }

    /// The one series of a metric that has just these attributes, whoever measures it.
    pub fn series(
        &self,
        history: &History,
        agents: &[AgentId],
        (metric, attributes): (&str, &BTreeMap<String, String>),
    ) -> Result<Vec<SamplePoint>, ApiError> {
        let all: Attributes = attributes.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        let is_it = |known: &Attributes| known.len() == all.len() && fit(&all, known);
        let wanted = self.0.about(metric, all.clone());
        let mut buckets = self.buckets();
        for page in wanted.pages() {
            let tracks = read_page(history, agents, &wanted, page)?;
            let rows = tracks.iter().filter(|(known, _)| is_it(known)).flat_map(|(_, rows)| rows);
            rows.for_each(|row| buckets.add(&all, row));
        }
        Ok(self.points(buckets))
    }

    /// Numbers with their moments, in order of time.
    pub fn numbers(&self, numbers: &[(Timestamp, f64)]) -> Vec<SamplePoint> {
        let mut buckets = self.buckets();
        numbers.iter().for_each(|(at, number)| buckets.add(&Vec::new(), &Row::of(*at, *number)));
        self.points(buckets)
    }

    fn buckets(&self) -> Buckets {
        Buckets::new(self.0.from, self.0.step_ms, self.0.count)
    }

    fn points(&self, buckets: Buckets) -> Vec<SamplePoint> {
        let found = buckets.series.into_values().next().unwrap_or_else(|| vec![None; self.0.count]);
        points((self.0.from, self.0.step_ms), &found)
    }
}
