//! An Azure Firewall: the next hop of route tables, between VNets, sites and the internet.

use std::sync::Arc;

use super::{
    Blueprint, edge, firewall_rules,
    physical::PhysicalAddresses,
    sysctls,
    underlay::{self, RoutingDomain},
    virtual_network::Links,
    virtual_switch,
};
use crate::{
    effective_routes::effective_routes,
    kernel::Machine,
    object::{MAIN_TABLE, Object},
    place::Place,
    topology::Topology,
};

/// Draws the firewall of this number. Its main table is the effective routes of its subnet, and next hop
/// Internet is `wan`: it has public addresses of its own.
pub fn draw(
    blueprint: &mut Blueprint,
    topology: &Topology,
    physical: &PhysicalAddresses,
    number: usize,
    machine: Machine,
) {
    let firewall = &topology.azure_firewalls[number];
    let place = Place::Firewall { name: firewall.name.clone() };
    let cause: Arc<str> = Arc::from(format!("azureFirewall/{}", firewall.name));
    blueprint.add(&place, &cause, Object::Namespace);
    sysctls::fabric(blueprint, &place, &cause, machine);
    blueprint.add(&place, &cause, virtual_switch::nft(firewall_rules::text(topology, firewall)));
    blueprint.add(&place, &cause, virtual_switch::no_router_hop(&["vnet", "peer+", "wan"]));
    let attachment = underlay::attach(blueprint, physical, &place, &cause);
    let home = firewall.subnet.virtual_network;
    let peers = topology.peers(home).map(|(peering, _)| peering.remote);
    let mut links = Links::draw(blueprint, &place, &cause, &attachment, home, peers);
    links.internet = Some(underlay::tunnel(blueprint, &place, &cause, &attachment, RoutingDomain::Wan));
    let public = firewall.public_addresses.iter().map(|public| public.address);
    for address in std::iter::once(firewall.private_ip_address).chain(public) {
        edge::own_address(blueprint, &place, &cause, address);
    }
    let effective = effective_routes(topology, firewall.subnet).into_iter();
    links.routes(blueprint, &place, effective, MAIN_TABLE, None);
}
