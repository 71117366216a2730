//! What stands before any node has an address: networks, VMs, gateways, sites, and node pools as drafts.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use super::{
    Rollout, RouteTable, Site, Standing, SubnetIndex, VirtualNetwork, VirtualNetworkGateway,
    address_book::AddressBook,
    azure_firewall, gateway,
    managed_cluster::{Clusters, Drafted},
    on_premises, peering, pod_subnet, pool_range, route_table, service,
    standing::NodeLease,
    virtual_machine, virtual_network,
};
use crate::spec::{LabSpec, problem::Problem};

/// What is known before any node has an address.
pub(super) struct Ground<'a> {
    pub networks: Vec<VirtualNetwork>,
    pub route_tables: Vec<RouteTable>,
    pub book: AddressBook,
    pub vm_drafts: Vec<virtual_machine::Draft<'a>>,
    pub gateways: Vec<Option<VirtualNetworkGateway>>,
    pub sites: Vec<Site>,
    pub firewalls: Vec<Option<azure_firewall::Place>>,
    pub clusters: Vec<Drafted<'a>>,
    /// Services of the file: namespace and name.
    services: BTreeSet<(String, String)>,
}

impl<'a> Ground<'a> {
    /// Of the lab called `lab`.
    pub fn of(spec: &'a LabSpec, lab: &'a str, problems: &mut Vec<Problem>) -> Self {
        let mut networks = virtual_network::resolve(spec, problems);
        let route_tables = route_table::resolve(spec, &mut networks, problems);
        peering::resolve(spec, &mut networks, problems);
        let managed_subnets = add_managed_networks(spec, lab, &mut networks);
        let mut book = AddressBook::of(&networks);
        let vm_drafts = virtual_machine::draft(spec, &networks, &mut book, problems);
        let gateways = gateway::resolve(spec, &networks, &mut book, problems);
        let sites = on_premises::resolve(spec, &networks, &gateways, problems);
        let firewalls = azure_firewall::place(spec, &networks, &route_tables, &mut book, problems);

        let mut rules = Clusters::of(spec, lab);
        let mut clusters: Vec<Drafted<'_>> = (0..spec.lab.value.managed_clusters.len())
            .map(|index| rules.draft(index, &networks, managed_subnets.get(index).copied(), problems))
            .collect();
        pool_range::keep(&clusters, &mut book, problems);
        pod_subnet::one_mode_each(&networks, &mut clusters, problems);
        let services = spec.services.iter().map(|service| {
            let metadata = &service.value.metadata;
            let namespace = metadata.namespace.as_deref().unwrap_or("default");
            (namespace.to_owned(), metadata.name.clone().unwrap_or_default())
        });
        let services = services.collect();
        Self { networks, route_tables, book, vm_drafts, gateways, sites, firewalls, clusters, services }
    }
}

impl Ground<'_> {
    /// Adds the surge nodes of a node pool that is being upgraded.
    pub fn surge(&mut self, rollout: &Rollout) {
        let clusters = self.clusters.iter_mut().filter(|it| it.cluster.name == rollout.cluster);
        for draft in clusters.flat_map(|it| &mut it.drafts).filter(|it| it.name == rollout.agent_pool) {
            draft.count = draft.count.saturating_add(rollout.surge);
        }
    }

    /// Takes what VMs and nodes have already, before anybody is given an address. The nodes' comes back.
    pub fn keep(&mut self, standing: &Standing) -> BTreeMap<String, NodeLease> {
        for vm in &mut self.vm_drafts {
            vm.keep(standing, &mut self.book);
        }
        for (name, address) in standing.frontends() {
            let is_there = self.services.iter().any(|(namespace, of)| format!("{namespace}/{of}") == name);
            let subnet = is_there.then(|| subnet_of(&self.networks, address)).flatten();
            if let Some(subnet) = subnet {
                let _ = self.book.take(subnet, address, &service::frontend::owner(name));
            }
        }
        // A cluster that does not fit may want billions of nodes.
        let complete = self.clusters.iter().filter(|cluster| cluster.complete);
        let drafts = complete.flat_map(|cluster| &cluster.drafts);
        drafts.flat_map(|draft| standing.keep_nodes(draft, &mut self.book)).collect()
    }

    /// VMs, gateways, firewalls, and nodes of the clusters that are complete.
    pub fn ports(&self) -> u64 {
        let complete = self.clusters.iter().filter(|cluster| cluster.complete);
        let nodes: u64 = complete.flat_map(|it| &it.drafts).map(|draft| u64::from(draft.count)).sum();
        let gateways = self.gateways.iter().flatten().count() + self.firewalls.iter().flatten().count();
        nodes + (self.vm_drafts.len() + gateways) as u64
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

fn subnet_of(networks: &[VirtualNetwork], address: Ipv4Addr) -> Option<SubnetIndex> {
    let mut all = networks.iter().enumerate().flat_map(|(virtual_network, network)| {
        network
            .subnets
            .iter()
            .enumerate()
            .map(move |(subnet, it)| (SubnetIndex { virtual_network, subnet }, it))
    });
    all.find(|(_, subnet)| subnet.address_prefix.contains(&address)).map(|(index, _)| index)
}
