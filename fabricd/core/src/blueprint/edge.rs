//! A device between a VNet and the internet: what load balancers and NAT gateways have in common.

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
    object::{Address, LinkRef, Object},
    place::Place,
    topology::Topology,
};

/// The tunnel devices of such a device.
pub struct Links {
    /// To the VNet.
    pub vnet: LinkRef,
    /// To public addresses.
    pub wan: LinkRef,
}

/// Draws the device at `place`, with `rules` as its nft rules: `vnet` leads to the VNet `home`, `wan` to
/// everything else, and it has `addresses` there.
pub fn draw(
    blueprint: &mut Blueprint,
    topology: &Topology,
    physical: &PhysicalAddresses,
    (place, cause): (&Place, &Arc<str>),
    (home, addresses): (usize, &[Ipv4Addr]),
    rules: String,
    machine: Machine,
) -> Links {
    blueprint.add(place, cause, Object::Namespace);
    sysctls::fabric(blueprint, place, cause, machine);
    blueprint.add(place, cause, virtual_switch::nft(rules));
    blueprint.add(place, cause, virtual_switch::no_router_hop(&["vnet", "wan"]));
    let attachment = underlay::attach(blueprint, physical, place, cause);
    let vnet = underlay::tunnel(blueprint, place, cause, &attachment, RoutingDomain::VirtualNetwork(home));
    let wan = underlay::tunnel(blueprint, place, cause, &attachment, RoutingDomain::Wan);
    for prefix in &topology.virtual_networks[home].address_prefixes {
        underlay::link_route(blueprint, place, cause, &vnet, *prefix);
    }
    underlay::link_route(blueprint, place, cause, &wan, Ipv4Net::default());
    for address in addresses {
        own_address(blueprint, place, cause, *address);
    }
    Links { vnet, wan }
}

/// An address that the place answers for on all its links.
pub fn own_address(blueprint: &mut Blueprint, place: &Place, cause: &Arc<str>, address: Ipv4Addr) {
    let address = Address {
        link: LinkRef::fixed("lo", 1),
        address: IpNet::from(IpAddr::V4(address)),
        broadcast: false,
        metric: 0,
        no_prefix_route: false,
    };
    blueprint.add(place, cause, Object::Address(address));
}

/// What `snat ip to` takes: the address, or one of several at random, with these ports if they are given.
pub fn one_of(addresses: &[Ipv4Addr], ports: Option<&str>) -> String {
    let with_ports = |address: &Ipv4Addr, between: &str| match ports {
        Some(ports) => format!("{address}{between}{ports}"),
        None => address.to_string(),
    };
    match addresses {
        [one] => with_ports(one, ":"),
        several => {
            let each = several.iter().enumerate();
            let each: Vec<String> =
                each.map(|(number, it)| format!("{number} : {}", with_ports(it, " . "))).collect();
            format!("numgen random mod {} map {{ {} }}", several.len(), each.join(", "))
        }
    }
}

/// How long connections are remembered without a packet: `ct timeout` objects, and the chain that sets them.
pub fn timeouts(text: &mut String, idle_timeout_minutes: u32, closed: &str) {
    use std::fmt::Write;
    text.push_str(virtual_switch::UNTRACKED_TUNNELS);
    let _ = write!(
        text,
        "  ct timeout tcp-idle {{\n    protocol tcp\n    l3proto ip\n    policy = {{ established : {}, {closed} }}\n  }}\n  \
         ct timeout udp-idle {{\n    protocol udp\n    l3proto ip\n    policy = {{ unreplied : 240, replied : 240 }}\n  }}\n  \
         chain timeouts {{\n    type filter hook prerouting priority mangle; policy accept;\n    \
         ip protocol tcp ct timeout set \"tcp-idle\"\n    ip protocol udp ct timeout set \"udp-idle\"\n  }}\n",
        60 * idle_timeout_minutes
    );
}

/// What neither a load balancer nor a NAT gateway passes on: what is not TCP or UDP, fragments, and what begins
/// outside (aks-facts 4.3, 4.4).
pub const NOT_TRANSLATED: &str = "    ip protocol != { tcp, udp } drop comment \"only TCP and UDP are translated\"\n    \
     ct state established accept\n    ct state invalid drop\n    \
     iifname != \"vnet\" drop comment \"outbound only\"\n";
