//! Flapping of other systems' alerts: by the same measure as our own, told by what their source says.
//!
//! A source speaks when something changes and when it repeats itself, so the state between two words is noted every five minutes, as often as
//! an Alertmanager tells of one group unless set otherwise: one that fires and ends with each of its messages flaps. While an alert
//! flaps its incident stays open and counts the come-backs; when it has been quiet for about fifteen such intervals, or changes less, it is
//! resolved if it is over. The history is kept with the alert, so a restart forgets nothing.

use super::{ExternalAlert, ExternalState};
use crate::alert::flapping::History;
use crate::alert::{AlertEvent, Suppression};
use crate::rule::{Flapping, Severity};
use crate::{Event, World};
use rollcall_shared::Timestamp;

/// Time after which the state is noted though nothing was said.
const INTERVAL_MS: u128 = 300_000;

/// The history with the state as it is from now on.
pub(super) fn noted(mut history: History, alert: &ExternalAlert, at: Timestamp) -> History {
    let state = match (alert.state, alert.severity) {
        (ExternalState::Resolved, _) => 0,
        (ExternalState::Firing, Some(Severity::Critical)) => 2,
        (ExternalState::Firing, _) => 1,
    };
    history.note_each(state, at, INTERVAL_MS);
    history
}

impl ExternalAlert {
    /// Whether it changes its mind too often.
    #[must_use]
    pub fn flaps(&self) -> bool {
        self.suppressed.contains_key(&Suppression::Flapping)
    }

    /// Whether its end leaves its incident open: it flaps, or begins to with this end.
    #[must_use]
    pub fn stays_open(&self) -> bool {
        self.flaps() || self.turns() == Some(true)
    }

    fn turns(&self) -> Option<bool> {
        self.history.turns(self.flaps(), Flapping::default())
    }
}

/// The event that one begins or ends to flap, by a change that has just been applied.
pub(in crate::alert) fn turned(world: &World, changed: &ExternalAlert, at: Timestamp) -> Option<Event> {
    let alert = world.alerts.external.alerts.get(&changed.dedup_key())?;
    let begins = || format!("it flaps: {:.1} % of its last states were changes", alert.history.percent());
    Some(suppressed(alert, alert.turns()?.then(begins), at))
}

/// Alerts that flapped and have been quiet.
pub(in crate::alert) fn tick(world: &World, now: Timestamp) -> Vec<Event> {
    let flapping = world.alerts.external.alerts.values().filter(|alert| alert.flaps());
    let is_quiet = |alert: &&ExternalAlert| noted(alert.history, alert, now).turns(true, Flapping::default()) == Some(false);
    flapping.filter(is_quiet).map(|alert| suppressed(alert, None, now)).collect()
}

fn suppressed(alert: &ExternalAlert, reason: Option<String>, at: Timestamp) -> Event {
    Event::Alert(AlertEvent::AlertSuppressed { alert: alert.id, axis: Suppression::Flapping, reason, incident: None, at })
}

#[cfg(test)]
mod tests;
