//! A hypervisor and a guest's own agent report one machine.

use crate::ci::testing::rows::*;
use crate::ci::testing::*;
use crate::ci::{Class, Lifecycle, RelationKind};
use rollcall_shared::Section;
use rollcall_shared::section::System;

const UUID: &str = "4c4c4544-0042-3510-8056-000000000009";
/// The first three fields in the other byte order.
const SWAPPED: &str = "44454c4c-4200-1035-8056-000000000009";
const MACS: [&str; 2] = ["52:54:00:00:00:01", "52:54:00:00:00:02"];

/// Reports of a hypervisor (agent 1) and a guest (agent 2), in both orders: whether they lead to one virtual machine.
#[track_caller]
fn check(hosted: &str, guest: &System, macs: &[&str], expected: bool) {
    for guest_first in [true, false] {
        let mut fleet = Fleet::with_agents([1, 2]);
        let adapters = || Section::NetworkInterfaces(macs.iter().enumerate().map(|(i, mac)| adapter(&format!("eth{i}"), mac)).collect());
        let inside = |fleet: &mut Fleet| drop(fleet.report(2, [system(guest.clone()), adapters()]));
        if guest_first {
            inside(&mut fleet);
        }
        fleet.report(1, [system(server(1)), guests(&[hosted])]);
        if !guest_first {
            inside(&mut fleet);
        }
        let machines = fleet.of_class(Class::VirtualMachine).len();
        // Without a UUID only the guest that came first is recognised by its addresses.
        let by_address = guest.uuid.is_none() || !hosted.contains('-');
        if guest_first || !by_address {
            assert_eq!(machines == 1, expected, "guest first: {guest_first}");
            let runs: Vec<_> = fleet.world.cmdb.links.to(fleet.id_of(1)).collect();
            assert_eq!((runs.len(), runs[0].kind, runs[0].from == fleet.id_of(2)), (1, RelationKind::RunsOn, expected));
        }
        assert!(fleet.world.cmdb.reviews.is_empty());
        fleet.check();
        fleet.check_model();
    }
}

fn guest() -> System {
    System { uuid: Some(UUID.into()), hostname: Some("web".into()), ..vm(9) }
}

#[test]
fn the_uuid_in_either_byte_order_brings_them_together() {
    check(&format!("{UUID} some-name"), &guest(), &[], true);
    check(&format!("{SWAPPED} some-name"), &guest(), &[], true);
}

#[test]
fn addresses_bring_them_together_when_no_uuid_is_readable() {
    let without = System { uuid: None, ..guest() };
    check(&format!("{UUID} x {}", MACS.join(",")), &without, &MACS, true);
    check(&format!("{UUID} web {}", MACS[0]), &without, &MACS[..1], true);
    check(&format!("101 web {}", MACS[0]), &guest(), &MACS[..1], true);
}

#[test]
fn nothing_weaker_brings_them_together() {
    let without = System { uuid: None, ..guest() };
    check("0b4e2f6a-1111-4222-8333-000000000001 web", &guest(), &[], false);
    check(&format!("{UUID} web"), &without, &[], false);
    check(&format!("{UUID} other {}", MACS[0]), &without, &MACS[..1], false);
    check(&format!("{UUID} other {}", MACS[0]), &without, &MACS, false);
    check(&format!("0b4e2f6a-1111-4222-8333-000000000001 web {}", MACS.join(",")), &guest(), &MACS, false);
}

#[test]
fn a_physical_machine_is_nobodys_guest() {
    let mut fleet = Fleet::with_agents([1, 2]);
    fleet.report(2, [system(server(9))]);
    fleet.report(1, [system(server(1)), guests(&[&format!("{UUID} srv9")])]);
    assert_eq!((fleet.host_of(2).class, fleet.of_class(Class::VirtualMachine).len()), (Class::Server, 1));
    fleet.check();
}

#[test]
fn a_machine_that_moves_runs_on_its_new_hypervisor() {
    let mut fleet = Fleet::with_agents([1, 2]);
    let hosted = || guests(&[&format!("{UUID} web")]);
    fleet.report(1, [system(server(1)), hosted()]);
    fleet.report(2, [system(server(2)), hosted()]);
    fleet.report(1, [system(server(1)), guests(&[])]);
    assert_eq!(fleet.links(RelationKind::RunsOn), ["web -> srv2"]);
    assert_eq!(fleet.named("web").status, Lifecycle::Operational);
    fleet.report(2, [system(server(2)), guests(&[])]);
    assert_eq!((fleet.links(RelationKind::RunsOn), fleet.named("web").status), (Vec::new(), Lifecycle::Missing));
    fleet.report(1, [system(server(1)), hosted()]);
    assert_eq!(fleet.named("web").status, Lifecycle::Operational);
    fleet.check();
}

#[test]
fn a_machine_with_an_agent_of_its_own_is_missed_by_that_alone() {
    let mut fleet = Fleet::with_agents([1, 2]);
    fleet.report(2, [system(guest())]);
    fleet.report(1, [system(server(1)), guests(&[&format!("{UUID} web")])]);
    let before = fleet.host_of(2).attributes["memory_bytes"].clone();
    fleet.report(1, [system(server(1)), guests(&[])]);
    assert_eq!((fleet.host_of(2).status, &fleet.host_of(2).attributes["memory_bytes"]), (Lifecycle::Operational, &before));
    assert_eq!(fleet.host_of(2).attributes["assigned_cpus"].value(), &crate::ci::AttributeValue::Integer(2));
    fleet.check();
}

#[test]
fn a_definition_that_stays_behind_runs_nothing() {
    let mut fleet = Fleet::with_agents([1, 2]);
    let row = format!("{UUID} web");
    let hosted = |state: &str| {
        let Section::VirtualMachines(mut rows) = guests(&[&row]) else { unreachable!() };
        rows[0].state = Some(state.into());
        Section::VirtualMachines(rows)
    };
    fleet.report(1, [system(server(1)), hosted("running")]);
    fleet.report(2, [system(server(2)), hosted("shut_off")]);
    assert_eq!(fleet.links(RelationKind::RunsOn), ["web -> srv1"]);
    // It moves: first it runs there, then what is left here is only a definition.
    fleet.report(2, [system(server(2)), hosted("running")]);
    fleet.report(1, [system(server(1)), hosted("shut_off")]);
    assert_eq!(fleet.links(RelationKind::RunsOn), ["web -> srv2"]);
    assert_eq!(fleet.named("web").observed_text("power_state"), Some("running"));
    fleet.check();
}
