//! What a picture shows, whatever it is written as: figures inside figures, and lines between them.

use super::{cluster::Shown, line, virtual_network};
use crate::topology::{GatewayType, Topology};

/// A whole picture.
#[derive(Clone, Debug)]
pub(super) struct Picture {
    /// The lab's name.
    pub title: String,
    /// What is in it, in numbers.
    pub summary: String,
    /// VNets, route tables that no subnet uses, and sites on premises.
    pub figures: Vec<Figure>,
    /// Peerings and connections of gateways.
    pub lines: Vec<Line>,
}

/// A box.
#[derive(Clone, Debug)]
pub(super) struct Figure {
    /// Unique in the picture.
    pub id: usize,
    /// What it stands for.
    pub kind: FigureKind,
    /// Its name.
    pub title: String,
    /// What it is, in the words that stand beside the name.
    pub note: String,
    /// Lines below: addresses and settings.
    pub details: Vec<String>,
    /// Routes of a route table: destination and next hop.
    pub routes: Vec<[String; 2]>,
    /// What is in it.
    pub figures: Vec<Figure>,
}

/// What a box stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FigureKind {
    VirtualNetwork,
    Subnet,
    RouteTable,
    /// The nodes that a cluster has in one subnet.
    Cluster,
    Node,
    /// A pod with an address that its subnet, or the route table, leads to.
    Pod,
    /// A pod in its cluster's overlay.
    OverlayPod,
    /// A pod that shares its node's network namespace.
    HostPod,
    /// The routing domain that an overlay cluster's pods are in.
    RoutingDomain,
    /// The pods that have addresses of a pod subnet.
    PodAddresses,
    VirtualMachine,
    /// A VM that is set to forward packets, as a whole or in part.
    Appliance,
    Gateway,
    Site,
    Machine,
    /// How many more there are.
    More,
}

/// A line between two boxes.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// A [`Figure::id`].
    pub from: usize,
    /// Another.
    pub to: usize,
    /// What it stands for.
    pub kind: LineKind,
    /// What is written at it, most important first.
    pub label: Vec<String>,
}

/// What a line stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineKind {
    /// A peering with both halves.
    Connected,
    /// Half a peering, seen from the VNet that has it.
    Initiated,
    /// A site's connection to its gateway.
    Gateway,
}

/// Numbers the figures.
#[derive(Debug, Default)]
pub(super) struct Numbers(usize);

impl Numbers {
    /// A figure without anything in it yet.
    pub fn figure(&mut self, kind: FigureKind, title: impl Into<String>, note: impl Into<String>) -> Figure {
        self.0 += 1;
        Figure {
            id: self.0,
            kind,
            title: title.into(),
            note: note.into(),
            details: vec![],
            routes: vec![],
            figures: vec![],
        }
    }

    /// Says how many of `what` are left out: `+ 27 more`.
    pub fn more(&mut self, count: usize, what: &str) -> Figure {
        self.figure(FigureKind::More, format!("+ {count} more"), what)
    }
}

/// Everything that is drawn of `topology`.
pub(super) fn of(topology: &Topology) -> Picture {
    let mut numbers = Numbers::default();
    let shown = Shown::of(topology);
    let mut figures = virtual_network::figures(topology, shown, &mut numbers);
    let networks: Vec<usize> =
        figures[..topology.virtual_networks.len()].iter().map(|figure| figure.id).collect();
    let (sites, mut lines) = line::sites(topology, &figures, &mut numbers);
    figures.extend(sites);
    lines.extend(line::peerings(topology, &networks));
    Picture { title: topology.lab.to_string(), summary: summary(topology), figures, lines }
}

/// `1 VNet · 2 nodes · 3 pods`.
fn summary(topology: &Topology) -> String {
    let gateways = |wanted| {
        topology.virtual_network_gateways.iter().filter(|gateway| gateway.gateway_type == wanted).count()
    };
    let clusters = &topology.managed_clusters;
    let counts = [
        (topology.virtual_networks.len(), "VNet", "VNets"),
        (clusters.len(), "AKS cluster", "AKS clusters"),
        (clusters.iter().map(|cluster| cluster.nodes.len()).sum(), "node", "nodes"),
        (clusters.iter().map(|cluster| cluster.pods.len()).sum(), "pod", "pods"),
        (topology.virtual_machines.len(), "VM", "VMs"),
        (topology.route_tables.len(), "route table", "route tables"),
        (gateways(GatewayType::Vpn), "VPN gateway", "VPN gateways"),
        (gateways(GatewayType::ExpressRoute), "ExpressRoute gateway", "ExpressRoute gateways"),
        (topology.on_premises.len(), "site on premises", "sites on premises"),
    ];
    let there = counts.iter().filter(|(count, ..)| *count > 0);
    let words = there.map(|(count, one, many)| format!("{count} {}", if *count == 1 { one } else { many }));
    words.collect::<Vec<_>>().join(" · ")
}
