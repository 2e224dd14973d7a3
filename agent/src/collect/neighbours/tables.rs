//! The ARP and NDP tables: rtnetlink on the running machine, `/proc/net/arp` elsewhere.

use super::super::netlink::{self, Subsystem, attribute, hardware_address, u16_at, u32_at};
use super::super::text::tidy;
use super::super::trace::Found;
use super::super::{Failure, Scope, network_interfaces};
use super::Entry;
use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;

/// Entries looked at: the kernel keeps 1,024 of each family unless told otherwise.
const ENTRIES: usize = 100_000;

/// None when there are no tables.
pub(super) fn read(scope: &Scope<'_>) -> Result<Option<Vec<Entry>>, Failure> {
    if scope.root().is_live() {
        let asked = ask();
        scope.asked("rtnetlink", asked.as_ref().map_or_else(|error| Found::Failed(error.to_string()), |entries| Found::Read(entries.len())));
        if let Ok(entries) = asked {
            return Ok(Some(entries));
        }
    }
    for path in ["/proc/net/arp", "/proc/1/net/arp"] {
        let mut entries = Vec::new();
        let found = scope.lines(path, |number, line| {
            match arp(line) {
                _ if number == 1 || line.trim().is_empty() => {}
                Some(entry) => entries.extend(entry),
                None => scope.problem(Failure::malformed(path, number, "not an ARP entry")),
            }
            Ok(entries.len() < ENTRIES)
        })?;
        if found {
            return Ok(Some(entries));
        }
    }
    Ok(None)
}

fn ask() -> io::Result<Vec<Entry>> {
    /// `RTM_GETNEIGH` and what answers it; `AF_INET` and `AF_INET6`.
    const GET: u16 = 30;
    const NEW: u16 = 28;
    const FAMILIES: [u8; 2] = [2, 10];
    let names = network_interfaces::names()?;
    let mut entries = Vec::new();
    for family in FAMILIES {
        // `struct ndmsg` of zeros but for the family.
        let request = [family, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let parse = |kind, payload: &[u8]| if kind == NEW { entry(payload, &names) } else { None };
        entries.extend(netlink::dump(Subsystem::Route, (GET, &request), ENTRIES, parse)?);
    }
    Ok(entries)
}

/// `struct ndmsg` (family, padding, interface, state, flags, type), then attributes. None for entries without a peer: multicast
/// (`NOARP`), proxies, and those whose hardware address is not known.
fn entry(payload: &[u8], names: &BTreeMap<u32, String>) -> Option<Entry> {
    /// `REACHABLE`, `STALE`, `DELAY`, `PROBE`: stages of an entry whose address is known.
    const KNOWN: u16 = 0x02 | 0x04 | 0x08 | 0x10;
    const PERMANENT: u16 = 0x80;
    const PROXY: u8 = 0x08;
    let (index, state, flags) = (u32_at(payload, 4)?, u16_at(payload, 8)?, *payload.get(10)?);
    let list = payload.get(12..)?;
    if flags & PROXY != 0 || state & (KNOWN | PERMANENT) == 0 {
        return None;
    }
    Some(Entry {
        address: netlink::ip_address(attribute(list, 1)?)?,
        interface: names.get(&index).cloned()?,
        mac: hardware_address(attribute(list, 2)?)?,
        is_permanent: state & PERMANENT != 0,
    })
}

/// `192.0.2.1 0x1 0x2 00:11:22:33:44:55 * eth0`: address, type, flags, hardware address, mask, interface. None inside for entries
/// that are not complete, or whose interface has another kind of hardware address.
fn arp(line: &str) -> Option<Option<Entry>> {
    const COMPLETE: u32 = 0x2;
    const PERMANENT: u32 = 0x4;
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let &[address, _, flags, mac, _, interface] = words.as_slice() else { return None };
    let address: IpAddr = address.parse().ok()?;
    let flags = u32::from_str_radix(flags.strip_prefix("0x")?, 16).ok()?;
    let is_mac = mac.len() == 17 && mac.bytes().all(|byte| byte == b':' || byte.is_ascii_hexdigit()) && mac != "00:00:00:00:00:00";
    if flags & COMPLETE == 0 || !is_mac {
        return Some(None);
    }
    Some(Some(Entry { address, interface: tidy(interface)?, mac: mac.to_ascii_lowercase(), is_permanent: flags & PERMANENT != 0 }))
}

/// One message.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn fuzz(bytes: &[u8]) -> usize {
    usize::from(entry(bytes, &BTreeMap::from([(2, "eth0".to_owned())])).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use netlink::attribute_bytes;
    use proptest::prelude::*;

    #[track_caller]
    fn check(state: u16, flags: u8, expected: Option<bool>) {
        let names = BTreeMap::from([(2, "eth0".to_owned())]);
        let head = [&[2, 0, 0, 0][..], &2_u32.to_ne_bytes(), &state.to_ne_bytes(), &[flags, 1]].concat();
        let payload = [head, attribute_bytes(1, &[192, 0, 2, 1]), attribute_bytes(2, &[2, 0, 0, 0, 0, 1])].concat();
        assert_eq!(entry(&payload, &names).map(|entry| entry.is_permanent), expected);
    }

    #[test]
    fn an_entry_counts_at_any_freshness_and_not_without_an_address() {
        for state in [0x02, 0x04, 0x08, 0x10] {
            check(state, 0, Some(false));
        }
        check(0x80, 0, Some(true));
        for state in [0x01, 0x20, 0x40, 0] {
            check(state, 0, None);
        }
        check(0x80, 0x08, None);
    }

    #[test]
    fn a_table_of_arp_entries_is_read() {
        let read = |flags: &str, mac: &str| arp(&format!("192.0.2.1 0x1 {flags} {mac} * eth0"));
        let short = |entry: Option<Option<Entry>>| entry.flatten().map(|entry| (entry.mac, entry.is_permanent));
        assert_eq!(short(read("0x2", "02:FC:00:00:00:05")), Some(("02:fc:00:00:00:05".to_owned(), false)));
        assert_eq!(short(read("0x6", "02:fc:00:00:00:05")), Some(("02:fc:00:00:00:05".to_owned(), true)));
        assert_eq!(read("0x0", "00:00:00:00:00:00"), Some(None));
        assert_eq!(arp("nonsense"), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..60), line in "[0-9.]{0,9}( 0x[0-9é]{1,9}| [a-z:é*]{1,17}){0,6}") {
            let _ = (entry(&bytes, &BTreeMap::new()), arp(&line));
        }
    }
}
