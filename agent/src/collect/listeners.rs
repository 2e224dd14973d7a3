//! Listening sockets of this machine's network namespace: TCP that listens, UDP without a peer. One row a protocol, address and port:
//! workers that share a port (`SO_REUSEPORT`) are one listener, their parent's.
//!
//! UDP sockets on ports that the kernel gives to clients are left out: they wait for an answer, and come and go. Two kinds stay, for
//! they are services: ports that are reserved in `ip_local_reserved_ports`, and those that the kernel itself holds for both address
//! families, as WireGuard does. Listeners inside other network namespaces are not seen.

use super::sockets::{self, EphemeralPorts, Owner, Owners, Protocol, Socket, State, Wanted};
use super::{Failure, Scope};
use rollcall_shared::section::Listener;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

/// Collects the section.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Vec<Listener>, Failure> {
    let ephemeral = EphemeralPorts::read(scope);
    let mut sockets = sockets::read(scope, Wanted::Listening)?;
    sockets.retain(|socket| socket.state == State::Listening);
    leave_out_clients(&mut sockets, &ephemeral);
    let owners = Owners::find(scope, sockets.iter().map(|socket| socket.inode));
    sockets.retain(|socket| !is_of_client(socket, &ephemeral) || owners.is_kernels(socket.inode));
    let mut listeners: BTreeMap<(Protocol, SocketAddr), Vec<u64>> = BTreeMap::new();
    for socket in &sockets {
        listeners.entry((socket.protocol, socket.local)).or_default().push(socket.inode);
    }
    Ok(listeners.into_iter().map(|((protocol, local), inodes)| row(protocol, local, owners.of_group(&inodes).as_deref())).collect())
}

fn is_of_client(socket: &Socket, ephemeral: &EphemeralPorts) -> bool {
    socket.protocol == Protocol::Udp && ephemeral.contains(socket.local.port())
}

/// Of the sockets on clients' ports, those stay that both address families have on all addresses: they may be the kernel's own.
fn leave_out_clients(sockets: &mut Vec<Socket>, ephemeral: &EphemeralPorts) {
    let clients = sockets.iter().filter(|socket| is_of_client(socket, ephemeral) && socket.local.ip().is_unspecified());
    let (mut inet, mut inet6) = (BTreeSet::new(), BTreeSet::new());
    for socket in clients {
        let ports = if matches!(socket.local.ip(), IpAddr::V4(_)) { &mut inet } else { &mut inet6 };
        ports.insert(socket.local.port());
    }
    let is_on_both = |socket: &Socket| socket.local.ip().is_unspecified() && inet.contains(&socket.local.port()) && inet6.contains(&socket.local.port());
    sockets.retain(|socket| !is_of_client(socket, ephemeral) || is_on_both(socket));
}

fn row(protocol: Protocol, local: SocketAddr, owner: Option<&Owner>) -> Listener {
    Listener {
        protocol: protocol.name().to_owned(),
        address: local.ip().to_string(),
        port: local.port(),
        pid: owner.map(|owner| owner.pid),
        process: owner.and_then(|owner| owner.process.clone()),
        unit: owner.and_then(|owner| owner.unit.clone()),
        container: owner.and_then(|owner| owner.container.clone()),
    }
}

#[cfg(test)]
mod tests;
