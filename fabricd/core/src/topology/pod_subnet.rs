//! Azure CNI with a pod subnet and dynamic allocation: addresses for pods come 16 at a time.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use ipnet::Ipv4Net;

use super::{
    ManagedCluster, NetworkPlugin, Standing, SubnetIndex, VirtualNetwork,
    address_book::{AddressBook, Refusal},
    managed_cluster::Drafted,
    pod_address::on_host_network,
    virtual_machine::refused,
    workload::Draft,
};
use crate::{
    address_plan::{
        Each, Mode,
        formula::{BATCH, batches, smallest_range, smallest_subnet, usable, usable_in},
    },
    spec::{LabSpec, problem::Problem},
};

/// A cluster with the pods that are to be placed, and the node of each.
pub(super) struct Placed<'a> {
    /// Its index in the file.
    pub index: usize,
    pub cluster: &'a ManagedCluster,
    pub drafts: &'a [&'a Draft<'a>],
    pub placed: &'a [Option<usize>],
}

/// What is asked of one node.
#[derive(Clone, Default)]
struct Demand {
    pods: u32,
    pinned: Vec<Ipv4Addr>,
}

/// Refuses a pod subnet that is used in both modes.
/// Source: AKS "configure-azure-cni-static-block-allocation", limitations.
pub(super) fn one_mode_each(
    networks: &[VirtualNetwork],
    clusters: &mut [Drafted<'_>],
    problems: &mut Vec<Problem>,
) {
    let mut modes: BTreeMap<SubnetIndex, Mode> = BTreeMap::new();
    for cluster in clusters {
        for draft in &cluster.drafts {
            let Some(subnet) = draft.pod_subnet else { continue };
            if *modes.entry(subnet).or_insert(draft.mode) == draft.mode {
                continue;
            }
            let name = &networks[subnet.virtual_network].subnets[subnet.subnet].name;
            let message = format!("the pod subnet `{name}` is used in both modes of allocation");
            problems.push(
                Problem::new(draft.at.key("podIPAllocationMode").span(), message)
                    .help("AKS allows one mode for each subnet: give this node pool another `podSubnet`"),
            );
            cluster.complete = false;
        }
    }
}

/// What a node has its batches of.
#[derive(Clone, Copy)]
struct Source {
    subnet: SubnetIndex,
    range: Option<Ipv4Net>,
}

impl Placed<'_> {
    /// Takes the addresses that the lab file gives to pods, before any node gets its batches.
    pub fn pin(&self, networks: &[VirtualNetwork], book: &mut AddressBook, problems: &mut Vec<Problem>) {
        for (draft, node) in self.drafts.iter().zip(self.placed) {
            let (Some((address, span)), Some(node)) = (draft.pinned, node) else { continue };
            let Some(Source { subnet, range }) = self.source(*node) else { continue };
            let owner = format!("the pod `{}`", draft.name());
            if let Err(refusal) = book.take_in(subnet, range, address, &owner) {
                if let (Refusal::Outside, Some(range)) = (&refusal, range) {
                    let message = format!("{address} is not in the range of its node's pool");
                    problems.push(Problem::new(span, message).help(format!("which is {range}")));
                    continue;
                }
                let at = draft.pod_at.key("metadata").key("annotations").key(super::workload::POD_IP);
                let mut problem = refused(networks, subnet, address, refusal, at);
                problem.span = span;
                problems.push(problem);
            }
        }
    }

    /// Takes what nodes have already: as many addresses as they need, of those that no pod has the lowest.
    /// Comes before any node gets new ones.
    pub fn keep(&self, standing: &Standing, book: &mut AddressBook) -> Vec<Vec<Ipv4Addr>> {
        let demands = self.demands();
        let of_node = |(number, demand): (usize, &Demand)| {
            let node = &self.cluster.nodes[number];
            let (Some(source), Some(lease)) = (self.source(number), standing.nodes.get(&node.name)) else {
                return vec![];
            };
            let in_use = self.in_use(number, standing);
            let mut wanted = lease.secondary_addresses.clone();
            wanted.retain(|address| !demand.pinned.contains(address));
            wanted.sort_by_key(|address| (!in_use.contains(address), *address));
            wanted.truncate((batches(demand.pods) as usize).saturating_sub(demand.pinned.len()));
            let owner = format!("the node `{}`, for pods", node.name);
            wanted.retain(|address| book.take_in(source.subnet, source.range, *address, &owner).is_ok());
            wanted
        };
        demands.iter().enumerate().map(of_node).collect()
    }

    /// The addresses that pods of the node of this number have in the running lab.
    fn in_use(&self, node: usize, standing: &Standing) -> BTreeSet<Ipv4Addr> {
        let on_node = self.drafts.iter().zip(self.placed).filter(|(_, placed)| **placed == Some(node));
        let leases =
            on_node.filter_map(|(draft, _)| standing.pod(&self.cluster.name, &draft.namespace, draft.name()));
        let here = leases.filter(|lease| lease.node == self.cluster.nodes[node].name);
        here.filter_map(|lease| lease.address).collect()
    }

    fn demands(&self) -> Vec<Demand> {
        let mut demands = vec![Demand::default(); self.cluster.nodes.len()];
        for (draft, node) in self.drafts.iter().zip(self.placed) {
            if let (Some(node), false) = (*node, on_host_network(draft)) {
                demands[node].pods += 1;
                demands[node].pinned.extend(draft.pinned.map(|(address, _)| address));
            }
        }
        demands
    }

    /// The addresses of each node, ascending; fewer, with a problem, if the subnet is exhausted. None for
    /// any node if the cluster has no pod subnets.
    pub fn give(
        &self,
        spec: &LabSpec,
        kept: Vec<Vec<Ipv4Addr>>,
        (networks, book): (&[VirtualNetwork], &mut AddressBook),
        problems: &mut Vec<Problem>,
    ) -> Vec<Vec<Ipv4Addr>> {
        if self.cluster.network_plugin != NetworkPlugin::PodSubnet {
            return vec![];
        }
        let demands = self.demands();
        let mut kept = kept.into_iter();
        let mut given = vec![];
        let mut exhausted: Option<usize> = None;
        for (number, demand) in demands.iter().enumerate() {
            let kept = kept.next().unwrap_or_default();
            let Some(Source { subnet, range }) = self.source(number) else {
                given.push(vec![]);
                continue;
            };
            let node = &self.cluster.nodes[number];
            let owner = format!("the node `{}`, for pods", node.name);
            let mut addresses = demand.pinned.clone();
            addresses.extend(kept);
            while addresses.len() < batches(demand.pods) as usize {
                let Some(address) = book.take_next_in(subnet, range, &owner) else {
                    exhausted.get_or_insert(number);
                    break;
                };
                addresses.push(address);
            }
            addresses.sort_unstable();
            given.push(addresses);
        }
        if let Some(node) = exhausted {
            problems.extend(self.exhausted(spec, networks, node, &demands));
        }
        given
    }

    /// Where the node of this number has its batches from; nowhere if it has blocks.
    fn source(&self, node: usize) -> Option<Source> {
        let pool = &self.cluster.agent_pools[self.cluster.nodes[node].pool];
        let subnet = pool.pod_subnet.filter(|_| pool.mode == Mode::PodSubnet)?;
        Some(Source { subnet, range: pool.pod_range })
    }

    fn exhausted(
        &self,
        spec: &LabSpec,
        networks: &[VirtualNetwork],
        node: usize,
        demands: &[Demand],
    ) -> Option<Problem> {
        let Source { subnet, range } = self.source(node)?;
        let same = |node: &usize| {
            self.source(*node).is_some_and(|other| (other.subnet, other.range) == (subnet, range))
        };
        let wanted: u64 =
            (0..demands.len()).filter(same).map(|node| Each::Batches.units(demands[node].pods)).sum();
        let it = &networks[subnet.virtual_network].subnets[subnet.subnet];
        let (what, has, smallest) = match range {
            Some(range) => {
                let has = usable_in(it.address_prefix, range);
                (format!("the range {range} of the pod subnet `{}`", it.name), has, smallest_range(wanted))
            }
            None => {
                let what = format!("the pod subnet `{}` {}", it.name, it.address_prefix);
                (what, usable(it.address_prefix), smallest_subnet(wanted))
            }
        };
        let pool = self.cluster.nodes[node].pool;
        let at = spec.lab.at().key("managedClusters").item(self.index).key("agentPoolProfiles").item(pool);
        let message = format!(
            "{what} is exhausted: it has {has} usable addresses, and the nodes of the cluster `{}` want {wanted}",
            self.cluster.name
        );
        let key = if range.is_some() { "podAddressRange" } else { "podSubnet" };
        let larger = smallest.map_or_else(String::new, |length| format!("a /{length} or larger, or "));
        Some(Problem::new(at.key(key).span(), message).help(format!(
            "each node takes {} addresses, at least {BATCH}; take {larger}`networkPluginMode: overlay`, where pods take none of the VNet",
            Each::Batches
        )))
    }
}
