//! Clusters with three nodes and Services written by hand.

use std::{collections::BTreeMap, net::Ipv4Addr};

use super::super::super::{NodeRules, Table};
use crate::{
    name::LabName,
    object::Object,
    topology::{
        AgentPool, Endpoint, Frontend, ManagedCluster, NetworkInterface, NetworkPlugin, Node, Outbound,
        PublicAddress, Service, ServicePort, ServiceType, SubnetIndex, Topology, TrafficPolicy, Transport,
    },
};

const SUBNET: SubnetIndex = SubnetIndex { virtual_network: 0, subnet: 0 };

/// `10.244.NODE.HOST`, as an overlay cluster has it: the third byte is the node's number.
pub fn endpoint(address: &str, port: u16) -> Endpoint {
    let address: Ipv4Addr = address.parse().unwrap();
    Endpoint { address, port, pod: 0, node: usize::from(address.octets()[2]), ready: true }
}

/// A Service port; `name` may be empty.
pub fn port(name: &str, number: u16, endpoints: &[(&str, u16)]) -> ServicePort {
    ServicePort {
        name: (!name.is_empty()).then(|| name.to_owned()),
        transport: Transport::Tcp,
        port: number,
        node_port: None,
        app_protocol: None,
        endpoints: endpoints.iter().map(|(address, port)| endpoint(address, *port)).collect(),
        unhealthy: [].into(),
    }
}

/// A Service of the type ClusterIP; `name` is `NAMESPACE/NAME`.
pub fn service(name: &str, cluster_ip: &str, ports: Vec<ServicePort>) -> Service {
    let (namespace, name) = name.split_once('/').unwrap();
    Service {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        uid: String::new(),
        service_type: ServiceType::ClusterIp,
        cluster_ip: Some(cluster_ip.parse().unwrap()),
        ports,
        selector: BTreeMap::new(),
        session_affinity: None,
        internal_traffic_policy: TrafficPolicy::Cluster,
        external_traffic_policy: TrafficPolicy::Cluster,
        publish_not_ready_addresses: false,
        frontend: None,
        health_check_node_port: None,
        manifest: Box::default(),
    }
}

/// With an address at the load balancer, and node ports from `node_port` on.
pub fn load_balanced(mut service: Service, address: &str, node_port: u16) -> Service {
    for (port, number) in service.ports.iter_mut().zip(node_port..) {
        port.node_port = Some(number);
    }
    service.service_type = ServiceType::LoadBalancer;
    service.frontend = Some(Frontend {
        address: PublicAddress { name: String::new(), address: address.parse().unwrap() },
        subnet: None,
        source_ranges: vec![],
        idle_timeout_minutes: 4,
        floating_ip: true,
    });
    service
}

/// A cluster of three nodes, 10.224.0.4 to 10.224.0.6.
pub fn cluster(network_plugin: NetworkPlugin, services: Vec<Service>) -> ManagedCluster {
    let node = |number: u8| Node {
        name: format!("aks-nodepool1-11743156-vmss00000{number}"),
        pool: 0,
        kubernetes_version: "1.30".into(),
        nic: NetworkInterface {
            subnet: SUBNET,
            private_ip_address: Ipv4Addr::new(10, 224, 0, 4 + number),
            enable_ip_forwarding: true,
            secondary_addresses: vec![],
            secondary_blocks: vec![],
            overlay: None,
            public_address: None,
        },
        pod_cidr: None,
    };
    ManagedCluster {
        name: "aks".into(),
        kubernetes_version: "1.30".into(),
        network_plugin,
        pod_cidr: "10.244.0.0/16".parse().ok(),
        service_cidr: "10.0.0.0/16".parse().unwrap(),
        dns_service_ip: Ipv4Addr::new(10, 0, 0, 10),
        non_masquerade_cidrs: vec![],
        coredns_custom: Default::default(),
        outbound: Outbound::NOTHING,
        http_proxy: None,
        agent_pools: vec![AgentPool {
            name: "nodepool1".into(),
            scale_set: "aks-nodepool1-11743156-vmss".into(),
            count: 3,
            auto_scaling: None,
            max_surge: crate::address_plan::MaxSurge::default(),
            max_pods: 110,
            subnet: SUBNET,
            pod_subnet: None,
            mode: crate::address_plan::Mode::Overlay,
            pod_range: None,
        }],
        nodes: (0..3).map(node).collect(),
        pods: vec![],
        deployments: vec![],
        services,
        namespaces: vec!["default".into()],
    }
}

fn empty_topology() -> Topology {
    Topology {
        lab: LabName::new("lab").unwrap(),
        virtual_networks: vec![],
        route_tables: vec![],
        virtual_network_gateways: vec![],
        on_premises: vec![],
        virtual_machines: vec![],
        managed_clusters: vec![],
        nat_gateways: vec![],
        unassociated_addresses: vec![],
        private_dns_zones: vec![],
        azure_firewalls: vec![],
        internet: None,
        conditions: crate::condition::Conditions::default(),
    }
}

/// The whole text of each node.
pub fn texts(cluster: &ManagedCluster) -> Vec<std::sync::Arc<str>> {
    let topology = empty_topology();
    let mut rules = NodeRules::new(&topology, cluster);
    let text = |number| match rules.of(number) {
        Object::Ruleset(ruleset) => ruleset.text,
        other => panic!("{other}"),
    };
    (0..cluster.nodes.len()).map(text).collect()
}

/// What `iptables -t TABLE -S` prints of a text, without policies and the rules of built-in chains.
pub fn listing(text: &str, table: Table) -> Vec<String> {
    let start = format!("*{}", table.name());
    let lines = text.lines().skip_while(|line| *line != start).take_while(|line| *line != "COMMIT");
    let own = |line: &str| {
        let chain = line.split(' ').nth(1).unwrap_or_default();
        !table.built_in_chains().contains(&chain)
    };
    lines.filter(|line| line.starts_with("-A ") && own(line)).map(str::to_owned).collect()
}

/// The rules of the first node that have to do with Services named `of`, of the tables nat and filter.
pub fn about(cluster: &ManagedCluster, node: usize, of: &str) -> String {
    let text = &texts(cluster)[node];
    let hash = &cluster
        .services
        .iter()
        .find(|service| service.namespaced_name() == of)
        .map(|service| {
            let port = &service.ports[0];
            super::super::name::of_service_port(&service.port_name(port), port.transport.lower())
        })
        .unwrap_or_default();
    let lines = |table| {
        let lines = listing(text, table).into_iter();
        lines.filter(|line| line.contains(of) || line.contains(hash)).collect::<Vec<_>>()
    };
    [lines(Table::Nat), vec!["filter:".to_owned()], lines(Table::Filter)].concat().join("\n")
}
