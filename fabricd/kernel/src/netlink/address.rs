//! Addresses on links.

use std::net::IpAddr;

use fabric_core::{
    name::IfName,
    object::{Address, LinkRef},
};
use ipnet::IpNet;
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    address::{AddressAttribute, AddressFlags, AddressMessage},
};

use super::Request;

/// Puts the address on its link.
pub(crate) fn create(address: &Address) -> Request {
    Request::create(RouteNetlinkMessage::NewAddress(message(address)))
}

/// Takes the address from its link.
pub(crate) fn remove(address: &Address) -> Request {
    Request::change(RouteNetlinkMessage::DelAddress(message(address)))
}

fn message(address: &Address) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = family(address.address.addr());
    message.header.prefix_len = address.address.prefix_len();
    message.header.index = address.link.index;
    let host = address.address.addr();
    message.attributes = vec![AddressAttribute::Local(host), AddressAttribute::Address(host)];
    if let (true, IpAddr::V4(broadcast)) = (address.broadcast, address.address.broadcast()) {
        message.attributes.push(AddressAttribute::Broadcast(broadcast));
    }
    if address.metric != 0 {
        message.attributes.push(AddressAttribute::RoutePriority(address.metric));
    }
    if address.no_prefix_route {
        message.attributes.push(AddressAttribute::Flags(AddressFlags::Noprefixroute));
    }
    message
}

/// Asks for all addresses.
pub(crate) fn question() -> RouteNetlinkMessage {
    RouteNetlinkMessage::GetAddress(AddressMessage::default())
}

/// Reads an address back. `None` for what the kernel puts there by itself (loopback and link-local
/// addresses) and for what the blueprint cannot say (point-to-point).
pub(crate) fn read(message: AddressMessage, link_name: impl Fn(u32) -> Option<IfName>) -> Option<Address> {
    let (mut local, mut peer, mut broadcast, mut metric) = (None, None, None, 0);
    let mut flags = AddressFlags::empty();
    for attribute in message.attributes {
        match attribute {
            AddressAttribute::Local(address) => local = Some(address),
            AddressAttribute::Address(address) => peer = Some(address),
            AddressAttribute::Broadcast(address) => broadcast = Some(IpAddr::V4(address)),
            AddressAttribute::RoutePriority(priority) => metric = priority,
            AddressAttribute::Flags(bits) => flags = bits,
            _ => {}
        }
    }
    // IPv6 has only IFA_ADDRESS, unless there is a peer.
    let host = local.or(peer)?;
    if peer.is_some_and(|peer| peer != host) || host.is_loopback() || is_link_local(host) {
        return None;
    }
    let address = IpNet::new(host, message.header.prefix_len).ok()?;
    let index = message.header.index;
    Some(Address {
        link: LinkRef { name: link_name(index)?, index },
        address,
        broadcast: broadcast == Some(address.broadcast()),
        metric,
        no_prefix_route: flags.contains(AddressFlags::Noprefixroute),
    })
}

/// Whether the kernel gives this kind of address to a link by itself: only IPv6 has that.
pub(super) fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}

pub(super) fn family(address: IpAddr) -> AddressFamily {
    if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 }
}
