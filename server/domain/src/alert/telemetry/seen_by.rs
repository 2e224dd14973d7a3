//! What an alert is judged by: the series that its rule reads of its host, and what is remembered of them.

use super::*;
use crate::alert::Alert;
use crate::rule::plan::{Apart, Moment, Remembered};
use crate::trust::Trust;

/// What an alert is judged by.
#[derive(Clone, Debug)]
pub struct SeenBy<'a> {
    /// The series that the rule reads, in the order of its condition; for an absence those that would end it.
    pub inputs: Vec<(&'a Series, Remembered<'a>)>,
    /// When there last was a number to judge; for an absence when one of its series came, or since when it is looked for.
    pub last_value: Timestamp,
}

impl Telemetry {
    /// What an alert is judged by; `None` when no agent or collector of its item judges it now.
    #[must_use]
    pub fn seen_by(&self, trust: &Trust, alert: &Alert) -> Option<SeenBy<'_>> {
        let voices = self.speaker(alert.key.ci).into_iter().chain(trust.voices_of(alert.key.ci));
        voices.filter_map(|voice| self.agents.get(&voice)).find_map(|state| state.seen_by(alert))
    }
}

impl AgentState {
    fn seen_by(&self, alert: &Alert) -> Option<SeenBy<'_>> {
        let plan = self.view.plan.as_ref()?;
        let position = plan.position(tag(alert))?;
        let (entry, slot) = (plan.entries.get(position)?, self.view.slots.get(position)?);
        let inputs = entry.inputs(&self.windows, &self.baselines);
        let inputs = inputs.filter_map(|(place, memory)| Some((plan.series().get(place)?, memory))).collect();
        Some(SeenBy { inputs, last_value: slot.last_value })
    }

    /// The number that the entry of this tag makes of the newest values. What they leave behind is remembered already: to read them again
    /// changes nothing.
    pub(in crate::alert) fn number(&mut self, tag: u64) -> Option<f64> {
        let plan = Arc::clone(self.view.plan.as_ref()?);
        let position = plan.position(tag)?;
        let (entry, mut last_value) = (plan.entries.get(position)?, self.view.slots.get(position)?.last_value);
        let at = self.measured_at?;
        let fresh: Vec<bool> = self.times.iter().map(|time| *time >= at).collect();
        let apart = plan.comes_apart.then_some(Apart { times: &self.times, fresh: &fresh, came_at: at });
        let moment = Moment { at, values: &self.latest, apart };
        let mut memories = Memories { windows: &mut self.windows, baselines: &mut self.baselines };
        entry.judge(entry.own(moment), &mut memories, &mut last_value, None).map(|(_, value)| value)
    }
}
