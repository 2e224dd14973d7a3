//! The state machine of an alert instance: one pure table, and the memory of its transitions.
//!
//! Invariants: no data moves nothing ([`Judged::Nothing`] is the identity) except into `unknown`, and nothing but a clear
//! measurement leads to `resolved`; time is that of the measurement.

use super::{Alert, AlertEvent, AlertState, Alerts};
use crate::Record;
use crate::rule::{Rule, Severity};
use rollcall_shared::Timestamp;

/// Where an instance is, as far as the next step depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// State.
    pub state: AlertState,
    /// How bad; kept while unknown.
    pub severity: Option<Severity>,
    /// Since when it is in this state.
    pub since: Timestamp,
    /// Where it was before it became unknown.
    pub before_unknown: Option<AlertState>,
}

/// What a measurement means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// Nothing can be said: no data, or not enough of it.
    Nothing,
    /// The highest level beyond its raise line, and the highest that is raised or not yet clear.
    Level {
        /// Beyond the raise line.
        raised: Option<Severity>,
        /// At least `raised`; `None` is clear.
        held: Option<Severity>,
    },
}

/// How long a breach and a recovery must last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Before it fires.
    pub for_ms: u64,
    /// Before it resolves.
    pub keep_firing_for_ms: u64,
}

impl Timing {
    /// That of a rule.
    #[must_use]
    pub fn of(rule: &Rule) -> Self {
        Self { for_ms: rule.for_ms, keep_firing_for_ms: rule.keep_firing_for_ms }
    }
}

impl Position {
    /// Not breached.
    pub const INACTIVE: Self = Self { state: AlertState::Inactive, severity: None, since: Timestamp(0), before_unknown: None };

    /// Whether going from `before` to here is worth an event.
    #[must_use]
    pub fn differs(self, before: Self) -> bool {
        self.state != before.state || (self.state == AlertState::Firing && self.severity != before.severity)
    }

    fn to(self, state: AlertState, severity: Option<Severity>, at: Timestamp) -> Self {
        let since = if state == self.state { self.since } else { at };
        Self { state, severity, since, before_unknown: None }
    }

    fn lasted(self, at: Timestamp, ms: u64) -> bool {
        at.since(self.since).as_millis() >= u128::from(ms)
    }
}

/// The table. While pending every measurement must be beyond the raise line; while firing the level follows the measurement
/// at once; a recovery that is not clear throughout fires again.
#[must_use]
pub fn step(from: Position, judged: Judged, at: Timestamp, timing: Timing) -> Position {
    use AlertState::{Firing, Inactive, Pending, Recovering, Resolved, Unknown};
    let Judged::Level { raised, held } = judged else { return from };
    match (from.state, raised, held) {
        (Inactive | Resolved, None, _) => from,
        (Inactive | Resolved, Some(_), _) if timing.for_ms > 0 => from.to(Pending, raised, at),
        (Inactive | Resolved, Some(_), _) => from.to(Firing, raised, at),
        (Pending, None, _) => from.to(Inactive, None, at),
        (Pending, Some(_), _) if from.lasted(at, timing.for_ms) => from.to(Firing, raised, at),
        (Pending, Some(_), _) => from.to(Pending, raised, at),
        (Firing | Recovering, _, Some(_)) => from.to(Firing, held, at),
        (Firing, _, None) if timing.keep_firing_for_ms > 0 => from.to(Recovering, from.severity, at),
        (Firing, _, None) => from.to(Resolved, None, at),
        (Recovering, _, None) if from.lasted(at, timing.keep_firing_for_ms) => from.to(Resolved, None, at),
        (Recovering, _, None) => from,
        (Unknown, _, _) => {
            let firing = matches!(from.before_unknown, Some(Firing | Recovering));
            let (state, severity) = if firing { (Firing, from.severity) } else { (Inactive, None) };
            let back = Position { state, severity, before_unknown: None, since: at };
            step(back, judged, at, timing)
        }
    }
}

/// No data any more. What was nothing stays nothing.
#[must_use]
pub fn lose(from: Position, at: Timestamp) -> Position {
    match from.state {
        AlertState::Pending | AlertState::Firing | AlertState::Recovering => {
            Position { state: AlertState::Unknown, severity: from.severity, since: at, before_unknown: Some(from.state) }
        }
        AlertState::Inactive | AlertState::Resolved | AlertState::Unknown => from,
    }
}

/// People said that it is no matter any more (a rule switched off, an agent revoked).
#[must_use]
pub fn drop_it(from: Position, at: Timestamp) -> Position {
    match (from.state, from.before_unknown) {
        (AlertState::Inactive | AlertState::Resolved, _) => from,
        (AlertState::Pending, _) | (AlertState::Unknown, Some(AlertState::Pending)) => from.to(AlertState::Inactive, None, at),
        (AlertState::Firing | AlertState::Recovering | AlertState::Unknown, _) => from.to(AlertState::Resolved, None, at),
    }
}

impl Alert {
    /// Where it is.
    #[must_use]
    pub fn position(&self) -> Position {
        Position { state: self.state, severity: self.severity, since: self.since, before_unknown: self.before_unknown }
    }

    fn new(event: &AlertEvent) -> Self {
        let AlertEvent::AlertTransitioned { alert, key, at, .. } = event;
        Self {
            id: *alert,
            key: key.clone(),
            state: AlertState::Inactive,
            before_unknown: None,
            severity: None,
            value: None,
            since: *at,
            fired_at: None,
            resolved_at: None,
            times_fired: 0,
            incident: None,
            reason: String::new(),
            revision: 0,
        }
    }

    fn transition(&mut self, revision: u64, event: &AlertEvent) {
        let AlertEvent::AlertTransitioned { after, severity, value, at, reason, .. } = event;
        let paused = |state| matches!(state, AlertState::Firing | AlertState::Recovering);
        let begins = *after == AlertState::Firing && !paused(self.state) && !self.before_unknown.is_some_and(paused);
        if begins {
            self.fired_at = Some(*at);
            self.times_fired = self.times_fired.saturating_add(1);
        }
        if *after == AlertState::Resolved {
            self.resolved_at = Some(*at);
        }
        self.before_unknown = (*after == AlertState::Unknown).then_some(self.state);
        if *after != self.state {
            self.since = *at;
        }
        // One that has fired before keeps its history and is, when a new suspicion proves wrong, as resolved as it was.
        self.state = if *after == AlertState::Inactive { AlertState::Resolved } else { *after };
        self.severity = *severity;
        self.value = *value;
        self.reason.clone_from(reason);
        self.revision = revision;
    }
}

/// Remembers an event. Total.
pub fn apply(alerts: &mut Alerts, record: &Record, event: &AlertEvent) {
    let AlertEvent::AlertTransitioned { alert: id, key, after, .. } = event;
    let alert = alerts.alerts.entry(*id).or_insert_with(|| Alert::new(event));
    alert.transition(record.revision, event);
    let (state, times_fired) = (alert.state, alert.times_fired);
    let host = alerts.by_ci.entry(key.ci).or_default();
    host.revision = record.revision;
    if *after == AlertState::Inactive && times_fired == 0 {
        alerts.alerts.remove(id);
        alerts.keys.remove(key);
        host.alerts.remove(id);
    } else {
        alerts.keys.insert(key.clone(), *id);
        host.alerts.insert(*id);
    }
    match state {
        AlertState::Inactive | AlertState::Resolved => alerts.live.remove(id),
        AlertState::Pending | AlertState::Firing | AlertState::Recovering | AlertState::Unknown => alerts.live.insert(*id),
    };
}

#[cfg(test)]
mod tests;
