//! The same pools under every mode.

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
#[derive(Clone, Copy)]
enum Of {
    Nodes,
    Pods,
}

impl Demands {
    /// All clusters, each under all modes, with surge nodes and at the autoscaler's maximum.
    pub fn what_if(&self) -> Vec<WhatIf> {
        let clusters = 0..self.clusters.len();
        clusters.flat_map(|cluster| self.what_if_at(cluster, Stage::MaximumUpgrade)).collect()
    }

    /// One cluster under all modes, at `stage`.
    pub(super) fn what_if_at(&self, cluster: usize, stage: Stage) -> Vec<WhatIf> {
        if !self.pools.iter().any(|pool| pool.cluster == cluster) {
            return vec![];
        }
        let modes = Mode::BUILT_IN.into_iter().flat_map(|mode| {
            let rows: &[bool] = if mode == Mode::PodSubnet { &[false, true] } else { &[false] };
            rows.iter().map(move |full| (mode, *full))
        });
        modes.map(|(mode, full)| self.try_mode(cluster, mode, full, stage)).collect()
    }

    fn try_mode(&self, cluster: usize, mode: Mode, full: bool, stage: Stage) -> WhatIf {
        let pools = || self.pools.iter().filter(move |pool| pool.cluster == cluster);
        let nodes: u64 = pools().map(|pool| u64::from(pool.nodes(stage))).sum();
        let sum = |of: Of| pools().map(|pool| wanted(pool, mode, full, of, stage)).sum::<u64>();
        let in_nodes = sum(Of::Nodes);
        let node_subnet = Need { addresses: in_nodes, smallest_prefix: smallest_subnet(in_nodes) };
        let in_pods = sum(Of::Pods);
        let pod_subnet = match mode {
            Mode::PodSubnet => Some(smallest_subnet(in_pods)),
            Mode::StaticBlock => Some(smallest_block_subnet(in_pods / u64::from(BLOCK))),
            _ => None,
        };
        let has_pod_cidr = matches!(mode, Mode::Kubenet | Mode::Overlay | Mode::None);
        let (fits, missing) = match self.missing(cluster, mode, full, nodes, stage) {
            Some(missing) => (Some(false), Some(missing)),
            None if pod_subnet.is_some() && pools().any(|pool| pool.pod_subnet.is_none()) => {
                (None, Some("a pod subnet".to_owned()))
            }
            None => (Some(true), None),
        };
        WhatIf {
            cluster: self.clusters[cluster].name.clone(),
            mode,
            full,
            current: !full && pools().any(|pool| pool.mode == mode),
            nodes,
            node_subnet,
            pod_subnet: pod_subnet.map(|smallest_prefix| Need { addresses: in_pods, smallest_prefix }),
            pod_cidr: has_pod_cidr
                .then(|| Need { addresses: nodes * 256, smallest_prefix: smallest_pod_cidr(nodes) }),
            fits,
            missing,
        }
    }

    /// What there is too little of, if the cluster is of `mode` and all others are as they are.
    fn missing(&self, cluster: usize, mode: Mode, full: bool, nodes: u64, stage: Stage) -> Option<String> {
        for (index, subnet) in self.subnets.iter().enumerate() {
            let here = |of: Of| -> Option<u64> {
                let mut own =
                    self.pools.iter().filter(|pool| pool.cluster == cluster && pool.is_in(of, index));
                own.clone().next()?;
                Some(own.by_ref().map(|pool| wanted(pool, mode, full, of, stage)).sum())
            };
            let foreign: u64 =
                self.pools.iter().filter(|pool| pool.cluster != cluster).fold(0, |sum, pool| {
                    let of = |of: Of| {
                        if pool.is_in(of, index) { wanted(pool, pool.mode, full, of, stage) } else { 0 }
                    };
                    sum + of(Of::Nodes) + of(Of::Pods)
                });
            let taken = foreign + subnet.others;
            if let Some(needed) = here(Of::Nodes) {
                if mode == Mode::Kubenet && foreign > 0 {
                    return Some(format!("{} to itself", subnet.name));
                }
                let free = usable(subnet.address_prefix).saturating_sub(taken);
                if needed > free {
                    return Some(short(needed - free, &subnet.name));
                }
            }
            if let Some(needed) = here(Of::Pods).filter(|needed| *needed > 0) {
                let prefix = subnet.address_prefix;
                let has = match mode {
                    Mode::StaticBlock => whole_blocks(prefix, prefix) * u64::from(BLOCK),
                    _ => usable(prefix),
                };
                if needed > has.saturating_sub(taken) {
                    return Some(short(needed - has.saturating_sub(taken), &subnet.name));
                }
            }
        }
        let pod_cidr = self.clusters[cluster].pod_cidr;
        let blocks = size(pod_cidr) >> (32 - POD_CIDR_PREFIX);
        match mode {
            Mode::Kubenet | Mode::Overlay | Mode::None if nodes > blocks => {
                Some(format!("{} × /24 in {pod_cidr}", nodes - blocks))
            }
            Mode::Kubenet if nodes > ROUTES_MAX as u64 => {
                Some(format!("{} routes of {ROUTES_MAX}", nodes - ROUTES_MAX as u64))
            }
            _ => None,
        }
    }
}

impl Pool {
    fn is_in(&self, of: Of, subnet: usize) -> bool {
        match of {
            Of::Nodes => self.node_subnet == subnet,
            Of::Pods => self.pod_subnet == Some(subnet),
        }
    }
}

fn short(number: u64, subnet: &str) -> String {
    format!("{} in {subnet}", Unit::Address.of(number))
}

/// Addresses that `pool` takes of its nodes' or its pods' subnet, if it is of `mode`.
fn wanted(pool: &Pool, mode: Mode, full: bool, of: Of, stage: Stage) -> u64 {
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
