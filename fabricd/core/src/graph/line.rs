//! What connects VNets in a picture: peerings, and gateways with their sites on premises.

use super::{
    picture::{Figure, FigureKind, Line, LineKind, Numbers},
    virtual_network::prefixes,
};
use crate::topology::{GatewayType, Peering, Site, Topology};

/// Most machines of a site that are shown.
const MACHINES: usize = 12;

/// The sites on premises, and their lines to gateways among `figures`.
pub(super) fn sites(
    topology: &Topology,
    figures: &[Figure],
    numbers: &mut Numbers,
) -> (Vec<Figure>, Vec<Line>) {
    let (mut sites, mut lines) = (vec![], vec![]);
    for site in &topology.on_premises {
        let gateway = &topology.virtual_network_gateways[site.gateway];
        let figure = self::site(site, numbers);
        let label = match gateway.gateway_type {
            GatewayType::Vpn => "VPN",
            GatewayType::ExpressRoute => "ExpressRoute",
        };
        if let Some(to) = find(figures, FigureKind::Gateway, &gateway.name) {
            lines.push(Line { from: figure.id, to, kind: LineKind::Gateway, label: vec![label.to_owned()] });
        }
        sites.push(figure);
    }
    (sites, lines)
}

fn find(figures: &[Figure], kind: FigureKind, title: &str) -> Option<usize> {
    figures.iter().find_map(|figure| {
        let itself = figure.kind == kind && figure.title == title;
        if itself { Some(figure.id) } else { find(&figure.figures, kind, title) }
    })
}

fn site(site: &Site, numbers: &mut Numbers) -> Figure {
    let mut figure = numbers.figure(FigureKind::Site, &site.name, "on premises");
    figure.details.push(prefixes(&site.address_prefixes));
    figure.details.extend(site.public_address.map(|address| format!("public {address}")));
    let fit = if site.machines.len() <= MACHINES { site.machines.len() } else { MACHINES - 1 };
    for machine in &site.machines[..fit] {
        let mut child = numbers.figure(FigureKind::Machine, &machine.name, "machine");
        child.details.push(machine.address.to_string());
        figure.figures.push(child);
    }
    if fit < site.machines.len() {
        figure.figures.push(numbers.more(site.machines.len() - fit, "machines"));
    }
    figure
}

/// All peerings; `networks` are the figures of the VNets.
pub(super) fn peerings(topology: &Topology, networks: &[usize]) -> Vec<Line> {
    let mut lines = vec![];
    for (number, network) in topology.virtual_networks.iter().enumerate() {
        for peering in &network.peerings {
            let label = match peering.opposite {
                // The VNet that comes first in the lab has drawn it.
                Some(_) if peering.remote < number => continue,
                Some(opposite) => connected(
                    (&network.name, peering),
                    (
                        &topology.virtual_networks[peering.remote].name,
                        &topology.virtual_networks[peering.remote].peerings[opposite],
                    ),
                ),
                None => vec![
                    "Initiated".to_owned(),
                    format!("{} has no half of it", topology.virtual_networks[peering.remote].name),
                ],
            };
            let kind = if peering.opposite.is_some() { LineKind::Connected } else { LineKind::Initiated };
            lines.push(Line { from: networks[number], to: networks[peering.remote], kind, label });
        }
    }
    lines
}

/// What the two halves allow, each with the name of its VNet.
fn connected(one: (&str, &Peering), other: (&str, &Peering)) -> Vec<String> {
    let mut label = vec!["Connected".to_owned()];
    let takes = |half: &Peering| half.allow_forwarded_traffic;
    label.extend(match (takes(one.1), takes(other.1)) {
        (true, true) => Some("forwarded traffic both ways".to_owned()),
        (true, false) => Some(format!("forwarded traffic into {}", one.0)),
        (false, true) => Some(format!("forwarded traffic into {}", other.0)),
        (false, false) => None,
    });
    for ((borrower, half), (lender, other)) in [(one, other), (other, one)] {
        if half.use_remote_gateways {
            label.push(format!("{borrower} uses the gateway of {lender}"));
        } else if other.allow_gateway_transit {
            label.push(format!("{lender} offers its gateway"));
        }
    }
    label
}
