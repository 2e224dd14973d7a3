//! Flapping: an alert that changes its mind too often to be told about each time.
//!
//! The last 21 states are kept: every change as it happens, and the state as it is once a minute. Each of the 20 steps from one to the
//! next that is a change weighs 0.8 (the oldest) to 1.2 (the newest); their share of 20 is the percentage that the rule's two lines are held against.
//! The history of our own alerts is memory of the process: after a restart an alert that flaps ends to do so when 21 states or 21 quiet
//! minutes have been seen, never at once.

use super::machine::Position;
use super::{Alert, AlertEvent, AlertState, Suppression};
use crate::rule::{Flapping, Severity};
use crate::{Event, World};
use rollcall_shared::Timestamp;
use serde::{Deserialize, Serialize};

/// Steps that are weighed.
const STEPS: u8 = 20;

/// Time after which the state is noted though it has not changed.
const INTERVAL_MS: u128 = 60_000;

/// Without a change for all of the history there is no flapping, whoever noted it.
const QUIET_MS: u128 = (STEPS as u128 + 1) * INTERVAL_MS;

/// The last states of an alert, two bits each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    bits: u64,
    count: u8,
    noted_at: Option<Timestamp>,
}

impl History {
    /// Takes note of a state: 0 for clear, 1 for warning, 2 for critical.
    pub fn note(&mut self, state: u8, at: Timestamp) {
        self.note_each(state, at, INTERVAL_MS);
    }

    /// The same where the state is noted every so many ms.
    pub(super) fn note_each(&mut self, state: u8, at: Timestamp, interval_ms: u128) {
        let state = u64::from(state & 3);
        let before = self.bits & 3;
        let quiet = self.noted_at.map_or(0, |noted| at.since(noted).as_millis() / interval_ms);
        if self.count > 0 && before == state && quiet == 0 {
            return;
        }
        // Intervals in which nothing was measured were as the one before.
        for _ in 1..quiet.min(u128::from(STEPS) + 1) {
            self.push(before);
        }
        self.push(state);
        self.noted_at = Some(at);
    }

    fn push(&mut self, state: u64) {
        self.bits = (self.bits << 2 | state) & ((1 << (2 * (u32::from(STEPS) + 1))) - 1);
        self.count = (self.count + 1).min(STEPS + 1);
    }

    /// Whether nothing was noted yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How much it flaps.
    #[must_use]
    pub fn percent(&self) -> f64 {
        let steps = self.count.saturating_sub(1);
        let changed = |back: &u8| self.bits >> (2 * back) & 3 != self.bits >> (2 * (back + 1)) & 3;
        let weight = |back: u8| 0.8 + 0.02 * f64::from(STEPS - 1 - back);
        (0..steps).filter(changed).map(weight).fold(0.0, |sum: f64, one| sum + one) / f64::from(STEPS) * 100.0
    }

    /// Whether it begins or ends to flap; `None` when nothing changes.
    #[must_use]
    pub fn turns(&self, flaps: bool, lines: Flapping) -> Option<bool> {
        let percent = self.percent();
        match flaps {
            false if percent > lines.start_percent => Some(true),
            true if percent <= lines.stop_percent && self.count > STEPS => Some(false),
            _ => None,
        }
    }
}

/// The state of a position as it is noted.
#[must_use]
pub(super) fn noted(position: Position) -> u8 {
    match (position.state, position.severity) {
        (AlertState::Firing, Some(Severity::Warning)) => 1,
        (AlertState::Firing, _) => 2,
        _ => 0,
    }
}

/// The event that an alert begins to flap.
pub(super) fn begins(alert: &Alert, percent: f64, at: Timestamp) -> Event {
    suppressed(alert, Some(format!("it flaps: {percent:.1} % of its last states were changes")), at)
}

/// The event that it ends.
pub(super) fn ends(alert: &Alert, at: Timestamp) -> Event {
    suppressed(alert, None, at)
}

/// Alerts that flapped and have been quiet, or are judged no more.
pub(super) fn tick(world: &World, now: Timestamp) -> Vec<Event> {
    let flapping = world.alerts.suppressed.iter().filter_map(|id| world.alerts.alerts.get(id)).filter(|alert| alert.flaps());
    flapping.filter(|alert| now.since(alert.since).as_millis() >= QUIET_MS).map(|alert| ends(alert, now)).collect()
}

fn suppressed(alert: &Alert, reason: Option<String>, at: Timestamp) -> Event {
    Event::Alert(AlertEvent::AlertSuppressed { alert: alert.id, axis: Suppression::Flapping, reason, incident: None, at })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Words `O`, `W`, `C`, one a minute.
    #[track_caller]
    fn check(states: &str, expected: &str) {
        let mut history = History::default();
        for (minute, state) in (0..).zip(states.chars()) {
            let state = u8::try_from("OWC".find(state).unwrap()).unwrap();
            history.note(state, Timestamp(minute * 60_000));
        }
        assert_eq!(format!("{:.1}", history.percent()), expected);
    }

    #[test]
    fn the_share_of_changes_is_weighed_by_age() {
        check("CCCWCWOOOOWWWWOOOWWWC", "39.1");
        check("OOOOOOOOOOOOOOOOOOOOO", "0.0");
        check("OCOCOCOCOCOCOCOCOCOCO", "99.0");
        check("CCCCCCCCCCCCCCCCCCCCO", "5.9");
        check("COOOOOOOOOOOOOOOOOOOO", "4.0");
        check("", "0.0");
    }

    #[test]
    fn it_begins_above_one_line_and_ends_at_the_other() {
        let mut history = History::default();
        let mut flaps = false;
        let mut turns = Vec::new();
        for minute in 0..60_i64 {
            history.note(if minute < 12 { u8::from(minute % 2 == 0) } else { 0 }, Timestamp(minute * 60_000));
            if let Some(now) = history.turns(flaps, Flapping::default()) {
                flaps = now;
                turns.push((minute, now));
            }
        }
        assert_eq!(turns, [(6, true), (26, false)]);
    }

    proptest! {
        #[test]
        fn a_percentage_is_one_whatever_is_noted(states in prop::collection::vec((any::<u8>(), any::<i64>()), 0..100)) {
            let mut history = History::default();
            for (state, at) in states {
                history.note(state, Timestamp(at));
                prop_assert!((0.0..=100.0).contains(&history.percent()));
            }
        }
    }
}
