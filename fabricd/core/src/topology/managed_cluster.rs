//! AKS clusters: pools become nodes with names, addresses and pod ranges.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::Ipv4Net;

use super::{
    AgentPool, ManagedCluster, NetworkInterface, NetworkPlugin, Node, SubnetIndex, VirtualNetwork,
    address_book::AddressBook,
    address_range::{overlap, refused_by_aks, size},
    agent_pool::{Draft, Surroundings},
    network_profile::{self, Ranges},
    route_table::ROUTES_MAX,
    scale_set::node_name,
    unique::Names,
    virtual_machine::full,
};
use crate::{
    name::check_label,
    spec::{LabSpec, managed_cluster as spec, problem::Problem, tree::At},
};

/// AKS' default version here. The schema and `docs/lab-file.md` say it too.
const KUBERNETES_VERSION: &str = "1.30";

/// Node pools of a cluster. Source: AKS quotas and limits.
const POOLS_MAX: usize = 100;

/// A cluster, without its pods.
pub(super) struct Unpopulated {
    pub cluster: ManagedCluster,
    /// False if a mistake keeps nodes from being made: then pods cannot be placed.
    pub complete: bool,
}

/// All clusters together: what they may not share.
pub(super) struct Clusters<'a> {
    spec: &'a LabSpec,
    lab: &'a str,
    names: Names,
    scale_sets: Names,
    /// The cluster whose route table a subnet has.
    subnets: BTreeMap<SubnetIndex, String>,
}

impl<'a> Clusters<'a> {
    /// Of the lab called `lab`.
    pub fn of(spec: &'a LabSpec, lab: &'a str) -> Self {
        Self {
            spec,
            lab,
            names: Names::of("a cluster"),
            scale_sets: Names::of("a scale set"),
            subnets: BTreeMap::new(),
        }
    }

    /// Checks the cluster at `index` of the file and makes its nodes.
    ///
    /// `managed_subnet` is the subnet that AKS made for it, where the file has no VNet.
    pub fn resolve(
        &mut self,
        index: usize,
        networks: &[VirtualNetwork],
        managed_subnet: Option<SubnetIndex>,
        book: &mut AddressBook,
        problems: &mut Vec<Problem>,
    ) -> Unpopulated {
        let cluster = &self.spec.lab.value.managed_clusters[index];
        let at = self.spec.lab.at().key("managedClusters").item(index);
        self.names.claim(&cluster.name, at.key("name").span(), problems);
        if let Err(error) = check_label(&cluster.name, 63) {
            problems.push(Problem::new(at.key("name").span(), error.to_string()));
        }
        let kubernetes_version = version(cluster, at, problems);
        let ranges = network_profile::resolve(cluster, at, problems);
        let drafts = self.pools(cluster, at, networks, managed_subnet, problems);
        self.claim_subnets(cluster, &drafts, networks, problems);
        check_networks(&ranges, &drafts, networks, at, problems);
        let mut complete =
            drafts.iter().all(|draft| draft.subnet.is_some()) && !at.key("agentPoolProfiles").has_lost_any();
        let wanted: u64 = drafts.iter().map(|draft| u64::from(draft.count)).sum();
        complete &= room_for_nodes(wanted, ranges.pod_cidr, at, problems);
        let (agent_pools, nodes) =
            if complete { nodes(drafts, &ranges, networks, book, problems) } else { (vec![], vec![]) };
        complete &= nodes.len() as u64 == wanted;
        let cluster = ManagedCluster {
            name: cluster.name.clone(),
            kubernetes_version,
            network_plugin: NetworkPlugin::Kubenet,
            pod_cidr: ranges.pod_cidr,
            service_cidr: ranges.service_cidr,
            dns_service_ip: ranges.dns_service_ip,
            agent_pools,
            nodes,
            pods: vec![],
            deployments: vec![],
            namespaces: vec![],
        };
        Unpopulated { cluster, complete }
    }

    fn pools(
        &mut self,
        cluster: &spec::ManagedCluster,
        at: At<'a>,
        networks: &[VirtualNetwork],
        managed_subnet: Option<SubnetIndex>,
        problems: &mut Vec<Problem>,
    ) -> Vec<Draft<'a>> {
        let at = at.key("agentPoolProfiles");
        if at.is_unwritten() {
            let help = "such as `agentPoolProfiles: [{name: nodepool1, count: 1}]`";
            problems.push(Problem::new(at.span(), "a cluster needs at least one node pool").help(help));
        }
        if cluster.agent_pool_profiles.len() > POOLS_MAX {
            problems.push(Problem::new(at.span(), format!("a cluster has at most {POOLS_MAX} node pools")));
            return vec![];
        }
        let surroundings =
            Surroundings { spec: self.spec, networks, cluster: &cluster.name, lab: self.lab, managed_subnet };
        let mut names = Names::of("a node pool in this cluster");
        let pools = cluster.agent_pool_profiles.iter().enumerate();
        pools
            .map(|(index, pool)| {
                surroundings.draft(pool, at.item(index), &mut names, &mut self.scale_sets, problems)
            })
            .collect()
    }

    /// One route table belongs to a subnet, and each kubenet cluster has its own.
    fn claim_subnets(
        &mut self,
        cluster: &spec::ManagedCluster,
        drafts: &[Draft<'_>],
        networks: &[VirtualNetwork],
        problems: &mut Vec<Problem>,
    ) {
        let mut network: Option<usize> = None;
        let plugin = cluster.network_profile.as_ref().and_then(|profile| profile.network_plugin);
        for draft in drafts {
            let Some(subnet) = draft.subnet else { continue };
            let span = draft.at.key("vnetSubnet").span();
            let first = *network.get_or_insert(subnet.virtual_network);
            if first != subnet.virtual_network {
                let message = format!(
                    "the node pools of `{}` are in different VNets: `{}` and `{}`",
                    cluster.name, networks[first].name, networks[subnet.virtual_network].name
                );
                problems
                    .push(Problem::new(span, message).help("AKS wants all pools of a cluster in one VNet"));
            }
            if plugin != Some(spec::NetworkPlugin::Kubenet) {
                continue;
            }
            let owner = self.subnets.entry(subnet).or_insert_with(|| cluster.name.clone());
            if *owner != cluster.name {
                let name = &networks[subnet.virtual_network].subnets[subnet.subnet].name;
                let message = format!("the subnet `{name}` belongs to the kubenet cluster `{owner}`");
                problems.push(Problem::new(span, message).help(
                    "a subnet has one route table, and each kubenet cluster its own: take another subnet",
                ));
            }
        }
    }
}

fn version(cluster: &spec::ManagedCluster, at: At<'_>, problems: &mut Vec<Problem>) -> String {
    let Some(version) = &cluster.kubernetes_version else { return KUBERNETES_VERSION.to_owned() };
    let parts: Vec<&str> = version.split('.').collect();
    let numbers =
        parts.iter().all(|part| (1..=3).contains(&part.len()) && part.bytes().all(|c| c.is_ascii_digit()));
    if !numbers || !(2..=3).contains(&parts.len()) || parts[0] != "1" {
        let shown: String = version.chars().take(40).collect();
        problems.push(
            Problem::new(
                at.key("kubernetesVersion").span(),
                format!("`{shown}` is not a version of Kubernetes"),
            )
            .help("write it like \"1.30\" or \"1.30.7\""),
        );
    }
    version.clone()
}

/// Pods and Services must not have addresses of the VNet, nor Services those of a connected site.
fn check_networks(
    ranges: &Ranges,
    drafts: &[Draft<'_>],
    networks: &[VirtualNetwork],
    at: At<'_>,
    problems: &mut Vec<Problem>,
) {
    let profile = at.key("networkProfile");
    let used: BTreeSet<usize> =
        drafts.iter().filter_map(|it| it.subnet).map(|it| it.virtual_network).collect();
    for network in used.into_iter().map(|index| &networks[index]) {
        for prefix in &network.address_prefixes {
            for (key, cidr) in [("podCidr", ranges.pod_cidr), ("serviceCidr", ranges.service_cidr)] {
                if overlap(cidr, *prefix) {
                    let message = format!("{key} {cidr} overlaps {prefix} of the VNet `{}`", network.name);
                    let help = "the VNet could not tell them from its own addresses; take a range outside it";
                    problems.push(Problem::new(profile.key(key).span(), message).help(help));
                }
            }
            if let Some(range) = refused_by_aks(*prefix) {
                let message = format!(
                    "AKS does not allow a cluster in the VNet `{}`: its prefix {prefix} overlaps {range}",
                    network.name
                );
                let help = "AKS keeps 169.254.0.0/16, 192.0.2.0/24, 172.30.0.0/16 and 172.31.0.0/16";
                problems.push(Problem::new(at.key("name").span(), message).help(help));
            }
        }
    }
}

/// Whether the route table and the pod CIDR are large enough.
fn room_for_nodes(wanted: u64, pod_cidr: Ipv4Net, at: At<'_>, problems: &mut Vec<Problem>) -> bool {
    let pools = at.key("agentPoolProfiles");
    if wanted == 0 && !pools.is_unwritten() && !pools.has_lost_any() {
        problems.push(Problem::new(pools.span(), "a cluster needs at least one node"));
        return false;
    }
    if wanted > ROUTES_MAX as u64 {
        let message = format!("{wanted} nodes; a kubenet cluster has at most {ROUTES_MAX}");
        let help = format!("each node takes a route, and an Azure route table holds {ROUTES_MAX}");
        problems.push(Problem::new(pools.span(), message).help(help));
        return false;
    }
    let room = size(pod_cidr) / 256;
    if wanted > room {
        let message =
            format!("the pod CIDR {pod_cidr} is too small: it holds {room} blocks of /24 for {wanted} nodes");
        let help = "each node gets a /24; a /16 is enough for 256 nodes";
        problems.push(Problem::new(at.key("networkProfile").key("podCidr").span(), message).help(help));
        return false;
    }
    true
}

fn nodes(
    drafts: Vec<Draft<'_>>,
    ranges: &Ranges,
    networks: &[VirtualNetwork],
    book: &mut AddressBook,
    problems: &mut Vec<Problem>,
) -> (Vec<AgentPool>, Vec<Node>) {
    let mut blocks = ranges.pod_cidr.subnets(24).into_iter().flatten();
    let mut pools = vec![];
    let mut nodes = vec![];
    for Draft { name, scale_set, count, max_pods, subnet, at } in drafts {
        let Some(subnet) = subnet else { continue };
        for instance in 0..count {
            let name = node_name(&scale_set, instance);
            let (Some(pod_cidr), Some(private_ip_address)) =
                (blocks.next(), book.take_next(subnet, &format!("the node `{name}`")))
            else {
                problems.push(full(networks, subnet, at.key("vnetSubnet")));
                break;
            };
            let nic = NetworkInterface { subnet, private_ip_address, enable_ip_forwarding: true };
            nodes.push(Node { name, pool: pools.len(), nic, pod_cidr });
        }
        pools.push(AgentPool { name, scale_set, count, max_pods, subnet });
    }
    (pools, nodes)
}
