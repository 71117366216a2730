//! Connected routes, which the kernel makes by itself, and which some programs take away.

use std::collections::HashSet;

use fabric_core::object::{Address, MAIN_TABLE, NoConnectedRoute};
use ipnet::IpNet;
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    route::{RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType},
};

use super::{Request, address, link::LOOPBACK};

/// Takes the connected route away.
pub(crate) fn create(absence: &NoConnectedRoute) -> Request {
    Request::change(RouteNetlinkMessage::DelRoute(message(absence)))
}

/// Brings the connected route back, as the kernel makes it.
pub(crate) fn remove(absence: &NoConnectedRoute) -> Request {
    let mut message = message(absence);
    message.attributes.push(RouteAttribute::PrefSource(absence.address.addr().into()));
    Request::create(RouteNetlinkMessage::NewRoute(message))
}

fn message(absence: &NoConnectedRoute) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = address::family(absence.address.addr());
    message.header.destination_prefix_length = absence.address.prefix_len();
    message.header.protocol = RouteProtocol::Kernel;
    message.header.kind = RouteType::Unicast;
    message.header.scope = RouteScope::Link;
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message.attributes = vec![
        RouteAttribute::Destination(absence.address.network().into()),
        RouteAttribute::Oif(absence.link.index),
    ];
    message
}

/// Connected routes by the link's index.
#[derive(Default)]
pub(crate) struct ConnectedRoutes {
    seen: HashSet<(u32, IpNet)>,
}

impl ConnectedRoutes {
    /// Notes the route if it is one.
    pub(crate) fn note(&mut self, message: &RouteMessage) {
        let header = &message.header;
        let connected = header.address_family == AddressFamily::Inet
            && header.protocol == RouteProtocol::Kernel
            && header.kind == RouteType::Unicast
            && header.scope == RouteScope::Link;
        if !connected {
            return;
        }
        let (mut table, mut destination, mut index) = (u32::from(header.table), None, None);
        for attribute in &message.attributes {
            match attribute {
                RouteAttribute::Table(number) => table = *number,
                RouteAttribute::Destination(RouteAddress::Inet(v4)) => destination = Some(*v4),
                RouteAttribute::Oif(number) => index = Some(*number),
                _ => {}
            }
        }
        let (Some(destination), Some(index)) = (destination, index) else { return };
        if let (MAIN_TABLE, Ok(net)) =
            (table, IpNet::new(destination.into(), header.destination_prefix_length))
        {
            self.seen.insert((index, net));
        }
    }

    /// What is to be said of an address on a link that is up and whose connected route is not there.
    pub(crate) fn absence(&self, address: &Address) -> Option<NoConnectedRoute> {
        let net = address.address;
        let has_one = matches!(net, IpNet::V4(_))
            && net.prefix_len() < net.max_prefix_len()
            && !address.no_prefix_route
            && address.link.index != LOOPBACK;
        let lost = has_one && !self.seen.contains(&(address.link.index, net.trunc()));
        lost.then(|| NoConnectedRoute { link: address.link.clone(), address: net })
    }
}
