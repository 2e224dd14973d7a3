//! Connections of this machine's network namespace, put together by service and peer: never a row a socket.
//!
//! *Inbound* are connections to a port that is listened on, by that port and the peer's address; *outbound* all others, by process and
//! the peer's address and port. A connection between two processes of this machine is outbound only, so that it appears once. TCP
//! counts when established, UDP when it has a peer and a port of its own: a client's UDP socket on a port that the kernel chose is gone
//! before anybody asks for it. The agent's own are left out on the running machine: whether it speaks to its server at this moment says
//! nothing of the host. Inside other network namespaces nothing is seen.

use super::sockets::{self, EphemeralPorts, Owners, Protocol, Socket, State, Wanted};
use super::{Failure, Scope};
use rollcall_shared::section::Connection;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};
use std::net::{IpAddr, SocketAddr};

/// Rows kept, those with the most connections first: a server open to the world has as many peers as the world has clients.
const CONNECTIONS: usize = 4096;

/// Collects the section.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Vec<Connection>, Failure> {
    let ephemeral = EphemeralPorts::read(scope);
    let mut sockets = sockets::read(scope, Wanted::All)?;
    let is_passing = |socket: &Socket| socket.protocol == Protocol::Udp && ephemeral.contains(socket.local.port());
    sockets.retain(|socket| !is_passing(socket));
    let services = Services::of(&sockets);
    let flows = flows(&sockets, &services);
    let owners = Owners::find(scope, flows.iter().map(|flow| flow.owner_inode));
    let mut counts: BTreeMap<Connection, u32> = BTreeMap::new();
    let own = scope.root().is_live().then(std::process::id);
    let grouped = grouped(&flows, &owners).into_iter().filter(|(flow, _)| own.is_none() || owners.pid(flow.owner_inode) != own);
    for (flow, count) in grouped {
        let held = counts.entry(row(&flow, &owners)).or_default();
        *held = held.saturating_add(count);
    }
    Ok(most_frequent(scope, counts))
}

/// Who listens where.
struct Services(BTreeMap<(Protocol, u16), Vec<(IpAddr, u64)>>);

impl Services {
    fn of(sockets: &[Socket]) -> Self {
        let mut services: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for socket in sockets.iter().filter(|socket| socket.state == State::Listening) {
            services.entry((socket.protocol, socket.local.port())).or_default().push((socket.local.ip(), socket.inode));
        }
        Self(services)
    }

    /// The listener that a connection came in by: that of its very address before that of all addresses.
    fn listener(&self, socket: &Socket) -> Option<u64> {
        let listeners = self.0.get(&(socket.protocol, socket.local.port()))?;
        let local = socket.local.ip();
        let exact = listeners.iter().find(|(address, _)| *address == local);
        // `::` takes IPv4 in as well, and 0.0.0.0 comes before it where both are there.
        let general = || listeners.iter().find(|(address, _)| address.is_unspecified() && (address.is_ipv4() == local.is_ipv4() || address.is_ipv6()));
        exact.or_else(general).map(|(_, inode)| *inode)
    }
}

/// A connection with what tells it from others of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Flow {
    protocol: Protocol,
    /// The local port when inbound.
    service_port: Option<u16>,
    remote: SocketAddr,
    /// The socket whose owner counts: the listener's when inbound.
    owner_inode: u64,
}

fn flows(sockets: &[Socket], services: &Services) -> Vec<Flow> {
    let established = || sockets.iter().filter(|socket| socket.state == State::Established);
    let pairs: HashSet<(Protocol, SocketAddr, SocketAddr)> = established().map(|socket| (socket.protocol, socket.local, socket.remote)).collect();
    let flow = |socket: &Socket| {
        let Socket { protocol, local, remote, inode, .. } = *socket;
        let Some(listener) = services.listener(socket) else {
            return Some(Flow { protocol, service_port: None, remote, owner_inode: inode });
        };
        // The other end is a process of this machine, and outbound there.
        let is_inside = remote.ip().is_loopback() || pairs.contains(&(protocol, remote, local));
        let peer = SocketAddr::new(remote.ip(), 0);
        (!is_inside).then_some(Flow { protocol, service_port: Some(local.port()), remote: peer, owner_inode: listener })
    };
    established().filter_map(flow).collect()
}

/// Flows of the same kind and owner, counted before any text is made of them: a proxy has 100,000 of a few kinds.
fn grouped(flows: &[Flow], owners: &Owners<'_>) -> BTreeMap<Flow, u32> {
    // One socket of each process stands for all that it has.
    let mut first: BTreeMap<u32, u64> = BTreeMap::new();
    let mut counts: BTreeMap<Flow, u32> = BTreeMap::new();
    for flow in flows {
        let owner_inode = owners.pid(flow.owner_inode).map_or(0, |pid| *first.entry(pid).or_insert(flow.owner_inode));
        *counts.entry(Flow { owner_inode, ..*flow }).or_default() += 1;
    }
    counts
}

fn row(flow: &Flow, owners: &Owners<'_>) -> Connection {
    let owner = owners.pid(flow.owner_inode).map(|pid| owners.owner(pid));
    let is_inbound = flow.service_port.is_some();
    Connection {
        direction: if is_inbound { "inbound" } else { "outbound" }.to_owned(),
        protocol: flow.protocol.name().to_owned(),
        local_port: flow.service_port,
        remote_address: flow.remote.ip().to_string(),
        remote_port: (!is_inbound).then_some(flow.remote.port()),
        process: owner.as_ref().and_then(|owner| owner.process.clone()),
        unit: owner.as_ref().and_then(|owner| owner.unit.clone()),
        count: 0,
    }
}

/// Rows within the bound, their counts rounded down.
fn most_frequent(scope: &Scope<'_>, counts: BTreeMap<Connection, u32>) -> Vec<Connection> {
    let mut rows: Vec<Connection> = counts.into_iter().map(|(row, count)| Connection { count: 1 << count.max(1).ilog2(), ..row }).collect();
    if rows.len() > CONNECTIONS {
        scope.problem(format_args!("of {} kinds of connections the {CONNECTIONS} most frequent are kept", rows.len()));
        rows.sort_by(|a, b| Reverse(a.count).cmp(&Reverse(b.count)).then_with(|| a.cmp(b)));
        rows.truncate(CONNECTIONS);
    }
    rows
}

#[cfg(test)]
mod tests;
