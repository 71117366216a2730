//! AKS clusters: pools become nodes with names, addresses and pod ranges.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    HttpProxyConfig, ManagedCluster, NetworkPlugin, Outbound, SubnetIndex, VirtualNetwork,
    address_book::AddressBook,
    address_range::{overlap, refused_by_aks},
    agent_pool::{Draft, Surroundings},
    http_proxy,
    network_profile::{self, Network},
    node::Nodes,
    standing::Course,
    unique::Names,
};
use crate::{
    dns::corefile::Custom,
    name::check_label,
    spec::{LabSpec, managed_cluster as spec, problem::Problem, tree::At},
};

/// AKS' default version here. The schema and `docs/lab-file.md` say it too.
const KUBERNETES_VERSION: &str = "1.30";

/// Node pools of a cluster. Source: AKS quotas and limits.
const POOLS_MAX: usize = 100;

/// A cluster, without its nodes.
#[derive(Clone)]
pub(super) struct Drafted<'a> {
    /// Its index in the file.
    pub index: usize,
    pub cluster: &'a spec::ManagedCluster,
    pub kubernetes_version: String,
    pub network: Network,
    pub http_proxy: Option<HttpProxyConfig>,
    pub drafts: Vec<Draft<'a>>,
    /// False if a mistake keeps nodes from being made.
    pub complete: bool,
    pub at: At<'a>,
}

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
    /// The first cluster with nodes in a subnet, and how it connects its pods.
    subnets: BTreeMap<SubnetIndex, (String, NetworkPlugin)>,
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

    /// Checks the cluster at `index` of the file, up to its node pools.
    ///
    /// `managed_subnet` is the subnet that AKS made for it, where the file has no VNet.
    pub fn draft(
        &mut self,
        index: usize,
        networks: &[VirtualNetwork],
        managed_subnet: Option<SubnetIndex>,
        problems: &mut Vec<Problem>,
    ) -> Drafted<'a> {
        let cluster = &self.spec.lab.value.managed_clusters[index];
        let at = self.spec.lab.at().key("managedClusters").item(index);
        self.names.claim(&cluster.name, at.key("name").span(), problems);
        if let Err(error) = check_label(&cluster.name, 63) {
            problems.push(Problem::new(at.key("name").span(), error.to_string()));
        }
        let kubernetes_version = version(cluster, at, problems);
        let network = network_profile::resolve(cluster, at, problems);
        let plugin = network.plugin;
        let surroundings = Surroundings {
            spec: self.spec,
            networks,
            cluster: &cluster.name,
            plugin,
            pod_cidr: network.pod_cidr,
            minor_version: minor(&kubernetes_version),
            lab: self.lab,
            managed_subnet,
        };
        let drafts = self.pools(cluster, &surroundings, at, problems);
        self.claim_subnets(cluster, plugin, &drafts, networks, problems);
        check_networks(&network, &drafts, networks, at, problems);
        let surroundings = http_proxy::Surroundings {
            lab: self.lab,
            cluster: &cluster.name,
            network: &network,
            networks,
            drafts: &drafts,
            managed_subnet,
        };
        let config = cluster.http_proxy_config.as_ref();
        let http_proxy =
            config.map(|config| surroundings.resolve(config, at.key("httpProxyConfig"), problems));
        let mut complete =
            drafts.iter().all(|draft| draft.subnet.is_some()) && !at.key("agentPoolProfiles").has_lost_any();
        complete &=
            plugin != NetworkPlugin::PodSubnet || drafts.iter().all(|draft| draft.pod_subnet.is_some());
        Drafted { index, cluster, kubernetes_version, network, http_proxy, drafts, complete, at }
    }

    fn pools(
        &mut self,
        cluster: &spec::ManagedCluster,
        surroundings: &Surroundings<'_>,
        at: At<'a>,
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
        let mut names = Names::of("a node pool in this cluster");
        let pools = cluster.agent_pool_profiles.iter().enumerate();
        pools
            .map(|(index, pool)| {
                surroundings.draft(pool, at.item(index), &mut names, &mut self.scale_sets, problems)
            })
            .collect()
    }

    /// One route table belongs to a subnet, and each kubenet cluster has its own: it shares no subnet.
    /// Clusters with Azure CNI may (aks-facts 7).
    fn claim_subnets(
        &mut self,
        cluster: &spec::ManagedCluster,
        plugin: NetworkPlugin,
        drafts: &[Draft<'_>],
        networks: &[VirtualNetwork],
        problems: &mut Vec<Problem>,
    ) {
        let mut network: Option<usize> = None;
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
            let owner = self.subnets.entry(subnet).or_insert_with(|| (cluster.name.clone(), plugin));
            let name = &networks[subnet.virtual_network].subnets[subnet.subnet].name;
            if owner.0 == cluster.name {
                continue;
            } else if owner.1 == NetworkPlugin::Kubenet {
                let message = format!("the subnet `{name}` belongs to the kubenet cluster `{}`", owner.0);
                problems.push(Problem::new(span, message).help(
                    "a subnet has one route table, and each kubenet cluster its own: take another subnet",
                ));
            } else if plugin == NetworkPlugin::Kubenet {
                let message = format!("the subnet `{name}` has nodes of the cluster `{}` already", owner.0);
                problems.push(
                    Problem::new(span, message)
                        .help("a kubenet cluster shares its subnet with no other: take another subnet"),
                );
            }
        }
    }
}

impl Drafted<'_> {
    /// Makes the nodes.
    pub fn make(
        self,
        networks: &[VirtualNetwork],
        course: Course<'_>,
        book: &mut AddressBook,
        problems: &mut Vec<Problem>,
    ) -> Unpopulated {
        let Self { index, cluster, kubernetes_version, network, http_proxy, drafts, mut complete, .. } = self;
        let wanted: u64 = drafts.iter().map(|draft| u64::from(draft.count)).sum();
        let nodes =
            Nodes { cluster: index, network: &network, networks, course, version: &kubernetes_version };
        let (agent_pools, nodes) =
            if complete { nodes.make(drafts, book, problems) } else { (vec![], vec![]) };
        complete &= nodes.len() as u64 == wanted;
        let cluster = ManagedCluster {
            name: cluster.name.clone(),
            kubernetes_version,
            network_plugin: network.plugin,
            pod_cidr: network.pod_cidr,
            service_cidr: network.service_cidr,
            dns_service_ip: network.dns_service_ip,
            non_masquerade_cidrs: vec![],
            coredns_custom: Custom::default(),
            outbound: Outbound::NOTHING,
            http_proxy,
            agent_pools,
            nodes,
            pods: vec![],
            deployments: vec![],
            services: vec![],
            namespaces: vec![],
        };
        Unpopulated { cluster, complete }
    }
}

/// `30` of `1.30.7`; none if it is no version.
fn minor(version: &str) -> Option<u32> {
    version.split('.').nth(1)?.parse().ok()
}

fn version(cluster: &spec::ManagedCluster, at: At<'_>, problems: &mut Vec<Problem>) -> String {
    let Some(version) = &cluster.kubernetes_version else { return KUBERNETES_VERSION.to_owned() };
    check_version(version, at.key("kubernetesVersion"), problems);
    version.clone()
}

/// Checks a version of Kubernetes that is written at `at`.
pub(super) fn check_version(version: &str, at: At<'_>, problems: &mut Vec<Problem>) {
    let parts: Vec<&str> = version.split('.').collect();
    let numbers =
        parts.iter().all(|part| (1..=3).contains(&part.len()) && part.bytes().all(|c| c.is_ascii_digit()));
    if !numbers || !(2..=3).contains(&parts.len()) || parts[0] != "1" {
        let shown: String = version.chars().take(40).collect();
        problems.push(
            Problem::new(at.span(), format!("`{shown}` is not a version of Kubernetes"))
                .help("write it like \"1.30\" or \"1.30.7\""),
        );
    }
}

/// Pods and Services must not have addresses of the VNet, nor Services those of a connected site.
fn check_networks(
    cluster: &Network,
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
            let pods = cluster.pod_cidr.map(|cidr| ("podCidr", cidr));
            for (key, cidr) in pods.into_iter().chain([("serviceCidr", cluster.service_cidr)]) {
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
