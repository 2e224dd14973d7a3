//! Peers on the link that stay: gateways and permanent entries of the ARP and NDP tables, and what switches say of themselves by LLDP.
//!
//! Passing ARP and NDP entries are left out. A gateway is one for as long as its hardware address is known, however fresh: whether it
//! was heard this minute changes all the time.
//!
//! LLDP is read from systemd-networkd's files. lldpd is not asked: what its control socket sends are its own C structures, pointers
//! followed, in the layout that version, compiler and build options (CDP, MED, custom TLVs) gave them, without a version number. A
//! reader that takes one build's layout for another's would name wrong switches, and nothing would tell. That it is there and not read
//! is a problem of the section, so that what switches there are stays unknown and is never "none". Whoever runs lldpd has two ways: networkd
//! with `LLDP=yes`, which may listen beside it, or the output of `lldpcli -f json show neighbors` as a file of the operator's own.

use super::network_interfaces::{is_noise, names_in};
use super::routes;
use super::{Failure, Scope};
use rollcall_shared::section::Neighbour;
use std::collections::BTreeSet;
use std::net::IpAddr;

mod lldp;
pub(crate) mod tables;

/// Rows kept.
const NEIGHBOURS: usize = 10_000;

/// Files with what was heard by LLDP, by interface index.
const NETWORKD: &str = "/run/systemd/netif/lldp";

/// Bytes of one of them: a few frames each, and a frame has at most 9,216 bytes.
const NETWORKD_BYTES: usize = 1 << 20;

/// Where lldpd listens, in one version or another.
const LLDPD: [&str; 3] = ["/run/lldpd.socket", "/var/run/lldpd.socket", "/run/lldpd/lldpd.socket"];

/// An entry of the ARP or NDP table that has a hardware address.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    address: IpAddr,
    interface: String,
    mac: String,
    is_permanent: bool,
}

/// Collects the section.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Vec<Neighbour>, Failure> {
    let entries = tables::read(scope)?;
    let has_lldp = scope.root().exists(NETWORKD);
    if entries.is_none() && !has_lldp {
        return Err(Failure::Skipped("there is neither /proc/net/arp nor anything heard by LLDP".to_owned()));
    }
    let gateways = routes::gateways(scope);
    let counts = |entry: &Entry| entry.is_permanent || gateways.contains(&(entry.interface.clone(), entry.address));
    let entries = entries.unwrap_or_default().into_iter().filter(|entry| counts(entry) && !is_noise(&entry.interface));
    let mut rows: Vec<Neighbour> = entries.map(row).collect();
    if has_lldp {
        rows.extend(heard_by_networkd(scope));
    }
    if let Some(path) = LLDPD.iter().find(|path| scope.root().exists(path)) {
        scope.problem(format_args!(
                "{path}: lldpd speaks to its own client only, so that what it heard is unknown; LLDP=yes of systemd-networkd is read, and \
                 a file of lldpcli's output in the folder of extensions"));
    }
    if rows.len() > NEIGHBOURS {
        scope.problem(format_args!("{} neighbours beyond the limit of {NEIGHBOURS} are left out", rows.len() - NEIGHBOURS));
        rows.truncate(NEIGHBOURS);
    }
    Ok(rows)
}

fn row(entry: Entry) -> Neighbour {
    Neighbour {
        protocol: if entry.address.is_ipv4() { "arp" } else { "ndp" }.to_owned(),
        interface: entry.interface,
        address: Some(entry.address.to_string()),
        mac: Some(entry.mac),
        ..Neighbour::default()
    }
}

fn heard_by_networkd(scope: &Scope<'_>) -> BTreeSet<Neighbour> {
    let mut rows = BTreeSet::new();
    let mut names = None;
    for file in scope.list(NETWORKD) {
        let path = format!("{NETWORKD}/{file}");
        let Ok(index) = file.parse::<u32>() else { continue };
        let bytes = match scope.bytes(&path, NETWORKD_BYTES) {
            Ok(bytes) => bytes.unwrap_or_default(),
            Err(error) => {
                scope.problem(error);
                continue;
            }
        };
        let interface = names.get_or_insert_with(|| names_in(scope)).get(&index).cloned().unwrap_or(file);
        let (frames, end) = lldp::frames(&bytes);
        if let Some(at) = end {
            scope.problem(Failure::malformed(&path, at, "not a length and a frame"));
        }
        for (at, frame) in frames {
            match lldp::parse(frame) {
                Some(heard) => {
                    rows.insert(Neighbour { protocol: "lldp".to_owned(), interface: interface.clone(), ..heard });
                }
                None => scope.problem(Failure::malformed(&path, at, "not an LLDP frame")),
            }
        }
    }
    rows
}

#[cfg(test)]
mod tests;
