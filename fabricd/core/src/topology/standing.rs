//! What a running lab has given away, so that a change of its file moves nobody who stays.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use super::{
    ManagedCluster, Service, Topology, address_book::AddressBook, agent_pool::Draft, scale_set::node_name,
};
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
    /// Services, as `CLUSTER/NAMESPACE/NAME`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) services: BTreeMap<String, ServiceLease>,
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

/// What a Service has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServiceLease {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_ip: Option<Ipv4Addr>,
    /// By the names of rules, such as `TCP-80`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub node_ports: BTreeMap<String, u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check_node_port: Option<u16>,
    /// The address of an internal frontend.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frontend: Option<Ipv4Addr>,
}

impl ServiceLease {
    fn of(service: &Service) -> Self {
        let ports = service.ports.iter().filter_map(|port| Some((Service::rule_name(port), port.node_port?)));
        let internal = service.frontend.as_ref().filter(|frontend| frontend.subnet.is_some());
        Self {
            cluster_ip: service.cluster_ip,
            node_ports: ports.collect(),
            health_check_node_port: service.health_check_node_port,
            frontend: internal.map(|frontend| frontend.address.address),
        }
    }
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
        for cluster in &topology.managed_clusters {
            let leases = cluster.services.iter().map(|service| {
                (pod_key(&cluster.name, &service.namespace, &service.name), ServiceLease::of(service))
            });
            standing.services.extend(leases);
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

    /// What the Service has.
    pub(super) fn service(&self, cluster: &str, service: &Service) -> Option<&ServiceLease> {
        if self.services.is_empty() {
            return None;
        }
        self.services.get(&pod_key(cluster, &service.namespace, &service.name))
    }

    /// Whether the node is there.
    pub(super) fn has_node(&self, node: &str) -> bool {
        self.nodes.contains_key(node)
    }

    /// How many addresses for pods the node has.
    pub(super) fn addresses_of_pods(&self, node: &str) -> u64 {
        self.nodes.get(node).map_or(0, |lease| lease.secondary_addresses.len() as u64)
    }

    /// The address of its internal frontend.
    pub(super) fn frontend(&self, cluster: &ManagedCluster, service: &Service) -> Option<Ipv4Addr> {
        self.service(&cluster.name, service)?.frontend
    }

    /// All of these, with `NAMESPACE/NAME`.
    pub(super) fn frontends(&self) -> impl Iterator<Item = (&str, Ipv4Addr)> {
        let all = self.services.iter();
        all.filter_map(|(key, lease)| Some((key.split_once('/')?.1, lease.frontend?)))
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
