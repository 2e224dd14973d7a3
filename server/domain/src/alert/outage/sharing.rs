//! What hosts share: what they stand on, a network, a site.
//!
//! Networks are recorded ones that a host, or what it hangs on, is a member of; where none is recorded they are taken from its addresses: with the prefix that is
//! written with the address, else the 256 addresses (IPv6: the /64) around it. Replacing [`network_of`] replaces that.

use crate::World;
use crate::alert::dependency;
use crate::ci::place::{self, Place};
use crate::ci::topology::{parse_address, relates_hosts};
use crate::ci::{AttributeValue, Ci, Class, network};
use crate::id::CiId;
use crate::query::term::Network;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Addresses of one host that are looked at: a container host has hundreds of its own.
const ADDRESSES: usize = 8;

/// Something that hosts share; in order from narrow to wide.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Shared {
    /// What they stand on: a hypervisor, a switch, a cluster.
    Parent {
        /// Which.
        ci: CiId,
    },
    /// A network that is recorded.
    Network {
        /// Which.
        ci: CiId,
    },
    /// A network by its addresses.
    Subnet {
        /// Its first address.
        address: IpAddr,
        /// Bits that count.
        prefix: u8,
    },
    /// A location that is recorded: they are hosted on it, or name it.
    Location {
        /// Which.
        ci: CiId,
    },
    /// A place that is not.
    Site {
        /// As the hosts' `location` says.
        name: String,
    },
    /// Being watched by this server.
    All,
}

impl Shared {
    /// The dedup key of its incident.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Parent { ci } => format!("silence/parent/{ci}"),
            Self::Network { ci } => format!("silence/network/{ci}"),
            Self::Subnet { address, prefix } => format!("silence/network/{address}/{prefix}"),
            Self::Location { ci } => format!("silence/location/{ci}"),
            Self::Site { name } => format!("silence/site/{name}"),
            Self::All => "silence/all".to_owned(),
        }
    }

    /// The item that it is, when it is one.
    #[must_use]
    pub fn ci(&self) -> Option<CiId> {
        match self {
            Self::Parent { ci } | Self::Network { ci } | Self::Location { ci } => Some(*ci),
            Self::Subnet { .. } | Self::Site { .. } | Self::All => None,
        }
    }

    /// Where the hosts are, for people: `in 10.2.3.0/24`.
    pub(super) fn describe(&self, world: &World) -> String {
        let name = |ci: &CiId| world.cmdb.cis.get(ci).map_or_else(|| ci.to_string(), |ci| ci.name.clone());
        match self {
            Self::Parent { ci } => format!("behind {}", name(ci)),
            Self::Network { ci } => format!("in {}", name(ci)),
            Self::Subnet { address, prefix } => format!("in {address}/{prefix}"),
            Self::Location { ci } => format!("at {}", name(ci)),
            Self::Site { name } => format!("at {}", crate::incident::compose::cut(name, 100)),
            Self::All => "of the fleet".to_owned(),
        }
    }
}

/// Hosts by what they share.
pub(super) struct Sharing(BTreeMap<Shared, Vec<CiId>>);

impl Sharing {
    pub(super) fn of(world: &World, hosts: impl Iterator<Item = CiId>) -> Self {
        let mut found: BTreeMap<Shared, Vec<CiId>> = BTreeMap::new();
        for host in hosts {
            for shared in shared_by(world, host) {
                found.entry(shared).or_default().push(host);
            }
        }
        Self(found)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Shared, &Vec<CiId>)> {
        self.0.iter()
    }
}

/// What a host shares with others, each once.
pub(super) fn shared_by(world: &World, host: CiId) -> Vec<Shared> {
    let Some(ci) = world.cmdb.cis.get(&host) else { return vec![Shared::All] };
    // A location is no thing that they stand on as on a hypervisor: it is wider than a network.
    let stands_on = dependency::parents(world, host).into_iter().filter(|((_, class), _)| *class != Class::Location);
    let mut found: Vec<Shared> = stands_on.flat_map(|(_, group)| group).map(|ci| Shared::Parent { ci }).collect();
    let networks: Vec<Shared> = network::all_of(&world.cmdb, host).into_iter().map(|ci| Shared::Network { ci }).collect();
    if networks.is_empty() {
        found.extend(subnets(ci));
    } else {
        found.extend(networks);
    }
    found.extend(place::of(&world.cmdb, ci).map(|place| match place {
        Place::Recorded(location) => Shared::Location { ci: location.id },
        Place::Said(name) => Shared::Site { name: name.to_owned() },
    }));
    found.push(Shared::All);
    found.sort_unstable();
    found.dedup();
    found
}

fn subnets(ci: &Ci) -> Vec<Shared> {
    let texts: &[String] = match ci.attributes.get("ip_addresses").map(crate::ci::Attribute::value) {
        Some(AttributeValue::List(texts)) => texts,
        Some(AttributeValue::Text(text)) => std::slice::from_ref(text),
        _ => &[],
    };
    let networks = texts.iter().take(ADDRESSES).filter_map(|text| network_of(text));
    networks.map(|network| Shared::Subnet { address: network.address, prefix: network.prefix }).collect()
}

/// The network that an address is in: with the prefix that is written with it, else a guess. `None` for addresses that relate no hosts.
#[must_use]
pub fn network_of(text: &str) -> Option<Network> {
    let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
    let address = parse_address(address).filter(|address| relates_hosts(*address))?;
    let guess = if address.is_ipv4() { "24" } else { "64" };
    Network::parse(&format!("{address}/{}", prefix.unwrap_or(guess)))
}
