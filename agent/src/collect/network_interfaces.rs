//! Network interfaces: rtnetlink on the running machine, sysfs and `/proc/net` on a captured tree; what hangs below them from sysfs.
//!
//! Per-container interfaces (veth, docker bridges, …) are left out, temporary IPv6 addresses too.

use super::disks::is_pci_address;
use super::{Failure, Scope};
use rollcall_shared::section::{InterfaceAddress, NetworkInterface};
use std::collections::BTreeMap;

mod netlink;
mod tree;

/// Interfaces kept; a router with thousands of VLANs has fewer.
const INTERFACES: usize = 10_000;

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
    let links = if scope.root().is_live() { netlink::read()? } else { tree::read(scope)? };
    let names: BTreeMap<u32, String> = links.iter().map(|link| (link.index, link.name.clone())).collect();
    let mut members: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for link in links.iter().filter(|link| is_kept(link)) {
        members.entry(link.master.unwrap_or(0)).or_default().push(link.name.clone());
    }
    let kept = links.into_iter().filter(is_kept).take(INTERFACES);
    Ok(kept.map(|link| row(scope, link, &names, &members)).collect())
}

fn is_kept(link: &Link) -> bool {
    !is_noise(&link.name) && !matches!(link.software_kind.as_deref(), Some("veth" | "ifb" | "netkit"))
}

/// Names that container runtimes and virtual machine managers give to the interfaces they make by the dozen.
pub(crate) fn is_noise(name: &str) -> bool {
    const PREFIXES: [&str; 10] = ["veth", "docker", "cali", "cni", "flannel", "cilium_", "lxc", "vnet", "podman", "ifb"];
    const NAMES: [&str; 3] = ["cbr0", "kube-ipvs0", "nodelocaldns"];
    let docker_network = name.strip_prefix("br-").is_some_and(|id| id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
    docker_network || NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

fn row(scope: &Scope<'_>, link: Link, names: &BTreeMap<u32, String>, members: &BTreeMap<u32, Vec<String>>) -> NetworkInterface {
    let folder = format!("/sys/class/net/{}", link.name);
    let target = scope.root().link(&folder);
    let is_virtual = target.as_deref().map(|target| target.contains("/virtual/"));
    let kind = kind(scope, &link, &folder);
    let mut addresses = link.addresses;
    addresses.sort_unstable();
    addresses.dedup();
    let mut members = members.get(&link.index).cloned().unwrap_or_default();
    members.sort_unstable();
    NetworkInterface {
        firmware: None,
        is_virtual,
        bus_path: target.as_deref().filter(|_| is_virtual == Some(false)).and_then(bus_path),
        driver: scope.root().link(&format!("{folder}/device/driver")).and_then(|target| Some(target.rsplit('/').next()?.to_owned())),
        // The kernel says -1, or refuses, while there is no link.
        speed_mbps: scope.attribute(&format!("{folder}/speed")).and_then(|speed| speed.parse().ok()).filter(|&speed| speed > 0),
        duplex: scope.attribute(&format!("{folder}/duplex")).filter(|duplex| duplex != "unknown"),
        mtu: link.mtu,
        state: link.state,
        master: link.master.and_then(|index| names.get(&index).cloned()),
        members,
        vlan_id: link.vlan_id,
        permanent_mac: link.permanent_mac.or_else(|| scope.attribute(&format!("{folder}/bonding_slave/perm_hwaddr"))),
        mac: link.mac,
        addresses,
        kind,
        name: link.name,
    }
}

fn kind(scope: &Scope<'_>, link: &Link, folder: &str) -> String {
    const ETHER: u16 = 1;
    const LOOPBACK: u16 = 772;
    if link.layer == LOOPBACK {
        return "loopback".to_owned();
    }
    match link.software_kind.as_deref() {
        Some("tun" | "ipip" | "sit" | "gre" | "gretap" | "ip6tnl" | "ip6gre" | "ip6gretap" | "vti" | "vxlan" | "geneve") => "tunnel".to_owned(),
        Some(kind) => kind.to_owned(),
        None if scope.root().exists(&format!("{folder}/wireless")) || scope.root().exists(&format!("{folder}/phy80211")) => "wifi".to_owned(),
        None => match link.layer {
            ETHER => "ethernet",
            32 => "infiniband",
            512 => "ppp",
            768 | 769 | 776 | 778 | 823 | 65534 => "tunnel",
            801..=803 => "wifi",
            280 => "can",
            _ => "other",
        }
        .to_owned(),
    }
}

/// The bus address that the device hangs on: docks and dongles say `usb` before anything else.
fn bus_path(target: &str) -> Option<String> {
    let parts: Vec<&str> = target.split('/').collect();
    if parts.iter().any(|part| part.starts_with("usb") && part[3..].bytes().all(|byte| byte.is_ascii_digit())) {
        return Some("usb".to_owned());
    }
    let address = parts.iter().rev().find(|part| is_pci_address(part));
    // Devices of a hypervisor's own bus, and of systems on a chip, sit right above `net`.
    let parent = || parts.iter().rev().skip_while(|part| **part != "net").nth(1);
    address.or_else(parent).map(|part| (*part).to_owned()).filter(|part| part != "devices")
}

/// `00:11:…`; none for links without an address and for all zeros.
fn hardware_address(bytes: &[u8]) -> Option<String> {
    if bytes.iter().all(|&byte| byte == 0) {
        return None;
    }
    Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn per_container_interfaces_are_noise() {
        for name in ["veth12ab", "docker0", "br-0123456789ab", "cali123", "cni0", "vnet3"] {
            assert!(is_noise(name), "{name}");
        }
        for name in ["eth0", "br0", "br-lan", "bond0", "wlan0", "lo", "virbr0"] {
            assert!(!is_noise(name), "{name}");
        }
    }

    #[track_caller]
    fn check(target: &str, expected: Option<&str>) {
        assert_eq!(bus_path(target).as_deref(), expected);
    }

    #[test]
    fn docks_hang_on_usb_and_cards_on_pci() {
        check("../../devices/pci0000:00/0000:00:14.0/usb2/2-1/2-1:1.0/net/eth1", Some("usb"));
        check("../../devices/pci0000:00/0000:00:03.0/virtio0/net/eth0", Some("0000:00:03.0"));
        check("../../devices/platform/soc/fd580000.ethernet/net/eth0", Some("fd580000.ethernet"));
    }

    #[test]
    fn an_address_of_zeros_is_none() {
        assert_eq!(hardware_address(&[0; 6]), None);
        assert_eq!(hardware_address(&[2, 0xfc, 0, 0, 0, 5]).as_deref(), Some("02:fc:00:00:00:05"));
    }
}
