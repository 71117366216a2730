//! Services of Kubernetes: their addresses and ports, and the pods behind them.
//!
//! Sources: aks-facts 3 (kube-proxy, load balancer); Kubernetes "Service", "Virtual IPs and service proxies".

mod allocation;
mod azure;
mod built_in;
mod endpoints;
pub(super) mod frontend;
pub(super) mod manifest;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::Ipv4Addr,
    ops::RangeInclusive,
};

use ipnet::Ipv4Net;
use k8s_openapi::api::core::v1::Service as ServiceManifest;

use self::{allocation::Allocation, endpoints::Labels, frontend::Open, manifest::Draft};
use super::{ManagedCluster, PublicAddress, Standing, SubnetIndex};
use crate::spec::problem::Problem;

/// Ports of nodes that Services get (`--service-node-port-range`).
const NODE_PORTS: RangeInclusive<u16> = 30_000..=32_767;

/// A Service of a cluster.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its Kubernetes namespace.
    pub namespace: String,
    /// Unique in its namespace; a DNS label of at most 63 characters.
    pub name: String,
    /// Derived from the lab, so that it stays.
    pub uid: String,
    /// How it can be reached.
    pub service_type: ServiceType,
    /// Its address in the cluster. None if it is headless or an [`ServiceType::ExternalName`].
    pub cluster_ip: Option<Ipv4Addr>,
    /// In the order of the manifest; a headless Service or an external name may have none.
    pub ports: Vec<ServicePort>,
    /// Labels of its pods; empty if it has none, and then no endpoints.
    pub selector: BTreeMap<String, String>,
    /// How long a client stays with an endpoint, in seconds, with `sessionAffinity: ClientIP`.
    pub session_affinity: Option<u32>,
    /// For its cluster IP.
    pub internal_traffic_policy: TrafficPolicy,
    /// For node ports and the load balancer's address.
    pub external_traffic_policy: TrafficPolicy,
    /// Whether pods count that are not ready.
    pub publish_not_ready_addresses: bool,
    /// Its address at the cluster's load balancer, with [`ServiceType::LoadBalancer`].
    pub frontend: Option<Frontend>,
    /// With [`ServiceType::LoadBalancer`] and [`TrafficPolicy::Local`]: 30000 to 32767.
    pub health_check_node_port: Option<u16>,
    /// As written, with its namespace.
    pub manifest: Box<ServiceManifest>,
}

/// How a Service can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceType {
    /// From inside the cluster.
    ClusterIp,
    /// And by a port of every node.
    NodePort,
    /// And by an address of the cluster's load balancer.
    LoadBalancer,
    /// Not at all: it is another name (CNAME) for this one.
    ExternalName(String),
}

impl fmt::Display for ServiceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClusterIp => "ClusterIP",
            Self::NodePort => "NodePort",
            Self::LoadBalancer => "LoadBalancer",
            Self::ExternalName(_) => "ExternalName",
        })
    }
}

/// Which endpoints a packet may be given to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TrafficPolicy {
    /// All of them.
    #[default]
    Cluster,
    /// Those of the node that it came to.
    Local,
}

/// A transport protocol of a Service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}

impl Transport {
    /// `tcp` or `udp`, as iptables and DNS write it.
    pub const fn lower(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

impl fmt::Display for Transport {
    /// `TCP` or `UDP`, as Kubernetes writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        })
    }
}

/// A port of a Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePort {
    /// Needed where a Service has several.
    pub name: Option<String>,
    /// Its transport.
    pub transport: Transport,
    /// The port of the Service's addresses, from 1.
    pub port: u16,
    /// The port of every node, 30000 to 32767, where the Service has one.
    pub node_port: Option<u16>,
    /// What application protocol it says to carry, such as `http`.
    pub app_protocol: Option<String>,
    /// All pods behind it, those that are not ready included, sorted as kube-proxy does: by the text `ip:port`.
    pub endpoints: Vec<Endpoint>,
    /// Nodes that the load balancer's health probe does not reach, as indexes into
    /// [`super::ManagedCluster::nodes`]: they get no new connections from it.
    pub unhealthy: BTreeSet<usize>,
}

/// A pod behind a port of a Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The pod's address.
    pub address: Ipv4Addr,
    /// The pod's port.
    pub port: u16,
    /// The pod, as an index into [`super::ManagedCluster::pods`].
    pub pod: usize,
    /// Its node, as an index into [`super::ManagedCluster::nodes`].
    pub node: usize,
    /// Whether it gets packets: the pod is ready, or the Service publishes addresses that are not.
    pub ready: bool,
}

/// A frontend of the cluster's load balancer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frontend {
    /// Its name in Azure, such as `kubernetes-a0123…` or one of the lab file, and its address. That of an
    /// internal one is an address of its subnet.
    pub address: PublicAddress,
    /// The subnet of an internal one (`service.beta.kubernetes.io/azure-load-balancer-internal`).
    pub subnet: Option<SubnetIndex>,
    /// Who may use it; everybody if it is empty.
    pub source_ranges: Vec<Ipv4Net>,
    /// 4 to 100 minutes.
    pub idle_timeout_minutes: u32,
    /// Whether packets reach a node with the frontend's address (floating IP), not with the node's own and the
    /// node port.
    pub floating_ip: bool,
}

impl Service {
    /// `NAMESPACE/NAME`.
    pub fn namespaced_name(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// The name of one of its ports as kube-proxy writes it: `NAMESPACE/NAME` or `NAMESPACE/NAME:PORT`.
    pub fn port_name(&self, port: &ServicePort) -> String {
        match &port.name {
            Some(name) => format!("{}/{}:{name}", self.namespace, self.name),
            None => self.namespaced_name(),
        }
    }

    /// The name of a port's rule at the load balancer, behind the Service's own: `TCP-80` (aks-facts 3.6).
    pub fn rule_name(port: &ServicePort) -> String {
        format!("{}-{}", port.transport, port.port)
    }

    /// That rule in [`crate::condition::Conditions::unhealthy`].
    pub fn rule_key(&self, cluster: &str, port: &ServicePort) -> String {
        format!("{cluster}/{}/{}", self.namespaced_name(), Self::rule_name(port))
    }

    /// The address of its frontend, if that is not in the VNet.
    pub fn public_address(&self) -> Option<&PublicAddress> {
        let public = self.frontend.as_ref().filter(|frontend| frontend.subnet.is_none())?;
        Some(&public.address)
    }

    /// Whether a load balancer asks a port of its own which nodes have endpoints.
    fn wants_health_check(&self) -> bool {
        self.service_type == ServiceType::LoadBalancer && self.external_traffic_policy == TrafficPolicy::Local
    }
}

/// Gives all Services their addresses in the cluster, node ports and endpoints, with those that every cluster
/// has. What they ask of the load balancer comes back.
pub(super) fn settle<'a>(
    lab: &str,
    drafts: Vec<Draft<'a>>,
    clusters: &mut [ManagedCluster],
    standing: &Standing,
    problems: &mut Vec<Problem>,
) -> Vec<Open<'a>> {
    let mut of_clusters: Vec<Vec<Draft<'a>>> = clusters.iter().map(|_| vec![]).collect();
    for draft in drafts {
        of_clusters[draft.cluster].push(draft);
    }
    let mut open = vec![];
    for (number, (cluster, mut drafts)) in clusters.iter_mut().zip(of_clusters).enumerate() {
        let mut allocation = Allocation::of(lab, cluster);
        drafts.iter_mut().for_each(|draft| allocation.take_written(draft, problems));
        drafts.iter_mut().for_each(|draft| allocation.keep(draft, standing));
        drafts.iter_mut().for_each(|draft| allocation.give(draft, problems));
        let built_in = built_in::services(lab, cluster).map(|(service, targets)| (service, targets, None));
        let written = drafts
            .into_iter()
            .map(|draft| (draft.service, draft.targets, draft.frontend.map(|wish| (wish, draft.at))));
        let labels = Labels::of(cluster);
        let mut services = vec![];
        for (mut service, targets, wish) in built_in.into_iter().chain(written) {
            let endpoints = labels.endpoints(&service, &targets);
            for (port, endpoints) in service.ports.iter_mut().zip(endpoints) {
                port.endpoints = endpoints;
            }
            open.extend(wish.map(|(wish, at)| Open { cluster: number, service: services.len(), wish, at }));
            services.push(service);
        }
        cluster.services = services;
    }
    open
}
