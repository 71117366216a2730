//! What a running lab has given away, so that a change of its file moves nobody who stays.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use super::{ManagedCluster, Topology};

/// Addresses and places that are given away, by the names of those who have them.
///
/// Whoever has the same name in an edited file keeps them, unless the file itself says otherwise or they
/// belong to nothing any more. Resolving the same file onto its own standing changes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standing {
    /// AKS nodes.
    pub(super) nodes: BTreeMap<String, NodeLease>,
    /// VMs that are no AKS nodes.
    pub(super) virtual_machines: BTreeMap<String, Ipv4Addr>,
    /// Gateways.
    pub(super) gateways: BTreeMap<String, Ipv4Addr>,
    /// Pods, as `CLUSTER/NAMESPACE/NAME`.
    pub(super) pods: BTreeMap<String, PodLease>,
}

/// What a node has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NodeLease {
    pub address: Ipv4Addr,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secondary_addresses: Vec<Ipv4Addr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_cidr: Option<Ipv4Net>,
}

/// What a pod has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PodLease {
    pub node: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Ipv4Addr>,
}

impl Standing {
    /// What the lab of this topology has given away.
    pub fn of(topology: &Topology) -> Self {
        let mut standing = Self::default();
        for cluster in &topology.managed_clusters {
            for node in &cluster.nodes {
                let lease = NodeLease {
                    address: node.nic.private_ip_address,
                    secondary_addresses: node.nic.secondary_addresses.clone(),
                    pod_cidr: node.pod_cidr,
                };
                standing.nodes.insert(node.name.clone(), lease);
            }
            for pod in &cluster.pods {
                let node = cluster.nodes[pod.node].name.clone();
                // A pod on the host network has the address by its node.
                let address = pod.address.filter(|_| !pod.host_network);
                let key = pod_key(&cluster.name, &pod.namespace, &pod.name);
                standing.pods.insert(key, PodLease { node, address });
            }
        }
        for vm in &topology.virtual_machines {
            standing.virtual_machines.insert(vm.name.clone(), vm.nic.private_ip_address);
        }
        for gateway in &topology.virtual_network_gateways {
            standing.gateways.insert(gateway.name.clone(), gateway.private_ip_address);
        }
        standing
    }

    /// What the pod has.
    pub(super) fn pod(&self, cluster: &ManagedCluster, namespace: &str, name: &str) -> Option<&PodLease> {
        // Small labs are resolved often, and most have nothing standing.
        if self.pods.is_empty() { None } else { self.pods.get(&pod_key(&cluster.name, namespace, name)) }
    }
}

fn pod_key(cluster: &str, namespace: &str, name: &str) -> String {
    format!("{cluster}/{namespace}/{name}")
}

/// Where a node pool stands on its way to a new version, as AKS goes it: a surge node more, and nodes that are
/// drained one after the other (AKS "Upgrade an AKS cluster", node surge).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rollout {
    /// The cluster's name.
    pub cluster: String,
    /// The pool's name.
    pub agent_pool: String,
    /// Nodes beside the pool's own.
    pub surge: u32,
    /// Nodes that take no pods. Pods that can go elsewhere do; one whose `nodeName` is such a node is gone as
    /// long as it is drained.
    pub drained: BTreeSet<String>,
    /// Nodes that still have the version of before, and that version.
    pub versions: BTreeMap<String, String>,
}
