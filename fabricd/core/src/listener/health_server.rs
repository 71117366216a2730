//! kube-proxy's health servers: one on each node for the node itself, and one for each Service whose external
//! traffic stays on the node.
//!
//! Source: pkg/proxy/healthcheck of Kubernetes; aks-facts 3.5 and 3.6.

use super::{Listener, Protocol, answer::Answer};
use crate::{
    place::Place,
    topology::{ManagedCluster, Topology},
};

/// The port of kube-proxy's own health (`--healthz-bind-address`).
pub const HEALTHZ: u16 = 10_256;

/// Whose health is told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HealthServer {
    /// kube-proxy's own, which is the node's.
    Node,
    /// That of a Service on this node.
    Service {
        /// The cluster's name.
        cluster: String,
        /// The Kubernetes namespace.
        namespace: String,
        /// The Service's name.
        name: String,
    },
}

pub(super) fn of_cluster(cluster: &ManagedCluster) -> impl Iterator<Item = Listener> + '_ {
    let services = cluster.services.iter().filter_map(|service| {
        let (namespace, name) = (service.namespace.clone(), service.name.clone());
        let server = HealthServer::Service { cluster: cluster.name.clone(), namespace, name };
        Some((service.health_check_node_port?, server))
    });
    let ports: Vec<(u16, HealthServer)> =
        [(HEALTHZ, HealthServer::Node)].into_iter().chain(services).collect();
    cluster.nodes.iter().flat_map(move |node| {
        let listener = |(port, server): &(u16, HealthServer)| Listener {
            place: Place::Node { name: node.name.clone() },
            address: None,
            port: *port,
            protocol: Protocol::Health(server.clone()),
            name: node.name.clone(),
            fqdns: vec![],
        };
        ports.iter().map(listener).collect::<Vec<_>>()
    })
}

impl HealthServer {
    /// What it says on the node called `node` while the lab is `live`. `path` is without a query.
    pub fn answer(&self, live: &Topology, node: &str, path: &str) -> Answer {
        match self {
            Self::Node if path == "/healthz" => Answer::json(200, "{\"nodeEligible\":true}".to_owned()),
            Self::Node => Answer::text(404, "404 page not found\n".to_owned()),
            Self::Service { cluster, namespace, name } => {
                let local = local_endpoints(live, cluster, (namespace, name), node);
                let status = if local == 0 { 503 } else { 200 };
                // Names need no escaping: all are DNS labels.
                let body = format!(
                    "{{\"service\":{{\"namespace\":\"{namespace}\",\"name\":\"{name}\"}},\
                     \"localEndpoints\":{local},\"serviceProxyHealthy\":true}}"
                );
                Answer::json(status, body)
            }
        }
    }
}

/// Pods of the Service on the node that are ready, each once whatever the number of its ports.
fn local_endpoints(live: &Topology, cluster: &str, (namespace, name): (&str, &str), node: &str) -> usize {
    let cluster = live.managed_clusters.iter().find(|known| known.name == cluster);
    let found = cluster.and_then(|cluster| {
        let mut services = cluster.services.iter();
        let service = services.find(|it| it.namespace == namespace && it.name == name)?;
        let node = cluster.nodes.iter().position(|known| known.name == node)?;
        Some((service, node))
    });
    let Some((service, node)) = found else { return 0 };
    let endpoints = service.ports.iter().flat_map(|port| &port.endpoints);
    let local = endpoints.filter(|endpoint| endpoint.ready && endpoint.node == node);
    local.map(|endpoint| endpoint.pod).collect::<std::collections::BTreeSet<_>>().len()
}
