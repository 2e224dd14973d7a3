use crate::alert::AlertState;
use crate::alert::scenario::{Scenario, agent, host, rule, seconds};
use crate::ci::CiCommand;
use crate::collect::{Base, Growth, Point, Resource, Table, compose};
use crate::command::Command;
use crate::journal::JournalEntry;
use crate::rule::{Condition, Reduce, Rule};
use crate::trust::collector::{FEED, Spoken};
use crate::trust::decide::TrustCommand;
use crate::trust::feed::{FeedKind, FeedName, NewFeed};
use crate::{Event, Rejection, World};
use rollcall_shared::sample::{SampleSet, Series};
use rollcall_shared::{AgentId, Section};
use std::collections::BTreeMap;
use std::sync::Arc;

fn feed() -> FeedName {
    "prom".parse().expect("a name")
}

/// Values of one target: metric, own labels, value.
type Values<'a> = &'a [(&'a str, &'a [(&'a str, &'a str)], Option<f64>)];

/// A scenario with a feed of Prometheus' under rules, and what was pushed by it.
struct Collected {
    scenario: Scenario,
    journal: Vec<JournalEntry>,
}

impl Collected {
    fn new(rules: Vec<Rule>) -> Self {
        let mut scenario = Scenario::new(rules);
        let new = NewFeed { name: feed(), kind: FeedKind::Prometheus, secret_hash: "ab".into(), networks: Vec::new(), ttl: None };
        scenario.command(0, &Command::Trust(TrustCommand::CreateFeed(new))).expect("made");
        Self { scenario, journal: Vec::new() }
    }

    fn spoken(n: u128) -> (Resource, Spoken) {
        let instance = format!("web-{n}:9100");
        let resource = Resource::of([("job", "node"), ("instance", instance.as_str())]);
        let key = resource.key(Some("instance"));
        (resource, Spoken { feed: feed(), key, ci: host(n), placed: "instance".into() })
    }

    /// Takes values in as an edge does.
    fn push(&mut self, at: i64, n: u128, values: Values<'_>) -> AgentId {
        let (resource, spoken) = Self::spoken(n);
        let points = values.iter().map(|(metric, labels, value)| {
            let own = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let attributes = resource.attributes(own, "instance", &feed());
            Point { series: Series { metric: (*metric).into(), attributes }, at: seconds(at), value: *value }
        });
        let points = points.collect();
        let voice = self.scenario.hear(at, &spoken).expect("taken");
        let base = self.scenario.world.telemetry.current(voice).map(|one| (one.table, Arc::clone(one.section), one.values.to_vec()));
        let (known, latest) = match &base {
            Some((_, section, latest)) => (section.as_ref().clone(), latest.clone()),
            None => (Section::Series(Vec::new()), Vec::new()),
        };
        let Section::Series(series) = &known else { panic!("no table") };
        let composed = compose(Some(Base { series, latest: &latest }), Growth::Free, points, &mut { usize::MAX });
        let table = match composed.table {
            Table::Known => base.expect("a table").0,
            Table::New(series) => self.scenario.table(series),
        };
        let sets = composed.sets.into_iter().map(|(at, values)| SampleSet { table, at, values }).collect();
        let entry = self.scenario.collect(at, voice, sets);
        self.journal.push(entry);
        voice
    }
}

/// A rule on a metric of a collector with these attributes.
fn on(metric: &str, attributes: &[(&str, &str)]) -> Rule {
    let attributes: BTreeMap<String, String> = attributes.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let side = rule("x").condition.side();
    Rule { condition: Condition::Threshold { metric: metric.into(), attributes, reduce: Reduce::Last, window_ms: 0, side }, ..rule("load") }
}

const BAD: Values<'static> = &[("node_load1", &[("instance", "web-1:9100"), ("job", "node")], Some(99.0))];
const GOOD: Values<'static> = &[("node_load1", &[("instance", "web-1:9100"), ("job", "node")], Some(1.0))];

#[test]
fn a_collector_opens_and_ends_an_incident_of_its_item() {
    let mut collected = Collected::new(vec![on("node_load1", &[("job", "node")])]);
    collected.push(10, 1, GOOD);
    collected.scenario.story();
    collected.push(20, 1, BAD);
    let story = collected.scenario.story();
    assert_eq!(
        story,
        ["20 load node prom 9100: Inactive → Firing Critical", "20 INC1 opened P2: Load critical on web-1: node prom 9100 99"]
    );
    collected.push(30, 1, GOOD);
    assert_eq!(collected.scenario.story(), ["30 load node prom 9100: Firing → Resolved", "30 INC1 new → resolved"]);
}

#[test]
fn a_moment_that_comes_in_parts_is_judged_whole_and_once() {
    let mut collected = Collected::new(vec![on("m", &[])]);
    let whole: Values<'_> = &[("m", &[("a", "1")], Some(1.0)), ("m", &[("a", "2")], Some(1.0))];
    collected.push(10, 1, whole);
    let voice = collected.push(20, 1, &[("m", &[("a", "1")], Some(99.0))]);
    collected.push(20, 1, &[("m", &[("a", "2")], Some(99.0))]);
    let fired = collected.scenario.world.alerts.alerts.values().filter(|alert| alert.state == AlertState::Firing).count();
    let newest = collected.scenario.world.telemetry.newest(voice).expect("values").values().count();
    assert_eq!((fired, newest), (2, 2));
    collected.push(20, 1, &[("m", &[("a", "2")], Some(1.0))]);
    assert_eq!(collected.scenario.world.alerts.live.len(), 2, "what was said of a moment is not unsaid");
}

#[test]
fn names_of_agents_are_judged_only_when_the_feed_is_named() {
    for (attributes, expected) in [(&[][..], AlertState::Inactive), (&[(FEED, "prom")][..], AlertState::Firing)] {
        let mut collected = Collected::new(vec![on("system.memory.utilization", attributes)]);
        collected.push(10, 1, &[("system.memory.utilization", &[("state", "free")], Some(99.0))]);
        assert_eq!(collected.scenario.state("load", 1), expected, "{attributes:?}");
    }
}

#[test]
fn a_collector_is_no_sign_of_life_and_its_silence_is_not_the_hosts() {
    let silent = Rule { condition: Condition::HostSilent { after_ms: 60_000 }, ..rule("silent") };
    let mut collected = Collected::new(vec![silent, on("node_load1", &[])]);
    collected.scenario.value(10, 1.0);
    for at in [20, 40, 60, 80] {
        collected.push(at, 1, BAD);
        collected.scenario.tick(at);
    }
    assert_eq!(collected.scenario.world.telemetry.speaker(host(1)), Some(agent(1)));
    assert_eq!(collected.scenario.state("silent", 1), AlertState::Firing);
    assert_eq!(collected.scenario.state("load", 1), AlertState::Firing, "it goes on being measured");
    for at in [90, 150, 210, 270, 330] {
        collected.scenario.value(at, 1.0);
        collected.scenario.tick(at);
    }
    assert_eq!((collected.scenario.state("silent", 1), collected.scenario.state("load", 1)), (AlertState::Resolved, AlertState::Firing));
    collected.scenario.tick(380);
    assert_eq!(collected.scenario.state("load", 1), AlertState::Unknown, "five minutes without a value");
    collected.push(400, 1, GOOD);
    assert_eq!(collected.scenario.state("load", 1), AlertState::Resolved);
}

#[test]
fn a_withdrawn_feed_ends_its_alerts_and_is_not_heard() {
    let mut collected = Collected::new(vec![on("node_load1", &[])]);
    collected.push(10, 1, BAD);
    collected.scenario.command(20, &Command::Trust(TrustCommand::RevokeFeed(feed()))).expect("withdrawn");
    collected.scenario.tick(21);
    assert_eq!(collected.scenario.state("load", 1), AlertState::Unknown);
    let (_, spoken) = Collected::spoken(1);
    assert_eq!(collected.scenario.hear(22, &spoken), Err(Rejection::BadCredential));
}

#[test]
fn an_absence_is_looked_for_among_the_values_of_who_is_named() {
    let absent = |attributes: &[(&str, &str)], id: &str| {
        let attributes = attributes.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Rule { condition: Condition::Absent { metric: "up".into(), attributes, after_ms: 60_000 }, ..rule(id) }
    };
    let mut collected = Collected::new(vec![absent(&[], "of_agents"), absent(&[(FEED, "prom")], "of_feed")]);
    for at in [10, 70, 130] {
        collected.push(at, 1, &[("up", &[], (at < 70).then_some(1.0)), ("other", &[], Some(1.0))]);
    }
    assert_eq!(collected.scenario.state("of_agents", 1), AlertState::Inactive, "no agent spoke");
    assert_eq!(collected.scenario.state("of_feed", 1), AlertState::Firing);
    collected.scenario.value(140, 1.0);
    collected.scenario.value(210, 1.0);
    assert_eq!(collected.scenario.state("of_agents", 1), AlertState::Firing);
    collected.scenario.tick(215);
    assert_eq!(collected.scenario.state("of_feed", 1), AlertState::Firing);
}

#[test]
fn a_replay_and_a_recalled_journal_know_the_same_collectors() {
    let mut collected = Collected::new(vec![on("m", &[])]);
    collected.scenario.add_host(2, &[]);
    for step in 1..40 {
        let value = Some(if step % 7 > 3 { 99.0 } else { 1.0 });
        collected.push(step * 10, u128::from(step.unsigned_abs() % 2 + 1), &[("m", &[("a", "1")], value)]);
        collected.push(step * 10, 1, &[("m", &[("a", "2"), ("b", &step.to_string())], value)]);
    }
    let Collected { scenario, journal } = &collected;
    scenario.replay();
    let mut again = scenario.given();
    scenario.log.iter().for_each(|record| again.apply(record, &scenario.tables));
    journal.iter().for_each(|entry| again.recall(entry, &scenario.tables));
    assert_eq!((&again.trust, &again.telemetry), (&scenario.world.trust, &scenario.world.telemetry));
    assert_eq!(again.trust.collectors.len(), 2);
    let bytes = serde_json::to_vec(&scenario.world).expect("a snapshot");
    let mut thawed: World = serde_json::from_slice(&bytes).expect("a snapshot");
    thawed.rebuild_projections(&scenario.tables);
    assert_eq!(thawed.trust, scenario.world.trust);
}

#[test]
fn collectors_follow_records_that_are_merged_and_taken_apart() {
    let mut collected = Collected::new(Vec::new());
    collected.scenario.add_host(2, &[]);
    let voice = collected.push(10, 2, GOOD);
    let of = |collected: &Collected, n| collected.scenario.world.trust.collectors.of(host(n)).map(|(voice, _)| voice).collect::<Vec<_>>();
    assert_eq!((of(&collected, 1), of(&collected, 2)), (Vec::new(), vec![voice]));
    let merge = CiCommand::Merge { into: host(1), from: vec![host(2)], reason: "one machine".into(), expected: None };
    collected.scenario.command(20, &Command::Ci(merge)).expect("merged");
    assert_eq!((of(&collected, 1), of(&collected, 2)), (vec![voice], Vec::new()));
    let unmerge = CiCommand::Unmerge { ci: host(2), reason: "two machines".into(), expected: None };
    collected.scenario.command(30, &Command::Ci(unmerge)).expect("taken apart");
    assert_eq!((of(&collected, 1), of(&collected, 2)), (Vec::new(), vec![voice]));
    let placed = collected
        .scenario
        .log
        .iter()
        .filter(|record| matches!(&record.event, Event::Trust(crate::trust::TrustEvent::CollectorPlaced { .. })));
    assert_eq!(placed.count(), 1);
}

#[test]
fn a_collector_that_stays_silent_is_forgotten_and_known_again_when_it_speaks() {
    let mut collected = Collected::new(Vec::new());
    let voice = collected.push(10, 1, GOOD);
    let days = |days: i64| days * 86_400;
    collected.scenario.tick(days(89));
    assert!(collected.scenario.world.trust.collectors.contains(voice));
    collected.scenario.tick(days(91));
    let world = &collected.scenario.world;
    assert!(world.trust.collectors.is_empty() && world.telemetry.last_seen(voice).is_none());
    assert_eq!(world.trust.collectors.of(host(1)).count(), 0);
    assert_eq!(collected.push(days(92), 1, GOOD), voice);
    collected.scenario.replay();
}

#[test]
fn a_late_set_of_another_table_leaves_the_newest_values_as_they_are() {
    let mut collected = Collected::new(Vec::new());
    let voice = collected.push(20, 1, &[("m", &[], Some(1.0))]);
    collected.push(10, 1, &[("l", &[], Some(7.0)), ("m", &[], Some(2.0))]);
    let newest: Vec<(String, f64)> = collected
        .scenario
        .world
        .telemetry
        .newest(voice)
        .expect("values")
        .values()
        .map(|(series, value)| (series.metric.clone(), value))
        .collect();
    assert_eq!(newest, [("m".to_owned(), 1.0)]);
}
