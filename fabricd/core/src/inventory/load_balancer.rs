//! Load balancers of clusters, in the shape of `az network lb show`: the way out, and the Services that they are
//! the way in to.
//!
//! Source of names and values: aks-facts 3.6 (the cloud provider for Azure).

use serde_json::{Value, json};

use super::{
    Kind, Resource,
    azure::{azure, cluster_id, reference},
    resource_id::{public_address_id, subnet_id},
};
use crate::{
    health_probe::{self, Question},
    topology::{
        Frontend, LoadBalancer, ManagedCluster, PublicAddress, Service, ServicePort, Topology, TrafficPolicy,
        Transport,
    },
};

/// What AKS calls each cluster's load balancer, its outbound rule, and the pool of that.
pub(super) const PUBLIC: &str = "kubernetes";
const OUTBOUND_RULE: &str = "aksOutboundRule";
const OUTBOUND_POOL: &str = "aksOutboundBackendPool";

/// The load balancer with frontends in the VNet.
const INTERNAL: &str = "kubernetes-internal";

/// The pool of all nodes, which Services' rules lead to.
const POOL: &str = "kubernetes";

/// Each cluster's is called `kubernetes`, in a resource group of its own; here it is found by the cluster's name.
pub(super) fn load_balancers(topology: &Topology) -> Vec<Resource> {
    let balancers = topology.managed_clusters.iter().flat_map(|cluster| {
        let outbound = cluster.outbound.load_balancer.as_ref();
        let of_services = |internal: bool| -> Vec<Inbound<'_>> {
            let with_frontend = cluster.services.iter().filter_map(|service| {
                let frontend = service.frontend.as_ref()?;
                (frontend.subnet.is_some() == internal).then_some(Inbound { service, frontend })
            });
            with_frontend.collect()
        };
        let one = |name: &'static str, outbound: Option<&LoadBalancer>, inbound: &[Inbound<'_>]| {
            let is_there = outbound.is_some() || !inbound.is_empty();
            let whose = Whose { topology, cluster, name };
            is_there.then(|| azure(&format!("{}/{name}", cluster.name), whose.object(outbound, inbound)))
        };
        let public = one(PUBLIC, outbound, &of_services(false));
        public.into_iter().chain(one(INTERNAL, None, &of_services(true))).collect::<Vec<_>>()
    });
    balancers.collect()
}

/// The name of the load balancer that has the rule of this key, see [`Service::rule_key`].
pub fn load_balancer_of_rule(topology: &Topology, key: &str) -> &'static str {
    let is_internal = topology.managed_clusters.iter().any(|cluster| {
        let services = cluster.services.iter();
        let internal =
            services.filter(|it| it.frontend.as_ref().is_some_and(|frontend| frontend.subnet.is_some()));
        internal.into_iter().any(|it| it.ports.iter().any(|port| it.rule_key(&cluster.name, port) == key))
    });
    if is_internal { INTERNAL } else { PUBLIC }
}

/// As if the load balancer `balancer` were a part of its cluster, in the place of the node resource group.
pub(super) fn part_id(
    topology: &Topology,
    cluster: &ManagedCluster,
    balancer: &str,
    kind: &str,
    name: &str,
) -> String {
    Whose { topology, cluster, name: balancer }.part(kind, name)
}

/// What the cloud provider calls the Service, with the subnet behind where that names one.
pub(super) fn frontend_name(service: &Service) -> String {
    let name = service.azure_name();
    match named_subnet(service) {
        Some(subnet) => format!("{name}-{subnet}"),
        None => name,
    }
}

/// The subnet of the annotation, which counts for internal frontends only.
fn named_subnet(service: &Service) -> Option<&str> {
    const ANNOTATION: &str = "service.beta.kubernetes.io/azure-load-balancer-internal-subnet";
    service.frontend.as_ref()?.subnet?;
    service.manifest.metadata.annotations.as_ref()?.get(ANNOTATION).map(String::as_str)
}

/// `a0123…-TCP-80`, with the subnet between where the Service names one.
fn rule_name(service: &Service, transport: Transport, port: u16) -> String {
    let prefix = service.azure_name();
    match named_subnet(service) {
        Some(subnet) => format!("{prefix}-{subnet}-{transport}-{port}"),
        None => format!("{prefix}-{transport}-{port}"),
    }
}

/// A Service with its frontend.
struct Inbound<'a> {
    service: &'a Service,
    frontend: &'a Frontend,
}

/// A load balancer by its name.
struct Whose<'a> {
    topology: &'a Topology,
    cluster: &'a ManagedCluster,
    name: &'a str,
}

impl Whose<'_> {
    fn id(&self) -> String {
        format!("{}/loadBalancers/{}", cluster_id(self.topology, &self.cluster.name), self.name)
    }

    fn part(&self, kind: &str, name: &str) -> String {
        format!("{}/{kind}/{name}", self.id())
    }

    fn object(&self, outbound: Option<&LoadBalancer>, inbound: &[Inbound<'_>]) -> Value {
        let frontends = outbound.iter().flat_map(|balancer| &balancer.frontends);
        let frontends = frontends.map(|public| self.public_frontend(&public.name, public));
        let frontends = frontends.chain(inbound.iter().map(|it| self.frontend(it)));
        let pools = outbound.map(|_| OUTBOUND_POOL).into_iter();
        let pools = pools.chain((!inbound.is_empty()).then_some(POOL)).map(|name| self.pool(name));
        let mut probes: Vec<Value> = vec![];
        for probe in inbound.iter().flat_map(|it| self.probes(it.service)) {
            if !probes.contains(&probe) {
                probes.push(probe);
            }
        }
        let rules = inbound.iter().flat_map(|it| it.service.ports.iter().map(|port| self.rule(it, port)));
        let mut object = json!({
            "backendAddressPools": pools.collect::<Vec<_>>(),
            "frontendIPConfigurations": frontends.collect::<Vec<_>>(),
            "id": self.id(),
        });
        if !inbound.is_empty() {
            object["loadBalancingRules"] = rules.collect();
        }
        object["name"] = self.name.into();
        if let Some(balancer) = outbound {
            object["outboundRules"] = json!([self.outbound_rule(balancer)]);
        }
        if !inbound.is_empty() {
            object["probes"] = probes.into();
        }
        object["sku"] = json!({ "name": "Standard" });
        object["type"] = Kind::LoadBalancers.type_name().into();
        object
    }

    fn pool(&self, name: &str) -> Value {
        let members = self.cluster.nodes.iter();
        let members =
            members.map(|node| json!({ "ipAddress": node.nic.private_ip_address, "name": node.name }));
        json!({
            "id": self.part("backendAddressPools", name),
            "loadBalancerBackendAddresses": members.collect::<Vec<_>>(),
            "name": name,
        })
    }

    fn public_frontend(&self, name: &str, public: &PublicAddress) -> Value {
        let address = public_address_id(self.topology, &public.name);
        json!({
            "id": self.part("frontendIPConfigurations", name),
            "name": name,
            "publicIPAddress": { "id": address, "ipAddress": public.address },
        })
    }

    fn frontend(&self, Inbound { service, frontend }: &Inbound<'_>) -> Value {
        let name = frontend_name(service);
        match frontend.subnet {
            None => self.public_frontend(&name, &frontend.address),
            Some(subnet) => json!({
                "id": self.part("frontendIPConfigurations", &name),
                "name": name,
                "privateIPAddress": frontend.address.address,
                "subnet": reference(subnet_id(self.topology, subnet)),
            }),
        }
    }

    fn outbound_rule(&self, balancer: &LoadBalancer) -> Value {
        let frontends = balancer.frontends.iter();
        let frontends =
            frontends.map(|public| reference(self.part("frontendIPConfigurations", &public.name)));
        json!({
            "allocatedOutboundPorts": balancer.allocated_outbound_ports,
            "backendAddressPool": reference(self.part("backendAddressPools", OUTBOUND_POOL)),
            "enableTcpReset": true,
            "frontendIPConfigurations": frontends.collect::<Vec<_>>(),
            "id": self.part("outboundRules", OUTBOUND_RULE),
            "idleTimeoutInMinutes": balancer.idle_timeout_minutes,
            "name": OUTBOUND_RULE,
            "protocol": "All",
        })
    }

    fn rule(&self, Inbound { service, frontend }: &Inbound<'_>, port: &ServicePort) -> Value {
        let name = rule_name(service, port.transport, port.port);
        let backend_port = if frontend.floating_ip { Some(port.port) } else { port.node_port };
        let by_source = service.session_affinity.is_some();
        let mut rule = json!({
            "backendAddressPool": reference(self.part("backendAddressPools", POOL)),
            "backendPort": backend_port,
            "disableOutboundSnat": true,
            "enableFloatingIP": frontend.floating_ip,
            "enableTcpReset": port.transport == Transport::Tcp,
            "frontendIPConfiguration": reference(self.part("frontendIPConfigurations", &frontend_name(service))),
            "frontendPort": port.port,
            "id": self.part("loadBalancingRules", &name),
            "idleTimeoutInMinutes": frontend.idle_timeout_minutes,
            "loadDistribution": if by_source { "SourceIP" } else { "Default" },
            "name": name,
        });
        if health_probe::of_rule(service, port).is_some() {
            rule["health"] = self.health(port);
            rule["probe"] = reference(self.part("probes", &probe_name(service, port)));
        }
        rule["protocol"] = protocol(port.transport).into();
        rule
    }

    /// As Azure tells the health of a rule by itself ("Load Balancing Rules - Health" of the REST interface).
    fn health(&self, port: &ServicePort) -> Value {
        let members = self.cluster.nodes.iter().enumerate();
        let members = members.map(|(number, node)| {
            let state = if port.unhealthy.contains(&number) { "Down" } else { "Up" };
            json!({ "ipAddress": node.nic.private_ip_address, "name": node.name, "state": state })
        });
        let down = port.unhealthy.len();
        json!({
            "down": down,
            "loadBalancerBackendAddresses": members.collect::<Vec<_>>(),
            "up": self.cluster.nodes.len().saturating_sub(down),
        })
    }

    fn probes(&self, service: &Service) -> Vec<Value> {
        let probes = service.ports.iter().filter_map(|port| {
            let (number, question, rhythm) = health_probe::of_rule(service, port)?;
            let name = probe_name(service, port);
            let mut object = json!({
                "id": self.part("probes", &name),
                "intervalInSeconds": rhythm.period,
                "name": name,
                "port": number,
                "probeThreshold": rhythm.failure_threshold,
                "protocol": if question == Question::Tcp { "Tcp" } else { "Http" },
            });
            if let Question::Http { path, .. } = question {
                object["requestPath"] = path.into();
            }
            Some(object)
        });
        probes.collect()
    }
}

/// The name of a port's probe. With `externalTrafficPolicy: Local` all ports have one together, which is called
/// after the health check node port.
fn probe_name(service: &Service, port: &ServicePort) -> String {
    let local = service.external_traffic_policy == TrafficPolicy::Local;
    match service.health_check_node_port.filter(|_| local) {
        Some(check) => rule_name(service, Transport::Tcp, check),
        None => rule_name(service, port.transport, port.port),
    }
}

fn protocol(transport: Transport) -> &'static str {
    match transport {
        Transport::Tcp => "Tcp",
        Transport::Udp => "Udp",
    }
}
