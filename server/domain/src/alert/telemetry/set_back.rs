//! The server's clock, when it was set back.
//!
//! What it dated before lies ahead of it then. Left as it is, that would shut out every sample, hold up every wait and hide every silence
//! until the clock is there again; so it counts as of now. A step that is caught up with in one push interval is none to speak of.
//!
//! Invariant: nothing that lasts is cut short by this, and no alert changes by it.

use super::{AgentState, Slot, Telemetry, View};
use crate::alert::Alert;
use crate::alert::machine::Position;
use crate::rule::window::Window;
use rollcall_shared::{AgentId, Timestamp};

/// How far the server's clock may go back before what it dated is given up; less than that is caught up with in one push interval.
pub(in crate::alert) const CLOCK_STEP_MS: i64 = 60_000;

/// Whether a moment is so far ahead of now that only a wrong clock can have shown it.
pub(super) fn is_wrong(dated: Timestamp, now: Timestamp) -> bool {
    dated.0 > now.0.saturating_add(CLOCK_STEP_MS)
}

impl Telemetry {
    /// Who was heard at a moment that is yet to come was heard now at the latest: silence begins to count. Answers who they are.
    pub(in crate::alert) fn catch_up(&mut self, now: Timestamp) -> Vec<AgentId> {
        self.resumed_at = self.resumed_at.map(|at| if is_wrong(at, now) { now } else { at });
        let ahead = self.agents.iter_mut().filter(|(_, state)| is_wrong(state.last_seen, now));
        let caught_up = ahead.map(|(&agent, state)| {
            state.forget_times(now);
            state.last_seen = now;
            agent
        });
        caught_up.collect()
    }
}

impl AgentState {
    /// What was dated by the wrong clock would shut out everything until it has caught up.
    pub(super) fn forget_times(&mut self, now: Timestamp) {
        self.measured_at = None;
        self.times.fill(Timestamp(0));
        self.windows.iter_mut().for_each(Window::clear);
        self.view.slots.iter_mut().for_each(|slot| slot.last_value = slot.last_value.min(now));
    }
}

impl Slot {
    /// Where its alert is. The alert keeps the moment that a wrong clock gave it; what waits goes on from the one that is counted from here.
    pub(super) fn caught_up(&self, alert: &Alert) -> Position {
        let (told, counted) = (alert.position(), self.position);
        if self.alert != Some(alert.id) || counted.state != told.state {
            return told;
        }
        let worse_since = told.worse_since.map(|at| counted.worse_since.map_or(at, |counted| at.min(counted)));
        Position { since: told.since.min(counted.since), worse_since, ..told }
    }
}

impl View {
    /// Another agent has spoken for the host meanwhile: what is counted here is of no worth beside the alerts.
    pub(super) fn distrust(&mut self) {
        self.reconciled = 0;
        self.slots.iter_mut().for_each(|slot| slot.alert = None);
    }
}
