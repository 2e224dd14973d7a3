//! The networks that a host is in, from the addresses of its interfaces.
//!
//! A prefix names a network of the internet, but not a private one: every second site has its 192.168.1.0/24. Those are told apart
//! by who leads out of them: the hardware address of the gateway on the interface, else of the host's default gateway, which is
//! the same for all that are behind it; else by the location that the host is said to be at. Addresses that are made up and
//! repeat (of virtual routers, of clouds) tell nothing. Without any of that it is not known which network it is, and nothing is
//! claimed: two sites must never become one. Networks that live within one host, such as those of container bridges, are none.

use super::attributes::words;
use super::components::Component;
use crate::ci::normalise::{Mac, cut, folded};
use crate::ci::topology::relates_hosts;
use crate::ci::{AttributeValue, Ci, Class, Cmdb, RelationKind};
use crate::id::CiId;
use rollcall_shared::section::{InterfaceAddress, Neighbour, NetworkInterface, Route};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Networks of one host: routers have more, and are devices.
const PER_HOST: usize = 64;

/// Kinds of interfaces that reach no network of their own: they are tunnels through others, or end within the host.
const NOT_ON_A_WIRE: [&str; 12] =
    ["loopback", "tunnel", "wireguard", "tun", "ppp", "veth", "dummy", "vxlan", "geneve", "ipvlan", "vrf", "can"];

/// What the names of interfaces begin with that container runtimes and managers of virtual machines make for their guests.
const OF_GUESTS: [&str; 15] = [
    "docker", "br-", "virbr", "lxcbr", "lxdbr", "incusbr", "podman", "cni", "cali", "flannel", "kube", "cilium", "vmnet", "vboxnet",
    "mpqemubr",
];

/// What a virtual router's hardware address begins with: VRRP for IPv4 and IPv6, HSRP in its versions, GLBP. Every site has them.
const VIRTUAL_ROUTERS: [&str; 6] = ["00:00:5e:00:01", "00:00:5e:00:02", "00:00:0c:07:ac", "00:00:0c:9f:f", "00:05:73:a0:0", "00:07:b4:00"];

/// Sections of one host, as they are known now.
#[derive(Default)]
pub struct Sections<'a> {
    /// Its interfaces.
    pub interfaces: &'a [NetworkInterface],
    /// Its routes.
    pub routes: &'a [Route],
    /// Its gateways among other neighbours.
    pub neighbours: &'a [Neighbour],
}

/// A network that a host is in.
#[derive(Clone, Debug, PartialEq)]
pub enum Joined {
    /// One that is known, or will be made.
    Network(Component),
    /// One that the host was in before, and of which nothing tells that it is another now.
    Still(CiId),
}

/// The networks that the sections tell; `host` is what is known of it.
#[must_use]
pub fn joined(cmdb: &Cmdb, host: Option<&Ci>, sections: &Sections<'_>) -> Vec<Joined> {
    let site = host.and_then(|host| site_of(cmdb, host));
    let known: Vec<(&str, CiId)> = host.map(|host| known_networks(cmdb, host.id)).unwrap_or_default();
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for interface in sections.interfaces.iter().filter(|interface| is_on_a_wire(interface, sections)) {
        for address in &interface.addresses {
            let Some(prefix) = Prefix::of(address).filter(|prefix| seen.insert(prefix.text.clone())) else { continue };
            let gateway = sections.gateway_in(&interface.name, &prefix);
            let place =
                if prefix.is_private { sections.mark(&interface.name, gateway).or_else(|| site.clone()) } else { Some(Mark::Internet) };
            let still = || known.iter().find(|(text, _)| *text == prefix.text).map(|(_, id)| Joined::Still(*id));
            found.extend(place.map(|place| Joined::Network(component(&prefix, &place, gateway))).or_else(still));
        }
    }
    found.truncate(PER_HOST);
    found
}

/// What tells a network from others with its prefix.
#[derive(Clone, Debug, PartialEq)]
enum Mark {
    /// Nothing else has it.
    Internet,
    /// Hardware address of whoever leads out of it.
    Gateway(String),
    /// Where it is.
    Site(String),
}

fn component(prefix: &Prefix, mark: &Mark, gateway: Option<IpAddr>) -> Component {
    let (key, mac) = match mark {
        Mark::Internet => (prefix.text.clone(), None),
        Mark::Gateway(mac) => (format!("gateway:{mac}/{}", prefix.text), Some(mac.clone())),
        Mark::Site(site) => (format!("site:{}/{}", cut(site, 200), prefix.text), None),
    };
    let attributes = vec![
        ("gateway", words(gateway.map(|address| address.to_string()))),
        ("gateway_mac", words(mac)),
        ("prefix", Some(AttributeValue::Text(prefix.text.clone()))),
    ];
    Component { class: Class::Network, key, name: prefix.text.clone(), attributes }
}

/// An on-link network.
struct Prefix {
    text: String,
    network: IpAddr,
    length: u8,
    is_private: bool,
}

impl Prefix {
    /// `None` for what is no network of several hosts.
    fn of(address: &InterfaceAddress) -> Option<Self> {
        let ip = address.address;
        if !matches!(address.scope.as_str(), "global" | "site") || !relates_hosts(ip) {
            return None;
        }
        let width = if ip.is_ipv4() { 32 } else { 128 };
        let length = address.prefix;
        // A network of one or two addresses connects nobody but its ends; /0 is no network.
        if length == 0 || u32::from(length) + 1 >= width {
            return None;
        }
        let network = masked(ip, length);
        Some(Self { text: format!("{network}/{length}"), network, length, is_private: is_private(ip) })
    }

    fn contains(&self, address: IpAddr) -> bool {
        self.network.is_ipv4() == address.is_ipv4() && masked(address, self.length) == self.network
    }
}

fn masked(address: IpAddr, length: u8) -> IpAddr {
    let length = u32::from(length);
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - length.min(32)).unwrap_or(0);
            IpAddr::V4((u32::from(address) & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - length.min(128)).unwrap_or(0);
            IpAddr::V6((u128::from(address) & mask).into())
        }
    }
}

/// Addresses that many sites have: RFC 1918, shared address space (RFC 6598), those for tests (RFC 5737, RFC 2544). Unique local
/// ones of IPv6 are drawn at random by the book and chosen to be short in practice.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [a, b, ..] = address.octets();
            let shared = a == 100 && (64..128).contains(&b);
            let benchmark = a == 198 && (18..20).contains(&b);
            address.is_private() || address.is_documentation() || shared || benchmark
        }
        IpAddr::V6(address) => {
            address.is_unique_local() || address.segments()[..2] == [0x2001, 0x0db8] || address.segments()[0] & 0xffc0 == 0xfec0
        }
    }
}

/// Whether an interface reaches other hosts. A bridge does when something that leads out of the host is part of it.
fn is_on_a_wire(interface: &NetworkInterface, sections: &Sections<'_>) -> bool {
    let is_of_guests = OF_GUESTS.iter().any(|beginning| interface.name.starts_with(beginning));
    if is_of_guests || NOT_ON_A_WIRE.contains(&interface.kind.as_str()) {
        return false;
    }
    if interface.kind != "bridge" {
        return true;
    }
    let member = |name: &String| sections.interfaces.iter().find(|other| other.name == *name);
    interface.members.iter().filter_map(member).any(|member| {
        member.is_virtual == Some(false) || matches!(member.kind.as_str(), "ethernet" | "wifi" | "bond" | "team" | "vlan" | "infiniband")
    })
}

impl Sections<'_> {
    /// The address of the gateway out of a network on an interface.
    fn gateway_in(&self, interface: &str, prefix: &Prefix) -> Option<IpAddr> {
        let ways = self.routes.iter().filter(|route| route.destination == "default" && route.interface.as_deref() == Some(interface));
        let addresses = ways.filter_map(|route| route.gateway.as_deref()?.parse().ok());
        addresses.filter(|address| prefix.contains(*address)).min()
    }

    /// Who leads out of a network: its gateway, else any on its interface, else the host's default gateway.
    fn mark(&self, interface: &str, gateway: Option<IpAddr>) -> Option<Mark> {
        let of_network = || self.mac_of(gateway?, interface);
        let mac = of_network().or_else(|| self.default_gateway(|route| route.interface.as_deref() == Some(interface)));
        mac.or_else(|| self.default_gateway(|_| true)).map(Mark::Gateway)
    }

    /// Hardware address of the gateway of the default route that counts most and that tells something.
    fn default_gateway(&self, wanted: impl Fn(&Route) -> bool) -> Option<String> {
        let mut ways: Vec<&Route> = self.routes.iter().filter(|route| route.destination == "default" && wanted(route)).collect();
        ways.sort_by_key(|route| (route.metric.unwrap_or(0), route.family.as_str(), route.gateway.as_deref()));
        ways.into_iter().find_map(|route| self.mac_of(route.gateway.as_deref()?.parse().ok()?, route.interface.as_deref()?))
    }

    /// The hardware address of a neighbour, when only one device in the world has it.
    fn mac_of(&self, address: IpAddr, interface: &str) -> Option<String> {
        let is_it = |row: &&Neighbour| {
            matches!(row.protocol.as_str(), "arp" | "ndp")
                && row.interface == interface
                && row.address.as_deref().and_then(|text| text.parse().ok()) == Some(address)
        };
        let mac = self.neighbours.iter().filter(is_it).find_map(|row| Mac::parse(row.mac.as_deref()?))?;
        let tells = !mac.locally_administered && !VIRTUAL_ROUTERS.iter().any(|beginning| mac.text.starts_with(beginning));
        tells.then_some(mac.text)
    }
}

/// Where people say that a host is: by a relation, else by the attribute.
fn site_of(cmdb: &Cmdb, host: &Ci) -> Option<Mark> {
    let mut hosted = cmdb.links.from(host.id).filter(|relation| relation.kind == RelationKind::HostedOn);
    let place = hosted.find(|relation| cmdb.cis.get(&relation.to).is_some_and(|to| to.class == Class::Location));
    let by_relation = place.map(|relation| relation.to.to_string());
    let said = host.attributes.get("location").and_then(|attribute| attribute.text()).map(folded);
    by_relation.or(said).map(Mark::Site)
}

/// Networks that the host is a member of, with their prefixes.
fn known_networks(cmdb: &Cmdb, host: CiId) -> Vec<(&str, CiId)> {
    let member = cmdb.links.from(host).filter(|relation| relation.kind == RelationKind::MemberOf && !relation.source.is_person());
    let networks = member.filter_map(|relation| cmdb.record(relation.to)).filter(|ci| ci.class == Class::Network);
    networks.filter_map(|network| Some((network.attributes.get("prefix")?.text()?, network.id))).collect()
}

#[cfg(test)]
mod tests;
