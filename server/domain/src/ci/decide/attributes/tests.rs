//! Which attributes follow from which rows.

use super::*;
use rollcall_shared::section::InterfaceAddress;

/// The attribute of a section's observations, as JSON; `null` when it is absent.
#[track_caller]
fn check(section: Section, name: &str, expected: &str) {
    let observations = of_section(&section);
    let (_, value) = observations.iter().find(|(found, _)| *found == name).expect("the section says something of it");
    assert_eq!(serde_json::to_string(value).unwrap(), expected);
}

fn cpu(socket: u32, cores: Option<u32>) -> Cpu {
    Cpu { socket, cores, model: Some("EPYC 7543".into()), ..Cpu::default() }
}

fn interface(name: &str, kind: &str, address: &str, scope: &str) -> NetworkInterface {
    let address = InterfaceAddress { address: address.parse().unwrap(), prefix: 24, scope: scope.into() };
    NetworkInterface {
        name: name.into(),
        kind: kind.into(),
        addresses: vec![address],
        mac: Some("3c:ec:ef:00:00:01".into()),
        ..NetworkInterface::default()
    }
}

#[test]
fn cores_are_summed_and_an_unknown_part_makes_the_sum_unknown() {
    check(Section::Cpus(vec![cpu(0, Some(32)), cpu(1, Some(32))]), "cpu_cores", "64");
    check(Section::Cpus(vec![cpu(0, Some(32)), cpu(1, None)]), "cpu_cores", "null");
    check(Section::Cpus(vec![cpu(0, None), cpu(1, None)]), "cpu_sockets", "2");
    check(Section::Cpus(vec![]), "cpu_sockets", "null");
}

#[test]
fn addresses_that_say_nothing_are_left_out() {
    let interfaces = vec![
        interface("lo", "loopback", "127.0.0.1", "host"),
        interface("eth0", "ethernet", "192.0.2.7", "global"),
        interface("eth0", "ethernet", "fe80::1", "link"),
        interface("eth0", "ethernet", "2001:db8::7", "global"),
    ];
    check(Section::NetworkInterfaces(interfaces), "ip_addresses", r#"["192.0.2.7","2001:db8::7"]"#);
}

#[test]
fn addresses_of_virtual_interfaces_are_no_hardware_addresses() {
    let bridge = NetworkInterface { is_virtual: Some(true), ..interface("br0", "bridge", "192.0.2.8", "global") };
    check(Section::NetworkInterfaces(vec![bridge.clone()]), "mac_addresses", "null");
    check(
        Section::NetworkInterfaces(vec![bridge, interface("eth0", "ethernet", "192.0.2.7", "global")]),
        "mac_addresses",
        r#"["3c:ec:ef:00:00:01"]"#,
    );
}

#[test]
fn a_container_has_no_hardware_of_its_own() {
    let system =
        System { serial: Some("PF0XYZ12".into()), manufacturer: Some("LENOVO".into()), memory_bytes: Some(1 << 30), ..System::default() };
    check(Section::System(vec![system.clone()]), "serial", r#""PF0XYZ12""#);
    let contained = System { virtualisation: Some(Virtualisation::Container), ..system };
    check(Section::System(vec![contained.clone()]), "serial", "null");
    check(Section::System(vec![contained.clone()]), "virtualisation", r#""container""#);
    check(Section::System(vec![contained]), "memory_bytes", "1073741824");
}

#[test]
fn sizes_beyond_the_range_stay_at_its_end() {
    check(Section::System(vec![System { memory_bytes: Some(u64::MAX), ..System::default() }]), "memory_bytes", "9223372036854775807");
}

#[test]
fn moments_are_texts_in_utc() {
    check(Section::Os(vec![Os { booted_at: Some(Timestamp(0)), ..Os::default() }]), "booted_at", r#""1970-01-01T00:00:00.000Z""#);
}
