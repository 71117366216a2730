//! Probes that decide who gets traffic: those of the kubelet for pods, and those of the load balancer for nodes.
//!
//! Which there are follows from the topology; the daemon asks, and what comes of it are
//! [`crate::condition::Conditions`]. Sources: Kubernetes "Configure Liveness, Readiness and Startup Probes";
//! aks-facts 3.6.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddrV4},
};

use k8s_openapi::{
    api::core::v1::{Container, Probe},
    apimachinery::pkg::util::intstr::IntOrString,
};

use crate::{
    blueprint::PLATFORM_ADDRESS,
    place::Place,
    topology::{ManagedCluster, Service, ServicePort, Topology, TrafficPolicy, Transport},
};

/// A question that is asked again and again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HealthProbe {
    /// Whom it is about.
    pub subject: Subject,
    /// Where it is asked from.
    pub from: Place,
    /// The address that it comes from; one that the kernel chooses if there is none.
    pub source: Option<Ipv4Addr>,
    /// Who is asked.
    pub to: SocketAddrV4,
    /// What is asked.
    pub question: Question,
    /// When, and how often.
    pub rhythm: Rhythm,
}

/// Whom a probe is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A container of a pod.
    Pod {
        /// `CLUSTER/NAMESPACE/NAME`.
        pod: String,
        /// The container's name.
        container: String,
    },
    /// A node, for one rule of a load balancer.
    Backend {
        /// `CLUSTER/NAMESPACE/SERVICE/TCP-80`.
        rule: String,
        /// The node's name.
        node: String,
    },
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// Whether a connection can be made.
    Tcp,
    /// What `GET` of a path says.
    Http {
        /// With its query.
        path: String,
        /// What the asker calls itself.
        user_agent: String,
        /// Headers beside `Host`, `User-Agent` and `Accept`.
        headers: Vec<(String, String)>,
        /// The last status code that is good, from 200. The kubelet takes all below 400, the load balancer
        /// 200 alone.
        last_good: u16,
    },
}

/// Times in seconds, and numbers of answers that count as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rhythm {
    /// Before the first question.
    pub initial_delay: u32,
    /// Between two questions, from 1.
    pub period: u32,
    /// For an answer, from 1.
    pub timeout: u32,
    /// Failures one after the other until it is unhealthy, from 1.
    pub failure_threshold: u32,
    /// Successes one after the other until it is healthy again, from 1.
    pub success_threshold: u32,
}

/// The readiness probe of a container, as far as it can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// The container's port.
    pub port: u16,
    /// The path of `httpGet`, without a query; `None` with `tcpSocket`.
    pub path: Option<String>,
    headers: Vec<(String, String)>,
    /// With its query.
    target: String,
    rhythm: Rhythm,
}

/// The container's readiness probe; `None` if it has none that can be asked.
pub fn readiness(container: &Container) -> Option<Readiness> {
    let probe = container.readiness_probe.as_ref()?;
    let rhythm = rhythm(probe);
    if let Some(get) = &probe.http_get {
        let path = get.path.clone().filter(|path| !path.is_empty()).unwrap_or_else(|| "/".to_owned());
        let path = if path.starts_with('/') { path } else { format!("/{path}") };
        let headers = get.http_headers.iter().flatten();
        let headers = headers.map(|header| (header.name.clone(), header.value.clone())).collect();
        let port = port(container, &get.port)?;
        let bare = path.split('?').next().unwrap_or_default().to_owned();
        return Some(Readiness { port, path: Some(bare), headers, target: path, rhythm });
    }
    let socket = probe.tcp_socket.as_ref()?;
    let (headers, target) = (vec![], String::new());
    Some(Readiness { port: port(container, &socket.port)?, path: None, headers, target, rhythm })
}

/// The port that a probe of the container means: a number, or the name of one of its ports.
pub fn port(container: &Container, port: &IntOrString) -> Option<u16> {
    let number = match port {
        IntOrString::Int(number) => *number,
        IntOrString::String(name) => {
            let mut ports = container.ports.iter().flatten();
            ports.find(|port| port.name.as_deref() == Some(name)).map(|port| port.container_port)?
        }
    };
    u16::try_from(number).ok().filter(|port| *port > 0)
}

/// What is not written is the API server's default.
fn rhythm(probe: &Probe) -> Rhythm {
    let value = |written: Option<i32>, default: u32| {
        written.and_then(|written| u32::try_from(written).ok()).filter(|value| *value > 0).unwrap_or(default)
    };
    Rhythm {
        initial_delay: value(probe.initial_delay_seconds, 0),
        period: value(probe.period_seconds, 10),
        timeout: value(probe.timeout_seconds, 1),
        failure_threshold: value(probe.failure_threshold, 3),
        success_threshold: value(probe.success_threshold, 1),
    }
}

/// All probes of the lab.
pub fn health_probes(topology: &Topology) -> BTreeSet<HealthProbe> {
    let clusters = topology.managed_clusters.iter();
    clusters.flat_map(|cluster| of_pods(cluster).chain(of_backends(topology, cluster))).collect()
}

fn of_pods(cluster: &ManagedCluster) -> impl Iterator<Item = HealthProbe> + '_ {
    cluster.pods.iter().flat_map(move |pod| {
        let containers = pod.manifest.spec.iter().flat_map(|spec| &spec.containers);
        containers.filter_map(move |container| {
            let Readiness { port, path, headers, target, rhythm } = readiness(container)?;
            let node = &cluster.nodes[pod.node];
            let question = match path {
                None => Question::Tcp,
                Some(_) => {
                    let user_agent = format!("kube-probe/{}", node.kubernetes_version);
                    Question::Http { path: target, user_agent, headers, last_good: 399 }
                }
            };
            Some(HealthProbe {
                subject: Subject::Pod {
                    pod: format!("{}/{}/{}", cluster.name, pod.namespace, pod.name),
                    container: container.name.clone(),
                },
                from: Place::Node { name: node.name.clone() },
                source: None,
                to: SocketAddrV4::new(pod.address?, port),
                question,
                rhythm,
            })
        })
    })
}

fn of_backends<'a>(
    topology: &'a Topology,
    cluster: &'a ManagedCluster,
) -> impl Iterator<Item = HealthProbe> + 'a {
    let rules = cluster.services.iter().filter(|service| service.frontend.is_some()).flat_map(|service| {
        service.ports.iter().filter_map(move |port| Some((service, port, of_rule(service, port)?)))
    });
    rules.flat_map(move |(service, port, (number, question, rhythm))| {
        let rule = service.rule_key(&cluster.name, port);
        cluster.nodes.iter().map(move |node| {
            let network = &topology.virtual_networks[node.nic.subnet.virtual_network];
            HealthProbe {
                subject: Subject::Backend { rule: rule.clone(), node: node.name.clone() },
                from: Place::Platform { virtual_network: network.name.clone() },
                source: Some(PLATFORM_ADDRESS),
                to: SocketAddrV4::new(node.nic.private_ip_address, number),
                question: question.clone(),
                rhythm,
            }
        })
    })
}

const ANNOTATION: &str = "service.beta.kubernetes.io/";

/// The probe that the cloud provider makes for a rule: its port on every node, what it asks, and when. `None` if
/// the rule has no probe, and every node counts.
///
/// Source: aks-facts 3.6; cloud-provider-azure "Custom Load Balancer health probe" for the annotations, those of
/// the port before those of the Service.
pub(crate) fn of_rule(service: &Service, port: &ServicePort) -> Option<(u16, Question, Rhythm)> {
    let of_port =
        |what: &str| annotation(service, &format!("{ANNOTATION}port_{}_health-probe_{what}", port.port));
    let of_all =
        |what: &str| annotation(service, &format!("{ANNOTATION}azure-load-balancer-health-probe-{what}"));
    let said = |what: &str| of_port(what).or_else(|| of_all(what));
    let number = |what: &str, least: u32, default: u32| {
        said(what).and_then(|text| text.parse().ok()).filter(|value| *value >= least).unwrap_or(default)
    };
    if annotation(service, &format!("{ANNOTATION}port_{}_no_probe_rule", port.port)) == Some("true") {
        return None;
    }
    let interval = number("interval", 5, 5);
    let rhythm = Rhythm {
        initial_delay: 0,
        period: interval,
        timeout: interval,
        failure_threshold: number("num-of-probe", 2, 2),
        success_threshold: 1,
    };
    let get = |path: &str| {
        let user_agent = "Load Balancer Agent".to_owned();
        Question::Http { path: path.to_owned(), user_agent, headers: vec![], last_good: 200 }
    };
    if let (TrafficPolicy::Local, Some(number)) =
        (service.external_traffic_policy, service.health_check_node_port)
    {
        return Some((number, get("/healthz"), rhythm));
    }
    if port.transport == Transport::Udp {
        return None;
    }
    let protocol = said("protocol").or(port.app_protocol.as_deref()).unwrap_or("tcp");
    let question = match protocol.to_ascii_lowercase().as_str() {
        // The path of an own certificate would be asked for the same: only whether it answers is known.
        "http" => get(said("request-path").filter(|path| path.starts_with('/')).unwrap_or("/")),
        _ => Question::Tcp,
    };
    let to = match of_port("port") {
        // A number of one of the Service's ports stands for its node port.
        Some(text) => {
            let written: Option<u16> = text.parse().ok();
            let named = service
                .ports
                .iter()
                .find(|known| Some(known.port) == written || known.name.as_deref() == Some(text));
            named.map_or(written, |known| known.node_port)
        }
        None => port.node_port,
    };
    Some((to?, question, rhythm))
}

fn annotation<'a>(service: &'a Service, name: &str) -> Option<&'a str> {
    service.manifest.metadata.annotations.as_ref()?.get(name).map(String::as_str)
}
