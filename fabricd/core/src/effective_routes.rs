//! A NIC's effective routes: system routes, gateway routes and user-defined routes, and which of
//! them count.
//!
//! Source: "Virtual network traffic routing" (virtual-networks-udr-overview): the longest prefix
//! wins; of equal ones user-defined before gateway before system.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use crate::topology::{SubnetIndex, Topology, UserNextHop};

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

/// Where a route points, in Azure's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextHop {
    /// Within the VNet.
    VnetLocal,
    /// Out of Azure.
    Internet,
    /// Dropped.
    None,
    /// To the gateway with this private address.
    VirtualNetworkGateway(Ipv4Addr),
    /// To the VM with this private address.
    VirtualAppliance(Ipv4Addr),
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
    let network = &topology.virtual_networks[index.virtual_network];
    let system = |address_prefix, next_hop| EffectiveRoute {
        source: RouteSource::Default,
        active: true,
        address_prefix,
        next_hop,
        origin: format!("systemRoute/{}", network.name),
    };
    let mut routes: Vec<_> =
        network.address_prefixes.iter().map(|prefix| system(*prefix, NextHop::VnetLocal)).collect();
    for (number, gateway) in topology.virtual_network_gateways.iter().enumerate() {
        if gateway.subnet.virtual_network != index.virtual_network {
            continue;
        }
        for site in topology.on_premises.iter().filter(|site| site.gateway == number) {
            routes.extend(site.address_prefixes.iter().map(|prefix| EffectiveRoute {
                source: RouteSource::VirtualNetworkGateway,
                active: true,
                address_prefix: *prefix,
                next_hop: NextHop::VirtualNetworkGateway(gateway.private_ip_address),
                origin: format!("virtualNetworkGateway/{}/{}", gateway.name, site.name),
            }));
        }
    }
    routes.push(system(Ipv4Net::default(), NextHop::Internet));
    for (address, length) in SYSTEM_NONE {
        let prefix = Ipv4Net::new_assert(address, length);
        if !network.address_prefixes.contains(&prefix) {
            routes.push(system(prefix, NextHop::None));
        }
    }
    if let Some(table) = topology.subnet(index).route_table {
        let table = &topology.route_tables[table];
        routes.extend(table.routes.iter().map(|route| EffectiveRoute {
            source: RouteSource::User,
            active: true,
            address_prefix: route.address_prefix,
            next_hop: match route.next_hop {
                UserNextHop::VirtualAppliance(address) => NextHop::VirtualAppliance(address),
            },
            origin: format!("routeTable/{}/{}", table.name, route.name),
        }));
    }
    mark_overridden(&mut routes);
    routes
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
