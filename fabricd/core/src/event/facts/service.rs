//! What is told about Services: their addresses, ports and endpoints.

use std::collections::BTreeSet;

use super::{Change, Fact, Reason, fact, list, optional};
use crate::topology::{Service, ServicePort, ServiceType};

pub(in crate::event) fn facts(service: &Service) -> Vec<Fact> {
    let name = match &service.service_type {
        ServiceType::ExternalName(name) => Some(name),
        _ => None,
    };
    let ports: Vec<String> = service.ports.iter().map(port).collect();
    let facts = [
        fact("type", &service.service_type),
        optional("clusterIP", service.cluster_ip),
        optional("external name", name),
        optional("external address", service.frontend.as_ref().map(|frontend| frontend.address.address)),
        optional("ports", Some(list(&ports)).filter(|ports| !ports.is_empty())),
    ];
    facts.into_iter().chain(endpoints(service)).collect()
}

/// Of a Service that selects pods, how many it has and how many are ready: all by name would be too much to tell.
pub(in crate::event) fn endpoints(service: &Service) -> Vec<Fact> {
    if service.selector.is_empty() {
        return vec![];
    }
    let all = || service.ports.iter().flat_map(|port| &port.endpoints);
    let ready: BTreeSet<usize> =
        all().filter(|endpoint| endpoint.ready).map(|endpoint| endpoint.pod).collect();
    let every: BTreeSet<usize> = all().map(|endpoint| endpoint.pod).collect();
    let told = format!("{} ready of {}", ready.len(), every.len());
    vec![Fact { change: Change::As(Reason::EndpointsChanged), ..fact("endpoints", told) }]
}

/// `80/TCP`, `80:30080/TCP`.
fn port(port: &ServicePort) -> String {
    let ServicePort { port, node_port, transport, .. } = port;
    match node_port {
        Some(node_port) => format!("{port}:{node_port}/{transport}"),
        None => format!("{port}/{transport}"),
    }
}
