//! The load balancing rules that Azure's cloud provider makes of a cluster's Services (aks-facts 3.6).

use std::{collections::BTreeMap, net::Ipv4Addr};

use crate::topology::{Frontend, ManagedCluster, Service, ServicePort, Transport};

/// What comes for one port of a frontend, and who may get it.
#[derive(Clone, Debug)]
pub struct LoadBalancingRule<'a> {
    /// Such as `a0123456789abcdef0123456789abcde-TCP-80`.
    pub name: String,
    /// The frontend.
    pub frontend: &'a Frontend,
    /// TCP or UDP.
    pub transport: Transport,
    /// The port of the frontend.
    pub port: u16,
    /// Of the nodes.
    pub node_port: Option<u16>,
    /// Whether clients are told apart by their addresses only (`SourceIP`).
    pub source_ip: bool,
    /// Nodes that get new flows, as indexes into [`ManagedCluster::nodes`].
    pub healthy: Vec<usize>,
}

/// By frontend the rules of its ports. A port that two Services want on one frontend is the first one's.
pub type Rules<'a> = BTreeMap<Ipv4Addr, BTreeMap<(Transport, u16), LoadBalancingRule<'a>>>;

/// All frontends of the cluster. One without ports has no rule.
pub fn frontends(cluster: &ManagedCluster) -> Rules<'_> {
    let mut rules = Rules::new();
    for service in &cluster.services {
        let Some(frontend) = &service.frontend else { continue };
        let of_frontend = rules.entry(frontend.address.address).or_default();
        for port in &service.ports {
            of_frontend.entry((port.transport, port.port)).or_insert_with(|| LoadBalancingRule {
                name: format!("{}-{}", service.azure_name(), Service::rule_name(port)),
                frontend,
                transport: port.transport,
                port: port.port,
                node_port: port.node_port,
                source_ip: service.session_affinity.is_some(),
                healthy: healthy(cluster, port),
            });
        }
    }
    rules
}

fn healthy(cluster: &ManagedCluster, port: &ServicePort) -> Vec<usize> {
    (0..cluster.nodes.len()).filter(|node| !port.unhealthy.contains(node)).collect()
}

impl LoadBalancingRule<'_> {
    /// Whether the packet keeps its destination, so that its answer may take any way. Without a node port there
    /// is nothing to translate it to.
    pub fn keeps_destination(&self) -> bool {
        self.frontend.floating_ip || self.node_port.is_none()
    }

    /// Address, protocol and port, as elements of nft sets have them.
    pub fn element(&self) -> String {
        format!("{} . {} . {}", self.frontend.address.address, self.transport.lower(), self.port)
    }
}
