//! The state machine of an alert instance: one pure table, and the memory of its transitions.
//!
//! Invariants: no data moves nothing ([`Judged::Nothing`] is the identity) except into `unknown`, and nothing but a clear
//! measurement leads to `resolved`; time is that of the measurement.

use super::telemetry::CLOCK_STEP_MS;
use super::{Alert, AlertEvent, AlertKey, AlertState, Alerts, Suppression, outage};
use crate::Record;
use crate::id::AlertId;
use crate::rule::{Level, Rule, Severity};
use rollcall_shared::Timestamp;
use std::collections::BTreeMap;

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
    /// Since when it has been beyond the critical line, while it is not known yet whether that lasts.
    pub worse_since: Option<Timestamp>,
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
    /// Before the warning level fires; `None` for a rule without one. What is beyond the critical line is beyond this one's too.
    pub for_ms: Option<u64>,
    /// Before the critical level fires, be the warning level firing or not.
    pub critical_for_ms: u64,
    /// Before it resolves.
    pub keep_firing_for_ms: u64,
}

impl Timing {
    /// That of a rule.
    #[must_use]
    pub fn of(rule: &Rule) -> Self {
        let of = |level: &Option<Level>| level.as_ref().map(|level| level.for_ms.unwrap_or(rule.for_ms));
        let (for_ms, critical_for_ms) = (of(&rule.levels.warning), of(&rule.levels.critical).unwrap_or(rule.for_ms));
        Self { for_ms, critical_for_ms, keep_firing_for_ms: rule.keep_firing_for_ms }
    }
}

impl Position {
    /// Not breached.
    pub const INACTIVE: Self =
        Self { state: AlertState::Inactive, severity: None, since: Timestamp(0), before_unknown: None, worse_since: None };

    /// Whether going from `before` to here is worth an event.
    #[must_use]
    pub fn differs(self, before: Self) -> bool {
        self.is_other(before) || self.worse_since.is_some() != before.worse_since.is_some()
    }

    /// Whether it is in another state than `before`, or fires at another level.
    #[must_use]
    pub fn is_other(self, before: Self) -> bool {
        self.state != before.state || (self.state == AlertState::Firing && self.severity != before.severity)
    }

    fn to(self, state: AlertState, severity: Option<Severity>, at: Timestamp) -> Self {
        let since = if state == self.state { self.since } else { at };
        Self { state, severity, since, before_unknown: None, worse_since: None }
    }

    /// What lasts since a moment that only a wrong clock can have shown lasts since now: it would wait until the clock is there again.
    fn by_right_clock(self, at: Timestamp) -> Self {
        let right = |since: Timestamp| if since.0 > at.0.saturating_add(CLOCK_STEP_MS) { at } else { since };
        let waits = matches!(self.state, AlertState::Pending | AlertState::Recovering);
        Self { since: if waits { right(self.since) } else { self.since }, worse_since: self.worse_since.map(right), ..self }
    }

    fn lasted(self, at: Timestamp, ms: u64) -> bool {
        at.since(self.since).as_millis() >= u128::from(ms)
    }

    /// What a measurement beyond a raise line makes of what did not fire: the worst level whose time has come, if any has.
    fn breached(self, raised: Severity, at: Timestamp, timing: Timing) -> Self {
        let pending = self.to(AlertState::Pending, Some(raised), at);
        match self.worsens(Some(raised), at, timing) {
            Worse::Now => self.to(AlertState::Firing, Some(Severity::Critical), at),
            worse if timing.for_ms.is_some_and(|ms| pending.lasted(at, ms)) => {
                Self { worse_since: worse.since(), ..self.to(AlertState::Firing, Some(Severity::Warning), at) }
            }
            worse => Self { worse_since: worse.since(), ..pending },
        }
    }

    /// What a measurement that is not clear makes of what fired.
    fn held(self, (raised, held): (Option<Severity>, Severity), at: Timestamp, timing: Timing) -> Self {
        if self.severity == Some(Severity::Critical) || held == Severity::Warning {
            return self.to(AlertState::Firing, Some(held), at);
        }
        match self.worsens(raised, at, timing) {
            Worse::Now => self.to(AlertState::Firing, Some(Severity::Critical), at),
            worse => Self { worse_since: worse.since(), ..self.to(AlertState::Firing, self.severity, at) },
        }
    }

    fn worsens(self, raised: Option<Severity>, at: Timestamp, timing: Timing) -> Worse {
        if raised != Some(Severity::Critical) {
            return Worse::No;
        }
        let since = self.worse_since.unwrap_or(at);
        if at.since(since).as_millis() >= u128::from(timing.critical_for_ms) { Worse::Now } else { Worse::Since(since) }
    }
}

/// Whether something is critical.
#[derive(Clone, Copy)]
enum Worse {
    No,
    /// If it lasts.
    Since(Timestamp),
    Now,
}

impl Worse {
    fn since(self) -> Option<Timestamp> {
        match self {
            Self::Since(at) => Some(at),
            Self::No | Self::Now => None,
        }
    }
}

/// The table. While pending every measurement must be beyond the raise line; each level waits for its own time, also while a milder one
/// fires, and what becomes milder does so at once; a recovery that is not clear throughout fires again.
#[must_use]
pub fn step(from: Position, judged: Judged, at: Timestamp, timing: Timing) -> Position {
    use AlertState::{Firing, Inactive, Pending, Recovering, Resolved, Unknown};
    let Judged::Level { raised, held } = judged else { return from };
    let from = from.by_right_clock(at);
    match (from.state, raised, held) {
        (Inactive | Resolved, None, _) => from,
        (Pending, None, _) => from.to(Inactive, None, at),
        (Inactive | Resolved | Pending, Some(severity), _) => from.breached(severity, at, timing),
        (Firing | Recovering, _, Some(held)) => from.held((raised, held), at, timing),
        (Firing, _, None) if timing.keep_firing_for_ms > 0 => from.to(Recovering, from.severity, at),
        (Firing, _, None) => from.to(Resolved, None, at),
        (Recovering, _, None) if from.lasted(at, timing.keep_firing_for_ms) => from.to(Resolved, None, at),
        (Recovering, _, None) => from,
        (Unknown, _, _) => {
            let firing = matches!(from.before_unknown, Some(Firing | Recovering));
            let (state, severity) = if firing { (Firing, from.severity) } else { (Inactive, None) };
            let back = Position { state, severity, before_unknown: None, since: at, worse_since: None };
            step(back, judged, at, timing)
        }
    }
}

/// No data any more. What was nothing stays nothing.
#[must_use]
pub fn lose(from: Position, at: Timestamp) -> Position {
    match from.state {
        AlertState::Pending | AlertState::Firing | AlertState::Recovering => {
            let (state, severity, before_unknown) = (AlertState::Unknown, from.severity, Some(from.state));
            Position { state, severity, since: at, before_unknown, worse_since: None }
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
        let (state, severity, since) = (self.state, self.severity, self.since);
        Position { state, severity, since, before_unknown: self.before_unknown, worse_since: self.worse_since }
    }

    fn new(id: AlertId, key: &AlertKey, at: Timestamp) -> Self {
        Self {
            id,
            key: key.clone(),
            state: AlertState::Inactive,
            before_unknown: None,
            severity: None,
            worse_since: None,
            value: None,
            since: at,
            began_at: None,
            fired_at: None,
            resolved_at: None,
            times_fired: 0,
            incident: None,
            reason: String::new(),
            suppressed: BTreeMap::new(),
            told_by: None,
            acknowledged: None,
            revision: 0,
        }
    }

    fn transition(&mut self, revision: u64, event: &AlertEvent) {
        let AlertEvent::AlertTransitioned { after, severity, worse_since, value, at, reason, .. } = event else { return };
        let paused = |state| matches!(state, AlertState::Firing | AlertState::Recovering);
        let goes_on = paused(self.state) || self.before_unknown.is_some_and(paused);
        let begins = *after == AlertState::Firing && !goes_on;
        let is_bad = matches!(after, AlertState::Pending | AlertState::Firing);
        if is_bad && !goes_on && self.state != AlertState::Pending && !(self.flaps() && self.began_at.is_some()) {
            self.began_at = Some(*at);
        }
        if begins {
            self.fired_at = Some(*at);
            self.times_fired = self.times_fired.saturating_add(1);
        }
        if matches!(after, AlertState::Resolved | AlertState::Inactive) {
            // What was to last until it is clear is over; what was to last until a moment lasts on.
            self.acknowledged = self.acknowledged.take().filter(|one| one.until.is_some());
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
        (self.severity, self.worse_since) = (*severity, *worse_since);
        self.value = *value;
        self.reason.clone_from(reason);
        self.revision = revision;
    }
}

/// Remembers an event. Total.
pub fn apply(alerts: &mut Alerts, record: &Record, event: &AlertEvent) {
    match event {
        AlertEvent::AlertTransitioned { .. } => transitioned(alerts, record, event),
        AlertEvent::AlertWorsening { alert, since, .. } => {
            if let Some(alert) = alerts.alerts.get_mut(alert) {
                (alert.worse_since, alert.revision) = (*since, record.revision);
                // What does not fire yet is as bad as it is measured; a milder level that fires stays until the worse one has lasted.
                if alert.state == AlertState::Pending {
                    alert.severity = Some(if since.is_some() { Severity::Critical } else { Severity::Warning });
                }
            }
        }
        AlertEvent::AlertSuppressed { alert: id, axis, reason, incident, .. } => {
            let Some(alert) = alerts.alerts.get_mut(id) else {
                return alerts.external.suppress(record.revision, *id, (*axis, reason.as_ref()), *incident);
            };
            match reason {
                Some(reason) => alert.suppressed.insert(*axis, reason.clone()),
                None => alert.suppressed.remove(axis),
            };
            if *axis == Suppression::Dependency {
                alert.told_by = *incident;
            }
            alert.revision = record.revision;
            if alert.suppressed.is_empty() {
                alerts.suppressed.remove(id);
            } else {
                alerts.suppressed.insert(*id);
            }
        }
        AlertEvent::AlertAcknowledged { alert, acknowledgement } => {
            let Some(alert) = alerts.alerts.get_mut(alert) else {
                return alerts.external.acknowledge(record.revision, *alert, acknowledgement.as_ref());
            };
            alert.acknowledged.clone_from(acknowledgement);
            alert.revision = record.revision;
        }
        AlertEvent::OutageBegan { .. }
        | AlertEvent::OutageGrew { .. }
        | AlertEvent::OutageShrank { .. }
        | AlertEvent::OutageEnded { .. } => outage::apply(&mut alerts.outages, event),
        AlertEvent::MuteSet { mute } | AlertEvent::MuteChanged { mute } => {
            alerts.mutes.insert(mute.id, super::mute::Mute { revision: record.revision, ..(**mute).clone() });
        }
        AlertEvent::MuteEnded { mute } => {
            alerts.mutes.remove(mute);
        }
        AlertEvent::ExternalAlertChanged { change, alert } => alerts.external.apply(record.revision, record.at, (*change, alert)),
    }
}

fn transitioned(alerts: &mut Alerts, record: &Record, event: &AlertEvent) {
    let AlertEvent::AlertTransitioned { alert: id, key, after, at, .. } = event else { return };
    let alert = alerts.alerts.entry(*id).or_insert_with(|| Alert::new(*id, key, *at));
    alert.transition(record.revision, event);
    let (state, times_fired) = (alert.state, alert.times_fired);
    let host = alerts.by_ci.entry(key.ci).or_default();
    host.revision = record.revision;
    if *after == AlertState::Inactive && times_fired == 0 {
        alerts.alerts.remove(id);
        alerts.keys.remove(key);
        alerts.suppressed.remove(id);
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
