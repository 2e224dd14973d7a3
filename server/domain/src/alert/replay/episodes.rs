//! Incidents as machines move, and one machine by itself for what is not judged with samples.
//!
//! Invariant: a step that is no transition leaves nothing behind, as live, where an alert changes by events alone.

use super::Episode;
use crate::alert::AlertState;
use crate::alert::machine::{self, Judged, Position, Timing};
use crate::id::CiId;
use crate::incident::react::tier;
use crate::rule::{NoData, Rule, Severity, Tier};
use rollcall_shared::Timestamp;
use rollcall_shared::message::Side;
use std::collections::BTreeMap;
use std::time::Duration;

/// Attributes of an alert.
pub(in crate::alert) type Attributes = BTreeMap<String, String>;

/// Incidents of the alerts of one rule on one item.
#[derive(Debug, Default)]
pub(in crate::alert) struct Episodes {
    open: BTreeMap<Attributes, Episode>,
    done: Vec<Episode>,
}

impl Episodes {
    /// An alert went to a position, by a value.
    pub(in crate::alert) fn moved(
        &mut self,
        rule: &Rule,
        (ci, attributes): (Option<CiId>, &Attributes),
        after: Position,
        at: (f64, Timestamp),
    ) {
        let (value, at) = at;
        match (after.state, after.severity) {
            (AlertState::Firing, Some(severity)) if tier(rule, severity) >= Tier::Ticket => {
                let fresh =
                    || Episode { ci, attributes: attributes.clone(), opened_at: at, resolved_at: None, severity, value, peak: value };
                let episode = self.open.entry(attributes.clone()).or_insert_with(fresh);
                episode.severity = episode.severity.max(severity);
                episode.peak = worse(rule.condition.side(), episode.peak, value);
            }
            (AlertState::Resolved, _) => {
                if let Some(episode) = self.open.remove(attributes) {
                    self.done.push(Episode { resolved_at: Some(at), ..episode });
                }
            }
            _ => {}
        }
    }

    /// What an open incident came to in the meantime.
    pub(in crate::alert) fn reached(&mut self, side: Side, attributes: &Attributes, value: f64) {
        if let Some(episode) = self.open.get_mut(attributes) {
            episode.peak = worse(side, episode.peak, value);
        }
    }

    /// Whether none is open.
    pub(in crate::alert) fn are_over(&self) -> bool {
        self.open.is_empty()
    }

    /// All, oldest first.
    pub(in crate::alert) fn all(self) -> Vec<Episode> {
        let mut all = self.done;
        all.extend(self.open.into_values());
        all.sort_by(|a, b| (a.opened_at, &a.attributes).cmp(&(b.opened_at, &b.attributes)));
        all
    }
}

fn worse(side: Side, a: f64, b: f64) -> f64 {
    if side.is_bad(b, a) { b } else { a }
}

/// One alert of a rule outside of the state.
#[derive(Debug)]
pub(in crate::alert) struct Track<'a> {
    rule: &'a Rule,
    timing: Timing,
    ci: Option<CiId>,
    attributes: Attributes,
    position: Position,
    episodes: Episodes,
}

impl<'a> Track<'a> {
    /// Not breached yet.
    pub(in crate::alert) fn new(rule: &'a Rule, ci: Option<CiId>, attributes: Attributes) -> Self {
        Self { rule, timing: Timing::of(rule), ci, attributes, position: Position::INACTIVE, episodes: Episodes::default() }
    }

    /// How bad it is.
    pub(in crate::alert) fn severity(&self) -> Option<Severity> {
        self.position.severity
    }

    /// What a value means at a moment.
    pub(in crate::alert) fn judge(&mut self, judged: Judged, value: f64, at: Timestamp) {
        self.go(machine::step(self.position, judged, at, self.timing), (value, at));
    }

    /// Nothing is known from a moment on.
    pub(in crate::alert) fn lose(&mut self, at: Timestamp) {
        if self.rule.no_data == NoData::Unknown {
            self.go(machine::lose(self.position, at), (0.0, at));
        }
    }

    /// The rule does not apply from a moment on.
    pub(in crate::alert) fn drop_it(&mut self, at: Timestamp) {
        self.go(machine::drop_it(self.position, at), (0.0, at));
    }

    /// What an open incident came to in the meantime.
    pub(in crate::alert) fn reached(&mut self, value: f64) {
        self.episodes.reached(self.rule.condition.side(), &self.attributes, value);
    }

    /// The next moment after one at which the same judgement as before may lead on: a breach or a recovery has lasted for long enough then.
    pub(in crate::alert) fn due(&self, after: Timestamp) -> Option<Timestamp> {
        let Position { state, since, worse_since, .. } = self.position;
        let waits = match state {
            AlertState::Pending => self.timing.for_ms,
            AlertState::Recovering => Some(self.timing.keep_firing_for_ms),
            _ => None,
        };
        let waits = waits.map(|ms| (since, ms)).into_iter().chain(worse_since.map(|since| (since, self.timing.critical_for_ms)));
        waits.map(|(since, ms)| since.plus(Duration::from_millis(ms))).filter(|due| *due > after).min()
    }

    /// Whether it recovers.
    pub(in crate::alert) fn recovers(&self) -> bool {
        self.position.state == AlertState::Recovering
    }

    /// Incidents, oldest first.
    pub(in crate::alert) fn episodes(self) -> Vec<Episode> {
        self.episodes.all()
    }

    fn go(&mut self, after: Position, at: (f64, Timestamp)) {
        if after.differs(self.position) {
            self.position = after;
            self.episodes.moved(self.rule, (self.ci, &self.attributes), after, at);
        }
    }
}
