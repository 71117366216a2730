//! Peerings: two halves make one (aks-facts 2.6).

use super::{
    Peering, VirtualNetwork, VirtualNetworkGateway, address_range::overlap, resource_name, unique::Names,
    virtual_network::find,
};
use crate::spec::{LabSpec, lab, problem::Problem, tree::At};

/// Peerings of a VNet. Source: Azure subscription limits.
const PEERINGS_MAX: usize = 500;

/// Checks the peerings of the file and adds them to their VNets.
pub(super) fn resolve(spec: &LabSpec, networks: &mut [VirtualNetwork], problems: &mut Vec<Problem>) {
    let written = spec.lab.at().key("virtualNetworks");
    for (index, network) in spec.lab.value.virtual_networks.iter().enumerate() {
        let at = written.item(index).key("virtualNetworkPeerings");
        if network.virtual_network_peerings.len() > PEERINGS_MAX {
            let message = format!("a VNet has at most {PEERINGS_MAX} peerings");
            problems.push(Problem::new(at.span(), message));
            continue;
        }
        let mut names = Names::of("a peering of this VNet");
        let mut peerings: Vec<Peering> = vec![];
        for (number, peering) in network.virtual_network_peerings.iter().enumerate() {
            let at = at.item(number);
            names.claim(&peering.name, at.key("name").span(), problems);
            resource_name::check(&peering.name, 80, at.key("name"), problems);
            let remote = at.key("remoteVirtualNetwork");
            let Some(found) = find(networks, &peering.remote_virtual_network, written, remote, problems)
            else {
                continue;
            };
            if found == index {
                let message = format!("the VNet `{}` cannot be peered with itself", network.name);
                problems.push(Problem::new(remote.span(), message));
            } else if let Some(other) = peerings.iter().find(|other| other.remote == found) {
                let message =
                    format!("the peering `{}` leads to `{}` already", other.name, networks[found].name);
                problems.push(Problem::new(remote.span(), message).help("remove one of them"));
            } else {
                let taken = peerings.iter().map(|other| &networks[other.remote]);
                for other in std::iter::once(&networks[index]).chain(taken) {
                    apart(other, &networks[found], remote, problems);
                }
                peerings.push(half(peering, found));
            }
        }
        networks[index].peerings = peerings;
    }
    join(networks);
}

fn half(peering: &lab::VirtualNetworkPeering, remote: usize) -> Peering {
    Peering {
        name: peering.name.clone(),
        remote,
        opposite: None,
        allow_forwarded_traffic: peering.allow_forwarded_traffic,
        allow_gateway_transit: peering.allow_gateway_transit,
        use_remote_gateways: peering.use_remote_gateways,
    }
}

fn join(networks: &mut [VirtualNetwork]) {
    for index in 0..networks.len() {
        for number in 0..networks[index].peerings.len() {
            let remote = networks[index].peerings[number].remote;
            let opposite = networks[remote].peerings.iter().position(|other| other.remote == index);
            networks[index].peerings[number].opposite = opposite;
        }
    }
}

fn apart(one: &VirtualNetwork, other: &VirtualNetwork, at: At<'_>, problems: &mut Vec<Problem>) {
    let pairs = one.address_prefixes.iter().flat_map(|a| other.address_prefixes.iter().map(move |b| (a, b)));
    if let Some((a, b)) = pairs.into_iter().find(|(a, b)| overlap(**a, **b)) {
        let message = format!("{a} of `{}` and {b} of `{}` overlap", one.name, other.name);
        let help = "Azure peers a VNet only with such as share no address with it, nor with one another";
        problems.push(Problem::new(at.span(), message).help(help));
    }
}

/// Checks who may use whose gateway. `gateways` are those of the file without the wrong ones.
pub(super) fn check_gateways(
    spec: &LabSpec,
    networks: &[VirtualNetwork],
    gateways: &[VirtualNetworkGateway],
    problems: &mut Vec<Problem>,
) {
    let has_lost_gateways = spec.lab.at().key("virtualNetworkGateways").has_lost_any();
    let has_gateway = |network| gateways.iter().any(|gateway| gateway.subnet.virtual_network == network);
    for (index, network) in networks.iter().enumerate() {
        let mut lender: Option<&str> = None;
        let users = network.peerings.iter().filter(|peering| peering.use_remote_gateways);
        for peering in users {
            let at = written(spec, index, &peering.name).key("useRemoteGateways");
            let remote = &networks[peering.remote];
            let mut refuse = |message: String, help: &str| {
                problems.push(Problem::new(at.span(), message).help(help.to_owned()));
            };
            if let Some(other) = lender.replace(&remote.name) {
                let message = format!("the VNet `{}` uses the gateway of `{other}` already", network.name);
                refuse(message, "Azure lets a VNet use the gateway of one peered VNet only");
            } else if has_gateway(index) {
                let message = format!("the VNet `{}` has a gateway of its own", network.name);
                refuse(message, "it can use its own or a peered VNet's, not both: remove one");
            } else if !has_gateway(peering.remote) && !has_lost_gateways {
                let message = format!("the VNet `{}` has no gateway", remote.name);
                refuse(message, "give it one under `virtualNetworkGateways`, or remove `useRemoteGateways`");
            } else if peering.opposite.is_some_and(|half| !remote.peerings[half].allow_gateway_transit) {
                let message =
                    format!("the VNet `{}` does not lend its gateway to `{}`", remote.name, network.name);
                refuse(message, "write `allowGatewayTransit: true` in its half of the peering");
            }
        }
    }
}

fn written<'a>(spec: &'a LabSpec, network: usize, name: &str) -> At<'a> {
    let at = spec.lab.at().key("virtualNetworks").item(network).key("virtualNetworkPeerings");
    let peerings = &spec.lab.value.virtual_networks[network].virtual_network_peerings;
    let number = peerings.iter().position(|peering| peering.name == name);
    at.item(number.unwrap_or(0))
}
