//! The nodes of a cluster: whether they fit, and their names, addresses and shares of the pod CIDR.

use ipnet::Ipv4Net;

use super::{
    AgentPool, NetworkInterface, NetworkPlugin, Node, Overlay, SubnetIndex, VirtualNetwork,
    address_book::{AddressBook, usable},
    address_range::size,
    agent_pool::Draft,
    network_profile::Network,
    resolve::AZURE_VMS_MAX,
    route_table::ROUTES_MAX,
    scale_set::node_name,
    virtual_machine::full,
};
use crate::spec::{problem::Problem, tree::At};

/// What nodes are made in.
pub(super) struct Nodes<'a> {
    /// The index of their cluster.
    pub cluster: usize,
    pub network: &'a Network,
    pub networks: &'a [VirtualNetwork],
    /// The cluster.
    pub at: At<'a>,
}

impl Nodes<'_> {
    /// Whether route table, pod CIDR and subnets are large enough.
    pub fn fit(&self, drafts: &[Draft<'_>], book: &AddressBook, problems: &mut Vec<Problem>) -> bool {
        let pools = self.at.key("agentPoolProfiles");
        let wanted: u64 = drafts.iter().map(|draft| u64::from(draft.count)).sum();
        if wanted == 0 && !pools.is_unwritten() && !pools.has_lost_any() {
            problems.push(Problem::new(pools.span(), "a cluster needs at least one node"));
            return false;
        }
        if self.network.plugin == NetworkPlugin::Kubenet && wanted > ROUTES_MAX as u64 {
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
        let room = self.network.pod_cidr.is_none_or(|cidr| self.blocks_fit(wanted, cidr, problems));
        room && (self.network.plugin != NetworkPlugin::NodeSubnet
            || self.reservations_fit(drafts, book, problems))
    }

    fn blocks_fit(&self, wanted: u64, pod_cidr: Ipv4Net, problems: &mut Vec<Problem>) -> bool {
        let room = size(pod_cidr) / 256;
        if wanted > room {
            let message = format!(
                "the pod CIDR {pod_cidr} is too small: it holds {room} blocks of /24 for {wanted} nodes"
            );
            let length = (0..=24_u8).rev().find(|length| wanted <= 1 << (24 - length)).unwrap_or(0);
            let help = format!(
                "each node gets a /24: take a /{length}, or `networkPlugin: azure` without overlay, where pods have addresses of the VNet"
            );
            let at = self.at.key("networkProfile").key("podCidr");
            problems.push(Problem::new(at.span(), message).help(help));
        }
        wanted <= room
    }

    /// Azure CNI takes the addresses of all pods with their node (aks-facts 7).
    fn reservations_fit(
        &self,
        drafts: &[Draft<'_>],
        book: &AddressBook,
        problems: &mut Vec<Problem>,
    ) -> bool {
        let mut taken = std::collections::BTreeMap::new();
        let mut fit = true;
        for draft in drafts {
            let Some(subnet) = draft.subnet else { continue };
            let each = 1 + u64::from(draft.max_pods);
            let needed = u64::from(draft.count) * each;
            let taken: &mut u64 = taken.entry(subnet).or_default();
            let free = book.free(subnet).saturating_sub(*taken);
            *taken += needed;
            if needed <= free {
                continue;
            }
            fit = false;
            let it = &self.networks[subnet.virtual_network].subnets[subnet.subnet];
            let Draft { name, count, max_pods, .. } = draft;
            let message = format!(
                "the subnet `{}` {} is too small for the node pool `{name}`: it needs {count} × (1 + {max_pods}) = {needed} addresses, and {free} are free",
                it.name, it.address_prefix
            );
            let network = it.address_prefix.network();
            let sizes = (2..=29).rev().filter_map(|length| Ipv4Net::new(network, length).ok());
            let enough = sizes.into_iter().find(|net| usable(*net) >= *taken);
            let larger = enough.map_or_else(String::new, |net| format!("take a /{}, ", net.prefix_len()));
            let help = format!(
                "Azure CNI reserves 1 + `maxPods` addresses with each node, so there is room for {} (InsufficientSubnetSize); {larger}fewer `maxPods`, or `networkPluginMode: overlay`, where a node takes one address",
                free / each
            );
            problems.push(Problem::new(draft.at.key("vnetSubnet").span(), message).help(help));
        }
        fit
    }

    /// Makes pools and nodes; fewer, with a problem, where a subnet is full.
    pub fn make(
        &self,
        drafts: Vec<Draft<'_>>,
        book: &mut AddressBook,
        problems: &mut Vec<Problem>,
    ) -> (Vec<AgentPool>, Vec<Node>) {
        let blocks = self.network.pod_cidr.and_then(|cidr| cidr.subnets(24).ok());
        let mut blocks = blocks.into_iter().flatten();
        let mut pools = vec![];
        let mut nodes = vec![];
        for Draft { name, scale_set, count, max_pods, subnet, pod_subnet, at } in drafts {
            let Some(subnet) = subnet else { continue };
            for instance in 0..count {
                let name = node_name(&scale_set, instance);
                let pod_cidr = blocks.next();
                let Some(nic) = self.nic(&name, max_pods, subnet, pod_cidr, book) else {
                    problems.push(full(self.networks, subnet, at.key("vnetSubnet")));
                    break;
                };
                nodes.push(Node { name, pool: pools.len(), nic, pod_cidr });
            }
            pools.push(AgentPool { name, scale_set, count, max_pods, subnet, pod_subnet });
        }
        (pools, nodes)
    }

    fn nic(
        &self,
        name: &str,
        max_pods: u32,
        subnet: SubnetIndex,
        pod_cidr: Option<Ipv4Net>,
        book: &mut AddressBook,
    ) -> Option<NetworkInterface> {
        let private_ip_address = book.take_next(subnet, &format!("the node `{name}`"))?;
        let mut secondary_addresses = vec![];
        if self.network.plugin == NetworkPlugin::NodeSubnet {
            let owner = format!("the node `{name}`, for a pod");
            for _ in 0..max_pods {
                secondary_addresses.push(book.take_next(subnet, &owner)?);
            }
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
            overlay,
        })
    }
}
