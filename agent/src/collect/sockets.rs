//! Sockets of this machine's network namespace: `sock_diag` netlink on the running machine, `/proc/net/{tcp,tcp6,udp,udp6}` on a
//! captured tree and where the kernel does not answer.
//!
//! Sockets inside other network namespaces, such as those of most containers, are not seen: neither source shows them. IPv4 addresses
//! that an IPv6 socket shows as mapped are IPv4 addresses here.

use super::netlink::{self, Subsystem};
use super::trace::Found;
use super::{Failure, Scope};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;

mod owners;

pub(crate) use owners::{Owner, Owners};

/// Sockets kept: a busy proxy has 100,000. At 80 bytes each this is 20 MB at most.
pub(crate) const SOCKETS: usize = 250_000;

/// Transport protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Protocol {
    /// Transmission Control Protocol.
    Tcp,
    /// User Datagram Protocol.
    Udp,
}

impl Protocol {
    /// As rows name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }

    /// Number in IP headers.
    fn number(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
        }
    }
}

/// What a socket does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It waits for peers: TCP that listens, UDP without a peer.
    Listening,
    /// It has a peer.
    Established,
}

/// One socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Socket {
    /// Transport protocol.
    pub(crate) protocol: Protocol,
    /// What it does.
    pub(crate) state: State,
    /// This side.
    pub(crate) local: SocketAddr,
    /// The peer; unspecified when listening.
    pub(crate) remote: SocketAddr,
    /// Number by which `/proc/<pid>/fd` names it.
    pub(crate) inode: u64,
}

/// Which sockets are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Those that listen: the kernel has them in a table of their own.
    Listening,
    /// Those and the established ones.
    All,
}

const TABLES: [(&str, Protocol, u8); 4] =
    [("tcp", Protocol::Tcp, INET), ("tcp6", Protocol::Tcp, INET6), ("udp", Protocol::Udp, INET), ("udp6", Protocol::Udp, INET6)];

/// `AF_INET` and `AF_INET6`.
const INET: u8 = 2;
const INET6: u8 = 10;

/// States of TCP as the kernel numbers them; UDP sockets borrow `ESTABLISHED`, and `CLOSE` when they have no peer.
const ESTABLISHED: u8 = 1;
const CLOSE: u8 = 7;
const LISTEN: u8 = 10;

/// Reads them; beyond the bound the rest is a problem.
pub(crate) fn read(scope: &Scope<'_>, wanted: Wanted) -> Result<Vec<Socket>, Failure> {
    let asked = if scope.root().is_live() { ask_kernel(scope, wanted) } else { None };
    let sockets = match asked {
        Some(sockets) => sockets,
        None => read_tables(scope, wanted)?,
    };
    if sockets.len() >= SOCKETS {
        scope.problem(format_args!("sockets beyond the limit of {SOCKETS} are left out"));
    }
    Ok(sockets)
}

/// None when the kernel has no `sock_diag`, or does not let this process ask.
fn ask_kernel(scope: &Scope<'_>, wanted: Wanted) -> Option<Vec<Socket>> {
    /// `SOCK_DIAG_BY_FAMILY`.
    const BY_FAMILY: u16 = 20;
    let mut sockets = Vec::new();
    for (_, protocol, family) in TABLES {
        let request = diagnosis_request(protocol, family, wanted);
        let limit = SOCKETS.saturating_sub(sockets.len()).max(1);
        let dumped = netlink::dump(Subsystem::SocketDiagnosis, (BY_FAMILY, &request), limit, |_, payload| diagnosed(payload, protocol));
        match dumped {
            Ok(found) => sockets.extend(found),
            // A kernel without IPv6 has no such table.
            Err(error) if family == INET6 && error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                scope.asked("sock_diag", Found::Failed(error.to_string()));
                return None;
            }
        }
    }
    scope.asked("sock_diag", Found::Read(sockets.len()));
    Some(sockets)
}

/// `struct inet_diag_req_v2`: family, protocol, extensions, padding, states as bits, and a socket of zeros.
fn diagnosis_request(protocol: Protocol, family: u8, wanted: Wanted) -> [u8; 56] {
    let waiting = if protocol == Protocol::Tcp { LISTEN } else { CLOSE };
    let states = match wanted {
        Wanted::Listening => 1_u32 << waiting,
        Wanted::All => 1_u32 << waiting | 1 << ESTABLISHED,
    };
    let mut request = [0; 56];
    request[..2].copy_from_slice(&[family, protocol.number()]);
    request[4..8].copy_from_slice(&states.to_ne_bytes());
    request
}

/// `struct inet_diag_msg`: family, state, two timers, ports and addresses of both sides in network byte order, interface, cookie,
/// expiry, queues, user, inode.
fn diagnosed(payload: &[u8], protocol: Protocol) -> Option<Socket> {
    let &[family, state, ..] = payload else { return None };
    let side = |port: usize, address: usize| {
        let port = u16::from_be_bytes(netlink::bytes_at(payload, port)?);
        let address = match family {
            INET => IpAddr::V4(Ipv4Addr::from(netlink::bytes_at::<4>(payload, address)?)),
            INET6 => IpAddr::V6(Ipv6Addr::from(netlink::bytes_at::<16>(payload, address)?)),
            _ => return None,
        };
        Some(SocketAddr::new(address.to_canonical(), port))
    };
    socket(protocol, state, side(4, 8)?, side(6, 24)?, u64::from(netlink::u32_at(payload, 68)?))
}

/// None for states that are passing, and for UDP sockets that are bound to no port.
fn socket(protocol: Protocol, state: u8, local: SocketAddr, remote: SocketAddr, inode: u64) -> Option<Socket> {
    let state = match (protocol, state) {
        (Protocol::Tcp, LISTEN) => State::Listening,
        (Protocol::Udp, CLOSE) if remote.port() == 0 => State::Listening,
        (_, ESTABLISHED) => State::Established,
        _ => return None,
    };
    (local.port() != 0).then_some(Socket { protocol, state, local, remote, inode })
}

fn read_tables(scope: &Scope<'_>, wanted: Wanted) -> Result<Vec<Socket>, Failure> {
    let mut sockets = Vec::new();
    let mut found = false;
    for (table, protocol, _) in TABLES {
        found |= read_table(scope, table, (protocol, wanted), &mut sockets)?;
    }
    if found { Ok(sockets) } else { Err(Failure::Skipped("there is no /proc/net".to_owned())) }
}

/// A captured `/proc/net` may be the link into `/proc/self` that leads nowhere: process 1 has the same tables.
fn read_table(scope: &Scope<'_>, table: &str, what: (Protocol, Wanted), sockets: &mut Vec<Socket>) -> Result<bool, Failure> {
    let (protocol, wanted) = what;
    for path in [format!("/proc/net/{table}"), format!("/proc/1/net/{table}")] {
        let found = scope.lines(&path, |number, line| {
            if number == 1 || line.is_empty() {
                return Ok(true);
            }
            let Some(parsed) = parse(line, protocol) else {
                scope.problem(Failure::malformed(&path, number, "not a socket"));
                return Ok(true);
            };
            let is_listening = parsed.as_ref().is_some_and(|socket| socket.state == State::Listening);
            sockets.extend(parsed.filter(|_| is_listening || wanted == Wanted::All));
            // The kernel lists listening TCP sockets before all others.
            let is_past = protocol == Protocol::Tcp && wanted == Wanted::Listening && scope.root().is_live() && !is_listening;
            Ok(!is_past && sockets.len() < SOCKETS)
        })?;
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

/// `sl local remote state tx:rx tr:when retransmits uid timeout inode …`; none inside for a socket in a passing state.
fn parse(line: &str, protocol: Protocol) -> Option<Option<Socket>> {
    let mut words = line.split_ascii_whitespace().skip(1);
    let (local, remote, state) = (endpoint(words.next()?)?, endpoint(words.next()?)?, u8::from_str_radix(words.next()?, 16).ok()?);
    let inode = words.nth(5)?.parse().ok()?;
    Some(socket(protocol, state, local, remote, inode))
}

/// `0100007F:0016`: words of the address in the byte order of the machine (little-endian on all that matter), port as a number.
fn endpoint(text: &str) -> Option<SocketAddr> {
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
    Some(SocketAddr::new(address.to_canonical(), port))
}

/// Ports that the kernel gives to sockets that ask for none; clients have them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EphemeralPorts {
    range: RangeInclusive<u16>,
    reserved: Vec<RangeInclusive<u16>>,
}

impl EphemeralPorts {
    /// As configured; the kernel's default where a captured tree does not say.
    pub(crate) fn read(scope: &Scope<'_>) -> Self {
        let setting = |name: &str| scope.attribute(&format!("/proc/sys/net/ipv4/{name}"));
        Self {
            range: setting("ip_local_port_range").and_then(|text| port_range(&text)).unwrap_or(32_768..=60_999),
            reserved: setting("ip_local_reserved_ports").map(|text| reserved_ports(&text)).unwrap_or_default(),
        }
    }

    /// Whether the kernel may have chosen the port itself.
    pub(crate) fn contains(&self, port: u16) -> bool {
        self.range.contains(&port) && !self.reserved.iter().any(|reserved| reserved.contains(&port))
    }
}

fn port_range(text: &str) -> Option<RangeInclusive<u16>> {
    let mut ports = text.split_whitespace().map(|port| port.parse().ok());
    Some(ports.next()??..=ports.next()??)
}

/// `8080,9148-9150`.
fn reserved_ports(text: &str) -> Vec<RangeInclusive<u16>> {
    let one = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.trim().parse().ok()?..=last.trim().parse().ok()?)
    };
    text.split(',').filter_map(one).collect()
}

/// One message.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn fuzz(bytes: &[u8]) -> usize {
    [Protocol::Tcp, Protocol::Udp].into_iter().filter_map(|protocol| diagnosed(bytes, protocol)).count()
}

#[cfg(test)]
mod tests;
