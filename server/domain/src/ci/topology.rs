//! Who has which address and who calls whom: projections of the hosts' attributes and of their `connections` sections.
//!
//! Discovery of dependencies asks them in either order: whose address is it that a connection goes to, and who was seen calling
//! an address that a host turns out to have. Invariants: nothing here is stored, and nothing is judged: that two hosts have one
//! address is kept as it is.

use super::{AttributeValue, Ci, Cmdb};
use crate::Content;
use crate::id::{CiId, Family};
use rollcall_shared::section::Connection;
use rollcall_shared::{Section, SectionName};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Endpoints that one host calls and that are remembered, the most used first. Application servers have tens; a proxy to the
/// world has thousands, of which few are in the fleet.
pub const CALLS_PER_HOST: usize = 256;

/// Where something listens, in 19 bytes: there are many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint([u8; 19]);

/// A hardware address.
type MacOctets = [u8; 6];

/// The index.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Topology {
    addresses: BTreeSet<(IpAddr, CiId)>,
    macs: BTreeSet<(MacOctets, CiId)>,
    /// Hosts by what they call; a host's id without its family, which is always the same.
    callers: BTreeSet<(Endpoint, [u8; 16])>,
    hosts: BTreeMap<CiId, Known>,
}

/// What the index holds of one host, to take it back.
#[derive(Clone, Debug, Default, PartialEq)]
struct Known {
    addresses: Box<[IpAddr]>,
    macs: Box<[MacOctets]>,
    calls: Box<[Endpoint]>,
}

impl Endpoint {
    /// Of a protocol, an address and a port; `None` for protocols that have none.
    #[must_use]
    pub fn new(protocol: &str, address: IpAddr, port: u16) -> Option<Self> {
        let protocol = match protocol {
            "tcp" => 0,
            "udp" => 1,
            _ => return None,
        };
        let address = match address {
            IpAddr::V4(address) => address.to_ipv6_mapped(),
            IpAddr::V6(address) => address,
        };
        let mut bytes = [0; 19];
        bytes[..16].copy_from_slice(&address.octets());
        bytes[16..18].copy_from_slice(&port.to_be_bytes());
        bytes[18] = protocol;
        Some(Self(bytes))
    }

    /// What a connection of this host goes to, when it may be another host.
    #[must_use]
    pub fn called(row: &Connection) -> Option<Self> {
        let port = row.remote_port.filter(|_| row.direction == "outbound")?;
        let address = parse_address(&row.remote_address).filter(|&address| relates_hosts(address))?;
        Self::new(&row.protocol, address, port)
    }
}

/// An address as it is compared: IPv4 inside IPv6 is IPv4, and an interface after `%` is no part of it.
#[must_use]
pub fn parse_address(text: &str) -> Option<IpAddr> {
    let address = text.split('%').next().unwrap_or(text).trim_matches(['[', ']']);
    address.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// Whether an address can name one host in the whole fleet. Loopback and link-local ones are each host's own, and the default
/// networks of container and virtual machine bridges (Docker's `docker0`, libvirt's `default`) are behind every host that has one.
#[must_use]
pub fn relates_hosts(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            let is_bridge = (a, b) == (172, 17) || (a, b, c) == (192, 168, 122);
            let is_own = address.is_loopback() || address.is_link_local() || address == Ipv4Addr::UNSPECIFIED;
            !(is_bridge || is_own || address.is_multicast() || address.is_broadcast() || a == 0)
        }
        IpAddr::V6(address) => {
            let is_own = address.is_loopback() || address.is_unicast_link_local() || address == Ipv6Addr::UNSPECIFIED;
            !(is_own || address.is_multicast())
        }
    }
}

impl Topology {
    /// Hosts that have an address, by id.
    pub fn hosts_at(&self, address: IpAddr) -> impl Iterator<Item = CiId> {
        self.addresses.range((address, FIRST)..).take_while(move |(known, _)| *known == address).map(|(_, host)| *host)
    }

    /// Hosts with a hardware address, by id.
    pub fn hosts_with_mac(&self, mac: &str) -> impl Iterator<Item = CiId> {
        let mac = octets(mac);
        mac.into_iter().flat_map(|mac| {
            let from = self.macs.range((mac, FIRST)..);
            from.take_while(move |(known, _)| *known == mac).map(|(_, host)| *host)
        })
    }

    /// Hosts that call an endpoint, by id.
    pub fn callers(&self, endpoint: Endpoint) -> impl Iterator<Item = CiId> {
        let from = self.callers.range((endpoint, [0; 16])..);
        let hosts = from.take_while(move |(known, _)| *known == endpoint).map(|(_, bits)| *bits);
        hosts.map(|bits| CiId { family: Family::Host, bits: u128::from_be_bytes(bits) })
    }

    /// Addresses of a host that can name it, in order.
    #[must_use]
    pub fn addresses_of(&self, host: CiId) -> &[IpAddr] {
        self.hosts.get(&host).map_or(&[], |known| &known.addresses)
    }

    /// Brings the index in line with the attributes of a host.
    pub fn set_identity(&mut self, host: &Ci) {
        let addresses = listed(host, "ip_addresses").filter_map(|text| parse_address(text)).filter(|&address| relates_hosts(address));
        let (addresses, macs) = (sorted(addresses), sorted(listed(host, "mac_addresses").filter_map(|text| octets(text))));
        let known = self.hosts.entry(host.id).or_default();
        replace(&mut self.addresses, &mut known.addresses, addresses, host.id);
        replace(&mut self.macs, &mut known.macs, macs, host.id);
        self.forget_nothing(host.id);
    }

    fn set_calls(&mut self, host: CiId, calls: Box<[Endpoint]>) {
        let known = self.hosts.entry(host).or_default();
        replace(&mut self.callers, &mut known.calls, calls, host.bits.to_be_bytes());
        self.forget_nothing(host);
    }

    /// A host of which nothing is known takes no room.
    fn forget_nothing(&mut self, host: CiId) {
        if self.hosts.get(&host).is_some_and(|known| *known == Known::default()) {
            self.hosts.remove(&host);
        }
    }
}

/// The least id.
const FIRST: CiId = CiId { family: Family::Host, bits: 0 };

fn replace<K: Ord + Copy, V: Ord + Copy>(index: &mut BTreeSet<(K, V)>, known: &mut Box<[K]>, now: Box<[K]>, value: V) {
    if *known == now {
        return;
    }
    for key in known.iter() {
        index.remove(&(*key, value));
    }
    index.extend(now.iter().map(|key| (*key, value)));
    *known = now;
}

fn sorted<K: Ord>(keys: impl Iterator<Item = K>) -> Box<[K]> {
    keys.collect::<BTreeSet<K>>().into_iter().collect()
}

/// Measured texts of a list: what people assert relates nothing.
fn listed<'a>(host: &'a Ci, name: &str) -> impl Iterator<Item = &'a String> {
    let value = host.observed(name).map(|proposal| proposal.value());
    let texts = value.and_then(|value| match value {
        AttributeValue::List(texts) => Some(texts),
        _ => None,
    });
    texts.into_iter().flatten()
}

/// Six octets of a hardware address in colons.
fn octets(mac: &str) -> Option<MacOctets> {
    let octets: Option<Vec<u8>> = mac.split(':').map(|octet| u8::from_str_radix(octet, 16).ok()).collect();
    octets?.try_into().ok()
}

/// What a host calls, the most used first when there is more than fits.
fn calls(rows: &[Connection]) -> Box<[Endpoint]> {
    let mut found: Vec<(Reverse<u32>, Endpoint)> =
        rows.iter().filter_map(|row| Some((Reverse(row.count), Endpoint::called(row)?))).collect();
    found.sort_unstable();
    let mut seen = BTreeSet::new();
    let most_used = found.into_iter().map(|(_, endpoint)| endpoint).filter(|endpoint| seen.insert(*endpoint));
    sorted(most_used.take(CALLS_PER_HOST))
}

impl Cmdb {
    /// Rebuilds the topology from attributes and section content.
    pub fn rebuild_topology(&mut self, content: &dyn Content) {
        self.topology = self.topology_anew(content);
    }

    pub(super) fn topology_anew(&self, content: &dyn Content) -> Topology {
        let mut topology = Topology::default();
        for host in self.cis.values().take_while(|ci| ci.id.family == Family::Host) {
            topology.set_identity(host);
            topology.enter_calls(host, content);
        }
        topology
    }

    /// Brings the topology in line with a host's attributes.
    pub fn index_identity(&mut self, host: CiId) {
        if let Some(host) = self.cis.get(&host) {
            self.topology.set_identity(host);
        }
    }

    /// Brings the topology in line with a host's connections. Content that is not there leaves the host out.
    pub fn index_calls(&mut self, host: CiId, content: &dyn Content) {
        if let Some(host) = self.cis.get(&host) {
            self.topology.enter_calls(host, content);
        }
    }
}

impl Topology {
    fn enter_calls(&mut self, host: &Ci, content: &dyn Content) {
        let state = host.section(SectionName::Connections);
        let Some(hash) = state.and_then(|state| state.partial.or(state.hash)) else { return };
        let calls = match content.section(&hash).as_deref() {
            Some(Section::Connections(rows)) => calls(rows),
            _ => Box::default(),
        };
        self.set_calls(host.id, calls);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address: &str, expected: bool) {
        assert_eq!(parse_address(address).is_some_and(relates_hosts), expected, "{address}");
    }

    #[test]
    fn addresses_that_every_host_has_relate_none() {
        for own in ["127.0.0.1", "127.1.2.3", "::1", "0.0.0.0", "::", "169.254.1.1", "fe80::1%eth0", "224.0.0.251", "ff02::1"] {
            check(own, false);
        }
        for bridged in ["172.17.0.1", "::ffff:172.17.0.2", "192.168.122.1", "255.255.255.255", "nonsense", ""] {
            check(bridged, false);
        }
        for real in ["10.0.0.5", "172.18.0.1", "192.168.1.5", "192.0.2.1", "2001:db8::1", "fd00::1", "::ffff:10.0.0.5"] {
            check(real, true);
        }
    }

    #[test]
    fn what_a_host_calls_is_bounded_and_the_most_used_stays() {
        let row = |n: u32| Connection {
            direction: "outbound".into(),
            protocol: "tcp".into(),
            remote_address: format!("10.1.{}.{}", n / 256, n % 256),
            remote_port: Some(443),
            count: n,
            ..Connection::default()
        };
        let rows: Vec<Connection> = (1..=1000).map(row).collect();
        let kept = calls(&rows);
        assert_eq!(kept.len(), CALLS_PER_HOST);
        assert!(kept.contains(&Endpoint::called(&rows[999]).unwrap()) && !kept.contains(&Endpoint::called(&rows[0]).unwrap()));
    }
}
