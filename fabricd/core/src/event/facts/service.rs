//! What is told about Services: their addresses, ports and endpoints.

use std::collections::BTreeSet;

use super::{Change, Fact, Reason, fact, list, optional};
use crate::topology::{Service, ServicePort, ServiceType};

pub(super) fn facts(service: &Service) -> Vec<Fact> {
    let name = match &service.service_type {
        ServiceType::ExternalName(name) => Some(name),
        _ => None,
    };
    let ports: Vec<String> = service.ports.iter().map(port).collect();
    let mut facts = vec![
        fact("type", &service.service_type),
        optional("clusterIP", service.cluster_ip),
        optional("external name", name),
        optional("external address", service.frontend.as_ref().map(|frontend| frontend.address.address)),
        optional("ports", Some(list(&ports)).filter(|ports| !ports.is_empty())),
    ];
    if !service.selector.is_empty() {
        let changed = Change::As(Reason::EndpointsChanged);
        facts.push(Fact { change: changed, ..fact("endpoints", endpoints(service)) });
    }
    facts
}

/// `80/TCP`, `80:30080/TCP`.
fn port(port: &ServicePort) -> String {
    let ServicePort { port, node_port, transport, .. } = port;
    match node_port {
        Some(node_port) => format!("{port}:{node_port}/{transport}"),
        None => format!("{port}/{transport}"),
    }
}

/// `2 ready of 3`: all of them by name would be too much to tell.
fn endpoints(service: &Service) -> String {
    let all = || service.ports.iter().flat_map(|port| &port.endpoints);
    let count = |pods: BTreeSet<usize>| pods.len();
    let ready = count(all().filter(|endpoint| endpoint.ready).map(|endpoint| endpoint.pod).collect());
    format!("{ready} ready of {}", count(all().map(|endpoint| endpoint.pod).collect()))
}
