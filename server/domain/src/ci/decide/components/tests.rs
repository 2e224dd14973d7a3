//! Parts are made, followed, missed and found again.

use crate::ci::testing::*;
use crate::ci::{CiEvent, Class, Lifecycle, relation};
use rollcall_shared::section::{Battery, Disk, Gpu, MemoryModule, Monitor, NetworkInterface, PowerSupply};
use rollcall_shared::{Section, SectionName};

fn disks(disks: &[(&str, &str)]) -> Section {
    Section::Disks(disks.iter().map(|(name, serial)| disk(name, serial)).collect())
}

/// Parts of an agent's host: class, key and status, in order of class and key.
#[track_caller]
fn check(fleet: &Fleet, agent: u128, expected: &[(Class, &str, Lifecycle)]) {
    fleet.check();
    let host = fleet.id_of(agent);
    let parts = fleet.world.cmdb.components.get(&host).into_iter().flatten().map(|id| &fleet.world.cmdb.cis[id]);
    let place = format!("{host}/");
    let mut found: Vec<_> = parts.map(|part| (part.class, part.key.as_deref().unwrap().replace(&place, "@"), part.status)).collect();
    found.sort();
    let found: Vec<_> = found.iter().map(|(class, key, status)| (*class, key.as_str(), *status)).collect();
    assert_eq!(found, expected);
}

use Lifecycle::{Missing, Operational};

#[test]
fn a_disk_that_moved_is_seen_to_have_moved() {
    let mut fleet = Fleet::with_agents([1, 2]);
    fleet.report(1, [system(server(1)), disks(&[("sda", "PHAX0001"), ("sdb", "PHAX0002")])]);
    fleet.report(2, [system(server(2)), disks(&[("sda", "PHAX0003")])]);
    let events = fleet.report(2, [system(server(2)), disks(&[("sda", "PHAX0003"), ("sdb", "PHAX0002")])]);
    let moved = events.iter().find_map(|event| match event {
        CiEvent::CiMoved { before, after, .. } => Some((*before, *after)),
        _ => None,
    });
    assert_eq!(moved, Some((Some(fleet.id_of(1)), Some(fleet.id_of(2)))));
    fleet.report(1, [system(server(1)), disks(&[("sda", "PHAX0001")])]);
    check(&fleet, 1, &[(Class::Disk, "phax0001", Operational)]);
    check(&fleet, 2, &[(Class::Disk, "phax0002", Operational), (Class::Disk, "phax0003", Operational)]);
}

#[test]
fn a_disk_that_is_gone_is_missing_and_comes_back() {
    let mut fleet = Fleet::with_agents([1]);
    let both = || disks(&[("sda", "PHAX0001"), ("sdb", "PHAX0002")]);
    fleet.report(1, [system(server(1)), both()]);
    fleet.report(1, [system(server(1)), disks(&[("sda", "PHAX0001")])]);
    check(&fleet, 1, &[(Class::Disk, "phax0001", Operational), (Class::Disk, "phax0002", Missing)]);
    assert_eq!(relation::relations(&fleet.world.cmdb, fleet.id_of(1)).len(), 1);
    fleet.report(1, [system(server(1)), both()]);
    check(&fleet, 1, &[(Class::Disk, "phax0001", Operational), (Class::Disk, "phax0002", Operational)]);
    fleet.report(1, [Collected::from(system(server(1))), Collected::Failed(SectionName::Disks)]);
    check(&fleet, 1, &[(Class::Disk, "phax0001", Operational), (Class::Disk, "phax0002", Operational)]);
}

#[test]
fn two_paths_to_one_disk_are_one_disk() {
    let mut fleet = Fleet::with_agents([1]);
    let path = |name: &str| Disk { wwn: Some("naa.5000c50012345678".into()), ..disk(name, "PHAX0001") };
    fleet.report(1, [system(server(1)), Section::Disks(vec![path("sda"), path("sdb")])]);
    check(&fleet, 1, &[(Class::Disk, "naa.5000c50012345678", Operational)]);
}

#[test]
fn numbers_of_virtual_disks_and_adapters_belong_to_their_machine() {
    let mut fleet = Fleet::with_agents([1, 2]);
    for agent in [1, 2] {
        let nic = Section::NetworkInterfaces(vec![adapter("eth0", "3c:ec:ef:00:00:01")]);
        fleet.report(u128::from(agent), [system(vm(agent)), disks(&[("vda", "drive-scsi0")]), nic]);
        check(&fleet, u128::from(agent), &[(Class::Disk, "@vda", Operational), (Class::NetworkAdapter, "@eth0", Operational)]);
    }
}

#[test]
fn modules_with_one_number_are_told_apart_by_their_slots_and_empty_slots_are_none() {
    let mut fleet = Fleet::with_agents([1]);
    let module = |slot: &str, serial: &str, size_bytes| MemoryModule {
        slot: slot.into(),
        size_bytes,
        serial: Some(serial.into()),
        part_number: Some("M393A4K40".into()),
        ..MemoryModule::default()
    };
    let slots = vec![module("A1", "36A1B2C3", Some(1 << 35)), module("A2", "36A1B2C3", Some(1 << 35)), module("A3", "NO DIMM", None)];
    fleet.report(1, [system(server(1)), Section::MemoryModules(slots)]);
    check(&fleet, 1, &[(Class::MemoryModule, "@/a2", Operational), (Class::MemoryModule, "m393a4k40/36a1b2c3", Operational)]);
}

#[test]
fn only_devices_with_a_permanent_address_are_adapters_of_their_own() {
    let mut fleet = Fleet::with_agents([1]);
    let of_kind =
        |name: &str, kind: &str| NetworkInterface { kind: kind.into(), is_virtual: Some(true), ..adapter(name, "3c:ec:ef:00:00:09") };
    let interfaces = vec![
        adapter("eno1", "3c:ec:ef:00:00:01"),
        adapter("usb0", "02:00:00:00:00:01"),
        of_kind("br0", "bridge"),
        of_kind("docker0", "bridge"),
        of_kind("veth1", "veth"),
    ];
    fleet.report(1, [system(server(1)), Section::NetworkInterfaces(interfaces)]);
    check(&fleet, 1, &[(Class::NetworkAdapter, "3c:ec:ef:00:00:01", Operational), (Class::NetworkAdapter, "@usb0", Operational)]);
}

#[test]
fn a_host_cannot_invent_parts_without_end() {
    let mut fleet = Fleet::with_agents([1]);
    let invented = |from: usize| Section::Disks((from..from + 800).map(|n| disk(&format!("d{n}"), &format!("FAKE{n:06}"))).collect());
    fleet.report(1, [system(server(1)), invented(0)]);
    fleet.report(1, [system(server(1)), invented(800)]);
    fleet.report(1, [system(server(1)), invented(1600)]);
    assert_eq!(fleet.world.cmdb.components[&fleet.id_of(1)].len(), super::COMPONENTS_PER_HOST);
}

#[test]
fn a_part_tells_what_it_is() {
    let mut fleet = Fleet::with_agents([1]);
    fleet.report(1, [system(server(1)), disks(&[("sda", "PHAX0001")])]);
    let part = fleet.world.cmdb.cis.values().find(|ci| ci.class == Class::Disk).unwrap();
    let names: Vec<&str> = part.attributes.keys().collect();
    assert_eq!((part.name.as_str(), names), ("SSDPF2KX038TZ", vec!["device", "model", "serial", "size_bytes"]));
    assert_eq!(part.parent, Some(fleet.id_of(1)));
}

fn monitor(connector: &str, serial: &str) -> Monitor {
    Monitor {
        connector: connector.into(),
        manufacturer: Some("DEL".into()),
        product_code: Some("a0b1".into()),
        model: Some("DELL U2720Q".into()),
        serial: Some(serial.into()),
        made_year: Some(2021),
        ..Monitor::default()
    }
}

#[test]
fn a_monitor_that_moved_is_seen_to_have_moved() {
    let mut fleet = Fleet::with_agents([1, 2]);
    let desk = |number| rollcall_shared::section::System { chassis_type: Some("desktop".into()), ..server(number) };
    let monitors = |rows: &[Monitor]| Section::Monitors(rows.to_vec());
    fleet.report(1, [system(desk(1)), monitors(&[monitor("card0-DP-1", "4F7KX13")])]);
    fleet.report(2, [system(desk(2)), monitors(&[])]);
    let events = fleet.report(2, [system(desk(2)), monitors(&[monitor("card0-HDMI-A-1", "4F7KX13")])]);
    assert!(events.iter().any(|event| matches!(event, CiEvent::CiMoved { after, .. } if *after == Some(fleet.id_of(2)))));
    fleet.report(1, [system(desk(1)), monitors(&[])]);
    check(&fleet, 1, &[]);
    check(&fleet, 2, &[(Class::Monitor, "del/a0b1/4f7kx13", Operational)]);
    fleet.check_model();
}

#[test]
fn monitors_whose_maker_gave_no_number_belong_to_their_connector() {
    let mut fleet = Fleet::with_agents([1, 2]);
    let two = || {
        Section::Monitors(vec![monitor("DP-1", "16843009"), monitor("DP-2", "0"), monitor("DP-3", "4F7KX13"), monitor("DP-4", "4F7KX13")])
    };
    for agent in [1, 2] {
        fleet.report(agent, [system(vm(u32::try_from(agent).unwrap())), two()]);
        let keys = ["@dp-1", "@dp-2", "@dp-3", "@dp-4"].map(|key| (Class::Monitor, key, Operational));
        check(&fleet, agent, &keys);
    }
}

#[test]
fn what_is_built_in_is_told_with_its_number_or_its_place() {
    let mut fleet = Fleet::with_agents([1]);
    let gpu = Gpu {
        address: "0000:3b:00.0".into(),
        vendor: Some("NVIDIA".into()),
        model: Some("A100".into()),
        serial: Some("1324021012345".into()),
        memory_bytes: Some(80 << 30),
        ..Gpu::default()
    };
    let plain = Gpu { address: "0000:03:00.0".into(), vendor: Some("Matrox".into()), ..Gpu::default() };
    let battery = Battery {
        name: "BAT0".into(),
        manufacturer: Some("SMP".into()),
        model: Some("01AV430".into()),
        serial: Some("  123".into()),
        design_capacity_mwh: Some(57_000),
        ..Battery::default()
    };
    let supply = |location: &str, serial: &str| PowerSupply {
        location: location.into(),
        manufacturer: Some("DELTA".into()),
        part_number: Some("05RHVVA00".into()),
        serial: Some(serial.into()),
        max_watts: Some(1100),
        ..PowerSupply::default()
    };
    let absent = PowerSupply { present: Some(false), ..supply("PSU3", "CNDED0011D0000") };
    let unknown = PowerSupply { location: "1".into(), manufacturer: Some("To Be Filled By O.E.M.".into()), ..PowerSupply::default() };
    let sections = [
        system(server(1)),
        Section::Gpus(vec![gpu, plain]),
        Section::Batteries(vec![battery]),
        Section::PowerSupplies(vec![supply("PSU1", "CNDED0011D0001"), supply("PSU2", "CNDED0011D0002"), absent, unknown]),
    ];
    fleet.report(1, sections.clone());
    check(
        &fleet,
        1,
        &[
            (Class::Gpu, "@0000:03:00.0", Operational),
            (Class::Gpu, "nvidia/1324021012345", Operational),
            (Class::PowerSupply, "05rhvva00/cnded0011d0001", Operational),
            (Class::PowerSupply, "05rhvva00/cnded0011d0002", Operational),
            (Class::Battery, "@bat0", Operational),
        ],
    );
    fleet.check_model();
    assert!(fleet.report(1, sections).is_empty());
    let contained = relation::relations(&fleet.world.cmdb, fleet.id_of(1));
    assert!(contained.len() == 5 && contained.iter().all(|one| one.kind == crate::ci::RelationKind::Contains));
}
