//! Who wants addresses, and of what.

use std::fmt;

use ipnet::Ipv4Net;
use serde::Serialize;

use super::formula::{BATCH, BLOCK, MaxSurge, batches, blocks};

/// Where a cluster's pods have their addresses from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// A /24 of the pod CIDR for each node, and a route.
    Kubenet,
    /// The nodes' subnet: 1 + `maxPods` for each node.
    NodeSubnet,
    /// A subnet of their own, 16 at a time.
    PodSubnet,
    /// A subnet of their own, in blocks of /28.
    StaticBlock,
    /// A /24 of the pod CIDR for each node.
    Overlay,
    /// A plugin of one's own; nodes get a /24 all the same.
    None,
}

impl Mode {
    /// Those that AKS itself connects pods with.
    pub const BUILT_IN: [Self; 5] =
        [Self::Kubenet, Self::NodeSubnet, Self::PodSubnet, Self::StaticBlock, Self::Overlay];
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Kubenet => "kubenet",
            Self::NodeSubnet => "node subnet",
            Self::PodSubnet => "pod subnet",
            Self::StaticBlock => "pod subnet, static block",
            Self::Overlay => "overlay",
            Self::None => "none",
        })
    }
}

/// A moment in a cluster's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// `count` nodes, with the pods of the lab file.
    Now,
    /// The same while it is upgraded: with surge nodes.
    Upgrade,
    /// The autoscaler's `maxCount`; without an autoscaler as now.
    Maximum,
    /// The same while it is upgraded.
    MaximumUpgrade,
    /// The same with `maxPods` pods on each node. Makes a difference for [`Mode::PodSubnet`] only.
    Full,
}

impl Stage {
    /// All, in the order of what they need.
    pub const ALL: [Self; 5] = [Self::Now, Self::Upgrade, Self::Maximum, Self::MaximumUpgrade, Self::Full];
}

/// What has addresses, or else is used up by nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum SupplyKind {
    /// A subnet, less the ranges of it that node pools have.
    Subnet,
    /// A part of a subnet that is for one node pool.
    SubnetRange,
    /// A pod CIDR, less the ranges of it that node pools have.
    PodCidr,
    /// A part of a pod CIDR that is for one node pool.
    PodCidrRange,
    /// The route table of a kubenet cluster.
    RouteTable,
}

/// What a supply is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Unit {
    /// Single addresses.
    #[serde(rename = "address")]
    Address,
    /// Blocks of static block allocation.
    #[serde(rename = "/28")]
    Slash28,
    /// Nodes' shares of a pod CIDR.
    #[serde(rename = "/24")]
    Slash24,
    /// Routes.
    #[serde(rename = "route")]
    Route,
}

impl Unit {
    /// `3 addresses`, `1 block of /28`.
    pub fn of(self, number: u64) -> String {
        let one = number == 1;
        match self {
            Self::Address => format!("{number} address{}", if one { "" } else { "es" }),
            Self::Slash28 => format!("{number} block{} of /28", if one { "" } else { "s" }),
            Self::Slash24 => format!("{number} block{} of /24", if one { "" } else { "s" }),
            Self::Route => format!("{number} route{}", if one { "" } else { "s" }),
        }
    }
}

/// Something that can be used up.
#[derive(Clone, Debug)]
pub struct Supply {
    /// `aks-vnet/aks-subnet`, `aks podCidr`.
    pub name: String,
    /// What it is.
    pub kind: SupplyKind,
    /// Its addresses; a route table has none.
    pub address_prefix: Option<Ipv4Net>,
    /// What it is counted in.
    pub unit: Unit,
    /// How many it has to give.
    pub has: u64,
    /// How many more it would have without the ranges of it that node pools have.
    pub in_ranges: u64,
    /// Who else has some of it: `2 VMs`, and how many.
    pub others: Vec<(String, u64)>,
}

impl Supply {
    /// How many node pools can have.
    pub fn for_pools(&self) -> u64 {
        self.has.saturating_sub(self.others.iter().map(|(_, amount)| amount).sum())
    }
}

/// A node pool.
#[derive(Clone, Debug)]
pub struct Pool {
    /// Index of its cluster.
    pub cluster: usize,
    /// Its index there.
    pub number: usize,
    /// `aks/nodepool1`.
    pub name: String,
    /// Where its pods have their addresses from.
    pub mode: Mode,
    /// Nodes.
    pub count: u32,
    /// The autoscaler's.
    pub max_count: Option<u32>,
    /// Nodes more during an upgrade.
    pub max_surge: MaxSurge,
    /// Pods that each node takes.
    pub max_pods: u32,
    /// Index of its nodes' subnet in [`Demands::subnets`].
    pub node_subnet: usize,
    /// The same of its pods' subnet, if they have one of their own.
    pub pod_subnet: Option<usize>,
    /// What it takes, of which supplies.
    pub shares: Vec<Share>,
    /// Pods on each node, with [`Mode::PodSubnet`]; nodes that are not here have none.
    pub pods: Vec<u32>,
}

/// What each node of a pool takes of one supply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Index into [`Demands::supplies`].
    pub supply: usize,
    /// How it is counted.
    pub each: Each,
}

/// What each node takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Each {
    /// One: its own address, its /24 or its route.
    One,
    /// Its own address and one for each of so many pods.
    NodeAndPods(u32),
    /// One address for each of so many pods.
    Pods(u32),
    /// Addresses in batches, as its pods need them.
    Batches,
    /// Blocks for so many pods.
    Blocks(u32),
}

impl Each {
    /// Units of a node; `pods` are those on it, which matter for [`Each::Batches`] only.
    pub fn units(self, pods: u32) -> u64 {
        u64::from(match self {
            Self::One => 1,
            Self::NodeAndPods(max_pods) => 1 + max_pods,
            Self::Pods(max_pods) => max_pods,
            Self::Batches => batches(pods),
            Self::Blocks(max_pods) => blocks(max_pods),
        })
    }
}

impl fmt::Display for Each {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One => f.write_str("1"),
            Self::NodeAndPods(max_pods) => write!(f, "1 + {max_pods}"),
            Self::Pods(max_pods) => write!(f, "{max_pods}"),
            Self::Batches => write!(f, "{BATCH} × ceil((pods + {}) / {BATCH})", BATCH / 2),
            Self::Blocks(max_pods) => write!(f, "ceil(({max_pods} + 1) / {BLOCK})"),
        }
    }
}

impl Pool {
    /// Nodes at `stage`.
    pub fn nodes(&self, stage: Stage) -> u32 {
        let most = self.max_count.map_or(self.count, |max| max.max(self.count));
        let with_surge = |count: u32| count.saturating_add(self.max_surge.nodes(count));
        match stage {
            Stage::Now => self.count,
            Stage::Upgrade => with_surge(self.count),
            Stage::Maximum => most,
            Stage::MaximumUpgrade | Stage::Full => with_surge(most),
        }
    }

    /// What it takes of `share` at `stage`.
    pub fn takes(&self, share: Share, stage: Stage) -> u64 {
        let pods = if stage == Stage::Full { None } else { Some(&self.pods[..]) };
        self.take(share.each, self.nodes(stage), pods)
    }

    /// The same with so many nodes: those that there are have their pods, and one more has as many as the
    /// fullest of them, since an upgrade moves its pods there. Without `pods` all nodes are full.
    pub fn take(&self, each: Each, nodes: u32, pods: Option<&[u32]>) -> u64 {
        let Some(pods) = pods else { return u64::from(nodes) * each.units(self.max_pods) };
        let now = nodes.min(self.count);
        let listed = &pods[..pods.len().min(now as usize)];
        let with_pods: u64 = listed.iter().map(|pods| each.units(*pods)).sum();
        let unlisted = u64::from(now) - listed.len() as u64;
        let more = u64::from(nodes - now);
        with_pods + unlisted * each.units(0) + more * self.each_more(each)
    }

    /// What one more node takes.
    pub fn each_more(&self, each: Each) -> u64 {
        each.units(self.pods.iter().copied().max().unwrap_or(0))
    }
}

/// A subnet as it is, with whatever is in it.
#[derive(Clone, Debug)]
pub struct WholeSubnet {
    /// `aks-vnet/aks-subnet`.
    pub name: String,
    /// Its addresses.
    pub address_prefix: Ipv4Net,
    /// Addresses of what is no node pool's.
    pub others: u64,
}

/// A cluster.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Its name.
    pub name: String,
    /// Its pod CIDR, or the one that it would have by default.
    pub pod_cidr: Ipv4Net,
}

/// All that is wanted in a lab.
#[derive(Clone, Debug, Default)]
pub struct Demands {
    /// The clusters.
    pub clusters: Vec<Cluster>,
    /// All pools, cluster by cluster, in the order in which AKS makes their nodes.
    pub pools: Vec<Pool>,
    /// What they take it from.
    pub supplies: Vec<Supply>,
    /// The subnets that they are in.
    pub subnets: Vec<WholeSubnet>,
}
