//! What an alert does, told a second time and as simply as it can be: the reference that the real machine is held against.
//!
//! It is written from what operators are promised, keeps seconds and plain fields, knows no log, no plan and no caches, and calls nothing
//! that it is to check. The words of states, levels and reasons to be quiet are the machine's own.
//!
//! The promises: a level fires when every value since so long has been beyond its raise line, and holds until a value is back at its clear line;
//! an alert is over when every value since so long has been clear; a value that is missing is no value; what is no longer measured, or
//! measured on a host that is silent, is unknown, and is over by a good value alone; who is quieted by people fires all the same and
//! has no incident opened until that ends; one that fires has one incident, which ends with it.

use crate::alert::{AlertState, Suppression};
use crate::rule::Severity;
use AlertState::{Firing, Inactive, Pending, Recovering, Resolved, Unknown};
use Severity::{Critical, Warning};
use std::collections::BTreeMap;

/// Series that stopped coming are missed after five intervals of ten seconds, s.
const MISSED_S: i64 = 50;

/// A host that says nothing is silent after three minutes where no rule says otherwise, s.
const SILENT_S: i64 = 180;

/// A clock that goes back by more than this was wrong, s.
const WRONG_S: i64 = 60;

/// A level of a rule: raised above one line, held until back at the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lines {
    pub(super) raise: i32,
    pub(super) clear: i32,
    pub(super) for_s: i64,
}

/// What a rule says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judge {
    pub(super) warning: Option<Lines>,
    pub(super) critical: Option<Lines>,
    pub(super) keep_firing_for_s: i64,
    /// Whether missing values make it unknown, or leave it as it is.
    pub(super) misses: bool,
}

/// All that can be seen of an alert and its incidents.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seen {
    pub(super) state: AlertState,
    pub(super) before_unknown: Option<AlertState>,
    pub(super) severity: Option<Severity>,
    pub(super) since: i64,
    /// Since when it may become critical.
    pub(super) worse_since: Option<i64>,
    /// The value at the last transition.
    pub(super) value: Option<i32>,
    pub(super) fired_at: Option<i64>,
    pub(super) resolved_at: Option<i64>,
    pub(super) times_fired: u32,
    /// The axes that it is known to be quiet on, each with the mute that says so.
    pub(super) quiet: BTreeMap<Suppression, usize>,
    /// Since when somebody looks after it, and until when.
    pub(super) acknowledged: Option<(i64, Option<i64>)>,
    /// How bad its live incident is.
    pub(super) incident: Option<Severity>,
    /// How many incidents there were, that one included.
    pub(super) incidents: usize,
}

impl Seen {
    /// There is no alert.
    pub(super) const NOTHING: Self = Self {
        state: Inactive,
        before_unknown: None,
        severity: None,
        since: 0,
        worse_since: None,
        value: None,
        fired_at: None,
        resolved_at: None,
        times_fired: 0,
        quiet: BTreeMap::new(),
        acknowledged: None,
        incident: None,
        incidents: 0,
    };
}

/// What is told of an alert, in order.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Told {
    /// From one state to another; how bad, since when it may become critical, by which value, as of when.
    Moved(AlertState, AlertState, Option<Severity>, Option<i64>, Option<i32>, i64),
    /// It may become critical since then, or not any more.
    Worsening(Option<i64>),
    /// Quiet by this mute, or by none any more.
    Quiet(Suppression, Option<usize>),
    /// Somebody looks after it until then, or nobody any more.
    Acknowledged(Option<Option<i64>>),
    /// An incident opened.
    Opened(Severity),
    /// The incident is this bad by now.
    Updated(Severity),
    /// The incident is over.
    Ended,
}

/// A maintenance window or silence.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mute {
    pub(super) axis: Suppression,
    pub(super) from: i64,
    pub(super) to: i64,
    /// Somebody ended it early.
    pub(super) ended: bool,
}

/// A host with two series under one rule, and what people said about it.
pub(super) struct Reference {
    pub(super) judge: Judge,
    pub(super) enabled: bool,
    pub(super) mutes: Vec<Mute>,
    pub(super) alerts: [Alert; 2],
    /// When the host was last heard, and since when anybody listens.
    heard_at: Option<i64>,
    listens_since: i64,
    /// Moment of the newest values.
    newest: Option<i64>,
    /// The same when the state was last saved, or of the first values since.
    saved_newest: Option<i64>,
}

/// One series under the rule.
pub(super) struct Alert {
    pub(super) seen: Seen,
    pub(super) told: Vec<Told>,
    /// Since when every value was beyond a raise line of any level, beyond that of the critical level, and clear.
    raised_since: Option<i64>,
    critical_since: Option<i64>,
    clear_since: Option<i64>,
    /// When there last was a value.
    valued_at: Option<i64>,
    /// Whether the newest moment has a value.
    is_known: bool,
}

impl Reference {
    pub(super) fn new(judge: Judge) -> Self {
        let (heard_at, newest, saved_newest) = (None, None, None);
        Self {
            judge,
            enabled: true,
            mutes: Vec::new(),
            alerts: [Alert::new(), Alert::new()],
            heard_at,
            listens_since: 0,
            newest,
            saved_newest,
        }
    }

    /// The host speaks.
    pub(super) fn hear(&mut self, now: i64) {
        self.heard_at = Some(now);
    }

    /// Values arrive that were measured at some moment. What is older than the newest is passed over, and what comes again is as well; of the
    /// newest moment only what was missing is news.
    pub(super) fn values(&mut self, now: i64, at: i64, values: [Option<i32>; 2]) {
        if self.newest.is_some_and(|newest| at < newest) {
            return;
        }
        let is_new = self.newest != Some(at);
        self.newest = Some(at);
        self.saved_newest.get_or_insert(at);
        for (alert, value) in self.alerts.iter_mut().zip(values) {
            alert.valued_at.get_or_insert(at);
            let was_known = alert.is_known && !is_new;
            alert.is_known = was_known || value.is_some();
            let Some(value) = value.filter(|_| !was_known) else { continue };
            alert.valued_at = Some(at);
            if self.enabled {
                let (holding, judge) = (holding(&self.mutes, now), &self.judge);
                alert.measure(judge, value, at, &holding);
            }
        }
    }

    /// Time passes: silence and missing values are noticed, mutes begin and end.
    pub(super) fn tick(&mut self, now: i64) {
        if self.heard_at.is_some_and(|heard| heard > now + WRONG_S) {
            self.clock_was_wrong(now);
        }
        if self.listens_since > now + WRONG_S {
            self.listens_since = now;
        }
        let is_silent = self.heard_at.is_some_and(|heard| now - heard.max(self.listens_since) >= SILENT_S);
        let holding = holding(&self.mutes, now);
        for alert in &mut self.alerts {
            let missing_s = self.newest.zip(alert.valued_at).map_or(0, |(newest, valued)| newest - valued);
            if is_silent || (self.judge.misses && missing_s >= MISSED_S) {
                alert.lose(now);
            }
            alert.look_at_mutes(&holding);
        }
    }

    /// What a clock dated that was set back by long counts as of now.
    fn clock_was_wrong(&mut self, now: i64) {
        (self.heard_at, self.newest) = (Some(now), None);
        for alert in &mut self.alerts {
            (alert.valued_at, alert.is_known) = (alert.valued_at.map(|at| at.min(now)), false);
        }
    }

    pub(super) fn edit(&mut self, judge: Judge) {
        self.judge = judge;
    }

    /// What people switch off is over without any claim that it has recovered.
    pub(super) fn switch(&mut self, now: i64, on: bool) {
        if !on && self.enabled {
            self.alerts.iter_mut().for_each(|alert| alert.drop_it(now));
        }
        self.enabled = on;
    }

    pub(super) fn save(&mut self) {
        self.saved_newest = self.newest;
    }

    /// The server starts again from what it saved and what was logged since: what lasts goes on, what is missing or silent is waited
    /// for anew.
    pub(super) fn restart(&mut self, now: i64) {
        self.listens_since = now;
        for alert in &mut self.alerts {
            alert.valued_at = self.saved_newest.map(|saved| alert.valued_at.map_or(saved, |at| at.max(saved)));
            let Seen { state, since, worse_since, .. } = alert.seen;
            alert.raised_since = (state == Pending).then_some(since);
            alert.clear_since = (state == Recovering).then_some(since);
            alert.critical_since = worse_since;
        }
    }
}

/// The mutes that hold, one of each axis: the first that was made.
fn holding(mutes: &[Mute], now: i64) -> BTreeMap<Suppression, usize> {
    let holds = |mute: &Mute| !mute.ended && mute.from <= now && now < mute.to;
    let numbered = mutes.iter().enumerate().filter(|(_, mute)| holds(mute));
    numbered.rev().map(|(number, mute)| (mute.axis, number)).collect()
}

impl Alert {
    fn new() -> Self {
        let (raised_since, critical_since, clear_since, valued_at) = (None, None, None, None);
        Self { seen: Seen::NOTHING, told: Vec::new(), raised_since, critical_since, clear_since, valued_at, is_known: false }
    }

    /// A value says how long it has been raised, critical or clear, and that says where the alert is.
    fn measure(&mut self, judge: &Judge, value: i32, at: i64, holding: &BTreeMap<Suppression, usize>) {
        // What was lost while it fired goes on firing until a value says otherwise; what was merely suspected begins anew.
        let state = match (self.seen.state, self.seen.before_unknown) {
            (Unknown, Some(Firing | Recovering)) => Firing,
            (Unknown, _) => Inactive,
            (state, _) => state,
        };
        let fires = matches!(state, Firing | Recovering);
        let was_critical = fires && self.seen.severity == Some(Critical);

        let is_beyond = |line: Option<i32>| line.is_some_and(|line| value > line);
        let is_critical = is_beyond(judge.critical.map(|lines| lines.raise));
        let is_raised = is_critical || is_beyond(judge.warning.map(|lines| lines.raise));
        let holds_critical = was_critical && is_beyond(judge.critical.map(|lines| lines.clear));
        let holds_warning = fires && is_beyond(judge.warning.map(|lines| lines.clear));
        let is_clear = !(is_raised || holds_critical || holds_warning);

        let critical_s = lasted(&mut self.critical_since, is_critical, at);
        let raised_s = lasted(&mut self.raised_since, is_raised, at);
        let clear_s = lasted(&mut self.clear_since, is_clear && fires, at);
        let has_lasted = |lines: Option<Lines>, s: Option<i64>| lines.zip(s).is_some_and(|(lines, s)| s >= lines.for_s);

        let (after, severity) = if holds_critical || has_lasted(judge.critical, critical_s) {
            (Firing, Some(Critical))
        } else if fires && !is_clear {
            (Firing, Some(Warning))
        } else if fires {
            let is_over = clear_s.is_some_and(|s| s >= judge.keep_firing_for_s);
            if is_over { (Resolved, None) } else { (Recovering, self.seen.severity) }
        } else if has_lasted(judge.warning, raised_s) {
            (Firing, Some(Warning))
        } else if is_raised {
            (Pending, Some(if is_critical { Critical } else { Warning }))
        } else {
            (Inactive, None)
        };
        let may_worsen = self.critical_since.filter(|_| (after, severity) != (Firing, Some(Critical)));
        let has_moved = self.move_to((after, severity), may_worsen, Some(value), at);
        if let Some(severity) = severity.filter(|_| has_moved && after == Firing) {
            self.tell_people(severity, holding);
        }
    }

    /// It fires, or fires at another level: its incident says so, or opens, unless somebody wants quiet.
    fn tell_people(&mut self, severity: Severity, holding: &BTreeMap<Suppression, usize>) {
        if self.seen.incident.is_some() {
            self.seen.incident = Some(severity);
            self.told.push(Told::Updated(severity));
        } else if holding.is_empty() {
            self.open(severity);
        } else {
            for (&axis, &number) in holding {
                self.quiet(axis, Some(number));
            }
        }
    }

    fn open(&mut self, severity: Severity) {
        (self.seen.incident, self.seen.incidents) = (Some(severity), self.seen.incidents + 1);
        self.told.push(Told::Opened(severity));
    }

    /// Nothing is known of it any more. What was nothing stays nothing.
    fn lose(&mut self, now: i64) {
        if matches!(self.seen.state, Pending | Firing | Recovering) {
            self.forget_spans();
            _ = self.move_to((Unknown, self.seen.severity), None, None, now);
        }
    }

    fn drop_it(&mut self, now: i64) {
        self.forget_spans();
        let was_suspected = self.seen.state == Pending || self.seen.before_unknown == Some(Pending);
        let is_over = matches!(self.seen.state, Inactive | Resolved);
        let after = if is_over || was_suspected { Inactive } else { Resolved };
        _ = self.move_to((after, None), None, None, now);
    }

    fn forget_spans(&mut self) {
        (self.raised_since, self.critical_since, self.clear_since) = (None, None, None);
    }

    /// The one place where an alert changes. A change of state, or of the level at which it fires, is a transition and told (`true`); that
    /// it may become critical is told beside.
    fn move_to(
        &mut self,
        (after, severity): (AlertState, Option<Severity>),
        worse_since: Option<i64>,
        value: Option<i32>,
        at: i64,
    ) -> bool {
        let before = self.seen.state;
        let is_same = if after == Inactive { matches!(before, Inactive | Resolved) } else { after == before };
        if is_same && (after != Firing || severity == self.seen.severity) {
            if worse_since.is_some() != self.seen.worse_since.is_some() {
                (self.seen.severity, self.seen.worse_since) = (severity, worse_since);
                self.told.push(Told::Worsening(worse_since));
            }
            return false;
        }
        self.told.push(Told::Moved(before, after, severity, worse_since, value, at));
        let was_told_of = [Some(before), self.seen.before_unknown].iter().any(|state| matches!(state, Some(Firing | Recovering)));
        let seen = &mut self.seen;
        seen.before_unknown = (after == Unknown).then_some(before);
        (seen.severity, seen.worse_since, seen.value) = (severity, worse_since, value);
        if after != before {
            (seen.state, seen.since) = (after, at);
        }
        if after == Firing && !was_told_of {
            (seen.fired_at, seen.times_fired) = (Some(at), seen.times_fired + 1);
        }
        if matches!(after, Inactive | Resolved) {
            // Who looks after it until it is clear does so no more.
            seen.acknowledged = seen.acknowledged.filter(|(_, until)| until.is_some());
        }
        if after == Resolved {
            seen.resolved_at = Some(at);
            if seen.incident.take().is_some() {
                self.told.push(Told::Ended);
            }
        }
        if after == Inactive {
            self.suspicion_was_wrong();
        }
        true
    }

    /// One that has fired before is as resolved as it was; one that never did is forgotten.
    fn suspicion_was_wrong(&mut self) {
        if self.seen.times_fired > 0 {
            self.seen.state = Resolved;
        } else {
            self.seen = Seen::NOTHING;
        }
    }

    /// Whom mutes quieten is written down; when that is over and it still fires untold, it is told.
    fn look_at_mutes(&mut self, holding: &BTreeMap<Suppression, usize>) {
        let is_live = !matches!(self.seen.state, Inactive | Resolved);
        let wanted = if is_live { holding.clone() } else { BTreeMap::new() };
        for (&axis, &number) in &wanted {
            self.quiet(axis, Some(number));
        }
        for axis in self.seen.quiet.clone().into_keys().filter(|axis| !wanted.contains_key(axis)) {
            self.quiet(axis, None);
            let untold = self.seen.severity.filter(|_| self.seen.state == Firing && self.seen.incident.is_none());
            if let Some(severity) = untold.filter(|_| holding.is_empty()) {
                self.open(severity);
            }
        }
    }

    fn quiet(&mut self, axis: Suppression, by: Option<usize>) {
        if self.seen.quiet.get(&axis) == by.as_ref() {
            return;
        }
        match by {
            Some(number) => self.seen.quiet.insert(axis, number),
            None => self.seen.quiet.remove(&axis),
        };
        self.told.push(Told::Quiet(axis, by));
    }

    /// Somebody looks after it, until it is clear or until a moment; `false` where there is nothing to look after.
    pub(super) fn acknowledge(&mut self, now: i64, until: Option<i64>) -> bool {
        if matches!(self.seen.state, Inactive | Resolved) {
            return false;
        }
        if self.seen.acknowledged.is_none_or(|(_, known)| known != until) {
            self.seen.acknowledged = Some((now, until));
            self.told.push(Told::Acknowledged(Some(until)));
        }
        true
    }

    pub(super) fn unacknowledge(&mut self) {
        if self.seen.acknowledged.take().is_some() {
            self.told.push(Told::Acknowledged(None));
        }
    }
}

/// For how long something has been so, which is nothing when it is not so now. What began later than a wrong clock can explain counts
/// from now.
fn lasted(since: &mut Option<i64>, is_so: bool, at: i64) -> Option<i64> {
    *since = since.filter(|_| is_so).map(|since| if since > at + WRONG_S { at } else { since }).or(is_so.then_some(at));
    since.map(|since| (at - since).max(0))
}
