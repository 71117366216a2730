//! CoreDNS in a cluster: the names of Services and pods, and AKS' Corefile around them (aks-facts 5.2).

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
    sync::Arc,
};

use super::{
    PORT, Server,
    block::{Block, Forward, Policy, Template},
    record::{Answer, Code, Data, Kind, Question, Record, below, reverse_name},
    resolv_conf::servers_of,
    zone::Zone,
};
use crate::topology::{ManagedCluster, Pod, Service, ServiceType, Topology};

/// The domain of every AKS cluster.
pub const DOMAIN: &str = "cluster.local";

/// How long records hold, in seconds: `ttl 30` of AKS' Corefile.
const TTL: u32 = 30;

/// The version of the naming scheme (Kubernetes "DNS-Based Service Discovery", 2.2).
const SCHEMA_VERSION: &str = "1.1.0";

/// What CoreDNS of `cluster` answers.
pub fn server(topology: &Topology, cluster: &ManagedCluster) -> Server {
    let network = cluster.nodes.first().map_or(0, |node| node.nic.subnet.virtual_network);
    let node_servers = servers_of(topology, network);
    let names = Names::of(cluster);
    let mut block = Block {
        templates: vec![
            Template { zone: "internal.cloudapp.net".to_owned(), labels_min: 4 },
            Template { zone: "reddog.microsoft.com".to_owned(), labels_min: 0 },
        ],
        zones: vec![Arc::new(names.zone)],
        pods: Some(PodNames { namespaces: cluster.namespaces.iter().cloned().collect() }),
        reverse: names.reverse,
        authoritative: true,
        ..Block::default()
    };
    let custom = &cluster.coredns_custom;
    custom.overrides.add_to(&mut block);
    let everything =
        Forward { from: String::new(), to: vec![], node_servers: true, policy: Policy::RoundRobin };
    block.forwards.push(everything);
    let mut blocks = vec![block];
    for stanza in &custom.servers {
        for zone in &stanza.zones {
            let mut block = Block { zone: zone.clone(), ..Block::default() };
            stanza.plugins.add_to(&mut block);
            blocks.push(block);
        }
    }
    for forward in blocks.iter_mut().flat_map(|block| &mut block.forwards).filter(|it| it.node_servers) {
        forward.to.extend(node_servers.iter().map(|server| std::net::SocketAddrV4::new(*server, PORT)));
    }
    Server { blocks }
}

/// The names of a cluster.
struct Names {
    zone: Zone,
    reverse: BTreeMap<String, Vec<Record>>,
}

/// An address behind a Service, by its own name.
struct Backend {
    hostname: String,
    address: Ipv4Addr,
    /// The port's name, its transport, and its number.
    ports: Vec<(Option<String>, &'static str, u16)>,
}

impl Names {
    fn of(cluster: &ManagedCluster) -> Self {
        let soa = Data::Soa {
            server: format!("ns.dns.{DOMAIN}"),
            mailbox: format!("hostmaster.{DOMAIN}"),
            minimum: TTL,
        };
        let zone = Zone::new(DOMAIN, soa, TTL, true);
        let mut names = Self { zone, reverse: BTreeMap::new() };
        let server = "kube-dns.kube-system.svc.cluster.local";
        names.add(DOMAIN, Data::Ns(server.to_owned()));
        names.add(&format!("ns.dns.{DOMAIN}"), Data::A(cluster.dns_service_ip));
        names.add(&format!("dns-version.{DOMAIN}"), Data::Txt(vec![SCHEMA_VERSION.to_owned()]));
        for namespace in &cluster.namespaces {
            names.zone.exists(&format!("{namespace}.svc.{DOMAIN}"));
            names.zone.exists(&format!("{namespace}.pod.{DOMAIN}"));
        }
        for service in &cluster.services {
            names.service(cluster, service);
        }
        names
    }

    fn add(&mut self, name: &str, data: Data) {
        self.zone.add(name, TTL, data);
    }

    fn add_reverse(&mut self, address: Ipv4Addr, target: &str) {
        let name = reverse_name(address);
        let record = Record { name: name.clone(), ttl: TTL, data: Data::Ptr(target.to_owned()) };
        let records = self.reverse.entry(name).or_default();
        if !records.contains(&record) {
            records.push(record);
        }
    }

    fn service(&mut self, cluster: &ManagedCluster, service: &Service) {
        let name = format!("{}.{}.svc.{DOMAIN}", service.name, service.namespace);
        if let ServiceType::ExternalName(target) = &service.service_type {
            let target = target.trim_end_matches('.').to_ascii_lowercase();
            return match target.parse() {
                // An address is no name: CoreDNS gives it as one.
                Ok(address) => self.add(&name, Data::A(address)),
                Err(_) => self.add(&name, Data::Cname(target)),
            };
        }
        let backends = backends(cluster, service);
        for backend in &backends {
            let own = format!("{}.{name}", backend.hostname);
            self.add(&own, Data::A(backend.address));
            self.ports(
                &own,
                &own,
                backend.ports.iter().map(|(port, transport, number)| (port.as_deref(), *transport, *number)),
                backend.ports.len(),
            );
            self.add_reverse(backend.address, &own);
        }
        if let Some(address) = service.cluster_ip {
            self.add(&name, Data::A(address));
            self.add_reverse(address, &name);
            let ports = service.ports.iter();
            let ports = ports.map(|port| (port.name.as_deref(), port.transport.lower(), port.port));
            self.ports(&name, &name, ports, service.ports.len());
            return;
        }
        let all = backends.iter().map(|backend| backend.ports.len()).sum();
        let mut addresses: Vec<Ipv4Addr> = backends.iter().map(|backend| backend.address).collect();
        addresses.sort_unstable();
        addresses.into_iter().for_each(|address| self.add(&name, Data::A(address)));
        for backend in &backends {
            let target = format!("{}.{name}", backend.hostname);
            let ports = backend.ports.iter();
            let ports = ports.map(|(port, transport, number)| (port.as_deref(), *transport, *number));
            self.ports(&name, &target, ports, all);
        }
    }

    /// SRV records of `name` itself, which lead to `all` ports, and of those of its ports that have a name.
    fn ports<'p>(
        &mut self,
        name: &str,
        target: &str,
        ports: impl Iterator<Item = (Option<&'p str>, &'static str, u16)>,
        all: usize,
    ) {
        for (port, transport, number) in ports {
            let weighted = |of: usize| Data::Srv {
                priority: 0,
                weight: weight(of),
                port: number,
                target: target.to_owned(),
            };
            self.add(name, weighted(all));
            if let Some(port) = port.filter(|port| !port.is_empty()) {
                let named = format!("_{}._{transport}.{name}", port.to_ascii_lowercase());
                self.add(&named, weighted(1));
                self.reweigh(&named);
            }
        }
    }

    /// All records of one SRV name have the same share.
    fn reweigh(&mut self, name: &str) {
        self.zone.share(name, weight);
    }
}

/// The share of each of so many (`plugin/backend_lookup.go`).
fn weight(of: usize) -> u16 {
    u16::try_from(100 / of.max(1)).unwrap_or(100).max(1)
}

/// Those of the Service's pods that are ready, by address.
fn backends(cluster: &ManagedCluster, service: &Service) -> Vec<Backend> {
    let mut backends: BTreeMap<Ipv4Addr, Backend> = BTreeMap::new();
    let new =
        |pod: &Pod, address| Backend { hostname: hostname(service, pod, address), address, ports: vec![] };
    for port in &service.ports {
        for endpoint in port.endpoints.iter().filter(|endpoint| endpoint.ready) {
            let Some(pod) = cluster.pods.get(endpoint.pod) else { continue };
            let backend = backends.entry(endpoint.address).or_insert_with(|| new(pod, endpoint.address));
            backend.ports.push((port.name.clone(), port.transport.lower(), endpoint.port));
        }
    }
    // A headless Service needs no ports, and then has its pods all the same.
    if service.ports.is_empty() && !service.selector.is_empty() {
        for pod in cluster.pods.iter().filter(|pod| selects(service, pod)) {
            let Some(address) = pod.address else { continue };
            backends.entry(address).or_insert_with(|| new(pod, address));
        }
    }
    backends.into_values().collect()
}

fn selects(service: &Service, pod: &Pod) -> bool {
    let labels = pod.manifest.metadata.labels.as_ref();
    let has = |(key, value): (&String, &String)| labels.and_then(|labels| labels.get(key)) == Some(value);
    pod.namespace == service.namespace
        && (pod.ready || service.publish_not_ready_addresses)
        && service.selector.iter().all(has)
}

/// A pod's `hostname` where its `subdomain` is the Service; else its address with dashes
/// (`plugin/kubernetes`, `endpointHostname`).
fn hostname(service: &Service, pod: &Pod, address: Ipv4Addr) -> String {
    let spec = pod.manifest.spec.as_ref();
    let written = spec.and_then(|spec| {
        let fits = spec.subdomain.as_deref() == Some(service.name.as_str());
        spec.hostname.clone().filter(|name| fits && !name.is_empty())
    });
    written.unwrap_or_else(|| address.to_string().replace('.', "-"))
}

/// `10-244-0-13.default.pod.cluster.local`, whether or not there is such a pod (`pods insecure`).
#[derive(Clone, Debug)]
pub struct PodNames {
    namespaces: BTreeSet<String>,
}

impl PodNames {
    /// `None` for a name of another kind.
    pub fn answer(&self, zone: &Zone, question: &Question) -> Option<Answer> {
        let rest = below(&question.name, DOMAIN)?.strip_suffix(".pod")?;
        let (written, namespace) = rest.split_once('.')?;
        let address = written.replace('-', ".").parse().ok().map(Data::A);
        let known = self.namespaces.contains(namespace) && written.matches('-').count() == 3;
        let Some(data) = address.filter(|_| known) else { return Some(zone.nothing(Code::NxDomain)) };
        if !matches!(question.kind, Kind::A | Kind::Any) {
            return Some(zone.nothing(Code::NoError));
        }
        Some(zone.with(vec![Record { name: question.name.clone(), ttl: TTL, data }]))
    }
}
