use super::*;
use crate::alert::inventory::tests::rule;
use crate::catalogue::{CatalogueCommand, Category};
use crate::ci::testing::{Fleet, disk, os, packages, server, system};
use crate::ci::{AttributeValue, CiCommand, Lifecycle, past};
use crate::rule::{Comparison, Flapping, RuleEvent};
use crate::{Actor, Command};
use proptest::prelude::*;

/// Live, a round of all items begins so often.
const ROUND_MS: i64 = 10_000;

/// A fleet of one host under a rule, with all rounds that it has been through.
struct Script {
    fleet: Fleet,
    rule: Rule,
    from: Timestamp,
}

/// What happens to the host.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Upgrade(u8),
    Swap(u8),
    System(u8),
    Warranty(u8),
    Retire,
    Return,
    Wait(u8),
}

impl Script {
    fn new(rule: Rule) -> Self {
        let mut fleet = Fleet::with_agents([1]);
        fleet.report(1, [system(server(1)), os("12"), packages(&[("openssl", "3.0.13")]), disks(2)]);
        fleet.append(Actor::System, vec![Event::Rule(RuleEvent::RuleSet { rule: Box::new(rule.clone()) })]);
        fleet.now = Timestamp(fleet.now.0.div_euclid(ROUND_MS) * ROUND_MS);
        let from = fleet.now;
        fleet.tick();
        Self { fleet, rule, from }
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
        let ci = self.fleet.id_of(1);
        // What the fleet does takes a minute, of which one round is gone when it is done.
        self.fleet.now = Timestamp(self.fleet.now.0 + ROUND_MS - 60_000);
        match deed {
            Deed::Upgrade(patch) => drop(self.fleet.report(1, [packages(&[("openssl", &format!("3.0.{patch}")), ("bash", "5.2")])])),
            Deed::System(version) => drop(self.fleet.report(1, [os(&version.to_string())])),
            Deed::Swap(count) => drop(self.fleet.report(1, [disks(usize::from(count))])),
            Deed::Warranty(days) => {
                let day = Timestamp(i64::from(days) * 86_400_000).to_string();
                let value = (days > 0).then(|| AttributeValue::Text(day.get(..10).expect("a day").to_owned()));
                let attributes = [("warranty_end".to_owned(), value)].into();
                self.fleet.command("ada", CiCommand::AssertAttributes { ci, attributes, expected: None }).expect("asserted");
            }
            Deed::Retire | Deed::Return => {
                let status = if matches!(deed, Deed::Retire) { Lifecycle::Retired } else { Lifecycle::Operational };
                // Some moves are refused: then nothing happens.
                drop(self.fleet.command("ada", CiCommand::SetStatus { ci, status, reason: "moved".into(), expected: None }));
            }
            Deed::Wait(tens) => {
                self.fleet.now = Timestamp(self.fleet.now.0 + 60_000 - ROUND_MS);
                self.rounds(1 + i64::from(tens));
            }
        }
        self.fleet.tick();
    }

    /// Opened and resolved live.
    fn live(&self) -> Vec<(Timestamp, Option<Timestamp>)> {
        let incidents = self.fleet.world.incidents.incidents.values();
        let mut told: Vec<_> = incidents.map(|one| (one.opened_at, one.resolved.as_ref().map(|stamp| stamp.0))).collect();
        told.sort_unstable();
        told
    }

    /// Opened and resolved in a replay, each in the round in which live judgement sees it.
    fn replayed(&self) -> Vec<(Timestamp, Option<Timestamp>)> {
        let round = |at: Timestamp| Timestamp((at.0 + ROUND_MS - 1).div_euclid(ROUND_MS) * ROUND_MS);
        let found = self.verdict(true).episodes;
        found.iter().map(|one| (round(one.opened_at), one.resolved_at.map(round))).collect()
    }

    fn verdict(&self, whole: bool) -> Verdict {
        let inquiry = Inquiry::of(&self.fleet.world, &self.rule).expect("a rule on the inventory");
        let now = self.fleet.host_of(1);
        let records: Vec<Record> = self.fleet.log.iter().filter(|record| past::concerns(record, now.id)).cloned().collect();
        let changed = records.iter().any(|record| record.at > self.from && inquiry.matters(record));
        let records = if whole || changed { records.as_slice() } else { &[] };
        inquiry.judge(&self.rule, Life { now, records }, (self.from, Timestamp(self.fleet.now.0 + 1)), &self.fleet.content)
    }
}

fn disks(count: usize) -> Section {
    let part = |n: usize| rollcall_shared::section::Disk { removable: Some(false), ..disk(&format!("sd{n}"), &format!("S{n}")) };
    Section::Disks((0..count).map(part).collect())
}

fn predicates() -> Vec<(Predicate, f64)> {
    let text = |text: &str| Some(AttributeValue::Text(text.into()));
    vec![
        (Predicate::PackageBelow { package: "openssl".into(), version: "3.0.14".into() }, 0.0),
        (Predicate::Attribute { name: "os_version".into(), operator: Comparison::Equal, value: text("11") }, 0.0),
        (Predicate::Attribute { name: "warranty_end".into(), operator: Comparison::Absent, value: None }, 0.0),
        (Predicate::DaysLeft { attribute: "warranty_end".into() }, 0.982),
        (Predicate::DaysSince { attribute: "warranty_end".into() }, 0.018),
        (Predicate::Drift { names: vec!["os".into(), "packages".into()], within_ms: 120_000 }, 0.0),
        (Predicate::Removed { names: vec!["disks".into()], within_ms: 180_000 }, 0.0),
    ]
}

fn any_deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        3 => (12_u8..16).prop_map(Deed::Upgrade),
        3 => (1_u8..4).prop_map(Deed::Swap),
        3 => (11_u8..13).prop_map(Deed::System),
        3 => (0_u8..3).prop_map(Deed::Warranty),
        1 => Just(Deed::Retire),
        1 => Just(Deed::Return),
        2 => (0_u8..30).prop_map(Deed::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_replay_opens_and_closes_what_was_opened_and_closed_live(
        deeds in prop::collection::vec(any_deed(), 1..14), which in 0_usize..7, for_rounds in 0_u64..9, keep_rounds in 0_u64..9,
    ) {
        let (predicate, raise) = predicates().swap_remove(which);
        let flapping = Flapping { start_percent: 100.0, stop_percent: 100.0 };
        let (for_ms, keep_firing_for_ms) = (for_rounds * 10_000, keep_rounds * 10_000);
        let mut script = Script::new(Rule { for_ms, keep_firing_for_ms, flapping, ..rule(predicate, raise) });
        deeds.iter().for_each(|deed| script.happens(*deed));
        prop_assert_eq!(script.replayed(), script.live());
        prop_assert_eq!(script.verdict(false).episodes, script.verdict(true).episodes, "what does not matter is not read");
    }
}

#[test]
fn days_are_counted_without_a_record_of_theirs_and_the_line_is_met_to_the_millisecond() {
    let mut script = Script::new(rule(Predicate::DaysLeft { attribute: "warranty_end".into() }, 0.5));
    script.happens(Deed::Warranty(30));
    let inquiry = Inquiry::of(&script.fleet.world, &script.rule).expect("a rule on the inventory");
    let now = script.fleet.host_of(1);
    let day = |days: f64| Timestamp((days * DAY_MS) as i64);
    let found = inquiry.judge(&script.rule, Life { now, records: &[] }, (day(10.0), day(40.0)), &script.fleet.content);
    let opened: Vec<i64> = found.episodes.iter().map(|one| one.opened_at.0).collect();
    assert_eq!((opened, found.moments), (vec![day(29.5).0 + 1], 3), "the begin, the line, and beyond it");
}

#[test]
fn software_is_judged_by_the_rulings_of_today_also_where_it_is_gone_by_now() {
    let mut script = Script::new(rule(Predicate::Software { category: Category::Denied }, 0.0));
    script.happens(Deed::Upgrade(13));
    let product = script.fleet.world.cmdb.cis.values().find(|ci| ci.name == "bash").expect("a product").id;
    script.fleet.report(1, [packages(&[("openssl", "3.0.13")])]);
    let ruling = CatalogueCommand::RuleOnProduct { product, category: Some(Category::Denied), reason: "clear text".into(), expected: None };
    script.fleet.decide("ada", &Command::Catalogue(ruling)).expect("ruled");
    let found = script.verdict(true).episodes;
    assert!(matches!(found.as_slice(), [one] if one.resolved_at.is_some()), "{found:?}");
}
