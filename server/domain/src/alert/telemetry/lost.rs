//! Series that stop coming, where no clock of the server says so: in back-tests and in the tests of rules.

use super::*;
use crate::alert::machine;

impl AgentState {
    /// What the passing of time means for machines whose series have not come for so long while others did: they know nothing. What is
    /// judged by missing is not concerned.
    pub(in super::super) fn lose_vanished(&mut self, patience_ms: u64) {
        let (Some(plan), Some(newest)) = (self.view.plan.as_ref(), self.measured_at) else { return };
        let gone = |since: Timestamp| newest.since(since).as_millis() >= u128::from(patience_ms);
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
