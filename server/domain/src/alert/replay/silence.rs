//! A rule on silence over the moments at which a host, or a feed on an item, was heard.
//!
//! Invariant: between two moments nothing is known but that they are apart; what counts is the same as live, where a tick looks every
//! second: how long nothing came, by the same machine. Who was never heard is never silent.

use super::Episode;
use super::episodes::{Attributes, Track};
use crate::World;
use crate::alert::machine::Judged;
use crate::alert::silence;
use crate::id::CiId;
use crate::rule::{Condition, Rule};
use crate::trust::pace::counted;
use rollcall_shared::Timestamp;
use std::time::Duration;

/// From a moment to another, that one not included.
pub type Stretch = (Timestamp, Timestamp);

/// A host under a rule on silence.
#[derive(Debug)]
pub struct Silences<'a> {
    gaps: Gaps<'a>,
    minds_goodbyes: bool,
}

impl<'a> Silences<'a> {
    /// A host that has not been heard yet; `None` when the rule is on something else.
    #[must_use]
    pub fn new(rule: &'a Rule, ci: Option<CiId>) -> Option<Self> {
        let after = Duration::from_millis(silence::after_ms(&rule.condition)?);
        let minds_goodbyes = matches!(rule.condition, Condition::AgentSilent { .. });
        Some(Self { gaps: Gaps::new(Track::new(rule, ci, Attributes::new()), rule, after), minds_goodbyes })
    }

    /// It was heard throughout these moments, or at the one that both are.
    pub fn heard(&mut self, from: Timestamp, through: Timestamp) {
        self.gaps.heard(from, through, Some(&[]));
    }

    /// Whether it was heard at all.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.gaps.last().is_some()
    }

    /// Incidents until a moment, oldest first. What said goodbye before is missed by a rule on agents alone.
    #[must_use]
    pub fn until(self, end: Timestamp, said_goodbye: bool) -> Vec<Episode> {
        let minds = self.minds_goodbyes || !said_goodbye;
        self.gaps.until(end, if minds { Some(&[]) } else { None })
    }
}

/// Somebody who is missed after a time under a rule.
#[derive(Debug)]
pub(in crate::alert) struct Gaps<'a> {
    track: Track<'a>,
    breached: Judged,
    after: Duration,
    last: Option<Timestamp>,
}

impl<'a> Gaps<'a> {
    /// Who has not been heard yet.
    pub(in crate::alert) fn new(track: Track<'a>, rule: &Rule, after: Duration) -> Self {
        let severity = Some(silence::severity(rule));
        Self { track, breached: Judged::Level { raised: severity, held: severity }, after, last: None }
    }

    /// Until when they were heard.
    pub(in crate::alert) fn last(&self) -> Option<Timestamp> {
        self.last
    }

    /// They were heard throughout these moments, or at the one that both are. The gap before is minded but for the stretches of `hushed`;
    /// with none it is not minded at all.
    pub(in crate::alert) fn heard(&mut self, from: Timestamp, through: Timestamp, hushed: Option<&[Stretch]>) {
        let from = self.last.map_or(from, |last| from.max(last));
        if let Some(last) = self.last {
            self.wait(last, from, hushed);
        }
        self.track.judge(CLEAR, 0.0, from);
        let through = through.max(from);
        self.recover(Timestamp(through.0.saturating_add(1)));
        self.last = Some(through);
    }

    /// Incidents until a moment, oldest first; of the gap before it see [`Self::heard`].
    pub(in crate::alert) fn until(mut self, end: Timestamp, hushed: Option<&[Stretch]>) -> Vec<Episode> {
        if let Some(last) = self.last {
            self.wait(last, end, hushed);
        }
        self.track.episodes()
    }

    /// Nothing was heard between two moments.
    fn wait(&mut self, last: Timestamp, until: Timestamp, hushed: Option<&[Stretch]>) {
        let overdue = last.plus(self.after);
        self.recover(overdue.min(until));
        let Some(hushed) = hushed else { return };
        let minded = |at: Timestamp| hushed.iter().find(|(from, to)| *from <= at && at < *to).map_or(at, |(_, to)| *to);
        let mut at = minded(overdue);
        if at >= until {
            return;
        }
        loop {
            self.track.judge(self.breached, seconds(last, at), at);
            match self.track.due(at).map(minded).filter(|due| *due < until) {
                Some(due) => at = due,
                None => break,
            }
        }
        self.track.reached(seconds(last, until));
    }

    /// A recovery that has lasted for long enough before a moment.
    fn recover(&mut self, before: Timestamp) {
        let recovers = self.track.recovers();
        if let Some(due) = self.track.due(Timestamp(i64::MIN)).filter(|due| recovers && *due < before) {
            self.track.judge(CLEAR, 0.0, due);
        }
    }
}

/// The stretches in which a host counts as silent whatever rules ask of its silence, as far as a world has it now; told of the moments at
/// which it was heard.
#[derive(Clone, Debug)]
pub struct Quiet {
    patience: Duration,
    last: Option<Timestamp>,
    found: Vec<Stretch>,
}

impl Quiet {
    /// Nothing was heard yet.
    #[must_use]
    pub fn new(world: &World) -> Self {
        Self { patience: Duration::from_millis(silence::patience_ms(world)), last: None, found: Vec::new() }
    }

    /// The same for a host whose agent pushes at an interval, ms.
    #[must_use]
    pub fn paced(self, interval_ms: u64) -> Self {
        let patience_ms = u64::try_from(self.patience.as_millis()).unwrap_or(u64::MAX);
        Self { patience: Duration::from_millis(counted(patience_ms, interval_ms)), ..self }
    }

    /// After how long a host counts as silent.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// It was heard throughout these moments, or at the one that both are.
    pub fn heard(&mut self, from: Timestamp, through: Timestamp) {
        self.wait(from);
        self.last = self.last.max(Some(through));
    }

    /// The stretches until a moment, in order.
    #[must_use]
    pub fn until(mut self, end: Timestamp) -> Vec<Stretch> {
        self.wait(end);
        self.found
    }

    fn wait(&mut self, until: Timestamp) {
        let overdue = self.last.map(|last| last.plus(self.patience));
        self.found.extend(overdue.filter(|overdue| *overdue < until).map(|overdue| (overdue, until)));
    }
}

const CLEAR: Judged = Judged::Level { raised: None, held: None };

fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    silence::seconds(u64::try_from(to.0.saturating_sub(from.0)).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::scenario::{Scenario, agent, host, rule as load, seconds as at};
    use crate::journal::Sign;
    use crate::rule::{Flapping, Level};
    use proptest::prelude::*;

    fn rule(condition: Condition, for_ms: u64, keep_firing_for_ms: u64) -> Rule {
        let mut rule = Rule { condition, for_ms, keep_firing_for_ms, ..load("silent") };
        rule.flapping = Flapping { start_percent: 100.0, stop_percent: 100.0 };
        rule.levels.critical = rule.levels.critical.map(|level| Level { for_ms: None, ..level });
        rule
    }

    /// Opened and resolved, in seconds.
    fn told(episodes: &[Episode]) -> Vec<(i64, Option<i64>)> {
        episodes.iter().map(|one| (one.opened_at.0 / 1_000, one.resolved_at.map(|at| at.0 / 1_000))).collect()
    }

    #[track_caller]
    fn check(condition: Condition, heard: &[i64], (end, goodbye): (i64, bool), expected: &[(i64, Option<i64>)]) {
        let rule = rule(condition, 0, 0);
        let mut silences = Silences::new(&rule, Some(host(1))).expect("a rule on silence");
        heard.iter().for_each(|second| silences.heard(at(*second), at(*second)));
        assert_eq!(told(&silences.until(at(end), goodbye)), expected);
    }

    #[test]
    fn a_gap_is_a_silence_once_something_was_heard_and_the_end_is_one_too() {
        let host_silent = || Condition::HostSilent { after_ms: 180_000 };
        check(host_silent(), &[], (10_000, false), &[]);
        check(host_silent(), &[1_000, 1_060, 1_240], (1_300, false), &[]);
        check(host_silent(), &[1_000, 1_200, 1_260], (1_440, false), &[(1_180, Some(1_200))]);
        check(host_silent(), &[1_000], (2_000, false), &[(1_180, None)]);
        check(host_silent(), &[1_000, 1_300], (2_000, true), &[(1_180, Some(1_300))]);
        check(Condition::AgentSilent { after_ms: 180_000 }, &[1_000], (2_000, true), &[(1_180, None)]);
    }

    #[test]
    fn what_is_heard_throughout_is_not_silent_and_recovers_within() {
        let rule = rule(Condition::HostSilent { after_ms: 60_000 }, 0, 120_000);
        let mut silences = Silences::new(&rule, Some(host(1))).expect("a rule on silence");
        silences.heard(at(0), at(1_000));
        silences.heard(at(1_100), at(3_000));
        assert_eq!(told(&silences.until(at(3_010), false)), [(1_060, Some(1_220))]);
    }

    #[test]
    fn the_longest_silence_is_the_peak() {
        let rule = rule(Condition::HostSilent { after_ms: 60_000 }, 0, 0);
        let mut silences = Silences::new(&rule, Some(host(1))).expect("a rule on silence");
        [0, 500].iter().for_each(|second| silences.heard(at(*second), at(*second)));
        let one = silences.until(at(510), false).remove(0);
        assert_eq!((one.value, one.peak), (60.0, 500.0));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn a_replay_opens_and_closes_what_was_opened_and_closed_live(
            gaps in prop::collection::vec(1_i64..400, 1..12), after in 30_u64..200, for_s in 0_u64..90, keep_s in 0_u64..200, goodbye in any::<bool>(),
            of_agent in any::<bool>(),
        ) {
            let after_ms = after * 1_000;
            let condition = if of_agent { Condition::AgentSilent { after_ms } } else { Condition::HostSilent { after_ms } };
            let rule = rule(condition, for_s * 1_000, keep_s * 1_000);
            let mut scenario = Scenario::new(vec![rule.clone()]);
            let mut silences = Silences::new(&rule, Some(host(1))).expect("a rule on silence");
            let (mut now, last) = (1_000, gaps.len() - 1);
            for (number, gap) in gaps.into_iter().enumerate() {
                let signs = if goodbye && number == last { vec![Sign::Goodbye("shutdown".into())] } else { Vec::new() };
                scenario.push(now, 1, Vec::new(), signs);
                silences.heard(at(now), at(now));
                for second in now + 1..now + gap {
                    scenario.tick(second);
                }
                now += gap;
            }
            let mut live: Vec<_> = scenario.world.incidents.incidents.values()
                .map(|one| (one.opened_at.0 / 1_000, one.resolved.as_ref().map(|stamp| stamp.0.0 / 1_000))).collect();
            live.sort_unstable();
            prop_assert_eq!(told(&silences.until(at(now), goodbye)), live, "{:?}", scenario.world.telemetry.last_seen(agent(1)));
        }
    }
}
