//! A NIC's effective routes: system routes, gateway routes and user-defined routes, and which of
//! them count.
//!
//! Source: "Virtual network traffic routing" (virtual-networks-udr-overview): the longest prefix
//! wins; of equal ones user-defined before gateway before system.

pub mod next_hop;
pub mod read_back;

use std::{fmt, net::Ipv4Addr};

use ipnet::Ipv4Net;

use crate::topology::{SubnetIndex, Topology, UserNextHop, UserRoute, VirtualNetworkGateway};

/// One row of `az network nic show-effective-route-table`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectiveRoute {
    /// Where the route comes from.
    pub source: RouteSource,
    /// False (`Invalid`) if another route of the same prefix has precedence.
    pub active: bool,
    /// Destination.
    pub address_prefix: Ipv4Net,
    /// Where it points.
    pub next_hop: NextHop,
    /// The Azure object that it comes from, such as `routeTable/NAME/ROUTE`.
    pub origin: String,
}

/// Where a route comes from, in Azure's words and in ascending precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RouteSource {
    /// A system route.
    Default,
    /// Learned by a virtual network gateway.
    VirtualNetworkGateway,
    /// From a route table.
    User,
}

impl RouteSource {
    /// The metric that stands for it in the kernel: of routes to one prefix the smallest counts.
    pub const fn metric(self) -> u32 {
        match self {
            Self::User => 1,
            Self::VirtualNetworkGateway => 2,
            Self::Default => 3,
        }
    }

    /// What the metric of a kernel route stands for; `None` for one that nothing of ours has.
    pub fn of_metric(metric: u32) -> Option<Self> {
        [Self::User, Self::VirtualNetworkGateway, Self::Default].into_iter().find(|it| it.metric() == metric)
    }
}

impl fmt::Display for RouteSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "Default",
            Self::VirtualNetworkGateway => "VirtualNetworkGateway",
            Self::User => "User",
        })
    }
}

/// Where a route points, in Azure's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextHop {
    /// Within the VNet.
    VnetLocal,
    /// To the peered VNet of this index.
    VnetPeering(usize),
    /// Out of Azure.
    Internet,
    /// Dropped.
    None,
    /// To a gateway. Without one, packets are lost.
    VirtualNetworkGateway(Option<Hop>),
    /// To the VM with this private address. Where it is in no VNet that the NIC reaches, packets are lost.
    VirtualAppliance(Ipv4Addr, Option<Hop>),
}

/// An address to hand packets to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hop {
    /// The address.
    pub address: Ipv4Addr,
    /// The VNet that it is in: the NIC's own or a peered one.
    pub virtual_network: usize,
}

/// The system routes to nowhere that every subnet has. Source: aks-facts 2.4 (documentation and
/// captures); the blocks of 25.0.0.0/8 that captures show too are not known one by one.
const SYSTEM_NONE: [(Ipv4Addr, u8); 13] = [
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(20, 35, 252, 0), 22),
    (Ipv4Addr::new(23, 103, 0, 0), 18),
    (Ipv4Addr::new(40, 108, 0, 0), 17),
    (Ipv4Addr::new(40, 109, 0, 0), 16),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(104, 146, 0, 0), 17),
    (Ipv4Addr::new(104, 147, 0, 0), 16),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(157, 59, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
];

/// All effective routes of a NIC in the subnet `index`, in Azure's order: by source, then prefix as
/// listed, the invalid ones included.
pub fn effective_routes(topology: &Topology, index: SubnetIndex) -> Vec<EffectiveRoute> {
    let home = index.virtual_network;
    let table = topology.subnet(index).route_table.map(|table| &topology.route_tables[table]);
    let default = |route: &UserRoute| route.address_prefix.prefix_len() == 0;
    let has_default = table.is_some_and(|table| table.routes.iter().any(default));
    let mut routes = system_routes(topology, home, has_default);
    if !table.is_some_and(|table| table.disable_bgp_route_propagation) {
        routes.extend(gateway_routes(topology, home));
    }
    routes.extend(table.iter().flat_map(|table| {
        table.routes.iter().map(|route| EffectiveRoute {
            source: RouteSource::User,
            active: true,
            address_prefix: route.address_prefix,
            next_hop: user_next_hop(topology, home, route.next_hop),
            origin: format!("routeTable/{}/{}", table.name, route.name),
        })
    }));
    mark_overridden(&mut routes);
    routes
}

/// With a user's own default route there are no routes to nowhere: what is in no VNet and on no site goes by
/// it. So captures of `show-effective-route-table` with such a route show it.
fn system_routes(topology: &Topology, home: usize, has_default: bool) -> Vec<EffectiveRoute> {
    let network = &topology.virtual_networks[home];
    let system = |address_prefix, next_hop, origin| EffectiveRoute {
        source: RouteSource::Default,
        active: true,
        address_prefix,
        next_hop,
        origin,
    };
    let own = || format!("systemRoute/{}", network.name);
    let mut routes: Vec<_> =
        network.address_prefixes.iter().map(|prefix| system(*prefix, NextHop::VnetLocal, own())).collect();
    for (peering, _) in topology.peers(home) {
        let remote = &topology.virtual_networks[peering.remote];
        routes.extend(remote.address_prefixes.iter().map(|prefix| {
            let origin = format!("virtualNetworkPeering/{}/{}", network.name, peering.name);
            system(*prefix, NextHop::VnetPeering(peering.remote), origin)
        }));
    }
    routes.push(system(Ipv4Net::default(), NextHop::Internet, own()));
    for (address, length) in SYSTEM_NONE {
        let prefix = Ipv4Net::new_assert(address, length);
        // What the VNet or a peered one uses is a route already.
        if !has_default && !routes.iter().any(|route| route.address_prefix == prefix) {
            routes.push(system(prefix, NextHop::None, own()));
        }
    }
    routes
}

/// A default site announces everything: all subnets without a route of the user's own go there ("Configure
/// forced tunneling using Default Site", VPN Gateway).
fn gateway_routes(topology: &Topology, home: usize) -> impl Iterator<Item = EffectiveRoute> {
    topology.gateways(home).flat_map(move |number| {
        let gateway = &topology.virtual_network_gateways[number];
        let sites = topology.on_premises.iter().enumerate().filter(move |(_, site)| site.gateway == number);
        sites.flat_map(move |(index, site)| {
            let everything = (gateway.default_site == Some(index)).then(Ipv4Net::default);
            site.address_prefixes.iter().copied().chain(everything).map(|address_prefix| EffectiveRoute {
                source: RouteSource::VirtualNetworkGateway,
                active: true,
                address_prefix,
                next_hop: NextHop::VirtualNetworkGateway(Some(hop_to(gateway))),
                origin: format!("virtualNetworkGateway/{}/{}", gateway.name, site.name),
            })
        })
    })
}

fn hop_to(gateway: &VirtualNetworkGateway) -> Hop {
    Hop { address: gateway.private_ip_address, virtual_network: gateway.subnet.virtual_network }
}

fn user_next_hop(topology: &Topology, home: usize, next_hop: UserNextHop) -> NextHop {
    match next_hop {
        UserNextHop::VirtualAppliance(address) => {
            NextHop::VirtualAppliance(address, hop_of_address(topology, home, address))
        }
        UserNextHop::VnetLocal => NextHop::VnetLocal,
        UserNextHop::Internet => NextHop::Internet,
        UserNextHop::VirtualNetworkGateway => {
            let gateway = topology.gateways(home).next();
            let gateway = gateway.map(|number| hop_to(&topology.virtual_network_gateways[number]));
            NextHop::VirtualNetworkGateway(gateway)
        }
        UserNextHop::None => NextHop::None,
    }
}

/// Source: "Virtual network traffic routing", next hop Virtual appliance: in the VNet, or one peered with it.
fn hop_of_address(topology: &Topology, home: usize, address: Ipv4Addr) -> Option<Hop> {
    let reachable = std::iter::once(home).chain(topology.peers(home).map(|(peering, _)| peering.remote));
    let has = |virtual_network: &usize| {
        topology.virtual_networks[*virtual_network].address_prefixes.iter().any(|it| it.contains(&address))
    };
    reachable.into_iter().find(has).map(|virtual_network| Hop { address, virtual_network })
}

fn mark_overridden(routes: &mut [EffectiveRoute]) {
    let mut best = std::collections::BTreeMap::new();
    for route in routes.iter() {
        let source = best.entry(route.address_prefix).or_insert(route.source);
        *source = route.source.max(*source);
    }
    for route in routes {
        route.active = best.get(&route.address_prefix) == Some(&route.source);
    }
}
