//! What a running lab has given away, so that a change of its file moves nobody who stays.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use super::{Topology, address_book::AddressBook, agent_pool::Draft, scale_set::node_name};
use crate::{
    address_plan::{Mode, formula::blocks},
    condition::Conditions,
    spec::outbound::OutboundType,
};

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
    /// Pods, as `CLUSTER/NAMESPACE/NAME`.
    pub(super) pods: BTreeMap<String, PodLease>,
    /// Public IP addresses, by their names; those of sites as `onPremises/NAME`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) public_ip_addresses: BTreeMap<String, Ipv4Addr>,
    /// How each cluster leaves for the internet: AKS does not allow every change.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) outbound_types: BTreeMap<String, OutboundType>,
    /// What was switched by hand or found by probing.
    #[serde(default, skip_serializing_if = "Conditions::is_empty")]
    pub(super) conditions: Conditions,
}

/// What a node has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NodeLease {
    pub address: Ipv4Addr,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secondary_addresses: Vec<Ipv4Addr>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secondary_blocks: Vec<Ipv4Net>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_cidr: Option<Ipv4Net>,
    /// Which block of SNAT ports of the cluster's load balancer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snat_block: Option<u32>,
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
        let mut standing = Self { conditions: topology.conditions.clone(), ..Self::default() };
        for cluster in &topology.managed_clusters {
            standing.outbound_types.insert(cluster.name.clone(), cluster.outbound.outbound_type);
            let balancer = cluster.outbound.load_balancer.as_ref();
            for (number, node) in cluster.nodes.iter().enumerate() {
                let lease = NodeLease {
                    address: node.nic.private_ip_address,
                    secondary_addresses: node.nic.secondary_addresses.clone(),
                    secondary_blocks: node.nic.secondary_blocks.clone(),
                    pod_cidr: node.pod_cidr,
                    snat_block: balancer.map(|balancer| balancer.blocks[number]),
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
        let public = topology.public_addresses().chain(&topology.unassociated_addresses);
        let public = public.map(|public| (public.name.clone(), public.address));
        standing.public_ip_addresses = public.collect();
        for site in &topology.on_premises {
            let named = site.public_address.map(|address| (site_key(&site.name), address));
            standing.public_ip_addresses.extend(named);
        }
        standing
    }

    /// What the pod has.
    pub(super) fn pod(&self, cluster: &str, namespace: &str, name: &str) -> Option<&PodLease> {
        // Most labs that are resolved are new.
        if self.pods.is_empty() { None } else { self.pods.get(&pod_key(cluster, namespace, name)) }
    }

    /// Takes what the nodes of the pool have, as far as it is still theirs. Comes before anybody is given an
    /// address.
    pub(super) fn keep_nodes(
        &self,
        draft: &Draft<'_>,
        book: &mut AddressBook,
    ) -> BTreeMap<String, NodeLease> {
        let Some(subnet) = draft.subnet.filter(|_| !self.nodes.is_empty()) else { return BTreeMap::new() };
        let names = (0..draft.count).map(|instance| node_name(&draft.scale_set, instance));
        let mut kept = BTreeMap::new();
        for name in names {
            let Some(lease) = self.nodes.get(&name) else { continue };
            let owner = format!("the node `{name}`");
            if book.take_in(subnet, draft.node_range, lease.address, &owner).is_err() {
                continue;
            }
            let mut lease = lease.clone();
            let mut keep = |lease: &mut NodeLease| match (draft.mode, draft.pod_subnet) {
                (Mode::NodeSubnet, _) => {
                    lease.secondary_addresses.truncate(draft.max_pods as usize);
                    lease.secondary_addresses.retain(|address| {
                        book.take_in(subnet, draft.pod_range, *address, &format!("{owner}, for a pod"))
                            .is_ok()
                    });
                }
                (Mode::StaticBlock, Some(pods)) => {
                    lease.secondary_blocks.truncate(blocks(draft.max_pods) as usize);
                    lease
                        .secondary_blocks
                        .retain(|block| book.take_this_block(pods, draft.pod_range, *block));
                }
                // Batches go by the pods that are on the node: see `pod_subnet`.
                _ => {}
            };
            keep(&mut lease);
            kept.insert(name, lease);
        }
        kept
    }
}

/// No public IP address of Azure has a slash in its name.
pub(super) fn site_key(site: &str) -> String {
    format!("onPremises/{site}")
}

pub(super) fn pod_key(cluster: &str, namespace: &str, name: &str) -> String {
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

/// What a resolution goes on from.
#[derive(Clone, Copy)]
pub(super) struct Course<'a> {
    pub standing: &'a Standing,
    pub rollout: &'a Rollout,
    /// What nodes keep of what stands.
    pub kept: &'a BTreeMap<String, NodeLease>,
}
