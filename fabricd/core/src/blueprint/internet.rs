//! The emulated internet: a router between Azure's public addresses, servers and sites on premises.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use ipnet::{IpNet, Ipv4Net};

use super::{
    Blueprint,
    physical::PhysicalAddresses,
    sysctls,
    underlay::{self, RoutingDomain},
    virtual_switch,
};
use crate::{
    kernel::Machine,
    name::IfName,
    object::{Address, LinkRef, Mac, Neighbour, NeighbourKind, Object, Sysctl, Up, Veth, VethPeer},
    place::Place,
    topology::{Server, Topology},
};

/// Interface indexes of the router's links to servers and sites begin here.
const FIRST_PORT: u32 = 16;

/// Draws the internet and its servers, if the lab has one.
pub fn draw(blueprint: &mut Blueprint, topology: &Topology, physical: &PhysicalAddresses, machine: Machine) {
    let Some(internet) = &topology.internet else { return };
    let place = Place::Internet;
    let cause: Arc<str> = Arc::from("internet");
    blueprint.add(&place, &cause, Object::Namespace);
    sysctls::fabric(blueprint, &place, &cause, machine);
    for rules in virtual_switch::internet() {
        blueprint.add(&place, &cause, rules);
    }
    let attachment = underlay::attach(blueprint, physical, &place, &cause);
    let wan = underlay::tunnel(blueprint, &place, &cause, &attachment, RoutingDomain::Wan);
    // It answers for servers and sites: to everything in Azure they are one hop away.
    blueprint.add(&place, &cause, Object::Sysctl(Sysctl::of_link("ipv4/conf", &wan.name, "proxy_arp", "1")));
    for public in topology.public_addresses() {
        let cause: Arc<str> = Arc::from(format!("publicIPAddress/{}", public.name));
        underlay::link_route(blueprint, &place, &cause, &wan, Ipv4Net::from(public.address));
    }
    for server in &internet.servers {
        draw_server(blueprint, server, machine);
    }
    for (number, site) in topology.on_premises.iter().enumerate() {
        let Some(address) = site.public_address else { continue };
        let cause: Arc<str> = Arc::from(format!("onPremises/{}", site.name));
        let number = u32::try_from(number).unwrap_or(0);
        let index = FIRST_PORT + number;
        let port = LinkRef { name: IfName::fixed(&format!("isp{number}")), index };
        let far = Place::OnPremises { site: site.name.clone() };
        connect(blueprint, &cause, port, (&far, isp(), address));
    }
}

/// A site's link to the internet.
pub fn isp() -> LinkRef {
    LinkRef::fixed("isp0", 4)
}

fn draw_server(blueprint: &mut Blueprint, server: &Server, machine: Machine) {
    let place = Place::Server { name: server.name.clone() };
    let cause: Arc<str> = Arc::from(format!("internet/{}", server.name));
    blueprint.add(&place, &cause, Object::Namespace);
    sysctls::endpoint(blueprint, &place, &cause, machine);
    // By its address, so that it stays the same link when others come and go; behind those of sites.
    let index = 0x100_0000 + (u32::from(server.address) & 0xff_ffff);
    let [_, b, c, d] = server.address.octets();
    let port = LinkRef { name: IfName::fixed(&format!("s{b}-{c}-{d}")), index };
    connect(blueprint, &cause, port, (&place, LinkRef::fixed("eth0", 2), server.address));
}

/// A line between the internet's router and who has `address`.
fn connect(
    blueprint: &mut Blueprint,
    cause: &Arc<str>,
    port: LinkRef,
    (place, link, address): (&Place, LinkRef, Ipv4Addr),
) {
    let router = Place::Internet;
    let seed = format!("internet/{address}");
    let mac = Mac::local(&format!("{seed}/far"));
    blueprint.add(
        &router,
        cause,
        Object::Veth(Veth {
            link: port.clone(),
            mac: Mac::local(&format!("{seed}/near")),
            mtu: 1500,
            peer: VethPeer { place: place.clone(), link: link.clone(), mac },
        }),
    );
    blueprint.add(&router, cause, Object::Up(Up::plain(port.clone())));
    for (class, parameter, value) in [("ipv4/conf", "proxy_arp", "1"), ("ipv4/neigh", "proxy_delay", "0")] {
        let sysctl = Sysctl::of_link(class, &port.name, parameter, value);
        blueprint.add(&router, cause, Object::Sysctl(sysctl));
    }
    underlay::link_route(blueprint, &router, cause, &port, Ipv4Net::from(address));
    // The router has no address of its own to ask with.
    let known = Neighbour { link: port, address: IpAddr::V4(address), kind: NeighbourKind::Permanent(mac) };
    blueprint.add(&router, cause, Object::Neighbour(known));
    let own = Address {
        link: link.clone(),
        address: IpNet::from(IpAddr::V4(address)),
        broadcast: false,
        metric: 0,
        no_prefix_route: false,
    };
    blueprint.add(place, cause, Object::Address(own));
    blueprint.add(place, cause, Object::Up(Up::plain(link.clone())));
    underlay::link_route(blueprint, place, cause, &link, Ipv4Net::default());
}
