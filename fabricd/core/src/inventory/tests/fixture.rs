use std::net::Ipv4Addr;

use k8s_openapi::api::{apps::v1::Deployment, core::v1::Pod as PodManifest};
use serde_json::json;

use crate::{
    address_plan::{MaxSurge, Mode},
    name::LabName,
    topology::{
        AgentPool, GatewayType, Machine, ManagedCluster, NetworkInterface, NetworkPlugin, Node, Outbound,
        Pod, RouteTable, Site, Subnet, SubnetIndex, Topology, UserNextHop, UserRoute, VirtualMachine,
        VirtualNetwork, VirtualNetworkGateway,
    },
};

const SUBNET: SubnetIndex = SubnetIndex { virtual_network: 0, subnet: 0 };

fn nic(address: [u8; 4], enable_ip_forwarding: bool) -> NetworkInterface {
    NetworkInterface {
        subnet: SUBNET,
        private_ip_address: Ipv4Addr::from(address),
        enable_ip_forwarding,
        secondary_addresses: vec![],
        secondary_blocks: vec![],
        overlay: None,
        public_address: None,
    }
}

fn pod(name: &str, namespace: &str, address: [u8; 4]) -> Pod {
    let manifest: PodManifest = serde_json::from_value(json!({
        "metadata": { "name": name, "labels": { "app": name } },
        "spec": { "containers": [{ "name": "shell", "image": "busybox" }] },
    }))
    .unwrap();
    let (namespace, name) = (namespace.to_owned(), name.to_owned());
    let address = Ipv4Addr::from(address);
    Pod {
        namespace,
        name,
        node: 0,
        address: Some(address),
        host_network: false,
        ready: true,
        manifest: Box::new(manifest),
    }
}

/// A kubenet cluster with one node, a VM, a gateway and a site.
pub fn topology() -> Topology {
    let node = "aks-nodepool1-11743156-vmss000000".to_owned();
    let deployment: Deployment = serde_json::from_value(json!({
        "metadata": { "name": "web" },
        "spec": { "selector": { "matchLabels": { "app": "web" } }, "template": {} },
    }))
    .unwrap();
    let cluster = ManagedCluster {
        name: "aks".into(),
        kubernetes_version: "1.30".into(),
        network_plugin: NetworkPlugin::Kubenet,
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
            count: 1,
            auto_scaling: None,
            max_surge: MaxSurge::default(),
            max_pods: 110,
            subnet: SUBNET,
            pod_subnet: None,
            mode: Mode::Kubenet,
            pod_range: None,
        }],
        nodes: vec![Node {
            name: node,
            pool: 0,
            kubernetes_version: "1.30".into(),
            nic: nic([10, 224, 0, 4], true),
            pod_cidr: "10.244.0.0/24".parse().ok(),
        }],
        pods: vec![
            pod("b", "web", [10, 244, 0, 7]),
            pod("b", "default", [10, 244, 0, 6]),
            pod("a", "default", [10, 244, 0, 5]),
        ],
        deployments: vec![deployment],
        services: vec![],
        namespaces: vec!["default".into(), "web".into()],
    };
    let subnet = |name: &str, prefix: &str, route_table| Subnet {
        name: name.into(),
        address_prefix: prefix.parse().unwrap(),
        route_table,
        nat_gateway: None,
    };
    Topology {
        lab: LabName::new("kubenet").unwrap(),
        virtual_networks: vec![VirtualNetwork {
            name: "aks-vnet".into(),
            address_prefixes: vec!["10.224.0.0/12".parse().unwrap()],
            subnets: vec![
                subnet("aks-subnet", "10.224.0.0/16", Some(0)),
                subnet("GatewaySubnet", "10.225.0.0/27", None),
            ],
            peerings: vec![],
            dns_servers: vec![],
        }],
        route_tables: vec![RouteTable {
            name: "aks-routetable".into(),
            routes: vec![UserRoute {
                name: "aks-nodepool1-11743156-vmss000000".into(),
                address_prefix: "10.244.0.0/24".parse().unwrap(),
                next_hop: UserNextHop::VirtualAppliance(Ipv4Addr::new(10, 224, 0, 4)),
            }],
            disable_bgp_route_propagation: false,
            managed_by: Some("aks".into()),
        }],
        virtual_network_gateways: vec![VirtualNetworkGateway {
            name: "vpn".into(),
            gateway_type: GatewayType::Vpn,
            subnet: SubnetIndex { virtual_network: 0, subnet: 1 },
            private_ip_address: Ipv4Addr::new(10, 225, 0, 4),
            default_site: None,
        }],
        on_premises: vec![Site {
            name: "datacenter".into(),
            address_prefixes: vec!["10.1.0.0/16".parse().unwrap()],
            gateway: 0,
            public_address: None,
            machines: vec![Machine {
                name: "server".into(),
                address: Ipv4Addr::new(10, 1, 2, 3),
                dns_server: None,
            }],
        }],
        virtual_machines: vec![VirtualMachine {
            name: "device".into(),
            nic: nic([10, 224, 1, 2], false),
            ip_forward: false,
            http_proxy: None,
            dns_server: None,
        }],
        managed_clusters: vec![cluster],
        nat_gateways: vec![],
        unassociated_addresses: vec![],
        private_dns_zones: vec![],
        azure_firewalls: vec![],
        internet: None,
        conditions: crate::condition::Conditions::default(),
    }
}
