//! Entries of the neighbour table.

use std::net::IpAddr;

use fabric_core::{
    name::IfName,
    object::{LinkRef, Mac, Neighbour, NeighbourKind},
};
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    neighbour::{NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState},
};

use super::{Request, address};

/// Makes the entry. One that traffic has made in the meantime is overwritten, not an error: what is
/// learned is there to be learned anew.
pub(crate) fn create(neighbour: &Neighbour) -> Request {
    Request::replace(RouteNetlinkMessage::NewNeighbour(message(neighbour)))
}

/// Removes the entry.
pub(crate) fn remove(neighbour: &Neighbour) -> Request {
    Request::change(RouteNetlinkMessage::DelNeighbour(message(neighbour)))
}

fn message(neighbour: &Neighbour) -> NeighbourMessage {
    let mut message = named(neighbour);
    let (mac, flags, state) = match &neighbour.kind {
        NeighbourKind::Permanent(mac) => (Some(mac), NeighbourFlags::empty(), NeighbourState::Permanent),
        NeighbourKind::Learned(mac) => (Some(mac), NeighbourFlags::empty(), NeighbourState::Stale),
        NeighbourKind::LearnedExternally(mac) => {
            (Some(mac), NeighbourFlags::ExtLearned, NeighbourState::Stale)
        }
        NeighbourKind::Proxy => (None, NeighbourFlags::Proxy, NeighbourState::None),
    };
    message.header.flags = flags;
    message.header.state = state;
    if let Some(mac) = mac {
        message.attributes.push(NeighbourAttribute::LinkLayerAddress(mac.0.to_vec()));
    }
    message
}

/// The message with what tells the entry from all others.
fn named(neighbour: &Neighbour) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    message.header.family = address::family(neighbour.address);
    message.header.ifindex = neighbour.link.index;
    let destination = match neighbour.address {
        IpAddr::V4(address) => NeighbourAddress::Inet(address),
        IpAddr::V6(address) => NeighbourAddress::Inet6(address),
    };
    message.attributes = vec![NeighbourAttribute::Destination(destination)];
    message
}

/// Asks for the entry in the place of this one. The kernel finds it by its hash, where for a list of
/// all it walks the entries of all namespaces of the machine.
pub(crate) fn question_for(neighbour: &Neighbour) -> RouteNetlinkMessage {
    let mut message = named(neighbour);
    if neighbour.kind == NeighbourKind::Proxy {
        message.header.flags = NeighbourFlags::Proxy;
    }
    RouteNetlinkMessage::GetNeighbour(message)
}

/// Whether the kernel can have only one of the two.
pub(crate) fn same_entry(one: &Neighbour, other: &Neighbour) -> bool {
    let identity = |entry: &Neighbour| (entry.link.index, entry.address, entry.kind == NeighbourKind::Proxy);
    identity(one) == identity(other)
}

/// Asks for all known neighbours, or with `proxy` for the addresses that are answered for: the
/// kernel has two tables and never shows both at once.
pub(crate) fn question(proxy: bool) -> RouteNetlinkMessage {
    let mut message = NeighbourMessage::default();
    if proxy {
        message.header.flags = NeighbourFlags::Proxy;
    }
    RouteNetlinkMessage::GetNeighbour(message)
}

/// Reads an entry back. `None` for unanswered questions, multicast and what else was not learned.
pub(crate) fn read(
    message: NeighbourMessage,
    link_name: impl Fn(u32) -> Option<IfName>,
) -> Option<Neighbour> {
    let NeighbourMessage { header, attributes, .. } = message;
    if !matches!(header.family, AddressFamily::Inet | AddressFamily::Inet6) {
        return None;
    }
    let (mut address, mut mac) = (None, None);
    for attribute in attributes {
        match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Inet(v4)) => address = Some(IpAddr::V4(v4)),
            NeighbourAttribute::Destination(NeighbourAddress::Inet6(v6)) => address = Some(IpAddr::V6(v6)),
            NeighbourAttribute::LinkLayerAddress(bytes) => mac = bytes.try_into().ok().map(Mac),
            _ => {}
        }
    }
    let address = address.filter(|&address| !address.is_multicast() && !address::is_link_local(address))?;
    let kind = if header.flags.contains(NeighbourFlags::Proxy) {
        NeighbourKind::Proxy
    } else {
        use NeighbourState::{Delay, Permanent, Probe, Reachable, Stale};
        match header.state {
            Permanent => NeighbourKind::Permanent(mac?),
            Reachable | Stale | Delay | Probe if header.flags.contains(NeighbourFlags::ExtLearned) => {
                NeighbourKind::LearnedExternally(mac?)
            }
            Reachable | Stale | Delay | Probe => NeighbourKind::Learned(mac?),
            _ => return None,
        }
    };
    let link = LinkRef { name: link_name(header.ifindex)?, index: header.ifindex };
    Some(Neighbour { link, address, kind })
}
