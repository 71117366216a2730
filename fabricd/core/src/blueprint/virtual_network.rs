//! What connects an Azure host, a gateway or a firewall to its VNet and to those that are peered with it: a tunnel device
//! for each, and effective routes that lead into them.
//!
//! No device, no way: this is why peering is not transitive.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use ipnet::IpNet;

use super::{
    Blueprint,
    underlay::{self, Attachment, RoutingDomain},
};
use crate::{
    effective_routes::{self, EffectiveRoute, Hop, RouteSource},
    object::{LinkRef, NextHop, Object, PROTOCOL_BGP, PROTOCOL_BOOT, PROTOCOL_STATIC, Route},
    place::Place,
};

/// The tunnel devices of one place.
pub struct Links {
    home: usize,
    by_network: BTreeMap<usize, LinkRef>,
    /// Where next hop Internet leads. Without, it is `throw`: whatever comes for it stands behind the table.
    pub internet: Option<LinkRef>,
}

impl Links {
    /// Draws the device of the VNet `home` and those of `peers`.
    pub fn draw(
        blueprint: &mut Blueprint,
        place: &Place,
        cause: &Arc<str>,
        attachment: &Attachment,
        home: usize,
        peers: impl Iterator<Item = usize>,
    ) -> Self {
        let domain = RoutingDomain::VirtualNetwork(home);
        let vnet = underlay::tunnel(blueprint, place, cause, attachment, domain);
        let mut by_network = BTreeMap::from([(home, vnet)]);
        for peer in peers {
            let domain = RoutingDomain::PeeredNetwork(peer);
            by_network.insert(peer, underlay::tunnel(blueprint, place, cause, attachment, domain));
        }
        Self { home, by_network, internet: None }
    }

    /// The device of the place's own VNet.
    pub fn vnet(&self) -> &LinkRef {
        &self.by_network[&self.home]
    }

    /// The next hop that hands packets to an address of a VNet. Without a device to that VNet they are lost.
    fn via(&self, hop: Option<Hop>) -> NextHop {
        let link = hop.and_then(|hop| Some((hop.address, self.by_network.get(&hop.virtual_network)?)));
        link.map_or(NextHop::Blackhole, |(gateway, link)| NextHop::Via {
            gateway: IpAddr::V4(gateway),
            link: link.clone(),
            onlink: true,
        })
    }

    /// Draws effective routes into `table`. What has precedence in Azure has the smaller metric here, so that
    /// the kernel chooses as Azure does, and goes on with the next when a route is taken away.
    ///
    /// `own` is the NIC's address, with the way to its VM.
    pub fn routes(
        &self,
        blueprint: &mut Blueprint,
        place: &Place,
        routes: impl Iterator<Item = EffectiveRoute>,
        table: u32,
        own: Option<(Ipv4Addr, &NextHop)>,
    ) {
        for effective in routes {
            let next_hop = match effective.next_hop {
                effective_routes::NextHop::VnetLocal => NextHop::Link(self.vnet().clone()),
                effective_routes::NextHop::VnetPeering(peer) => {
                    self.by_network.get(&peer).map_or(NextHop::Blackhole, |link| NextHop::Link(link.clone()))
                }
                effective_routes::NextHop::VirtualAppliance(address, hop) => match own {
                    Some((own, to_the_vm)) if own == address => to_the_vm.clone(),
                    _ => self.via(hop),
                },
                effective_routes::NextHop::VirtualNetworkGateway(hop) => self.via(hop),
                effective_routes::NextHop::Internet => match &self.internet {
                    Some(link) => NextHop::Link(link.clone()),
                    None => NextHop::Throw,
                },
                effective_routes::NextHop::None => NextHop::Blackhole,
            };
            let metric = effective.source.metric();
            let protocol = match effective.source {
                RouteSource::User => PROTOCOL_STATIC,
                RouteSource::VirtualNetworkGateway => PROTOCOL_BGP,
                RouteSource::Default => PROTOCOL_BOOT,
            };
            let destination = IpNet::V4(effective.address_prefix);
            let route = Route { table, destination, metric, next_hop, protocol, source: None };
            blueprint.add(place, &Arc::from(effective.origin), Object::Route(route));
        }
    }
}
