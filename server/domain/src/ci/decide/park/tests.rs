//! What waits, what joins, what is given up.

use super::*;
use crate::ci::policy::Policy;
use crate::ci::testing::*;
use crate::ci::{CiCommand, Source};
use rollcall_shared::Section;
use rollcall_shared::section::System;

const DAY: i64 = 86_400;

/// A fleet with one enrolled agent, in which feeds have this right.
fn fleet(insert: serde_json::Value) -> Fleet {
    let mut fleet = Fleet::with_agents([1, 2]);
    let policy: Policy = serde_json::from_value(serde_json::json!({"reconciliation": {"insert": insert}})).unwrap();
    fleet.command("root", CiCommand::SetPolicy { policy: Box::new(policy), expected: None }).unwrap();
    fleet
}

fn park() -> serde_json::Value {
    serde_json::json!([{"source": "feed", "right": "park"}])
}

fn machine(model: &str) -> [Section; 2] {
    [system(System { product: Some(model.into()), chassis_asset_tag: Some("A-77".into()), ..server(1) }), packages(&[("vim", "9")])]
}

#[track_caller]
fn check(events: &[CiEvent], expected: &[&str]) {
    let kinds: Vec<String> = events.iter().map(|event| serde_json::to_value(event).unwrap()["type"].as_str().unwrap().to_owned()).collect();
    assert_eq!(kinds, expected, "{events:#?}");
}

#[test]
fn what_may_not_be_inserted_waits_and_joins_the_host_that_an_agent_brings() {
    let mut fleet = fleet(park());
    check(&fleet.deliver("glpi", "k1", machine("R650")).unwrap(), &["report_parked"]);
    assert!(fleet.world.cmdb.cis.is_empty());
    assert!(fleet.deliver("glpi", "k1", machine("R650")).unwrap().is_empty());
    fleet.report(2, [system(server(2))]);
    assert!(fleet.wait(1).is_empty());
    fleet.report(1, [system(server(1))]);
    let events = fleet.wait(1);
    let end = events.iter().find_map(|event| match event {
        CiEvent::ParkedEnded { end, .. } => Some(*end),
        _ => None,
    });
    assert_eq!(end, Some(ParkedEnd::Joined { ci: fleet.id_of(1) }));
    let host = fleet.host_of(1);
    assert_eq!(host.attributes["asset_tag"].source(), &Source::Feed { name: "glpi".into() });
    assert_eq!((host.attributes["model"].text(), host.attributes["model"].proposals().len()), (Some("PowerEdge R650"), 2));
    assert_eq!(fleet.world.cmdb.software.packages_of(host.id).len(), 1);
    assert!(fleet.world.cmdb.parking.is_empty() && fleet.wait(1).is_empty());
    check(&fleet.deliver("glpi", "k1", machine("R660")).unwrap(), &["section_changed", "attributes_changed", "feed_delivered"]);
    fleet.check();
}

#[test]
fn a_newer_report_takes_the_place_of_the_one_that_waits_and_the_time_goes_on() {
    let mut fleet = fleet(park());
    fleet.deliver("glpi", "k1", machine("R650")).unwrap();
    let since = fleet.now;
    fleet.wait(80 * DAY);
    check(&fleet.deliver("glpi", "k1", machine("R660")).unwrap(), &["report_parked"]);
    let parked: Vec<_> = fleet.world.cmdb.parking.by_id().values().collect();
    assert_eq!((parked.len(), parked[0].parked_at, parked[0].reported_at), (1, since, fleet.now));
    fleet.check();
    assert!(fleet.wait(9 * DAY).is_empty());
    check(&fleet.wait(DAY), &["parked_ended"]);
    assert!(fleet.world.cmdb.parking.is_empty());
    fleet.check();
}

#[test]
fn a_source_that_may_insert_by_now_inserts_what_waited() {
    let mut fleet = fleet(park());
    fleet.deliver("glpi", "k1", machine("R650")).unwrap();
    fleet.command("root", CiCommand::SetPolicy { policy: Box::default(), expected: None }).unwrap();
    let events = fleet.deliver("glpi", "k1", machine("R650")).unwrap();
    assert!(matches!(events[0], CiEvent::ParkedEnded { end: ParkedEnd::Inserted { .. }, .. }), "{events:#?}");
    assert!(fleet.world.cmdb.parking.is_empty());
    assert_eq!(fleet.world.cmdb.cis.values().filter(|ci| ci.class == Class::Server).count(), 1);
    fleet.check();
}

#[test]
fn several_reports_of_one_machine_join_it_one_after_the_other_and_lose_nothing() {
    let mut fleet = fleet(park());
    for feed in ["glpi", "ocs", "cmdb"] {
        fleet.deliver(feed, "k1", machine(feed)).unwrap();
    }
    fleet.report(1, [system(server(1))]);
    for _ in 0..3 {
        assert!(!fleet.wait(1).is_empty());
    }
    assert!(fleet.wait(1).is_empty());
    assert_eq!(fleet.host_of(1).attributes["model"].proposals().len(), 4);
    fleet.check();
}

#[test]
fn what_only_looks_like_a_known_host_is_looked_at_once_and_waits_on() {
    let mut fleet = fleet(park());
    // The same serial number, but another UUID: the veto.
    let twin = System { uuid: Some("4c4c4544-0042-3510-8056-ffffffffffff".into()), ..server(1) };
    fleet.deliver("glpi", "k1", [system(twin)]).unwrap();
    fleet.report(1, [system(server(1))]);
    check(&fleet.wait(1), &["parked_examined"]);
    assert!(fleet.wait(1).is_empty());
    assert_eq!(fleet.world.cmdb.parking.len(), 1);
    fleet.check();
}

#[test]
fn what_is_refused_is_refused_with_the_rule_and_known_machines_are_not_concerned() {
    let mut fleet = fleet(serde_json::json!([{"source": "feed:glpi", "class": "host", "right": "refuse"}]));
    let Err(Rejection::Forbidden(reason)) = fleet.deliver("glpi", "k1", machine("R650")) else { panic!() };
    assert!(reason.contains("feed:glpi") && reason.contains("reconciliation.insert"), "{reason}");
    fleet.report(1, [system(server(1))]);
    fleet.deliver("glpi", "k1", machine("R650")).unwrap();
    fleet.deliver("ocs", "k2", [system(server(7))]).unwrap();
    assert!(fleet.world.cmdb.parking.is_empty());
    fleet.check();
}

#[test]
fn people_discard_what_waits() {
    let mut fleet = fleet(park());
    fleet.deliver("glpi", "k1", machine("R650")).unwrap();
    let parked = *fleet.world.cmdb.parking.by_id().keys().next().unwrap();
    check(&fleet.command("ada", CiCommand::DiscardParked { parked }).unwrap(), &["parked_ended"]);
    assert!(matches!(fleet.command("ada", CiCommand::DiscardParked { parked }), Err(Rejection::NotFound { .. })));
    fleet.check();
}

#[test]
fn the_car_park_has_an_end() {
    let mut fleet = fleet(park());
    for number in 0..u32::try_from(PARKED).unwrap() {
        let report = fleet.prepare([system(server(number))]);
        let reporter = Reporter::Feed { name: "glpi".into(), key: number.to_string() };
        let newcomer = Newcomer { reporter: &reporter, class: Class::Server, name: "x".into(), system: None, report: &report };
        let mut context = Context { now: fleet.now, actor: crate::Actor::System, ids: &mut fleet.ids, content: &fleet.content };
        let events = instead_of_inserting(&fleet.world, &newcomer, &mut context).unwrap().unwrap();
        let CiEvent::ReportParked { parked } = &events[0] else { panic!() };
        fleet.world.cmdb.parking.park((**parked).clone());
    }
    assert!(matches!(fleet.deliver("glpi", "one more", machine("R650")), Err(Rejection::Forbidden(_))));
    assert!(fleet.deliver("glpi", "7", machine("R650")).is_ok());
}
