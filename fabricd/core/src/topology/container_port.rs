//! Ports of containers, and who answers on them.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, ContainerPort, PodSpec};

use super::service::Transport;
use crate::{
    listener::workload::served,
    spec::{problem::Problem, suggest::quoted, tree::At},
};

/// Longest name of a port (`IANA_SVC_NAME`).
const NAME_MAX: usize = 15;

/// Checks `ports` of a container as the API server does.
pub(super) fn check(ports: &[ContainerPort], at: At<'_>, problems: &mut Vec<Problem>) {
    let mut names: Vec<&str> = vec![];
    for (index, port) in ports.iter().enumerate() {
        let at = at.item(index);
        let numbers = [("containerPort", Some(port.container_port)), ("hostPort", port.host_port)];
        for (key, number) in numbers {
            if number.is_some_and(|number| !(1..=65_535).contains(&number)) {
                problems.push(Problem::new(at.key(key).span(), format!("`{key}` must be 1 to 65535")));
            }
        }
        let span = at.key("protocol").span();
        match port.protocol.as_deref() {
            None | Some("TCP" | "UDP") => {}
            Some("SCTP") => problems
                .push(Problem::new(span, "`protocol: SCTP` is not built yet").help("use `TCP` or `UDP`")),
            Some(other) => problems.push(
                Problem::new(span, format!("there is no protocol {}", quoted(other)))
                    .help("use `TCP` or `UDP`"),
            ),
        }
        let Some(name) = port.name.as_deref() else { continue };
        let span = at.key("name").span();
        if let Some(message) = mistake(name) {
            let help = "use at most 15 lower case letters, digits and `-`, with a letter, such as `http`";
            problems.push(Problem::new(span, message).help(help));
        } else if names.contains(&name) {
            problems.push(Problem::new(span, format!("the container has a port called `{name}` already")));
        }
        names.push(name);
    }
}

/// As `IsValidPortName` of Kubernetes.
fn mistake(name: &str) -> Option<String> {
    let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let valid = (1..=NAME_MAX).contains(&name.len())
        && name.bytes().all(letters)
        && name.bytes().any(|byte| byte.is_ascii_lowercase())
        && !name.starts_with('-')
        && !name.ends_with('-')
        && !name.contains("--");
    (!valid).then(|| format!("{} cannot be the name of a port", quoted(name)))
}

/// Refuses two containers that would serve the same port: they share the pod's network.
pub(super) fn check_shared(spec: &PodSpec, at: At<'_>, problems: &mut Vec<Problem>) {
    let mut taken: BTreeMap<(Transport, u16), &str> = BTreeMap::new();
    for (index, container) in spec.containers.iter().enumerate() {
        for served in served(container) {
            let key = (served.transport(), served.port);
            match taken.get(&key) {
                Some(other) if *other != container.name => {
                    let (transport, port) = key;
                    let message =
                        format!("the container `{other}` serves {transport} port {port} of the pod already");
                    let at = at.key("containers").item(index);
                    problems.push(Problem::new(at.key("name").span(), message).help(
                        "containers of a pod share its network: give one of them another port, or make it a pod of its own",
                    ));
                }
                _ => drop(taken.insert(key, &container.name)),
            }
        }
    }
}

/// The ports of the node that a pod of the host network takes: those that it serves, and those that it names.
pub(super) fn on_the_node(spec: &PodSpec) -> Vec<(Transport, u16)> {
    let written = |container: &Container| {
        let ports = container.ports.clone().unwrap_or_default();
        let number = |port: &ContainerPort| {
            let transport =
                if port.protocol.as_deref() == Some("UDP") { Transport::Udp } else { Transport::Tcp };
            Some((transport, u16::try_from(port.container_port).ok()?))
        };
        ports.iter().filter_map(number).collect::<Vec<_>>()
    };
    let served = |container: &Container| {
        served(container).into_iter().map(|served| (served.transport(), served.port)).collect::<Vec<_>>()
    };
    let containers = spec.containers.iter();
    let mut ports: Vec<_> =
        containers.flat_map(|container| [written(container), served(container)].concat()).collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}
