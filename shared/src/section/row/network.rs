//! Network: interfaces, routes, peers, sockets.

use crate::section::{Row, Texts};
use serde::{Deserialize, Serialize};

/// An address of a network interface.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InterfaceAddress {
    /// IPv4 or IPv6 address.
    pub address: std::net::IpAddr,
    /// Prefix length in bits.
    pub prefix: u8,
    /// `global`, `site`, `link` or `host`.
    pub scope: String,
}

rows! {
    /// One network interface.
    NetworkInterface {
        /// Kernel name.
        name: String,
        /// Current hardware address, lower-case with colons.
        mac: Option<String>,
        /// Permanent hardware address.
        permanent_mac: Option<String>,
        /// `ethernet`, `wifi`, `loopback`, `infiniband`, …; of links made by software the kernel's word, such as `bond`, `bridge`, `vlan`,
        /// `vxlan`, `macvlan`, `tun` or `wireguard`, and `tunnel` for those of IP in IP.
        kind: String,
        /// Without a device behind it.
        is_virtual: Option<bool>,
        /// Bus address of the device, such as `0000:00:03.0` or `usb`.
        bus_path: Option<String>,
        /// Kernel driver.
        driver: Option<String>,
        /// Speed, Mbit/s.
        speed_mbps: Option<u32>,
        /// `full` or `half`.
        duplex: Option<String>,
        /// MTU in bytes.
        mtu: Option<u32>,
        /// `up`, `down`, `unknown`, ….
        state: Option<String>,
        /// Addresses, sorted; temporary ones and those whose life runs out left out.
        #[serde(default)]
        addresses: Vec<InterfaceAddress>,
        /// Bond, bridge or VRF it belongs to.
        master: Option<String>,
        /// Members, when it is one of those, sorted.
        #[serde(default)]
        members: Vec<String>,
        /// VLAN id.
        vlan_id: Option<u16>,
        /// Firmware of the adapter, as its driver tells.
        firmware: Option<String>,
    } key(row) { row.name.clone() }

    /// One route of the kernel's tables; of a route with several next hops, one of them.
    Route {
        /// `inet` or `inet6`.
        family: String,
        /// Network with prefix length, or `default`.
        destination: String,
        /// Next hop.
        gateway: Option<String>,
        /// Outgoing interface.
        interface: Option<String>,
        /// Metric.
        metric: Option<u32>,
        /// Routing table; 254 is `main`.
        table: u32,
        /// Preferred source address.
        source: Option<String>,
        /// Who made it: `kernel`, `boot`, `static`, `dhcp`, `ra`, …
        protocol: Option<String>,
        /// `unicast`, `blackhole`, `unreachable`, …
        kind: String,
    } key(row) {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let metric = row.metric.unwrap_or_default();
        format!("{}/{}/{}/{}/{metric}/{}", row.family, row.table, row.destination, text(&row.interface), text(&row.gateway))
    }

    /// One line of the resolver's configuration.
    Dns {
        /// `server`, `search` or `option`.
        kind: String,
        /// Address, domain or option.
        value: String,
        /// Interface that it holds for; none for all.
        interface: Option<String>,
        /// File that says so.
        source: String,
    } key(row) { format!("{}/{}/{}", row.kind, row.value, row.interface.as_deref().unwrap_or_default()) }

    /// One peer on a link that stays: LLDP neighbours, gateways and permanent entries. Passing ARP and NDP entries are left out.
    Neighbour {
        /// `arp`, `ndp` or `lldp`.
        protocol: String,
        /// Interface of this host.
        interface: String,
        /// Network address.
        address: Option<String>,
        /// Hardware address, lower-case with colons.
        mac: Option<String>,
        /// LLDP chassis id.
        chassis_id: Option<String>,
        /// LLDP port id.
        port_id: Option<String>,
        /// LLDP port description.
        port_description: Option<String>,
        /// LLDP system name.
        system_name: Option<String>,
        /// LLDP system description.
        system_description: Option<String>,
        /// LLDP capabilities that are enabled, such as `bridge`, `router`, sorted.
        #[serde(default)]
        capabilities: Vec<String>,
    } key(row) {
        let peer = row.address.as_ref().or(row.chassis_id.as_ref()).or(row.mac.as_ref()).map(String::as_str).unwrap_or_default();
        format!("{}/{}/{peer}/{}", row.protocol, row.interface, row.port_id.as_deref().unwrap_or_default())
    }

    /// One listening socket, or several that share its address and port, in the network namespace of the machine.
    Listener {
        /// `tcp` or `udp`.
        protocol: String,
        /// Address it is bound to.
        address: String,
        /// Port.
        port: u16,
        /// Process id, when it may be known; of workers that share the port, their parent's.
        pid: Option<u32>,
        /// Process name.
        process: Option<String>,
        /// Control group or unit.
        unit: Option<String>,
        /// Id of the container it listens in.
        container: Option<String>,
    } key(row) { format!("{}/{}/{}", row.protocol, row.address, row.port) }

    /// Connections of one service or process with one peer, put together: never a row a socket.
    Connection {
        /// `inbound` to a listener of this host, or `outbound`.
        direction: String,
        /// `tcp` or `udp`.
        protocol: String,
        /// The local service's port, when inbound.
        local_port: Option<u16>,
        /// Address of the peer.
        remote_address: String,
        /// The remote service's port, when outbound.
        remote_port: Option<u16>,
        /// Process name.
        process: Option<String>,
        /// Control group or unit.
        unit: Option<String>,
        /// How many, rounded down to a power of two: a pool that breathes is no change.
        count: u32,
    } key(row) {
        let port = row.local_port.or(row.remote_port).unwrap_or_default();
        // Several processes of one unit may have connections to the same service.
        let owner = |name: &Option<String>| name.clone().unwrap_or_default();
        format!("{}/{}/{}/{port}/{}/{}", row.direction, row.protocol, row.remote_address, owner(&row.unit), owner(&row.process))
    }

    /// One part of a packet filter.
    Firewall {
        /// `nftables`, `iptables`, `ufw`, `firewalld`.
        kind: String,
        /// Chain with family and table, such as `inet/filter/input`; the front end's name otherwise.
        name: String,
        /// In force.
        active: Option<bool>,
        /// Where it hooks into the kernel, such as `input`.
        hook: Option<String>,
        /// What happens to packets that no rule decides: `accept` or `drop`; of a front end its default zone or policy.
        policy: Option<String>,
        /// How many rules there are.
        rules: Option<u32>,
    } key(row) { format!("{}/{}", row.kind, row.name) }
}
