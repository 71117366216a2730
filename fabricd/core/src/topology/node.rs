//! The nodes of a cluster: their names, addresses and shares of the pod CIDR.

use std::collections::{BTreeMap, btree_map::Entry};

use ipnet::{Ipv4Net, Ipv4Subnets};

use super::{
    AgentPool, NetworkInterface, NetworkPlugin, Node, Overlay, SubnetIndex, VirtualNetwork,
    address_book::AddressBook, agent_pool::Draft, managed_cluster::Drafted, network_profile::Network,
    resolve::AZURE_VMS_MAX, route_table::ROUTES_MAX, scale_set::node_name, virtual_machine::full,
};
use crate::{
    address_plan::{
        Mode,
        formula::{POD_CIDR_PREFIX, blocks},
    },
    spec::problem::Problem,
};

/// Whether the cluster has nodes, and no more than a route table and this program allow.
pub(super) fn limits(cluster: &Drafted<'_>, problems: &mut Vec<Problem>) -> bool {
    let pools = cluster.at.key("agentPoolProfiles");
    let wanted: u64 = cluster.drafts.iter().map(|draft| u64::from(draft.count)).sum();
    if wanted == 0 && !pools.is_unwritten() && !pools.has_lost_any() {
        problems.push(Problem::new(pools.span(), "a cluster needs at least one node"));
        return false;
    }
    if cluster.network.plugin == NetworkPlugin::Kubenet && wanted > ROUTES_MAX as u64 {
        let message = format!("{wanted} nodes; a kubenet cluster has at most {ROUTES_MAX}");
        let help = format!("each node takes a route, and an Azure route table holds {ROUTES_MAX}");
        problems.push(Problem::new(pools.span(), message).help(help));
        return false;
    }
    if wanted > AZURE_VMS_MAX as u64 {
        let message = format!("{wanted} nodes; a lab has at most {AZURE_VMS_MAX}");
        let help = "each is a port of one Linux bridge, and a bridge has 1,023";
        problems.push(Problem::new(pools.span(), message).help(help));
        return false;
    }
    true
}

/// What nodes are made in.
pub(super) struct Nodes<'a> {
    /// The index of their cluster.
    pub cluster: usize,
    pub network: &'a Network,
    pub networks: &'a [VirtualNetwork],
}

impl Nodes<'_> {
    /// Makes pools and nodes; fewer, with a problem, where a subnet is full.
    pub fn make(
        &self,
        drafts: Vec<Draft<'_>>,
        book: &mut AddressBook,
        problems: &mut Vec<Problem>,
    ) -> (Vec<AgentPool>, Vec<Node>) {
        let mut shares = PodCidr::of(self.network.pod_cidr, &drafts);
        let mut pools = vec![];
        let mut nodes = vec![];
        for draft in drafts {
            let Some(subnet) = draft.subnet else { continue };
            for instance in 0..draft.count {
                let name = node_name(&draft.scale_set, instance);
                let pod_cidr = shares.next(draft.pod_range);
                let Some(nic) = self.nic(&name, &draft, subnet, pod_cidr, book) else {
                    problems.push(full(self.networks, subnet, draft.at.key("vnetSubnet")));
                    break;
                };
                nodes.push(Node { name, pool: pools.len(), nic, pod_cidr });
            }
            let Draft { name, scale_set, count, auto_scaling, max_surge, max_pods, .. } = draft;
            let Draft { pod_subnet, mode, pod_range, .. } = draft;
            pools.push(AgentPool {
                name,
                scale_set,
                count,
                auto_scaling,
                max_surge,
                max_pods,
                subnet,
                pod_subnet,
                mode,
                pod_range,
            });
        }
        (pools, nodes)
    }

    fn nic(
        &self,
        name: &str,
        draft: &Draft<'_>,
        subnet: SubnetIndex,
        pod_cidr: Option<Ipv4Net>,
        book: &mut AddressBook,
    ) -> Option<NetworkInterface> {
        let private_ip_address =
            book.take_next_in(subnet, draft.node_range, &format!("the node `{name}`"))?;
        let mut secondary_addresses = vec![];
        let mut secondary_blocks = vec![];
        match (draft.mode, draft.pod_subnet) {
            // Azure CNI takes the addresses of all pods with their node (aks-facts 7).
            (Mode::NodeSubnet, _) => {
                let owner = format!("the node `{name}`, for a pod");
                for _ in 0..draft.max_pods {
                    secondary_addresses.push(book.take_next_in(subnet, draft.pod_range, &owner)?);
                }
            }
            (Mode::StaticBlock, Some(pods)) => {
                for _ in 0..blocks(draft.max_pods) {
                    secondary_blocks.push(book.take_block(pods, draft.pod_range)?);
                }
            }
            _ => {}
        }
        let overlay = match (self.network.plugin, self.network.pod_cidr, pod_cidr) {
            (NetworkPlugin::Overlay, Some(pod_cidr), Some(node_pod_cidr)) => {
                Some(Overlay { cluster: self.cluster, pod_cidr, node_pod_cidr })
            }
            _ => None,
        };
        // AKS sets it where nodes forward by a route table (aks-facts 1.4).
        let enable_ip_forwarding = self.network.plugin == NetworkPlugin::Kubenet;
        Some(NetworkInterface {
            subnet,
            private_ip_address,
            enable_ip_forwarding,
            secondary_addresses,
            secondary_blocks,
            overlay,
        })
    }
}

/// The blocks of /24 of a pod CIDR that are still free, in order.
struct PodCidr {
    whole: Option<Ipv4Net>,
    /// Those of the pools that have one.
    ranges: Vec<Ipv4Net>,
    /// By range; without one, outside of all of them.
    left: BTreeMap<Option<Ipv4Net>, Ipv4Subnets>,
}

impl PodCidr {
    fn of(whole: Option<Ipv4Net>, drafts: &[Draft<'_>]) -> Self {
        let ranges = drafts.iter().filter_map(|draft| draft.pod_range).collect();
        Self { whole, ranges, left: BTreeMap::new() }
    }

    fn next(&mut self, range: Option<Ipv4Net>) -> Option<Ipv4Net> {
        let whole = range.or(self.whole).filter(|_| self.whole.is_some())?;
        let left = match self.left.entry(range) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(whole.subnets(POD_CIDR_PREFIX).ok()?),
        };
        left.find(|block| range.is_some() || !self.ranges.iter().any(|range| range.contains(block)))
    }
}
