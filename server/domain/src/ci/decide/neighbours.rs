//! Who is on the other end of a host's wires, as LLDP announces it.
//!
//! A neighbour that is a known host is recognised by its permanent hardware address; any other that switches or routes is a
//! network device, keyed by its chassis id. A neighbour is what it says of itself, so it never becomes more than that: it
//! identifies no host by name, and it is never missing because a host does not hear it any more.

use super::attributes::{plain, words};
use super::components::{Component, name};
use crate::ci::normalise::{self, Mac, folded, text};
use crate::ci::{AttributeValue, Class, Cmdb, Lifecycle};
use crate::id::CiId;
use rollcall_shared::section::Neighbour;
use std::collections::BTreeSet;

/// Neighbours of one host that count: ports of the largest servers, times the few that one port hears.
const PER_HOST: usize = 256;

/// Capabilities of things that are no part of the network.
const ENDS: [&str; 2] = ["station", "telephone"];

/// A neighbour.
#[derive(Clone, Debug, PartialEq)]
pub enum Peer {
    /// A known host.
    Host(CiId),
    /// A network device.
    Device(Component),
}

/// The neighbours that the section tells of `host`.
#[must_use]
pub fn peers(cmdb: &Cmdb, host: CiId, rows: &[Neighbour]) -> Vec<Peer> {
    let heard = rows.iter().filter(|row| row.protocol == "lldp").take(PER_HOST);
    heard.filter_map(|row| peer(cmdb, row)).filter(|peer| *peer != Peer::Host(host)).collect()
}

fn peer(cmdb: &Cmdb, row: &Neighbour) -> Option<Peer> {
    let chassis = row.chassis_id.as_deref()?;
    let macs = [Some(chassis), row.mac.as_deref()].into_iter().flatten().filter_map(Mac::parse);
    let permanent: Vec<Mac> = macs.filter(|mac| !mac.locally_administered).collect();
    if let Some(host) = permanent.iter().find_map(|mac| host_with(cmdb, &mac.text)) {
        return Some(Peer::Host(host));
    }
    let is_end = !row.capabilities.is_empty() && row.capabilities.iter().all(|word| ENDS.contains(&word.as_str()));
    if is_end { None } else { device(row, chassis).map(Peer::Device) }
}

/// The one host with this permanent address. Virtual machines have addresses that somebody made up.
fn host_with(cmdb: &Cmdb, mac: &str) -> Option<CiId> {
    let hosts: BTreeSet<CiId> = cmdb
        .topology
        .hosts_with_mac(mac)
        .filter_map(|host| cmdb.record(host))
        .filter(|host| host.class != Class::VirtualMachine && !matches!(host.status, Lifecycle::Retired | Lifecycle::Disposed))
        .map(|host| host.id)
        .collect();
    hosts.first().copied().filter(|_| hosts.len() == 1)
}

fn device(row: &Neighbour, chassis: &str) -> Option<Component> {
    // As a serial number whose maker is known: the announcing device says what kind of number it is, the row does not.
    let chassis = normalise::serial(chassis, Some(""))?;
    let capabilities: Vec<String> = row.capabilities.iter().filter_map(|word| text(word)).collect();
    let attributes = vec![
        ("capabilities", (!capabilities.is_empty()).then_some(AttributeValue::List(capabilities))),
        ("description", words(row.system_description.as_deref().and_then(text))),
        ("management_address", plain(&row.address)),
    ];
    let key = folded(normalise::cut(&chassis, 255));
    Some(Component { class: Class::NetworkDevice, key, name: name([row.system_name.as_deref().and_then(text), Some(chassis)]), attributes })
}
