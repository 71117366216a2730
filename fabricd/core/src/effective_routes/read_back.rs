//! A NIC's effective routes as its host's kernel has them now: routes of the kernel, in Azure's words.
//!
//! Whoever takes a route away by hand, or adds one, sees it here.

use std::{collections::BTreeMap, fmt, net::Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};

use super::{EffectiveRoute, NextHop, RouteSource, effective_routes};
use crate::{
    blueprint::{
        Blueprint,
        azure_host::{OF_THE_PODS, subnet_of_the_pods, vm_port},
        underlay::RoutingDomain,
    },
    object::{self, LinkRef, MAIN_TABLE, Object, PROTOCOL_BGP, Route},
    place::Place,
    target::BehindNic,
    topology::{RouteTable, SubnetIndex, Topology},
};

/// One row of `az network nic show-effective-route-table`, read from the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Where it comes from. `None` (`Unknown`) if it has none of the metrics that stand for a source.
    pub source: Option<RouteSource>,
    /// False (`Invalid`) if the kernel has a route of smaller metric to the same prefix.
    pub active: bool,
    /// Destination.
    pub address_prefix: Ipv4Net,
    /// Where it points.
    pub next_hop_type: NextHopType,
    /// The appliance's or gateway's address.
    pub next_hop_ip_address: Option<Ipv4Addr>,
    /// The name of a user-defined route.
    pub name: Option<String>,
    /// Whether the subnet's route table keeps gateways' routes out.
    pub disable_bgp_route_propagation: bool,
    /// The Azure object that it comes from, such as `routeTable/NAME/ROUTE`, or that somebody made it by hand.
    pub origin: String,
}

/// Where a route points, in Azure's words (`EffectiveRoute.nextHopType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NextHopType {
    /// Within the VNet.
    VnetLocal,
    /// To a peered VNet.
    VNetPeering,
    /// To a gateway.
    VirtualNetworkGateway,
    /// Out of Azure.
    Internet,
    /// Dropped.
    None,
    /// To a VM.
    VirtualAppliance,
    /// A route made by hand that Azure has no word for.
    Unknown,
}

impl fmt::Display for NextHopType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::VnetLocal => "VnetLocal",
            Self::VNetPeering => "VNetPeering",
            Self::VirtualNetworkGateway => "VirtualNetworkGateway",
            Self::Internet => "Internet",
            Self::None => "None",
            Self::VirtualAppliance => "VirtualAppliance",
            Self::Unknown => "Unknown",
        })
    }
}

/// Reads routes of the host under one NIC: those of its subnet or, for pods in a subnet of their own with another
/// route table, of that one.
pub struct Reader<'a> {
    pub(super) topology: &'a Topology,
    pub(super) blueprint: &'a Blueprint,
    pub(super) host: Place,
    home: usize,
    /// The kernel's number of the table with the effective routes.
    pub(super) number: u32,
    subnet: SubnetIndex,
    drawn: Vec<EffectiveRoute>,
    pub(super) table: Option<&'a RouteTable>,
}

impl<'a> Reader<'a> {
    /// A reader for what was named; `blueprint` is what the lab was made from.
    pub fn new(topology: &'a Topology, blueprint: &'a Blueprint, behind: &BehindNic<'_>) -> Self {
        let node = Place::Node { name: behind.vm.to_owned() };
        let pod = behind.pod.filter(|pod| !pod.host_network);
        let (number, subnet) = match pod.and_then(|_| subnet_of_the_pods(topology, &node, behind.nic)) {
            Some(subnet) => (OF_THE_PODS, subnet),
            None => (MAIN_TABLE, behind.nic.subnet),
        };
        Self {
            topology,
            blueprint,
            host: Place::Host { vm: behind.vm.to_owned() },
            home: subnet.virtual_network,
            number,
            subnet,
            drawn: effective_routes(topology, subnet),
            table: topology.subnet(subnet).route_table.map(|table| &topology.route_tables[table]),
        }
    }

    /// The pods' own subnet, if it decides.
    pub fn pod_subnet(&self) -> Option<&str> {
        (self.number == OF_THE_PODS).then(|| self.topology.subnet(self.subnet).name.as_str())
    }

    /// The host's place, whose kernel is to be read.
    pub fn host(&self) -> &Place {
        &self.host
    }

    /// All effective routes, of whatever routes the host has: the VNet, peerings, gateways, the internet and
    /// nowhere, then the user's, as captures of Azure show them.
    pub fn rows(&self, routes: &[Route]) -> Vec<Row> {
        let own = || routes.iter().filter(|route| route.table == self.number);
        let mut best: BTreeMap<IpNet, u32> = BTreeMap::new();
        for route in own() {
            let metric = best.entry(route.destination).or_insert(route.metric);
            *metric = route.metric.min(*metric);
        }
        let row = |route: &Route| self.row(route, best.get(&route.destination) == Some(&route.metric));
        let mut rows: Vec<Row> = own().filter_map(row).collect();
        rows.sort_by_key(|row| {
            let user = !matches!(row.source, Some(RouteSource::Default | RouteSource::VirtualNetworkGateway));
            (user, row.next_hop_type, row.address_prefix.prefix_len(), row.address_prefix, row.source)
        });
        rows
    }

    /// One route; `None` for IPv6.
    pub(super) fn row(&self, route: &Route, active: bool) -> Option<Row> {
        let IpNet::V4(address_prefix) = route.destination else { return None };
        let source = RouteSource::of_metric(route.metric);
        let drawn = self.drawn_as(route);
        let (next_hop_type, next_hop_ip_address) = match drawn.map(|drawn| drawn.next_hop) {
            // The kernel does not know what an address is to Azure, nor that it would have been one.
            Some(NextHop::VirtualAppliance(address, _)) => (NextHopType::VirtualAppliance, Some(address)),
            Some(NextHop::VirtualNetworkGateway(hop)) => {
                (NextHopType::VirtualNetworkGateway, hop.map(|hop| hop.address))
            }
            _ => self.next_hop(route),
        };
        let of_the_user = self.table.filter(|_| drawn.is_some() && source == Some(RouteSource::User));
        let named = of_the_user
            .and_then(|table| table.routes.iter().find(|route| route.address_prefix == address_prefix));
        Some(Row {
            source,
            active,
            address_prefix,
            next_hop_type,
            next_hop_ip_address,
            name: named.map(|route| route.name.clone()),
            disable_bgp_route_propagation: self
                .table
                .is_some_and(|table| table.disable_bgp_route_propagation),
            origin: self.origin(route),
        })
    }

    /// The effective route that the kernel's was drawn for, if it is still as it was drawn.
    fn drawn_as(&self, route: &Route) -> Option<&EffectiveRoute> {
        let same = |drawn: &&EffectiveRoute| {
            IpNet::V4(drawn.address_prefix) == route.destination && drawn.source.metric() == route.metric
        };
        self.drawn.iter().find(same).filter(|_| self.is_as_drawn(route) == Some(true))
    }

    /// Whether the blueprint's route of the same identity is the same one; `None` if it has none.
    fn is_as_drawn(&self, route: &Route) -> Option<bool> {
        let object = Object::Route(route.clone());
        self.blueprint.get(&self.host, &object.key()).map(|part| part.object == object)
    }

    /// What asks for the route, or that nothing does.
    pub(super) fn origin(&self, route: &Route) -> String {
        let cause = || self.blueprint.cause(&self.host, &Object::Route(route.clone()).key());
        // The text of such a route would be a lie.
        let text = if is_odd(route) { "of a kind that no lab has".to_owned() } else { route.to_string() };
        match self.is_as_drawn(route) {
            Some(true) => cause().to_string(),
            Some(false) => format!("{}, changed by hand: {text}", cause()),
            None => format!("by hand: {text}"),
        }
    }

    /// What the kernel's route alone says.
    fn next_hop(&self, route: &Route) -> (NextHopType, Option<Ipv4Addr>) {
        use object::NextHop;
        let next_hop_type = match &route.next_hop {
            NextHop::Throw => NextHopType::Internet,
            NextHop::Blackhole if !is_odd(route) => NextHopType::None,
            NextHop::Link(link) | NextHop::LinkGlobal(link) if *link == self.vnet() => NextHopType::VnetLocal,
            NextHop::Link(link) | NextHop::LinkGlobal(link) if self.is_peer(link) => NextHopType::VNetPeering,
            NextHop::Via { gateway: std::net::IpAddr::V4(address), link, .. }
                if *link == self.vnet() || self.is_peer(link) || *link == vm_port() =>
            {
                let next_hop_type = match route.protocol {
                    PROTOCOL_BGP => NextHopType::VirtualNetworkGateway,
                    _ => NextHopType::VirtualAppliance,
                };
                return (next_hop_type, Some(*address));
            }
            _ => NextHopType::Unknown,
        };
        (next_hop_type, None)
    }

    fn vnet(&self) -> LinkRef {
        RoutingDomain::VirtualNetwork(self.home).link()
    }

    fn is_peer(&self, link: &LinkRef) -> bool {
        let mut peers = self.topology.peers(self.home);
        peers.any(|(peering, _)| RoutingDomain::PeeredNetwork(peering.remote).link() == *link)
    }
}

/// Whether it stands for a route that the blueprint has no words for, see [`crate::kernel::Routing::routes`].
fn is_odd(route: &Route) -> bool {
    route.next_hop == object::NextHop::Blackhole && route.protocol == 0
}

#[cfg(test)]
mod tests;
