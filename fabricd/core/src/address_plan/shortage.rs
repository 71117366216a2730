//! What does not fit, as AKS finds it when it is asked for a pool.

use super::{
    Mode,
    demand::{Demands, Each, Pool, Share, Stage, SupplyKind, Unit},
};

/// A pool that wants more than there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// Index into [`Demands::pools`].
    pub pool: usize,
    /// What it wants, and of which supply.
    pub share: Share,
    /// Nodes that are counted.
    pub nodes: u32,
    /// Whether these are the autoscaler's `maxCount`.
    pub at_maximum: bool,
    /// What it needs is counted in.
    pub unit: Unit,
    /// How many it needs.
    pub needed: u64,
    /// How many are left for it.
    pub free: u64,
    /// How many the whole subnet, pod CIDR or range would need to have, for all up to this pool and for
    /// the ranges that pools have of it.
    pub in_all: u64,
    /// Modes in which the pools of its cluster would fit into what there is.
    pub would_fit: Vec<Mode>,
}

/// Which nodes AKS counts before it makes a pool: with an autoscaler those that there may be
/// ("the max-count from each nodepool is counted", text of the error InsufficientSubnetSize). For a pod
/// subnet and for routes we know of no such count, so only nodes that there are.
fn counted(each: Each, of: SupplyKind) -> Stage {
    match each {
        Each::Batches | Each::Blocks(_) => Stage::Now,
        Each::One | Each::NodeAndPods(_) | Each::Pods(_) if of == SupplyKind::RouteTable => Stage::Now,
        Each::One | Each::NodeAndPods(_) | Each::Pods(_) => Stage::Maximum,
    }
}

impl Demands {
    /// The pools that do not fit, in the order of the file. What is given in batches is not looked at: who
    /// wants how many is known only when pods have their nodes.
    pub fn shortages(&self) -> Vec<Shortage> {
        let mut taken = vec![0_u64; self.supplies.len()];
        let mut shortages: Vec<Shortage> = vec![];
        for (index, pool) in self.pools.iter().enumerate() {
            for share in pool.shares.iter().filter(|share| share.each != Each::Batches) {
                let supply = &self.supplies[share.supply];
                let stage = counted(share.each, supply.kind);
                let needed = pool.takes(*share, stage);
                let taken = &mut taken[share.supply];
                let others = *taken;
                *taken += needed;
                let free = supply.for_pools().saturating_sub(others);
                if needed <= free {
                    continue;
                }
                let nodes = pool.nodes(stage);
                shortages.push(Shortage {
                    pool: index,
                    share: *share,
                    nodes,
                    at_maximum: nodes > pool.count,
                    unit: supply.unit,
                    needed,
                    free,
                    in_all: *taken + (supply.has - supply.for_pools()) + supply.in_ranges,
                    would_fit: vec![],
                });
            }
        }
        if !shortages.is_empty() {
            self.advise(&mut shortages);
        }
        shortages
    }

    fn advise(&self, shortages: &mut [Shortage]) {
        let stage = Stage::Maximum;
        let taken = [false, true].map(|full| self.taken(stage, full));
        for of_cluster in
            shortages.chunk_by_mut(|a, b| self.pools[a.pool].cluster == self.pools[b.pool].cluster)
        {
            let cluster = self.pools[of_cluster[0].pool].cluster;
            let pools = self.pools.iter().skip_while(|pool| pool.cluster != cluster);
            let pools: Vec<&Pool> = pools.take_while(|pool| pool.cluster == cluster).collect();
            let rows = self.try_all(cluster, &pools, stage, &taken).into_iter();
            // Pods may come, so batches are counted for full nodes.
            let rows = rows.filter(|row| row.fits == Some(true) && (row.full || row.mode != Mode::PodSubnet));
            let would_fit: Vec<Mode> = rows.map(|row| row.mode).collect();
            of_cluster.iter_mut().for_each(|shortage| shortage.would_fit.clone_from(&would_fit));
        }
    }
}
