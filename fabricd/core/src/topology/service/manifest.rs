//! From the manifest of a Service to what it wants: what the API server checks, and what is not built.

use std::net::Ipv4Addr;

use k8s_openapi::api::core::v1::{Service as Manifest, ServiceSpec};

use super::{
    NODE_PORTS, Service, ServiceType, TrafficPolicy,
    azure::{Wish, wish},
    port::{Target, outside_node_ports, ports},
};
use crate::{
    name::{check_label, check_subdomain},
    spec::{
        problem::Problem,
        suggest::{nearest, quoted},
        tree::At,
    },
    topology::{
        derived_name::uid,
        workload::{CLUSTER, Surroundings, Taken, annotations},
    },
};

/// How long a client stays with an endpoint, in seconds, where the manifest does not say
/// (`v1.DefaultClientIPServiceAffinitySeconds`).
const AFFINITY_SECONDS: u32 = 10_800;

/// The longest (`v1.MaxClientIPServiceAffinitySeconds`).
const AFFINITY_SECONDS_MAX: i32 = 86_400;

/// A Service whose addresses and node ports are still open.
pub(in crate::topology) struct Draft<'a> {
    /// Index of its cluster.
    pub cluster: usize,
    pub service: Service,
    pub targets: Vec<Target>,
    pub cluster_ip: ClusterIp,
    pub wants_node_ports: bool,
    pub frontend: Option<Wish<'a>>,
    /// The document.
    pub at: At<'a>,
}

/// What a Service says about its cluster IP.
pub(in crate::topology) enum ClusterIp {
    /// Any.
    Any,
    /// This one.
    This(Ipv4Addr),
    /// None: headless, or an external name.
    None,
}

/// All Services of the file.
pub(in crate::topology) fn drafts<'a>(
    surroundings: &Surroundings<'a, '_>,
    problems: &mut Vec<Problem>,
) -> Vec<Draft<'a>> {
    let mut taken = Taken::default();
    let placed = surroundings.spec.services.iter();
    placed
        .filter_map(|placed| draft(surroundings, &placed.value, placed.at(), &mut taken, problems))
        .collect()
}

fn draft<'a>(
    surroundings: &Surroundings<'a, '_>,
    manifest: &Manifest,
    at: At<'a>,
    taken: &mut Taken,
    problems: &mut Vec<Problem>,
) -> Option<Draft<'a>> {
    let metadata = &manifest.metadata;
    let found = surroundings.object(metadata, at, taken, "Service", problems);
    annotations(metadata, at, &[CLUSTER], problems);
    let name = metadata.name.clone().unwrap_or_default();
    let name_at = at.key("metadata").key("name");
    if let Err(error) = check_label(&name, 63) {
        // A name with dots is refused by `object` only where no object may have it.
        if check_subdomain(&name, 253).is_ok() {
            problems.push(Problem::new(name_at.span(), error.to_string()));
        }
    } else if name.starts_with(|c: char| c.is_ascii_digit()) {
        let message = format!("the Service {} begins with a digit", quoted(&name));
        problems.push(Problem::new(name_at.span(), message).help("a Service's name begins with a letter"));
    }
    let spec_at = at.key("spec");
    let Some(spec) = &manifest.spec else {
        if !spec_at.is_lost() {
            let message = "a Service needs a `spec`";
            problems
                .push(Problem::new(spec_at.span(), message).help("such as `spec: {ports: [{port: 80}]}`"));
        }
        return None;
    };
    not_built(spec, spec_at, problems);
    let service_type = service_type(spec, spec_at, problems)?;
    let cluster_ip = cluster_ip(spec, &service_type, spec_at, problems);
    let external = matches!(service_type, ServiceType::NodePort | ServiceType::LoadBalancer);
    let (ports, targets) = ports(spec, (external, &cluster_ip), spec_at, problems);
    let session_affinity = affinity(spec, spec_at, problems);
    let internal_traffic_policy =
        policy(spec.internal_traffic_policy.as_deref(), spec_at.key("internalTrafficPolicy"), problems);
    let at_policy = spec_at.key("externalTrafficPolicy");
    let external_traffic_policy = policy(spec.external_traffic_policy.as_deref(), at_policy, problems);
    if spec.external_traffic_policy.is_some() && !external {
        let message = format!("`externalTrafficPolicy` has no meaning for a Service of type {service_type}");
        problems.push(Problem::new(at_policy.span(), message).help("it is for NodePort and LoadBalancer"));
    }
    let balanced = service_type == ServiceType::LoadBalancer;
    let local = external_traffic_policy == TrafficPolicy::Local;
    let health =
        spec.health_check_node_port.and_then(|port| u16::try_from(port).ok()).filter(|port| *port != 0);
    if let Some(port) = spec.health_check_node_port.filter(|port| *port != 0) {
        let at = spec_at.key("healthCheckNodePort");
        if !(balanced && local) {
            let message = "`healthCheckNodePort` has no meaning here";
            let help = "it is for `type: LoadBalancer` with `externalTrafficPolicy: Local`";
            problems.push(Problem::new(at.span(), message).help(help));
        } else if !u16::try_from(port).is_ok_and(|port| NODE_PORTS.contains(&port)) {
            problems.push(outside_node_ports(at, port));
        }
    }
    let frontend = balanced.then(|| wish(manifest, spec, at, problems));
    let (cluster, namespace) = found?;
    let cluster_name = &surroundings.clusters[cluster].name;
    if matches!((namespace.as_str(), name.as_str()), ("default", "kubernetes") | ("kube-system", "kube-dns"))
    {
        let message = format!("every cluster has the Service `{name}` in `{namespace}` already");
        problems.push(Problem::new(name_at.span(), message).help("give this one another name"));
        return None;
    }
    let mut manifest = Box::new(manifest.clone());
    manifest.metadata.namespace = Some(namespace.clone());
    let service = Service {
        uid: uid(&[surroundings.lab, cluster_name, &namespace, "Service", &name]),
        namespace,
        name,
        service_type,
        cluster_ip: None,
        ports,
        selector: spec.selector.clone().unwrap_or_default(),
        session_affinity,
        internal_traffic_policy,
        external_traffic_policy,
        publish_not_ready_addresses: spec.publish_not_ready_addresses == Some(true),
        frontend: None,
        health_check_node_port: health.filter(|_| balanced && local),
        manifest,
    };
    let wants_node_ports = external && spec.allocate_load_balancer_node_ports != Some(false);
    Some(Draft { cluster, service, targets, cluster_ip, wants_node_ports, frontend, at })
}

fn not_built(spec: &ServiceSpec, at: At<'_>, problems: &mut Vec<Problem>) {
    let families = spec.ip_families.iter().flatten().any(|family| family != "IPv4");
    let stacks = spec.ip_family_policy.as_deref().is_some_and(|policy| policy == "RequireDualStack");
    let later = [
        ("ipFamilies", families, "only IPv4 is"),
        ("ipFamilyPolicy", stacks, "only IPv4 is"),
        (
            "externalIPs",
            spec.external_ips.as_ref().is_some_and(|all| !all.is_empty()),
            "use `type: LoadBalancer`",
        ),
        ("loadBalancerClass", spec.load_balancer_class.is_some(), "remove it: there is Azure's only"),
        ("trafficDistribution", spec.traffic_distribution.is_some(), "a lab has no zones; remove it"),
    ];
    for (key, _, help) in later.into_iter().filter(|(_, used, _)| *used) {
        problems.push(Problem::new(at.key(key).span(), format!("this `{key}` is not built yet")).help(help));
    }
}

fn service_type(spec: &ServiceSpec, at: At<'_>, problems: &mut Vec<Problem>) -> Option<ServiceType> {
    let types = ["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"];
    let found = match spec.type_.as_deref() {
        None | Some("ClusterIP") => ServiceType::ClusterIp,
        Some("NodePort") => ServiceType::NodePort,
        Some("LoadBalancer") => ServiceType::LoadBalancer,
        Some("ExternalName") => {
            let name = spec.external_name.clone().unwrap_or_default();
            let bare = name.strip_suffix('.').unwrap_or(&name);
            if check_subdomain(bare, 253).is_err() && !at.key("externalName").is_lost() {
                let message = "an ExternalName Service needs `externalName`, a DNS name";
                let help = "such as `externalName: example.com`";
                problems.push(Problem::new(at.key("externalName").span(), message).help(help));
                return None;
            }
            ServiceType::ExternalName(bare.to_owned())
        }
        Some(other) => {
            let help = match nearest(other, types) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "one of `ClusterIP`, `NodePort`, `LoadBalancer`, `ExternalName`".to_owned(),
            };
            let message = format!("{} is no type of Service", quoted(other));
            problems.push(Problem::new(at.key("type").span(), message).help(help));
            return None;
        }
    };
    if spec.external_name.is_some() && !matches!(found, ServiceType::ExternalName(_)) {
        let message = format!("`externalName` has no meaning for a Service of type {found}");
        let help = "write `type: ExternalName`, or remove it";
        problems.push(Problem::new(at.key("externalName").span(), message).help(help));
    }
    Some(found)
}

fn cluster_ip(
    spec: &ServiceSpec,
    service_type: &ServiceType,
    at: At<'_>,
    problems: &mut Vec<Problem>,
) -> ClusterIp {
    let at = at.key("clusterIP");
    let written = spec.cluster_ip.as_deref().filter(|written| !written.is_empty());
    if matches!(service_type, ServiceType::ExternalName(_)) {
        if written.is_some_and(|written| written != "None") {
            problems.push(Problem::new(at.span(), "an ExternalName Service has no cluster IP"));
        }
        return ClusterIp::None;
    }
    match written {
        None => ClusterIp::Any,
        Some("None") if *service_type == ServiceType::ClusterIp => ClusterIp::None,
        Some("None") => {
            let message = format!("a Service of type {service_type} cannot be headless");
            problems.push(Problem::new(at.span(), message).help("remove `clusterIP: None`"));
            ClusterIp::Any
        }
        Some(written) => match written.parse() {
            Ok(address) => ClusterIp::This(address),
            Err(_) => {
                let message = format!("{} is not an IPv4 address", quoted(written));
                problems
                    .push(Problem::new(at.span(), message).help("write an address, or None for headless"));
                ClusterIp::Any
            }
        },
    }
}

fn affinity(spec: &ServiceSpec, at: At<'_>, problems: &mut Vec<Problem>) -> Option<u32> {
    let config = spec.session_affinity_config.as_ref().and_then(|config| config.client_ip.as_ref());
    let seconds = config.and_then(|config| config.timeout_seconds);
    match spec.session_affinity.as_deref() {
        None | Some("None") => {
            if spec.session_affinity_config.is_some() {
                let message = "`sessionAffinityConfig` has no meaning without `sessionAffinity: ClientIP`";
                problems.push(Problem::new(at.key("sessionAffinityConfig").span(), message));
            }
            None
        }
        Some("ClientIP") => match seconds {
            None => Some(AFFINITY_SECONDS),
            Some(seconds) if (1..=AFFINITY_SECONDS_MAX).contains(&seconds) => u32::try_from(seconds).ok(),
            Some(seconds) => {
                let at = at.key("sessionAffinityConfig").key("clientIP").key("timeoutSeconds");
                let message = format!("a client cannot stay {seconds} seconds with an endpoint");
                problems.push(Problem::new(at.span(), message).help("1 to 86400 seconds"));
                None
            }
        },
        Some(other) => {
            let message = format!("{} is no session affinity", quoted(other));
            problems.push(
                Problem::new(at.key("sessionAffinity").span(), message).help("write `ClientIP` or `None`"),
            );
            None
        }
    }
}

fn policy(written: Option<&str>, at: At<'_>, problems: &mut Vec<Problem>) -> TrafficPolicy {
    match written {
        None | Some("Cluster") => TrafficPolicy::Cluster,
        Some("Local") => TrafficPolicy::Local,
        Some(other) => {
            let message = format!("{} is no traffic policy", quoted(other));
            problems.push(Problem::new(at.span(), message).help("write `Cluster` or `Local`"));
            TrafficPolicy::Cluster
        }
    }
}
