//! One rule over what is stored of one item, outside the state: for back-tests and for the tests that a rule carries. Samples are taken in
//! here; silence, the inventory and checks about other items have modules of their own.
//!
//! Invariant: what judges here is what judges live: the same plan, windows and machine, and a series that stops coming while others of its
//! host come makes its alert unknown as its rule says. Only the clock's part is missing: a host from which nothing comes at all makes none
//! unknown here.

pub(super) mod episodes;
mod reach;
pub(super) mod silence;
mod trace;

pub use super::inventory::past::licences::{Census, Licensed};
pub use super::inventory::past::{Inquiry, Life, Verdict};
pub use reach::{Extremes, Reach};
pub use silence::{Quiet, Silences, Stretch};
pub use trace::bare;

use super::AlertState;
use super::machine::Position;
use super::observe::patience_ms;
use super::telemetry::{AgentState, Finding, Plans, Seen};
use crate::ci::Ci;
use crate::rule::{Condition, KnownRule, NoData, Reduce, Rule, Rules, Severity};
use crate::{Content, World, id::CiId};
use episodes::Episodes;
use rollcall_shared::Timestamp;
use rollcall_shared::sample::SampleSet;
use serde::Serialize;
use std::collections::BTreeMap;

/// An incident that would have been opened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Episode {
    /// Of which host, when one was given.
    pub ci: Option<CiId>,
    /// Of which series.
    pub attributes: BTreeMap<String, String>,
    /// When it would have been opened.
    pub opened_at: Timestamp,
    /// When the alert would have resolved; `None` when it had not by the end.
    pub resolved_at: Option<Timestamp>,
    /// The worst level.
    pub severity: Severity,
    /// The value that opened it.
    pub value: f64,
    /// The worst value of the series while it was open, for a rule on one metric as it is measured; the longest silence; else the worst that
    /// a change of level was judged by.
    pub peak: f64,
}

/// A rule at work.
#[derive(Debug)]
pub struct Replay<'a> {
    /// Nothing: what is asked of more than the host is settled before (see [`settled`](crate::rule::select::settled)).
    world: World,
    rules: Rules,
    rule: Rule,
    host: Option<&'a Ci>,
    plans: Plans,
    state: AgentState,
    episodes: Episodes,
    sets: u64,
    judged: bool,
    /// Whether the judged number is the series' own.
    follows: bool,
    /// How long a series may be missing, ms.
    patience_ms: u64,
}

impl<'a> Replay<'a> {
    /// A rule before its first sample. It counts as enabled.
    #[must_use]
    pub fn new(rule: &Rule, host: Option<&'a Ci>) -> Self {
        let rule = Rule { enabled: true, ..rule.clone() };
        let known = KnownRule { rule: rule.clone(), revision: 1, updated_at: Timestamp(0), history: Vec::new() };
        let rules = Rules { rules: [(rule.id.clone(), known)].into(), revision: 1, ..Rules::default() };
        let (plans, state) = (Plans::default(), AgentState::default());
        let world = World::default();
        let own = |reduce| matches!(reduce, Reduce::Last | Reduce::Min | Reduce::Max | Reduce::Avg);
        let follows = match &rule.condition {
            Condition::Threshold { reduce, .. } => own(*reduce),
            _ => false,
        };
        let (episodes, patience_ms) = (Episodes::default(), patience_ms(0));
        Self { world, rules, rule, host, plans, state, episodes, sets: 0, judged: false, follows, patience_ms }
    }

    /// The same over samples that come so often, ms; every ten seconds unless said.
    #[must_use]
    pub fn sampled(self, interval_ms: u64) -> Self {
        Self { patience_ms: patience_ms(interval_ms), ..self }
    }

    /// Takes a sample set in for what its windows remember, without judging it.
    pub fn remember(&mut self, set: &SampleSet, content: &dyn Content) {
        let seen = Seen { world: &self.world, rules: &self.rules, host: self.host, now: set.at };
        if self.state.suit(&mut self.plans, seen, set, content) {
            self.state.fold(set, set.at, false);
        }
    }

    /// Whether nothing is raised: no series is pending, firing or recovering.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.episodes.are_over() && !self.has_raised()
    }

    /// Whether a series is pending, firing or recovering now, at any loudness.
    #[must_use]
    pub fn has_raised(&self) -> bool {
        self.state.raised().any(|state| !matches!(state, AlertState::Inactive | AlertState::Resolved))
    }

    /// Takes a sample set in.
    pub fn take(&mut self, set: &SampleSet, content: &dyn Content) {
        self.sets += 1;
        let seen = Seen { world: &self.world, rules: &self.rules, host: self.host, now: set.at };
        if !self.state.suit(&mut self.plans, seen, set, content) {
            return;
        }
        let findings = self.state.fold(set, set.at, true);
        if self.rule.no_data == NoData::Unknown {
            self.state.lose_vanished(self.patience_ms);
        }
        let Some(plan) = self.state.view.plan.as_ref() else { return };
        let side = self.rule.condition.side();
        self.judged |= !plan.entries.is_empty();
        for finding in findings {
            let Finding::Moved(step) = finding else { continue };
            let Some(entry) = plan.entries.get(step.entry) else { continue };
            let attributes = plan.attributes(entry);
            let ci = self.host.map(|host| host.id);
            self.episodes.moved(&self.rule, (ci, &attributes), step.after, (step.value, step.at));
        }
        if self.episodes.are_over() || !self.follows {
            return;
        }
        for entry in &plan.entries {
            let value = entry.series.and_then(|series| set.values.get(series).copied().flatten()).filter(|value| value.is_finite());
            if let Some(value) = value {
                self.episodes.reached(side, &plan.attributes(entry), value);
            }
        }
    }

    /// Where the alert of a series is now; `None` when the rule does not judge such a series.
    #[must_use]
    pub fn position(&self, attributes: &BTreeMap<String, String>) -> Option<Position> {
        let plan = self.state.view.plan.as_ref()?;
        let position = plan.entries.iter().position(|entry| plan.attributes(entry) == *attributes)?;
        self.state.view.slots.get(position).map(|slot| slot.position)
    }

    /// Sample sets taken in.
    #[must_use]
    pub fn sets(&self) -> u64 {
        self.sets
    }

    /// Whether any series was judged at all.
    #[must_use]
    pub fn judged(&self) -> bool {
        self.judged
    }

    /// Incidents, oldest first.
    #[must_use]
    pub fn episodes(self) -> Vec<Episode> {
        self.episodes.all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::scenario::{Scenario, host, rule as load};
    use proptest::prelude::*;
    use rollcall_shared::sample::Series;

    /// A replay of sample sets opens and closes what was opened and closed as they came.
    #[track_caller]
    fn check(scenario: &Scenario, rule: &Rule, sets: &[SampleSet]) {
        let ci = &scenario.world.cmdb.cis[&host(1)];
        let mut replay = Replay::new(rule, Some(ci));
        sets.iter().for_each(|set| replay.take(set, &scenario.tables));
        let replayed: Vec<_> = replay.episodes().iter().map(|one| (one.opened_at, one.resolved_at)).collect();
        let incidents = scenario.world.incidents.incidents.values();
        let mut live: Vec<_> = incidents.map(|one| (one.opened_at, one.resolved.as_ref().map(|stamp| stamp.0))).collect();
        live.sort();
        assert_eq!(replayed, live);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_replay_opens_and_closes_what_was_opened_and_closed_live(
            values in prop::collection::vec(prop_oneof![Just(10.0), Just(82.0), Just(86.0), Just(97.0)], 1..60), for_ms in 0_u64..30_000,
        ) {
            let flapping = crate::rule::Flapping { start_percent: 100.0, stop_percent: 100.0 };
            let rule = Rule { for_ms, keep_firing_for_ms: 20_000, flapping, ..load("load") };
            let mut scenario = Scenario::new(vec![rule.clone()]);
            let mut sets = Vec::new();
            for (n, value) in (1..).zip(values) {
                scenario.value(n * 10, value);
                sets.push(scenario.set(n * 10, &[("", Some(value))]));
            }
            check(&scenario, &rule, &sets);
        }

        #[test]
        fn results_of_checks_are_replayed_as_they_were_judged(
            states in prop::collection::vec(prop::sample::select(vec![Some(0.0), Some(1.0), Some(2.0), Some(3.0), None]), 1..60), for_ms in 0_u64..30_000,
        ) {
            let flapping = crate::rule::Flapping { start_percent: 100.0, stop_percent: 100.0 };
            let condition = Condition::Check { check: Some("disk".into()) };
            let rule = Rule { condition, for_ms, keep_firing_for_ms: 20_000, flapping, ..load("check") };
            let mut scenario = Scenario::new(vec![rule.clone()]);
            let series = |check: &str| Series { metric: "check.state".into(), attributes: vec![("check".into(), check.into())] };
            let table = scenario.table(vec![series("disk"), series("raid")]);
            let sets: Vec<SampleSet> = (1..).zip(states)
                .map(|(n, state)| SampleSet { table, at: Timestamp(n * 10_000), values: vec![state, Some(2.0)] }).collect();
            for set in &sets {
                scenario.push(set.at.0 / 1_000, 1, vec![set.clone()], Vec::new());
                scenario.tick(set.at.0 / 1_000);
            }
            check(&scenario, &rule, &sets);
        }
    }
}
