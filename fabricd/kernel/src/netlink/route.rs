//! Routes.

use std::net::{IpAddr, Ipv4Addr};

use fabric_core::{
    name::IfName,
    object::{LinkRef, NextHop, Route},
};
use ipnet::IpNet;
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    route::{
        RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteProtocol, RouteScope,
        RouteType,
    },
};

use super::{Request, address};

/// Makes the route.
pub(crate) fn create(route: &Route) -> Request {
    Request::create(RouteNetlinkMessage::NewRoute(message(route)))
}

/// Puts the route in the place of the one with the same table, destination and metric.
pub(crate) fn replace(route: &Route) -> Request {
    Request::replace(RouteNetlinkMessage::NewRoute(message(route)))
}

/// Removes the route.
pub(crate) fn remove(route: &Route) -> Request {
    Request::change(RouteNetlinkMessage::DelRoute(message(route)))
}

fn message(route: &Route) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = address::family(route.destination.addr());
    message.header.destination_prefix_length = route.destination.prefix_len();
    message.header.protocol = RouteProtocol::from(route.protocol);
    message.header.kind = RouteType::Unicast;
    message.header.scope = RouteScope::Universe;
    // The header's field has 8 bits; the attribute counts.
    message.header.table = RouteHeader::RT_TABLE_UNSPEC;
    message.attributes = vec![RouteAttribute::Table(route.table)];
    if route.destination.prefix_len() != 0 {
        message.attributes.push(RouteAttribute::Destination(route.destination.network().into()));
    }
    match &route.next_hop {
        NextHop::Via { gateway, link, onlink } => {
            message.attributes.push(RouteAttribute::Gateway((*gateway).into()));
            message.attributes.push(RouteAttribute::Oif(link.index));
            message.header.flags.set(RouteFlags::Onlink, *onlink);
        }
        NextHop::Link(link) => {
            message.header.scope = RouteScope::Link;
            message.attributes.push(RouteAttribute::Oif(link.index));
        }
        NextHop::LinkGlobal(link) => message.attributes.push(RouteAttribute::Oif(link.index)),
        NextHop::Blackhole => message.header.kind = RouteType::BlackHole,
        NextHop::Throw => message.header.kind = RouteType::Throw,
    }
    if route.metric != 0 {
        message.attributes.push(RouteAttribute::Priority(route.metric));
    }
    if let Some(source) = route.source {
        message.attributes.push(RouteAttribute::PrefSource(source.into()));
    }
    message
}

/// Asks for all routes of all tables.
pub(crate) fn question() -> RouteNetlinkMessage {
    RouteNetlinkMessage::GetRoute(RouteMessage::default())
}

/// Asks which route a packet takes that comes in by the link of index `input`. No packet is sent.
pub(crate) fn decision(input: u32, source: Ipv4Addr, destination: Ipv4Addr) -> RouteNetlinkMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = AddressFamily::Inet;
    message.header.destination_prefix_length = 32;
    message.header.source_prefix_length = 32;
    // The route as it stands in its table, and which table that is, not what the kernel makes of it for this
    // packet.
    message.header.flags = RouteFlags::FibMatch | RouteFlags::LookupTable;
    message.attributes = vec![
        RouteAttribute::Destination(RouteAddress::Inet(destination)),
        RouteAttribute::Source(RouteAddress::Inet(source)),
        RouteAttribute::Iif(input),
    ];
    RouteNetlinkMessage::GetRoute(message)
}

/// Whether it leads to the place itself.
pub(crate) fn is_local(message: &RouteMessage) -> bool {
    matches!(message.header.kind, RouteType::Local | RouteType::Broadcast)
}

/// Reads a route back. `None` for the kernel's own: connected, local, link-local and multicast
/// routes, and what it remembers of single destinations.
///
/// What the blueprint cannot say (several next hops, `unreachable`, …) still stands in the way of a
/// route of the same identity. It is reported as a blackhole of protocol 0, which no blueprint has:
/// so it is seen as a difference, and replaced.
pub(crate) fn read(message: RouteMessage, link_name: impl Fn(u32) -> Option<IfName>) -> Option<Route> {
    let header = &message.header;
    if matches!(header.protocol, RouteProtocol::Kernel | RouteProtocol::IcmpRedirect) {
        return None;
    }
    let route = read_any(message, link_name)?;
    let destination = route.destination.addr();
    (!destination.is_multicast() && !address::is_link_local(destination)).then_some(route)
}

/// Reads an IPv4 route back as [`read`] does, whoever made it: connected ones too.
pub(crate) fn read_any_v4(message: RouteMessage, link_name: impl Fn(u32) -> Option<IfName>) -> Option<Route> {
    let v4 = message.header.address_family == AddressFamily::Inet;
    if v4 { read_any(message, link_name) } else { None }
}

fn read_any(message: RouteMessage, link_name: impl Fn(u32) -> Option<IfName>) -> Option<Route> {
    let RouteMessage { header, attributes, .. } = message;
    let any: IpAddr = match header.address_family {
        AddressFamily::Inet => std::net::Ipv4Addr::UNSPECIFIED.into(),
        AddressFamily::Inet6 => std::net::Ipv6Addr::UNSPECIFIED.into(),
        _ => return None,
    };
    let own = matches!(header.kind, RouteType::Local | RouteType::Broadcast | RouteType::Anycast)
        || header.flags.contains(RouteFlags::Cloned);
    if own || header.tos != 0 || header.source_prefix_length != 0 {
        return None;
    }

    let (mut table, mut destination, mut metric) = (u32::from(header.table), any, 0);
    let (mut gateway, mut index, mut source, mut odd) = (None, None, None, false);
    for attribute in attributes {
        match attribute {
            RouteAttribute::Table(number) => table = number,
            RouteAttribute::Destination(address) => destination = ip(&address)?,
            RouteAttribute::Priority(number) => metric = number,
            RouteAttribute::Gateway(address) => gateway = Some(ip(&address)?),
            RouteAttribute::Oif(number) => index = Some(number),
            RouteAttribute::PrefSource(address) => source = Some(ip(&address)?),
            RouteAttribute::MultiPath(_)
            | RouteAttribute::Via(_)
            | RouteAttribute::NhId(_)
            | RouteAttribute::EncapType(_) => odd = true,
            _ => {}
        }
    }
    if table == LOCAL_TABLE {
        return None;
    }
    let destination = IpNet::new(destination, header.destination_prefix_length).ok()?;
    let link = index.and_then(|index| Some(LinkRef { name: link_name(index)?, index }));
    // IPv6 routes have no scope.
    let on_link = header.scope == RouteScope::Link || any.is_ipv6();
    let next_hop = match (header.kind, gateway, link) {
        _ if odd => None,
        (RouteType::BlackHole, ..) => Some(NextHop::Blackhole),
        (RouteType::Throw, ..) => Some(NextHop::Throw),
        (RouteType::Unicast, Some(gateway), Some(link)) => {
            Some(NextHop::Via { gateway, link, onlink: header.flags.contains(RouteFlags::Onlink) })
        }
        (RouteType::Unicast, None, Some(link)) if on_link => Some(NextHop::Link(link)),
        (RouteType::Unicast, None, Some(link)) if header.scope == RouteScope::Universe => {
            Some(NextHop::LinkGlobal(link))
        }
        _ => None,
    };
    let protocol = if next_hop.is_some() { header.protocol.into() } else { 0 };
    let next_hop = next_hop.unwrap_or(NextHop::Blackhole);
    Some(Route { table, destination, metric, next_hop, protocol, source })
}

/// `RT_TABLE_LOCAL`: the kernel's record of its own addresses.
const LOCAL_TABLE: u32 = 255;

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(v4) => Some((*v4).into()),
        RouteAddress::Inet6(v6) => Some((*v6).into()),
        _ => None,
    }
}
