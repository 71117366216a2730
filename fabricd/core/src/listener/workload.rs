//! What a container of a pod serves: a stand-in for its image.

use std::{collections::BTreeMap, sync::Arc};

use k8s_openapi::api::core::v1::{Container, ContainerPort};

use super::{
    Listener, Protocol,
    image::{Image, Speech, image},
};
use crate::{
    dns::is_coredns,
    health_probe::readiness,
    program::container,
    topology::{ManagedCluster, Pod, Transport},
};

/// What answers on a port of a pod.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PodServer {
    /// The cluster's name.
    pub cluster: String,
    /// The pod's Kubernetes namespace.
    pub namespace: String,
    /// The pod's name.
    pub pod: String,
    /// The name of its node.
    pub node: String,
    /// What its programs call themselves.
    pub hostname: String,
    /// What is spoken.
    pub speech: Speech,
    /// How it answers.
    pub behaviour: Behaviour,
    /// The path that the kubelet asks for on this port; it fails while the pod is switched off by hand.
    pub readiness_path: Option<String>,
}

impl PodServer {
    /// The pod as [`crate::condition::Conditions`] calls it.
    pub fn key(&self) -> String {
        format!("{}/{}/{}", self.cluster, self.namespace, self.pod)
    }
}

/// How a server of a pod answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Behaviour {
    /// With what it has seen of the request.
    #[default]
    Common,
    /// As `agnhost netexec`: some paths have answers of their own.
    Netexec,
    /// With the host name alone, as `agnhost serve-hostname`.
    Hostname,
    /// With this text, as `http-echo`.
    Text(String),
}

/// A port that a container serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// From 1.
    pub port: u16,
    /// What is spoken.
    pub speech: Speech,
    /// How it answers.
    pub behaviour: Behaviour,
}

impl Served {
    /// TCP or UDP.
    pub fn transport(&self) -> Transport {
        if self.speech == Speech::Udp { Transport::Udp } else { Transport::Tcp }
    }
}

/// The ports that `container` serves, in the order of the manifest.
///
/// One that runs a program serves nothing here: the program may. Of an image that is not known, and of a shell
/// that runs nothing, the `ports` are served. A server without `ports` has those of its image.
pub fn served(container: &Container) -> Vec<Served> {
    if container::command(container).is_some() {
        return vec![];
    }
    let common = |(port, speech)| Served { port, speech, behaviour: Behaviour::Common };
    let written = container.ports.as_deref().unwrap_or_default();
    match image(container.image.as_deref().unwrap_or_default()) {
        Image::Agnhost => agnhost(container.args.as_deref().unwrap_or_default()),
        Image::HttpEcho => http_echo(container.args.as_deref().unwrap_or_default()),
        Image::Server(ports) if written.is_empty() => ports.iter().copied().map(common).collect(),
        Image::Server(ports) => {
            written.iter().filter_map(|port| written_port(port, ports)).map(common).collect()
        }
        Image::Shell | Image::Unknown => {
            written.iter().filter_map(|port| written_port(port, &[])).map(common).collect()
        }
    }
}

fn written_port(port: &ContainerPort, of_image: &[(u16, Speech)]) -> Option<(u16, Speech)> {
    let number = u16::try_from(port.container_port).ok().filter(|number| *number > 0)?;
    if port.protocol.as_deref() == Some("UDP") {
        return Some((number, Speech::Udp));
    }
    let name = port.name.as_deref().unwrap_or_default();
    let is =
        |word: &str| name.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
    let by_image = of_image.iter().find(|(known, _)| *known == number).map(|(_, speech)| *speech);
    let speech = if ["tcp", "echo"].into_iter().any(is) {
        Speech::Tcp
    } else if is("https") {
        Speech::Https
    } else if is("http") {
        Speech::Http
    } else {
        // An image that speaks one thing speaks it on whatever port.
        by_image.or(of_image.first().map(|(_, speech)| *speech)).unwrap_or(Speech::Http)
    };
    Some((number, speech))
}

/// The value of a flag, `--name=value` or `--name value`, with one or two dashes as Go's flags have.
fn flag<'a>(arguments: &'a [String], name: &str) -> Option<&'a str> {
    arguments.iter().enumerate().find_map(|(index, argument)| {
        let rest = argument.strip_prefix("--").or_else(|| argument.strip_prefix('-'))?.strip_prefix(name)?;
        match rest.strip_prefix('=') {
            Some(value) => Some(value),
            None if rest.is_empty() => arguments.get(index + 1).map(String::as_str),
            None => None,
        }
    })
}

/// Its commands that serve, with their default ports (github.com/kubernetes/kubernetes, test/images/agnhost).
fn agnhost(arguments: &[String]) -> Vec<Served> {
    let port = |name, default: u16| match flag(arguments, name) {
        // -1 switches a port off.
        Some(value) => value.parse::<u16>().ok().filter(|port| *port > 0),
        None => Some(default),
    };
    let serve = |port: Option<u16>, speech, behaviour| port.map(|port| Served { port, speech, behaviour });
    let is_set = |name, default: bool| {
        let bare = arguments.iter().any(|argument| argument.trim_start_matches('-') == name);
        flag(arguments, name).and_then(|value| value.parse().ok()).unwrap_or(bare || default)
    };
    let ports = match arguments.first().map(String::as_str) {
        Some("netexec") => vec![
            serve(port("http-port", 8080), Speech::Http, Behaviour::Netexec),
            serve(port("udp-port", 8081), Speech::Udp, Behaviour::Netexec),
        ],
        Some("serve-hostname") => {
            let mut ports = vec![];
            if is_set("http", true) {
                ports.push(serve(port("port", 9376), Speech::Http, Behaviour::Hostname));
            }
            if is_set("udp", false) {
                ports.push(serve(port("port", 9376), Speech::Udp, Behaviour::Hostname));
            }
            ports
        }
        Some("test-webserver") => vec![serve(port("port", 80), Speech::Http, Behaviour::Common)],
        // `pause` and all else.
        _ => vec![],
    };
    ports.into_iter().flatten().collect()
}

/// Source: github.com/hashicorp/http-echo.
fn http_echo(arguments: &[String]) -> Vec<Served> {
    let listen = flag(arguments, "listen").unwrap_or(":5678");
    let text = flag(arguments, "text").unwrap_or("hello-world");
    let port =
        listen.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok()).filter(|port| *port > 0);
    let behaviour = Behaviour::Text(text.to_owned());
    port.map(|port| Served { port, speech: Speech::Http, behaviour }).into_iter().collect()
}

/// Every port of all pods of `cluster`, but for those that answer DNS: of two containers that want the same one,
/// the first has it.
pub(super) fn of_cluster(cluster: &ManagedCluster) -> impl Iterator<Item = Listener> + '_ {
    cluster.pods.iter().filter(|pod| !is_coredns(pod)).flat_map(move |pod| of_pod(cluster, pod))
}

fn of_pod(cluster: &ManagedCluster, pod: &Pod) -> Vec<Listener> {
    let Some(spec) = &pod.manifest.spec else { return vec![] };
    let node = &cluster.nodes[pod.node].name;
    let hostname = if pod.host_network { node } else { spec.hostname.as_ref().unwrap_or(&pod.name) };
    let mut ports: BTreeMap<(Transport, u16), Listener> = BTreeMap::new();
    for container in &spec.containers {
        let probe = readiness(container);
        for served in served(container) {
            let transport = served.transport();
            let Served { port, speech, behaviour } = served;
            let path = probe.as_ref().filter(|probe| probe.port == port && transport == Transport::Tcp);
            let server = || PodServer {
                cluster: cluster.name.clone(),
                namespace: pod.namespace.clone(),
                pod: pod.name.clone(),
                node: node.clone(),
                hostname: hostname.clone(),
                speech,
                behaviour: behaviour.clone(),
                readiness_path: path.and_then(|probe| probe.path.clone()),
            };
            let protocol = match (speech, &behaviour) {
                (Speech::Tcp, _) => Protocol::TcpEcho,
                (Speech::Udp, Behaviour::Common) => Protocol::UdpEcho,
                _ => Protocol::Pod(Arc::new(server())),
            };
            ports.entry((transport, port)).or_insert_with(|| Listener {
                place: cluster.pod_place(pod),
                // Its node has others who listen.
                address: pod.address.filter(|_| pod.host_network).map(Into::into),
                port,
                protocol,
                name: pod.name.clone(),
                fqdns: vec![],
            });
        }
    }
    ports.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(container: &str) -> String {
        let value: serde_json::Value = serde_json::from_str(container).expect("JSON");
        let mut container: Container = serde_json::from_value(value).expect("a container");
        container.name = "c".to_owned();
        let told: Vec<String> = served(&container)
            .into_iter()
            .map(|Served { port, speech, behaviour }| match behaviour {
                Behaviour::Common => format!("{port} {speech:?}"),
                other => format!("{port} {speech:?} {other:?}"),
            })
            .collect();
        told.join(", ")
    }

    #[test]
    fn what_is_served_follows_from_image_ports_and_arguments() {
        for (container, expected) in [
            (r#"{"name": "c", "image": "nginx"}"#, "80 Http"),
            (r#"{"name": "c", "image": "nginx", "ports": [{"containerPort": 8080}]}"#, "8080 Http"),
            (r#"{"name": "c", "image": "nginx", "command": ["nginx"]}"#, ""),
            (r#"{"name": "c", "image": "redis"}"#, "6379 Tcp"),
            (r#"{"name": "c", "image": "redis", "ports": [{"containerPort": 7000}]}"#, "7000 Tcp"),
            (r#"{"name": "c", "image": "busybox"}"#, ""),
            (r#"{"name": "c", "image": "busybox", "ports": [{"containerPort": 80}]}"#, "80 Http"),
            (r#"{"name": "c", "image": "busybox", "args": ["top"], "ports": [{"containerPort": 80}]}"#, ""),
            (
                r#"{"name": "c", "image": "busybox", "command": ["sleep", "3600"], "ports": [{"containerPort": 80}]}"#,
                "",
            ),
            (
                r#"{"name": "c", "image": "shop", "ports": [{"containerPort": 80}, {"containerPort": 443, "name": "https"},
                   {"containerPort": 9, "name": "tcp-a"}, {"containerPort": 9, "protocol": "UDP"}, {"containerPort": 0}]}"#,
                "80 Http, 443 Https, 9 Tcp, 9 Udp",
            ),
            (
                r#"{"name": "c", "image": "agnhost:2", "args": ["netexec"]}"#,
                "8080 Http Netexec, 8081 Udp Netexec",
            ),
            (
                r#"{"name": "c", "image": "agnhost:2", "args": ["netexec", "--http-port=80", "--udp-port", "-1"]}"#,
                "80 Http Netexec",
            ),
            (r#"{"name": "c", "image": "agnhost", "args": ["serve-hostname"]}"#, "9376 Http Hostname"),
            (
                r#"{"name": "c", "image": "agnhost", "args": ["serve-hostname", "--http=false", "--udp", "--port=90"]}"#,
                "90 Udp Hostname",
            ),
            (r#"{"name": "c", "image": "agnhost", "ports": [{"containerPort": 80}]}"#, ""),
            (r#"{"name": "c", "image": "hashicorp/http-echo"}"#, "5678 Http Text(\"hello-world\")"),
            (
                r#"{"name": "c", "image": "hashicorp/http-echo:1", "args": ["-listen=:80", "-text", "blue"]}"#,
                "80 Http Text(\"blue\")",
            ),
        ] {
            assert_eq!(told(container), expected, "{container}");
        }
    }
}
