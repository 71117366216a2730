//! The datacenter network: one bridge that every Azure host, gateway and platform service hangs on.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use ipnet::{IpNet, Ipv4Net};

use super::{Blueprint, physical::PhysicalAddresses, sysctls};
use crate::{
    kernel::Machine,
    name::IfName,
    object::{
        Address, Bridge, LinkRef, MAIN_TABLE, Mac, NextHop, Object, PROTOCOL_BOOT, Port, Route, Rule, Sysctl,
        Up, Veth, VethPeer, Vxlan,
    },
    place::Place,
};

/// Room for the encapsulation of 1500 bytes: outer Ethernet, IPv4, UDP and VXLAN headers are 50.
const MTU: u32 = 1600;
/// The routing table for the tunnels' outer packets, so that the main table holds nothing but what
/// Azure would call effective routes.
const UNDERLAY_TABLE: u32 = 4789;

/// What a place on the underlay sees of it.
#[derive(Clone, Debug)]
pub struct Attachment {
    /// Its physical address.
    pub physical: Ipv4Addr,
    /// Its link to the underlay.
    pub link: LinkRef,
}

/// Draws the bridge.
pub fn draw(blueprint: &mut Blueprint, machine: Machine) {
    let place = Place::Underlay;
    let cause: Arc<str> = Arc::from("datacenter");
    blueprint.add(&place, &cause, Object::Namespace);
    sysctls::no_ipv6(blueprint, &place, &cause, machine);
    sysctls::bridge_netfilter(blueprint, &place, &cause, machine, false);
    let bridge = LinkRef::fixed("br0", 2);
    let mac = Mac::local("underlay/br0");
    let object = Bridge { link: bridge.clone(), mac, mtu: MTU, multicast_snooping: false };
    blueprint.add(&place, &cause, Object::Bridge(object));
    blueprint.add(&place, &cause, Object::Up(Up::plain(bridge)));
}

/// Draws `place`'s link to the bridge: `pa0` ("physical address") there, `pa-B-C-D` here.
pub fn attach(
    blueprint: &mut Blueprint,
    addresses: &PhysicalAddresses,
    place: &Place,
    cause: &Arc<str>,
) -> Attachment {
    let physical = addresses.of(place);
    let [_, b, c, d] = physical.octets();
    let number = u32::from(physical) & 0x3f_ffff;
    let port = LinkRef { name: IfName::fixed(&format!("pa-{b}-{c}-{d}")), index: 16 + number };
    let link = LinkRef::fixed("pa0", 2);
    let underlay = Place::Underlay;
    blueprint.add(
        &underlay,
        cause,
        Object::Veth(Veth {
            link: port.clone(),
            mac: mac(0x0e, physical),
            mtu: MTU,
            peer: VethPeer { place: place.clone(), link: link.clone(), mac: mac(0x0a, physical) },
        }),
    );
    let bridge = LinkRef::fixed("br0", 2);
    blueprint.add(&underlay, cause, Object::Port(Port { link: port.clone(), bridge, hairpin: false }));
    blueprint.add(&underlay, cause, Object::Up(Up::plain(port)));
    blueprint.add(
        place,
        cause,
        Object::Address(Address {
            link: link.clone(),
            address: IpNet::from(IpAddr::V4(physical)),
            broadcast: false,
            metric: 0,
            no_prefix_route: false,
        }),
    );
    blueprint.add(place, cause, Object::Up(Up::plain(link.clone())));
    // The outer packets are the only ones that begin here and carry this source.
    blueprint.add(
        place,
        cause,
        Object::Rule(Rule {
            priority: 10,
            input: Some(IfName::fixed("lo")),
            from: Some(IpNet::from(IpAddr::V4(physical))),
            mark: None,
            table: UNDERLAY_TABLE,
        }),
    );
    blueprint.add(
        place,
        cause,
        Object::Route(Route {
            table: UNDERLAY_TABLE,
            destination: IpNet::V4(Ipv4Net::default()),
            metric: 0,
            next_hop: NextHop::Link(link.clone()),
            protocol: PROTOCOL_BOOT,
            source: None,
        }),
    );
    Attachment { physical, link }
}

/// Draws the tunnel device of a routing domain in a place on the underlay. Its neighbours are found
/// by flooding to the domain's group; each place answers for its own addresses only.
pub fn tunnel(
    blueprint: &mut Blueprint,
    place: &Place,
    cause: &Arc<str>,
    attachment: &Attachment,
    domain: RoutingDomain,
) -> LinkRef {
    let link = domain.link();
    blueprint.add(
        place,
        cause,
        Object::Vxlan(Vxlan {
            link: link.clone(),
            mac: mac(domain.first_of_mac(), attachment.physical),
            mtu: 1500,
            vni: domain.vni(),
            local: attachment.physical,
            group: domain.group(),
            lower: attachment.link.clone(),
        }),
    );
    blueprint.add(place, cause, Object::Up(Up::plain(link.clone())));
    for (class, name) in [("ipv4/conf", "send_redirects"), ("ipv4/neigh", "proxy_delay")] {
        blueprint.add(place, cause, Object::Sysctl(Sysctl::of_link(class, &link.name, name, "0")));
    }
    link
}

/// What keeps tunnels of different networks apart.
#[derive(Clone, Copy, Debug)]
pub enum RoutingDomain {
    /// The VNet of this number.
    VirtualNetwork(usize),
    /// The same, in a place of another VNet that is peered with it.
    PeeredNetwork(usize),
    /// The pods of the cluster of this number.
    Overlay(usize),
    /// Public addresses: what is between Azure's edge and the internet.
    Wan,
}

impl RoutingDomain {
    /// What its tunnels say they carry.
    pub fn vni(self) -> u32 {
        match self {
            Self::VirtualNetwork(number) | Self::PeeredNetwork(number) => {
                1000 + u32::try_from(number).unwrap_or(0)
            }
            Self::Overlay(number) => 2000 + u32::try_from(number).unwrap_or(0),
            Self::Wan => 9000,
        }
    }

    /// The tunnel device of the domain in a place.
    pub(crate) fn link(self) -> LinkRef {
        match self {
            Self::VirtualNetwork(_) => LinkRef::fixed("vnet", 4),
            Self::Overlay(_) => LinkRef::fixed("ovl", 5),
            Self::Wan => LinkRef::fixed("wan", 6),
            Self::PeeredNetwork(number) => LinkRef {
                name: IfName::fixed(&format!("peer{number}")),
                index: 4096 + u32::try_from(number).unwrap_or(0),
            },
        }
    }

    fn first_of_mac(self) -> u8 {
        match self {
            Self::VirtualNetwork(_) | Self::PeeredNetwork(_) => 0x02,
            Self::Overlay(_) => 0x06,
            Self::Wan => 0x12,
        }
    }

    /// In 239.0.0.0/8, which is for groups of local scope (RFC 2365).
    fn group(self) -> Ipv4Addr {
        let [_, a, b, c] = self.vni().to_be_bytes();
        Ipv4Addr::new(239, a, b, c)
    }
}

/// A route of a routing domain's own table in `place`: everything of `prefix` by `link`.
pub fn link_route(
    blueprint: &mut Blueprint,
    place: &Place,
    cause: &Arc<str>,
    link: &LinkRef,
    destination: Ipv4Net,
) {
    let route = Route {
        table: MAIN_TABLE,
        destination: IpNet::V4(destination),
        metric: 0,
        next_hop: NextHop::Link(link.clone()),
        protocol: PROTOCOL_BOOT,
        source: None,
    };
    blueprint.add(place, cause, Object::Route(route));
}

fn mac(first: u8, physical: Ipv4Addr) -> Mac {
    let [a, b, c, d] = physical.octets();
    Mac([first, 0, a, b, c, d])
}
