//! Frontends in the host of a node: what the load balancer hands over reaches the VM, and its answer leaves with
//! the frontend's address (floating IP, aks-facts 3.6). Without floating IP the host translates, as Azure's
//! does: the answer knows its way alone.

use std::{collections::BTreeSet, fmt::Write, net::Ipv4Addr};

use super::{
    super::virtual_switch::UNTRACKED_TUNNELS,
    ANSWER,
    load_balancing::{self, LoadBalancingRule},
};
use crate::{
    place::Place,
    topology::{ManagedCluster, NetworkInterface, Topology},
};

/// The table behind effective routes that answers to the internet go by.
pub const TABLE: u32 = 9;
/// Of the rule for them: behind the main table's, 32766, before those of the ways out.
pub const PRIORITY: u32 = 32_900;

/// The frontends that a VM is a backend of.
#[derive(Debug, Default)]
pub struct Frontends<'a> {
    cluster: Option<&'a ManagedCluster>,
    rules: Vec<LoadBalancingRule<'a>>,
}

impl<'a> Frontends<'a> {
    /// Those of the node at `vm`; none if it is no node.
    pub fn of(topology: &'a Topology, vm: &Place) -> Self {
        let Place::Node { name } = vm else { return Self::default() };
        let has = |cluster: &&ManagedCluster| cluster.nodes.iter().any(|node| node.name == *name);
        let Some(cluster) = topology.managed_clusters.iter().find(has) else { return Self::default() };
        let rules = load_balancing::frontends(cluster).into_values().flat_map(|rules| rules.into_values());
        Self { cluster: Some(cluster), rules: rules.collect() }
    }

    /// Addresses that packets to and from the VM may have beside the NIC's own.
    pub fn floating(&self) -> BTreeSet<Ipv4Addr> {
        let floating = self.rules.iter().filter(|rule| rule.keeps_destination());
        floating.map(|rule| rule.frontend.address.address).collect()
    }

    /// The cluster to whose load balancer answers to the internet go: one with a public frontend.
    pub fn way_back(&self) -> Option<&'a ManagedCluster> {
        self.cluster.filter(|_| self.rules.iter().any(|rule| rule.frontend.subnet.is_none()))
    }

    /// Chains of the host that mark answers, and translate what does not float.
    pub fn chains(&self, nic: &NetworkInterface) -> String {
        let mut text = String::new();
        let own = nic.private_ip_address;
        let floats = |rule: &&LoadBalancingRule<'_>| rule.keeps_destination();
        let public = |rule: &&LoadBalancingRule<'_>| rule.frontend.subnet.is_none();
        let translated: Vec<_> = self.rules.iter().filter(|rule| !floats(rule)).collect();
        if self.way_back().is_some() {
            text.push_str(
                "  chain answers {\n    type filter hook prerouting priority mangle; policy accept;\n",
            );
            let elements: Vec<String> =
                self.rules.iter().filter(floats).filter(public).map(LoadBalancingRule::element).collect();
            if !elements.is_empty() {
                let _ = writeln!(
                    text,
                    "    iifname \"vm0\" ip saddr . meta l4proto . th sport {{ {} }} meta mark set {ANSWER:#x}",
                    elements.join(", ")
                );
            }
            if translated.iter().any(public) {
                let _ = writeln!(
                    text,
                    "    iifname \"vm0\" ct direction reply ct status dnat meta mark set {ANSWER:#x}"
                );
            }
            text.push_str("  }\n");
        }
        if !translated.is_empty() {
            text.push_str(UNTRACKED_TUNNELS);
            text.push_str(
                "  chain not_floating {\n    type nat hook prerouting priority dstnat; policy accept;\n",
            );
            for rule in translated {
                let _ = writeln!(
                    text,
                    "    iifname \"vnet\" ip daddr {} {} dport {} dnat to {own}:{} comment \"{}\"",
                    rule.frontend.address.address,
                    rule.transport.lower(),
                    rule.port,
                    rule.node_port.unwrap_or(rule.port),
                    rule.name
                );
            }
            text.push_str("  }\n");
        }
        text
    }
}
