//! What a picture shows, whatever it is written as: figures inside figures, and lines between them.

use super::{
    cluster::Shown,
    line, virtual_network,
    way_out::{self, Departures},
};
use crate::{
    dns::is_coredns,
    topology::{GatewayType, SubnetIndex, Topology},
};

/// A whole picture.
#[derive(Clone, Debug)]
pub(super) struct Picture {
    /// The lab's name.
    pub title: String,
    /// What is in it, in numbers.
    pub summary: String,
    /// VNets, route tables that no subnet uses, and sites on premises.
    pub figures: Vec<Figure>,
    /// What is between VNets and the internet.
    pub devices: Vec<Device>,
    /// The internet with its servers, if something leads there.
    pub internet: Option<Figure>,
    /// Peerings, connections of gateways, and ways out.
    pub lines: Vec<Line>,
}

/// Something between a VNet and the internet.
#[derive(Clone, Debug)]
pub(super) struct Device {
    pub figure: Figure,
    /// The [`Figure::id`] of its VNet.
    pub network: usize,
    /// The subnets that leave by it.
    pub subnets: Vec<SubnetIndex>,
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
    /// How what is in it leaves for the internet: `out by natgw`.
    pub way_out: Option<String>,
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
    /// A load balancer or NAT gateway.
    Device,
    /// A VM's own public address.
    PublicAddress,
    Internet,
    Server,
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
    /// From a subnet to the device that it leaves by.
    Leaving,
    /// From a device or site to the internet.
    WayOut,
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
            way_out: None,
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
    let departures = Departures::of(topology);
    let mut figures = virtual_network::figures(topology, shown, &departures, &mut numbers);
    let networks: Vec<usize> =
        figures[..topology.virtual_networks.len()].iter().map(|figure| figure.id).collect();
    let (sites, mut lines) = line::sites(topology, &figures, &mut numbers);
    lines.extend(line::peerings(topology, &networks));
    let internet = way_out::internet(topology, &mut numbers);
    let devices = way_out::devices(topology, &departures, &networks, &mut numbers);
    if let Some(internet) = &internet {
        let subnet = |index: SubnetIndex| {
            let name = &topology.subnet(index).name;
            let all = &figures[index.virtual_network].figures;
            all.iter().find(|it| it.kind == FigureKind::Subnet && it.title == *name).map(|it| it.id)
        };
        lines.extend(way_out::lines(internet, &devices, &sites, subnet));
    }
    figures.extend(sites);
    let (title, summary) = (topology.lab.to_string(), summary(topology));
    Picture { title, summary, figures, devices, internet, lines }
}

/// `1 VNet · 2 nodes · 3 pods`.
fn summary(topology: &Topology) -> String {
    let gateways = |wanted| {
        topology.virtual_network_gateways.iter().filter(|gateway| gateway.gateway_type == wanted).count()
    };
    let clusters = &topology.managed_clusters;
    let balancers = clusters.iter().filter(|cluster| cluster.outbound.load_balancer.is_some());
    let counts = [
        (topology.virtual_networks.len(), "VNet", "VNets"),
        (clusters.len(), "AKS cluster", "AKS clusters"),
        (clusters.iter().map(|cluster| cluster.nodes.len()).sum(), "node", "nodes"),
        (
            clusters.iter().flat_map(|cluster| &cluster.pods).filter(|pod| !is_coredns(pod)).count(),
            "pod",
            "pods",
        ),
        (topology.virtual_machines.len(), "VM", "VMs"),
        (topology.route_tables.len(), "route table", "route tables"),
        (gateways(GatewayType::Vpn), "VPN gateway", "VPN gateways"),
        (gateways(GatewayType::ExpressRoute), "ExpressRoute gateway", "ExpressRoute gateways"),
        (topology.on_premises.len(), "site on premises", "sites on premises"),
        (balancers.count(), "load balancer", "load balancers"),
        (topology.nat_gateways.len(), "NAT gateway", "NAT gateways"),
        (topology.azure_firewalls.len(), "Azure Firewall", "Azure Firewalls"),
    ];
    let there = counts.iter().filter(|(count, ..)| *count > 0);
    let words = there.map(|(count, one, many)| format!("{count} {}", if *count == 1 { one } else { many }));
    words.collect::<Vec<_>>().join(" · ")
}
