//! Which pods are behind the ports of a Service.

use std::collections::{BTreeMap, BTreeSet};

use super::{Endpoint, Service, TrafficPolicy, Transport, manifest::Target};
use crate::{
    condition::Conditions,
    topology::{ManagedCluster, Pod, Standing, Topology, standing::pod_key},
};

/// The pods of a cluster, by what Services look for.
pub(super) struct Labels<'c> {
    cluster: &'c ManagedCluster,
    /// By namespace, label and its value.
    pods: BTreeMap<(&'c str, &'c str, &'c str), Vec<usize>>,
}

impl<'c> Labels<'c> {
    pub fn of(cluster: &'c ManagedCluster) -> Self {
        let mut pods: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for (index, pod) in cluster.pods.iter().enumerate() {
            for (key, value) in pod.manifest.metadata.labels.iter().flatten() {
                pods.entry((pod.namespace.as_str(), key.as_str(), value.as_str())).or_default().push(index);
            }
        }
        Self { cluster, pods }
    }

    /// The endpoints of each port of `service`, whose pods' ports are `targets`.
    pub fn endpoints(&self, service: &Service, targets: &[Target]) -> Vec<Vec<Endpoint>> {
        let selected = self.selected(service);
        let ports = service.ports.iter().zip(targets);
        ports
            .map(|(port, target)| {
                let of = |index: &usize| self.endpoint(service, *index, port.transport, target);
                let mut endpoints: Vec<Endpoint> = selected.iter().filter_map(of).collect();
                endpoints.sort_by_cached_key(|it| format!("{}:{}", it.address, it.port));
                endpoints
            })
            .collect()
    }

    fn selected(&self, service: &Service) -> Vec<usize> {
        let Some((key, value)) = service.selector.first_key_value() else { return vec![] };
        let candidates = self.pods.get(&(service.namespace.as_str(), key.as_str(), value.as_str()));
        let fits = |index: &&usize| {
            let labels = self.cluster.pods[**index].manifest.metadata.labels.as_ref();
            service.selector.iter().all(|(key, value)| labels.and_then(|all| all.get(key)) == Some(value))
        };
        candidates.into_iter().flatten().filter(fits).copied().collect()
    }

    fn endpoint(
        &self,
        service: &Service,
        index: usize,
        transport: Transport,
        target: &Target,
    ) -> Option<Endpoint> {
        let pod = &self.cluster.pods[index];
        let port = match target {
            Target::Number(port) => *port,
            Target::Name(name) => named_port(pod, name, transport)?,
        };
        let ready = pod.ready || service.publish_not_ready_addresses;
        Some(Endpoint { address: pod.address?, port, pod: index, node: pod.node, ready })
    }
}

/// The port of a pod's containers that is called `name`.
fn named_port(pod: &Pod, name: &str, transport: Transport) -> Option<u16> {
    let containers = pod.manifest.spec.iter().flat_map(|spec| &spec.containers);
    let mut ports = containers.flat_map(|container| container.ports.iter().flatten());
    let found = ports.find(|port| {
        let protocol = port.protocol.as_deref().unwrap_or("TCP");
        port.name.as_deref() == Some(name) && protocol == transport.to_string()
    });
    u16::try_from(found?.container_port).ok()
}

impl Topology {
    /// The same lab with other pods ready and other backends healthy: its Services' endpoints follow.
    #[must_use]
    pub fn with_conditions(&self, conditions: Conditions) -> Self {
        let mut topology = self.clone();
        for cluster in &mut topology.managed_clusters {
            for pod in &mut cluster.pods {
                pod.ready = conditions.is_ready(&pod_key(&cluster.name, &pod.namespace, &pod.name));
            }
        }
        topology.conditions = conditions;
        topology.follow_conditions();
        topology
    }

    /// A backend that is new begins as its first health probe will find it: Azure gives it nothing before that.
    /// Later the probes alone decide.
    pub(in crate::topology) fn expect_first_probes(&mut self, standing: &Standing) {
        let Self { managed_clusters, conditions, .. } = self;
        for cluster in managed_clusters {
            for service in cluster.services.iter().filter(|service| service.frontend.is_some()) {
                let is_new = standing.service(&cluster.name, service).is_none();
                let nodes = cluster.nodes.iter().enumerate();
                let nodes: Vec<_> =
                    nodes.filter(|(_, node)| is_new || !standing.has_node(&node.name)).collect();
                for port in &service.ports {
                    let local = service.external_traffic_policy == TrafficPolicy::Local;
                    let serves = |number: usize| {
                        let mut ready = port.endpoints.iter().filter(|endpoint| endpoint.ready);
                        ready.any(|endpoint| !local || endpoint.node == number)
                    };
                    let down = nodes.iter().filter(|(number, _)| !serves(*number));
                    let down: BTreeSet<String> = down.map(|(_, node)| node.name.clone()).collect();
                    if !down.is_empty() {
                        let rule = service.rule_key(&cluster.name, port);
                        conditions.unhealthy.entry(rule).or_default().extend(down);
                    }
                }
            }
        }
    }

    /// Says of each endpoint whether it is ready, and of each backend whether it is healthy.
    pub(in crate::topology) fn follow_conditions(&mut self) {
        let Self { managed_clusters, conditions, .. } = self;
        for cluster in managed_clusters {
            let (pods, nodes) = (&cluster.pods, &cluster.nodes);
            for service in &mut cluster.services {
                let names: Vec<String> =
                    service.ports.iter().map(|port| service.rule_key(&cluster.name, port)).collect();
                let publishes = service.publish_not_ready_addresses;
                for (port, name) in service.ports.iter_mut().zip(names) {
                    for endpoint in &mut port.endpoints {
                        endpoint.ready = publishes || pods[endpoint.pod].ready;
                    }
                    let down = conditions.unhealthy.get(&name);
                    let is_down = |index: &usize| down.is_some_and(|down| down.contains(&nodes[*index].name));
                    port.unhealthy = (0..nodes.len()).filter(is_down).collect();
                }
            }
        }
    }
}
