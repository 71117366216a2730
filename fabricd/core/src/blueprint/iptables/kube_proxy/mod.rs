//! kube-proxy in iptables mode, Kubernetes 1.28 and later.
//!
//! Source: aks-facts 3.1 to 3.5, and `syncProxyRules` of Kubernetes' `pkg/proxy/iptables/proxier.go`, whose order
//! and cases are kept. One file for each group of chains: `jumps` is what is there without any Service, `portal`
//! what first sees a packet for a Service, `external` what comes by node ports and the load balancer, `endpoint`
//! the choice of an endpoint.

mod affinity;
mod detect_local;
mod endpoint;
mod external;
mod jumps;
mod name;
mod portal;
mod service_port;
#[cfg(test)]
mod tests;

use detect_local::DetectLocal;
use service_port::{Facts, ServicePort};

use super::Rules;
use crate::topology::ManagedCluster;

/// With more endpoints than this, kube-proxy leaves out the comments of the rules of endpoints
/// (`largeClusterEndpointsThreshold`).
const LARGE_CLUSTER_ENDPOINTS: usize = 1000;

/// kube-proxy of a cluster: what all its nodes share.
pub struct KubeProxy<'a> {
    cluster: &'a ManagedCluster,
    detect_local: Option<DetectLocal>,
    /// Sorted by name.
    ports: Vec<ServicePort<'a>>,
    large_cluster: bool,
}

/// All that can make the rules of a node differ from those of another one.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct View {
    /// The node's endpoints of Services with a policy of `Local`: numbers of the Service port and of the endpoint.
    local: Vec<(usize, usize)>,
    /// Service ports whose `loadBalancerSourceRanges` have the node's address.
    admitted: Vec<usize>,
}

impl<'a> KubeProxy<'a> {
    /// Reads the Services of `cluster`. Those without a cluster IP are not kube-proxy's.
    pub fn new(cluster: &'a ManagedCluster) -> Self {
        let mut ports: Vec<ServicePort<'a>> = vec![];
        let mut endpoints = 0;
        for service in &cluster.services {
            let Some(cluster_ip) = service.cluster_ip else { continue };
            for port in &service.ports {
                endpoints += port.endpoints.len();
                ports.push(ServicePort::new(service, port, cluster_ip));
            }
        }
        ports.sort_by(|a, b| a.name.cmp(&b.name));
        Self {
            cluster,
            detect_local: DetectLocal::of(cluster),
            ports,
            large_cluster: endpoints > LARGE_CLUSTER_ENDPOINTS,
        }
    }

    /// What is special about the node of this number: two nodes for which it is the same have the same rules.
    pub fn view(&self, node: usize) -> View {
        let mut view = View::default();
        let address = self.cluster.nodes[node].nic.private_ip_address;
        for (number, port) in self.ports.iter().enumerate() {
            if port.uses_local_endpoints() {
                let local = port.backends.iter().enumerate().filter(|(_, backend)| backend.node == node);
                view.local.extend(local.map(|(backend, _)| (number, backend)));
            }
            if port.source_ranges().iter().any(|range| range.contains(&address)) {
                view.admitted.push(number);
            }
        }
        view
    }

    /// Writes the rules of the node of this number.
    pub fn write(&self, rules: &mut Rules, node: usize) {
        jumps::write(rules);
        let address = self.cluster.nodes[node].nic.private_ip_address;
        for port in &self.ports {
            let facts = Facts::new(port, node);
            portal::write(rules, port, &facts);
            let detect_local = self.detect_local.as_ref();
            external::write(rules, port, &facts, detect_local, address);
            endpoint::write(rules, port, &facts, detect_local, self.large_cluster);
        }
        jumps::write_last(rules);
    }
}
