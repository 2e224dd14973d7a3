//! Links from a captured tree: sysfs, `/proc/net/if_inet6`, and IPv4 addresses as far as the routing tables give them away.

use super::super::{Failure, Scope};
use super::Link;
use super::links::lasts;
use rollcall_shared::section::InterfaceAddress;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// All links of the tree.
pub(super) fn read(scope: &Scope<'_>) -> Result<Vec<Link>, Failure> {
    let Some(names) = scope.listed("/sys/class/net")? else {
        return Err(Failure::Skipped("the tree has no /sys/class/net".to_owned()));
    };
    let mut links: Vec<Link> = names.iter().filter(|name| scope.root().exists(&format!("/sys/class/net/{name}/ifindex"))).map(|name| link(scope, name)).collect();
    let places: BTreeMap<String, usize> = (0..).zip(&links).map(|(place, link)| (link.name.clone(), place)).collect();
    let mut add = |name: &str, address| {
        if let Some(link) = places.get(name).and_then(|&place| links.get_mut(place)) {
            link.addresses.push(address);
        }
    };
    let inet6 = scope.text_or_problem("/proc/net/if_inet6").unwrap_or_default();
    for (name, address) in inet6.lines().filter_map(inet6_address) {
        add(name, address);
    }
    let trie = scope.text_or_problem("/proc/net/fib_trie").unwrap_or_default();
    let routes = scope.text_or_problem("/proc/net/route").unwrap_or_default();
    for (name, address) in inet4_addresses(&trie, &routes) {
        add(&name, address);
    }
    if trie.is_empty() {
        scope.problem("the tree has no /proc/net/fib_trie: IPv4 addresses are unknown");
    }
    Ok(links)
}

fn link(scope: &Scope<'_>, name: &str) -> Link {
    let folder = format!("/sys/class/net/{name}");
    let read = |attribute: &str| scope.attribute(&format!("{folder}/{attribute}"));
    let device_type = read("uevent").and_then(|text| text.split_whitespace().find_map(|word| word.strip_prefix("DEVTYPE=").map(str::to_owned)));
    let master = scope.root().link(&format!("{folder}/master")).and_then(|target| Some(target.rsplit('/').next()?.to_owned()));
    let made_of = |mark: &str| scope.root().exists(&format!("{folder}/{mark}"));
    let by_folder = if made_of("bonding") { Some("bond") } else if made_of("bridge") { Some("bridge") } else if made_of("tun_flags") { Some("tun") } else { None };
    let vlan = scope.text_or_problem(&format!("/proc/net/vlan/{name}"));
    let mac = read("address").filter(|mac| mac.bytes().any(|byte| !matches!(byte, b'0' | b':')));
    Link {
        index: scope.number(&format!("{folder}/ifindex")).unwrap_or(0),
        // `NET_ADDR_PERM`: the address is the one that the device came with.
        permanent_mac: mac.clone().filter(|_| read("addr_assign_type").as_deref() == Some("0")),
        mac,
        software_kind: by_folder.map(str::to_owned).or(device_type.filter(|kind| kind != "wlan")),
        layer: scope.number(&format!("{folder}/type")).unwrap_or(0),
        mtu: scope.number(&format!("{folder}/mtu")),
        state: read("operstate"),
        master: master.and_then(|master| scope.number(&format!("/sys/class/net/{master}/ifindex"))),
        vlan_id: vlan.and_then(|text| text.split_once("VID: ")?.1.split_whitespace().next()?.parse().ok()),
        addresses: Vec::new(),
        name: name.to_owned(),
    }
}

/// `fe80000000000000… 02 40 20 80 eth0`: address, index, prefix, scope, flags (all hexadecimal), name.
fn inet6_address(line: &str) -> Option<(&str, InterfaceAddress)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let &[address, _, prefix, scope, flags, name] = words.as_slice() else { return None };
    let address = Ipv6Addr::from(u128::from_str_radix(address, 16).ok()?);
    if !lasts(u32::from_str_radix(flags, 16).ok()?) {
        return None;
    }
    let scope = match u32::from_str_radix(scope, 16).ok()? {
        0x10 => "host",
        0x20 => "link",
        0x40 => "site",
        _ => "global",
    };
    Some((name, InterfaceAddress { address: IpAddr::V6(address), prefix: u8::from_str_radix(prefix, 16).ok()?, scope: scope.to_owned() }))
}

/// Local addresses are the `/32 host LOCAL` leaves of the trie; the connected route that covers one tells interface and prefix.
fn inet4_addresses(trie: &str, routes: &str) -> Vec<(String, InterfaceAddress)> {
    let routes: Vec<(String, u32, u32)> = routes.lines().filter_map(connected_route).collect();
    let mut leaf: Option<Ipv4Addr> = None;
    let mut found = Vec::new();
    for line in trie.lines() {
        if let Some(address) = line.trim_start().strip_prefix("|-- ") {
            leaf = address.trim().parse().ok();
        } else if line.trim() == "/32 host LOCAL"
            && let Some(address) = leaf.take()
        {
            let bits = u32::from(address);
            let (name, mask, scope) = match routes.iter().find(|(_, network, mask)| bits & mask == *network) {
                Some((name, _, mask)) => (name.clone(), *mask, "global"),
                None if address.is_loopback() => ("lo".to_owned(), 0xff00_0000, "host"),
                None => continue,
            };
            let prefix = u8::try_from(mask.leading_ones()).unwrap_or(32);
            found.push((name, InterfaceAddress { address: IpAddr::V4(address), prefix, scope: scope.to_owned() }));
        }
    }
    found
}

/// `eth0 0000A8C0 00000000 0001 0 0 0 00FFFFFF …`: name, network, gateway, …, mask in the byte order of the machine (little-endian).
fn connected_route(line: &str) -> Option<(String, u32, u32)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let number = |at: usize| u32::from_str_radix(words.get(at)?, 16).ok().map(u32::swap_bytes);
    let (network, gateway, mask) = (number(1)?, number(2)?, number(7)?);
    (gateway == 0 && mask != 0).then(|| ((*words[0]).to_owned(), network, mask))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn temporary_addresses_are_left_out() {
        let line = "20010db8000000000000000000000001 02 40 00 80 eth0";
        let (name, address) = inet6_address(line).expect("an address");
        assert_eq!((name, address.address.to_string().as_str(), address.prefix), ("eth0", "2001:db8::1", 64));
        assert!(inet6_address(&line.replace(" 80 ", " 01 ")).is_none());
    }

    #[test]
    fn local_leaves_meet_their_connected_route() {
        let trie = "Local:\n  |-- 127.0.0.1\n     /32 host LOCAL\n  |-- 192.168.0.17\n     /32 host LOCAL\n  |-- 192.168.0.255\n     /32 link BROADCAST\n";
        let routes = "Iface Destination Gateway\neth0 00000000 0100A8C0 0003 0 0 0 00000000 0 0 0\neth0 0000A8C0 00000000 0001 0 0 0 00FFFFFF 0 0 0\n";
        let found = inet4_addresses(trie, routes);
        let short: Vec<(String, String, u8)> = found.into_iter().map(|(name, a)| (name, a.address.to_string(), a.prefix)).collect();
        assert_eq!(short, [("lo".into(), "127.0.0.1".into(), 8), ("eth0".into(), "192.168.0.17".into(), 24)]);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "([0-9a-f ]{0,50}|[ -~]{0,60})\n?[ -~]{0,60}") {
            let _ = (inet6_address(&text), inet4_addresses(&text, &text));
        }
    }
}
