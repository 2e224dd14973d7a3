//! Listening sockets: `/proc/net/{tcp,tcp6,udp,udp6}`, and whose they are by the links in `/proc/<pid>/fd`.
//!
//! The kernel lists listening TCP sockets before all others, so that on the running machine reading ends with the last of them.
//! UDP sockets in the ephemeral range are left out: they are clients that wait for an answer, and come and go.

use super::{Failure, Scope, processes, units};
use rollcall_shared::limits::SECTION_ROWS;
use rollcall_shared::section::Listener;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

/// File descriptors looked at for all processes together: a busy proxy has 100,000.
const DESCRIPTORS: usize = 500_000;

/// Collects the section.
pub(crate) fn collect(scope: &Scope<'_>) -> Result<Vec<Listener>, Failure> {
    let ephemeral = scope.attribute("/proc/sys/net/ipv4/ip_local_port_range").and_then(|text| port_range(&text));
    let mut sockets = Vec::new();
    let mut found = false;
    for (table, protocol) in [("tcp", "tcp"), ("tcp6", "tcp"), ("udp", "udp"), ("udp6", "udp")] {
        found |= read(scope, table, protocol, &mut sockets)?;
    }
    if !found {
        return Err(Failure::Skipped("there is no /proc/net".to_owned()));
    }
    sockets.retain(|socket| socket.protocol == "tcp" || !ephemeral.as_ref().is_some_and(|range| range.contains(&socket.port)));
    let owners = owners(scope, sockets.iter().map(|socket| socket.inode).filter(|&inode| inode > 0).collect());
    Ok(sockets.into_iter().map(|socket| row(scope, &socket, owners.get(&socket.inode).copied())).collect())
}

struct Socket {
    protocol: &'static str,
    address: IpAddr,
    port: u16,
    inode: u64,
}

fn row(scope: &Scope<'_>, socket: &Socket, pid: Option<u32>) -> Listener {
    let cgroup = pid.and_then(|pid| scope.text(&format!("/proc/{pid}/cgroup")).ok().flatten());
    Listener {
        container: None,
        protocol: socket.protocol.to_owned(),
        address: socket.address.to_string(),
        port: socket.port,
        pid,
        process: pid.and_then(|pid| processes::name(scope, pid)),
        unit: cgroup.as_deref().and_then(units::of_cgroup),
    }
}

/// A captured `/proc/net` may be the link into `/proc/self` that leads nowhere: process 1 has the same tables.
fn read(scope: &Scope<'_>, table: &str, protocol: &'static str, sockets: &mut Vec<Socket>) -> Result<bool, Failure> {
    for path in [format!("/proc/net/{table}"), format!("/proc/1/net/{table}")] {
        let found = scope.lines(&path, |number, line| {
            if number == 1 {
                return Ok(true);
            }
            let (socket, is_listening) = parse(line, protocol).ok_or_else(|| Failure::malformed(&path, number, "not a socket"))?;
            sockets.extend(is_listening.then_some(socket));
            let goes_on = is_listening || protocol == "udp" || !scope.root().is_live();
            Ok(goes_on && sockets.len() < SECTION_ROWS)
        })?;
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

/// `sl local remote state tx:rx tr:when retransmits uid timeout inode …`; listening is state 0A for TCP, and for UDP 07 without a peer.
fn parse(line: &str, protocol: &'static str) -> Option<(Socket, bool)> {
    let mut words = line.split_whitespace().skip(1);
    let (local, remote, state) = (words.next()?, words.next()?, words.next()?);
    let inode = words.nth(5)?.parse().ok()?;
    let (address, port) = endpoint(local)?;
    let (_, remote_port) = endpoint(remote)?;
    let is_listening = if protocol == "tcp" { state == "0A" } else { state == "07" && remote_port == 0 };
    Some((Socket { protocol, address, port, inode }, is_listening))
}

/// `0100007F:0016`: words of the address in the byte order of the machine (little-endian on all that matter), port as a number.
fn endpoint(text: &str) -> Option<(IpAddr, u16)> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| u32::from_str_radix(address.get(at..at + 8)?, 16).ok().map(u32::swap_bytes);
    let address = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let words = [word(0)?, word(8)?, word(16)?, word(24)?];
            IpAddr::V6(Ipv6Addr::from(words.iter().fold(0_u128, |sum, &word| sum << 32 | u128::from(word))))
        }
        _ => return None,
    };
    Some((address, port))
}

fn port_range(text: &str) -> Option<RangeInclusive<u16>> {
    let mut ports = text.split_whitespace().map(|port| port.parse().ok());
    Some(ports.next()??..=ports.next()??)
}

/// The lowest process id that holds each socket: of a server and its workers, the one that opened it.
fn owners(scope: &Scope<'_>, mut wanted: Vec<u64>) -> BTreeMap<u64, u32> {
    wanted.sort_unstable();
    wanted.dedup();
    let mut owners = BTreeMap::new();
    let mut looked_at = 0;
    for pid in processes::pids(scope) {
        let folder = format!("/proc/{pid}/fd");
        // Other users' descriptors need privileges; their sockets have no owner then.
        let descriptors = scope.root().list(&folder).ok().flatten().unwrap_or_default();
        looked_at += descriptors.len();
        let Some(directory) = scope.root().directory(&folder).filter(|_| !descriptors.is_empty()) else { continue };
        for descriptor in descriptors {
            let target = directory.link(&descriptor);
            let inode = target.as_deref().and_then(|target| target.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok());
            if let Some(inode) = inode.filter(|inode| wanted.binary_search(inode).is_ok()) {
                owners.entry(inode).or_insert(pid);
            }
        }
        if owners.len() == wanted.len() || looked_at > DESCRIPTORS {
            break;
        }
    }
    owners
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(line: &str, protocol: &'static str, expected: Option<(&str, u16, u64)>) {
        let socket = parse(line, protocol).filter(|(_, is_listening)| *is_listening).map(|(socket, _)| socket);
        let short = socket.map(|socket| (socket.address.to_string(), socket.port, socket.inode));
        assert_eq!(short, expected.map(|(address, port, inode)| (address.to_owned(), port, inode)));
    }

    #[test]
    fn listening_sockets_are_told_from_connections() {
        check("0: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 4711 1 f 100", "tcp", Some(("127.0.0.1", 22, 4711)));
        check("0: 0100007F:0016 0100007F:9999 01 00000000:00000000 00:00000000 00000000 0 0 4711 1 f 100", "tcp", None);
        check("0: 00000000:0044 00000000:0000 07 00000000:00000000 00:00000000 00000000 0 0 9 2 f 0", "udp", Some(("0.0.0.0", 68, 9)));
        check("0: 00000000:0044 01000000:0035 07 00000000:00000000 00:00000000 00000000 0 0 9 2 f 0", "udp", None);
        let loopback = "1: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 7 1 f";
        check(loopback, "tcp", Some(("::1", 80, 7)));
    }

    proptest! {
        #[test]
        fn no_line_panics(line in "[0-9]: [0-9A-Fé]{0,34}:?[0-9A-F]{0,5} [ -~]{0,80}") {
            let _ = parse(&line, "tcp");
        }
    }
}
