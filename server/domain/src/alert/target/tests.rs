use super::*;
use crate::alert::AlertState;
use crate::alert::scenario::{Scenario, host, rule, seconds};
use crate::ci::relation::Change;
use crate::ci::{Class, Relation, RelationKind, Source};
use crate::journal::Sign;
use crate::rule::stock::stock;
use rollcall_shared::sample::{SampleSet, Series};

/// The switch of these scripts.
const SWITCH: u128 = 9;

/// Hosts 1 to 4, of which 3 and 4 are wired to the switch `web-9`; the stock rules on targets, and silence after three minutes.
fn scenario() -> Scenario {
    let mut rules: Vec<Rule> = stock().into_iter().filter(|rule| rule.id.as_str().starts_with("target_")).collect();
    rules.push(Rule { title: "Host silent".into(), condition: Condition::HostSilent { after_ms: 180_000 }, ..rule("host_silent") });
    let mut scenario = Scenario::new(rules);
    [2, 3, 4, SWITCH].into_iter().for_each(|n| scenario.add_host(n, &[]));
    for n in [3, 4] {
        let (source, first_seen, last_seen) = (Source::Person { name: "ada".into() }, seconds(0), seconds(0));
        let relation = Relation { from: host(n), kind: RelationKind::ConnectsTo, to: host(SWITCH), source, first_seen, last_seen };
        scenario.seed(|world| world.cmdb.links.apply(&Change::Set { relation: relation.clone() }));
    }
    scenario.seed(|world| {
        world.cmdb.cis.get_mut(&host(SWITCH)).expect("a switch").class = Class::NetworkDevice;
        world.cmdb.rebuild_index(&crate::context::NoContent);
    });
    scenario.story();
    scenario
}

/// A host tells the state of a check about something; none when it has no result.
fn tells(scenario: &mut Scenario, at: i64, n: u128, (asks, target): (&str, &str), state: Option<f64>) {
    let attributes = [("asks", asks), ("check", "ping"), ("target", target)];
    let attributes = attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let table = scenario.table(vec![Series { metric: "check.target_state".into(), attributes }]);
    scenario.push(at, n, vec![SampleSet { table, at: seconds(at), values: vec![state] }], Vec::new());
}

/// States of one check about `web-9` with their moments and hosts, a tick after each, and what becomes of it.
#[track_caller]
fn check(asks: &str, states: &[(i64, u128, Option<f64>)], expected: &[&str]) -> Scenario {
    let mut scenario = scenario();
    for &(at, n, state) in states {
        tells(&mut scenario, at, n, (asks, "web-9"), state);
        scenario.tick(at);
    }
    assert_eq!(scenario.story(), expected);
    scenario
}

const DOWN: &str = "target_down ping: Inactive → Firing Critical";
const OPENED: &str = "INC1 opened P2: Not reachable critical on web-9: ping";

#[test]
fn what_nobody_reaches_is_down_and_what_one_reaches_is_not() {
    let scenario = check(
        "up",
        &[(10, 1, Some(0.0)), (11, 2, Some(2.0)), (20, 1, Some(2.0)), (30, 2, Some(1.0))],
        &[&format!("20 {DOWN}"), &format!("20 {OPENED}"), "30 target_down ping: Firing → Resolved", "30 INC1 new → resolved"],
    );
    let incident = &scenario.world.incidents.incidents[&scenario.incident(1)];
    assert_eq!(incident.primary_ci, Some(host(SWITCH)));
    let reason = &incident.breach.as_ref().expect("a breach").reason;
    assert_eq!(reason, "ping CRITICAL on web-1 and web-2, 2 of 2 that look");
}

#[test]
fn unknown_and_missing_results_resolve_nothing() {
    let mut scenario = check(
        "up",
        &[(10, 1, Some(2.0)), (20, 1, Some(3.0)), (30, 1, None)],
        &[&format!("10 {DOWN}"), &format!("10 {OPENED}"), "30 target_down ping: Firing → Unknown Critical", "30 INC1 noted"],
    );
    scenario.push(40, 1, Vec::new(), vec![Sign::Goodbye("stopped".into())]);
    scenario.tick(9_000);
    assert!(scenario.world.incidents.incidents[&scenario.incident(1)].state.is_open());
    // An old word of one that has fallen silent is not held against a fresh one.
    tells(&mut scenario, 9_010, 2, ("up", "web-9"), Some(0.0));
    scenario.tick(9_010);
    assert!(!scenario.world.incidents.incidents[&scenario.incident(1)].state.is_open());
}

#[test]
fn what_is_no_state_says_nothing() {
    for odd in [-1.0, 0.5, 3.0, 1e300, f64::NAN, f64::NEG_INFINITY] {
        let expected = [format!("10 {DOWN}"), format!("10 {OPENED}")];
        let mut scenario = scenario();
        tells(&mut scenario, 10, 1, ("up", "web-9"), Some(2.0));
        scenario.tick(10);
        tells(&mut scenario, 20, 2, ("up", "web-9"), Some(odd));
        scenario.tick(20);
        assert_eq!(scenario.story(), expected, "{odd}");
    }
}

#[test]
fn a_check_of_something_else_about_it_has_levels_and_means_nothing_for_what_is_behind() {
    let mut scenario = check(
        "state",
        &[(10, 1, Some(1.0)), (20, 1, Some(2.0))],
        &[
            "10 target_check ping: Inactive → Firing Warning",
            "10 INC1 opened P3: Check warning on web-9: ping",
            "20 target_check ping: Firing → Firing Critical",
            "20 INC1 Critical",
            "20 INC1 P2",
        ],
    );
    assert!(!crate::alert::dependency::Outlook::new(&scenario.world, seconds(20)).is_down(host(SWITCH)));
    tells(&mut scenario, 30, 1, ("state", "web-9"), Some(0.0));
    scenario.tick(30);
    assert_eq!(scenario.story(), ["30 target_check ping: Firing → Resolved", "30 INC1 new → resolved"]);
}

#[test]
fn hosts_behind_a_switch_that_is_down_are_told_in_its_one_incident() {
    let mut scenario = scenario();
    for at in (0..=400).step_by(10) {
        let state = if at < 30 { 0.0 } else { 2.0 };
        [1, 2].into_iter().for_each(|n| tells(&mut scenario, at, n, ("up", "web-9"), Some(state)));
        if at < 30 {
            [3, 4].into_iter().for_each(|n| drop(scenario.push(at, n, Vec::new(), Vec::new())));
        }
        scenario.tick(at);
    }
    let lines = scenario.story();
    assert_eq!(lines.iter().filter(|line| line.contains("opened")).collect::<Vec<_>>(), [&format!("30 {OPENED}")], "{lines:#?}");
    let incident = &scenario.world.incidents.incidents[&scenario.incident(1)];
    let affected: BTreeSet<CiId> = incident.affected_cis.iter().copied().collect();
    assert!(affected.is_superset(&[host(3), host(4)].into()) && incident.alerts.len() == 3, "{lines:#?}");
}

#[test]
fn what_means_no_item_is_told_of_the_host_that_looks_until_it_does() {
    let mut scenario = scenario();
    tells(&mut scenario, 10, 1, ("up", "sw-1"), Some(2.0));
    scenario.tick(10);
    let told = scenario.story();
    assert_eq!(
        told,
        ["10 target_down ping sw-1: Inactive → Firing Critical", "10 INC1 opened P2: Not reachable critical on web-1: ping sw-1"]
    );
    let incident = &scenario.world.incidents.incidents[&scenario.incident(1)];
    let reason = &incident.breach.as_ref().expect("a breach").reason;
    assert!(reason.ends_with("told of the host that looks, as its target sw-1 is not known: no item is called so"), "{reason}");
    let outlook = crate::alert::dependency::Outlook::new(&scenario.world, seconds(10));
    assert!(!outlook.is_down(host(1)), "the host that looks is up");
    scenario.seed(|world| {
        world.cmdb.cis.get_mut(&host(SWITCH)).expect("a switch").name = "sw-1".into();
        world.cmdb.rebuild_index(&crate::context::NoContent);
    });
    tells(&mut scenario, 71, 1, ("up", "sw-1"), Some(2.0));
    scenario.tick(71);
    assert_eq!(
        scenario.story(),
        [
            "71 target_down ping: Inactive → Firing Critical",
            "71 INC2 opened P2: Not reachable critical on sw-1: ping",
            "71 target_down ping sw-1: Firing → Resolved",
            "71 INC1 new → resolved",
        ]
    );
}

#[test]
fn many_names_are_looked_up_a_few_at_a_time_and_none_is_taken_for_missing_meanwhile() {
    let mut scenario = scenario();
    let series = |n: usize| {
        let attributes = [("asks", "up"), ("check", &*format!("c{n:02}")), ("target", &*format!("nobody-{n:02}"))];
        Series { metric: "check.target_state".into(), attributes: attributes.map(|(a, b)| (a.to_owned(), b.to_owned())).to_vec() }
    };
    let table = scenario.table((0..12).map(series).collect());
    scenario.push(10, 1, vec![SampleSet { table, at: seconds(10), values: vec![Some(2.0); 12] }], Vec::new());
    let firing = |scenario: &Scenario| {
        let alerts = scenario.world.alerts.alerts.values();
        alerts.filter(|alert| alert.state == AlertState::Firing).count()
    };
    for (at, expected) in [(10, LOOKUPS), (11, 2 * LOOKUPS), (12, 12), (71, 12), (72, 12)] {
        scenario.tick(at);
        assert_eq!(firing(&scenario), expected, "at {at}");
    }
    scenario.replay();
}

#[test]
fn a_check_that_changes_its_mind_keeps_its_incident_open() {
    let mut scenario = scenario();
    let mut say = |at: i64, state: f64| {
        tells(&mut scenario, at, 1, ("up", "web-9"), Some(state));
        scenario.tick(at);
        scenario.story()
    };
    for step in 0..20_i64 {
        say(10 + step * 20, if step % 2 == 0 { 2.0 } else { 0.0 });
    }
    let story: Vec<String> = (1..=21).flat_map(|minute| say(390 + minute * 60, 0.0)).collect();
    let incident = scenario.world.incidents.incidents.values().next_back().expect("one");
    assert!(incident.number < 6 && incident.flap_count >= 4, "INC{} {}", incident.number, incident.flap_count);
    assert!(story.len() == 2 && story[0].ends_with(" Flapping ends") && story[1].ends_with("new → resolved"), "{story:?}");
}

#[test]
fn the_result_of_an_agent_that_pushes_less_often_counts_for_three_of_its_pushes() {
    let told = |n: u128, interval_s: u64| {
        let mut scenario = scenario();
        scenario.tell_interval(0, n, Some(interval_s * 1_000));
        scenario.story();
        tells(&mut scenario, 10, 1, ("up", "web-9"), Some(2.0));
        (10..1_200).step_by(10).for_each(|at| scenario.tick(at));
        scenario.story().into_iter().find(|line| line.contains("Firing → Unknown")).unwrap_or_default()
    };
    assert_eq!(told(1, 60), "190 target_down ping: Firing → Unknown Critical");
    assert_eq!(told(1, 300), "910 target_down ping: Firing → Unknown Critical");
    assert_eq!(told(2, 300), "190 target_down ping: Firing → Unknown Critical");
}
