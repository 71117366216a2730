//! The platform addresses of a VNet: 168.63.129.16 (aks-facts 2.7).
//!
//! The daemon answers DNS there, see [`crate::dns`]; all else is refused at once.

use std::{net::Ipv4Addr, sync::Arc};

use super::{
    Blueprint, edge,
    physical::PhysicalAddresses,
    sysctls,
    underlay::{self, RoutingDomain},
    virtual_switch,
};
use crate::{
    kernel::Machine,
    object::{Object, Sysctl},
    place::Place,
    topology::Topology,
};

/// DNS, DHCP, health probes and the guest agent's server.
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);

/// Draws the platform of the VNet of this number.
pub fn draw(
    blueprint: &mut Blueprint,
    topology: &Topology,
    addresses: &PhysicalAddresses,
    number: usize,
    machine: Machine,
) {
    let network = &topology.virtual_networks[number];
    let place = Place::Platform { virtual_network: network.name.clone() };
    let cause: Arc<str> = Arc::from(format!("virtualNetwork/{}", network.name));
    blueprint.add(&place, &cause, Object::Namespace);
    sysctls::endpoint(blueprint, &place, &cause, machine);
    // Every refusal counts; by default the kernel sends one in a second after the first few.
    blueprint.add(&place, &cause, Object::Sysctl(Sysctl::global("net/ipv4/icmp_ratelimit", "0")));
    blueprint.add(&place, &cause, virtual_switch::platform(ADDRESS));
    let attachment = underlay::attach(blueprint, addresses, &place, &cause);
    let vnet =
        underlay::tunnel(blueprint, &place, &cause, &attachment, RoutingDomain::VirtualNetwork(number));
    edge::own_address(blueprint, &place, &cause, ADDRESS);
    for prefix in &network.address_prefixes {
        underlay::link_route(blueprint, &place, &cause, &vnet, *prefix);
    }
}
