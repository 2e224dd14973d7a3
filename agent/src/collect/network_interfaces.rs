//! Network interfaces: rtnetlink on the running machine, sysfs and `/proc/net` on a captured tree; speed and duplex by ethtool's
//! netlink family, firmware by devlink's, what hangs below them from sysfs.
//!
//! Per-container and per-guest interfaces (veth, docker bridges, …) are left out; so are IPv6 addresses that do not last: temporary
//! ones, those whose life runs out, and duplicates.

use super::disks::is_pci_address;
use super::netlink::{self, Subsystem};
use super::trace::Found;
use super::{Failure, Scope};
use rollcall_shared::section::{InterfaceAddress, NetworkInterface};
use std::collections::BTreeMap;

mod adapters;
mod kinds;
mod links;
mod tree;

pub(crate) use kinds::is_noise;
use adapters::{Adapters, Mode};

/// Interfaces kept; a router with thousands of VLANs has fewer.
const INTERFACES: usize = 10_000;

/// Links and addresses looked at: a container host has a few thousand that are noise.
const LINKS: usize = 100_000;

/// What either source knows of a link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Link {
    index: u32,
    name: String,
    mac: Option<String>,
    permanent_mac: Option<String>,
    /// The kernel's word for links made by software, such as `bond`.
    software_kind: Option<String>,
    /// ARPHRD number of the link layer.
    layer: u16,
    mtu: Option<u32>,
    state: Option<String>,
    master: Option<u32>,
    vlan_id: Option<u16>,
    addresses: Vec<InterfaceAddress>,
}

/// Collects the section.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Vec<NetworkInterface>, Failure> {
    let (links, adapters) = match asked(scope) {
        Some(links) => (links, Adapters::read(scope)),
        None => (tree::read(scope)?, Adapters::default()),
    };
    let names: BTreeMap<u32, String> = links.iter().map(|link| (link.index, link.name.clone())).collect();
    let mut members: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for link in links.iter().filter(|link| is_kept(link)) {
        if let Some(master) = link.master {
            members.entry(master).or_default().push(link.name.clone());
        }
    }
    let count = links.iter().filter(|link| is_kept(link)).count();
    if count > INTERFACES {
        scope.problem(format_args!("{} interfaces beyond the limit of {INTERFACES} are left out", count - INTERFACES));
    }
    let kept = links.into_iter().filter(is_kept).take(INTERFACES);
    Ok(kept.map(|link| row(scope, link, &Surroundings { names: &names, members: &members, adapters: &adapters })).collect())
}

/// The names of the running machine's interfaces, by their index.
pub(crate) fn names() -> std::io::Result<BTreeMap<u32, String>> {
    Ok(links::without_addresses()?.into_iter().map(|link| (link.index, link.name)).collect())
}

/// The same, of a captured tree too.
pub(crate) fn names_in(scope: &Scope<'_>) -> BTreeMap<u32, String> {
    let asked = if scope.root().is_live() { names().ok() } else { None };
    asked.unwrap_or_else(|| {
        let index = |name: &String| scope.attribute(&format!("/sys/class/net/{name}/ifindex"))?.parse().ok();
        scope.list("/sys/class/net").into_iter().take(INTERFACES).filter_map(|name| Some((index(&name)?, name))).collect()
    })
}

/// None where the kernel cannot be asked.
fn asked(scope: &Scope<'_>) -> Option<Vec<Link>> {
    if !scope.root().is_live() {
        return None;
    }
    let links = links::read();
    scope.asked("rtnetlink", links.as_ref().map_or_else(|error| Found::Failed(error.to_string()), |links| Found::Read(links.len())));
    links.ok()
}

fn is_kept(link: &Link) -> bool {
    !is_noise(&link.name) && !matches!(link.software_kind.as_deref(), Some("veth" | "ifb" | "netkit"))
}

/// What a link is seen in.
struct Surroundings<'a> {
    names: &'a BTreeMap<u32, String>,
    members: &'a BTreeMap<u32, Vec<String>>,
    adapters: &'a Adapters,
}

fn row(scope: &Scope<'_>, link: Link, around: &Surroundings<'_>) -> NetworkInterface {
    let folder = format!("/sys/class/net/{}", link.name);
    let target = scope.root().link(&folder);
    let is_virtual = target.as_deref().map(|target| target.contains("/virtual/"));
    let has_device = is_virtual == Some(false);
    let mode = around.adapters.mode(link.index).unwrap_or_else(|| mode_of_tree(scope, &folder));
    let mut addresses = link.addresses;
    addresses.sort_unstable();
    addresses.dedup();
    let mut members = around.members.get(&link.index).cloned().unwrap_or_default();
    members.sort_unstable();
    let driver = || Some(scope.root().link(&format!("{folder}/device/driver"))?.rsplit('/').next()?.to_owned());
    let of_bond = || scope.attribute(&format!("{folder}/bonding_slave/perm_hwaddr"));
    NetworkInterface {
        kind: kinds::name(link.software_kind.as_deref(), link.layer, || is_wireless(scope, &folder)),
        firmware: if has_device { firmware(scope, &folder, around.adapters) } else { None },
        is_virtual,
        bus_path: target.as_deref().filter(|_| has_device).and_then(bus_path),
        driver: if has_device { driver() } else { None },
        speed_mbps: mode.speed_mbps,
        duplex: mode.duplex,
        mtu: link.mtu,
        state: link.state,
        permanent_mac: link.permanent_mac.or_else(|| if link.master.is_some() { of_bond() } else { None }),
        master: link.master.and_then(|index| around.names.get(&index).cloned()),
        members,
        vlan_id: link.vlan_id,
        mac: link.mac,
        addresses,
        name: link.name,
    }
}

fn is_wireless(scope: &Scope<'_>, folder: &str) -> bool {
    ["wireless", "phy80211"].iter().any(|mark| scope.root().exists(&format!("{folder}/{mark}")))
}

/// The kernel says -1, or refuses, while there is no link.
fn mode_of_tree(scope: &Scope<'_>, folder: &str) -> Mode {
    Mode {
        speed_mbps: scope.attribute(&format!("{folder}/speed")).and_then(|speed| speed.parse().ok()).filter(|&speed| speed > 0),
        duplex: scope.attribute(&format!("{folder}/duplex")).filter(|duplex| duplex != "unknown"),
    }
}

/// What devlink says of the device, else what its RDMA side shows in sysfs.
fn firmware(scope: &Scope<'_>, folder: &str, adapters: &Adapters) -> Option<String> {
    let device = scope.root().link(&format!("{folder}/device"))?;
    adapters.firmware(device.rsplit('/').next()?).map(str::to_owned).or_else(|| {
        let rdma = scope.root().list(&format!("{folder}/device/infiniband")).ok()??;
        scope.attribute(&format!("{folder}/device/infiniband/{}/fw_ver", rdma.first()?))
    })
}

/// The bus address that the device hangs on: docks and dongles say `usb` before anything else.
fn bus_path(target: &str) -> Option<String> {
    let parts: Vec<&str> = target.split('/').collect();
    let is_usb = |part: &&str| part.strip_prefix("usb").is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
    if parts.iter().any(is_usb) {
        return Some("usb".to_owned());
    }
    let address = parts.iter().rev().find(|part| is_pci_address(part));
    // Devices of a hypervisor's own bus, and of systems on a chip, sit right above `net`.
    let parent = || parts.iter().rev().skip_while(|part| **part != "net").nth(1);
    address.or_else(parent).map(|part| (*part).to_owned()).filter(|part| part != "devices")
}

/// What rtnetlink, ethtool's and devlink's families tell of links.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn fuzz(bytes: &[u8]) -> usize {
    links::fuzz(bytes) + adapters::fuzz(bytes)
}

#[cfg(test)]
mod tests;
