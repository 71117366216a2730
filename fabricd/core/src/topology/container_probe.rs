//! Probes of containers: their form, as the API server checks it, and what of them is not built.

use k8s_openapi::{
    api::core::v1::{Container, Probe},
    apimachinery::pkg::util::intstr::IntOrString,
};

use crate::{
    health_probe,
    spec::{problem::Problem, suggest::quoted, tree::At},
};

/// Most seconds of a probe, and most of its answers: what is longer is a mistake.
const NUMBER_MAX: i32 = 86_400;

/// Checks the probes of `container`. Only its readiness probe is asked.
pub(super) fn check(container: &Container, at: At<'_>, problems: &mut Vec<Problem>) {
    let probes = [
        ("readinessProbe", &container.readiness_probe),
        ("livenessProbe", &container.liveness_probe),
        ("startupProbe", &container.startup_probe),
    ];
    for (key, probe) in probes {
        if let Some(probe) = probe {
            check_probe(container, probe, key, at.key(key), problems);
        }
    }
}

fn check_probe(container: &Container, probe: &Probe, kind: &str, at: At<'_>, problems: &mut Vec<Problem>) {
    let handlers =
        [probe.http_get.is_some(), probe.tcp_socket.is_some(), probe.exec.is_some(), probe.grpc.is_some()];
    if handlers.iter().filter(|is_there| **is_there).count() != 1 {
        let message = format!("a `{kind}` needs one of `httpGet`, `tcpSocket`, `exec` and `grpc`");
        problems.push(Problem::new(at.span(), message));
    }
    let is_asked = kind == "readinessProbe";
    for (key, is_there) in [("exec", probe.exec.is_some()), ("grpc", probe.grpc.is_some())] {
        if is_there && is_asked {
            let message = format!("`{kind}.{key}` is not built yet");
            problems.push(Problem::new(at.key(key).span(), message).help("use `httpGet` or `tcpSocket`"));
        }
    }
    if let Some(get) = &probe.http_get {
        let at = at.key("httpGet");
        check_port(container, &get.port, at, problems);
        if is_asked && get.scheme.as_deref().is_some_and(|scheme| scheme != "HTTP") {
            let message = "`scheme: HTTPS` is not built yet";
            problems.push(Problem::new(at.key("scheme").span(), message).help("use `tcpSocket`"));
        }
        if is_asked && get.host.is_some() {
            let message = "`host` of a probe is not built yet";
            problems.push(
                Problem::new(at.key("host").span(), message).help("the pod itself is asked without it"),
            );
        }
        let text = |text: &str| text.bytes().all(|byte| (b'!'..=b'~').contains(&byte));
        if get.path.as_deref().is_some_and(|path| !text(path)) {
            problems.push(Problem::new(
                at.key("path").span(),
                "a path has printable ASCII characters without blanks",
            ));
        }
        for (index, header) in get.http_headers.iter().flatten().enumerate() {
            let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            let name = !header.name.is_empty() && header.name.bytes().all(token);
            if !name || !header.value.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
                let at = at.key("httpHeaders").item(index);
                problems
                    .push(Problem::new(at.span(), format!("{} cannot be a header", quoted(&header.name))));
            }
        }
    }
    if let Some(socket) = &probe.tcp_socket {
        let at = at.key("tcpSocket");
        check_port(container, &socket.port, at, problems);
        if is_asked && socket.host.is_some() {
            let message = "`host` of a probe is not built yet";
            problems.push(
                Problem::new(at.key("host").span(), message).help("the pod itself is asked without it"),
            );
        }
    }
    let numbers = [
        ("initialDelaySeconds", probe.initial_delay_seconds, 0),
        ("periodSeconds", probe.period_seconds, 1),
        ("timeoutSeconds", probe.timeout_seconds, 1),
        ("successThreshold", probe.success_threshold, 1),
        ("failureThreshold", probe.failure_threshold, 1),
    ];
    for (key, number, least) in numbers {
        if number.is_some_and(|number| !(least..=NUMBER_MAX).contains(&number)) {
            let message = format!("`{key}` must be {least} to {NUMBER_MAX}");
            problems.push(Problem::new(at.key(key).span(), message));
        }
    }
    if !is_asked && probe.success_threshold.is_some_and(|number| number != 1) {
        problems.push(Problem::new(
            at.key("successThreshold").span(),
            format!("`successThreshold` of a `{kind}` must be 1"),
        ));
    }
}

fn check_port(container: &Container, port: &IntOrString, at: At<'_>, problems: &mut Vec<Problem>) {
    if health_probe::port(container, port).is_some() {
        return;
    }
    let message = match port {
        IntOrString::Int(number) => format!("{number} is no port: ports are 1 to 65535"),
        IntOrString::String(name) => format!("the container has no port called {}", quoted(name)),
    };
    problems.push(Problem::new(at.key("port").span(), message));
}
