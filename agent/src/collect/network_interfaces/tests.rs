use super::super::netlink::namespace;
use super::*;
use crate::root::Root;
use serde_json::Value;
use std::collections::BTreeSet;

#[track_caller]
fn check(target: &str, expected: Option<&str>) {
    assert_eq!(bus_path(target).as_deref(), expected);
}

#[test]
fn docks_hang_on_usb_and_cards_on_pci() {
    check("../../devices/pci0000:00/0000:00:14.0/usb2/2-1/2-1:1.0/net/eth1", Some("usb"));
    check("../../devices/pci0000:00/0000:00:03.0/virtio0/net/eth0", Some("0000:00:03.0"));
    check("../../devices/platform/soc/fd580000.ethernet/net/eth0", Some("fd580000.ethernet"));
}

/// A row in the words of `ip -j -d addr`.
fn of_row(row: &NetworkInterface) -> String {
    let addresses: BTreeSet<String> = row.addresses.iter().map(|one| format!("{}/{} {}", one.address, one.prefix, one.scope)).collect();
    let vlan = row.vlan_id.map(|id| id.to_string()).unwrap_or_default();
    format!(
        "{} {:?} {:?} {:?} {:?} {:?} {vlan} {addresses:?}",
        row.name, row.mac, row.permanent_mac, row.mtu, row.state.as_deref().map(str::to_uppercase), row.master
    )
}

fn of_ip(link: &Value) -> String {
    let text = |name: &str| link[name].as_str().map(str::to_owned);
    let is_kept = |one: &&Value| one["temporary"] != true && (one["deprecated"] != true || one["dynamic"] != true) && one["dadfailed"] != true;
    let one = |one: &Value| format!("{}/{} {}", one["local"].as_str().unwrap_or_default(), one["prefixlen"], one["scope"].as_str().unwrap_or_default());
    let addresses: BTreeSet<String> = link["addr_info"].as_array().into_iter().flatten().filter(is_kept).map(one).collect();
    let mac = text("address").filter(|mac| mac.contains(|c: char| c != '0' && c != ':') && text("link_type").as_deref() != Some("none"));
    let vlan = link["linkinfo"]["info_data"]["id"].as_u64().filter(|_| link["linkinfo"]["info_kind"] == "vlan").map(|id| id.to_string()).unwrap_or_default();
    format!(
        "{} {mac:?} {:?} {:?} {:?} {:?} {vlan} {addresses:?}",
        text("ifname").unwrap_or_default(), text("permaddr"), link["mtu"].as_u64(), text("operstate"), text("master")
    )
}

#[track_caller]
fn agrees_with_ip() -> Vec<NetworkInterface> {
    let root = Root::live();
    let scope = Scope::new(&root);
    let rows = collect(&scope).expect("collected");
    assert_eq!(scope.problems(), None);
    let Ok(output) = std::process::Command::new("ip").args(["-j", "-d", "addr"]).output() else { return rows };
    let links: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    let is_kept = |link: &&Value| {
        let kind = link["linkinfo"]["info_kind"].as_str().map(str::to_owned);
        super::is_kept(&Link { name: link["ifname"].as_str().unwrap_or_default().to_owned(), software_kind: kind, ..Link::default() })
    };
    let expected: Vec<String> = links.iter().filter(is_kept).map(of_ip).collect();
    // `ip` leaves a permanent address out where it is the current one.
    let shown = |row: &NetworkInterface| of_row(&NetworkInterface { permanent_mac: row.permanent_mac.clone().filter(|mac| Some(mac) != row.mac.as_ref()), ..row.clone() });
    let (found, expected): (BTreeSet<String>, BTreeSet<String>) = (rows.iter().map(shown).collect(), expected.into_iter().collect());
    assert_eq!(found, expected);
    rows
}

#[test]
fn this_machines_interfaces_are_those_that_ip_shows() {
    agrees_with_ip();
}

const LINKS: &str = "
    link set lo up
    link add br0 type bridge
    link add port0 type veth peer name port1
    link add vx0 type vxlan id 42 dstport 4789 local 127.0.0.1
    link add mac0 link br0 type macvlan mode bridge
    link add link br0 name br0.7 type vlan id 7
    link set vx0 master br0
    link set br0 up
    tuntap add dev tun9 mode tun
    addr add 192.0.2.1/24 dev br0
    addr add 192.0.2.2/24 dev br0
    addr add 2001:db8::1/64 dev br0 nodad
    addr add 2001:db8::2/64 dev br0 nodad valid_lft 1000 preferred_lft 0
    addr add 2001:db8::3/64 dev br0 nodad preferred_lft 0
    addr add 10.9.0.1 peer 10.9.0.2 dev tun9";

#[test]
fn links_of_many_kinds_are_those_that_ip_shows() {
    namespace::inside("collect::network_interfaces::tests::links_of_many_kinds_are_those_that_ip_shows", LINKS, || {
        let rows = agrees_with_ip();
        let kinds: Vec<(&str, &str)> = rows.iter().map(|row| (row.name.as_str(), row.kind.as_str())).collect();
        let bridge = rows.iter().find(|row| row.name == "br0").expect("the bridge");
        assert!(kinds.contains(&("br0", "bridge")) && kinds.contains(&("lo", "loopback")), "{kinds:?}");
        assert!(!kinds.iter().any(|(name, _)| name.starts_with("port")), "{kinds:?}");
        assert!(!kinds.contains(&("vx0", "other")) && bridge.members.iter().all(|member| member == "vx0"), "{bridge:?}");
        let lasting: Vec<String> = bridge.addresses.iter().map(|one| one.address.to_string()).collect();
        assert!(lasting.contains(&"2001:db8::3".to_owned()) && !lasting.contains(&"2001:db8::2".to_owned()), "{lasting:?}");
    });
}

#[test]
fn the_trees_view_of_this_machine_is_the_kernels() {
    let root = Root::live();
    let scope = Scope::new(&root);
    let (Some(asked), Ok(tree)) = (asked(&scope), tree::read(&scope)) else { return };
    let short = |links: &[Link]| -> BTreeSet<String> {
        let kept = links.iter().filter(|link| is_kept(link));
        kept.map(|link| format!("{} {:?} {:?} {:?} {:?}", link.name, link.mac, link.permanent_mac, link.mtu, link.layer)).collect()
    };
    assert_eq!(short(&asked), short(&tree));
}
