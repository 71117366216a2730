//! VPN and ExpressRoute gateways.

use std::collections::BTreeMap;

use super::{
    SubnetIndex, VirtualNetwork, VirtualNetworkGateway,
    address_book::AddressBook,
    resource_name,
    unique::Names,
    virtual_machine::full,
    virtual_network::{GATEWAY_SUBNET, find},
};
use crate::spec::{
    LabSpec,
    lab::{self, GatewayType},
    problem::Problem,
    tree::At,
};

/// Checks the gateways and gives each its private address, the first usable one of its subnet.
///
/// One entry for each gateway of the file, `None` for what cannot be used.
pub(super) fn resolve(
    spec: &LabSpec,
    networks: &[VirtualNetwork],
    book: &mut AddressBook,
    problems: &mut Vec<Problem>,
) -> Vec<Option<VirtualNetworkGateway>> {
    let mut names = Names::of("a gateway");
    let mut of_network: BTreeMap<(usize, bool), &str> = BTreeMap::new();
    let mut gateways = vec![];
    for (index, gateway) in spec.lab.value.virtual_network_gateways.iter().enumerate() {
        let at = spec.lab.at().key("virtualNetworkGateways").item(index);
        names.claim(&gateway.name, at.key("name").span(), problems);
        resource_name::check(&gateway.name, 80, at.key("name"), problems);
        let gateway_type = gateway.gateway_type.unwrap_or(GatewayType::Vpn);
        let is_vpn = gateway_type == GatewayType::Vpn;
        let resolved = gateway_subnet(spec, networks, gateway, at, problems).and_then(|subnet| {
            if let Some(other) = of_network.insert((subnet.virtual_network, is_vpn), &gateway.name) {
                let message =
                    format!("the VNet `{}` has the gateway `{other}` already", gateway.virtual_network);
                let help = "Azure allows one gateway of a type in a VNet; connect several sites to the same";
                problems.push(Problem::new(at.key("virtualNetwork").span(), message).help(help));
                return None;
            }
            let address = book.take_next(subnet, &format!("the gateway `{}`", gateway.name));
            if address.is_none() {
                problems.push(full(networks, subnet, at.key("virtualNetwork")));
            }
            let name = gateway.name.clone();
            Some(VirtualNetworkGateway {
                name,
                gateway_type,
                subnet,
                private_ip_address: address?,
                default_site: None,
            })
        });
        gateways.push(resolved);
    }
    gateways
}

fn gateway_subnet(
    spec: &LabSpec,
    networks: &[VirtualNetwork],
    gateway: &lab::VirtualNetworkGateway,
    at: At<'_>,
    problems: &mut Vec<Problem>,
) -> Option<SubnetIndex> {
    let written = spec.lab.at().key("virtualNetworks");
    let virtual_network =
        find(networks, &gateway.virtual_network, written, at.key("virtualNetwork"), problems)?;
    let subnets = &networks[virtual_network].subnets;
    let subnet = subnets.iter().position(|subnet| subnet.name == GATEWAY_SUBNET);
    if subnet.is_none() && !written.item(virtual_network).key("subnets").has_lost(GATEWAY_SUBNET) {
        let message = format!("the VNet `{}` has no subnet `{GATEWAY_SUBNET}`", gateway.virtual_network);
        problems.push(Problem::new(at.key("virtualNetwork").span(), message).help(format!(
            "a gateway needs one with exactly that name, /27 or larger: `- name: {GATEWAY_SUBNET}`"
        )));
    }
    Some(SubnetIndex { virtual_network, subnet: subnet? })
}
