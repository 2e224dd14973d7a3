//! LLDP frames, IEEE 802.1AB: type-length-value elements behind an Ethernet header. What they hold is a neighbour's own word, sent by
//! whoever is on the link.

use super::super::netlink::hardware_address;
use super::super::text::tidy;
use rollcall_shared::section::Neighbour;
use std::net::IpAddr;

/// Frames of one file that are read; a port hears one or two peers, behind a simple switch some more.
const FRAMES: usize = 1024;

/// EtherTypes.
const LLDP: u16 = 0x88cc;
const VLAN: u16 = 0x8100;

/// Frames with their places, each behind its length in eight bytes, little-endian; and where something else begins, if it does.
pub(super) fn frames(bytes: &[u8]) -> (Vec<(usize, &[u8])>, Option<usize>) {
    let mut found = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let at = bytes.len() - rest.len();
        let length = rest.first_chunk().map(|length| u64::from_le_bytes(*length)).and_then(|length| usize::try_from(length).ok());
        let split = length.and_then(|length| rest.get(8..)?.split_at_checked(length));
        let Some((frame, next)) = split.filter(|_| found.len() < FRAMES) else { return (found, Some(at)) };
        found.push((at, frame));
        rest = next;
    }
    (found, None)
}

/// What a frame says; none when it is none, or lacks the chassis and port that each has to begin with.
pub(super) fn parse(frame: &[u8]) -> Option<Neighbour> {
    let sender = frame.get(6..12)?;
    let mut rest = frame.get(12..)?;
    let mut ether_type = number(rest)?;
    if ether_type == VLAN {
        rest = rest.get(4..)?;
        ether_type = number(rest)?;
    }
    if ether_type != LLDP {
        return None;
    }
    let mut heard = Neighbour { mac: hardware_address(sender), ..Neighbour::default() };
    for (kind, value) in elements(rest.get(2..)?) {
        match kind {
            1 => heard.chassis_id = identifier(value, Subtypes::CHASSIS),
            2 => heard.port_id = identifier(value, Subtypes::PORT),
            4 => heard.port_description = text(value),
            5 => heard.system_name = text(value),
            6 => heard.system_description = text(value),
            7 => heard.capabilities = capabilities(value),
            8 if heard.address.is_none() => heard.address = management_address(value).map(|address| address.to_string()),
            _ => {}
        }
    }
    (heard.chassis_id.is_some() && heard.port_id.is_some()).then_some(heard)
}

fn number(bytes: &[u8]) -> Option<u16> {
    bytes.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
}

/// Seven bits of type, nine of length; type 0 ends the list, and so does a length that does not fit.
fn elements(list: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = list;
    std::iter::from_fn(move || {
        let head = number(rest)?;
        let (value, next) = rest.get(2..)?.split_at_checked(usize::from(head & 0x1ff))?;
        rest = next;
        let kind = u8::try_from(head >> 9).ok()?;
        (kind != 0).then_some((kind, value))
    })
}

/// Which subtypes of an identifier are no text.
struct Subtypes {
    hardware_address: u8,
    network_address: u8,
}

impl Subtypes {
    const CHASSIS: Self = Self { hardware_address: 4, network_address: 5 };
    const PORT: Self = Self { hardware_address: 3, network_address: 4 };
}

fn identifier(value: &[u8], subtypes: Subtypes) -> Option<String> {
    let (&subtype, id) = value.split_first()?;
    if subtype == subtypes.hardware_address {
        hardware_address(id)
    } else if subtype == subtypes.network_address {
        network_address(id).map(|address| address.to_string())
    } else {
        text(id)
    }
}

/// The number of an address family as IANA gives it (1 and 2 are those of IP), then the address.
fn network_address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.split_first()? {
        (1, address) => <[u8; 4]>::try_from(address).ok().map(IpAddr::from),
        (2, address) => <[u8; 16]>::try_from(address).ok().map(IpAddr::from),
        _ => None,
    }
}

/// Length of what is the address, the address, and the interface that it is on.
fn management_address(value: &[u8]) -> Option<IpAddr> {
    let (&length, rest) = value.split_first()?;
    network_address(rest.get(..usize::from(length))?)
}

/// Two bit sets: what the system can do, and what of it is enabled.
fn capabilities(value: &[u8]) -> Vec<String> {
    const NAMES: [&str; 11] =
        ["other", "repeater", "bridge", "wlan_access_point", "router", "telephone", "docsis", "station", "customer_vlan", "service_vlan", "two_port_relay"];
    let enabled = value.get(2..).and_then(number).unwrap_or(0);
    let mut names: Vec<String> = NAMES.iter().enumerate().filter(|(bit, _)| enabled >> bit & 1 == 1).map(|(_, name)| (*name).to_owned()).collect();
    names.sort_unstable();
    names
}

fn text(value: &[u8]) -> Option<String> {
    tidy(&String::from_utf8_lossy(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn element(kind: u16, value: &[u8]) -> Vec<u8> {
        [&(kind << 9 | u16::try_from(value.len()).expect("short")).to_be_bytes()[..], value].concat()
    }

    fn frame(elements: &[Vec<u8>]) -> Vec<u8> {
        [&[1, 0x80, 0xc2, 0, 0, 0x0e, 2, 0, 0, 0, 0, 9, 0x88, 0xcc][..], &elements.concat(), &[0, 0]].concat()
    }

    fn chassis_and_port() -> [Vec<u8>; 2] {
        [element(1, &[4, 2, 0, 0, 0, 0, 1]), element(2, b"\x05Gi0/1")]
    }

    #[test]
    fn a_switch_introduces_itself() {
        let [chassis, port] = chassis_and_port();
        let elements = [
            chassis,
            port,
            element(3, &[0, 120]),
            element(4, b"to rack 7"),
            element(5, b"sw1"),
            element(6, b"Switch\r\nOS 1"),
            element(7, &[0, 0x14, 0, 0x14]),
            element(8, &[5, 1, 192, 0, 2, 2, 2, 0, 0, 0, 1, 0]),
            element(127, b"\0\x80\xc2\x01\0\x01"),
        ];
        let heard = parse(&frame(&elements)).expect("a neighbour");
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let said = [&heard.chassis_id, &heard.port_id, &heard.port_description, &heard.system_name, &heard.system_description, &heard.address, &heard.mac].map(text);
        assert_eq!(said, ["02:00:00:00:00:01", "Gi0/1", "to rack 7", "sw1", "Switch  OS 1", "192.0.2.2", "02:00:00:00:00:09"]);
        assert_eq!(heard.capabilities, ["bridge", "router"]);
    }

    #[test]
    fn a_frame_without_chassis_or_port_is_none() {
        let [chassis, port] = chassis_and_port();
        assert!(parse(&frame(&[chassis.clone(), port])).is_some());
        assert_eq!(parse(&frame(&[chassis])), None);
        assert_eq!(parse(&frame(&[])), None);
        assert_eq!(parse(&[0; 64]), None);
    }

    #[test]
    fn an_element_that_is_longer_than_the_frame_ends_it() {
        let [chassis, port] = chassis_and_port();
        let bytes = [frame(&[chassis, port])[..].strip_suffix(&[0, 0]).expect("an end"), &[0x0b, 0xff, b'x']].concat();
        assert_eq!(parse(&bytes).expect("a neighbour").system_name, None);
    }

    #[test]
    fn frames_stand_behind_their_lengths() {
        let bytes = [&3_u64.to_le_bytes()[..], b"abc", &u64::MAX.to_le_bytes(), b"d"].concat();
        assert_eq!(frames(&bytes), (vec![(0, &b"abc"[..])], Some(11)));
        assert_eq!(frames(&bytes[..11]), (vec![(0, &b"abc"[..])], None));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = (frames(&bytes), parse(&bytes), parse(&frame(std::slice::from_ref(&bytes))), capabilities(&bytes), management_address(&bytes));
        }
    }
}
