//! Which network a host is in, and which it must not be said to be in.

use crate::ci::network;
use crate::ci::testing::*;
use crate::ci::{AttributeValue, CiCommand, Class, RelationKind};
use crate::id::CiId;
use rollcall_shared::Section;
use rollcall_shared::section::{InterfaceAddress, Neighbour, NetworkInterface, Route};

const ROUTER: &str = "3c:ec:ef:00:00:01";
const OTHER_ROUTER: &str = "3c:ec:ef:00:00:02";

/// `name kind address/prefix,…`, and after `<` the members of a bridge.
fn interface(text: &str) -> NetworkInterface {
    let mut words = text.split(' ');
    let (name, kind) = (words.next().unwrap(), words.next().unwrap());
    let address = |text: &str| {
        let (address, prefix) = text.split_once('/').unwrap();
        InterfaceAddress { address: address.parse().unwrap(), prefix: prefix.parse().unwrap(), scope: "global".into() }
    };
    let addresses = words.next().filter(|word| *word != "-").into_iter().flat_map(|word| word.split(',')).map(address).collect();
    let members = words.next().into_iter().flat_map(|word| word.trim_start_matches('<').split(',')).map(str::to_owned).collect();
    let is_virtual = Some(!matches!(kind, "ethernet" | "wifi"));
    NetworkInterface { name: name.into(), kind: kind.into(), is_virtual, addresses, members, ..NetworkInterface::default() }
}

/// `address%interface=mac`.
fn way_out(text: &str) -> (Route, Neighbour) {
    let (address, rest) = text.split_once('%').unwrap();
    let (interface, mac) = rest.split_once('=').unwrap();
    let family = if address.contains(':') { "inet6" } else { "inet" };
    let route = Route {
        family: family.into(),
        destination: "default".into(),
        gateway: Some(address.into()),
        interface: Some(interface.into()),
        table: 254,
        kind: "unicast".into(),
        ..Route::default()
    };
    let protocol = if family == "inet" { "arp" } else { "ndp" };
    let (address, mac) = (Some(address.into()), (mac != "-").then(|| mac.to_owned()));
    (route, Neighbour { protocol: protocol.into(), interface: interface.into(), address, mac, ..Neighbour::default() })
}

fn sections(number: u32, interfaces: &[&str], gateways: &[&str]) -> Vec<Section> {
    let (routes, neighbours) = gateways.iter().map(|text| way_out(text)).unzip();
    let interfaces = interfaces.iter().map(|text| interface(text)).collect();
    vec![system(server(number)), Section::NetworkInterfaces(interfaces), Section::Routes(routes), Section::Neighbours(neighbours)]
}

/// The networks that one host is in.
#[track_caller]
fn check(interfaces: &[&str], gateways: &[&str], expected: &[&str]) {
    let mut fleet = Fleet::with_agents([1]);
    fleet.report(1, sections(1, interfaces, gateways));
    let names: Vec<&str> = fleet.of_class(Class::Network).iter().map(|network| network.name.as_str()).collect();
    assert_eq!(names, expected, "{interfaces:?} {gateways:?}");
    let links: Vec<String> = expected.iter().map(|name| format!("srv1 -> {name}")).collect();
    assert_eq!(fleet.links(RelationKind::MemberOf), links);
    assert!(fleet.report(1, sections(1, interfaces, gateways)).is_empty(), "the same again is no news");
    fleet.check();
    fleet.check_model();
}

#[test]
fn a_host_is_in_the_networks_that_its_addresses_are_in() {
    let router = format!("192.168.1.1%eth0={ROUTER}");
    check(&["eth0 ethernet 192.168.1.7/24"], &[&router], &["192.168.1.0/24"]);
    check(&["eth0 ethernet 192.168.1.7/24,192.168.1.8/24"], &[&router], &["192.168.1.0/24"]);
    check(&["eth0 ethernet 192.168.1.7/24", "eth1 ethernet 10.9.0.3/16"], &[&router], &["10.9.0.0/16", "192.168.1.0/24"]);
    check(&["eth0 ethernet 192.168.1.7/24,fd00:1::7/64"], &[&router], &["192.168.1.0/24", "fd00:1::/64"]);
    check(&["bond0.7 vlan 192.168.1.7/24"], &[&format!("192.168.1.1%bond0.7={ROUTER}")], &["192.168.1.0/24"]);
    check(&["eth0 ethernet -", "br0 bridge 192.168.1.7/24 <eth0"], &[&format!("192.168.1.1%br0={ROUTER}")], &["192.168.1.0/24"]);
    let link_local = format!("fe80::1%eth0={ROUTER}");
    check(&["eth0 ethernet fd00:1::7/64"], &[&link_local], &["fd00:1::/64"]);
}

#[test]
fn networks_of_the_internet_need_no_gateway() {
    check(&["eth0 ethernet 203.0.114.7/24,2a01:4f8::7/64"], &[], &["203.0.114.0/24", "2a01:4f8::/64"]);
}

#[test]
fn what_is_within_a_host_or_has_one_address_is_no_network() {
    let router = format!("192.168.1.1%eth0={ROUTER}");
    for none in [
        "lo loopback 127.0.0.1/8",
        "docker0 bridge 172.17.0.1/16",
        "br-0123456789ab bridge 172.18.0.1/16",
        "virbr0 bridge 192.168.122.1/24",
        "br7 bridge 10.1.0.1/24 <vnet0",
        "wg0 wireguard 10.8.0.2/24",
        "tun0 tun 10.8.0.2/24",
        "eth1 ethernet 10.0.0.1/32",
        "eth1 ethernet 10.0.0.1/31",
        "eth1 ethernet fe80::1/64",
        "eth1 ethernet 10.0.0.1/0",
    ] {
        check(&[none], &[&router], &[]);
    }
}

#[test]
fn a_private_network_of_which_nothing_tells_where_it_is_is_not_claimed() {
    let address = ["eth0 ethernet 10.0.0.7/24"];
    check(&address, &[], &[]);
    for made_up in ["-", "00:00:5e:00:01:0a", "00:00:0c:07:ac:01", "42:01:0a:80:00:01", "fa:16:3e:00:00:01"] {
        check(&address, &[&format!("10.0.0.1%eth0={made_up}")], &[]);
    }
}

fn prefix(fleet: &Fleet, network: Option<CiId>) -> Option<String> {
    let network = &fleet.world.cmdb.cis[&network?];
    match network.attributes["prefix"].value() {
        AttributeValue::Text(text) => Some(text.clone()),
        _ => None,
    }
}

#[test]
fn two_sites_with_one_prefix_are_two_networks_and_one_site_is_one() {
    let mut fleet = Fleet::with_agents([1, 2, 3]);
    for (agent, router) in [(1, ROUTER), (2, ROUTER), (3, OTHER_ROUTER)] {
        let interfaces = [format!("eth0 ethernet 192.168.1.{agent}/24")];
        let interfaces: Vec<&str> = interfaces.iter().map(String::as_str).collect();
        fleet.report(agent, sections(u32::try_from(agent).unwrap(), &interfaces, &[&format!("192.168.1.1%eth0={router}")]));
    }
    assert_eq!(fleet.of_class(Class::Network).len(), 2);
    let of = |agent: u128| network::of(&fleet.world.cmdb, fleet.id_of(agent));
    assert!(of(1).is_some() && of(1) == of(2) && of(1) != of(3));
    assert_eq!(prefix(&fleet, of(3)).as_deref(), Some("192.168.1.0/24"));
    fleet.check();
}

#[test]
fn a_location_tells_sites_apart_where_no_gateway_does() {
    let mut fleet = Fleet::with_agents([1, 2, 3]);
    let report = |fleet: &mut Fleet, agent: u128| {
        let number = u32::try_from(agent).unwrap();
        fleet.report(agent, sections(number, &["eth0 ethernet 10.0.0.7/24"], &["10.0.0.1%eth0=00:00:5e:00:01:0a"]));
    };
    for (agent, place) in [(1, Some("Berlin")), (2, Some("berlin")), (3, Some("Rome"))] {
        fleet.report(agent, [system(server(u32::try_from(agent).unwrap()))]);
        let ci = fleet.id_of(agent);
        let attributes = [("location".to_owned(), place.map(|text| AttributeValue::Text(text.into())))].into();
        fleet.command("ada", CiCommand::AssertAttributes { ci, attributes, expected: None }).unwrap();
        report(&mut fleet, agent);
    }
    let of = |agent: u128| network::of(&fleet.world.cmdb, fleet.id_of(agent));
    assert!(of(1).is_some() && of(1) == of(2) && of(1) != of(3));
    fleet.check();
}

#[test]
fn a_gateway_that_is_not_heard_for_a_while_moves_nobody() {
    let mut fleet = Fleet::with_agents([1]);
    let interfaces = ["eth0 ethernet 192.168.1.7/24"];
    fleet.report(1, sections(1, &interfaces, &[&format!("192.168.1.1%eth0={ROUTER}")]));
    let before = network::of(&fleet.world.cmdb, fleet.id_of(1));
    fleet.report(1, sections(1, &interfaces, &["192.168.1.1%eth0=-"]));
    assert_eq!(network::of(&fleet.world.cmdb, fleet.id_of(1)), before);
    fleet.report(1, sections(1, &["eth0 ethernet 10.9.9.7/24"], &["10.9.9.1%eth0=-"]));
    assert_eq!(network::of(&fleet.world.cmdb, fleet.id_of(1)), None, "it left");
    fleet.check();
}

#[test]
fn of_several_networks_the_one_with_the_way_out_counts_and_parts_are_where_their_host_is() {
    let mut fleet = Fleet::with_agents([1]);
    let interfaces = ["eth0 ethernet 10.1.0.7/24", "eth1 ethernet 192.168.1.7/24,fd00:1::7/64"];
    let mut reported = sections(1, &interfaces, &[&format!("192.168.1.1%eth1={ROUTER}")]);
    reported.push(Section::Disks(vec![disk("nvme0n1", "S6CKNX0T1")]));
    fleet.report(1, reported);
    let cmdb = &fleet.world.cmdb;
    let part = fleet.of_class(Class::Disk)[0].id;
    assert_eq!(prefix(&fleet, network::of(cmdb, part)).as_deref(), Some("192.168.1.0/24"));
    assert_eq!(network::all_of(cmdb, fleet.id_of(1)).len(), 3);
    assert_eq!(network::of(cmdb, CiId { family: crate::id::Family::Host, bits: 1 << 99 }), None);
}
