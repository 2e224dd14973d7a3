//! Who is recognised as whom, and who is not.

mod changes;
mod waiting;

use super::*;
use crate::Rejection;
use crate::ci::testing::*;
use crate::ci::{AttemptResult, AttributeValue, CiCommand, CiEvent, Lifecycle, ReviewTask, policy};
use rollcall_shared::enrol::AgentStatus;
use rollcall_shared::section::{MemoryModule, NetworkInterface, System, Virtualisation};
use std::collections::BTreeMap;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

/// The first machine reports through agent 1, a day later the second through agent 2: the operation and the entry that decided for the second.
#[track_caller]
fn check(first: impl Into<Machine>, second: impl Into<Machine>, expected: (Operation, Option<u16>)) -> Fleet {
    check_after(DAY, first, second, expected)
}

/// The same, while agent 1 is alive.
#[track_caller]
fn check_alive(first: impl Into<Machine>, second: impl Into<Machine>, expected: (Operation, Option<u16>)) -> Fleet {
    check_after(Duration::ZERO, first, second, expected)
}

#[track_caller]
fn check_after(silence: Duration, first: impl Into<Machine>, second: impl Into<Machine>, expected: (Operation, Option<u16>)) -> Fleet {
    let mut fleet = Fleet::with_agents([1, 2]);
    fleet.report(1, first.into().0);
    fleet.pass(silence);
    let second: Machine = second.into();
    let evidence: Vec<_> = second.0.iter().cloned().map(Arc::new).collect();
    let dry = identify(&fleet.world, &Reporter::Agent(AgentId(2)), &evidence, fleet.now.plus(Duration::from_secs(60)));
    let events = fleet.report(2, second.0);
    let (operation, attempts) = identified(&events);
    assert_eq!((operation, decided_by(&attempts)), expected, "{attempts:#?}");
    assert_eq!((dry.operation, &dry.attempts), (operation, &attempts), "a dry run is the same call");
    fleet.check();
    fleet
}

/// Sections of one machine.
#[derive(Clone)]
struct Machine(Vec<Section>);

impl From<System> for Machine {
    fn from(found: System) -> Self {
        Self(vec![system(found)])
    }
}

impl<const N: usize> From<[Section; N]> for Machine {
    fn from(sections: [Section; N]) -> Self {
        Self(sections.into())
    }
}

#[track_caller]
fn identified(events: &[CiEvent]) -> (Operation, Vec<Attempt>) {
    let found = events.iter().find_map(|event| match event {
        CiEvent::HostIdentified { operation, attempts, .. } | CiEvent::ForeignHostIdentified { operation, attempts, .. } => {
            Some((*operation, attempts.clone()))
        }
        _ => None,
    });
    found.unwrap_or_else(|| panic!("not identified: {events:#?}"))
}

fn decided_by(attempts: &[Attempt]) -> Option<u16> {
    let decided = attempts.iter().find(|attempt| matches!(attempt.result, AttemptResult::Matched | AttemptResult::MultiMatch));
    decided.map(|attempt| attempt.entry)
}

#[track_caller]
fn note(fleet: &Fleet, agent: u128, entry: u16) -> String {
    let attempts = fleet.attempts_of(fleet.id_of(agent));
    attempts.iter().find(|attempt| attempt.entry == entry).and_then(|attempt| attempt.note.clone()).unwrap_or_default()
}

fn explanations(events: &[CiEvent]) -> Vec<Explanation> {
    let told = events.iter().filter_map(|event| match event {
        CiEvent::IdentityExplained { explanation, .. } => Some(*explanation),
        _ => None,
    });
    told.collect()
}

fn status(fleet: &Fleet, agent: u128) -> AgentStatus {
    fleet.world.trust.agents[&AgentId(agent)].status
}

fn reviews(fleet: &Fleet) -> Vec<&ReviewTask> {
    fleet.world.cmdb.reviews.values().collect()
}

fn nics(macs: &[&str]) -> Section {
    Section::NetworkInterfaces(macs.iter().enumerate().map(|(n, mac)| adapter(&format!("eno{n}"), mac)).collect())
}

fn disks(serials: &[&str]) -> Section {
    Section::Disks(serials.iter().enumerate().map(|(n, serial)| disk(&format!("sd{n}"), serial)).collect())
}

fn modules(serials: &[&str]) -> Section {
    let module = |(n, serial): (usize, &&str)| MemoryModule {
        slot: format!("A{n}"),
        size_bytes: Some(16 << 30),
        part_number: Some("M393A2K43".into()),
        serial: Some((*serial).to_owned()),
        ..MemoryModule::default()
    };
    Section::MemoryModules(serials.iter().enumerate().map(module).collect())
}

/// A physical server of which the firmware tells nothing that identifies it.
fn blank(number: u32) -> System {
    System { serial: None, uuid: None, ..server(number) }
}

const NEW: (Operation, Option<u16>) = (Operation::Insert, None);
const MAC_A: &str = "3c:ec:ef:00:00:01";
const MAC_B: &str = "3c:ec:ef:00:00:02";
const MAC_C: &str = "3c:ec:ef:00:00:03";

#[test]
fn a_machine_is_known_by_serial_and_uuid_and_two_live_agents_are_looked_at() {
    let fleet = check_alive(server(1), server(1), (Operation::Update, Some(20)));
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
    let attempts = fleet.attempts_of(fleet.id_of(2));
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
    let fleet = check_alive(vm(1), copy, NEW);
    assert_ne!(fleet.id_of(1), fleet.id_of(2));
    assert_eq!((reviews(&fleet).len(), status(&fleet, 1)), (1, AgentStatus::Approved));
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
    let (first, others) = (fleet.id_of(1), [fleet.id_of(2), fleet.id_of(3)]);
    assert!(others.iter().all(|other| fleet.world.cmdb.cis[other].duplicate_of == Some(first)));
    // The agents of the duplicates speak for the one record from now on.
    fleet.report(2, [system(System { uuid: None, ..server(1) })]);
    assert_eq!((fleet.id_of(2), fleet.host_of(1).duplicate_of), (first, None));
    fleet.check();
}

#[test]
fn of_five_matches_none_is_taken_and_the_refusal_is_set_aside_for_people() {
    let mut fleet = twins(5);
    let before = fleet.world.cmdb.cis.clone();
    let sections = || [system(System { uuid: None, ..server(1) })];
    fleet.report(6, sections());
    assert_eq!(fleet.world.cmdb.cis, before, "nothing is written");
    let [letter] = &fleet.world.cmdb.dead_letters.values().collect::<Vec<_>>()[..] else { panic!() };
    assert_eq!((&letter.reporter, letter.code, letter.count), (&Reporter::Agent(AgentId(6)), DeadLetterCode::TooManyCandidates, 1));
    assert!(letter.reason.contains("5 hosts match identifier entry 30"), "{letter:?}");
    assert!(reviews(&fleet).iter().any(|task| task.reason == letter.reason && task.cis.len() == 5));
    let revision = fleet.world.revision;
    assert!(fleet.report(6, sections()).is_empty(), "the same refusal within the hour");
    assert_eq!(fleet.world.revision, revision);
    fleet.pass(DAY);
    fleet.report(6, sections());
    let [letter] = &fleet.world.cmdb.dead_letters.values().collect::<Vec<_>>()[..] else { panic!() };
    assert_eq!((letter.count, letter.at > letter.first_at), (2, true));
    fleet.check();
    // Told apart by something better, it is a host, and its letter is answered.
    fleet.report(6, [system(server(9))]);
    assert!(fleet.world.cmdb.dead_letters.is_empty());
    fleet.check();
}

/// What people are asked about, each with how many records.
fn asked(fleet: &Fleet) -> Vec<(usize, &str)> {
    reviews(fleet).iter().map(|task| (task.cis.len(), task.reason.as_str())).collect()
}

#[test]
fn a_machine_that_a_feed_calls_anew_is_another_record_and_one_question() {
    let mut fleet = Fleet::with_agents([]);
    let laptop = |name: &str| System { hostname: Some(name.into()), ..server(1) };
    fleet.deliver("glpi", "old-2026-01-01-00-00-00", [system(laptop("old"))]).expect("taken");
    fleet.deliver("glpi", "new-2026-06-01-00-00-00", [system(laptop("new"))]).expect("taken");
    let question = (2, "two machines have the same identifiers: glpi has it under another key and another host name");
    assert_eq!((fleet.world.cmdb.cis.len(), asked(&fleet)), (2, vec![question]));
    let memory = System { memory_bytes: Some(1 << 30), ..laptop("new") };
    fleet.deliver("glpi", "new-2026-06-01-00-00-00", [system(memory)]).expect("taken");
    assert_eq!(asked(&fleet), [question], "one question, however often it reports");
    fleet.check();
}

#[test]
fn a_serial_number_of_many_machines_is_told_once() {
    let mut fleet = Fleet::with_agents([]);
    let machine = |number: u32| System { uuid: None, serial: Some("SHARED01".into()), ..server(number) };
    for number in 0..80 {
        fleet.deliver("glpi", &format!("k{number}"), [system(machine(number))]).expect("taken");
    }
    fleet.deliver("ocs", "81", [system(machine(81))]).expect("taken");
    assert_eq!(fleet.world.cmdb.cis.len(), 81);
    let (many, pairs): (Vec<_>, Vec<_>) = asked(&fleet).into_iter().partition(|(_, reason)| reason.starts_with("many machines have"));
    assert_eq!(many.len(), 1, "{many:?}");
    assert!(many[0].1.contains("serial shared01") && many[0].1.contains("list it as a placeholder in the policy"), "{many:?}");
    assert_eq!(pairs.len(), 1 + 2 + 3 + 4, "the first ones are asked about in pairs");
    fleet.check();
}

#[test]
fn a_manufacturer_is_one_however_its_name_is_written() {
    for (one, other) in
        [("Dell Inc.", "Dell"), ("HP", "Hewlett-Packard Company"), ("LENOVO", "Lenovo Ltd."), ("ASUSTeK COMPUTER INC.", "Asus")]
    {
        let made = |maker: &str| System { uuid: None, manufacturer: Some(maker.into()), ..server(1) };
        check(made(one), made(other), (Operation::Update, Some(30)));
    }
    let other = System { uuid: None, manufacturer: Some("Supermicro".into()), ..server(1) };
    check(System { uuid: None, ..server(1) }, other, (Operation::Insert, None));
}

#[test]
fn a_serial_number_that_was_recorded_without_its_maker_is_asked_about() {
    let (mut fleet, waiting) = registered(&[("serial", "SRV00001")]);
    fleet.report(1, [system(server(1))]);
    assert_ne!(fleet.id_of(1), waiting);
    let reason = "the serial number srv00001 was recorded before a machine with it reported: they may be one machine";
    assert_eq!(asked(&fleet), [(2, reason)]);
    fleet.report(1, [system(System { memory_bytes: Some(1 << 30), ..server(1) })]);
    assert_eq!(asked(&fleet), [(2, reason)]);
    fleet.check();
    let (mut fleet, waiting) = registered(&[("serial", "SRV00001"), ("manufacturer", "Dell")]);
    fleet.report(1, [system(server(1))]);
    assert_eq!(fleet.id_of(1), waiting, "with its maker it is found, however that is written");
}

#[test]
fn a_class_may_refuse_several_matches() {
    let mut fleet = twins(2);
    let mut policy = policy::Policy::default();
    policy.identification.reject_ambiguous.insert(Class::Host);
    fleet.command("ada", CiCommand::SetPolicy { policy: Box::new(policy), expected: None }).unwrap();
    let before = fleet.world.cmdb.cis.clone();
    fleet.report(3, [system(System { uuid: None, ..server(1) })]);
    assert_eq!(fleet.world.cmdb.cis, before);
    let letters: Vec<_> = fleet.world.cmdb.dead_letters.values().map(|letter| letter.code).collect();
    assert_eq!((letters, reviews(&fleet).len() > 1), (vec![DeadLetterCode::AmbiguousIdentity], true));
    fleet.check();
}

#[test]
fn records_that_contradict_each_other_are_not_joined_by_a_third() {
    let mut fleet = Fleet::with_agents([1, 2, 3]);
    fleet.report(1, [system(server(1))]);
    fleet.report(2, [system(System { uuid: server(2).uuid, ..server(1) })]);
    fleet.pass(DAY);
    fleet.report(3, [system(System { uuid: None, ..server(1) })]);
    let hosts: BTreeSet<_> = [1, 2, 3].map(|agent| fleet.id_of(agent)).into();
    assert_eq!(hosts.len(), 3);
    assert!(note(&fleet, 3, 30).contains("contradict each other"));
    assert!(reviews(&fleet).iter().any(|task| task.reason.contains("different machines match")));
    fleet.check();
}

#[test]
fn an_asserted_serial_number_identifies_nothing() {
    let mut fleet = Fleet::with_agents([1, 2]);
    fleet.report(1, [system(System { serial: None, uuid: None, ..server(1) })]);
    let attributes = [("serial".to_owned(), Some(AttributeValue::Text("SRV00002".into())))].into();
    fleet.command("ada", CiCommand::AssertAttributes { ci: fleet.id_of(1), attributes, expected: None }).unwrap();
    fleet.report(2, [system(server(2))]);
    assert_ne!(fleet.id_of(1), fleet.id_of(2));
    fleet.check();
}

#[test]
fn chassis_types_tell_workstations_from_servers() {
    let of = |found: System| Fingerprint::of_sections(&[Arc::new(system(found))]).class;
    let class = |chassis: Option<&str>| of(System { chassis_type: chassis.map(str::to_owned), ..server(1) });
    assert_eq!(class(Some("notebook")), Some(Class::Workstation));
    assert_eq!(class(Some("mini_tower")), Some(Class::Workstation));
    assert_eq!((class(Some("blade")), class(None)), (Some(Class::Server), Some(Class::Server)));
    assert_eq!(of(System::default()), None);
}

#[test]
fn a_cloud_instance_is_known_by_its_id_and_another_one_is_vetoed() {
    let instance = |id: &str, found: System| System { cloud_provider: Some("aws".into()), cloud_instance_id: Some(id.into()), ..found };
    let bare = System { uuid: None, hostname: Some("ip-10-0-0-1".into()), ..vm(1) };
    check(
        instance("i-0a1b2c3d4e", bare.clone()),
        instance("I-0A1B2C3D4E", System { hostname: None, ..bare.clone() }),
        (Operation::Update, Some(10)),
    );
    let fleet = check(instance("i-0a1b2c3d4e", vm(1)), instance("i-ffffffff00", vm(1)), NEW);
    assert!(note(&fleet, 2, 40).contains("its cloud instance is i-0a1b2c3d4e of aws"));
}

#[test]
fn a_board_or_a_chassis_of_a_physical_machine_identifies_it() {
    let board = |number| System { board_product: Some("X11DPi-N".into()), board_serial: Some("OM18CS0001".into()), ..blank(number) };
    check(board(1), System { hostname: None, machine_id: None, ..board(1) }, (Operation::Update, Some(50)));
    let chassis =
        |kind: &str| System { chassis_serial: Some("C8150AK31".into()), chassis_type: Some(kind.into()), machine_id: None, ..blank(1) };
    check(chassis("rack_mount_chassis"), System { hostname: None, ..chassis("rack_mount_chassis") }, (Operation::Update, Some(60)));
    for shared in ["blade", "multi_system_chassis", "docking_station"] {
        check(chassis(shared), System { hostname: Some("other".into()), ..chassis(shared) }, NEW);
    }
    let fleet = check(
        System { virtualisation: Some(Virtualisation::Vm), ..board(1) },
        System { virtualisation: Some(Virtualisation::Vm), hostname: Some("x".into()), ..board(1) },
        NEW,
    );
    assert_eq!(note(&fleet, 2, 50), "only for physical machines: hypervisors make up boards and chassis");
}

#[test]
fn a_laptop_in_a_dock_is_not_the_dock() {
    let docked = |number| System {
        chassis_type: Some("docking_station".into()),
        chassis_serial: Some("DOCK00001".into()),
        chassis_asset_tag: Some("DOCK-7".into()),
        machine_id: None,
        ..blank(number)
    };
    let usb = |mac: &str| NetworkInterface { bus_path: Some("usb".into()), driver: Some("r8152".into()), ..adapter("enx0", mac) };
    let dock = || Section::NetworkInterfaces(vec![usb(MAC_A), usb(MAC_B)]);
    let fleet = check([system(docked(1)), dock()], [system(docked(2)), dock()], NEW);
    for name in ["chassis_serial", "chassis_type", "asset_tag", "permanent_macs"] {
        assert!(!fleet.host_of(1).attributes.contains_key(name), "{name}");
    }
}

#[test]
fn a_set_of_addresses_identifies_a_machine_and_a_changed_set_needs_its_name() {
    let named =
        |name: &str, macs: &[&str]| Machine(vec![system(System { hostname: Some(name.into()), machine_id: None, ..blank(1) }), nics(macs)]);
    check(named("a", &[MAC_A, MAC_B]), named("b", &[MAC_B, MAC_A]), (Operation::Update, Some(70)));
    check(named("a", &[MAC_A, MAC_B]), named("b", &[MAC_A, MAC_C]), NEW);
    check(named("a", &[MAC_A, MAC_B]), named("a", &[MAC_A, MAC_C]), (Operation::Update, Some(80)));
    check(named("a", &[MAC_A]), named("b", &[MAC_A]), NEW);
    check(named("a", &[MAC_A]), named("a", &[MAC_B]), NEW);
    let local = ["52:54:00:00:00:01", "52:54:00:00:00:02"];
    check(named("a", &local), named("b", &local), NEW);
    let guest = |name: &str| {
        let found = System { virtualisation: Some(Virtualisation::Vm), hostname: Some(name.into()), machine_id: None, ..blank(1) };
        Machine(vec![system(found), nics(&local)])
    };
    check(guest("a"), guest("b"), (Operation::Update, Some(70)));
}

#[test]
fn a_partial_list_of_adapters_is_no_set() {
    let mut fleet = Fleet::with_agents([1, 2]);
    let found = |name: &str| Collected::Complete(system(System { hostname: Some(name.into()), machine_id: None, ..blank(1) }));
    fleet.report(1, [found("a"), Collected::Complete(nics(&[MAC_A, MAC_B]))]);
    fleet.pass(DAY);
    fleet.report(2, [found("b"), Collected::Partial(nics(&[MAC_A, MAC_B]))]);
    assert_ne!(fleet.id_of(1), fleet.id_of(2));
}

#[test]
fn a_hypervisor_and_its_guest_are_two_machines_whatever_shows_through() {
    let guest =
        System { virtualisation: Some(Virtualisation::Vm), hostname: Some("guest".into()), machine_id: vm(2).machine_id, ..server(1) };
    let fleet = check(server(1), guest.clone(), NEW);
    assert!(note(&fleet, 2, 20).contains("it is a physical machine, not a virtual machine"));
    check([system(blank(1)), nics(&[MAC_A, MAC_B])], [system(System { serial: None, uuid: None, ..guest }), nics(&[MAC_A, MAC_B])], NEW);
}

#[test]
fn a_container_never_uses_the_hardware_of_its_host() {
    let container = System { virtualisation: Some(Virtualisation::Container), ..server(1) };
    let whole = |found: System| [system(found), nics(&[MAC_A, MAC_B]), disks(&["PHAX000001"])];
    let fleet = check(whole(server(1)), whole(container), NEW);
    for entry in [10, 20, 30, 40, 50, 60, 70, 80] {
        assert_eq!(note(&fleet, 2, entry), "not for containers: the hardware that they see is their host's", "{entry}");
    }
    assert!(note(&fleet, 2, 100).contains("not for containers"));
    // Not even with the machine id and the name of a virtual machine that hosts it.
    check(vm(1), System { virtualisation: Some(Virtualisation::Container), ..vm(1) }, NEW);
}

#[test]
fn a_machine_whose_uuid_was_blanked_is_itself() {
    check(server(1), System { uuid: Some("00000000-0000-0000-0000-000000000000".into()), ..server(1) }, (Operation::Update, Some(30)));
    let mut fleet = Fleet::with_agents([1]);
    fleet.report(1, [system(server(1))]);
    let first = fleet.id_of(1);
    fleet.report(1, [system(System { uuid: None, ..server(1) })]);
    assert_eq!((fleet.id_of(1), reviews(&fleet).len()), (first, 0));
}

/// A fleet with a planned server that somebody wrote down.
fn registered(attributes: &[(&str, &str)]) -> (Fleet, CiId) {
    let mut fleet = Fleet::with_agents([1, 2]);
    let ci = fleet.register(Class::Server, "planned");
    let attributes = attributes.iter().map(|&(name, value)| (name.to_owned(), Some(AttributeValue::Text(value.into())))).collect();
    fleet.command("ada", CiCommand::AssertAttributes { ci, attributes, expected: None }).unwrap();
    fleet.check();
    (fleet, ci)
}
