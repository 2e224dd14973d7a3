use crate::alert::AlertState;
use crate::alert::scenario::{Scenario, agent, host, rule, seconds};
use crate::ci::CiCommand;
use crate::collect::{Base, Growth, Point, Resource, Table, compose};
use crate::command::Command;
use crate::journal::{JournalEntry, Sign};
use crate::rule::{Condition, Reduce, Rule};
use crate::trust::collector::{FEED, Spoken};
use crate::trust::decide::TrustCommand;
use crate::trust::feed::{FeedKind, FeedName, NewFeed};
use crate::{Event, Rejection, World};
use rollcall_shared::sample::{SampleSet, Series};
use rollcall_shared::{AgentId, Section};
use std::collections::BTreeMap;
use std::sync::Arc;

mod ahead;
mod ended;

fn feed() -> FeedName {
    "prom".parse().expect("a name")
}

/// Values of one target: metric, own labels, value.
type Values<'a> = &'a [(&'a str, &'a [(&'a str, &'a str)], Option<f64>)];

/// A moment, and a value as in [`Values`].
type Told<'a> = (i64, &'a str, &'a [(&'a str, &'a str)], Option<f64>);

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

    fn spoken(job: &str, n: u128) -> (Resource, Spoken) {
        let instance = format!("web-{n}:9100");
        let resource = Resource::of([("job", job), ("instance", instance.as_str())]);
        let key = resource.key(Some("instance"));
        (resource, Spoken { feed: feed(), key, ci: host(n), placed: "instance".into() })
    }

    /// Takes values in as an edge does.
    fn push(&mut self, at: i64, n: u128, values: Values<'_>) -> AgentId {
        self.deliver(at, at, n, values)
    }

    /// Takes values of `at` in at another moment.
    fn deliver(&mut self, received: i64, at: i64, n: u128, values: Values<'_>) -> AgentId {
        self.deliver_as("node", received, at, n, values)
    }

    /// The same of a target of this job.
    fn deliver_as(&mut self, job: &str, received: i64, at: i64, n: u128, values: Values<'_>) -> AgentId {
        let points: Vec<Told<'_>> = values.iter().map(|(metric, labels, value)| (at, *metric, *labels, *value)).collect();
        self.send(job, received, n, &points)
    }

    /// Takes values of several moments in at once.
    fn send(&mut self, job: &str, received: i64, n: u128, points: &[Told<'_>]) -> AgentId {
        self.send_of(Self::spoken(job, n), received, points)
    }

    /// The same of any resource.
    fn send_of(&mut self, (resource, spoken): (Resource, Spoken), received: i64, points: &[Told<'_>]) -> AgentId {
        let points = points.iter().map(|(at, metric, labels, value)| {
            let own = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let attributes = resource.attributes(own, "instance", &feed());
            Point { series: Series { metric: (*metric).into(), attributes }, at: seconds(*at), value: *value }
        });
        let points = points.collect();
        let voice = self.scenario.hear(received, &spoken).expect("taken");
        let base = self.scenario.world.telemetry.current(voice).map(|one| (one.table, Arc::clone(one.section), one.values));
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
        let mut sets: Vec<SampleSet> = composed.sets.into_iter().map(|(at, values)| SampleSet { table, at, values }).collect();
        sets.iter_mut().for_each(|set| self.scenario.world.telemetry.strip_known(voice, set));
        sets.retain(|set| set.values.iter().any(Option::is_some));
        let ended = composed.ended.into_iter().map(|(at, series)| Sign::Ended { table, at, series }).collect();
        let entry = self.scenario.collect(received, voice, sets, ended);
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
        ["20 load node prom 9100: Inactive → Firing Critical", "20 INC1 opened P2: Load critical on web-1: job node, port 9100, 99"]
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
    let (_, spoken) = Collected::spoken("node", 1);
    assert_eq!(collected.scenario.hear(22, &spoken), Err(Rejection::BadCredential));
}

#[test]
fn an_absence_is_looked_for_where_the_metric_came_before() {
    let absent = |metric: &str, attributes: &[(&str, &str)], id: &str| {
        let attributes = attributes.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Rule { condition: Condition::Absent { metric: metric.into(), attributes, after_ms: 60_000 }, ..rule(id) }
    };
    let rules = vec![
        absent("up", &[], "of_all"),
        absent("up", &[(FEED, "prom")], "of_feed"),
        absent("never", &[], "never"),
        absent("system.cpu.utilization", &[], "of_agents"),
    ];
    let mut collected = Collected::new(rules);
    for at in [10, 70, 130] {
        collected.push(at, 1, &[("up", &[], (at < 70).then_some(1.0)), ("other", &[], Some(1.0))]);
    }
    collected.scenario.value(140, 1.0);
    collected.scenario.value(210, 1.0);
    collected.scenario.tick(215);
    for (id, expected) in [
        ("of_all", AlertState::Firing),
        ("of_feed", AlertState::Firing),
        ("never", AlertState::Inactive),
        ("of_agents", AlertState::Firing),
    ] {
        assert_eq!(collected.scenario.state(id, 1), expected, "{id}");
    }
    collected.push(220, 1, &[("up", &[], Some(1.0))]);
    assert_eq!(collected.scenario.state("of_all", 1), AlertState::Resolved);
}

#[test]
fn what_one_collector_of_a_host_lacks_is_not_held_against_what_another_has() {
    let condition = Condition::Absent { metric: "up".into(), attributes: BTreeMap::new(), after_ms: 60_000 };
    let mut collected = Collected::new(vec![Rule { condition, ..rule("load") }]);
    for (at, job, value) in [(10, "node", 1.0), (10, "shop", 1.0)] {
        collected.deliver_as(job, at, at, 1, &[("up", &[], Some(value)), ("other", &[], Some(value))]);
    }
    for at in [70, 80, 130, 140] {
        collected.deliver_as("shop", at, at, 1, &[("up", &[], Some(1.0))]);
        collected.deliver_as("node", at, at, 1, &[("other", &[], Some(1.0))]);
    }
    let alerts: Vec<_> =
        collected.scenario.world.alerts.alerts.values().map(|one| (one.key.attributes["job"].as_str(), one.state)).collect();
    assert_eq!(alerts, [("node", AlertState::Firing)]);
}

#[test]
fn each_series_is_judged_in_its_own_order_however_far_others_are() {
    let mut rate = on("cnt", &[]);
    rate.condition = match rate.condition {
        Condition::Threshold { metric, attributes, side, .. } => {
            Condition::Threshold { metric, attributes, reduce: Reduce::Rate, window_ms: 60_000, side }
        }
        other => other,
    };
    let mut collected = Collected::new(vec![rate, Rule { id: "late".parse().expect("an id"), ..on("shard", &[]) }]);
    collected.push(600, 1, &[("other", &[], Some(1.0))]);
    for step in 1..59_u32 {
        let count = f64::from(step) * 1_000_000.0;
        collected.deliver(600, i64::from(step) * 10, 1, &[("cnt", &[], Some(count))]);
    }
    assert_eq!(collected.scenario.state("load", 1), AlertState::Firing);
    collected.deliver(601, 300, 1, &[("shard", &[], Some(99.0))]);
    assert_eq!(collected.scenario.state("late", 1), AlertState::Firing);
    collected.deliver(602, 290, 1, &[("shard", &[], Some(1.0))]);
    assert_eq!(collected.scenario.state("late", 1), AlertState::Firing, "older than the newest of its series");
    collected.deliver(603, 310, 1, &[("shard", &[], Some(1.0))]);
    assert_eq!(collected.scenario.state("late", 1), AlertState::Resolved);
    collected.scenario.replay();
}

#[test]
fn values_that_come_apart_are_judged_together_for_five_minutes_or_until_they_end() {
    let sum = Condition::Expression { value: "r.a + r.b".into(), side: rule("x").condition.side() };
    let mut guarded = Rule { id: "guarded".parse().expect("an id"), ..on("r.a", &[]) };
    let line = guarded.levels.critical.as_ref().map_or(0.0, |level| level.raise);
    for level in [&mut guarded.levels.warning, &mut guarded.levels.critical].into_iter().flatten() {
        level.and = Some(crate::rule::Guard { metric: "r.b".into(), side: rule("x").condition.side(), value: 0.0 });
    }
    let mut collected = Collected::new(vec![Rule { condition: sum, ..rule("load") }, guarded]);
    let voice = collected.push(10, 1, &[("r.a", &[], Some(line + 1.0))]);
    assert_eq!(collected.scenario.state("guarded", 1), AlertState::Inactive);
    collected.push(12, 1, &[("r.b", &[], Some(1.0))]);
    assert_eq!(collected.scenario.state("load", 1), AlertState::Firing);
    assert_eq!(collected.scenario.state("guarded", 1), AlertState::Firing);
    let known = |collected: &Collected| collected.scenario.world.telemetry.newest(voice).expect("values").values().count();
    assert_eq!(known(&collected), 2);
    collected.push(20, 1, &[("r.b", &[], None)]);
    assert_eq!(known(&collected), 1, "it has ended");
    collected.push(22, 1, &[("r.a", &[], Some(-line - 9.0))]);
    assert_eq!(collected.scenario.state("load", 1), AlertState::Firing, "of a part alone nothing can be said");
    collected.push(330, 1, &[("r.b", &[], Some(1.0))]);
    assert_eq!(collected.scenario.state("load", 1), AlertState::Firing, "the other part is too old");
    assert_eq!(known(&collected), 1);
    collected.push(331, 1, &[("r.a", &[], Some(-line - 9.0))]);
    assert_eq!(collected.scenario.state("load", 1), AlertState::Resolved);
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
fn a_late_set_tells_what_is_new_of_each_series_and_leaves_the_newest_values_as_they_are() {
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
        .map(|(series, value, _)| (series.metric.clone(), value))
        .collect();
    assert_eq!(newest, [("l".to_owned(), 7.0), ("m".to_owned(), 1.0)]);
}

fn impatient(after_ms: u64, feed: Option<&str>) -> Rule {
    Rule { condition: Condition::CollectorSilent { after_ms, feed: feed.map(str::to_owned) }, ..rule("silent") }
}

/// A feed that was heard at these moments under a rule, the moments that are looked at, and what happened.
#[track_caller]
fn check_silence(silent: Rule, heard: &[i64], ticks: &[i64], expected: &[&str]) -> Collected {
    let mut collected = Collected::new(vec![silent]);
    for at in heard {
        collected.push(*at, 1, GOOD);
    }
    collected.scenario.story();
    for at in ticks {
        collected.scenario.tick(*at);
    }
    assert_eq!(collected.scenario.story(), expected);
    collected
}

#[test]
fn a_feed_that_used_to_tell_of_an_item_and_stops_opens_a_ticket_until_it_speaks_again() {
    let opened = ["660 silent prom: Inactive → Firing Critical", "660 INC1 opened P2: Load critical on web-1: feed prom"];
    let mut collected = check_silence(impatient(300_000, None), &[10, 200, 360], &[659, 660, 5_000], &opened);
    let reason = collected.scenario.world.alerts.alerts.values().next().expect("one").reason.clone();
    assert_eq!(reason, "feed prom has told nothing of it since 1970-01-01T00:06:00.000Z (5 min); it came as instance=web-1:9100,job=node");
    collected.scenario.world.telemetry.resume(seconds(5_001));
    collected.scenario.tick(5_002);
    assert_eq!(collected.scenario.story(), [""; 0], "that the server was away is no word of the feed");
    collected.push(5_010, 1, GOOD);
    collected.scenario.tick(5_011);
    assert_eq!(collected.scenario.story(), ["5011 silent prom: Firing → Resolved", "5011 INC1 new → resolved"]);
}

#[test]
fn nobody_waits_for_a_feed_that_said_something_once() {
    check_silence(impatient(300_000, None), &[10, 20], &[600, 5_000], &[]);
    let nightly = [10, 86_400, 172_800];
    check_silence(impatient(300_000, None), &nightly, &[173_700, 259_000], &[]);
    let day = impatient(100_000_000, Some("prom"));
    let opened = ["272801 silent prom: Inactive → Firing Critical", "272801 INC1 opened P2: Load critical on web-1: feed prom"];
    check_silence(day, &nightly, &[272_799, 272_801], &opened);
    check_silence(impatient(300_000, Some("other")), &[10, 200, 360], &[5_000], &[]);
}

#[test]
fn what_a_feed_says_of_an_item_by_another_resource_is_its_word_as_well() {
    let mut collected = Collected::new(vec![impatient(300_000, None)]);
    for at in [10, 200, 360] {
        collected.push(at, 1, GOOD);
    }
    for at in [500, 700, 900] {
        collected.deliver_as("shop", at, at, 1, GOOD);
        collected.scenario.tick(at);
    }
    assert!(collected.scenario.world.alerts.alerts.is_empty());
    collected.scenario.tick(1_200);
    assert_eq!(collected.scenario.state("silent", 1), AlertState::Firing);
}

#[test]
fn a_silence_ends_with_the_feed_and_is_unknown_when_the_collector_is_forgotten() {
    let mut collected = Collected::new(vec![impatient(300_000, None)]);
    for at in [10, 200, 360] {
        collected.push(at, 1, GOOD);
    }
    collected.scenario.tick(700);
    collected.scenario.tick(91 * 86_400);
    collected.scenario.tick(91 * 86_400 + 1);
    assert!(collected.scenario.world.trust.collectors.is_empty());
    assert_eq!(collected.scenario.state("silent", 1), AlertState::Unknown);
    assert!(collected.scenario.world.incidents.incidents[&collected.scenario.incident(1)].state.is_open());
    collected.scenario.command(91 * 86_400 + 2, &Command::Trust(TrustCommand::RevokeFeed(feed()))).expect("withdrawn");
    collected.scenario.tick(91 * 86_400 + 3);
    assert!(collected.scenario.world.alerts.live.is_empty());
    collected.scenario.replay();
}

#[test]
fn a_host_that_says_nothing_at_all_is_told_about_once() {
    let silent = Rule { condition: Condition::HostSilent { after_ms: 60_000 }, ..rule("host") };
    let mut collected = Collected::new(vec![silent, impatient(300_000, None)]);
    for at in [10, 200, 360] {
        collected.push(at, 1, GOOD);
        collected.scenario.value(at, 1.0);
    }
    collected.scenario.tick(500);
    collected.scenario.tick(700);
    assert_eq!((collected.scenario.state("host", 1), collected.scenario.state("silent", 1)), (AlertState::Firing, AlertState::Inactive));
    collected.scenario.value(710, 1.0);
    collected.scenario.tick(711);
    assert_eq!((collected.scenario.state("host", 1), collected.scenario.state("silent", 1)), (AlertState::Resolved, AlertState::Firing));
}

#[test]
fn a_rule_without_classes_is_judged_for_what_a_collector_measures_of_any_item() {
    use crate::ci::Class;
    use crate::rule::select::judges;
    let of_agents = Condition::Threshold {
        metric: "system.memory.utilization".into(),
        attributes: BTreeMap::new(),
        reduce: Reduce::Last,
        window_ms: 0,
        side: rule("x").condition.side(),
    };
    let mut collected = Collected::new(vec![rule("load")]);
    for n in [2, 3] {
        collected.scenario.add_host(n, &[]);
        collected.scenario.seed(move |world| world.cmdb.cis.get_mut(&host(n)).expect("there").class = Class::NetworkDevice);
    }
    collected.push(10, 2, &[("m", &[], Some(97.0))]);
    let world = &collected.scenario.world;
    assert_eq!(world.alerts.alerts.len(), 1, "it is judged");
    let judged = |rule: &Rule, n| judges(rule, world, &world.cmdb.cis[&host(n)]);
    let of_agents = Rule { condition: of_agents, ..rule("memory") };
    let silent = Rule { condition: Condition::AgentSilent { after_ms: 180_000 }, ..rule("silent") };
    assert_eq!([1, 2, 3].map(|n| judged(&rule("load"), n)), [true, true, false]);
    assert_eq!([1, 2, 3].map(|n| judged(&of_agents, n)), [true, false, false], "it is never judged of what collectors measure");
    assert_eq!([1, 2, 3].map(|n| judged(&silent, n)), [true, false, false]);
    assert!(!judged(&Rule { enabled: false, ..rule("load") }, 2));
}
