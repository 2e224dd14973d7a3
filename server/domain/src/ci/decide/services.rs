//! What listens on a host: application services, database instances and web servers.
//!
//! One service is one program, not one socket: sockets are put together by container, else by unit, else by process. A database
//! or web server that its own section tells of takes over the sockets on its ports, so that nothing is there twice. Clients'
//! sockets and what people run in log-in sessions are no services: a TCP port from the kernel's range for clients counts only
//! when a unit or a container holds it, and not on loopback. Loopback-only services stay, with a flag: what runs beside them
//! depends on them.

use super::attributes::{plain, words};
use super::components::{Component, Parts, name};
use crate::ci::normalise::{folded, text};
use crate::ci::topology::parse_address;
use crate::ci::{AttributeValue, Class};
use rollcall_shared::section::{Container, Database, Listener, WebServer};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Ports that Linux gives to clients unless told otherwise (`ip_local_port_range`).
const CLIENT_PORTS: std::ops::RangeInclusive<u16> = 32_768..=60_999;

/// Endpoints and sites of one service that are kept; its section has them all.
const LISTED: usize = 64;

/// What the sections say of a host now.
#[derive(Clone, Copy, Default)]
pub struct Rows<'s> {
    /// Section `listeners`.
    pub listeners: &'s [Listener],
    /// Section `containers`.
    pub containers: &'s [Container],
    /// Section `databases`.
    pub databases: &'s [Database],
    /// Section `web_servers`.
    pub web_servers: &'s [WebServer],
}

/// What sockets belong to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Owner {
    Container(String),
    Unit(String),
    /// Name, and process id where several have that name.
    Process(String, Option<u32>),
    /// Nobody known: each port on its own.
    Unknown(String, u16),
}

/// Sockets of one owner.
#[derive(Debug, Default)]
struct Group<'s> {
    sockets: Vec<&'s Listener>,
    /// Databases and web servers that have some of them.
    claims: usize,
}

impl Parts<'_> {
    /// The services that the sections tell.
    #[must_use]
    pub fn services(&self, rows: &Rows<'_>) -> Vec<Component> {
        let mut groups = groups(rows);
        let mut claimed: BTreeSet<(&str, &str, u16)> = BTreeSet::new();
        let instances: Vec<Instance<'_>> =
            rows.databases.iter().map(Instance::of_database).chain(rows.web_servers.iter().map(Instance::of_web_server)).collect();
        let owners: Vec<Option<Owner>> = instances.iter().map(|instance| instance.owner(rows, &groups)).collect();
        for owner in owners.iter().flatten() {
            groups.entry(owner.clone()).or_default().claims += 1;
        }
        let mut found = Vec::new();
        for (instance, owner) in instances.iter().zip(&owners) {
            let group = owner.as_ref().and_then(|owner| groups.get(owner));
            let mine = |socket: &&&Listener| group.is_some_and(|group| group.claims == 1) || instance.ports.contains(&socket.port);
            let sockets: Vec<&Listener> = group.iter().flat_map(|group| &group.sockets).filter(mine).copied().collect();
            claimed.extend(sockets.iter().map(|socket| (socket.protocol.as_str(), socket.address.as_str(), socket.port)));
            found.push(self.instance(instance, owner.as_ref(), &sockets));
        }
        for (owner, group) in groups {
            let is_free = |socket: &&&Listener| !claimed.contains(&(socket.protocol.as_str(), socket.address.as_str(), socket.port));
            let sockets: Vec<&Listener> = group.sockets.iter().filter(is_free).copied().collect();
            found.extend(self.application(&owner, &sockets));
        }
        found
    }

    fn application(&self, owner: &Owner, sockets: &[&Listener]) -> Option<Component> {
        let lowest = sockets.iter().map(|socket| socket.port).min()?;
        let process = sockets.iter().find_map(|socket| socket.process.as_deref()).and_then(text);
        let (place, name) = match owner {
            Owner::Container(name) => (format!("container/{name}"), name.clone()),
            Owner::Unit(unit) => (format!("unit/{unit}"), unit.strip_suffix(".service").unwrap_or(unit).to_owned()),
            Owner::Process(process, _) => (format!("process/{process}/{lowest}"), process.clone()),
            Owner::Unknown(protocol, port) => (format!("port/{protocol}/{port}"), format!("{protocol}/{port}")),
        };
        let mut attributes = reach(sockets);
        attributes.push(("process", words(process.filter(|process| *process != name))));
        Some(Component { class: Class::ApplicationService, key: self.place(&place), name, attributes })
    }

    fn instance(&self, instance: &Instance<'_>, owner: Option<&Owner>, sockets: &[&Listener]) -> Component {
        let container = match owner {
            Some(Owner::Container(name)) => name.as_str(),
            _ => "",
        };
        let place = format!("{}/{container}/{}", instance.engine, instance.place);
        let stem = instance.unit.map(|unit| unit.strip_suffix(".service").unwrap_or(unit)).filter(|_| owner.is_some());
        let label = if container.is_empty() { stem.map(str::to_owned) } else { Some(format!("{} ({container})", instance.engine)) };
        let mut attributes = reach(sockets);
        attributes.push(("engine", plain(&Some(instance.engine.to_owned()))));
        attributes.push(("version", plain(&instance.version.map(str::to_owned))));
        attributes.push(("unit", plain(&instance.unit.map(str::to_owned))));
        match instance.class {
            Class::DatabaseInstance => attributes.push(("data_directory", plain(&instance.data_directory.map(str::to_owned)))),
            _ => attributes.push(("sites", listed(instance.sites.iter().filter_map(|site| text(site))))),
        }
        let name = name([label, text(instance.engine)]);
        Component { class: instance.class, key: self.place(&place), name, attributes }
    }
}

/// A database or web server, as far as both are the same.
struct Instance<'s> {
    class: Class,
    engine: &'s str,
    place: String,
    version: Option<&'s str>,
    unit: Option<&'s str>,
    container: Option<&'s str>,
    data_directory: Option<&'s str>,
    sites: &'s [String],
    ports: Vec<u16>,
}

impl<'s> Instance<'s> {
    fn of_database(row: &'s Database) -> Self {
        let port = row.port.map(|port| port.to_string());
        let place = row.name.clone().or(port).or_else(|| row.socket.clone()).or_else(|| row.data_directory.clone());
        Self {
            class: Class::DatabaseInstance,
            engine: &row.engine,
            place: place.unwrap_or_default(),
            version: row.version.as_deref(),
            unit: row.unit.as_deref(),
            container: row.container.as_deref(),
            data_directory: row.data_directory.as_deref(),
            sites: &[],
            ports: row.port.into_iter().collect(),
        }
    }

    fn of_web_server(row: &'s WebServer) -> Self {
        Self {
            class: Class::WebServer,
            engine: &row.engine,
            place: row.ports.first().map(u16::to_string).unwrap_or_default(),
            version: row.version.as_deref(),
            unit: row.unit.as_deref(),
            container: row.container.as_deref(),
            data_directory: None,
            sites: &row.sites,
            ports: row.ports.clone(),
        }
    }

    /// Whose sockets it has: those of its container or unit, else of whoever listens on its port.
    fn owner(&self, rows: &Rows<'_>, groups: &BTreeMap<Owner, Group<'_>>) -> Option<Owner> {
        let by_container = self.container.map(|id| Owner::Container(container_name(rows.containers, id)));
        let by_unit = || self.unit.and_then(stable_unit).map(Owner::Unit);
        let has_port = |group: &Group<'_>| group.sockets.iter().any(|socket| socket.protocol == "tcp" && self.ports.contains(&socket.port));
        let by_port = || groups.iter().find(|(_, group)| has_port(group)).map(|(owner, _)| owner.clone());
        let named = by_container.or_else(by_unit);
        named.filter(|owner| groups.contains_key(owner) || self.ports.is_empty()).or_else(by_port)
    }
}

fn groups<'s>(rows: &Rows<'s>) -> BTreeMap<Owner, Group<'s>> {
    let published: BTreeMap<(&str, u16), &Container> = rows
        .containers
        .iter()
        .filter(|row| runs(row))
        .flat_map(|row| row.ports.iter().filter_map(move |port| Some(((port.protocol.as_str(), port.host_port?), row))))
        .collect();
    let mut groups: BTreeMap<Owner, Group<'s>> = BTreeMap::new();
    for socket in rows.listeners {
        let by_port = published.get(&(socket.protocol.as_str(), socket.port)).map(|row| Owner::Container(label(row)));
        let by_id = || socket.container.as_deref().map(|id| Owner::Container(container_name(rows.containers, id)));
        let by_unit = || socket.unit.as_deref().and_then(stable_unit).map(Owner::Unit);
        let by_process = || Some(Owner::Process(text(socket.process.as_deref()?)?, socket.pid));
        let owner = by_port.or_else(by_id).or_else(by_unit).or_else(by_process);
        let owner = owner.unwrap_or_else(|| Owner::Unknown(folded(&socket.protocol), socket.port));
        if !is_of_client(socket, &owner) {
            groups.entry(owner).or_default().sockets.push(socket);
        }
    }
    groups
}

fn is_of_client(socket: &Listener, owner: &Owner) -> bool {
    let is_loopback = parse_address(&socket.address).is_some_and(|address| address.is_loopback());
    let lasts = matches!(owner, Owner::Container(_) | Owner::Unit(_));
    socket.protocol == "tcp" && CLIENT_PORTS.contains(&socket.port) && (is_loopback || !lasts)
}

/// A unit that has its name for good. Scopes, log-in sessions, users' managers and `systemd-run` get numbers.
#[must_use]
pub fn stable_unit(unit: &str) -> Option<String> {
    let unit = text(unit)?;
    let lasts = unit.ends_with(".service") && !unit.starts_with("user@") && !unit.starts_with("run-") && !unit.contains('/');
    lasts.then_some(unit)
}

/// Whether a container is there to serve, and not the remains of one.
#[must_use]
pub fn runs(row: &Container) -> bool {
    matches!(row.state.as_deref(), Some("running" | "paused" | "restarting"))
}

/// What people call a container: its name lasts when it is made anew, its id does not.
#[must_use]
pub fn label(row: &Container) -> String {
    name([row.name.as_deref().and_then(text), text(&row.id)])
}

fn container_name(containers: &[Container], id: &str) -> String {
    /// Digits of a shortened id.
    const SHORT: usize = 12;
    let is_it = |row: &&Container| row.id == id || row.name.as_deref() == Some(id) || (id.len() >= SHORT && row.id.starts_with(id));
    containers.iter().find(is_it).map_or_else(|| id.to_owned(), label)
}

/// Where sockets are reached.
fn reach(sockets: &[&Listener]) -> Vec<(&'static str, Option<AttributeValue>)> {
    let endpoints: BTreeSet<String> = sockets.iter().filter_map(|socket| endpoint(socket)).collect();
    let is_loopback = |socket: &&Listener| parse_address(&socket.address).is_some_and(|address| address.is_loopback());
    let loopback_only = !sockets.is_empty() && sockets.iter().all(is_loopback);
    vec![("endpoints", listed(endpoints.into_iter())), ("loopback_only", loopback_only.then_some(AttributeValue::Boolean(true)))]
}

fn endpoint(socket: &Listener) -> Option<String> {
    let address: IpAddr = parse_address(&socket.address)?;
    Some(endpoint_text(&socket.protocol, address, socket.port))
}

/// An endpoint as the attribute has it. Linux takes IPv4 in on `::` as well, so that stands for all addresses.
#[must_use]
pub fn endpoint_text(protocol: &str, address: IpAddr, port: u16) -> String {
    match address {
        IpAddr::V6(address) if address.is_unspecified() => format!("{protocol}/*:{port}"),
        IpAddr::V6(address) => format!("{protocol}/[{address}]:{port}"),
        IpAddr::V4(address) => format!("{protocol}/{address}:{port}"),
    }
}

fn listed(texts: impl Iterator<Item = String>) -> Option<AttributeValue> {
    let texts: Vec<String> = texts.take(LISTED).collect();
    (!texts.is_empty()).then_some(AttributeValue::List(texts))
}
