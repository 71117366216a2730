//! What is said about a node pool that does not fit.

use super::{agent_pool::MAX_PODS_LEAST, managed_cluster::Drafted};
use crate::{
    address_plan::{
        Demands, Each, Mode, Pool, Shortage, Supply, SupplyKind, Unit,
        formula::{BLOCK, smallest_block_subnet, smallest_pod_cidr, smallest_range, smallest_subnet},
    },
    spec::{limits::DIAGNOSTICS_MAX, problem::Problem, tree::At},
};

/// Tells the shortages of the clusters that are complete, which they are not any more then.
pub(super) fn tell(demands: &Demands, clusters: &mut [Drafted<'_>], problems: &mut Vec<Problem>) {
    for shortage in demands.shortages() {
        let pool = &demands.pools[shortage.pool];
        let cluster = &mut clusters[pool.cluster];
        cluster.complete = false;
        if problems.len() > DIAGNOSTICS_MAX {
            continue;
        }
        let draft = &cluster.drafts[pool.number];
        let supply = &demands.supplies[shortage.share.supply];
        let at = place(cluster.at, draft.at, supply, shortage.share.each);
        let message = format!(
            "{} is too small for the node pool `{}`: it needs {}, and {}",
            subject(supply),
            draft.name,
            formula(&shortage),
            free(shortage.free),
        );
        problems.push(Problem::new(at.span(), message).help(help(pool, supply, &shortage)));
    }
}

fn place<'a>(cluster: At<'a>, pool: At<'a>, supply: &Supply, each: Each) -> At<'a> {
    let pods = matches!(each, Each::Blocks(_) | Each::Pods(_) | Each::Batches);
    match supply.kind {
        SupplyKind::RouteTable => cluster.key("agentPoolProfiles"),
        SupplyKind::PodCidr => cluster.key("networkProfile").key("podCidr"),
        SupplyKind::PodCidrRange => pool.key("podAddressRange"),
        SupplyKind::SubnetRange if pods => pool.key("podAddressRange"),
        SupplyKind::SubnetRange => pool.key("nodeAddressRange"),
        SupplyKind::Subnet if matches!(each, Each::Blocks(_)) => pool.key("podSubnet"),
        SupplyKind::Subnet => pool.key("vnetSubnet"),
    }
}

fn subject(supply: &Supply) -> String {
    let prefix = supply.address_prefix.map(|prefix| prefix.to_string()).unwrap_or_default();
    match supply.kind {
        SupplyKind::Subnet => {
            let name = supply.name.split_once('/').map_or(&*supply.name, |(_, name)| name);
            format!("the subnet `{name}` {prefix}")
        }
        SupplyKind::PodCidr => format!("the pod CIDR {prefix}"),
        SupplyKind::SubnetRange | SupplyKind::PodCidrRange => format!("the range {prefix}"),
        SupplyKind::RouteTable => "the route table".to_owned(),
    }
}

/// `50 × (1 + 30) = 1550 addresses`.
fn formula(shortage: &Shortage) -> String {
    let Shortage { nodes, needed, unit, .. } = shortage;
    let needed = unit.of(*needed);
    let when = if shortage.at_maximum { " for the autoscaler's `maxCount`" } else { "" };
    match shortage.share.each {
        Each::One | Each::Batches => format!("{needed}{when}, one for each node"),
        each @ (Each::Pods(_) | Each::Blocks(_)) => format!("{nodes} × {each} = {needed}{when}"),
        each @ Each::NodeAndPods(_) => format!("{nodes} × ({each}) = {needed}{when}"),
    }
}

fn free(free: u64) -> String {
    match free {
        0 => "none is free".to_owned(),
        1 => "1 is free".to_owned(),
        more => format!("{more} are free"),
    }
}

/// What AKS calls it, why, and what would do.
fn help(pool: &Pool, supply: &Supply, shortage: &Shortage) -> String {
    let room = shortage.free / shortage.share.each.units(0).max(1);
    let why = match shortage.share.each {
        Each::NodeAndPods(_) => format!(
            "Azure CNI reserves 1 + `maxPods` addresses with each node, so there is room for {room} of its nodes (InsufficientSubnetSize)"
        ),
        Each::Pods(_) => format!(
            "Azure CNI reserves `maxPods` addresses with each node, so there is room for {room} of its nodes (InsufficientSubnetSize)"
        ),
        Each::Blocks(_) => format!(
            "static block allocation gives each node whole, aligned blocks of /28, so there is room for {room} of its nodes"
        ),
        Each::One | Each::Batches => "AKS calls it InsufficientSubnetSize".to_owned(),
    };
    let length = match supply.unit {
        Unit::Address if supply.kind == SupplyKind::SubnetRange => smallest_range(shortage.in_all),
        Unit::Slash28 if supply.kind == SupplyKind::SubnetRange => {
            smallest_range(shortage.in_all * u64::from(BLOCK))
        }
        Unit::Address => smallest_subnet(shortage.in_all),
        Unit::Slash28 => smallest_block_subnet(shortage.in_all),
        Unit::Slash24 => smallest_pod_cidr(shortage.in_all),
        Unit::Route => None,
    };
    let mut cures: Vec<String> = length.map(|length| format!("take a /{length}")).into_iter().collect();
    let at_least = match shortage.share.each {
        Each::NodeAndPods(_) => Some(Each::NodeAndPods(MAX_PODS_LEAST)),
        Each::Pods(_) => Some(Each::Pods(MAX_PODS_LEAST)),
        Each::Blocks(_) => Some(Each::Blocks(MAX_PODS_LEAST)),
        Each::One | Each::Batches => None,
    };
    if at_least.is_some_and(|each| u64::from(shortage.nodes) * each.units(0) <= shortage.free) {
        cures.push("fewer `maxPods`".to_owned());
    }
    if shortage.at_maximum {
        cures.push("a smaller `maxCount`".to_owned());
    }
    // A range says what the user wants; another network plugin is no answer to that.
    let is_range = matches!(supply.kind, SupplyKind::SubnetRange | SupplyKind::PodCidrRange);
    let modes = shortage.would_fit.iter().filter(|mode| **mode != pool.mode && !is_range);
    let modes: Vec<String> = modes.filter_map(|mode| written(*mode)).map(str::to_owned).collect();
    let mut parts = vec![why];
    parts.extend((!cures.is_empty()).then(|| list(&cures)));
    parts.extend((!modes.is_empty()).then(|| format!("it would fit with {}", list(&modes))));
    parts.join("; ")
}

/// How a mode that needs no other subnets is written; kubenet is retired, and none to be advised.
fn written(mode: Mode) -> Option<&'static str> {
    match mode {
        Mode::Overlay => Some("`networkPluginMode: overlay`"),
        Mode::NodeSubnet => Some("`networkPlugin: azure` without `networkPluginMode`"),
        Mode::PodSubnet => Some("`podIPAllocationMode: DynamicIndividual`"),
        Mode::StaticBlock => Some("`podIPAllocationMode: StaticBlock`"),
        Mode::Kubenet | Mode::None => None,
    }
}

fn list(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}
