//! Which item the labels of another system mean.
//!
//! An item is meant when exactly one fits: by its id, by its name, or by an address that only it has. What fits several means none, and is
//! said so; nothing is guessed and nothing is made. Retired items and duplicates are meant by nobody.

use crate::World;
use crate::ci::topology::{parse_address, relates_hosts};
use crate::ci::{Ci, Lifecycle};
use crate::id::{CiId, Family};
use crate::query::pattern::Pattern;
use crate::query::term::{AttributeTest, TextField, TextTest};
use crate::query::{NoGroups, Query, Scope, Term};
use rollcall_shared::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Labels that may name an item, the most telling first: those of people, OpenTelemetry's, those of Prometheus and its exporters.
pub const LABELS: [&str; 14] = [
    "ci",
    "ci_id",
    "host.id",
    "host_id",
    "fqdn",
    "hostname",
    "host",
    "host.name",
    "host_name",
    "nodename",
    "node",
    "device",
    "service.instance.id",
    "instance",
];

/// Labels of OpenTelemetry that hold what a host is identified by: its machine id, or what its cloud calls it.
const HOST_IDS: [&str; 2] = ["host.id", "host_id"];

/// Attributes that those labels may be equal to.
const IDENTIFIERS: [&str; 3] = ["machine_id", "cloud_instance_id", "uuid"];

/// Items named when several fit: more is a list to query, not to read.
const NAMED: usize = 5;

/// The longest fully qualified name.
const NAME_BYTES: usize = 253;

/// The item that labels mean, and by which label; or why they mean none.
///
/// # Errors
/// The reason, for people.
pub fn place(world: &World, labels: &BTreeMap<String, String>, now: Timestamp) -> Result<(CiId, String), String> {
    let mut tried = Vec::new();
    for label in LABELS {
        let Some(text) = labels.get(label).map(|text| text.trim()).filter(|text| !text.is_empty()) else { continue };
        let mut found = named(world, bare(text), now);
        if found.is_empty() && HOST_IDS.contains(&label) {
            found = with(world, &IDENTIFIERS.map(|name| attribute(name, text)), now);
        }
        match found.len() {
            0 => tried.push(label),
            1 => return found.first().map(|ci| (*ci, format!("label {label}"))).ok_or_else(String::new),
            count => {
                let some: Vec<String> = found.iter().take(NAMED).map(ToString::to_string).collect();
                return Err(format!("label {label} fits {count} items: {}", some.join(", ")));
            }
        }
    }
    if tried.is_empty() {
        return Err(format!("none of the labels {} is there", LABELS.join(", ")));
    }
    Err(format!("no item is called as the labels say: {}", tried.join(", ")))
}

/// The item that a text means: an id, a name or an address, with or without a port.
///
/// # Errors
/// The reason, for people.
pub fn find(world: &World, text: &str, now: Timestamp) -> Result<CiId, String> {
    let found = named(world, bare(text.trim()), now);
    match (found.first(), found.len()) {
        (Some(ci), 1) => Ok(*ci),
        (None, _) => Err("no item is called so".to_owned()),
        (Some(_), count) => {
            let some: Vec<String> = found.iter().take(NAMED).map(ToString::to_string).collect();
            Err(format!("{count} items are called so: {}", some.join(", ")))
        }
    }
}

/// The items that have a name, an address or an id.
fn named(world: &World, text: &str, now: Timestamp) -> BTreeSet<CiId> {
    if text.is_empty() || text.len() > NAME_BYTES {
        return BTreeSet::new();
    }
    if let Ok(id) = text.parse::<CiId>() {
        return world.cmdb.record(id).map(|ci| ci.id).into_iter().collect();
    }
    if let Some(address) = parse_address(text) {
        let hosts = world.cmdb.topology.hosts_at(address).filter(|_| relates_hosts(address));
        return hosts.filter_map(|id| meant(world, id)).collect();
    }
    let text = text.trim_end_matches('.');
    // What a host is called by itself comes before what people call something.
    with(world, &[attribute("fqdn", text), attribute("hostname", text), Term::Text(TextField::Name, is(text))], now)
}

/// The items that fulfil the first of these terms that any fulfils.
fn with(world: &World, terms: &[Term], now: Timestamp) -> BTreeSet<CiId> {
    let scope = Scope { world, groups: &NoGroups, now };
    let mut by_term = terms.iter().map(|term| {
        let found = scope.find(&Query::from(term.clone()));
        found.map(|found| found.ids().filter_map(|id| meant(world, id)).collect::<BTreeSet<_>>()).unwrap_or_default()
    });
    by_term.find(|found| !found.is_empty()).unwrap_or_default()
}

fn attribute(name: &str, text: &str) -> Term {
    Term::Attribute(name.into(), AttributeTest::Text(is(text)))
}

fn is(text: &str) -> TextTest {
    TextTest::Is(vec![Pattern::Exact(text.to_owned())])
}

fn meant(world: &World, id: CiId) -> Option<CiId> {
    world.cmdb.record(id).filter(|ci| is_meant(ci)).map(|ci| ci.id)
}

/// Whether names and addresses may mean this record.
#[must_use]
pub fn is_meant(ci: &Ci) -> bool {
    let is_part = matches!(ci.id.family, Family::Disk | Family::Memory | Family::Network | Family::Software);
    !is_part && !matches!(ci.status, Lifecycle::Retired | Lifecycle::Disposed)
}

/// The host in `host`, `host:port`, `[address]:port` or an address of the web.
fn bare(text: &str) -> &str {
    let text = text.split_once("://").map_or(text, |(_, rest)| rest);
    let text = text.split(['/', '?', '#']).next().unwrap_or_default();
    if let Some(rest) = text.strip_prefix('[') {
        return rest.split(']').next().unwrap_or_default();
    }
    match text.split_once(':') {
        // More than one colon: an IPv6 address without a port.
        Some((host, port)) if !port.contains(':') => host,
        _ => text,
    }
}

/// The port in what `bare` finds a host in.
#[must_use]
pub fn port_of(text: &str) -> Option<&str> {
    let text = text.split_once("://").map_or(text, |(_, rest)| rest);
    let text = text.split(['/', '?', '#']).next().unwrap_or_default();
    let port = match text.strip_prefix('[') {
        Some(rest) => rest.split_once("]:").map(|(_, port)| port),
        None => text.split_once(':').map(|(_, port)| port),
    };
    port.filter(|port| !port.is_empty() && port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_schemes_and_paths_are_no_part_of_a_name() {
        for (text, expected) in [
            ("web-1", "web-1"),
            ("web-1:9100", "web-1"),
            ("10.0.0.1:9100", "10.0.0.1"),
            ("[2001:db8::1]:9100", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("https://web-1.example.com:8443/probe?x=1", "web-1.example.com"),
            ("[", ""),
            (":", ""),
            ("://", ""),
        ] {
            assert_eq!(bare(text), expected, "{text}");
        }
    }

    #[test]
    fn a_port_is_told_from_the_rest_of_an_address() {
        for (text, expected) in [
            ("web-1:9100", Some("9100")),
            ("[2001:db8::1]:9100", Some("9100")),
            ("https://web-1.example.com:8443/probe?x=1", Some("8443")),
            ("web-1", None),
            ("2001:db8::1", None),
            ("web-1:http", None),
            ("web-1:", None),
        ] {
            assert_eq!(port_of(text), expected, "{text}");
        }
    }
}
