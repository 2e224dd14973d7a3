//! nftables' tables and chains, as its netlink subsystem tells them. Numbers of more than one byte are in network byte order.

use super::super::text::bounded;
use super::{Subsystem, netlink};
use netlink::{attribute, bytes_at};
use rollcall_shared::section::Firewall;
use std::collections::BTreeSet;
use std::io;

/// Chains kept that the kernel calls; a host has a dozen.
pub(super) const CHAINS: usize = 10_000;

/// Tables looked at.
const TABLES: usize = 10_000;

/// The subsystem's number, in the upper byte of a message's type.
const SUBSYSTEM: u16 = 10 << 8;

/// `struct nfgenmsg`: family, version, resource. Of zeros it stands for all families.
const HEADER_BYTES: usize = 4;

/// The chains with a hook, of all families.
pub(super) fn read() -> io::Result<Vec<Firewall>> {
    /// `NFT_MSG_GETTABLE`, `NFT_MSG_GETCHAIN` and what answers them.
    const GET_TABLE: u16 = SUBSYSTEM | 1;
    const NEW_TABLE: u16 = SUBSYSTEM;
    const GET_CHAIN: u16 = SUBSYSTEM | 4;
    const NEW_CHAIN: u16 = SUBSYSTEM | 3;
    let all = [0; HEADER_BYTES];
    let dormant = netlink::dump(Subsystem::Netfilter, (GET_TABLE, &all), TABLES, |kind, payload| if kind == NEW_TABLE { dormant(payload) } else { None })?;
    let dormant: BTreeSet<(u8, String)> = dormant.into_iter().collect();
    let parse = |kind, payload: &[u8]| if kind == NEW_CHAIN { chain(payload, &dormant) } else { None };
    netlink::dump(Subsystem::Netfilter, (GET_CHAIN, &all), CHAINS, parse)
}

/// A table that is switched off.
fn dormant(payload: &[u8]) -> Option<(u8, String)> {
    const DORMANT: u32 = 1;
    let list = payload.get(HEADER_BYTES..)?;
    let flags = number(attribute(list, 2)?)?;
    (flags & DORMANT != 0).then_some((*payload.first()?, netlink::text(attribute(list, 1)?)?))
}

/// None for chains without a hook, which only others call.
fn chain(payload: &[u8], dormant: &BTreeSet<(u8, String)>) -> Option<Firewall> {
    let family = *payload.first()?;
    let list = payload.get(HEADER_BYTES..)?;
    let hook = number(attribute(attribute(list, 4)?, 1)?)?;
    let (table, name) = (netlink::text(attribute(list, 1)?)?, netlink::text(attribute(list, 3)?)?);
    Some(Firewall {
        kind: "nftables".to_owned(),
        name: bounded(format!("{}/{table}/{name}", family_name(family))),
        hook: Some(hook_name(family, hook)),
        policy: attribute(list, 5).and_then(number).and_then(|verdict| match verdict { 0 => Some("drop".to_owned()), 1 => Some("accept".to_owned()), _ => None }),
        // Uses of a chain are its rules and the jumps to it; to one with a hook nothing may jump.
        rules: attribute(list, 6).and_then(number),
        active: Some(!dormant.contains(&(family, table))),
    })
}

fn number(value: &[u8]) -> Option<u32> {
    bytes_at(value, 0).map(u32::from_be_bytes)
}

const ARP: u8 = 3;
const DEVICE: u8 = 5;

/// `NFPROTO_*`, in nft's words.
fn family_name(family: u8) -> String {
    let name = match family {
        1 => "inet",
        2 => "ip",
        ARP => "arp",
        DEVICE => "netdev",
        7 => "bridge",
        10 => "ip6",
        other => return other.to_string(),
    };
    name.to_owned()
}

/// `NF_INET_*`, `NF_ARP_*`, `NF_NETDEV_*`, in nft's words.
fn hook_name(family: u8, hook: u32) -> String {
    let names: &[&str] = match family {
        ARP => &["input", "output", "forward"],
        DEVICE => &["ingress", "egress"],
        _ => &["prerouting", "input", "forward", "output", "postrouting", "ingress"],
    };
    let name = usize::try_from(hook).ok().and_then(|hook| names.get(hook));
    name.map_or_else(|| hook.to_string(), |name| (*name).to_owned())
}

/// One message as a table, and as a chain.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn fuzz(bytes: &[u8]) -> usize {
    crate::fuzz::examined_rows(chain(bytes, &dormant(bytes).into_iter().collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use netlink::attribute_bytes;
    use proptest::prelude::*;

    fn hooked(family: u8, hook: u32) -> Vec<u8> {
        let hook = attribute_bytes(0x8004, &attribute_bytes(1, &hook.to_be_bytes()));
        let rest = [attribute_bytes(1, b"filter\0"), attribute_bytes(3, b"in\0"), attribute_bytes(5, &[0; 4]), attribute_bytes(6, &3_u32.to_be_bytes())];
        [vec![family, 0, 0, 0], hook, rest.concat()].concat()
    }

    #[test]
    fn a_chain_with_a_hook_is_read() {
        let found = chain(&hooked(1, 1), &BTreeSet::new()).expect("a chain");
        let expected = Firewall {
            kind: "nftables".to_owned(),
            name: "inet/filter/in".to_owned(),
            active: Some(true),
            hook: Some("input".to_owned()),
            policy: Some("drop".to_owned()),
            rules: Some(3),
        };
        assert_eq!(found, expected);
        assert_eq!(chain(&hooked(DEVICE, 0), &BTreeSet::new()).and_then(|chain| chain.hook).as_deref(), Some("ingress"));
        assert_eq!(chain(&hooked(1, 99), &BTreeSet::new()).and_then(|chain| chain.hook).as_deref(), Some("99"));
    }

    #[test]
    fn chains_of_a_dormant_table_are_not_in_force() {
        let table = [vec![1, 0, 0, 0], attribute_bytes(1, b"filter\0"), attribute_bytes(2, &1_u32.to_be_bytes())].concat();
        let tables = BTreeSet::from([dormant(&table).expect("dormant")]);
        assert_eq!(chain(&hooked(1, 1), &tables).and_then(|chain| chain.active), Some(false));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = (chain(&bytes, &BTreeSet::new()), dormant(&bytes));
        }
    }
}
