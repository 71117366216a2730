//! The route table that AKS makes for a kubenet cluster: one route for each node's pods.

use ipnet::Ipv4Net;

use super::{ManagedCluster, RouteTable, UserNextHop, UserRoute, derived_name::digits};

/// Routes of a table; each node of a kubenet cluster takes one. Source: Azure subscription limits,
/// "user-defined routes per route table"; AKS "use kubenet".
pub const ROUTES_MAX: usize = 400;

/// `aks-agentpool-<8 digits>-routetable`, attached to the cluster's subnets (aks-facts 1.1, 1.4).
pub(super) fn of_cluster(lab: &str, cluster: &ManagedCluster) -> RouteTable {
    let routes = cluster.nodes.iter().filter_map(|node| {
        let pod_cidr = node.pod_cidr?;
        Some(UserRoute {
            name: route_name(&node.name, pod_cidr),
            address_prefix: pod_cidr,
            next_hop: UserNextHop::VirtualAppliance(node.nic.private_ip_address),
        })
    });
    RouteTable {
        name: format!("aks-agentpool-{}-routetable", digits(&[lab, &cluster.name])),
        routes: routes.collect(),
        managed_by: Some(cluster.name.clone()),
    }
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
