//! A site on premises: a router with the far end of the VPN or line, and machines on its network.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use ipnet::{IpNet, Ipv4Net};

use super::{Blueprint, gateway::tunnel_ends, sysctls, virtual_switch};
use crate::{
    kernel::Machine as Host,
    name::IfName,
    object::{
        Address, Bridge, LinkRef, MAIN_TABLE, Mac, NextHop, Object, PROTOCOL_BOOT, Port, Route, Up, Veth,
        VethPeer,
    },
    place::Place,
    topology::{Machine, Site, Topology},
};

/// The site's local network.
fn lan() -> LinkRef {
    LinkRef::fixed("lan0", 2)
}

/// Draws the site of this number.
pub fn draw(blueprint: &mut Blueprint, topology: &Topology, number: usize, host: Host) {
    let site = &topology.on_premises[number];
    let gateway = &topology.virtual_network_gateways[site.gateway];
    let place = Place::OnPremises { site: site.name.clone() };
    let cause: Arc<str> = Arc::from(format!("onPremises/{}", site.name));
    blueprint.add(&place, &cause, Object::Namespace);
    sysctls::fabric(blueprint, &place, &cause, host);
    sysctls::bridge_netfilter(blueprint, &place, &cause, host, false);

    let mac = Mac::local(&format!("onPremises/{}/lan0", site.name));
    let bridge = Bridge { link: lan(), mac, mtu: 1500, multicast_snooping: false };
    blueprint.add(&place, &cause, Object::Bridge(bridge));
    blueprint.add(&place, &cause, Object::Up(Up::plain(lan())));
    for prefix in &site.address_prefixes {
        address(blueprint, &place, &cause, &lan(), router_address(*prefix), prefix.prefix_len(), true);
    }

    let ends = tunnel_ends(topology, number);
    let azure = Place::Gateway { name: gateway.name.clone() };
    let vpn = ends.site_link;
    let seed = format!("vpn/{}/{}", gateway.name, site.name);
    blueprint.add(
        &azure,
        &cause,
        Object::Veth(Veth {
            link: ends.link.clone(),
            mac: Mac::local(&format!("{seed}/azure")),
            mtu: 1500,
            peer: VethPeer {
                place: place.clone(),
                link: vpn.clone(),
                mac: Mac::local(&format!("{seed}/site")),
            },
        }),
    );
    address(blueprint, &place, &cause, &vpn, ends.on_premises, 30, false);
    blueprint.add(&place, &cause, Object::Up(Up::plain(vpn.clone())));
    for network in topology.networks_behind(site.gateway) {
        for prefix in &topology.virtual_networks[network].address_prefixes {
            via(blueprint, &place, &cause, &vpn, *prefix, ends.azure);
        }
    }
    if let Some(address) = site.public_address {
        blueprint.add(&place, &cause, virtual_switch::site(address));
    }
    for machine in &site.machines {
        draw_machine(blueprint, site, machine, host);
    }
}

fn draw_machine(blueprint: &mut Blueprint, site: &Site, machine: &Machine, host: Host) {
    let router = Place::OnPremises { site: site.name.clone() };
    let place = Place::Machine { name: machine.name.clone() };
    let cause: Arc<str> = Arc::from(format!("onPremises/{}/{}", site.name, machine.name));
    let prefixes = site.address_prefixes.iter();
    let (number, prefix) = prefixes
        .enumerate()
        .find(|(_, prefix)| prefix.contains(&machine.address))
        .map_or((0, Ipv4Net::from(machine.address)), |(number, prefix)| (number, *prefix));
    blueprint.add(&place, &cause, Object::Namespace);
    sysctls::endpoint(blueprint, &place, &cause, host);

    let host_number = u32::from(machine.address) - u32::from(prefix.network());
    let index = 16 + (u32::try_from(number).unwrap_or(0) << 24) + (host_number & 0xff_ffff);
    let port = LinkRef { name: IfName::fixed(&format!("port{index}")), index };
    let eth0 = LinkRef::fixed("eth0", 2);
    let seed = format!("machine/{}", machine.name);
    blueprint.add(
        &router,
        &cause,
        Object::Veth(Veth {
            link: port.clone(),
            mac: Mac::local(&format!("{seed}/port")),
            mtu: 1500,
            peer: VethPeer {
                place: place.clone(),
                link: eth0.clone(),
                mac: Mac::local(&format!("{seed}/eth0")),
            },
        }),
    );
    blueprint.add(&router, &cause, Object::Port(Port { link: port.clone(), bridge: lan(), hairpin: false }));
    blueprint.add(&router, &cause, Object::Up(Up::plain(port)));
    address(blueprint, &place, &cause, &eth0, machine.address, prefix.prefix_len(), true);
    blueprint.add(&place, &cause, Object::Up(Up::plain(eth0.clone())));
    via(blueprint, &place, &cause, &eth0, Ipv4Net::default(), router_address(prefix));
}

/// The router's address in one of its networks.
pub fn router_address(prefix: Ipv4Net) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(prefix.network()) + 1)
}

fn address(
    blueprint: &mut Blueprint,
    place: &Place,
    cause: &Arc<str>,
    link: &LinkRef,
    address: Ipv4Addr,
    prefix_len: u8,
    broadcast: bool,
) {
    let address = IpNet::V4(Ipv4Net::new_assert(address, prefix_len));
    let object = Address { link: link.clone(), address, broadcast, metric: 0, no_prefix_route: false };
    blueprint.add(place, cause, Object::Address(object));
}

fn via(
    blueprint: &mut Blueprint,
    place: &Place,
    cause: &Arc<str>,
    link: &LinkRef,
    destination: Ipv4Net,
    gateway: Ipv4Addr,
) {
    let next_hop = NextHop::Via { gateway: IpAddr::V4(gateway), link: link.clone(), onlink: false };
    let route = Route {
        table: MAIN_TABLE,
        destination: IpNet::V4(destination),
        metric: 0,
        next_hop,
        protocol: PROTOCOL_BOOT,
        source: None,
    };
    blueprint.add(place, cause, Object::Route(route));
}
