//! Links and addresses from the kernel, by rtnetlink.

use super::super::netlink::{self, Subsystem, attributes, hardware_address, u16_at, u32_at};
use super::{LINKS, Link};
use rollcall_shared::section::InterfaceAddress;
use std::collections::BTreeMap;
use std::io;

/// `RTM_GETLINK` and `RTM_GETADDR`, and what answers them.
const GET_LINK: u16 = 18;
const NEW_LINK: u16 = 16;
const GET_ADDRESS: u16 = 22;
const NEW_ADDRESS: u16 = 20;

/// All links with their addresses.
pub(super) fn read() -> io::Result<Vec<Link>> {
    let mut links = without_addresses()?;
    // `struct ifaddrmsg` of zeros: both families, all interfaces.
    let addresses = netlink::dump(Subsystem::Route, (GET_ADDRESS, &[0; 8]), LINKS, |kind, payload| if kind == NEW_ADDRESS { address(payload) } else { None })?;
    let places: BTreeMap<u32, usize> = links.iter().enumerate().map(|(place, link)| (link.index, place)).collect();
    for (index, address) in addresses {
        if let Some(link) = places.get(&index).and_then(|&place| links.get_mut(place)) {
            link.addresses.push(address);
        }
    }
    Ok(links)
}

/// All links.
pub(super) fn without_addresses() -> io::Result<Vec<Link>> {
    netlink::dump(Subsystem::Route, (GET_LINK, &link_request()), LINKS, |kind, payload| if kind == NEW_LINK { link(payload) } else { None })
}

/// `struct ifinfomsg` of zeros, and the wish for no counters: they are most of an answer.
fn link_request() -> Vec<u8> {
    const EXTENSIONS: u16 = 29;
    const SKIP_STATISTICS: u32 = 8;
    [&[0; 16][..], &netlink::attribute_bytes(EXTENSIONS, &SKIP_STATISTICS.to_ne_bytes())].concat()
}

/// `struct ifinfomsg` (family, padding, layer, index, flags, change), then attributes.
fn link(payload: &[u8]) -> Option<Link> {
    let mut link = Link { layer: u16_at(payload, 2)?, index: u32_at(payload, 4)?, ..Link::default() };
    for (kind, value) in attributes(payload.get(16..)?) {
        match kind {
            1 => link.mac = hardware_address(value),
            3 => link.name = netlink::text(value)?,
            4 => link.mtu = u32_at(value, 0),
            10 => link.master = u32_at(value, 0).filter(|&index| index > 0),
            16 => link.state = value.first().map(|&state| state_name(state).to_owned()),
            18 => software(&mut link, value),
            54 => link.permanent_mac = hardware_address(value),
            _ => {}
        }
    }
    (!link.name.is_empty()).then_some(link)
}

/// `IFLA_LINKINFO`: the kind, what is particular to it, the same for its master's side.
fn software(link: &mut Link, info: &[u8]) {
    const VLAN_ID: u16 = 1;
    const PERMANENT_ADDRESS: u16 = 4;
    let mut master_kind = None;
    for (kind, value) in attributes(info) {
        match kind {
            1 => link.software_kind = netlink::text(value),
            2 if link.software_kind.as_deref() == Some("vlan") => {
                link.vlan_id = netlink::attribute(value, VLAN_ID).and_then(|id| u16_at(id, 0));
            }
            4 => master_kind = netlink::text(value),
            // Kernels before 5.6 tell the permanent address of bonds' members only.
            5 if master_kind.as_deref() == Some("bond") && link.permanent_mac.is_none() => {
                link.permanent_mac = netlink::attribute(value, PERMANENT_ADDRESS).and_then(hardware_address);
            }
            _ => {}
        }
    }
}

/// The words of `/sys/class/net/*/operstate`, RFC 2863.
fn state_name(state: u8) -> &'static str {
    match state {
        1 => "notpresent",
        2 => "down",
        3 => "lowerlayerdown",
        4 => "testing",
        5 => "dormant",
        6 => "up",
        _ => "unknown",
    }
}

/// `struct ifaddrmsg` (family, prefix, flags, scope, index), then attributes; the index with it.
fn address(payload: &[u8]) -> Option<(u32, InterfaceAddress)> {
    const ADDRESS: u16 = 1;
    const LOCAL: u16 = 2;
    const FLAGS: u16 = 8;
    let &[_, prefix, flags, scope, ..] = payload else { return None };
    let list = payload.get(8..)?;
    // On point-to-point links `ADDRESS` is the peer; `LOCAL` is this side wherever there is one.
    let local = netlink::attribute(list, LOCAL).or_else(|| netlink::attribute(list, ADDRESS));
    let address = netlink::ip_address(local?)?;
    let flags = netlink::attribute(list, FLAGS).and_then(|flags| u32_at(flags, 0)).unwrap_or(u32::from(flags));
    if address.is_ipv6() && !lasts(flags) {
        return None;
    }
    let scope = match scope {
        200 => "site",
        253 => "link",
        254 => "host",
        _ => "global",
    };
    Some((u32_at(payload, 4)?, InterfaceAddress { address, prefix, scope: scope.to_owned() }))
}

/// Whether an IPv6 address with these flags (`IFA_F_*`) stays: not temporary, not a duplicate, and not deprecated because its life runs
/// out. One that was given for ever and deprecated on purpose (floating addresses are) stays.
pub(super) fn lasts(flags: u32) -> bool {
    const TEMPORARY: u32 = 0x01;
    const DUPLICATE: u32 = 0x08;
    const DEPRECATED: u32 = 0x20;
    const PERMANENT: u32 = 0x80;
    flags & (TEMPORARY | DUPLICATE) == 0 && (flags & DEPRECATED == 0 || flags & PERMANENT != 0)
}

/// One message as a link, and as an address.
#[cfg(any(test, feature = "fuzzing"))]
pub(super) fn fuzz(bytes: &[u8]) -> usize {
    usize::from(link(bytes).is_some()) + usize::from(address(bytes).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use netlink::attribute_bytes;
    use proptest::prelude::*;

    #[test]
    fn a_vlan_is_read() {
        let info = [attribute_bytes(1, b"vlan\0"), attribute_bytes(2, &attribute_bytes(1, &7_u16.to_ne_bytes()))].concat();
        let head = [&[0, 0][..], &1_u16.to_ne_bytes(), &4_u32.to_ne_bytes(), &[0; 8]].concat();
        let payload = [head, attribute_bytes(3, b"eth0.7\0"), attribute_bytes(18, &info), attribute_bytes(16, &[6])].concat();
        let link = link(&payload).expect("a link");
        assert_eq!((link.name.as_str(), link.index, link.layer, link.vlan_id, link.state.as_deref()), ("eth0.7", 4, 1, Some(7), Some("up")));
    }

    #[test]
    fn a_bonds_member_keeps_its_permanent_address() {
        let info = [attribute_bytes(4, b"bond\0"), attribute_bytes(5, &attribute_bytes(4, &[2, 0, 0, 0, 0, 1]))].concat();
        let payload = [vec![0; 16], attribute_bytes(3, b"eth0\0"), attribute_bytes(18, &info)].concat();
        assert_eq!(link(&payload).and_then(|link| link.permanent_mac).as_deref(), Some("02:00:00:00:00:01"));
    }

    #[test]
    fn the_near_end_of_a_point_to_point_link_counts() {
        let head = [&[2, 32, 0x80, 0][..], &3_u32.to_ne_bytes()].concat();
        let payload = [head, attribute_bytes(1, &[10, 0, 0, 2]), attribute_bytes(2, &[10, 0, 0, 1])].concat();
        let (index, found) = address(&payload).expect("an address");
        assert_eq!((index, found.address.to_string().as_str(), found.prefix), (3, "10.0.0.1", 32));
    }

    #[test]
    fn addresses_that_pass_are_left_out() {
        for (flags, expected) in [(0x80, true), (0, true), (0x01, false), (0x21, false), (0x20, false), (0xa0, true), (0x88, false)] {
            assert_eq!(lasts(flags), expected, "{flags:#x}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = (link(&bytes), address(&bytes));
            let mut link = Link::default();
            software(&mut link, &bytes);
        }
    }
}
