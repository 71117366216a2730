//! The same pools under every mode.

use std::collections::BTreeMap;

use ipnet::Ipv4Net;
use serde::Serialize;

use super::{
    Mode,
    demand::{Demands, Each, Pool, Stage, Unit},
    formula::{
        BLOCK, POD_CIDR_PREFIX, size, smallest_block_subnet, smallest_pod_cidr, smallest_subnet, usable,
        whole_blocks,
    },
};
use crate::topology::route_table::ROUTES_MAX;

/// Addresses that a cluster needs of one kind, and the smallest range that has so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Need {
    /// Addresses; of a pod CIDR all of its blocks of /24.
    pub addresses: u64,
    /// Prefix length; none if no range is large enough.
    pub smallest_prefix: Option<u8>,
}

/// A cluster under one mode, with surge nodes and at the autoscaler's maximum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WhatIf {
    /// The cluster's name.
    pub cluster: String,
    /// The mode that is tried.
    pub mode: Mode,
    /// Whether each node has `maxPods` pods; counts for [`Mode::PodSubnet`] only, which has two rows.
    pub full: bool,
    /// Whether node pools of the cluster are so.
    pub current: bool,
    /// Nodes.
    pub nodes: u64,
    /// Of the nodes' subnet.
    pub node_subnet: Need,
    /// Of the pods' subnet, if they have one of their own.
    pub pod_subnet: Option<Need>,
    /// Of the pod CIDR, if there is one.
    pub pod_cidr: Option<Need>,
    /// Whether that is there. None if only the pods' subnet is missing.
    pub fits: Option<bool>,
    /// What is missing.
    pub missing: Option<String>,
}

/// What is counted in whole subnets.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Of {
    Nodes,
    Pods,
}

/// What all pools take of each subnet, as they are.
#[derive(Default)]
pub(super) struct Taken {
    in_all: Vec<u64>,
    /// By cluster and subnet.
    own: BTreeMap<(usize, usize), u64>,
}

/// A mode that is tried.
#[derive(Clone, Copy)]
struct Trial {
    mode: Mode,
    full: bool,
    stage: Stage,
}

impl Demands {
    /// All clusters, each under all modes, with surge nodes and at the autoscaler's maximum.
    pub fn what_if(&self) -> Vec<WhatIf> {
        let stage = Stage::MaximumUpgrade;
        let taken = [false, true].map(|full| self.taken(stage, full));
        let mut pools: Vec<Vec<&Pool>> = vec![vec![]; self.clusters.len()];
        for pool in &self.pools {
            pools[pool.cluster].push(pool);
        }
        let clusters = pools.iter().enumerate().filter(|(_, pools)| !pools.is_empty());
        clusters.flat_map(|(cluster, pools)| self.try_all(cluster, pools, stage, &taken)).collect()
    }

    /// What pools take at `stage`, without and with full nodes.
    pub(super) fn taken(&self, stage: Stage, full: bool) -> Taken {
        let mut taken = Taken { in_all: vec![0; self.subnets.len()], own: BTreeMap::new() };
        for pool in &self.pools {
            for of in [Of::Nodes, Of::Pods] {
                let Some(subnet) = pool.subnet(of) else { continue };
                let amount = wanted(pool, of, Trial { mode: pool.mode, full, stage });
                taken.in_all[subnet] += amount;
                *taken.own.entry((pool.cluster, subnet)).or_default() += amount;
            }
        }
        taken
    }

    /// One cluster, of these pools, under all modes; `taken` is without and with full nodes.
    pub(super) fn try_all(
        &self,
        cluster: usize,
        pools: &[&Pool],
        stage: Stage,
        taken: &[Taken; 2],
    ) -> Vec<WhatIf> {
        let modes = Mode::BUILT_IN.into_iter().flat_map(|mode| {
            let rows: &[bool] = if mode == Mode::PodSubnet { &[false, true] } else { &[false] };
            rows.iter().map(move |full| Trial { mode, full: *full, stage })
        });
        modes.map(|trial| self.try_mode(cluster, pools, trial, &taken[usize::from(trial.full)])).collect()
    }

    fn try_mode(&self, cluster: usize, pools: &[&Pool], trial: Trial, taken: &Taken) -> WhatIf {
        let Trial { mode, full, stage } = trial;
        let nodes: u64 = pools.iter().map(|pool| u64::from(pool.nodes(stage))).sum();
        let sum = |of: Of| pools.iter().map(|pool| wanted(pool, of, trial)).sum::<u64>();
        let (in_nodes, in_pods) = (sum(Of::Nodes), sum(Of::Pods));
        let pod_subnet = match mode {
            Mode::PodSubnet => Some(smallest_subnet(in_pods)),
            Mode::StaticBlock => Some(smallest_block_subnet(in_pods / u64::from(BLOCK))),
            _ => None,
        };
        let has_pod_cidr = matches!(mode, Mode::Kubenet | Mode::Overlay | Mode::None);
        let missing = self
            .missing_in_subnets(cluster, pools, trial, taken)
            .or_else(|| missing_beside(mode, self.clusters[cluster].pod_cidr, nodes));
        let (fits, missing) = match missing {
            Some(missing) => (Some(false), Some(missing)),
            None if pod_subnet.is_some() && pools.iter().any(|pool| pool.pod_subnet.is_none()) => {
                (None, Some("a pod subnet".to_owned()))
            }
            None => (Some(true), None),
        };
        WhatIf {
            cluster: self.clusters[cluster].name.clone(),
            mode,
            full,
            current: !full && pools.iter().any(|pool| pool.mode == mode),
            nodes,
            node_subnet: Need { addresses: in_nodes, smallest_prefix: smallest_subnet(in_nodes) },
            pod_subnet: pod_subnet.map(|smallest_prefix| Need { addresses: in_pods, smallest_prefix }),
            pod_cidr: has_pod_cidr
                .then(|| Need { addresses: nodes * 256, smallest_prefix: smallest_pod_cidr(nodes) }),
            fits,
            missing,
        }
    }

    /// What the cluster's subnets have too little of, if it is tried and all others are as they are.
    fn missing_in_subnets(
        &self,
        cluster: usize,
        pools: &[&Pool],
        trial: Trial,
        taken: &Taken,
    ) -> Option<String> {
        let mut needs: BTreeMap<(usize, Of), u64> = BTreeMap::new();
        for pool in pools {
            for of in [Of::Nodes, Of::Pods] {
                let Some(subnet) = pool.subnet(of) else { continue };
                *needs.entry((subnet, of)).or_default() += wanted(pool, of, trial);
            }
        }
        needs.into_iter().find_map(|((index, of), needed)| {
            let subnet = &self.subnets[index];
            let own = taken.own.get(&(cluster, index)).copied().unwrap_or_default();
            let foreign = taken.in_all[index] - own;
            if of == Of::Nodes && trial.mode == Mode::Kubenet && foreign > 0 {
                return Some(format!("{} to itself", subnet.name));
            }
            let prefix = subnet.address_prefix;
            let has = match (of, trial.mode) {
                (Of::Pods, Mode::StaticBlock) => whole_blocks(prefix, prefix) * u64::from(BLOCK),
                _ => usable(prefix),
            };
            let free = has.saturating_sub(foreign + subnet.others);
            (needed > free).then(|| format!("{} in {}", Unit::Address.of(needed - free), subnet.name))
        })
    }
}

/// What pod CIDR or route table have too little of.
fn missing_beside(mode: Mode, pod_cidr: Ipv4Net, nodes: u64) -> Option<String> {
    let (blocks, routes) = (size(pod_cidr) >> (32 - POD_CIDR_PREFIX), ROUTES_MAX as u64);
    match mode {
        Mode::Kubenet | Mode::Overlay | Mode::None if nodes > blocks => {
            Some(format!("{} in {pod_cidr}", Unit::Slash24.of(nodes - blocks)))
        }
        Mode::Kubenet if nodes > routes => Some(Unit::Route.of(nodes - routes)),
        _ => None,
    }
}

impl Pool {
    fn subnet(&self, of: Of) -> Option<usize> {
        match of {
            Of::Nodes => Some(self.node_subnet),
            Of::Pods => self.pod_subnet,
        }
    }
}

/// Addresses that `pool` takes of its nodes' or its pods' subnet, if it is so.
fn wanted(pool: &Pool, of: Of, Trial { mode, full, stage }: Trial) -> u64 {
    let pods = if full { None } else { Some(&pool.pods[..]) };
    let nodes = pool.nodes(stage);
    match (of, mode) {
        (Of::Nodes, Mode::NodeSubnet) => pool.take(Each::NodeAndPods(pool.max_pods), nodes, pods),
        (Of::Nodes, _) => u64::from(nodes),
        (Of::Pods, Mode::PodSubnet) => pool.take(Each::Batches, nodes, pods),
        (Of::Pods, Mode::StaticBlock) => {
            pool.take(Each::Blocks(pool.max_pods), nodes, pods) * u64::from(BLOCK)
        }
        (Of::Pods, _) => 0,
    }
}
