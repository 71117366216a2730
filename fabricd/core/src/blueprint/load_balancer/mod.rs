//! The Standard Load Balancer of a cluster: its outbound rule, and one rule for each port of a Service that has
//! a frontend.
//!
//! What goes out has its addresses on `lo`; frontends are only answered for (proxy ARP), since what comes for
//! them is passed on as it is.

mod floating_ip;
mod inbound_rule;
mod load_balancing;
mod outbound_rule;

use std::{net::Ipv4Addr, sync::Arc};

pub use floating_ip::{Frontends, PRIORITY as FRONTENDS_PRIORITY, TABLE as FRONTENDS_TABLE};
pub use outbound_rule::{FAILED, TABLE};

use super::{Blueprint, edge, physical::PhysicalAddresses, virtual_switch};
use crate::{
    kernel::Machine,
    place::Place,
    snat,
    topology::{ManagedCluster, Topology},
};

/// The mark of a node's answer to what came by a frontend: it passes untranslated. Greater than all marks of
/// outbound rules, smaller than those of members, which are addresses.
pub(super) const ANSWER: u32 = 0x1_0000;

/// Draws the load balancer of the cluster of this number, if it has one.
pub fn draw(
    blueprint: &mut Blueprint,
    topology: &Topology,
    physical: &PhysicalAddresses,
    number: usize,
    machine: Machine,
) {
    let cluster = &topology.managed_clusters[number];
    let frontends = load_balancing::frontends(cluster);
    let outbound = cluster.outbound.load_balancer.as_ref();
    let Some(first) = cluster.agent_pools.first().filter(|_| outbound.is_some() || !frontends.is_empty())
    else {
        return;
    };
    let place = place(cluster);
    let mut rules = match outbound {
        Some(balancer) => outbound_rule::rules(cluster, balancer, &snat::of_load_balancer(cluster)),
        None => virtual_switch::no_table(TABLE),
    };
    rules.push_str(&inbound_rule::rules(cluster, &frontends));
    let what = if outbound.is_some() { "aksOutboundRule" } else { "kubernetes" };
    let cause: Arc<str> = Arc::from(format!("loadBalancer/{}/{what}", cluster.name));
    let addresses: Vec<Ipv4Addr> = outbound
        .iter()
        .flat_map(|it| &it.frontends)
        .map(|it| it.address)
        .filter(|address| !frontends.contains_key(address))
        .collect();
    let home = first.subnet.virtual_network;
    let links =
        edge::draw(blueprint, topology, physical, (&place, &cause), (home, &addresses), rules, machine);
    inbound_rule::draw(blueprint, cluster, &place, &frontends, &links);
}

/// Where the load balancer of the cluster is.
fn place(cluster: &ManagedCluster) -> Place {
    Place::LoadBalancer { cluster: cluster.name.clone() }
}
