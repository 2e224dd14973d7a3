use super::super::netlink::namespace;
use super::super::testing;
use super::*;
use crate::root::Root;
use serde_json::Value;
use std::collections::BTreeSet;

fn of_row(row: &Route) -> String {
    format!("{} {} {:?} {:?} {:?} {} {:?} {:?} {}", row.family, row.destination, row.gateway, row.interface, row.metric, row.table, row.source, row.protocol, row.kind)
}

/// One object of `ip -j -N route`; a row a next hop.
fn of_ip(family: &str, route: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let number = |value: &Value| value.as_u64().or_else(|| value.as_str()?.parse().ok());
    let bits = if family == "inet" { 32 } else { 128 };
    let destination = text(&route["dst"]).unwrap_or_default();
    let destination = if destination == "default" || destination.contains('/') { destination } else { format!("{destination}/{bits}") };
    let kind = route["type"].as_str().unwrap_or("unicast");
    let protocol = Some(route["protocol"].as_str().unwrap_or("boot")).filter(|name| *name != "unspec");
    let row = |hop: &Value| {
        let gateway = text(&hop["gateway"]).or_else(|| text(&hop["via"]["host"]));
        let (metric, table) = (number(&route["metric"]), number(&route["table"]).unwrap_or(254));
        format!("{family} {destination} {gateway:?} {:?} {metric:?} {table} {:?} {protocol:?} {kind}", text(&hop["dev"]), text(&route["prefsrc"]))
    };
    let hops = route["nexthops"].as_array().filter(|hops| !hops.is_empty());
    hops.map_or_else(|| vec![row(route)], |hops| hops.iter().map(row).collect())
}

#[track_caller]
fn agrees_with_ip() -> Vec<Route> {
    let root = Root::live();
    let scope = Scope::new(&root);
    let rows = collect(&scope).expect("collected");
    assert_eq!(scope.problems(), None);
    let mut expected = BTreeSet::new();
    for (family, flag) in [("inet", "-4"), ("inet6", "-6")] {
        let Ok(output) = std::process::Command::new("ip").args(["-j", flag, "route", "show", "table", "all"]).output() else { return rows };
        let routes: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let counts = |route: &&Value| route["table"] != "local" && !route["dev"].as_str().is_some_and(is_noise);
        expected.extend(routes.iter().filter(counts).flat_map(|route| of_ip(family, route)));
    }
    assert_eq!(rows.iter().map(of_row).collect::<BTreeSet<_>>(), expected);
    rows
}

#[test]
fn this_machines_routes_are_those_that_ip_shows() {
    agrees_with_ip();
}

const ROUTES_OF_MANY_KINDS: &str = "
    link add br0 type bridge
    link add br1 type bridge
    link set br0 up
    link set br1 up
    addr add 192.0.2.1/24 dev br0
    addr add 198.51.100.1/24 dev br1
    addr add 2001:db8::1/64 dev br0 nodad
    route add default via 192.0.2.254 metric 100 proto dhcp
    route add 10.0.0.0/8 nexthop via 192.0.2.2 dev br0 nexthop via 198.51.100.2 dev br1 weight 2
    route add 10.1.0.0/16 nexthop via 192.0.2.2 dev br0 nexthop via 192.0.2.3 dev br0
    route add blackhole 10.2.0.0/16
    route add unreachable 10.3.0.0/16 metric 5
    route add 10.4.0.1/32 dev br0 src 192.0.2.1 table 100 proto static
    route add 10.5.0.0/16 via inet6 2001:db8::2 dev br0
    -6 route add 2001:db8:1::/48 via 2001:db8::2
    -6 route add 2001:db8:2::/48 nexthop via 2001:db8::2 nexthop via 2001:db8::3
    -6 route add prohibit 2001:db8:3::/48
    -6 route add default via 2001:db8::9 proto ra expires 600";

#[test]
fn routes_of_many_kinds_are_those_that_ip_shows() {
    namespace::inside("collect::routes::tests::routes_of_many_kinds_are_those_that_ip_shows", ROUTES_OF_MANY_KINDS, || {
        let rows = agrees_with_ip();
        assert!(rows.iter().any(|row| row.kind == "blackhole") && rows.iter().any(|row| row.table == 100), "{rows:?}");
        let keys: BTreeSet<String> = rows.iter().map(rollcall_shared::section::Row::key).collect();
        assert_eq!(keys.len(), rows.len());
    });
}

#[test]
fn the_tables_of_a_captured_tree_are_read() {
    let tree = testing::plant("=== /proc/1/net/route\nIface Destination\neth0 00000000 010200C0 0003 0 0 0 00000000 0 0 0\ncali1 0A00000A 00000000 0005 0 0 0 FFFFFFFF 0 0 0\nnonsense\n");
    let root = Root::new(tree.path());
    let scope = Scope::new(&root);
    let rows = collect(&scope).expect("collected");
    assert_eq!(rows.iter().map(|row| row.destination.as_str()).collect::<Vec<_>>(), ["default"]);
    assert_eq!(scope.problems().as_deref(), Some("/proc/1/net/route:4: not a route"));
}
