//! Copies of an agent's state, and what becomes of them.

use super::*;
use crate::ci::testing::*;
use crate::context::CountingIds;
use crate::incident::{Incident, IncidentEvent};
use crate::{Actor, Context, Record};
use rollcall_shared::section::System;

const AGENT: AgentId = AgentId(1);

/// What happens when agent 1 reports a machine in an epoch: `taken`, or the code of the refusal.
#[track_caller]
fn check(fleet: &mut Fleet, epoch: u64, machine: &System, expected: &str) {
    fleet.epochs.insert(1, epoch);
    let heard = match fleet.try_report(1, [system(machine.clone())]) {
        Ok(_) => "taken",
        Err(Rejection::StaleEpoch { .. }) => "stale_epoch",
        Err(Rejection::DuplicateIdentity { .. }) => "duplicate_identity",
        Err(other) => panic!("{other}"),
    };
    assert_eq!(heard, expected);
    fleet.check();
}

fn clones(fleet: &Fleet) -> usize {
    let detected = |event: &Event| matches!(event, Event::Trust(TrustEvent::CloneDetected { agent: AGENT, .. }));
    fleet.log.iter().filter(|record| detected(&record.event)).count()
}

#[test]
fn a_copy_on_other_hardware_is_refused_in_its_epoch_and_the_host_is_heard_on() {
    let mut fleet = Fleet::with_agents([1]);
    check(&mut fleet, 10, &server(1), "taken");
    let (home, before) = (fleet.id_of(1), fleet.host_of(1).attributes.clone());
    check(&mut fleet, 20, &server(2), "taken");
    assert_eq!(clones(&fleet), 0, "a disk that was moved is no clone");
    check(&mut fleet, 20, &server(2), "duplicate_identity");
    // The host, whose epoch was replaced, begins another.
    check(&mut fleet, 10, &server(1), "stale_epoch");
    check(&mut fleet, 30, &server(1), "taken");
    assert_eq!(clones(&fleet), 1);
    check(&mut fleet, 30, &server(1), "taken");
    check(&mut fleet, 20, &server(2), "duplicate_identity");
    assert_eq!((clones(&fleet), fleet.id_of(1)), (1, home));
    assert_eq!(fleet.host_of(1).attributes, before, "nothing is overwritten");
}

#[test]
fn two_machines_in_one_epoch_must_both_begin_anew() {
    let mut fleet = Fleet::with_agents([1]);
    check(&mut fleet, 10, &server(1), "taken");
    check(&mut fleet, 10, &server(2), "taken");
    check(&mut fleet, 10, &server(1), "stale_epoch");
    check(&mut fleet, 10, &server(2), "stale_epoch");
    check(&mut fleet, 21, &server(2), "taken");
    check(&mut fleet, 22, &server(1), "taken");
    check(&mut fleet, 21, &server(2), "duplicate_identity");
    assert_eq!((clones(&fleet), fleet.world.cmdb.cis.len()), (1, 2));
}

#[test]
fn two_copies_on_hardware_that_looks_the_same_are_known_by_taking_turns() {
    let mut fleet = Fleet::with_agents([1]);
    check(&mut fleet, 10, &server(1), "taken");
    check(&mut fleet, 20, &server(1), "taken");
    check(&mut fleet, 10, &server(1), "stale_epoch");
    check(&mut fleet, 10, &server(1), "stale_epoch");
    check(&mut fleet, 30, &server(1), "taken");
    assert_eq!(clones(&fleet), 0);
    check(&mut fleet, 20, &server(1), "duplicate_identity");
    assert_eq!(clones(&fleet), 1);
    check(&mut fleet, 20, &server(1), "duplicate_identity");
    check(&mut fleet, 30, &server(1), "taken");
    assert_eq!(clones(&fleet), 1);
}

#[test]
fn a_restored_backup_begins_a_new_epoch_and_is_no_clone() {
    let mut fleet = Fleet::with_agents([1]);
    check(&mut fleet, 10, &server(1), "taken");
    check(&mut fleet, 20, &server(1), "taken");
    for (restored, renewed) in [(10, 30), (10, 40), (20, 50)] {
        check(&mut fleet, restored, &server(1), "stale_epoch");
        check(&mut fleet, renewed, &server(1), "taken");
    }
    assert_eq!(clones(&fleet), 0);
}

#[test]
fn a_copy_in_a_machine_that_has_an_agent_of_its_own_writes_nothing() {
    let mut fleet = Fleet::with_agents([1, 2]);
    fleet.report(2, [system(server(2))]);
    check(&mut fleet, 10, &server(1), "taken");
    let before = fleet.world.cmdb.cis.clone();
    check(&mut fleet, 20, &server(2), "taken");
    assert_eq!(fleet.world.cmdb.cis, before);
    assert_eq!(fleet.world.cmdb.dead_letters.values().map(|letter| letter.code).collect::<Vec<_>>(), [DeadLetterCode::DuplicateIdentity]);
    check(&mut fleet, 20, &server(2), "duplicate_identity");
}

/// What follows from a clone: an incident of the host, and a note when it is found again.
#[test]
fn a_clone_opens_one_incident_of_the_host() {
    let mut fleet = Fleet::with_agents([1]);
    check(&mut fleet, 10, &server(1), "taken");
    let (mut ids, content) = (CountingIds(1_000), Sections::default());
    let event = Event::Trust(TrustEvent::CloneDetected { agent: AGENT, evidence: "two machines take turns".into() });
    let mut react = |fleet: &Fleet| {
        let mut context = Context { now: fleet.now, actor: Actor::System, ids: &mut ids, content: &content };
        fleet.world.react(&event, &mut context)
    };
    let opened = react(&fleet);
    let [Event::Incident(IncidentEvent::IncidentOpened { incident })] = &opened[..] else { panic!("{opened:#?}") };
    let Incident { title, primary_ci, category, priority, .. } = &**incident;
    assert_eq!((title.as_str(), *primary_ci), ("Duplicate identity: two machines report as srv1", Some(fleet.id_of(1))));
    assert_eq!((category.as_deref(), *priority), (Some("duplicate_identity"), 2));
    assert!(incident.description.contains("two machines take turns") && incident.description.contains("enrol it anew"));
    let revision = fleet.world.revision + 1;
    let (at, event) = (fleet.now, opened[0].clone());
    fleet.world.apply(&Record { revision, at, actor: Actor::System, request_id: None, idempotency_key: None, event }, &Sections::default());
    assert!(matches!(&react(&fleet)[..], [Event::Incident(IncidentEvent::IncidentNoted { .. })]));
}
