//! Ports in the manifest of a Service.

use std::collections::BTreeSet;

use k8s_openapi::{
    api::core::v1::{ServicePort as PortManifest, ServiceSpec},
    apimachinery::pkg::util::intstr::IntOrString,
};

use super::{NODE_PORTS, ServicePort, Transport, manifest::ClusterIp};
use crate::{
    name::check_label,
    spec::{problem::Problem, suggest::quoted, tree::At},
};

/// Ports of a Service. Kubernetes has no limit of its own; a load balancer has 250 rules (aks-facts 3.6).
const PORTS_MAX: usize = 250;

/// The port of the pods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::topology) enum Target {
    Number(u16),
    /// What a port of a container is called.
    Name(String),
}

/// The ports of a Service, and which ports of pods they lead to; `external` if it can have ports of nodes.
pub(super) fn ports(
    spec: &ServiceSpec,
    (external, cluster_ip): (bool, &ClusterIp),
    at: At<'_>,
    problems: &mut Vec<Problem>,
) -> (Vec<ServicePort>, Vec<Target>) {
    let at = at.key("ports");
    let written = spec.ports.as_deref().unwrap_or_default();
    if written.is_empty() && !matches!(cluster_ip, ClusterIp::None) && !at.is_lost() {
        let message = "a Service needs at least one port";
        problems.push(Problem::new(at.span(), message).help("such as `ports: [{port: 80}]`"));
    }
    if written.len() > PORTS_MAX {
        let message = format!("{} ports; a Service has at most {PORTS_MAX}", written.len());
        problems.push(Problem::new(at.span(), message));
        return (vec![], vec![]);
    }
    let mut names = BTreeSet::new();
    let mut numbers = BTreeSet::new();
    let mut all = (vec![], vec![]);
    for (index, port) in written.iter().enumerate() {
        let at = at.item(index);
        port_name(port, written.len() > 1, &mut names, at, problems);
        let Some(transport) = transport(port.protocol.as_deref(), at.key("protocol"), problems) else {
            continue;
        };
        let Some(number) = port_number(port.port, at.key("port"), problems) else { continue };
        if !numbers.insert((transport, number)) {
            let message = format!("the port {number}/{transport} stands twice in this Service");
            problems.push(Problem::new(at.key("port").span(), message));
        }
        let target = match &port.target_port {
            None => Target::Number(number),
            Some(IntOrString::Int(target)) => match port_number(*target, at.key("targetPort"), problems) {
                Some(target) => Target::Number(target),
                None => continue,
            },
            Some(IntOrString::String(name)) => match name.parse() {
                // As Kubernetes: a number in quotes is a number.
                Ok(number) => Target::Number(number),
                Err(_) => Target::Name(name.clone()),
            },
        };
        let node_port = node_port(port, external, at.key("nodePort"), problems);
        all.0.push(ServicePort {
            name: port.name.clone().filter(|name| !name.is_empty()),
            transport,
            port: number,
            node_port,
            app_protocol: port.app_protocol.clone(),
            endpoints: vec![],
            unhealthy: BTreeSet::new(),
        });
        all.1.push(target);
    }
    all
}

fn port_name<'m>(
    port: &'m PortManifest,
    needed: bool,
    names: &mut BTreeSet<&'m str>,
    at: At<'_>,
    problems: &mut Vec<Problem>,
) {
    let span = at.key("name").span();
    match port.name.as_deref().filter(|name| !name.is_empty()) {
        None if needed => {
            let message = "each port of a Service with several needs a `name`";
            problems.push(Problem::new(span, message).help("such as `name: http`"));
        }
        None => {}
        Some(name) => {
            if let Err(error) = check_label(name, 63) {
                problems.push(Problem::new(span, error.to_string()));
            } else if !names.insert(name) {
                let message = format!("a port called `{name}` exists already in this Service");
                problems.push(Problem::new(span, message));
            }
        }
    }
}

/// What a transport protocol is called in manifests.
fn transport(written: Option<&str>, at: At<'_>, problems: &mut Vec<Problem>) -> Option<Transport> {
    match written {
        None | Some("TCP") => Some(Transport::Tcp),
        Some("UDP") => Some(Transport::Udp),
        Some("SCTP") => {
            let message = "SCTP is not built: Azure carries TCP and UDP";
            problems.push(Problem::new(at.span(), message));
            None
        }
        Some(other) => {
            let message = format!("{} is no protocol", quoted(other));
            problems.push(Problem::new(at.span(), message).help("write `TCP` or `UDP`"));
            None
        }
    }
}

fn port_number(port: i32, at: At<'_>, problems: &mut Vec<Problem>) -> Option<u16> {
    let number = u16::try_from(port).ok().filter(|port| *port > 0);
    if number.is_none() {
        problems.push(Problem::new(at.span(), format!("{port} is not a port")).help("1 to 65535"));
    }
    number
}

fn node_port(port: &PortManifest, external: bool, at: At<'_>, problems: &mut Vec<Problem>) -> Option<u16> {
    let written = port.node_port.filter(|port| *port != 0)?;
    if !external {
        let message = "`nodePort` has no meaning for this type of Service";
        problems.push(Problem::new(at.span(), message).help("write `type: NodePort`, or remove it"));
        return None;
    }
    let number = u16::try_from(written).ok().filter(|port| NODE_PORTS.contains(port));
    if number.is_none() {
        problems.push(outside_node_ports(at, written));
    }
    number
}

/// What is said of a number that is no port of nodes.
pub(super) fn outside_node_ports(at: At<'_>, port: i32) -> Problem {
    Problem::new(at.span(), format!("{port} cannot be a port of nodes")).help("30000 to 32767")
}
