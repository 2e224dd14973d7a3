//! The newest values of an agent or a collector, as readers see them.

use super::*;
use rollcall_shared::Section;

/// The newest values of one agent.
#[derive(Clone, Copy, Debug)]
pub struct Newest<'a> {
    table: &'a [Series],
    values: &'a [Option<f64>],
    /// When they were measured.
    pub at: Timestamp,
}

impl<'a> Newest<'a> {
    /// Series that have a value, each with it.
    pub fn values(self) -> impl Iterator<Item = (&'a Series, f64)> {
        self.table.iter().zip(self.values).filter_map(|(series, value)| Some((series, (*value)?)))
    }
}

/// The table of the newest set, and its values in the table's order.
#[derive(Clone, Copy, Debug)]
pub struct Current<'a> {
    /// Its name.
    pub table: ContentHash,
    /// The table.
    pub section: &'a Arc<Section>,
    /// The values.
    pub values: &'a [Option<f64>],
}

impl Telemetry {
    /// The newest values, in the order of the agent's table, each with its time.
    #[must_use]
    pub fn latest(&self, agent: AgentId) -> Vec<(Series, Option<f64>, Timestamp)> {
        let Some(state) = self.agents.get(&agent) else { return Vec::new() };
        let (Some(plan), Some(at)) = (&state.view.plan, state.measured_at) else { return Vec::new() };
        plan.series().iter().zip(&state.latest).map(|(series, value)| (series.clone(), *value, at)).collect()
    }

    /// As [`Telemetry::latest`], without copies.
    #[must_use]
    pub fn newest(&self, agent: AgentId) -> Option<Newest<'_>> {
        let state = self.agents.get(&agent)?;
        Some(Newest { table: state.view.plan.as_ref()?.series(), values: &state.latest, at: state.measured_at? })
    }

    /// The newest set, as far as its table is at hand.
    #[must_use]
    pub fn current(&self, agent: AgentId) -> Option<Current<'_>> {
        let state = self.agents.get(&agent)?;
        let plan = state.view.plan.as_ref().filter(|plan| state.table == Some(plan.key.table))?;
        Some(Current { table: plan.key.table, section: plan.section(), values: &state.latest })
    }

    /// Whether the newest values say all that a set says of the same moment.
    #[must_use]
    pub fn is_known(&self, agent: AgentId, set: &SampleSet) -> bool {
        let state = self.agents.get(&agent).filter(|state| state.measured_at == Some(set.at) && state.table == Some(set.table));
        let says = |(known, value): (&Option<f64>, &Option<f64>)| value.is_none() || known == value;
        state.is_some_and(|state| state.latest.len() == set.values.len() && state.latest.iter().zip(&set.values).all(says))
    }
}
