//! NAT gateways, and the subnets that leave by them.

use super::{
    VirtualNetwork,
    public_address::{PublicAddress, PublicAddresses},
    resource_name,
    unique::Names,
};
use crate::spec::{LabSpec, problem::Problem, suggest::advice, tree::At};

/// Public addresses of a NAT gateway. Source: aks-facts 4.4.
pub(super) const ADDRESSES_MAX: usize = 16;

/// A NAT gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatGateway {
    /// Unique in the lab.
    pub name: String,
    /// The VNet that its subnets are in; `None` if no subnet has it.
    pub virtual_network: Option<usize>,
    /// 1 to 16.
    pub public_addresses: Vec<PublicAddress>,
    /// 4 to 120.
    pub idle_timeout_minutes: u32,
    /// The cluster that made it, if AKS did.
    pub managed_by: Option<String>,
}

/// Checks the NAT gateways of the file and attaches them to the subnets that name them.
pub(super) fn resolve(
    spec: &LabSpec,
    networks: &mut [VirtualNetwork],
    addresses: &mut PublicAddresses<'_>,
    problems: &mut Vec<Problem>,
) -> Vec<NatGateway> {
    let at = spec.lab.at().key("natGateways");
    let mut names = Names::of("a NAT gateway");
    let mut gateways = vec![];
    for (index, gateway) in spec.lab.value.nat_gateways.iter().enumerate() {
        let at = at.item(index);
        names.claim(&gateway.name, at.key("name").span(), problems);
        resource_name::check(&gateway.name, 80, at.key("name"), problems);
        let written = at.key("publicIPAddresses");
        let count = gateway.public_ip_addresses.len();
        if count == 0 && !written.is_lost() || count > ADDRESSES_MAX {
            let message = format!("a NAT gateway has 1 to {ADDRESSES_MAX} public IP addresses");
            problems.push(Problem::new(written.span(), message));
        }
        let owner = format!("the NAT gateway `{}`", gateway.name);
        let claimed = gateway.public_ip_addresses.iter().enumerate();
        let public_addresses = claimed
            .filter_map(|(number, name)| addresses.claim(name, &owner, written.item(number), problems));
        gateways.push(NatGateway {
            name: gateway.name.clone(),
            virtual_network: None,
            public_addresses: public_addresses.collect(),
            idle_timeout_minutes: idle_timeout(gateway.idle_timeout_in_minutes, 4, at, problems),
            managed_by: None,
        });
    }
    attach(spec, networks, &mut gateways, problems);
    gateways
}

/// Minutes as written, or the default.
pub(super) fn idle_timeout(
    written: Option<u32>,
    default: u32,
    at: At<'_>,
    problems: &mut Vec<Problem>,
) -> u32 {
    let minutes = written.unwrap_or(default);
    if !(4..=120).contains(&minutes) {
        let at = at.key("idleTimeoutInMinutes");
        problems.push(Problem::new(at.span(), "an idle timeout is 4 to 120 minutes"));
    }
    minutes
}

fn attach(
    spec: &LabSpec,
    networks: &mut [VirtualNetwork],
    gateways: &mut [NatGateway],
    problems: &mut Vec<Problem>,
) {
    let section = spec.lab.at().key("natGateways");
    for (index, network) in spec.lab.value.virtual_networks.iter().enumerate() {
        let at = spec.lab.at().key("virtualNetworks").item(index).key("subnets");
        for (number, subnet) in network.subnets.iter().enumerate() {
            let Some(name) = &subnet.nat_gateway else { continue };
            let at = at.item(number).key("natGateway");
            let mut refuse = |message: String, help: String| {
                problems.push(Problem::new(at.span(), message).help(help));
            };
            let Some(found) = gateways.iter().position(|gateway| gateway.name == *name) else {
                if !section.has_lost(name) {
                    let all = gateways.iter().map(|gateway| gateway.name.as_str());
                    let help = advice(name, "NAT gateways", all);
                    refuse(format!("there is no NAT gateway `{name}`"), help);
                }
                continue;
            };
            let home = *gateways[found].virtual_network.get_or_insert(index);
            if home != index {
                let other = &spec.lab.value.virtual_networks[home].name;
                let message = format!("the NAT gateway `{name}` is for subnets of the VNet `{other}`");
                refuse(message, "a NAT gateway serves one VNet: take another one here".to_owned());
            } else if subnet.name == super::virtual_network::GATEWAY_SUBNET {
                let message = format!("{} cannot have a NAT gateway", subnet.name);
                refuse(message, "Azure refuses it; remove it".to_owned());
            } else if subnet.name == super::virtual_network::FIREWALL_SUBNET {
                let message = format!("a NAT gateway of {} is not built yet", subnet.name);
                refuse(message, "remove it: the firewall has public addresses of its own".to_owned());
            }
            if let Some(subnet) = networks[index].subnets.get_mut(number) {
                subnet.nat_gateway = Some(found);
            }
        }
    }
}
