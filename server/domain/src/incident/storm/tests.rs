use super::*;
use crate::alert::scenario::{Scenario, rule};
use crate::incident::{Children, IncidentAction};

/// So many hosts under one rule, all of which breach at 10.
fn storm(hosts: u128) -> Scenario {
    let mut scenario = Scenario::new(vec![rule("load")]);
    (2..=hosts).for_each(|n| scenario.add_host(n, &[]));
    (1..=hosts).for_each(|n| scenario.values(10, n, &[("", Some(97.0))]));
    scenario
}

fn opened(lines: &[String]) -> Vec<&str> {
    lines.iter().filter(|line| line.contains("INC") && !line.contains("linked")).map(String::as_str).collect()
}

#[test]
fn as_many_as_a_rack_has_are_told_one_by_one() {
    let mut scenario = storm(10);
    assert_eq!(opened(&scenario.story()).len(), 10);
}

#[test]
fn one_more_makes_a_storm_that_takes_in_all_of_them() {
    let mut scenario = storm(12);
    let lines = scenario.story();
    assert_eq!(
        opened(&lines)[10..],
        [
            "10 INC11 opened P2: Storm: Load on 11 items",
            "10 INC11 rolls up 10",
            "10 INC12 opened P2: Load critical on web-11: 97",
            "10 INC13 opened P2: Load critical on web-12: 97",
        ]
    );
    let incidents = &scenario.world.incidents;
    let parent = &incidents.incidents[&scenario.incident(11)];
    assert_eq!((parent.title.as_str(), parent.children.len(), parent.open_children), ("Storm: Load on 12 items", 12, 12));
    assert!(incidents.incidents.values().all(|one| one.id == parent.id || incidents.storm_of(one).is_some()));
}

#[test]
fn a_storm_is_over_when_all_of_it_is() {
    let mut scenario = storm(12);
    scenario.story();
    (1..=11).for_each(|n| scenario.values(20, n, &[("", Some(1.0))]));
    assert!(!scenario.story().iter().any(|line| line.contains("INC11 ")));
    scenario.values(30, 12, &[("", Some(1.0))]);
    assert_eq!(scenario.story(), ["30 load: Firing → Resolved", "30 INC13 new → resolved", "30 INC11 new → resolved"]);
    let parent = &scenario.world.incidents.incidents[&scenario.incident(11)];
    assert_eq!(parent.close_notes.as_deref(), Some("All 12 incidents of the storm are over."));
}

#[test]
fn a_storm_whose_last_open_part_is_taken_out_is_over() {
    let mut scenario = storm(11);
    (1..=10).for_each(|n| scenario.values(20, n, &[("", Some(1.0))]));
    scenario.story();
    scenario.act(30, 12, IncidentAction::SetParent { parent: None }).unwrap();
    assert_eq!(scenario.story(), ["30 INC12 stands alone", "30 INC11 new → resolved"]);
}

#[test]
fn what_opens_a_minute_later_is_no_part_of_it() {
    let mut scenario = storm(11);
    scenario.add_host(20, &[]);
    scenario.add_host(21, &[]);
    scenario.values(70, 20, &[("", Some(97.0))]);
    scenario.values(131, 21, &[("", Some(97.0))]);
    let parent_of = |number| scenario.world.incidents.incidents[&scenario.incident(number)].parent;
    assert_eq!((parent_of(13), parent_of(14)), (Some(scenario.incident(11)), None));
    scenario.replay();
}

#[test]
fn a_storm_that_a_person_resolves_with_its_children_is_resolved_once() {
    let mut scenario = storm(11);
    scenario.story();
    let resolve = IncidentAction::Resolve { close_code: "fixed".into(), notes: "The switch.".into(), children: Children::Resolve };
    scenario.act(20, 11, resolve).unwrap();
    let lines = scenario.story();
    assert_eq!((lines.len(), lines.iter().filter(|line| line.starts_with("20 INC11 ")).count()), (23, 1));
}

#[test]
fn a_thousand_hosts_are_one_incident_with_a_thousand_parts() {
    let scenario = storm(1_000);
    let incidents = &scenario.world.incidents;
    assert_eq!(incidents.count, 1_001);
    let parent = &incidents.incidents[&scenario.incident(11)];
    assert_eq!((parent.title.as_str(), parent.open_children), ("Storm: Load on 1000 items", 1_000));
    assert!(incidents.bursts.values().all(|recent| recent.len() <= ALONE));
}
