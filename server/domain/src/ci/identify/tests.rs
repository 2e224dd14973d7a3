//! Who is recognised as whom, and who is not.

use super::*;
use crate::Rejection;
use crate::ci::testing::*;
use crate::ci::{CiEvent, ReviewTask};
use rollcall_shared::section::Virtualisation;

/// The first machine reports through agent 1, the second through agent 2: the operation and the entry that decided for the second.
#[track_caller]
fn check(first: System, second: System, expected: (Operation, Option<u16>)) -> Fleet {
    let mut fleet = Fleet::with_agents([1, 2]);
    fleet.report(1, [system(first)]);
    let dry = identify(&fleet.world, &Reporter::Agent(AgentId(2)), Some(&second));
    let events = fleet.report(2, [system(second)]);
    let Some(CiEvent::HostIdentified { operation, attempts, .. }) =
        events.iter().find(|event| matches!(event, CiEvent::HostIdentified { .. }))
    else {
        panic!("not identified: {events:#?}")
    };
    let decided = attempts.iter().find(|attempt| matches!(attempt.result, AttemptResult::Matched | AttemptResult::MultiMatch));
    assert_eq!((*operation, decided.map(|attempt| attempt.entry)), expected, "{attempts:#?}");
    assert_eq!((dry.operation, &dry.attempts), (*operation, attempts), "a dry run is the same call");
    fleet.check();
    fleet
}

fn reviews(fleet: &Fleet) -> Vec<&ReviewTask> {
    fleet.world.cmdb.reviews.values().collect()
}

const NEW: (Operation, Option<u16>) = (Operation::Insert, None);

#[test]
fn a_machine_is_known_by_serial_and_uuid_and_two_live_agents_are_looked_at() {
    let fleet = check(server(1), server(1), (Operation::Update, Some(20)));
    assert_eq!(fleet.id_of(1), fleet.id_of(2));
    assert_eq!(reviews(&fleet).len(), 1);
}

#[test]
fn a_machine_is_known_by_serial_and_manufacturer() {
    check(server(1), System { uuid: None, ..server(1) }, (Operation::Update, Some(30)));
    check(server(1), System { uuid: None, manufacturer: Some("Acme".into()), ..server(1) }, NEW);
}

#[test]
fn a_machine_is_known_by_its_uuid_in_either_byte_order() {
    let swapped = System { serial: None, uuid: Some("44454c4c-4200-1035-8056-000000000001".into()), ..server(1) };
    check(server(1), swapped.clone(), (Operation::Update, Some(40)));
    check(server(1), System { virtualisation: Some(Virtualisation::Vm), ..swapped }, NEW);
}

#[test]
fn a_virtual_machine_is_known_by_machine_id_and_hostname_and_a_physical_one_is_not() {
    let bare = |system: System| System { serial: None, uuid: None, ..system };
    check(bare(vm(1)), bare(vm(1)), (Operation::Update, Some(90)));
    check(bare(server(1)), bare(server(1)), NEW);
    check(bare(vm(1)), System { hostname: Some("vm2".into()), ..bare(vm(1)) }, NEW);
    check(bare(vm(1)), System { hostname: Some("localhost".into()), ..bare(vm(1)) }, NEW);
}

#[test]
fn a_name_alone_identifies_nothing() {
    let named = |number| System { hostname: Some("db".into()), fqdn: Some("db.example".into()), ..vm(number) };
    check(named(1), named(2), NEW);
}

#[test]
fn a_contradicting_uuid_or_serial_is_a_veto() {
    let fleet = check(vm(1), System { uuid: vm(2).uuid, ..vm(1) }, NEW);
    let attempts = &fleet.world.cmdb.identifications[&fleet.id_of(2)].1;
    let vetoed = attempts.iter().find(|attempt| attempt.entry == 90).unwrap();
    assert!(vetoed.note.as_deref().is_some_and(|note| note.contains("is vetoed: its UUID is")), "{vetoed:?}");
    check(server(1), System { serial: server(2).serial, ..server(1) }, NEW);
}

#[test]
fn placeholders_bring_no_machines_together() {
    let junk = |number| System {
        serial: Some("To be filled by O.E.M.".into()),
        uuid: Some("03000200-0400-0500-0006-000700080009".into()),
        ..server(number)
    };
    check(junk(1), junk(2), NEW);
}

#[test]
fn containers_of_one_image_on_one_host_are_told_apart_by_name() {
    let container = |name: &str| System { virtualisation: Some(Virtualisation::Container), hostname: Some(name.into()), ..server(1) };
    check(container("a"), container("b"), NEW);
    check(container("a"), container("a"), (Operation::Update, Some(90)));
}

#[test]
fn a_copy_of_a_virtual_machine_is_another_machine_and_is_looked_at() {
    let copy = System { hostname: Some("vm2".into()), machine_id: vm(2).machine_id, ..vm(1) };
    let fleet = check(vm(1), copy, NEW);
    assert_ne!(fleet.id_of(1), fleet.id_of(2));
}

#[test]
fn a_certificate_on_other_hardware_makes_a_new_host_and_overwrites_nothing() {
    let mut fleet = Fleet::with_agents([1]);
    fleet.report(1, [system(server(1)), os("12")]);
    let first = fleet.id_of(1);
    let before = fleet.host_of(1).clone();
    fleet.report(1, [system(server(2)), os("13")]);
    assert_ne!(fleet.id_of(1), first);
    assert_eq!(fleet.world.cmdb.cis[&first], before);
    let [task] = reviews(&fleet)[..] else { panic!() };
    assert_eq!(task.cis.iter().copied().collect::<BTreeSet<_>>(), BTreeSet::from([first, fleet.id_of(1)]));
    // Two live machines with one certificate go on to be told apart, and one task is enough.
    for number in [1, 2, 1, 2] {
        fleet.report(1, [system(server(number)), os(if number == 1 { "12" } else { "13" })]);
    }
    assert_eq!((fleet.world.cmdb.cis.len(), reviews(&fleet).len()), (2, 1));
    assert_eq!(fleet.world.cmdb.cis[&first].attributes, before.attributes);
    fleet.check();
}

#[test]
fn a_host_whose_identifiers_become_readable_and_are_another_hosts_is_looked_at() {
    let mut fleet = Fleet::with_agents([1, 2]);
    fleet.report(1, [system(server(1))]);
    fleet.report(2, [system(System { serial: None, uuid: None, ..server(1) })]);
    assert_ne!(fleet.id_of(1), fleet.id_of(2));
    fleet.report(2, [system(server(1))]);
    assert_ne!(fleet.id_of(1), fleet.id_of(2));
    assert_eq!(reviews(&fleet)[0].cis.len(), 2);
    fleet.check();
}

/// Hosts with one serial number and manufacturer and no UUID, as `n` unprivileged agents made them before the serial was readable.
fn twins(n: u128) -> Fleet {
    let mut fleet = Fleet::with_agents(1..=n + 1);
    for agent in 1..=n {
        fleet.report(agent, [system(System { serial: None, uuid: None, ..server(1) })]);
        fleet.report(agent, [system(System { uuid: None, ..server(1) })]);
    }
    fleet
}

#[test]
fn of_several_matches_the_oldest_wins_and_a_task_opens() {
    let mut fleet = twins(3);
    fleet.report(4, [system(System { uuid: None, ..server(1) })]);
    assert_eq!(fleet.id_of(4), fleet.id_of(1));
    assert!(reviews(&fleet).iter().any(|task| task.reason.contains("the oldest active one was taken")));
    fleet.check();
}

#[test]
fn of_five_matches_none_is_taken_and_nothing_is_written() {
    let mut fleet = twins(5);
    let revision = fleet.world.revision;
    let refused = fleet.try_report(6, [system(System { uuid: None, ..server(1) })]);
    assert!(matches!(refused, Err(Rejection::Conflict(ref reason)) if reason.contains("5 hosts match identifier entry 30")), "{refused:?}");
    assert_eq!(fleet.world.revision, revision);
}

#[test]
fn an_asserted_serial_number_identifies_nothing() {
    let mut fleet = Fleet::with_agents([1, 2]);
    fleet.report(1, [system(System { serial: None, uuid: None, ..server(1) })]);
    let attributes = [("serial".to_owned(), Some(crate::ci::AttributeValue::Text("SRV00002".into())))].into();
    fleet.command("ada", crate::ci::CiCommand::AssertAttributes { ci: fleet.id_of(1), attributes, expected: None }).unwrap();
    fleet.report(2, [system(server(2))]);
    assert_ne!(fleet.id_of(1), fleet.id_of(2));
    fleet.check();
}

#[test]
fn chassis_types_tell_workstations_from_servers() {
    let class = |chassis: Option<&str>| Fingerprint::of_system(&System { chassis_type: chassis.map(str::to_owned), ..server(1) }).class;
    assert_eq!(class(Some("notebook")), Some(Class::Workstation));
    assert_eq!(class(Some("mini_tower")), Some(Class::Workstation));
    assert_eq!((class(Some("blade")), class(None)), (Some(Class::Server), Some(Class::Server)));
    assert_eq!(Fingerprint::of_system(&System::default()).class, None);
}
