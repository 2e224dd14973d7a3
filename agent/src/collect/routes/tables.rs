//! Routes as `/proc/net` shows them: without their protocol and preferred source, IPv4 from the main table only.

use super::super::{Failure, Scope};
use super::{MAIN, ROUTES, destination};
use rollcall_shared::section::Route;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Flags of a route (`RTF_*`).
const UP: u32 = 0x1;
const GATEWAY: u32 = 0x2;
const REJECT: u32 = 0x200;

/// Both tables.
pub(super) fn read(scope: &Scope<'_>) -> Result<Vec<Route>, Failure> {
    let mut routes = Vec::new();
    let inet = read_table(scope, "route", 1, &mut routes, inet)?;
    let inet6 = read_table(scope, "ipv6_route", 0, &mut routes, inet6)?;
    if inet || inet6 { Ok(routes) } else { Err(Failure::Skipped("there is no /proc/net".to_owned())) }
}

/// What a line is.
#[derive(Debug, PartialEq)]
enum Line {
    Route(Box<Route>),
    /// A route that does not count.
    Other,
}

/// A captured `/proc/net` may be the link into `/proc/self` that leads nowhere: process 1 has the same tables.
fn read_table(scope: &Scope<'_>, table: &str, heading: usize, routes: &mut Vec<Route>, parse: fn(&str) -> Option<Line>) -> Result<bool, Failure> {
    for path in [format!("/proc/net/{table}"), format!("/proc/1/net/{table}")] {
        let found = scope.lines(&path, |number, line| {
            if number <= heading || line.trim().is_empty() {
                return Ok(true);
            }
            match parse(line) {
                Some(Line::Route(route)) => routes.push(*route),
                Some(Line::Other) => {}
                None => scope.problem(Failure::malformed(&path, number, "not a route")),
            }
            Ok(routes.len() < ROUTES)
        })?;
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

/// `eth0 0000A8C0 0100A8C0 0003 0 0 100 00FFFFFF …`: interface, network, gateway, flags, references, use, metric, mask; addresses in
/// the byte order of the machine (little-endian on all that matter).
fn inet(line: &str) -> Option<Line> {
    let words: Vec<&str> = line.split_ascii_whitespace().take(8).collect();
    let &[interface, network, gateway, flags, _, _, metric, mask] = words.as_slice() else { return None };
    let address = |text: &str| u32::from_str_radix(text, 16).ok().map(|word| Ipv4Addr::from(word.swap_bytes()));
    let flags = u32::from_str_radix(flags, 16).ok()?;
    let prefix = u8::try_from(u32::from(address(mask)?).leading_ones()).ok()?;
    let (network, gateway) = (IpAddr::V4(address(network)?), IpAddr::V4(address(gateway)?));
    // A metric of zero is none for IPv4.
    let metric = Some(metric.parse().ok()?).filter(|&metric| metric > 0);
    Some(line_of(flags, Route { family: "inet".to_owned(), metric, ..route(interface, destination(network, prefix), gateway, flags) }))
}

/// `fd00… 40 0000… 00 fe80… 00000400 00000001 00000000 00000003 eth0`: destination, source, next hop, metric, references, use, flags.
fn inet6(line: &str) -> Option<Line> {
    /// Addresses of this machine, anycast and cached routes.
    const OWN: u32 = 0x8110_0000;
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let &[network, prefix, _, _, gateway, metric, _, _, flags, interface] = words.as_slice() else { return None };
    let address = |text: &str| u128::from_str_radix(text, 16).ok().map(Ipv6Addr::from);
    let (network, gateway) = (address(network)?, address(gateway)?);
    let prefix = u8::from_str_radix(prefix, 16).ok().filter(|&prefix| prefix <= 128)?;
    let (metric, flags) = (u32::from_str_radix(metric, 16).ok()?, u32::from_str_radix(flags, 16).ok()?);
    // The kernel's entry for "no route", last in each table, has the highest metric.
    if flags & OWN != 0 || network.is_multicast() || (metric == u32::MAX && flags & REJECT != 0) {
        return Some(Line::Other);
    }
    let row = route(interface, destination(IpAddr::V6(network), prefix), IpAddr::V6(gateway), flags);
    Some(line_of(flags, Route { family: "inet6".to_owned(), metric: Some(metric), ..row }))
}

fn line_of(flags: u32, route: Route) -> Line {
    if flags & UP != 0 { Line::Route(Box::new(route)) } else { Line::Other }
}

fn route(interface: &str, destination: String, gateway: IpAddr, flags: u32) -> Route {
    Route {
        destination,
        gateway: Some(gateway.to_string()).filter(|_| flags & GATEWAY != 0 && !gateway.is_unspecified()),
        interface: super::super::text::tidy(interface).filter(|name| name != "*"),
        table: MAIN,
        kind: if flags & REJECT != 0 { "unreachable" } else { "unicast" }.to_owned(),
        ..Route::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(line: Option<Line>, expected: Option<&str>) {
        let Some(Line::Route(row)) = line else { return assert_eq!(None, expected) };
        let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        assert_eq!(Some(format!("{} {} {} {:?} {}", row.destination, text(&row.gateway), text(&row.interface), row.metric, row.kind).as_str()), expected);
    }

    #[test]
    fn a_table_of_ipv4_routes_is_read() {
        check(inet("eth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0"), Some("default 192.0.2.1 eth0 Some(100) unicast"));
        check(inet("eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0"), Some("192.0.2.0/24 - eth0 None unicast"));
        check(inet("*\t0000000A\t00000000\t0201\t0\t0\t0\t000000FF\t0\t0\t0"), Some("10.0.0.0/8 - - None unreachable"));
        assert_eq!(inet("eth0 zz 0 1 0 0 0 0"), None);
    }

    #[test]
    fn a_table_of_ipv6_routes_is_read() {
        let zeros = "0".repeat(32);
        let line = |network: &str, gateway: &str, flags: &str| inet6(&format!("{network} 40 {zeros} 00 {gateway} 00000400 00000001 00000000 {flags} eth0"));
        let (network, gateway) = ("20010db8000000000000000000000000", "fe800000000000000000000000000001");
        check(line(network, gateway, "00000003"), Some("2001:db8::/64 fe80::1 eth0 Some(1024) unicast"));
        check(line(network, &zeros, "00000001"), Some("2001:db8::/64 - eth0 Some(1024) unicast"));
        check(line(network, &zeros, "80200001"), None);
        check(line(&network.replace("20010", "ff000"), &zeros, "00000001"), None);
        check(inet6(&format!("{zeros} 00 {zeros} 00 {zeros} ffffffff 00000001 00000000 00200200 lo")), None);
    }

    proptest! {
        #[test]
        fn no_line_panics(line in "[a-zé0-9]{1,8}( [0-9a-fA-Fé]{1,33}){5,10}|[ -~]{0,60}") {
            let _ = (inet(&line), inet6(&line));
        }
    }
}
