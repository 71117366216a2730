//! What stands before any node has an address: networks, VMs, gateways, sites, and node pools as drafts.

use super::{
    Site, SubnetIndex, VirtualNetwork, VirtualNetworkGateway,
    address_book::AddressBook,
    gateway,
    managed_cluster::{Clusters, Drafted},
    on_premises, pod_subnet, pool_range, virtual_machine, virtual_network,
};
use crate::spec::{LabSpec, problem::Problem};

/// What is known before any node has an address.
pub(super) struct Ground<'a> {
    pub networks: Vec<VirtualNetwork>,
    pub book: AddressBook,
    pub vm_drafts: Vec<virtual_machine::Draft<'a>>,
    pub gateways: Vec<Option<VirtualNetworkGateway>>,
    pub sites: Vec<Site>,
    pub clusters: Vec<Drafted<'a>>,
}

impl<'a> Ground<'a> {
    /// Of the lab called `lab`.
    pub fn of(spec: &'a LabSpec, lab: &'a str, problems: &mut Vec<Problem>) -> Self {
        let mut networks = virtual_network::resolve(spec, problems);
        let managed_subnets = add_managed_networks(spec, lab, &mut networks);
        let mut book = AddressBook::of(&networks);
        let vm_drafts = virtual_machine::draft(spec, &networks, &mut book, problems);
        let gateways = gateway::resolve(spec, &networks, &mut book, problems);
        let sites = on_premises::resolve(spec, &networks, &gateways, problems);

        let mut rules = Clusters::of(spec, lab);
        let mut clusters: Vec<Drafted<'_>> = (0..spec.lab.value.managed_clusters.len())
            .map(|index| rules.draft(index, &networks, managed_subnets.get(index).copied(), problems))
            .collect();
        pool_range::keep(&clusters, &mut book, problems);
        pod_subnet::one_mode_each(&networks, &mut clusters, problems);
        Self { networks, book, vm_drafts, gateways, sites, clusters }
    }

    /// VMs, gateways, and nodes of the clusters that are complete.
    pub fn ports(&self) -> u64 {
        let complete = self.clusters.iter().filter(|cluster| cluster.complete);
        let nodes: u64 = complete.flat_map(|it| &it.drafts).map(|draft| u64::from(draft.count)).sum();
        nodes + (self.vm_drafts.len() + self.gateways.iter().flatten().count()) as u64
    }
}

/// Without any VNet in the file, each cluster gets the one that AKS would make.
fn add_managed_networks(spec: &LabSpec, lab: &str, networks: &mut Vec<VirtualNetwork>) -> Vec<SubnetIndex> {
    if !spec.lab.at().key("virtualNetworks").is_unwritten() {
        return vec![];
    }
    let clusters = &spec.lab.value.managed_clusters;
    networks.extend(clusters.iter().map(|cluster| virtual_network::managed_default(lab, &cluster.name)));
    (0..networks.len()).map(|virtual_network| SubnetIndex { virtual_network, subnet: 0 }).collect()
}
