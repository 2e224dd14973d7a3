//! The newest values of an agent or a collector, as readers see them.
//!
//! An agent's are of one moment. A collector's are each of their own, and count for as long as rules take them for current.

use super::*;
use crate::rule::plan::PATIENCE;
use rollcall_shared::Section;

/// The newest values of one agent or collector.
#[derive(Clone, Copy, Debug)]
pub struct Newest<'a> {
    table: &'a [Series],
    state: &'a AgentState,
    /// When the newest of them was measured, or came if that is earlier.
    pub at: Timestamp,
}

impl<'a> Newest<'a> {
    /// Series that have a value, each with it and with when it was measured.
    pub fn values(self) -> impl Iterator<Item = (&'a Series, f64, Timestamp)> {
        let values = self.table.iter().zip(self.state.newest_values(self.at));
        values.filter_map(|(series, (value, at))| Some((series, value?, at)))
    }

    /// Those that were measured within so long before `now`, a collector's within five minutes.
    pub fn within(self, time: Duration, now: Timestamp) -> impl Iterator<Item = (&'a Series, f64, Timestamp)> {
        let patience = if self.state.times.is_empty() { time } else { time.min(PATIENCE) };
        self.values().filter(move |(.., at)| now.since(*at) <= patience)
    }
}

/// The table of the newest set, and the newest values in the table's order.
#[derive(Clone, Debug)]
pub struct Current<'a> {
    /// Its name.
    pub table: ContentHash,
    /// The table.
    pub section: &'a Arc<Section>,
    /// The values.
    pub values: Vec<Option<f64>>,
}

impl AgentState {
    /// The newest values as far as they count at a moment, in the table's order, each with its own.
    fn newest_values(&self, now: Timestamp) -> impl Iterator<Item = (Option<f64>, Timestamp)> {
        self.latest.iter().enumerate().map(move |(place, value)| match self.times.get(place) {
            Some(&at) => (value.filter(|_| now.since(at) < PATIENCE), at),
            None => (*value, now),
        })
    }
}

impl Telemetry {
    /// The newest values, in the order of the agent's table, each with its time.
    #[must_use]
    pub fn latest(&self, agent: AgentId) -> Vec<(Series, Option<f64>, Timestamp)> {
        let Some(newest) = self.newest(agent) else { return Vec::new() };
        newest.table.iter().zip(newest.state.newest_values(newest.at)).map(|(series, (value, at))| (series.clone(), value, at)).collect()
    }

    /// As [`Telemetry::latest`], without copies.
    #[must_use]
    pub fn newest(&self, agent: AgentId) -> Option<Newest<'_>> {
        let state = self.agents.get(&agent)?;
        Some(Newest { table: state.view.plan.as_ref()?.series(), state, at: state.measured_at? })
    }

    /// The newest values with their table, as far as it is at hand.
    #[must_use]
    pub fn current(&self, agent: AgentId) -> Option<Current<'_>> {
        let state = self.agents.get(&agent)?;
        let plan = state.view.plan.as_ref().filter(|plan| state.table == Some(plan.key.table))?;
        let at = state.measured_at.unwrap_or(Timestamp(0));
        let values = state.newest_values(at).map(|(value, _)| value).collect();
        Some(Current { table: plan.key.table, section: plan.section(), values })
    }

    /// Takes out of a collector's set what is its newest word on a series already.
    pub fn strip_known(&self, voice: AgentId, set: &mut SampleSet) {
        let Some(state) = self.agents.get(&voice).filter(|state| state.table == Some(set.table)) else { return };
        for ((value, known), at) in set.values.iter_mut().zip(&state.latest).zip(&state.times) {
            if *at == set.at && value == known {
                *value = None;
            }
        }
    }
}
