//! Azure CNI with a pod subnet: addresses for pods come 16 at a time.
//!
//! Source: aks-facts 7. A node asks for `16 × ceil(0.5 + used / 16)`, so that at least half a batch is
//! free; one address is the batch's own.

use std::net::Ipv4Addr;

use super::{
    ManagedCluster, NetworkPlugin, SubnetIndex, VirtualNetwork,
    address_book::{AddressBook, usable},
    pod_address::on_host_network,
    virtual_machine::refused,
    workload::Draft,
};
use crate::spec::{LabSpec, problem::Problem};

/// Addresses that a node gets at a time.
const BATCH: u32 = 16;

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

/// Addresses that a node with so many pods has.
fn batches(pods: u32) -> u32 {
    BATCH * (pods + BATCH / 2).div_ceil(BATCH).max(1)
}

impl Placed<'_> {
    /// Takes the addresses that the lab file gives to pods, before any node gets its batches.
    pub fn pin(&self, networks: &[VirtualNetwork], book: &mut AddressBook, problems: &mut Vec<Problem>) {
        for (draft, node) in self.drafts.iter().zip(self.placed) {
            let (Some((address, span)), Some(node)) = (draft.pinned, node) else { continue };
            let Some(subnet) = self.subnet(*node) else { continue };
            let owner = format!("the pod `{}`", draft.name());
            if let Err(refusal) = book.take(subnet, address, &owner) {
                let at = draft.pod_at.key("metadata").key("annotations").key(super::workload::POD_IP);
                let mut problem = refused(networks, subnet, address, refusal, at);
                problem.span = span;
                problems.push(problem);
            }
        }
    }

    /// The addresses of each node, ascending; fewer, with a problem, if the subnet is exhausted.
    pub fn give(
        &self,
        spec: &LabSpec,
        networks: &[VirtualNetwork],
        book: &mut AddressBook,
        problems: &mut Vec<Problem>,
    ) -> Vec<Vec<Ipv4Addr>> {
        let mut demands = vec![Demand::default(); self.cluster.nodes.len()];
        for (draft, node) in self.drafts.iter().zip(self.placed) {
            if let (Some(node), false) = (*node, on_host_network(draft)) {
                demands[node].pods += 1;
                demands[node].pinned.extend(draft.pinned.map(|(address, _)| address));
            }
        }
        let wanted: u32 = demands.iter().map(|demand| batches(demand.pods)).sum();
        let mut given = vec![];
        let mut exhausted: Option<usize> = None;
        for (number, demand) in demands.into_iter().enumerate() {
            let Some(subnet) = self.subnet(number) else { continue };
            let node = &self.cluster.nodes[number];
            let owner = format!("the node `{}`, for pods", node.name);
            let mut addresses = demand.pinned;
            while addresses.len() < batches(demand.pods) as usize {
                let Some(address) = book.take_next(subnet, &owner) else {
                    exhausted.get_or_insert(node.pool);
                    break;
                };
                addresses.push(address);
            }
            addresses.sort_unstable();
            given.push(addresses);
        }
        if let Some(pool) = exhausted {
            problems.push(self.exhausted(spec, networks, pool, wanted));
        }
        given
    }

    fn subnet(&self, node: usize) -> Option<SubnetIndex> {
        let is_one = self.cluster.network_plugin == NetworkPlugin::PodSubnet;
        self.cluster.agent_pools[self.cluster.nodes[node].pool].pod_subnet.filter(|_| is_one)
    }

    fn exhausted(&self, spec: &LabSpec, networks: &[VirtualNetwork], pool: usize, wanted: u32) -> Problem {
        let subnet = self.cluster.agent_pools[pool]
            .pod_subnet
            .map(|at| &networks[at.virtual_network].subnets[at.subnet]);
        let (subnet, prefix) =
            subnet.map_or(("", Default::default()), |it| (it.name.as_str(), it.address_prefix));
        let at = spec.lab.at().key("managedClusters").item(self.index).key("agentPoolProfiles").item(pool);
        let message = format!(
            "the pod subnet `{subnet}` {prefix} is exhausted: it has {} usable addresses, and the nodes of the cluster `{}` want {wanted}",
            usable(prefix),
            self.cluster.name
        );
        Problem::new(at.key("podSubnet").span(), message).help(format!(
            "each node takes {BATCH} × ceil((pods + {}) / {BATCH}) addresses, at least {BATCH}; take a larger subnet, or `networkPluginMode: overlay`, where pods take none of the VNet",
            BATCH / 2
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// aks-facts 7: `request = 16 × ceil(0.5 + used / 16)`.
    #[test]
    fn addresses_come_in_batches_of_16_with_half_a_batch_free() {
        let pods = [0, 1, 8, 9, 15, 16, 24, 25, 110];
        assert_eq!(pods.map(batches), [16, 16, 16, 32, 32, 32, 32, 48, 128]);
    }
}
