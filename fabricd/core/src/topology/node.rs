//! The nodes of a cluster: their names, addresses and shares of the pod CIDR.

use std::collections::{BTreeMap, btree_map::Entry};

use ipnet::{Ipv4Net, Ipv4Subnets};

use super::{
    AgentPool, NetworkInterface, NetworkPlugin, Node, Overlay, SubnetIndex, VirtualNetwork,
    address_book::AddressBook,
    agent_pool::Draft,
    managed_cluster::Drafted,
    network_profile::Network,
    resolve::AZURE_VMS_MAX,
    route_table::ROUTES_MAX,
    scale_set::node_name,
    standing::{Course, NodeLease},
    virtual_machine::full,
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
    pub course: Course<'a>,
    /// The cluster's version of Kubernetes.
    pub version: &'a str,
}

impl Nodes<'_> {
    /// Makes pools and nodes; fewer, with a problem, where a subnet is full.
    pub fn make(
        &self,
        drafts: Vec<Draft<'_>>,
        book: &mut AddressBook,
        problems: &mut Vec<Problem>,
    ) -> (Vec<AgentPool>, Vec<Node>) {
        let mut shares = PodCidr::of(self.network.pod_cidr, &drafts, self.course.kept);
        let mut pools = vec![];
        let mut nodes = vec![];
        for draft in drafts {
            let Some(subnet) = draft.subnet else { continue };
            for instance in 0..draft.count {
                let name = node_name(&draft.scale_set, instance);
                let pod_cidr = shares.of_node(&name, draft.pod_range);
                let Some(nic) = self.nic(&name, &draft, subnet, pod_cidr, book) else {
                    problems.push(full(self.networks, subnet, draft.at.key("vnetSubnet")));
                    break;
                };
                let before = self.course.rollout.versions.get(&name).or(draft.version.as_ref());
                let kubernetes_version = before.map_or(self.version, String::as_str).to_owned();
                nodes.push(Node { name, pool: pools.len(), kubernetes_version, nic, pod_cidr });
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
        let kept = self.course.kept.get(name);
        let private_ip_address = match kept {
            Some(lease) => lease.address,
            None => book.take_next_in(subnet, draft.node_range, &format!("the node `{name}`"))?,
        };
        let mut secondary_addresses = vec![];
        let mut secondary_blocks = vec![];
        match (draft.mode, draft.pod_subnet) {
            // Azure CNI takes the addresses of all pods with their node (aks-facts 7).
            (Mode::NodeSubnet, _) => {
                secondary_addresses = kept.map_or_else(Vec::new, |lease| lease.secondary_addresses.clone());
                let owner = format!("the node `{name}`, for a pod");
                for _ in secondary_addresses.len()..draft.max_pods as usize {
                    secondary_addresses.push(book.take_next_in(subnet, draft.pod_range, &owner)?);
                }
                secondary_addresses.sort_unstable();
            }
            (Mode::StaticBlock, Some(pods)) => {
                secondary_blocks = kept.map_or_else(Vec::new, |lease| lease.secondary_blocks.clone());
                for _ in secondary_blocks.len()..blocks(draft.max_pods) as usize {
                    secondary_blocks.push(book.take_block(pods, draft.pod_range)?);
                }
                secondary_blocks.sort_unstable();
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
            public_address: None,
        })
    }
}

/// The blocks of /24 of a pod CIDR that are still free, in order.
struct PodCidr {
    whole: Option<Ipv4Net>,
    /// Those that nodes have already, with the nodes' names.
    given: BTreeMap<Ipv4Net, String>,
    /// Those of the pools that have one.
    ranges: Vec<Ipv4Net>,
    /// By range; without one, outside of all of them.
    left: BTreeMap<Option<Ipv4Net>, Ipv4Subnets>,
}

impl PodCidr {
    fn of(whole: Option<Ipv4Net>, drafts: &[Draft<'_>], kept: &BTreeMap<String, NodeLease>) -> Self {
        let ranges: Vec<Ipv4Net> = drafts.iter().filter_map(|draft| draft.pod_range).collect();
        let nodes = drafts.iter().flat_map(|draft| {
            let names = (0..draft.count).map(|instance| node_name(&draft.scale_set, instance));
            names.map(|name| (name, draft.pod_range))
        });
        // Clusters may have the same pod CIDR, and the same blocks of it.
        let mut shares = Self { whole, ranges, given: BTreeMap::new(), left: BTreeMap::new() };
        for (name, range) in nodes {
            let block = kept.get(&name).and_then(|lease| lease.pod_cidr);
            if let Some(block) = block.filter(|block| shares.is_of(range, *block)) {
                shares.given.insert(block, name);
            }
        }
        shares
    }

    /// Whether `block` is one that a node of a pool with this range gets.
    fn is_of(&self, range: Option<Ipv4Net>, block: Ipv4Net) -> bool {
        let within = range.or(self.whole).filter(|_| self.whole.is_some());
        let others = || range.is_none() && self.ranges.iter().any(|range| range.contains(&block));
        block.prefix_len() == POD_CIDR_PREFIX && within.is_some_and(|net| net.contains(&block)) && !others()
    }

    /// The block of the node: the one that it has, or a new one.
    fn of_node(&mut self, name: &str, range: Option<Ipv4Net>) -> Option<Ipv4Net> {
        let has = self.given.iter().find(|(_, owner)| *owner == name).map(|(block, _)| *block);
        has.or_else(|| self.next(range))
    }

    fn next(&mut self, range: Option<Ipv4Net>) -> Option<Ipv4Net> {
        let whole = range.or(self.whole).filter(|_| self.whole.is_some())?;
        let left = match self.left.entry(range) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(whole.subnets(POD_CIDR_PREFIX).ok()?),
        };
        left.filter(|block| !self.given.contains_key(block))
            .find(|block| range.is_some() || !self.ranges.iter().any(|range| range.contains(block)))
    }
}
