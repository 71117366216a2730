//! A VPN or ExpressRoute gateway: between sites on premises and a VNet, with those that use it by peering. It
//! shows in no traceroute.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use ipnet::{IpNet, Ipv4Net};

use super::{
    Blueprint, edge, physical::PhysicalAddresses, sysctls, underlay, virtual_network::Links, virtual_switch,
};
use crate::{
    effective_routes::{self, RouteSource, effective_routes},
    kernel::Machine,
    name::IfName,
    object::{Address, LinkRef, MAIN_TABLE, NextHop, Object, PROTOCOL_BGP, Route, Up},
    place::Place,
    topology::{GatewayType, Topology},
};

/// One end of the tunnel between a gateway and a site, in the range that Azure uses for it
/// (169.254.21.0/24, "BGP with APIPA addresses"): four addresses a site.
pub struct TunnelEnds {
    /// At the gateway.
    pub azure: Ipv4Addr,
    /// At the site.
    pub on_premises: Ipv4Addr,
    /// The gateway's link, `vpn0` or `er0` for the lab's first site.
    pub link: LinkRef,
    /// The site's link, `vpn0` or `er0`.
    pub site_link: LinkRef,
}

/// The tunnel of the site of this number.
pub fn tunnel_ends(topology: &Topology, site: usize) -> TunnelEnds {
    let gateway = &topology.virtual_network_gateways[topology.on_premises[site].gateway];
    let kind = match gateway.gateway_type {
        GatewayType::Vpn => "vpn",
        GatewayType::ExpressRoute => "er",
    };
    let number = u32::try_from(site).unwrap_or(0);
    let base = u32::from(Ipv4Addr::new(169, 254, 21, 0)) + 4 * number;
    TunnelEnds {
        azure: Ipv4Addr::from(base + 1),
        on_premises: Ipv4Addr::from(base + 2),
        link: LinkRef { name: IfName::fixed(&format!("{kind}{number}")), index: 16 + number },
        site_link: LinkRef::fixed(&format!("{kind}0"), 3),
    }
}

/// Draws the gateway of this number.
pub fn draw(
    blueprint: &mut Blueprint,
    topology: &Topology,
    addresses: &PhysicalAddresses,
    number: usize,
    machine: Machine,
) {
    let gateway = &topology.virtual_network_gateways[number];
    let place = Place::Gateway { name: gateway.name.clone() };
    let cause: Arc<str> = Arc::from(format!("virtualNetworkGateway/{}", gateway.name));
    blueprint.add(&place, &cause, Object::Namespace);
    sysctls::fabric(blueprint, &place, &cause, machine);
    for rules in virtual_switch::gateway() {
        blueprint.add(&place, &cause, rules);
    }
    let attachment = underlay::attach(blueprint, addresses, &place, &cause);
    let home = gateway.subnet.virtual_network;
    let behind = topology.networks_behind(number);
    let borrowers = behind.iter().copied().filter(|network| *network != home);
    let links = Links::draw(blueprint, &place, &cause, &attachment, home, borrowers);
    edge::own_address(blueprint, &place, &cause, gateway.private_ip_address);
    let effective = effective_routes(topology, gateway.subnet).into_iter();
    let carried = effective.filter(|route| match route.next_hop {
        effective_routes::NextHop::VnetLocal => true,
        effective_routes::NextHop::VnetPeering(network) => behind.contains(&network),
        _ => route.source == RouteSource::User,
    });
    links.routes(blueprint, &place, carried, MAIN_TABLE, None);
    for (site_number, site) in topology.on_premises.iter().enumerate() {
        if site.gateway != number {
            continue;
        }
        let ends = tunnel_ends(topology, site_number);
        let cause: Arc<str> = Arc::from(format!("onPremises/{}", site.name));
        let address = IpNet::V4(Ipv4Net::new_assert(ends.azure, 30));
        blueprint.add(
            &place,
            &cause,
            Object::Address(Address {
                link: ends.link.clone(),
                address,
                broadcast: false,
                metric: 0,
                no_prefix_route: false,
            }),
        );
        blueprint.add(&place, &cause, Object::Up(Up::plain(ends.link.clone())));
        let default_site = topology.virtual_network_gateways[number].default_site == Some(site_number);
        let everything = default_site.then(Ipv4Net::default);
        for prefix in site.address_prefixes.iter().chain(&everything) {
            let gateway = IpAddr::V4(ends.on_premises);
            let next_hop = NextHop::Via { gateway, link: ends.link.clone(), onlink: false };
            let route = Route {
                table: MAIN_TABLE,
                destination: IpNet::V4(*prefix),
                metric: 2,
                next_hop,
                protocol: PROTOCOL_BGP,
                source: None,
            };
            blueprint.add(&place, &cause, Object::Route(route));
        }
    }
}
