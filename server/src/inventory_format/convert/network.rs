//! Network interfaces: the format has a row an address, we have a row an interface.

use super::{Reading, Table, needed};
use crate::inventory_format::document::Row;
use crate::inventory_format::units;
use rollcall_shared::Section;
use rollcall_shared::section::{InterfaceAddress, NetworkInterface};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The format's words for kinds of interfaces, and ours.
pub const KINDS: [(&str, &str); 12] = [
    ("ethernet", "ethernet"),
    ("ether", "ethernet"),
    ("wifi", "wifi"),
    ("infiniband", "infiniband"),
    ("aggregate", "bond"),
    ("bridge", "bridge"),
    ("loopback", "loopback"),
    ("local", "loopback"),
    ("dialup", "ppp"),
    ("alias", "alias"),
    ("fibrechannel", "fibrechannel"),
    ("bluetooth", "bluetooth"),
];

/// Kind of an interface that is not said to be anything.
pub const UNKNOWN_KIND: &str = "unknown";

pub(super) fn read(reading: &mut Reading<'_>) {
    let Some(rows) = reading.rows("networks") else { return };
    let mut interfaces: BTreeMap<String, NetworkInterface> = BTreeMap::new();
    let mut table = Table::default();
    for row in rows {
        let interface = match needed(row.text("description"), "an interface without a name") {
            Ok(name) => interfaces.entry(name.clone()).or_insert(NetworkInterface {
                name,
                kind: UNKNOWN_KIND.into(),
                ..NetworkInterface::default()
            }),
            Err(reason) => {
                table.take(Err(reason));
                continue;
            }
        };
        describe(interface, row);
        for (address, mask) in [("ipaddress", "ipmask"), ("ipaddress6", "ipmask6")] {
            match read_address(row, address, mask) {
                Ok(address) => interface.addresses.extend(address),
                Err(reason) => *table.dropped.entry(reason).or_default() += 1,
            }
        }
    }
    for interface in interfaces.into_values() {
        table.take(Ok(Some(finish(interface))));
    }
    reading.put(table, Section::NetworkInterfaces);
}

/// What any of the rows says; rows of one interface repeat each other.
fn describe(interface: &mut NetworkInterface, row: &Row) {
    let kind = row.text("type").map(|word| word.to_lowercase());
    if let Some((_, kind)) = kind.and_then(|kind| KINDS.iter().find(|(word, _)| *word == kind)) {
        (*kind).clone_into(&mut interface.kind);
    }
    let fill = |known: &mut Option<String>, found: Option<String>| {
        if known.is_none() {
            *known = found;
        }
    };
    fill(&mut interface.mac, row.text("mac").and_then(|mac| hardware_address(&mac)));
    fill(&mut interface.driver, row.text("driver"));
    fill(&mut interface.bus_path, row.text("pcislot"));
    fill(&mut interface.firmware, row.text("firmware"));
    fill(&mut interface.state, row.text("status").map(|word| word.to_lowercase()));
    fill(&mut interface.duplex, row.text("duplex").map(|word| word.to_lowercase()));
    interface.is_virtual = interface.is_virtual.or_else(|| row.flag("virtualdev"));
    interface.speed_mbps = interface.speed_mbps.or_else(|| units::megabits(&row.text("speed")?));
    interface.mtu = interface.mtu.or_else(|| row.number("mtu").filter(|&mtu| mtu > 0));
    if let Some(members) = row.text("slaves") {
        interface.members.extend(members.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned));
    }
}

/// Six octets in lower case with colons; zeros are none.
fn hardware_address(text: &str) -> Option<String> {
    let text = text.to_lowercase().replace('-', ":");
    let octets: Vec<&str> = text.split(':').collect();
    let fits = octets.len() == 6 && octets.iter().all(|octet| octet.len() == 2 && octet.bytes().all(|byte| byte.is_ascii_hexdigit()));
    (fits && octets.iter().any(|octet| *octet != "00")).then_some(text)
}

fn read_address(row: &Row, address: &str, mask: &str) -> super::Read<InterfaceAddress> {
    let Some(text) = row.text(address) else { return Ok(None) };
    let address: IpAddr = text.split(['/', '%']).next().unwrap_or_default().parse().map_err(|_| "an address that is none")?;
    let prefix = row.text(mask).and_then(|mask| units::prefix(&mask)).ok_or("an address without a mask")?;
    Ok(Some(InterfaceAddress { address, prefix, scope: scope(address).to_owned() }))
}

fn scope(address: IpAddr) -> &'static str {
    match address {
        _ if address.is_loopback() => "host",
        IpAddr::V4(address) if address.is_link_local() => "link",
        IpAddr::V6(address) if address.is_unicast_link_local() => "link",
        _ => "global",
    }
}

fn finish(mut interface: NetworkInterface) -> NetworkInterface {
    interface.addresses.sort_unstable();
    interface.addresses.dedup();
    interface.members.sort_unstable();
    interface.members.dedup();
    interface
}
