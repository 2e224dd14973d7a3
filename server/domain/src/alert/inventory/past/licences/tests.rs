use super::*;
use crate::alert::inventory::tests::rule;
use crate::ci::testing::{Collected, Fleet, os, packages, server, system};
use crate::ci::{AttributeValue, CiCommand, CiEvent, Class, Lifecycle, past};
use crate::rule::{Flapping, Predicate, RuleEvent};
use crate::{Actor, Event};
use proptest::prelude::*;
use rollcall_shared::section::System;

/// Live, a round of all items begins so often.
const ROUND_MS: i64 = 10_000;

/// Two products; which of them is told by bits.
const NAMES: [&str; 2] = ["bash", "zsh"];

/// A product, when an incident was opened on it, and when it resolved.
type Told = (CiId, Timestamp, Option<Timestamp>);

/// Three hosts under a rule on licences, with all rounds that they have been through. The first may be any of the others, as far as it
/// can be told, and has no package list to begin with.
struct Script {
    fleet: Fleet,
    rule: Rule,
    from: Timestamp,
    hosts: [CiId; 3],
}

/// What happens.
#[derive(Clone, Copy, Debug)]
enum Deed {
    /// An agent lists packages, or some of them.
    Lists(u128, u8, bool),
    /// A feed does, of a machine that has no agent.
    Delivers(u8),
    /// The word of the feed is taken back.
    Revert,
    License(usize, Option<i64>),
    Status(usize, bool),
    /// Retired as a product.
    Withdraw(usize, bool),
    /// The second host turns out to be the first.
    Found,
    /// Somebody says so.
    Merge,
    Unmerge,
    Wait(u8),
}

impl Script {
    fn new(rule: Rule) -> Self {
        let mut fleet = Fleet::with_agents([1, 2, 3]);
        let nameless = System { serial: None, uuid: None, machine_id: None, ..server(1) };
        fleet.report(1, [system(nameless), os("12")]);
        [2, 3].into_iter().for_each(|number| drop(fleet.report(number, [system(server(number as u32)), list(3)])));
        fleet.append(Actor::System, vec![Event::Rule(RuleEvent::RuleSet { rule: Box::new(rule.clone()) })]);
        fleet.now = Timestamp(fleet.now.0.div_euclid(ROUND_MS) * ROUND_MS);
        let from = fleet.now;
        fleet.tick();
        let hosts = [1, 2, 3].map(|agent| fleet.id_of(agent));
        Self { fleet, rule, from, hosts }
    }

    fn product(&self, place: usize) -> CiId {
        self.fleet.world.cmdb.keys[&(Class::SoftwareProduct, format!("dpkg/{}", NAMES[place]))]
    }

    /// Rounds of live judgement until something happens at the end of these.
    fn rounds(&mut self, count: i64) {
        for _ in 0..count {
            self.fleet.now = Timestamp(self.fleet.now.0 + ROUND_MS);
            self.fleet.tick();
        }
    }

    fn happens(&mut self, deed: Deed) {
        self.rounds(5);
        let at = Timestamp(self.fleet.now.0 + ROUND_MS);
        // What the fleet does takes a minute, of which one round is gone when it is done.
        self.fleet.now = Timestamp(at.0 - 60_000);
        // Some of it is refused: then nothing happens.
        match deed {
            Deed::Lists(agent, which, whole) => {
                let collected = if whole { Collected::Complete(list(which)) } else { Collected::Partial(list(which)) };
                drop(self.fleet.try_report(agent, [collected]));
            }
            Deed::Delivers(which) => drop(self.fleet.deliver("glpi", "7", [system(server(7)), list(which)])),
            Deed::Revert => {
                let source = crate::ci::Source::Feed { name: "glpi".into() };
                let known = self.fleet.world.cmdb.cis.values().filter(|ci| ci.feeds.contains_key("glpi"));
                let cis = known.map(|ci| ci.id).collect();
                self.fleet.now = at;
                self.fleet.ci_events([CiEvent::SourceReverted { source, cis, complete: true }]);
            }
            Deed::License(place, licensed) => {
                let attributes = [(LICENSED.to_owned(), licensed.map(AttributeValue::Integer))].into();
                self.tries(CiCommand::AssertAttributes { ci: self.product(place), attributes, expected: None });
            }
            Deed::Status(place, used) => self.sets(self.hosts[place], used),
            Deed::Withdraw(place, used) => self.sets(self.product(place), used),
            Deed::Found => {
                self.fleet.now = at;
                self.fleet.ci_events([CiEvent::DuplicateFound { ci: self.hosts[1], duplicate_of: self.hosts[0] }]);
            }
            Deed::Merge => {
                self.tries(CiCommand::Merge { into: self.hosts[0], from: vec![self.hosts[1]], reason: "one".into(), expected: None })
            }
            Deed::Unmerge => self.tries(CiCommand::Unmerge { ci: self.hosts[1], reason: "two".into(), expected: None }),
            Deed::Wait(tens) => {
                self.fleet.now = Timestamp(at.0 - ROUND_MS);
                self.rounds(i64::from(tens));
                return self.rounds(1);
            }
        }
        self.fleet.now = at;
        self.fleet.tick();
    }

    fn tries(&mut self, command: CiCommand) {
        drop(self.fleet.command("ada", command));
    }

    fn sets(&mut self, ci: CiId, used: bool) {
        let status = if used { Lifecycle::Operational } else { Lifecycle::Retired };
        self.tries(CiCommand::SetStatus { ci, status, reason: "moved".into(), expected: None });
    }

    /// Opened and resolved live.
    fn live(&self) -> Vec<Told> {
        let alert = |id: &crate::id::AlertId| self.fleet.world.alerts.alerts[id].key.ci;
        let incidents = self.fleet.world.incidents.incidents.values();
        let told = incidents.map(|one| (alert(&one.alerts[0]), one.opened_at, one.resolved.as_ref().map(|stamp| stamp.0)));
        let mut told: Vec<_> = told.collect();
        told.sort_unstable();
        told
    }

    /// Opened and resolved in a replay, each in the round in which live judgement sees it.
    fn replayed(&self, whole: bool) -> Vec<Told> {
        let round = |at: Timestamp| Timestamp((at.0 + ROUND_MS - 1).div_euclid(ROUND_MS) * ROUND_MS);
        let found = self.verdicts(whole).into_iter().flat_map(|verdict| verdict.episodes);
        let mut told: Vec<_> = found.map(|one| (one.ci.expect("a product"), round(one.opened_at), one.resolved_at.map(round))).collect();
        told.sort_unstable();
        told
    }

    /// What comes of all products; records that do not matter are left out unless `whole`.
    fn verdicts(&self, whole: bool) -> Vec<Verdict> {
        let span = (self.from, Timestamp(self.fleet.now.0 + 1));
        let cis = self.fleet.world.cmdb.cis.values();
        let records = |ci: &Ci, matters: fn(&Record) -> bool| -> Vec<Record> {
            let own: Vec<Record> = self.fleet.log.iter().filter(|record| past::concerns(record, ci.id)).cloned().collect();
            let changed = own.iter().any(|record| record.at > self.from && matters(record));
            if whole || changed { own } else { Vec::new() }
        };
        let products = cis.clone().filter(|ci| ci.class == Class::SoftwareProduct && (whole || Licensed::may_be(ci)));
        let asked: Vec<(&Ci, Licensed)> = products
            .filter_map(|now| Some((now, Licensed::over(Life { now, records: &records(now, Licensed::matters) }, span)?)))
            .collect();
        let mut census = Census::of(asked.iter().map(|(product, _)| *product));
        for now in cis.filter(|ci| whole || Census::may_count(ci, self.from)) {
            census.count(Life { now, records: &records(now, Census::matters) }, span, &self.fleet.content);
        }
        asked.iter().map(|(product, said)| census.judge(&self.rule, product.id, said, span.1)).collect()
    }
}

fn list(which: u8) -> Section {
    let rows = NAMES.iter().enumerate().filter(|(place, _)| which >> place & 1 == 1).map(|(_, name)| (*name, "5.2"));
    packages(&rows.chain([("vim", "9.1")]).collect::<Vec<_>>())
}

fn stock() -> Rule {
    Rule { classes: vec![Class::SoftwareProduct], ..rule(Predicate::Licences {}, 0.0) }
}

fn any_deed() -> impl Strategy<Value = Deed> {
    let licensed = prop_oneof![1 => Just(None), 4 => (0_i64..4).prop_map(Some)];
    prop_oneof![
        5 => (1_u128..4, 0_u8..4, any::<bool>()).prop_map(|(agent, which, whole)| Deed::Lists(agent, which, whole)),
        2 => (0_u8..4).prop_map(Deed::Delivers),
        1 => Just(Deed::Revert),
        4 => (0_usize..2, licensed).prop_map(|(place, licensed)| Deed::License(place, licensed)),
        2 => (0_usize..3, any::<bool>()).prop_map(|(place, used)| Deed::Status(place, used)),
        1 => (0_usize..2, any::<bool>()).prop_map(|(place, used)| Deed::Withdraw(place, used)),
        1 => Just(Deed::Found),
        1 => Just(Deed::Merge),
        1 => Just(Deed::Unmerge),
        1 => (0_u8..30).prop_map(Deed::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_replay_opens_and_closes_what_was_opened_and_closed_live(
        deeds in prop::collection::vec(any_deed(), 1..24), for_rounds in 0_u64..9, keep_rounds in 0_u64..9,
    ) {
        let flapping = Flapping { start_percent: 100.0, stop_percent: 100.0 };
        let (for_ms, keep_firing_for_ms) = (for_rounds * 10_000, keep_rounds * 10_000);
        let mut script = Script::new(Rule { for_ms, keep_firing_for_ms, flapping, ..stock() });
        deeds.iter().for_each(|deed| script.happens(*deed));
        prop_assert_eq!(script.replayed(true), script.live());
        prop_assert_eq!(script.verdicts(false).len(), script.verdicts(true).len());
        prop_assert_eq!(script.replayed(false), script.live(), "what does not matter is not read");
    }
}

/// What has come of it: how often incidents were opened, how many are open, and the worst number.
#[track_caller]
fn check(deeds: &[Deed], expected: (usize, usize, f64)) {
    let mut script = Script::new(stock());
    script.happens(Deed::Lists(1, 3, true));
    deeds.iter().for_each(|deed| script.happens(*deed));
    assert_eq!(script.replayed(true), script.live());
    let found: Vec<_> = script.verdicts(true).into_iter().flat_map(|verdict| verdict.episodes).collect();
    let open = found.iter().filter(|one| one.resolved_at.is_none()).count();
    let peak = found.iter().map(|one| one.peak).fold(0.0, f64::max);
    assert_eq!((found.len(), open, peak), expected, "{found:?}");
}

#[test]
fn hosts_count_as_long_as_they_have_the_product_and_are_in_use() {
    let two = Deed::License(0, Some(2));
    check(&[two], (1, 1, 1.0));
    check(&[two, Deed::Lists(1, 2, true)], (1, 0, 1.0));
    check(&[two, Deed::Lists(1, 2, false)], (1, 1, 1.0));
    check(&[two, Deed::Status(2, false), Deed::Status(2, true)], (2, 1, 1.0));
    check(&[two, Deed::Merge, Deed::Unmerge], (2, 1, 1.0));
    check(&[two, Deed::Found], (1, 0, 1.0));
    check(&[two, Deed::Delivers(1), Deed::Revert], (1, 1, 2.0));
}

#[test]
fn nothing_is_judged_while_nothing_is_recorded() {
    check(&[Deed::Lists(1, 0, true)], (0, 0, 0.0));
    check(&[Deed::License(0, Some(0)), Deed::License(0, None), Deed::Lists(1, 0, true), Deed::License(0, Some(1))], (2, 1, 3.0));
    check(&[Deed::License(0, Some(0)), Deed::Withdraw(0, false)], (1, 0, 3.0));
    let mut script = Script::new(stock());
    script.happens(Deed::Lists(1, 1, true));
    assert!(script.verdicts(true).is_empty(), "no product was licensed");
}

#[test]
fn a_product_that_moves_from_one_host_to_another_at_once_is_never_one_too_many() {
    let mut script = Script::new(stock());
    script.happens(Deed::Lists(1, 2, true));
    script.happens(Deed::License(0, Some(2)));
    script.rounds(1);
    let hosts = script.hosts;
    let contents = [1, 2].map(|which| script.fleet.content.put(list(which)));
    let section = |ci, content| {
        let (before, reason, after) = (None, None, Some(content));
        let (section, outcome) = (SectionName::Packages, rollcall_shared::Outcome::Complete);
        CiEvent::SectionChanged { ci, section, feed: None, before, after, outcome, reason, added: 1, removed: 1, changed: 0 }
    };
    script.fleet.ci_events([section(hosts[0], contents[0]), section(hosts[1], contents[1])]);
    assert!(script.verdicts(true).iter().all(|verdict| verdict.episodes.is_empty() && verdict.moments == 2));
}
