//! A rule on silence over the moments at which a host was heard.
//!
//! Invariant: between two moments nothing is known but that they are apart; what counts is the same as live, where a tick looks every
//! second: how long nothing came, by the same machine. A host that was never heard is never silent.

use super::Episode;
use super::episodes::{Attributes, Track};
use crate::alert::machine::Judged;
use crate::alert::silence;
use crate::id::CiId;
use crate::rule::{Condition, Rule};
use rollcall_shared::Timestamp;
use std::time::Duration;

/// A host under a rule on silence.
#[derive(Debug)]
pub struct Silences<'a> {
    track: Track<'a>,
    breached: Judged,
    after: Duration,
    minds_goodbyes: bool,
    heard: Option<Timestamp>,
}

impl<'a> Silences<'a> {
    /// A host that has not been heard yet; `None` when the rule is on something else.
    #[must_use]
    pub fn new(rule: &'a Rule, ci: Option<CiId>) -> Option<Self> {
        let after = Duration::from_millis(silence::after_ms(&rule.condition)?);
        let severity = Some(silence::severity(rule));
        let breached = Judged::Level { raised: severity, held: severity };
        let minds_goodbyes = matches!(rule.condition, Condition::AgentSilent { .. });
        Some(Self { track: Track::new(rule, ci, Attributes::new()), breached, after, minds_goodbyes, heard: None })
    }

    /// It was heard throughout these moments, or at the one that both are.
    pub fn heard(&mut self, from: Timestamp, through: Timestamp) {
        let from = self.heard.map_or(from, |last| from.max(last));
        if let Some(last) = self.heard {
            self.wait(last, from, true);
        }
        self.track.judge(CLEAR, 0.0, from);
        let through = through.max(from);
        self.recover(Timestamp(through.0.saturating_add(1)));
        self.heard = Some(through);
    }

    /// Whether it was heard at all.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.heard.is_some()
    }

    /// Incidents until a moment, oldest first. What said goodbye before is missed by a rule on agents alone.
    #[must_use]
    pub fn until(mut self, end: Timestamp, said_goodbye: bool) -> Vec<Episode> {
        if let Some(last) = self.heard {
            let minds = self.minds_goodbyes || !said_goodbye;
            self.wait(last, end, minds);
        }
        self.track.episodes()
    }

    /// Nothing was heard between two moments.
    fn wait(&mut self, last: Timestamp, until: Timestamp, minds: bool) {
        let overdue = last.plus(self.after);
        self.recover(overdue.min(until));
        if !minds || overdue >= until {
            return;
        }
        let mut at = overdue;
        loop {
            self.track.judge(self.breached, seconds(last, at), at);
            match self.track.due(at).filter(|due| *due < until) {
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
