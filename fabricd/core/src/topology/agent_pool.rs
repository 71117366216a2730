//! Node pools: names, sizes, where the nodes are.

use ipnet::Ipv4Net;

use super::{
    AutoScaling, NetworkPlugin, SubnetIndex, VirtualNetwork,
    managed_cluster::check_version,
    pool_range, pool_size, scale_set,
    unique::Names,
    virtual_network::{FIREWALL_SUBNET, GATEWAY_SUBNET, find_subnet},
};
use crate::{
    address_plan::{MaxSurge, Mode},
    name::check_label,
    spec::{
        LabSpec,
        managed_cluster::{AgentPoolProfile, OsType, PodIpAllocationMode},
        problem::Problem,
        suggest::list,
        tree::At,
    },
};

/// AKS' defaults for `maxPods` (aks-facts 7); for a plugin of one's own that of the portal.
fn max_pods(plugin: NetworkPlugin) -> u32 {
    match plugin {
        NetworkPlugin::Kubenet | NetworkPlugin::PodSubnet => 110,
        NetworkPlugin::NodeSubnet => 30,
        NetworkPlugin::Overlay | NetworkPlugin::None => 250,
    }
}

/// The least that AKS allows for `maxPods` (aks-facts 7).
pub(super) const MAX_PODS_LEAST: u32 = 10;

/// What AKS allows for `maxPods` (aks-facts 7).
const MAX_PODS_RANGE: std::ops::RangeInclusive<u32> = MAX_PODS_LEAST..=250;

/// A pool of which perhaps the subnet is not known, because of a mistake.
#[derive(Clone)]
pub(super) struct Draft<'a> {
    pub name: String,
    pub scale_set: String,
    pub count: u32,
    /// `orchestratorVersion`.
    pub version: Option<String>,
    pub auto_scaling: Option<AutoScaling>,
    pub max_surge: MaxSurge,
    pub max_pods: u32,
    pub subnet: Option<SubnetIndex>,
    pub pod_subnet: Option<SubnetIndex>,
    pub mode: Mode,
    /// The part of `subnet` that its nodes have addresses of.
    pub node_range: Option<Ipv4Net>,
    /// The part of the pod CIDR, of `pod_subnet` or of `subnet` that its pods have addresses of.
    pub pod_range: Option<Ipv4Net>,
    pub at: At<'a>,
}

/// What a pool is looked at in.
pub(super) struct Surroundings<'a> {
    pub spec: &'a LabSpec,
    pub networks: &'a [VirtualNetwork],
    /// The cluster's name.
    pub cluster: &'a str,
    /// The cluster's network plugin.
    pub plugin: NetworkPlugin,
    /// The cluster's pod CIDR, if it has one.
    pub pod_cidr: Option<Ipv4Net>,
    /// The minor version of Kubernetes, if it is known.
    pub minor_version: Option<u32>,
    /// The lab's name.
    pub lab: &'a str,
    /// The subnet that AKS made for the cluster, if it had to.
    pub managed_subnet: Option<SubnetIndex>,
}

impl Surroundings<'_> {
    /// Checks one pool; `scale_sets` are those of the whole lab, `names` those of the cluster's pools.
    pub fn draft<'p>(
        &self,
        pool: &AgentPoolProfile,
        at: At<'p>,
        names: &mut Names,
        scale_sets: &mut Names,
        problems: &mut Vec<Problem>,
    ) -> Draft<'p> {
        let name_span = at.key("name").span();
        let is_first = names.claim(&pool.name, name_span, problems);
        if !is_pool_name(&pool.name) {
            problems.push(
                Problem::new(
                    name_span,
                    format!("`{}` cannot be the name of a Linux node pool", short(&pool.name)),
                )
                .help("AKS allows 1 to 12 lower case letters and digits, beginning with a letter"),
            );
        }
        let scale_set = self.scale_set(pool, at, problems);
        // Pools of one name get one scale set by default; that is told already.
        if is_first || pool.scale_set.is_some() {
            scale_sets.claim(&scale_set, at.key("scaleSet").span(), problems);
        }
        if pool.os_type == Some(OsType::Windows) {
            let message = "Windows nodes are not built yet";
            problems.push(Problem::new(at.key("osType").span(), message).help("write `osType: Linux`"));
        }
        if let Some(version) = &pool.orchestrator_version {
            check_version(version, at.key("orchestratorVersion"), problems);
        }
        let default = max_pods(self.plugin);
        let max_pods = pool.max_pods.unwrap_or(default);
        if !MAX_PODS_RANGE.contains(&max_pods) {
            let message = format!("AKS does not allow {max_pods} pods on a node");
            problems.push(
                Problem::new(at.key("maxPods").span(), message)
                    .help(format!("`maxPods` is 10 to 250, by default {default}")),
            );
        }
        // What goes on is reckoned with, and must not overflow.
        let max_pods = max_pods.clamp(*MAX_PODS_RANGE.start(), *MAX_PODS_RANGE.end());
        let subnet = self.subnet(pool, at, problems);
        let pod_subnet = self.pod_subnet(pool, subnet, at, problems);
        let (count, auto_scaling) = pool_size::resolve(pool, at, problems);
        let mut draft = Draft {
            name: pool.name.clone(),
            scale_set,
            count,
            auto_scaling,
            version: pool.orchestrator_version.clone(),
            max_surge: pool_size::max_surge(pool),
            max_pods,
            subnet,
            pod_subnet,
            mode: self.mode(pool, pod_subnet, at, problems),
            node_range: None,
            pod_range: None,
            at,
        };
        pool_range::read(pool, &mut draft, self.networks, self.pod_cidr, problems);
        draft
    }

    /// Where the pool's pods have their addresses from, one by one or in blocks.
    fn mode(
        &self,
        pool: &AgentPoolProfile,
        pods: Option<SubnetIndex>,
        at: At<'_>,
        problems: &mut Vec<Problem>,
    ) -> Mode {
        let at = at.key("podIPAllocationMode");
        let mode = match self.plugin {
            NetworkPlugin::Kubenet => Mode::Kubenet,
            NetworkPlugin::NodeSubnet => Mode::NodeSubnet,
            NetworkPlugin::Overlay => Mode::Overlay,
            NetworkPlugin::None => Mode::None,
            NetworkPlugin::PodSubnet
                if pool.pod_ip_allocation_mode == Some(PodIpAllocationMode::StaticBlock) =>
            {
                Mode::StaticBlock
            }
            NetworkPlugin::PodSubnet => Mode::PodSubnet,
        };
        if pool.pod_ip_allocation_mode.is_some() && self.plugin != NetworkPlugin::PodSubnet {
            let message = "only a node pool with a `podSubnet` has a `podIPAllocationMode`";
            let help = "add `podSubnet`, or remove it";
            problems.push(Problem::new(at.span(), message).help(help));
        }
        if mode != Mode::StaticBlock {
            return mode;
        }
        // Both limits: AKS "configure-azure-cni-static-block-allocation".
        if self.minor_version.is_some_and(|minor| minor < 28) {
            let message = "static block allocation needs Kubernetes 1.28";
            problems.push(Problem::new(at.span(), message).help("raise `kubernetesVersion` of the cluster"));
        }
        let prefix = pods.map(|pods| self.networks[pods.virtual_network].subnets[pods.subnet].address_prefix);
        if let Some(prefix) = prefix.filter(|prefix| prefix.prefix_len() < 12) {
            let message = format!("the subnet {prefix} is too large for static block allocation");
            problems.push(Problem::new(at.span(), message).help("AKS takes a /12 at the most"));
        }
        mode
    }

    fn scale_set(&self, pool: &AgentPoolProfile, at: At<'_>, problems: &mut Vec<Problem>) -> String {
        let Some(name) = &pool.scale_set else {
            return scale_set::default_name(self.lab, self.cluster, &pool.name);
        };
        if let Err(error) = check_label(name, scale_set::NAME_MAX) {
            let help = "such as aks-nodepool1-12345678-vmss; nodes are called so, and six digits follow";
            problems.push(Problem::new(at.key("scaleSet").span(), error.to_string()).help(help));
        }
        name.clone()
    }

    fn subnet(
        &self,
        pool: &AgentPoolProfile,
        at: At<'_>,
        problems: &mut Vec<Problem>,
    ) -> Option<SubnetIndex> {
        let written = at.key("vnetSubnet");
        if let Some(reference) = &pool.vnet_subnet {
            return find_subnet(self.spec, self.networks, reference, written, problems);
        }
        if self.managed_subnet.is_some() || written.is_lost() {
            return self.managed_subnet;
        }
        let candidates = self.candidates();
        match candidates[..] {
            [] if self.network_is_lost() => None,
            [] => {
                let message = format!("there is no subnet for the node pool `{}`", short(&pool.name));
                problems.push(
                    Problem::new(written.span(), message)
                        .help("give a VNet a subnet, or leave `virtualNetworks` out to get AKS' own"),
                );
                None
            }
            [only] if !self.network_is_lost() => Some(only),
            [_] => None,
            _ => {
                let names: Vec<String> = candidates.iter().map(|&index| self.name(index)).collect();
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                let message =
                    format!("it is not clear which subnet the node pool `{}` is in", short(&pool.name));
                problems.push(
                    Problem::new(written.span(), message)
                        .help(format!("write `vnetSubnet:` with one of {}", list(&names))),
                );
                None
            }
        }
    }

    /// Where the pods are, if they are in a subnet of their own.
    fn pod_subnet(
        &self,
        pool: &AgentPoolProfile,
        nodes: Option<SubnetIndex>,
        at: At<'_>,
        problems: &mut Vec<Problem>,
    ) -> Option<SubnetIndex> {
        let at = at.key("podSubnet");
        let Some(reference) = &pool.pod_subnet else {
            if self.plugin == NetworkPlugin::PodSubnet && !at.is_lost() {
                let message =
                    format!("the node pool `{}` has no `podSubnet`, and another has", short(&pool.name));
                let help = "AKS wants one for each node pool of a cluster, or for none";
                problems.push(Problem::new(at.span(), message).help(help));
            }
            return None;
        };
        if self.plugin != NetworkPlugin::PodSubnet {
            let message = "only Azure CNI without overlay has a `podSubnet`";
            problems.push(
                Problem::new(at.span(), message)
                    .help("remove it, or write `networkPlugin: azure` without `networkPluginMode`"),
            );
            return None;
        }
        let pods = find_subnet(self.spec, self.networks, reference, at, problems)?;
        let nodes = nodes?;
        if pods.virtual_network != nodes.virtual_network {
            let message = format!("the pods of `{}` are in another VNet than its nodes", short(&pool.name));
            problems.push(
                Problem::new(at.span(), message)
                    .help(format!("take a subnet of `{}`", self.networks[nodes.virtual_network].name)),
            );
            return None;
        }
        Some(pods)
    }

    fn candidates(&self) -> Vec<SubnetIndex> {
        let networks = self.networks.iter().enumerate();
        let all = networks.flat_map(|(virtual_network, network)| {
            let subnets = network.subnets.iter().enumerate();
            subnets
                .filter(|(_, subnet)| ![GATEWAY_SUBNET, FIREWALL_SUBNET].contains(&subnet.name.as_str()))
                .map(move |(subnet, _)| SubnetIndex { virtual_network, subnet })
        });
        all.collect()
    }

    fn name(&self, index: SubnetIndex) -> String {
        let network = &self.networks[index.virtual_network];
        format!("{}/{}", network.name, network.subnets[index.subnet].name)
    }

    /// Whether a VNet or subnet is left out because of a mistake: then none can be chosen.
    fn network_is_lost(&self) -> bool {
        let at = self.spec.lab.at().key("virtualNetworks");
        at.has_lost_any()
            || (0..self.networks.len()).any(|index| at.item(index).key("subnets").has_lost_any())
    }
}

fn is_pool_name(name: &str) -> bool {
    (1..=12).contains(&name.len())
        && name.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
}

fn short(name: &str) -> String {
    name.chars().take(63).collect()
}
