//! What is in a lab, as kubectl and az would show it.
//!
//! Only what is emulated is said: an image version, a creation time or a subscription that nothing
//! here has are left out rather than invented. An Azure object's `id` is
//! `/labs/LAB/providers/…/NAME`, in Azure's form with the lab in the place of the subscription.

mod azure;
mod azure_firewall;
mod cluster;
mod egress;
mod fault;
mod kind;
mod kubernetes;
mod load_balancer;
pub(crate) mod resource_id;
mod service;
mod workload;

use serde_json::Value;

pub use self::{
    kind::{Kind, UnknownKind},
    kubernetes::lab,
    load_balancer::load_balancer_of_rule,
};
use crate::{fault::Faults, topology::Topology};

/// One object.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// Its Kubernetes namespace, if it is in one.
    pub namespace: Option<String>,
    /// Its name. A part of another object has that one's name before its own, since only both
    /// together are unique: `aks-vnet/aks-subnet`.
    pub name: String,
    /// The object, as `kubectl get -o json` or `az … show` would print it.
    pub object: Value,
}

/// The objects of `kind`, sorted by namespace and name; for [`Kind::All`] kind after kind.
///
/// `namespace` narrows down only what is in one. A part of another object is found by its own name
/// as well as by both. [`Kind::Labs`] gives nothing: see [`lab`].
pub fn list(
    topology: &Topology,
    faults: &Faults,
    kind: Kind,
    namespace: Option<&str>,
    name: Option<&str>,
) -> Vec<Resource> {
    let mut found = all_of(topology, faults, kind);
    found.retain(|resource| {
        let in_namespace = match (&resource.namespace, namespace) {
            (Some(own), Some(wanted)) => own == wanted,
            _ => true,
        };
        let own_name = || resource.name.rsplit('/').next();
        in_namespace && name.is_none_or(|name| resource.name == name || own_name() == Some(name))
    });
    if kind != Kind::All {
        found.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    }
    found
}

fn all_of(topology: &Topology, faults: &Faults, kind: Kind) -> Vec<Resource> {
    match kind {
        Kind::Labs => vec![],
        Kind::VirtualNetworks => azure::virtual_networks(topology),
        Kind::Subnets => azure::subnets(topology),
        Kind::VirtualNetworkPeerings => azure::virtual_network_peerings(topology),
        Kind::RouteTables => azure::route_tables(topology),
        Kind::Routes => azure::routes(topology),
        Kind::PublicIpAddresses => egress::public_ip_addresses(topology),
        Kind::NatGateways => egress::nat_gateways(topology),
        Kind::LoadBalancers => load_balancer::load_balancers(topology),
        Kind::VirtualNetworkGateways => azure::virtual_network_gateways(topology),
        Kind::AzureFirewalls => azure_firewall::azure_firewalls(topology),
        Kind::VirtualMachines => azure::virtual_machines(topology, faults),
        Kind::OnPremises => azure::on_premises(topology),
        Kind::Machines => azure::machines(topology),
        Kind::Servers => egress::servers(topology),
        Kind::ManagedClusters => cluster::managed_clusters(topology),
        Kind::AgentPools => cluster::agent_pools(topology),
        Kind::Nodes => kubernetes::nodes(topology, faults),
        Kind::Namespaces => kubernetes::namespaces(topology),
        Kind::Deployments => workload::deployments(topology, faults),
        Kind::ReplicaSets => workload::replica_sets(topology, faults),
        Kind::Pods => workload::pods(topology, faults),
        Kind::Services => service::services(topology),
        Kind::EndpointSlices => service::endpoint_slices(topology),
        Kind::Faults => fault::faults(faults),
        Kind::All => Kind::in_all().flat_map(|kind| list(topology, faults, kind, None, None)).collect(),
    }
}

#[cfg(test)]
mod tests;
