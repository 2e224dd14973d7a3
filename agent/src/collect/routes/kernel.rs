//! Routes as rtnetlink tells them.

use super::super::netlink::{self, Subsystem, attributes, u16_at, u32_at};
use super::{ROUTES, destination};
use rollcall_shared::section::Route;
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// `AF_INET` and `AF_INET6`.
const INET: u8 = 2;
const INET6: u8 = 10;

/// Next hops of one route that are read; the kernel takes 256 of IPv4.
const NEXT_HOPS: usize = 256;

/// All routes that count; `names` are those of interfaces.
pub(super) fn read(names: &BTreeMap<u32, String>) -> io::Result<Vec<Route>> {
    /// `RTM_GETROUTE` and what answers it.
    const GET: u16 = 26;
    const NEW: u16 = 24;
    let mut routes = Vec::new();
    for family in [INET, INET6] {
        // `struct rtmsg` of zeros but for the family.
        let request = [family, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let parse = |kind, payload: &[u8]| if kind == NEW { parse(payload, names) } else { None };
        let found = match netlink::dump(Subsystem::Route, (GET, &request), ROUTES, parse) {
            // A kernel without IPv6 has nobody to answer.
            Err(_) if family == INET6 => Vec::new(),
            found => found?,
        };
        routes.extend(found.into_iter().flatten());
    }
    routes.truncate(ROUTES);
    Ok(routes)
}

/// What an attribute list says of a next hop.
#[derive(Clone, Default)]
struct NextHop {
    gateway: Option<IpAddr>,
    interface: Option<u32>,
}

impl NextHop {
    /// `RTA_OIF`, `RTA_GATEWAY`, and `RTA_VIA` for gateways of the other family.
    fn take(&mut self, kind: u16, value: &[u8]) {
        match kind {
            4 => self.interface = u32_at(value, 0).filter(|&index| index > 0),
            5 => self.gateway = netlink::ip_address(value),
            18 => self.gateway = value.get(2..).and_then(netlink::ip_address),
            _ => {}
        }
    }
}

/// `struct rtmsg` (family, prefix of destination and source, service, table, protocol, scope, type, flags), then attributes. None for
/// routes that do not count; else a row a next hop.
fn parse(payload: &[u8], names: &BTreeMap<u32, String>) -> Option<Vec<Route>> {
    const CLONED: u32 = 0x200;
    const LOCAL: u32 = 255;
    const REDIRECT: u8 = 1;
    let &[family, prefix, _, _, table, protocol, _, kind, ..] = payload else { return None };
    let (mut table, mut network, mut source, mut metric) = (u32::from(table), None, None, None);
    let mut only = NextHop::default();
    let mut several = Vec::new();
    for (kind, value) in attributes(payload.get(12..)?) {
        match kind {
            1 => network = netlink::ip_address(value),
            6 => metric = u32_at(value, 0),
            7 => source = netlink::ip_address(value),
            9 => several = next_hops(value),
            15 => table = u32_at(value, 0)?,
            _ => only.take(kind, value),
        }
    }
    if table == LOCAL || protocol == REDIRECT || u32_at(payload, 8)? & CLONED != 0 {
        return None;
    }
    let (family, any) = match family {
        INET => ("inet", IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        INET6 => ("inet6", IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
        _ => return None,
    };
    let route = |hop: NextHop| Route {
        family: family.to_owned(),
        destination: destination(network.unwrap_or(any), prefix),
        gateway: hop.gateway.map(|address| address.to_string()),
        interface: hop.interface.map(|index| names.get(&index).cloned().unwrap_or_else(|| index.to_string())),
        metric,
        table,
        source: source.map(|address| address.to_string()),
        protocol: protocol_name(protocol),
        kind: kind_name(kind),
    };
    Some(if several.is_empty() { vec![route(only)] } else { several.into_iter().map(route).collect() })
}

/// `struct rtnexthop`s (length, flags, weight, interface), each with attributes of its own.
fn next_hops(list: &[u8]) -> Vec<NextHop> {
    let mut rest = list;
    let one = || {
        let length = usize::from(u16_at(rest, 0)?);
        let mut hop = NextHop { interface: u32_at(rest, 4).filter(|&index| index > 0), gateway: None };
        attributes(rest.get(8..length)?).for_each(|(kind, value)| hop.take(kind, value));
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(hop)
    };
    std::iter::from_fn(one).take(NEXT_HOPS).collect()
}

/// `RTPROT_*`; numbers that nobody registered stay numbers.
fn protocol_name(number: u8) -> Option<String> {
    let name = match number {
        0 => return None,
        2 => "kernel",
        3 => "boot",
        4 => "static",
        8 => "gated",
        9 => "ra",
        10 => "mrt",
        11 => "zebra",
        12 => "bird",
        13 => "dnrouted",
        14 => "xorp",
        15 => "ntk",
        16 => "dhcp",
        17 => "mrouted",
        18 => "keepalived",
        42 => "babel",
        186 => "bgp",
        187 => "isis",
        188 => "ospf",
        189 => "rip",
        192 => "eigrp",
        number => return Some(number.to_string()),
    };
    Some(name.to_owned())
}

/// `RTN_*`.
fn kind_name(number: u8) -> String {
    let name = match number {
        1 => "unicast",
        2 => "local",
        3 => "broadcast",
        4 => "anycast",
        5 => "multicast",
        6 => "blackhole",
        7 => "unreachable",
        8 => "prohibit",
        9 => "throw",
        10 => "nat",
        number => return number.to_string(),
    };
    name.to_owned()
}

/// One message.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn fuzz(bytes: &[u8]) -> usize {
    crate::fuzz::examined_rows(parse(bytes, &BTreeMap::from([(2, "eth0".to_owned())])).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use netlink::attribute_bytes;
    use proptest::prelude::*;

    #[track_caller]
    fn check(head: [u8; 12], attributes: &[Vec<u8>], expected: &[&str]) {
        let names = BTreeMap::from([(2, "eth0".to_owned()), (3, "eth1".to_owned())]);
        let rows = parse(&[&head[..], &attributes.concat()].concat(), &names).unwrap_or_default();
        let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let short: Vec<String> = rows.iter().map(|row| format!("{} {} {} {} {} {}", row.destination, text(&row.gateway), text(&row.interface), row.table, text(&row.protocol), row.kind)).collect();
        assert_eq!(short, expected);
    }

    #[test]
    fn a_default_route_is_read() {
        let attributes = [attribute_bytes(5, &[192, 0, 2, 1]), attribute_bytes(4, &2_u32.to_ne_bytes())];
        check([INET, 0, 0, 0, 254, 16, 0, 1, 0, 0, 0, 0], &attributes, &["default 192.0.2.1 eth0 254 dhcp unicast"]);
    }

    #[test]
    fn every_next_hop_is_a_row() {
        let hop = |index: u32, gateway: [u8; 4]| [&16_u16.to_ne_bytes()[..], &[0, 0], &index.to_ne_bytes(), &attribute_bytes(5, &gateway)].concat();
        let attributes = [attribute_bytes(1, &[10, 0, 0, 0]), attribute_bytes(9, &[hop(2, [192, 0, 2, 1]), hop(3, [192, 0, 2, 2])].concat())];
        check([INET, 8, 0, 0, 254, 4, 0, 1, 0, 0, 0, 0], &attributes, &["10.0.0.0/8 192.0.2.1 eth0 254 static unicast", "10.0.0.0/8 192.0.2.2 eth1 254 static unicast"]);
    }

    #[test]
    fn the_kernels_own_table_and_cached_routes_are_left_out() {
        check([INET, 0, 0, 0, 255, 2, 0, 2, 0, 0, 0, 0], &[], &[]);
        let flags = 0x200_u32.to_ne_bytes();
        check([INET6, 0, 0, 0, 254, 2, 0, 1, flags[0], flags[1], flags[2], flags[3]], &[], &[]);
        check([INET6, 0, 0, 0, 254, 1, 0, 1, 0, 0, 0, 0], &[], &[]);
    }

    #[test]
    fn a_table_with_a_large_number_is_named_by_an_attribute() {
        let attributes = [attribute_bytes(15, &1000_u32.to_ne_bytes())];
        check([INET, 0, 0, 0, 252, 4, 0, 6, 0, 0, 0, 0], &attributes, &["default - - 1000 static blackhole"]);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..90)) {
            let _ = (parse(&bytes, &BTreeMap::new()), next_hops(&bytes));
        }
    }
}
