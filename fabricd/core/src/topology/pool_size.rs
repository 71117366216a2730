//! How many nodes a pool has, and may have.

use super::AutoScaling;
use crate::{
    address_plan::{MaxSurge, POOL_NODES_MAX},
    spec::{
        managed_cluster::{AgentPoolMode, AgentPoolProfile},
        problem::Problem,
        tree::At,
    },
};

/// `az aks create` makes three nodes if it is not told otherwise.
const COUNT: u32 = 3;

/// Nodes of the pool, and the autoscaler's limits if it is on. `at` is the pool.
///
/// What is refused is what AKS and its CLI refuse: limits without autoscaler and the other way round, and a
/// count outside of them.
pub(super) fn resolve(
    pool: &AgentPoolProfile,
    at: At<'_>,
    problems: &mut Vec<Problem>,
) -> (u32, Option<AutoScaling>) {
    let count = pool.count.unwrap_or(COUNT);
    let limits = [("minCount", pool.min_count), ("maxCount", pool.max_count)];
    if pool.enable_auto_scaling != Some(true) {
        // A value that could not be read is told already, and may have been `true`.
        let lost = at.key("enableAutoScaling").is_lost();
        for (key, _) in limits.iter().filter(|(_, limit)| limit.is_some() && !lost) {
            let message = format!("`{key}` is for the autoscaler, and that is off");
            problems.push(
                Problem::new(at.key(key).span(), message)
                    .help("write `enableAutoScaling: true`, or remove it"),
            );
        }
        return (count, None);
    }
    for (key, _) in limits.iter().filter(|(key, limit)| limit.is_none() && !at.key(key).is_lost()) {
        let message = format!("the autoscaler of the node pool needs `{key}`");
        problems.push(
            Problem::new(at.key("enableAutoScaling").span(), message)
                .help("AKS wants `minCount` and `maxCount` with `enableAutoScaling: true`"),
        );
    }
    let (Some(min), Some(max)) = (pool.min_count, pool.max_count) else { return (count, None) };
    let least = if pool.mode == Some(AgentPoolMode::User) { 0 } else { 1 };
    if min < least {
        let message = "a system node pool has at least one node";
        let help = "write `minCount: 1`, or `mode: User`";
        problems.push(Problem::new(at.key("minCount").span(), message).help(help));
    } else if max > POOL_NODES_MAX || max == 0 {
        let message = format!("a node pool cannot have {max} nodes at the most");
        let help = format!("`maxCount` is 1 to {POOL_NODES_MAX}");
        problems.push(Problem::new(at.key("maxCount").span(), message).help(help));
    } else if min > max {
        let message = format!("`minCount` {min} is more than `maxCount` {max}");
        problems.push(Problem::new(at.key("minCount").span(), message).help("exchange them"));
    } else if !(min..=max).contains(&count) {
        let message = format!("{count} nodes are not between `minCount` {min} and `maxCount` {max}");
        let help = format!("write a `count` of {min} to {max}; without it a pool has {COUNT} nodes");
        problems.push(Problem::new(at.key("count").span(), message).help(help));
    } else {
        return (count, Some(AutoScaling { min_count: min, max_count: max }));
    }
    (count, None)
}

/// Nodes more while the pool is upgraded.
pub(super) fn max_surge(pool: &AgentPoolProfile) -> MaxSurge {
    let written = pool.upgrade_settings.as_ref().and_then(|settings| settings.max_surge);
    written.map_or_else(MaxSurge::default, |surge| surge.0)
}
