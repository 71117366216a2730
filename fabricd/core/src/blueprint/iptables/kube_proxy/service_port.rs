//! A port of a Service as kube-proxy sees it, and which endpoints a node may give packets to.

use std::{collections::BTreeSet, net::Ipv4Addr};

use ipnet::Ipv4Net;

use super::name;
use crate::topology::{Service, ServicePort as Port, TrafficPolicy};

/// A port of a Service that has a cluster IP.
pub struct ServicePort<'a> {
    /// `NAMESPACE/NAME` or `NAMESPACE/NAME:PORT`.
    pub name: String,
    /// See [`name::of_service_port`].
    pub hash: String,
    /// `tcp` or `udp`.
    pub protocol: &'static str,
    pub cluster_ip: Ipv4Addr,
    pub port: u16,
    pub node_port: Option<u16>,
    /// The load balancer's address.
    pub load_balancer_ip: Option<Ipv4Addr>,
    pub health_check_node_port: Option<u16>,
    /// Seconds.
    pub affinity: Option<u32>,
    /// The endpoints that are ready, sorted by the text `ip:port`, each once.
    pub backends: Vec<Backend>,
    service: &'a Service,
}

/// An endpoint that is ready.
pub struct Backend {
    /// `ADDRESS:PORT`.
    pub text: String,
    pub address: Ipv4Addr,
    /// The number of its node.
    pub node: usize,
    /// `KUBE-SEP-…`.
    pub chain: String,
}

impl<'a> ServicePort<'a> {
    pub fn new(service: &'a Service, port: &'a Port, cluster_ip: Ipv4Addr) -> Self {
        let (name, protocol) = (service.port_name(port), port.transport.lower());
        let mut seen = BTreeSet::new();
        let ready = port.endpoints.iter().filter(|endpoint| endpoint.ready);
        let mut backends: Vec<Backend> = ready
            .filter(|endpoint| seen.insert((endpoint.address, endpoint.port)))
            .map(|endpoint| {
                let text = format!("{}:{}", endpoint.address, endpoint.port);
                let chain = format!("KUBE-SEP-{}", name::of_endpoint(&name, protocol, &text));
                Backend { text, address: endpoint.address, node: endpoint.node, chain }
            })
            .collect();
        backends.sort_by(|a, b| a.text.cmp(&b.text));
        Self {
            hash: name::of_service_port(&name, protocol),
            name,
            protocol,
            cluster_ip,
            port: port.port,
            node_port: port.node_port,
            load_balancer_ip: service.frontend.as_ref().map(|frontend| frontend.address.address),
            health_check_node_port: service.health_check_node_port,
            affinity: service.session_affinity,
            backends,
            service,
        }
    }

    /// Who may use the load balancer's address; everybody if it is empty.
    pub fn source_ranges(&self) -> &[Ipv4Net] {
        self.service.frontend.as_ref().map_or(&[], |frontend| &frontend.source_ranges)
    }

    /// Whether it has a node port or an address at the load balancer.
    pub fn is_externally_accessible(&self) -> bool {
        self.node_port.is_some() || self.load_balancer_ip.is_some()
    }

    /// `internalTrafficPolicy: Local`.
    pub fn is_internal_policy_local(&self) -> bool {
        self.service.internal_traffic_policy == TrafficPolicy::Local
    }

    /// `externalTrafficPolicy: Local`.
    pub fn is_external_policy_local(&self) -> bool {
        self.service.external_traffic_policy == TrafficPolicy::Local
    }

    /// Whether packets may go to endpoints of any node. With an external policy of `Local` too: the node's own
    /// packets and its pods' are let off that policy.
    pub fn uses_cluster_endpoints(&self) -> bool {
        !self.is_internal_policy_local() || self.is_externally_accessible()
    }

    /// Whether packets may have to stay on the node.
    pub fn uses_local_endpoints(&self) -> bool {
        self.is_internal_policy_local() || self.is_external_policy_local() && self.is_externally_accessible()
    }

    /// What matches packets to `destination` at the Service's port, with `comment`, in the order of
    /// `iptables-save`. `destination` is empty or a match that ends with a space.
    pub fn packets_to(&self, destination: &str, comment: &str) -> String {
        let Self { protocol, port, .. } = self;
        format!("{destination}-p {protocol} -m comment --comment \"{comment}\" -m {protocol} --dport {port}")
    }
}

/// What kube-proxy finds out about a port on one node before it writes anything.
pub struct Facts<'a> {
    /// With a policy of `Cluster`; empty if no packet is treated so.
    pub cluster: Vec<&'a Backend>,
    /// With a policy of `Local`; empty if no packet is treated so.
    pub local: Vec<&'a Backend>,
    /// Whether there is an endpoint on any node.
    pub has_endpoints: bool,
    /// Whether the cluster IP leads to one.
    pub has_internal: bool,
    /// Whether node ports and the load balancer's address lead to one.
    pub has_external: bool,
}

impl<'a> Facts<'a> {
    /// For the node of this number.
    pub fn new(port: &'a ServicePort<'_>, node: usize) -> Self {
        let all = port.backends.iter();
        let cluster = if port.uses_cluster_endpoints() { all.clone().collect() } else { vec![] };
        let local: Vec<_> = if port.uses_local_endpoints() {
            all.filter(|backend| backend.node == node).collect()
        } else {
            vec![]
        };
        let has_endpoints = !port.backends.is_empty();
        let with_policy = |is_local: bool| has_endpoints && !(is_local && local.is_empty());
        Self {
            has_endpoints,
            has_internal: with_policy(port.is_internal_policy_local()),
            has_external: with_policy(port.is_external_policy_local()),
            cluster,
            local,
        }
    }

    /// Why packets go nowhere, and what is done with them.
    pub fn refusal(&self) -> (&'static str, &'static str) {
        if self.has_endpoints {
            ("has no local endpoints", "DROP")
        } else {
            ("has no endpoints", "REJECT --reject-with icmp-port-unreachable")
        }
    }
}
