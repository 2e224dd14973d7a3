//! Checks about other items over what agents sent: for back-tests.
//!
//! Invariant: what counts is what counts live: of each agent that was heard lately its newest result, and of those the best. Which item a
//! name means is asked of the CMDB as it is, not as it was.

use super::{CHECK, FRESH_INTERVALS, STATES, TARGET, means};
use crate::alert::dependency::interval;
use crate::alert::external::place;
use crate::alert::replay::Episode;
use crate::alert::replay::episodes::Track;
use crate::ci::lifecycle::is_out_of_use;
use crate::id::CiId;
use crate::rule::plan::Probe;
use crate::rule::{Asks, Condition, Rule};
use crate::trust::pace::counted;
use crate::{World, rule};
use rollcall_shared::Timestamp;
use rollcall_shared::sample::Series;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A result of a check, or that an agent was heard without one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Said {
    /// When.
    pub at: Timestamp,
    /// Until when the agent counts as heard because of it, at least.
    pub through: Timestamp,
    /// The state, 0 to 3.
    pub state: Option<f64>,
}

impl Said {
    /// The same of an agent that pushes at an interval, ms: the result of a slow one counts for longer.
    #[must_use]
    pub fn paced(self, interval_ms: Option<u64>) -> Self {
        let fresh_ms = u64::try_from((interval() * FRESH_INTERVALS).as_millis()).unwrap_or(u64::MAX);
        let more_ms = interval_ms.map_or(0, |interval_ms| counted(fresh_ms, interval_ms) - fresh_ms);
        Self { through: self.through.plus(Duration::from_millis(more_ms)), ..self }
    }

    /// Adds what was said next; what is no news makes the last word last.
    pub fn add_to(self, said: &mut Vec<Self>) {
        match said.last_mut() {
            Some(last) if last.state == self.state && fresh_until(last) >= self.at => last.through = last.through.max(self.through),
            _ => said.push(self),
        }
    }
}

/// A check that an agent runs about something else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Look {
    /// Name of the check.
    pub check: String,
    /// What the agent calls the item.
    pub target: String,
    asks: Asks,
}

/// What is judged together: the results of one check about one item.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Aim {
    /// The item; the host that looks where the name means none.
    pub ci: CiId,
    /// Of its alert.
    pub attributes: BTreeMap<String, String>,
}

/// The metric of checks about other items.
pub const METRIC: &str = rule::plan::TARGET_STATE;

impl Look {
    /// Of a series; `None` when it is none of such a check, or of one that the rule does not ask for.
    #[must_use]
    pub fn of(rule: &Rule, series: &Series) -> Option<Self> {
        let Condition::TargetCheck { asks, check } = &rule.condition else { return None };
        let Probe { check: name, target, asks: asked, .. } = Probe::of(0, series)?;
        let is_meant = asked == *asks && check.as_ref().is_none_or(|check| *check == name);
        is_meant.then_some(Self { check: name, target, asks: asked })
    }

    /// What it is about when an agent of this host runs it; `None` when that is out of use.
    #[must_use]
    pub fn aim(&self, world: &World, host: CiId, now: Timestamp) -> Option<Aim> {
        let mut attributes = BTreeMap::from([(CHECK.to_owned(), self.check.clone())]);
        let ci = place::find(world, &self.target, now).unwrap_or_else(|_| {
            attributes.insert(TARGET.to_owned(), self.target.clone());
            host
        });
        let is_used = world.cmdb.cis.get(&ci).is_none_or(|ci| !is_out_of_use(ci.status));
        is_used.then_some(Aim { ci, attributes })
    }
}

/// Judges a check about an item from what each agent that runs it said, oldest first, until a moment; incidents, and moments looked at.
#[must_use]
pub fn judge(rule: &Rule, aim: &Aim, said: &[Vec<Said>], until: Timestamp) -> (Vec<Episode>, u64) {
    let Condition::TargetCheck { asks, .. } = &rule.condition else { return (Vec::new(), 0) };
    let mut track = Track::new(rule, Some(aim.ci), aim.attributes.clone());
    let mut newest: Vec<Option<Said>> = vec![None; said.len()];
    let (mut count, mut last) = (0, None);
    for (moment, news) in moments(said) {
        let moment = moment.min(until);
        while let Some(due) = last.and_then(|last| track.due(last)).filter(|due| *due < moment) {
            look(&mut track, (rule, *asks), &newest, due);
            last = Some(due);
        }
        if moment >= until {
            break;
        }
        news.into_iter().for_each(|(agent, one)| newest[agent] = Some(one));
        look(&mut track, (rule, *asks), &newest, moment);
        (count, last) = (count + 1, Some(moment));
    }
    while let Some(due) = last.and_then(|last| track.due(last)).filter(|due| *due < until) {
        look(&mut track, (rule, *asks), &newest, due);
        last = Some(due);
    }
    (track.episodes(), count)
}

/// At which moments which agents say something new, and at which others a result is too old.
fn moments(said: &[Vec<Said>]) -> BTreeMap<Timestamp, Vec<(usize, Said)>> {
    let mut moments: BTreeMap<Timestamp, Vec<(usize, Said)>> = BTreeMap::new();
    let mut ends: BTreeSet<Timestamp> = BTreeSet::new();
    for (agent, said) in said.iter().enumerate() {
        for (place, one) in said.iter().enumerate() {
            moments.entry(one.at).or_default().push((agent, *one));
            let end = fresh_until(one);
            if said.get(place + 1).is_none_or(|next| next.at > end) {
                ends.insert(end);
            }
        }
    }
    for end in ends {
        moments.entry(end).or_default();
    }
    moments
}

/// From then on it is too old: the agent counts as silent.
fn fresh_until(said: &Said) -> Timestamp {
    said.through.plus(interval() * FRESH_INTERVALS)
}

fn look(track: &mut Track<'_>, (rule, asks): (&Rule, Asks), newest: &[Option<Said>], at: Timestamp) {
    let fresh = newest.iter().flatten().filter(|one| fresh_until(one) > at);
    let states: Vec<f64> = fresh.filter_map(|one| one.state).collect();
    if states.is_empty() {
        return track.lose(at);
    }
    if let Some(best) = states.into_iter().filter(|state| STATES.contains(state)).min_by(f64::total_cmp) {
        track.judge(means(rule, asks, best), best, at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::scenario::{Scenario, host, seconds};
    use crate::rule::{Flapping, stock::stock};
    use proptest::prelude::*;
    use rollcall_shared::sample::SampleSet;

    /// The item that is looked at.
    const ITEM: u128 = 9;

    fn series() -> Series {
        let attributes = [("asks", "up"), ("check", "ping"), ("target", "web-9")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        Series { metric: METRIC.into(), attributes: attributes.to_vec() }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn a_replay_opens_and_closes_what_was_opened_and_closed_live(
            deeds in prop::collection::vec((1_i64..40, 0_usize..2, prop::sample::select(vec![Some(0.0), Some(1.0), Some(2.0), Some(2.0), Some(3.0), None])), 1..30),
            pauses in prop::collection::vec(0_i64..400, 1..4), for_s in 0_u64..60, keep_s in 0_u64..60,
            interval_s in prop::sample::select(vec![10_u64, 60, 90]),
        ) {
            let flapping = Flapping { start_percent: 100.0, stop_percent: 100.0 };
            let stock = stock().into_iter().find(|rule| rule.id.as_str() == "target_down").expect("a stock rule");
            let rule = Rule { for_ms: for_s * 1_000, keep_firing_for_ms: keep_s * 1_000, flapping, ..stock };
            let mut scenario = Scenario::new(vec![rule.clone()]);
            [2, ITEM].into_iter().for_each(|n| scenario.add_host(n, &[]));
            scenario.seed(|world| world.cmdb.rebuild_index(&crate::context::NoContent));
            scenario.tell_interval(0, 2, Some(interval_s * 1_000));
            let look = Look::of(&rule, &series()).expect("such a check");
            let aim = look.aim(&scenario.world, host(1), seconds(0)).expect("an item");
            prop_assert_eq!(aim.ci, host(ITEM));
            let mut said: Vec<Vec<Said>> = vec![Vec::new(); 2];
            let mut now = 1_000;
            for (number, (wait, agent, state)) in deeds.into_iter().enumerate() {
                let table = scenario.table(vec![series()]);
                scenario.push(now, agent as u128 + 1, vec![SampleSet { table, at: seconds(now), values: vec![state] }], Vec::new());
                let interval_ms = (agent == 1).then_some(interval_s * 1_000);
                Said { at: seconds(now), through: seconds(now), state }.paced(interval_ms).add_to(&mut said[agent]);
                scenario.tick(now);
                let pause = if number % 9 == 8 { pauses[number / 9 % pauses.len()] } else { 0 };
                for second in now + 1..now + wait + pause {
                    scenario.tick(second);
                }
                now += wait + pause;
            }
            let second = |at: Timestamp| (at.0 + 999).div_euclid(1_000);
            let (episodes, _) = judge(&rule, &aim, &said, seconds(now));
            let replayed: Vec<_> = episodes.iter().map(|one| (second(one.opened_at), one.resolved_at.map(second))).collect();
            let mut live: Vec<_> = scenario.world.incidents.incidents.values()
                .map(|one| (second(one.opened_at), one.resolved.as_ref().map(|stamp| second(stamp.0)))).collect();
            live.sort_unstable();
            prop_assert_eq!(replayed, live);
        }
    }
}
