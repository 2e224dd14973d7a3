//! Service-level clocks of an incident: when they start, pause, go on and stop. Targets, calendars and breaches are somebody else's
//! matter: here is what all of them are measured by.
//!
//! A pure function of the states that the incident went through. `response` runs until somebody takes notice; `resolution` runs until
//! it is over, pauses while it waits for what the policy says is not ours to hurry, and goes on when it is reopened: the time in
//! which it counted as resolved is nobody's.

use super::{HoldReason, Incident, IncidentState, Step};
use rollcall_shared::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

/// What a clock measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Until somebody takes notice.
    Response,
    /// Until it is over.
    Resolution,
}

/// How a clock stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockState {
    /// Time counts.
    Running,
    /// Time does not count.
    Paused,
    /// What was measured is done.
    Stopped,
    /// There was nothing to measure.
    Cancelled,
}

/// What happens to a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tick {
    /// It begins.
    Started,
    /// It waits.
    Paused,
    /// It goes on.
    Resumed,
    /// It is done.
    Stopped,
    /// It never counted.
    Cancelled,
}

/// A clock of one incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlaClock {
    /// What it measures.
    pub measure: Measure,
    /// How it stands.
    pub state: ClockState,
    /// What happened to it, oldest first.
    pub ticks: Vec<(Timestamp, Tick)>,
    /// Actual time that counted, up to the moment for which it was asked.
    pub elapsed: Duration,
}

/// What waiting stops the clock of resolution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockPolicy {
    /// Waiting for these does.
    pub pauses: BTreeSet<HoldReason>,
}

impl Default for ClockPolicy {
    /// Waiting for the caller or a vendor is out of our hands; a change, a problem and spare parts are ours to hurry.
    fn default() -> Self {
        Self { pauses: BTreeSet::from([HoldReason::Caller, HoldReason::Vendor]) }
    }
}

/// The clocks of an incident as they stand at a moment.
#[must_use]
pub fn clocks(incident: &Incident, policy: &ClockPolicy, now: Timestamp) -> Vec<SlaClock> {
    let noticed = incident.acknowledged.as_ref().map(|(at, _)| *at);
    vec![response(&incident.course, noticed, now), resolution(&incident.course, policy, now)]
}

fn response(course: &[Step], noticed: Option<Timestamp>, now: Timestamp) -> SlaClock {
    let works = |step: &&Step| matches!(step.state, IncidentState::InProgress | IncidentState::Resolved | IncidentState::Closed);
    let ends = course.iter().find(|step| works(step) || step.state == IncidentState::Cancelled);
    let worked = ends.filter(works).map(|step| step.at);
    let stopped = noticed.into_iter().chain(worked).min();
    let last = match (stopped, ends) {
        (Some(at), _) => Some((at, ClockState::Stopped)),
        (None, Some(step)) => Some((step.at, ClockState::Cancelled)),
        (None, None) => None,
    };
    let mut clock = Running::new(Measure::Response);
    if let Some(first) = course.first() {
        clock.to(first.at, ClockState::Running);
    }
    if let Some((at, state)) = last {
        clock.to(at, state);
    }
    clock.read(now)
}

fn resolution(course: &[Step], policy: &ClockPolicy, now: Timestamp) -> SlaClock {
    let mut clock = Running::new(Measure::Resolution);
    for step in course {
        let state = match (step.state, step.hold_reason) {
            (IncidentState::OnHold, Some(reason)) if policy.pauses.contains(&reason) => ClockState::Paused,
            (IncidentState::New | IncidentState::Assigned | IncidentState::InProgress | IncidentState::OnHold, _) => ClockState::Running,
            (IncidentState::Resolved | IncidentState::Closed, _) => ClockState::Stopped,
            (IncidentState::Cancelled, _) => ClockState::Cancelled,
        };
        clock.to(step.at, state);
    }
    clock.read(now)
}

/// A clock while its course is told.
struct Running {
    clock: SlaClock,
    since: Option<Timestamp>,
}

impl Running {
    fn new(measure: Measure) -> Self {
        let clock = SlaClock { measure, state: ClockState::Paused, ticks: Vec::new(), elapsed: Duration::ZERO };
        Self { clock, since: None }
    }

    fn to(&mut self, at: Timestamp, state: ClockState) {
        let begins = self.clock.ticks.is_empty();
        if !begins && state == self.clock.state {
            return;
        }
        if let Some(since) = self.since.take() {
            self.clock.elapsed += at.since(since);
        }
        let tick = match state {
            _ if begins => Tick::Started,
            ClockState::Running => Tick::Resumed,
            ClockState::Paused => Tick::Paused,
            ClockState::Stopped => Tick::Stopped,
            ClockState::Cancelled => Tick::Cancelled,
        };
        self.clock.ticks.push((at, tick));
        self.clock.state = state;
        self.since = (state == ClockState::Running).then_some(at);
    }

    fn read(mut self, now: Timestamp) -> SlaClock {
        if let Some(since) = self.since {
            self.clock.elapsed += now.since(since);
        }
        self.clock
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ClockState::{Cancelled, Paused, Running as Runs, Stopped};
    use IncidentState as S;

    /// States with the seconds in which they begin; both clocks at second 1,000, with the seconds that counted.
    #[track_caller]
    fn check(course: &[(i64, S, Option<HoldReason>)], noticed: Option<i64>, expected: [(ClockState, u64); 2]) {
        let at = |seconds: i64| Timestamp(seconds * 1_000);
        let course: Vec<Step> = course.iter().map(|&(seconds, state, hold_reason)| Step { at: at(seconds), state, hold_reason }).collect();
        let found = [response(&course, noticed.map(at), at(1_000)), resolution(&course, &ClockPolicy::default(), at(1_000))];
        assert_eq!(found.map(|clock| (clock.state, clock.elapsed.as_secs())), expected);
    }

    #[test]
    fn waiting_for_others_does_not_count_and_waiting_for_ourselves_does() {
        check(&[(0, S::New, None)], None, [(Runs, 1_000), (Runs, 1_000)]);
        check(&[(0, S::New, None), (10, S::InProgress, None)], Some(10), [(Stopped, 10), (Runs, 1_000)]);
        let vendor = [(0, S::New, None), (10, S::OnHold, Some(HoldReason::Vendor)), (500, S::InProgress, None)];
        check(&vendor, None, [(Stopped, 500), (Runs, 510)]);
        check(&vendor[..2], None, [(Runs, 1_000), (Paused, 10)]);
        check(&[(0, S::New, None), (10, S::OnHold, Some(HoldReason::Parts))], None, [(Runs, 1_000), (Runs, 1_000)]);
    }

    #[test]
    fn another_reason_to_wait_moves_the_clock() {
        let course = [(0, S::New, None), (10, S::OnHold, Some(HoldReason::Caller)), (100, S::OnHold, Some(HoldReason::Parts))];
        check(&course, Some(5), [(Stopped, 5), (Runs, 910)]);
    }

    #[test]
    fn the_time_between_resolved_and_reopened_is_nobodys() {
        let course =
            [(0, S::New, None), (100, S::Resolved, None), (400, S::InProgress, None), (500, S::Resolved, None), (900, S::Closed, None)];
        check(&course, None, [(Stopped, 100), (Stopped, 200)]);
    }

    #[test]
    fn what_never_was_an_incident_was_never_late() {
        check(&[(0, S::New, None), (50, S::Cancelled, None)], None, [(Cancelled, 50), (Cancelled, 50)]);
    }
}
