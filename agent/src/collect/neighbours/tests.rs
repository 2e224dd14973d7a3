use super::super::netlink::namespace;
use super::super::testing;
use super::*;
use crate::root::Root;
use serde_json::Value;

#[track_caller]
fn check(tree: &str, expected: &[&str], problem: Option<&str>) {
    let tree = testing::plant(tree);
    let root = Root::new(tree.path());
    let scope = Scope::new(&root);
    let rows = collect(&scope).expect("collected");
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let short: Vec<String> =
        rows.iter().map(|row| format!("{} {} {} {} {} {}", row.protocol, row.interface, text(&row.address), text(&row.mac), text(&row.chassis_id), text(&row.port_id))).collect();
    assert_eq!(short, expected);
    match (scope.problems(), problem) {
        (Some(found), Some(expected)) => assert!(found.contains(expected), "{found}"),
        (found, expected) => assert_eq!(found.as_deref(), expected),
    }
}

const TABLES: &str = "=== /proc/net/arp\nIP address HW type Flags HW address Mask Device\n192.0.2.1 0x1 0x2 02:00:00:00:00:01 * eth0\n\
192.0.2.7 0x1 0x2 02:00:00:00:00:07 * eth0\n192.0.2.8 0x1 0x6 02:00:00:00:00:08 * eth0\n192.0.2.1 0x1 0x2 02:00:00:00:00:03 * eth1\n\
=== /proc/net/route\nIface Destination\neth0 00000000 010200C0 0003 0 0 0 00000000 0 0 0\n";

#[test]
fn gateways_and_permanent_entries_stay() {
    check(TABLES, &["arp eth0 192.0.2.1 02:00:00:00:00:01 - -", "arp eth0 192.0.2.8 02:00:00:00:00:08 - -"], None);
}

#[test]
fn what_networkd_heard_is_read() {
    let lldp = "=== /sys/class/net/eth0/ifindex\n2\n=== /run/systemd/netif/lldp/2 (hex)\n\
2300000000000000 0180c200000e 020000000009 88cc 0207 04020000000001 0403 053031 0602 0078 0000 ff\n";
    let expected = "lldp eth0 - 02:00:00:00:00:09 02:00:00:00:00:01 01";
    check(lldp, &[expected], None);
    check(&lldp.replace("ff\n", "ff 05\n"), &[expected], Some("/run/systemd/netif/lldp/2:43: not a length and a frame"));
    check(&lldp.replace("88cc", "88cd"), &[], Some("/run/systemd/netif/lldp/2:0: not an LLDP frame"));
}

#[test]
fn an_lldpd_that_is_not_read_is_a_problem() {
    check(&format!("{TABLES}=== /run/lldpd.socket\n"), &["arp eth0 192.0.2.1 02:00:00:00:00:01 - -", "arp eth0 192.0.2.8 02:00:00:00:00:08 - -"], Some("lldpd"));
}

const LINKS: &str = "
    link add br0 type bridge
    link set br0 up
    addr add 192.0.2.1/24 dev br0
    addr add 2001:db8::1/64 dev br0 nodad
    route add default via 192.0.2.254
    neigh add 192.0.2.254 lladdr 02:00:00:00:00:fe dev br0 nud stale
    neigh add 192.0.2.9 lladdr 02:00:00:00:00:09 dev br0 nud stale
    neigh add 2001:db8::8 lladdr 02:00:00:00:00:08 dev br0 nud permanent
    neigh add proxy 192.0.2.77 dev br0";

#[test]
fn neighbours_that_stay_are_told_from_those_that_pass() {
    namespace::inside("collect::neighbours::tests::neighbours_that_stay_are_told_from_those_that_pass", LINKS, || {
        let root = Root::live();
        let rows = collect(&Scope::new(&root)).expect("collected");
        let short: BTreeSet<String> = rows.iter().map(|row| format!("{} {:?} {:?}", row.protocol, row.address, row.mac)).collect();
        assert_eq!(short.len(), 2, "{short:?}");
        assert!(short.contains(r#"arp Some("192.0.2.254") Some("02:00:00:00:00:fe")"#), "{short:?}");
        assert!(short.contains(r#"ndp Some("2001:db8::8") Some("02:00:00:00:00:08")"#), "{short:?}");
    });
}

#[test]
fn this_machines_gateways_are_those_that_ip_shows() {
    let Ok(output) = std::process::Command::new("ip").args(["-j", "neigh"]).output() else { return };
    let root = Root::live();
    let scope = Scope::new(&root);
    let rows = collect(&scope).expect("collected");
    let gateways = routes::gateways(&scope);
    let entries: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap_or_default();
    for entry in entries.iter().filter(|entry| entry["lladdr"].is_string()) {
        let (address, interface) = (entry["dst"].as_str().expect("an address"), entry["dev"].as_str().expect("an interface"));
        let counts = gateways.contains(&(interface.to_owned(), address.parse().expect("an address"))) || entry["state"][0] == "PERMANENT";
        let found = rows.iter().any(|row| row.address.as_deref() == Some(address) && row.interface == interface && row.mac.as_deref() == entry["lladdr"].as_str());
        assert_eq!(found, counts && !is_noise(interface), "{entry}");
    }
}
