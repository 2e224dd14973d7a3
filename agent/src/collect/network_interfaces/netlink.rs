//! Links and addresses from the kernel, by rtnetlink.

use super::super::text::tidy;
use super::super::Failure;
use super::{Link, hardware_address};
use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage, AddressScope};
use netlink_packet_route::link::{InfoData, InfoVlan, LinkAttribute, LinkInfo, LinkMessage};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use rollcall_shared::section::InterfaceAddress;
use std::time::Duration;

/// The kernel answers at once; a second is for a machine that is out of breath.
const ANSWER: Duration = Duration::from_secs(1);

/// The kernel fills at most 32 KiB per message of a dump.
const BUFFER_BYTES: usize = 64 << 10;

/// Messages of one dump that are read.
const MESSAGES: usize = 100_000;

/// All links with their addresses.
pub(super) fn read() -> Result<Vec<Link>, Failure> {
    let fail = |error: std::io::Error| Failure::source("rtnetlink", error);
    let socket = Socket::new(NETLINK_ROUTE).map_err(fail)?;
    rustix::net::sockopt::set_socket_timeout(&socket, rustix::net::sockopt::Timeout::Recv, Some(ANSWER))
        .map_err(|error| fail(error.into()))?;
    socket.connect(&SocketAddr::new(0, 0)).map_err(fail)?;
    let mut links = Vec::new();
    dump(&socket, RouteNetlinkMessage::GetLink(LinkMessage::default()), |message| {
        if let RouteNetlinkMessage::NewLink(message) = message {
            links.push(link(&message));
        }
    })?;
    dump(&socket, RouteNetlinkMessage::GetAddress(AddressMessage::default()), |message| {
        if let RouteNetlinkMessage::NewAddress(message) = message
            && let Some(link) = links.iter_mut().find(|link| link.index == message.header.index)
        {
            link.addresses.extend(address(&message));
        }
    })?;
    Ok(links)
}

fn dump(socket: &Socket, request: RouteNetlinkMessage, mut each: impl FnMut(RouteNetlinkMessage)) -> Result<(), Failure> {
    let fail = |what: &dyn std::fmt::Display| Failure::source("rtnetlink", what);
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    let mut message = NetlinkMessage::new(header, NetlinkPayload::from(request));
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    socket.send(&bytes, 0).map_err(|error| fail(&error))?;
    let mut buffer = vec![0; BUFFER_BYTES];
    for _ in 0..MESSAGES {
        let size = socket.recv(&mut &mut buffer[..], 0).map_err(|error| fail(&error))?;
        let mut rest = buffer.get(..size).ok_or_else(|| fail(&"a message larger than the buffer"))?;
        while !rest.is_empty() {
            let message = NetlinkMessage::<RouteNetlinkMessage>::deserialize(rest).map_err(|error| fail(&error))?;
            match message.payload {
                NetlinkPayload::Done(_) => return Ok(()),
                NetlinkPayload::Error(error) => return Err(fail(&error)),
                NetlinkPayload::InnerMessage(inner) => each(inner),
                _ => {}
            }
            // Messages are aligned to four bytes; a length of zero would stand still.
            let length = usize::try_from(message.header.length).unwrap_or(size).next_multiple_of(4).max(16);
            rest = rest.get(length..).unwrap_or_default();
        }
    }
    Err(fail(&"the dump does not end"))
}

fn link(message: &LinkMessage) -> Link {
    let mut link = Link { index: message.header.index, layer: u16::from(message.header.link_layer_type), ..Link::default() };
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name = tidy(name).unwrap_or_default(),
            LinkAttribute::Address(bytes) => link.mac = hardware_address(bytes),
            LinkAttribute::PermAddress(bytes) => link.permanent_mac = hardware_address(bytes),
            LinkAttribute::Mtu(mtu) => link.mtu = Some(*mtu),
            LinkAttribute::Controller(index) => link.master = Some(*index).filter(|&index| index > 0),
            LinkAttribute::OperState(state) => link.state = Some(state_name(u8::from(*state)).to_owned()),
            LinkAttribute::LinkInfo(infos) => infos.iter().for_each(|info| software(&mut link, info)),
            _ => {}
        }
    }
    link
}

fn software(link: &mut Link, info: &LinkInfo) {
    match info {
        LinkInfo::Kind(kind) => link.software_kind = tidy(&kind.to_string()),
        LinkInfo::Data(InfoData::Vlan(data)) => {
            link.vlan_id = data.iter().find_map(|vlan| if let InfoVlan::Id(id) = vlan { Some(*id) } else { None });
        }
        _ => {}
    }
}

/// The words of `/sys/class/net/*/operstate`, RFC 2863.
fn state_name(state: u8) -> &'static str {
    match state {
        1 => "notpresent",
        2 => "down",
        3 => "lowerlayerdown",
        4 => "testing",
        5 => "dormant",
        6 => "up",
        _ => "unknown",
    }
}

fn address(message: &AddressMessage) -> Option<InterfaceAddress> {
    let flags = message.attributes.iter().find_map(|attribute| if let AddressAttribute::Flags(flags) = attribute { Some(*flags) } else { None });
    let is_ipv6 = |address: &std::net::IpAddr| address.is_ipv6();
    // On point-to-point links `Address` is the peer; `Local` is this side wherever there is one.
    let local = message.attributes.iter().find_map(|attribute| if let AddressAttribute::Local(address) = attribute { Some(*address) } else { None });
    let either = message.attributes.iter().find_map(|attribute| if let AddressAttribute::Address(address) = attribute { Some(*address) } else { None });
    let address = local.or(either)?;
    // The flag of a temporary IPv6 address is that of a secondary IPv4 one.
    if is_ipv6(&address) && flags.is_some_and(|flags| flags.contains(AddressFlags::Secondary)) {
        return None;
    }
    let scope = match message.header.scope {
        AddressScope::Site => "site",
        AddressScope::Link => "link",
        AddressScope::Host => "host",
        _ => "global",
    };
    Some(InterfaceAddress { address, prefix: message.header.prefix_len, scope: scope.to_owned() })
}
