//! Who does not work without whom, as connections show it.
//!
//! A connection from a program on A to an address and port on which a service on B listens relates the two services, and with
//! them the hosts. What A depends on follows from A's `connections` section and from what is known of all hosts now, and from
//! nothing else: so it comes out the same in whichever order the hosts report. It is worked out again when A's connections or
//! services change, and when a host turns out to have an address or a service that A was seen calling.
//!
//! An address relates hosts only when exactly one host has it. A dependency is not over because a connection is: when B is down,
//! A's connections to it are gone, and that is the moment when people ask. So it stays for a week after it was seen last.

use super::components::place_key;
use super::links::{self, Key, Teller};
use super::services::{endpoint_text, stable_unit};
use crate::ci::normalise::{folded, text};
use crate::ci::relation::{self, Change};
use crate::ci::topology::{Endpoint, parse_address, relates_hosts};
use crate::ci::{AttributeValue, Ci, CiEvent, Class, Cmdb, Lifecycle, Relation, RelationKind};
use crate::id::{CiId, Family};
use crate::{Context, Event, World};
use rollcall_shared::section::Connection;
use rollcall_shared::{ContentHash, Outcome, Section, SectionName};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

/// How long a dependency stays that no connection shows any more.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// Callers that are looked at when a host turns out to have what they call; the others follow with their own next change.
/// Each costs the reading of one section.
const CALLERS_AT_ONCE: usize = 1000;

/// The program of Rollcall itself: that every host reports here says nothing about the host.
const OWN_AGENT: &str = "rollcall-agent";

/// What follows from an event for the dependencies of hosts.
#[must_use]
pub fn react(world: &World, event: &Event, context: &Context<'_>) -> Vec<Event> {
    let Event::Ci(event) = event else { return Vec::new() };
    let cmdb = &world.cmdb;
    let changes = match event {
        CiEvent::SectionChanged { ci, section: SectionName::Connections, before, .. } => settle(cmdb, *ci, *before, context),
        CiEvent::SectionChanged { ci, section, before, after, .. } if tells_of_services(*section) && before != after => {
            settle_both(cmdb, *ci, context)
        }
        CiEvent::AttributesChanged { ci, changes }
            if ci.family == Family::Host && changes.iter().any(|change| change.name == "ip_addresses") =>
        {
            settle_both(cmdb, *ci, context)
        }
        _ => Vec::new(),
    };
    links::events(changes).map(Event::Ci).collect()
}

fn tells_of_services(section: SectionName) -> bool {
    matches!(section, SectionName::Listeners | SectionName::Databases | SectionName::WebServers | SectionName::Containers)
}

/// What a host depends on, and what depends on it.
fn settle_both(cmdb: &Cmdb, host: CiId, context: &Context<'_>) -> Vec<Change> {
    let mut changes = settle(cmdb, host, None, context);
    for caller in new_callers(cmdb, host) {
        changes.extend(settle(cmdb, caller, None, context));
    }
    changes
}

/// Brings what a host depends on in line with its connections; those of `before` were there until now.
fn settle(cmdb: &Cmdb, host: CiId, before: Option<ContentHash>, context: &Context<'_>) -> Vec<Change> {
    let Some(host) = cmdb.cis.get(&host) else { return Vec::new() };
    let (Some(state), Some(source)) = (host.section(SectionName::Connections), relation::reporter(cmdb, host.id)) else {
        return Vec::new();
    };
    let read = |hash: Option<ContentHash>| hash.and_then(|hash| context.content.section(&hash));
    let (Some(complete), partial) = (read(state.hash), read(state.partial.filter(|partial| Some(*partial) != state.hash))) else {
        return Vec::new();
    };
    let mut matching = Matching { cmdb, host, services: BTreeMap::new() };
    let mut seen = BTreeSet::new();
    for section in [Some(complete), partial, read(before)].into_iter().flatten() {
        if let Section::Connections(rows) = &*section {
            rows.iter().for_each(|row| matching.note(row, &mut seen));
        }
    }
    let teller = Teller { source, now: context.now };
    let mut changes: Vec<Change> =
        seen.iter().filter_map(|&(from, kind, to)| teller.set((from, kind, to), cmdb.links.told(from, kind, to))).collect();
    if state.outcome == Outcome::Complete {
        let is_over = |relation: &&Relation| {
            let was_seen = seen.contains(&(relation.from, relation.kind, relation.to));
            teller.owns(relation) && if was_seen { relation.source != teller.source } else { relation.last_seen.plus(KEPT) < context.now }
        };
        changes.extend(told_of(cmdb, host.id).filter(is_over).map(links::removed));
    }
    changes
}

/// Dependencies of a host and of what runs on it.
fn told_of(cmdb: &Cmdb, host: CiId) -> impl Iterator<Item = &Relation> {
    let parts = cmdb.components.get(&host).into_iter().flatten().copied().filter(|part| part.family == Family::Service);
    let all = std::iter::once(host).chain(parts);
    all.flat_map(|id| cmdb.links.from(id)).filter(|relation| relation.kind == RelationKind::DependsOn)
}

/// Hosts that call what this host serves and of which that is not known yet.
fn new_callers(cmdb: &Cmdb, host: CiId) -> BTreeSet<CiId> {
    let mut found = BTreeSet::new();
    for service in services_of(cmdb, host) {
        let known: BTreeSet<CiId> = cmdb
            .links
            .to(service.id)
            .filter(|relation| relation.kind == RelationKind::DependsOn)
            .map(|relation| cmdb.cis.get(&relation.from).and_then(|from| from.parent).unwrap_or(relation.from))
            .collect();
        for endpoint in endpoints(service).iter().flat_map(|text| reachable(cmdb, host, text)) {
            let callers = cmdb.topology.callers(endpoint).filter(|caller| *caller != host && !known.contains(caller));
            found.extend(callers.take(CALLERS_AT_ONCE.saturating_sub(found.len())));
        }
    }
    found
}

/// Under which addresses other hosts reach an endpoint.
fn reachable(cmdb: &Cmdb, host: CiId, text: &str) -> Vec<Endpoint> {
    let Some((protocol, rest)) = text.split_once('/') else { return Vec::new() };
    let Some((address, port)) = rest.rsplit_once(':') else { return Vec::new() };
    let Ok(port) = port.parse() else { return Vec::new() };
    let own = cmdb.topology.addresses_of(host).iter().copied();
    let addresses: Vec<IpAddr> = match parse_address(address) {
        None => own.collect(),
        Some(address) if address.is_unspecified() => own.filter(|own| own.is_ipv4() == address.is_ipv4()).collect(),
        Some(address) => Vec::from_iter(Some(address).filter(|&address| relates_hosts(address))),
    };
    addresses.into_iter().filter_map(|address| Endpoint::new(protocol, address, port)).collect()
}

/// What is running on a host and listens.
fn services_of(cmdb: &Cmdb, host: CiId) -> Vec<&Ci> {
    let parts = cmdb.components.get(&host).into_iter().flatten().filter(|id| id.family == Family::Service);
    let parts = parts.filter_map(|id| cmdb.cis.get(id));
    parts.filter(|ci| ci.class.is_a(Class::ApplicationService) && !is_gone(ci)).collect()
}

fn endpoints(service: &Ci) -> &[String] {
    match service.observed("endpoints").map(|proposal| proposal.value()) {
        Some(AttributeValue::List(texts)) => texts,
        _ => &[],
    }
}

fn is_gone(ci: &Ci) -> bool {
    matches!(ci.status, Lifecycle::Missing | Lifecycle::Retired | Lifecycle::Disposed)
}

/// Connections of one host being matched with services; those of each host that it calls are looked up once.
struct Matching<'a> {
    cmdb: &'a Cmdb,
    host: &'a Ci,
    services: BTreeMap<CiId, Vec<&'a Ci>>,
}

impl<'a> Matching<'a> {
    /// The dependencies that a connection shows.
    fn note(&mut self, row: &Connection, seen: &mut BTreeSet<Key>) {
        let (Some(port), true) = (row.remote_port, row.direction == "outbound" && !is_of_a_person(row)) else { return };
        let Some(address) = parse_address(&row.remote_address) else { return };
        let Some(target) = self.owner(address) else { return };
        let Some(service) = self.listening(target, &row.protocol, address, port) else { return };
        let caller = self.caller(row);
        if caller != service && caller != target {
            seen.insert((caller, RelationKind::DependsOn, service));
        }
        if target != self.host.id {
            seen.insert((self.host.id, RelationKind::DependsOn, target));
        }
    }

    /// The one host that has an address: this host's own addresses are its own, whoever else has them.
    fn owner(&self, address: IpAddr) -> Option<CiId> {
        let own = self.cmdb.topology.addresses_of(self.host.id);
        if address.is_loopback() || own.binary_search(&address).is_ok() {
            return Some(self.host.id);
        }
        if !relates_hosts(address) {
            return None;
        }
        let records = self.cmdb.topology.hosts_at(address).filter_map(|id| self.cmdb.record(id));
        let hosts: BTreeSet<CiId> = records.filter(|host| !is_gone(host)).map(|host| host.id).collect();
        hosts.first().copied().filter(|_| hosts.len() == 1)
    }

    /// The service that takes connections to an address and port of a host: who is bound to that very address before who takes all.
    fn listening(&mut self, target: CiId, protocol: &str, address: IpAddr, port: u16) -> Option<CiId> {
        let cmdb = self.cmdb;
        let services = self.services.entry(target).or_insert_with(|| services_of(cmdb, target));
        let exact = endpoint_text(protocol, address, port);
        let all_of_family = endpoint_text(protocol, std::net::Ipv4Addr::UNSPECIFIED.into(), port);
        let all = endpoint_text(protocol, std::net::Ipv6Addr::UNSPECIFIED.into(), port);
        let family = Some(all_of_family).filter(|_| address.is_ipv4());
        let with = |wanted: &String| services.iter().find(|service| endpoints(service).contains(wanted)).map(|service| service.id);
        [Some(exact), family, Some(all)].iter().flatten().find_map(with)
    }

    /// The service that calls; the host itself when its program is none.
    fn caller(&mut self, row: &Connection) -> CiId {
        let host = self.host.id;
        let key = |place: String| (Class::ApplicationService, place_key(host, &place));
        let unit = row.unit.as_deref().and_then(stable_unit);
        let by_unit = unit.as_ref().and_then(|unit| self.cmdb.keys.get(&key(format!("unit/{unit}")))).copied();
        let cmdb = self.cmdb;
        let services = self.services.entry(host).or_insert_with(|| services_of(cmdb, host));
        let by_unit = by_unit.filter(|id| services.iter().any(|service| service.id == *id));
        let instance = || {
            let is_it = |service: &&&Ci| unit.as_deref().is_some_and(|unit| service.observed_text("unit") == Some(unit));
            services.iter().find(is_it).map(|service| service.id)
        };
        let by_process = || {
            let prefix = place_key(host, &format!("process/{}/", folded(&text(row.process.as_deref()?)?)));
            let has_name = |service: &&&Ci| service.key.as_deref().is_some_and(|key| key.starts_with(&prefix));
            let mut found = services.iter().filter(has_name);
            found.next().filter(|_| unit.is_none() && found.next().is_none()).map(|service| service.id)
        };
        by_unit.or_else(instance).or_else(by_process).unwrap_or(host)
    }
}

/// What people do in log-in sessions makes no host depend on another.
fn is_of_a_person(row: &Connection) -> bool {
    let in_session = row.unit.as_deref().is_some_and(|unit| unit.starts_with("session-") && unit.ends_with(".scope"));
    in_session || row.process.as_deref() == Some(OWN_AGENT)
}

#[cfg(test)]
mod tests;
