//! Node pools: names, sizes, where the nodes are.

use super::{
    SubnetIndex, VirtualNetwork, scale_set,
    unique::Names,
    virtual_network::{GATEWAY_SUBNET, find_subnet},
};
use crate::{
    name::check_label,
    spec::{
        LabSpec,
        managed_cluster::{AgentPoolProfile, OsType},
        problem::Problem,
        suggest::list,
        tree::At,
    },
};

/// AKS' default for kubenet (aks-facts 7).
const MAX_PODS: u32 = 110;

/// What AKS allows for `maxPods` (aks-facts 7).
const MAX_PODS_RANGE: std::ops::RangeInclusive<u32> = 10..=250;

/// `az aks create` makes three nodes if it is not told otherwise.
const COUNT: u32 = 3;

/// A pool of which perhaps the subnet is not known, because of a mistake.
pub(super) struct Draft<'a> {
    pub name: String,
    pub scale_set: String,
    pub count: u32,
    pub max_pods: u32,
    pub subnet: Option<SubnetIndex>,
    pub at: At<'a>,
}

/// What a pool is looked at in.
pub(super) struct Surroundings<'a> {
    pub spec: &'a LabSpec,
    pub networks: &'a [VirtualNetwork],
    /// The cluster's name.
    pub cluster: &'a str,
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
        let max_pods = pool.max_pods.unwrap_or(MAX_PODS);
        if !MAX_PODS_RANGE.contains(&max_pods) {
            let message = format!("AKS does not allow {max_pods} pods on a node");
            problems.push(
                Problem::new(at.key("maxPods").span(), message)
                    .help("`maxPods` is 10 to 250, by default 110"),
            );
        }
        Draft {
            name: pool.name.clone(),
            scale_set,
            count: pool.count.unwrap_or(COUNT),
            max_pods,
            subnet: self.subnet(pool, at, problems),
            at,
        }
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

    fn candidates(&self) -> Vec<SubnetIndex> {
        let networks = self.networks.iter().enumerate();
        let all = networks.flat_map(|(virtual_network, network)| {
            let subnets = network.subnets.iter().enumerate();
            subnets
                .filter(|(_, subnet)| subnet.name != GATEWAY_SUBNET)
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
