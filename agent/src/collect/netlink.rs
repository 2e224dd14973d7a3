//! Netlink: questions to the running kernel whose answers are lists (its links, routes, sockets, packet filters).
//!
//! Only dumps are ever asked for, so nothing here can change anything. The kernel's bytes are read with the same distrust as a file's:
//! an attribute whose length does not fit ends the reading of its list, and every dump has a bound.

use super::text::tidy;
use rustix::io::Errno;
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::OwnedFd;
use std::time::Duration;

/// The kernel answers at once; a second is for a machine that is out of breath.
const ANSWER: Duration = Duration::from_secs(1);

/// The kernel fills at most 32 KiB per message of a dump; twice that is for adapters with hundreds of virtual functions.
const BUFFER_BYTES: usize = 64 << 10;

/// Datagrams of one dump that are read: a million sockets take some 2,500.
const DATAGRAMS: usize = 20_000;

/// A dump that something changed meanwhile is asked for again, this often; then what there is has to do.
const ATTEMPTS: usize = 4;

/// Bytes of `struct nlmsghdr`, and the alignment of what follows it.
const HEADER_BYTES: usize = 16;
const ALIGNMENT: usize = 4;

/// `NLM_F_REQUEST | NLM_F_ROOT | NLM_F_MATCH`.
const REQUEST_DUMP: u16 = 0x301;

/// Set on messages of a dump that was changed while it was read.
const INTERRUPTED: u16 = 0x10;

/// Part of the kernel that is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subsystem {
    /// Links, addresses, routes, neighbours.
    Route,
    /// Sockets.
    SocketDiagnosis,
    /// Packet filters.
    Netfilter,
    /// Families that have a name instead of a number.
    Generic,
}

impl Subsystem {
    fn protocol(self) -> Option<Protocol> {
        match self {
            Self::Route => None,
            Self::SocketDiagnosis => Some(netlink::SOCK_DIAG),
            Self::Netfilter => Some(netlink::NETFILTER),
            Self::Generic => Some(netlink::GENERIC),
        }
    }
}

/// Asks for a list and hands the payload of each of its messages, with the message's type, to `parse`; what that returns is collected.
/// With `limit` of it the reading ends: a result of that length may not be all there is.
pub(crate) fn dump<T>(
    subsystem: Subsystem,
    request: (u16, &[u8]),
    limit: usize,
    mut parse: impl FnMut(u16, &[u8]) -> Option<T>,
) -> io::Result<Vec<T>> {
    let mut found = Vec::new();
    for _ in 0..ATTEMPTS {
        found.clear();
        let socket = open(subsystem)?;
        rustix::net::send(&socket, &request_bytes(request.0, request.1), SendFlags::empty())?;
        let is_consistent = receive(&socket, |kind, payload| {
            found.extend(parse(kind, payload));
            found.len() < limit
        })?;
        if is_consistent {
            break;
        }
    }
    Ok(found)
}

/// Connected to the kernel: what other programs send is refused.
fn open(subsystem: Subsystem) -> io::Result<OwnedFd> {
    let socket = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, subsystem.protocol())?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(ANSWER))?;
    rustix::net::connect(&socket, &SocketAddrNetlink::new(0, 0))?;
    Ok(socket)
}

fn request_bytes(kind: u16, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADER_BYTES + body.len()).unwrap_or(u32::MAX);
    let mut bytes = Vec::with_capacity(HEADER_BYTES + body.len());
    bytes.extend(length.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(REQUEST_DUMP.to_ne_bytes());
    // Sequence number and port: one question a socket, and the kernel fills in the port.
    bytes.extend([0; 8]);
    bytes.extend(body);
    bytes
}

/// Reads to the end of a dump, or until `each` has enough; whether it was of one moment.
fn receive(socket: &OwnedFd, mut each: impl FnMut(u16, &[u8]) -> bool) -> io::Result<bool> {
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut is_consistent = true;
    for _ in 0..DATAGRAMS {
        let size = match rustix::net::recv(socket, &mut buffer[..], RecvFlags::TRUNC) {
            Ok((_, size)) => size,
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        };
        let datagram = buffer.get(..size).ok_or_else(|| io::Error::other("a message larger than the buffer"))?;
        for message in messages(datagram) {
            is_consistent &= message.flags & INTERRUPTED == 0;
            match message.outcome() {
                Some(result) => return result.map(|()| is_consistent),
                None if each(message.kind, message.payload) => {}
                None => return Ok(true),
            }
        }
    }
    Err(io::Error::other("the dump does not end"))
}

struct Message<'a> {
    kind: u16,
    flags: u16,
    payload: &'a [u8],
}

impl Message<'_> {
    /// How the dump ended, when this message ends it: both `NLMSG_ERROR` and `NLMSG_DONE` begin with a negative error number.
    fn outcome(&self) -> Option<io::Result<()>> {
        const ERROR: u16 = 2;
        const DONE: u16 = 3;
        if self.kind != ERROR && self.kind != DONE {
            return None;
        }
        let code = bytes_at(self.payload, 0).map_or(0, i32::from_ne_bytes);
        Some(if code < 0 { Err(io::Error::from_raw_os_error(code.saturating_neg())) } else { Ok(()) })
    }
}

/// The messages of a datagram; a length that does not fit ends them.
fn messages(datagram: &[u8]) -> impl Iterator<Item = Message<'_>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let length = usize::try_from(u32_at(rest, 0)?).ok()?;
        let payload = rest.get(HEADER_BYTES..length)?;
        let (kind, flags) = (u16_at(rest, 4)?, u16_at(rest, 6)?);
        rest = rest.get(length.next_multiple_of(ALIGNMENT)..).unwrap_or_default();
        Some(Message { kind, flags, payload })
    })
}

/// The attributes of a list, by type (without the flags in its upper bits); a length that does not fit ends them.
pub(crate) fn attributes(list: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    const TYPE: u16 = 0x3fff;
    let mut rest = list;
    std::iter::from_fn(move || {
        let length = usize::from(u16_at(rest, 0)?);
        let kind = u16_at(rest, 2)? & TYPE;
        let value = rest.get(4..length)?;
        rest = rest.get(length.next_multiple_of(ALIGNMENT)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// The first attribute of a type.
pub(crate) fn attribute(list: &[u8], wanted: u16) -> Option<&[u8]> {
    attributes(list).find(|(kind, _)| *kind == wanted).map(|(_, value)| value)
}

/// One attribute, for a request.
pub(crate) fn attribute_bytes(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
    let mut bytes = [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), value].concat();
    bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
    bytes
}

/// Some bytes at a place.
pub(crate) fn bytes_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// A number in the byte order of the machine.
pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes_at(bytes, at).map(u16::from_ne_bytes)
}

/// A number in the byte order of the machine.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes_at(bytes, at).map(u32::from_ne_bytes)
}

/// A text that a NUL may end.
pub(crate) fn text(value: &[u8]) -> Option<String> {
    tidy(&String::from_utf8_lossy(value.split(|&byte| byte == 0).next()?))
}

/// An address of four or sixteen bytes.
pub(crate) fn ip_address(value: &[u8]) -> Option<IpAddr> {
    let four = || <[u8; 4]>::try_from(value).ok().map(|bytes| IpAddr::V4(Ipv4Addr::from(bytes)));
    let sixteen = || <[u8; 16]>::try_from(value).ok().map(|bytes| IpAddr::V6(Ipv6Addr::from(bytes)));
    four().or_else(sixteen)
}

/// `00:11:…`; none for links without an address and for all zeros.
pub(crate) fn hardware_address(bytes: &[u8]) -> Option<String> {
    use std::fmt::Write;
    /// `MAX_ADDR_LEN` of the kernel.
    const LONGEST: usize = 32;
    if bytes.len() > LONGEST || bytes.iter().all(|&byte| byte == 0) {
        return None;
    }
    let mut text = String::with_capacity(bytes.len() * 3);
    for (place, byte) in bytes.iter().enumerate() {
        let separator = if place == 0 { "" } else { ":" };
        // Writing to a text cannot fail.
        let _ = write!(text, "{separator}{byte:02x}");
    }
    Some(text)
}

/// Messages and attributes, whatever asked for them.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn fuzz(bytes: &[u8]) -> usize {
    let _ = (text(bytes), ip_address(bytes), hardware_address(bytes));
    let inside = |message: &Message<'_>| {
        let _ = message.outcome();
        attributes(message.payload).map(|(_, value)| attributes(value).count()).sum::<usize>()
    };
    messages(bytes).map(|message| inside(&message)).sum()
}

#[cfg(test)]
pub(crate) mod namespace;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn attributes_end_where_a_length_does_not_fit() {
        let list = [attribute_bytes(1, b"abc"), attribute_bytes(0x8002, &[]), vec![9, 0, 3, 0, 1]].concat();
        let read: Vec<_> = attributes(&list).collect();
        assert_eq!(read, [(1, &b"abc"[..]), (2, &b""[..])]);
        assert_eq!(attribute(&list, 1), Some(&b"abc"[..]));
        assert_eq!(attribute(&list, 3), None);
    }

    #[test]
    fn a_length_of_zero_does_not_stand_still() {
        assert_eq!(attributes(&[0; 64]).count(), 0);
        assert_eq!(messages(&[0; 64]).count(), 0);
    }

    #[test]
    fn an_error_number_ends_a_dump() {
        let message = |code: i32| [&20_u32.to_ne_bytes()[..], &3_u16.to_ne_bytes(), &[0; 10], &code.to_ne_bytes()].concat();
        let outcome = |bytes: &[u8]| messages(bytes).next().and_then(|message| message.outcome()).expect("an end");
        assert!(outcome(&message(0)).is_ok());
        assert_eq!(outcome(&message(-1)).expect_err("refused").kind(), io::ErrorKind::PermissionDenied);
    }

    #[test]
    fn an_address_of_zeros_is_none() {
        assert_eq!(hardware_address(&[0; 6]), None);
        assert_eq!(hardware_address(&[2, 0xfc, 0, 0, 0, 5]).as_deref(), Some("02:fc:00:00:00:05"));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            prop_assert!(messages(&bytes).count() <= bytes.len() / HEADER_BYTES);
            prop_assert!(attributes(&bytes).count() <= bytes.len() / ALIGNMENT);
            let _ = (text(&bytes), ip_address(&bytes), hardware_address(&bytes));
            let _ = messages(&bytes).filter_map(|message| message.outcome()).count();
        }
    }
}
