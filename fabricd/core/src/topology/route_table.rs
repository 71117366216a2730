//! Route tables: those of the lab file, and what AKS writes for a kubenet cluster, one route for each
//! node's pods.

use std::{collections::BTreeMap, net::Ipv4Addr};

use ipnet::Ipv4Net;

use super::{
    ManagedCluster, NetworkPlugin, SubnetIndex, VirtualNetwork, derived_name::digits, resource_name,
    unique::Names, virtual_network::GATEWAY_SUBNET,
};
use crate::spec::{
    LabSpec,
    problem::Problem,
    route_table::{self as spec, NextHopType},
    suggest::advice,
    tree::At,
};

/// Routes of a table; each node of a kubenet cluster takes one. Source: Azure subscription limits,
/// "user-defined routes per route table"; AKS "use kubenet".
pub const ROUTES_MAX: usize = 400;

/// A route table (user-defined routes).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteTable {
    /// Unique in the lab.
    pub name: String,
    /// Its routes.
    pub routes: Vec<UserRoute>,
    /// Whether NICs of its subnets learn no routes of gateways.
    pub disable_bgp_route_propagation: bool,
    /// The cluster that made and keeps it, if AKS did.
    pub managed_by: Option<String>,
}

/// One user-defined route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRoute {
    /// Unique in its table.
    pub name: String,
    /// Destination.
    pub address_prefix: Ipv4Net,
    /// Where it points.
    pub next_hop: UserNextHop,
}

/// The next hop types that a user may choose (aks-facts 2.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserNextHop {
    /// To the VM that has this address.
    VirtualAppliance(Ipv4Addr),
    /// To the destination itself.
    VnetLocal,
    /// Out of Azure.
    Internet,
    /// To the gateway of the VNet, or of the peered one that it uses.
    VirtualNetworkGateway,
    /// Dropped.
    None,
}

/// Checks the route tables of the file and attaches them to the subnets that name them.
pub(super) fn resolve(
    spec: &LabSpec,
    networks: &mut [VirtualNetwork],
    problems: &mut Vec<Problem>,
) -> Vec<RouteTable> {
    let at = spec.lab.at().key("routeTables");
    let mut names = Names::of("a route table");
    let tables: Vec<RouteTable> = spec
        .lab
        .value
        .route_tables
        .iter()
        .enumerate()
        .map(|(index, table)| {
            let at = at.item(index);
            names.claim(&table.name, at.key("name").span(), problems);
            resource_name::check(&table.name, 80, at.key("name"), problems);
            RouteTable {
                name: table.name.clone(),
                routes: routes(table, at.key("routes"), problems),
                disable_bgp_route_propagation: table.disable_bgp_route_propagation,
                managed_by: None,
            }
        })
        .collect();
    attach(spec, networks, &tables, problems);
    tables
}

fn routes(table: &spec::RouteTable, at: At<'_>, problems: &mut Vec<Problem>) -> Vec<UserRoute> {
    if table.routes.len() > ROUTES_MAX {
        let message = format!("{} routes; an Azure route table holds {ROUTES_MAX}", table.routes.len());
        problems.push(Problem::new(at.span(), message).help("join prefixes, or use several tables"));
        return vec![];
    }
    let mut names = Names::of("a route in this table");
    let mut prefixes: BTreeMap<Ipv4Net, &str> = BTreeMap::new();
    let mut routes = vec![];
    for (index, route) in table.routes.iter().enumerate() {
        let at = at.item(index);
        names.claim(&route.name, at.key("name").span(), problems);
        resource_name::check(&route.name, 80, at.key("name"), problems);
        let address_prefix = route.address_prefix.0;
        if let Some(other) = prefixes.insert(address_prefix, &route.name) {
            let message = format!("the route `{other}` of this table is for {address_prefix} too");
            let help = "a table has one route for a prefix; remove one of them";
            problems.push(Problem::new(at.key("addressPrefix").span(), message).help(help));
        }
        let next_hop = next_hop(route, at, problems);
        routes.extend(next_hop.map(|next_hop| UserRoute {
            name: route.name.clone(),
            address_prefix,
            next_hop,
        }));
    }
    routes
}

fn next_hop(route: &spec::Route, at: At<'_>, problems: &mut Vec<Problem>) -> Option<UserNextHop> {
    let address = route.next_hop_ip_address.map(|address| address.0);
    let written = at.key("nextHopIpAddress");
    Some(match (route.next_hop_type, address) {
        (NextHopType::VirtualAppliance, Some(address)) => UserNextHop::VirtualAppliance(address),
        (NextHopType::VirtualAppliance, None) => {
            if !written.is_lost() {
                let message = format!("the route `{}` does not say which appliance", route.name);
                let help = "write `nextHopIpAddress:` with the appliance's private address";
                problems.push(Problem::new(at.key("nextHopType").span(), message).help(help));
            }
            return None;
        }
        (_, Some(_)) => {
            let message = "`nextHopIpAddress` is for `nextHopType: VirtualAppliance` only";
            problems.push(Problem::new(written.span(), message).help("remove it"));
            return None;
        }
        (NextHopType::VnetLocal, None) => UserNextHop::VnetLocal,
        (NextHopType::Internet, None) => UserNextHop::Internet,
        (NextHopType::VirtualNetworkGateway, None) => UserNextHop::VirtualNetworkGateway,
        (NextHopType::None, None) => UserNextHop::None,
    })
}

fn attach(
    spec: &LabSpec,
    networks: &mut [VirtualNetwork],
    tables: &[RouteTable],
    problems: &mut Vec<Problem>,
) {
    let section = spec.lab.at().key("routeTables");
    for (index, network) in spec.lab.value.virtual_networks.iter().enumerate() {
        let at = spec.lab.at().key("virtualNetworks").item(index).key("subnets");
        for (number, subnet) in network.subnets.iter().enumerate() {
            let Some(name) = &subnet.route_table else { continue };
            let at = at.item(number).key("routeTable");
            let found = tables.iter().position(|table| table.name == *name);
            if found.is_none() && !section.has_lost(name) {
                let message = format!("there is no route table `{name}`");
                let help = advice(name, "route tables", tables.iter().map(|table| table.name.as_str()));
                problems.push(Problem::new(at.span(), message).help(help));
            }
            if let (Some(table), GATEWAY_SUBNET) = (found.map(|table| &tables[table]), subnet.name.as_str()) {
                check_for_gateways(table, at, problems);
            }
            if let Some(subnet) = networks[index].subnets.get_mut(number) {
                subnet.route_table = found;
            }
        }
    }
}

/// Source: "About VPN Gateway configuration settings", gateway subnet.
fn check_for_gateways(table: &RouteTable, at: At<'_>, problems: &mut Vec<Problem>) {
    let refused = if table.disable_bgp_route_propagation {
        "`disableBgpRoutePropagation`"
    } else if table.routes.iter().any(|route| route.address_prefix.prefix_len() == 0) {
        "a route for 0.0.0.0/0"
    } else {
        return;
    };
    let message = format!("the table `{}` has {refused}: that is not for {GATEWAY_SUBNET}", table.name);
    problems.push(Problem::new(at.span(), message).help("gateways would not work; take another table"));
}

/// Gives each kubenet cluster the route table that it writes to: the one of its subnets, if they have one,
/// else its own `aks-agentpool-<8 digits>-routetable`, which it attaches to them (aks-facts 1.1, 1.4; AKS
/// "configure-kubenet", bring your own subnet and route table).
pub(super) fn serve_kubenet(
    spec: &LabSpec,
    lab: &str,
    clusters: &[ManagedCluster],
    networks: &mut [VirtualNetwork],
    tables: &mut Vec<RouteTable>,
    problems: &mut Vec<Problem>,
) {
    let mut written_by: BTreeMap<usize, &str> = BTreeMap::new();
    for (index, cluster) in clusters.iter().enumerate() {
        if cluster.network_plugin != NetworkPlugin::Kubenet {
            continue;
        }
        let at = spec.lab.at().key("managedClusters").item(index);
        let subnets: Vec<SubnetIndex> = cluster.agent_pools.iter().map(|pool| pool.subnet).collect();
        let mut of_subnets: Vec<Option<usize>> =
            subnets.iter().map(|it| networks[it.virtual_network].subnets[it.subnet].route_table).collect();
        of_subnets.dedup();
        let routes = routes_to_pods(cluster);
        let table = match of_subnets[..] {
            [Some(table)] => {
                if let Some(other) = written_by.insert(table, &cluster.name) {
                    let message = format!(
                        "the route table `{}` is that of the kubenet cluster `{other}`",
                        tables[table].name
                    );
                    let help = "each kubenet cluster needs a route table of its own";
                    problems.push(Problem::new(at.key("name").span(), message).help(help));
                }
                add_routes(&mut tables[table], routes, cluster, at, problems);
                table
            }
            [None] | [] => {
                tables.push(RouteTable {
                    name: format!("aks-agentpool-{}-routetable", digits(&[lab, &cluster.name])),
                    routes,
                    disable_bgp_route_propagation: false,
                    managed_by: Some(cluster.name.clone()),
                });
                tables.len() - 1
            }
            _ => {
                let message = format!(
                    "the subnets of the kubenet cluster `{}` have different route tables",
                    cluster.name
                );
                let help = "attach the same table to the subnets of all its node pools, or none";
                problems.push(Problem::new(at.key("agentPoolProfiles").span(), message).help(help));
                continue;
            }
        };
        for SubnetIndex { virtual_network, subnet } in subnets {
            networks[virtual_network].subnets[subnet].route_table = Some(table);
        }
    }
}

fn add_routes(
    table: &mut RouteTable,
    routes: Vec<UserRoute>,
    cluster: &ManagedCluster,
    at: At<'_>,
    problems: &mut Vec<Problem>,
) {
    let both = table.routes.len() + routes.len();
    if both > ROUTES_MAX {
        let message = format!(
            "the route table `{}` holds {ROUTES_MAX} routes, and with those of the cluster `{}` it would have {both}",
            table.name, cluster.name
        );
        let help = "each node takes a route: fewer nodes or fewer routes, or Azure CNI, which needs none";
        problems.push(Problem::new(at.key("agentPoolProfiles").span(), message).help(help));
        return;
    }
    let taken = routes
        .iter()
        .find_map(|route| table.routes.iter().find(|other| other.address_prefix == route.address_prefix));
    if let Some(route) = taken {
        let message = format!(
            "the route `{}` of the table `{}` is for {}, which the cluster `{}` gives to a node",
            route.name, table.name, route.address_prefix, cluster.name
        );
        let help = "the cluster writes such routes itself: remove it";
        problems.push(Problem::new(at.key("name").span(), message).help(help));
    }
    table.routes.extend(routes);
}

fn routes_to_pods(cluster: &ManagedCluster) -> Vec<UserRoute> {
    let routes = cluster.nodes.iter().filter_map(|node| {
        let pod_cidr = node.pod_cidr?;
        Some(UserRoute {
            name: route_name(&node.name, pod_cidr),
            address_prefix: pod_cidr,
            next_hop: UserNextHop::VirtualAppliance(node.nic.private_ip_address),
        })
    });
    routes.collect()
}

/// `<node>____<CIDR without its punctuation>` (cloud-provider-azure, `azure_routes.go`).
pub fn route_name(node: &str, pod_cidr: Ipv4Net) -> String {
    let digits: String = pod_cidr.to_string().chars().filter(char::is_ascii_digit).collect();
    format!("{node}____{digits}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_called_as_the_cloud_provider_calls_it() {
        let cidr = "10.244.0.0/24".parse().unwrap();
        assert_eq!(
            route_name("aks-nodepool1-12355964-vmss000000", cidr),
            "aks-nodepool1-12355964-vmss000000____102440024"
        );
    }
}
