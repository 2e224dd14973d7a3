//! Series that stop coming: the last word on them, and what their silence means where no clock of the server says so, in back-tests and in
//! the tests of rules.

use super::*;
use crate::alert::{Alert, machine};
use crate::rule::plan::PATIENCE;

/// What a collector last said of an alert's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::alert) enum LastWord {
    /// It could be made of values of then.
    Number(Timestamp),
    /// A series that it is made of has ended.
    Ended,
}

impl AgentState {
    /// The last word on an alert; `None` when the table does not have its series.
    pub(in crate::alert) fn last_word(&self, alert: &Alert) -> Option<LastWord> {
        let plan = self.view.plan.as_ref()?;
        let position = plan.position(tag(alert))?;
        let has_ended = |series: usize| {
            let was_told = self.times.get(series).is_some_and(|at| *at > Timestamp(0));
            was_told && self.latest.get(series).is_some_and(Option::is_none)
        };
        if plan.entries.get(position)?.needs_any(has_ended) {
            return Some(LastWord::Ended);
        }
        self.view.slots.get(position).map(|slot| LastWord::Number(slot.last_value))
    }

    /// What the passing of time means for machines that have had no number for so long while other series came: they know nothing. What is
    /// judged by missing is not concerned. A collector's values count for as long as they do live.
    pub(in super::super) fn lose_vanished(&mut self, patience_ms: u64) {
        let (Some(plan), Some(newest)) = (self.view.plan.as_ref(), self.measured_at) else { return };
        let patience = Duration::from_millis(patience_ms).max(if plan.comes_apart { PATIENCE } else { Duration::ZERO });
        let gone = |since: Timestamp| newest.since(since) >= patience;
        for (entry, slot) in plan.entries.iter().zip(&mut self.view.slots) {
            if !entry.is_absence() && gone(slot.last_value) {
                slot.position = machine::lose(slot.position, newest);
            }
        }
        if gone(self.table_since) {
            self.view.parked.iter_mut().for_each(|(_, slot)| slot.position = machine::lose(slot.position, newest));
        }
    }
}
