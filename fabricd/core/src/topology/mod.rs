//! What a lab file means: every reference resolved, every address given, every mistake found.
//!
//! Addresses are IPv4: AKS gives each of these objects an IPv4 address, and a second one beside it
//! where a cluster is dual-stack.

mod address_book;
mod address_range;
mod agent_pool;
mod azure_firewall;
mod config_map;
mod connected_ranges;
mod connections;
mod container_port;
mod container_probe;
mod controller_name;
mod coredns;
mod deployment;
mod derived_name;
mod dns;
mod egress;
mod firewall_rules;
mod gateway;
mod ground;
mod http_proxy;
mod internet;
mod ip_masq_agent;
mod kube_proxy;
mod managed_cluster;
mod nat_gateway;
mod network_interface;
mod network_profile;
mod node;
mod on_premises;
mod outbound;
mod owned_address;
mod peering;
mod planned;
mod pod_address;
mod pod_spec;
mod pod_subnet;
mod pool_range;
mod pool_size;
mod public_address;
mod resolve;
mod resource_name;
pub mod route_table;
pub mod scale_set;
mod scheduler;
mod service;
mod shortage;
mod standing;
mod unique;
mod virtual_machine;
mod virtual_network;
mod way_out;
mod workload;

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use k8s_openapi::api::{apps::v1::Deployment, core::v1::Pod as PodManifest};

pub use self::{
    azure_firewall::AzureFirewall,
    controller_name::{Made, endpoint_slice, replica_set},
    dns::{DnsServer, DnsZone, PrivateDnsZone, VirtualNetworkLink, ZoneRecord},
    internet::{Internet, Server},
    nat_gateway::NatGateway,
    network_interface::{NetworkInterface, Overlay},
    on_premises::{Machine, Site},
    outbound::{LoadBalancer, Outbound},
    owned_address::AddressOwner,
    planned::plan_addresses,
    public_address::PublicAddress,
    resolve::{AZURE_VMS_MAX, resolve},
    route_table::{RouteTable, UserNextHop, UserRoute},
    service::{Endpoint, Frontend, Service, ServicePort, ServiceType, TrafficPolicy, Transport},
    standing::{Rollout, Standing},
    way_out::{Departure, WayOut},
};
pub use crate::spec::lab::GatewayType;
use crate::{
    address_plan::{MaxSurge, Mode},
    condition::Conditions,
    dns::corefile::Custom,
    name::LabName,
    place::Place,
};

/// A whole lab.
#[derive(Clone, Debug)]
pub struct Topology {
    /// Its name.
    pub lab: LabName,
    /// In the order of the file, as are all lists here.
    pub virtual_networks: Vec<VirtualNetwork>,
    /// Route tables, those that AKS makes included.
    pub route_tables: Vec<RouteTable>,
    /// VPN gateways.
    pub virtual_network_gateways: Vec<VirtualNetworkGateway>,
    /// Sites on premises.
    pub on_premises: Vec<Site>,
    /// VMs that are no AKS nodes.
    pub virtual_machines: Vec<VirtualMachine>,
    /// AKS clusters.
    pub managed_clusters: Vec<ManagedCluster>,
    /// NAT gateways, those that AKS makes included.
    pub nat_gateways: Vec<NatGateway>,
    /// Public IP addresses of the file that nothing has.
    pub unassociated_addresses: Vec<PublicAddress>,
    /// Private DNS zones.
    pub private_dns_zones: Vec<PrivateDnsZone>,
    /// Azure Firewalls.
    pub azure_firewalls: Vec<AzureFirewall>,
    /// What there is beyond Azure; `None` if nothing of the lab has a way there.
    pub internet: Option<Internet>,
    /// What its pods and backends are like now.
    pub conditions: Conditions,
}

/// A VNet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VirtualNetwork {
    /// Unique in the lab.
    pub name: String,
    /// Its address space; prefixes do not overlap.
    pub address_prefixes: Vec<Ipv4Net>,
    /// Its subnets, each inside one of the prefixes.
    pub subnets: Vec<Subnet>,
    /// Its halves of peerings.
    pub peerings: Vec<Peering>,
    /// DNS servers that its VMs are told, in the order in which they are asked. Azure DNS if there are none.
    pub dns_servers: Vec<Ipv4Addr>,
}

/// One VNet's half of a peering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peering {
    /// Unique in its VNet.
    pub name: String,
    /// The other VNet, as an index into [`Topology::virtual_networks`].
    pub remote: usize,
    /// The other VNet's half, as an index into its peerings. Without one nothing flows.
    pub opposite: Option<usize>,
    /// Whether packets come in that did not begin in the other VNet.
    pub allow_forwarded_traffic: bool,
    /// Whether the other VNet may use this one's gateways.
    pub allow_gateway_transit: bool,
    /// Whether this VNet uses the other one's gateways.
    pub use_remote_gateways: bool,
}

/// A subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subnet {
    /// Unique in its VNet.
    pub name: String,
    /// Its addresses.
    pub address_prefix: Ipv4Net,
    /// The route table that is attached to it, as an index into [`Topology::route_tables`].
    pub route_table: Option<usize>,
    /// The NAT gateway that it leaves by, as an index into [`Topology::nat_gateways`].
    pub nat_gateway: Option<usize>,
}

impl Subnet {
    /// The default gateway: the first address after the network's (aks-facts 2.1).
    pub fn gateway(&self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.address_prefix.network()) + 1)
    }
}

/// Which subnet, by indexes into [`Topology::virtual_networks`] and [`VirtualNetwork::subnets`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SubnetIndex {
    /// Which VNet.
    pub virtual_network: usize,
    /// Which of its subnets.
    pub subnet: usize,
}

/// A gateway between a VNet and sites.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VirtualNetworkGateway {
    /// Unique in the lab.
    pub name: String,
    /// What it connects with. A VNet has at most one of each type.
    pub gateway_type: GatewayType,
    /// Its place in the VNet: always the subnet `GatewaySubnet`.
    pub subnet: SubnetIndex,
    /// Its private address there.
    pub private_ip_address: Ipv4Addr,
    /// The site that gets what no site's network has, as an index into [`Topology::on_premises`].
    pub default_site: Option<usize>,
}

/// A VM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VirtualMachine {
    /// Unique among VMs and nodes.
    pub name: String,
    /// Its only NIC.
    pub nic: NetworkInterface,
    /// Whether its kernel passes packets on (`net.ipv4.ip_forward`).
    pub ip_forward: bool,
    /// What makes it an HTTP proxy, if it is one.
    pub http_proxy: Option<HttpProxyServer>,
    /// What makes it a DNS server, if it is one.
    pub dns_server: Option<DnsServer>,
}

/// An HTTP proxy that runs on a VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpProxyServer {
    /// The TCP port that it listens on, not 0.
    pub port: u16,
}

/// How pods are connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkPlugin {
    /// Bridge `cbr0` and a route table.
    Kubenet,
    /// Azure CNI: pods have addresses of their node's subnet, reserved with the node.
    NodeSubnet,
    /// Azure CNI: pods have addresses of a subnet of their own, 16 at a time for each node.
    PodSubnet,
    /// Azure CNI Overlay: each node has a /24 of a private range.
    Overlay,
    /// Bring your own CNI: nothing is done for pods.
    None,
}

/// An AKS cluster.
#[derive(Clone, Debug)]
pub struct ManagedCluster {
    /// Unique in the lab; a label of at most 63 characters.
    pub name: String,
    /// `1.30` and the like.
    pub kubernetes_version: String,
    /// How pods are connected.
    pub network_plugin: NetworkPlugin,
    /// Where pods get their addresses from; none where that is a subnet.
    pub pod_cidr: Option<Ipv4Net>,
    /// Where Services get theirs from.
    pub service_cidr: Ipv4Net,
    /// The cluster's DNS server.
    pub dns_service_ip: Ipv4Addr,
    /// What ip-masq-agent is told beside the network plugin's own (`azure-ip-masq-agent-config`).
    pub non_masquerade_cidrs: Vec<Ipv4Net>,
    /// What CoreDNS does beside AKS' own (`coredns-custom`).
    pub coredns_custom: Custom,
    /// How it leaves for the internet.
    pub outbound: Outbound,
    /// The HTTP proxy of its nodes and pods, if it has one.
    pub http_proxy: Option<HttpProxyConfig>,
    /// Its node pools.
    pub agent_pools: Vec<AgentPool>,
    /// All nodes of all pools, in the order in which AKS makes them.
    pub nodes: Vec<Node>,
    /// All pods, those of Deployments included, in the order of the file.
    pub pods: Vec<Pod>,
    /// Deployments as written.
    pub deployments: Vec<Deployment>,
    /// Services: those of every cluster, then those of the file.
    pub services: Vec<Service>,
    /// Kubernetes namespaces: the four of every cluster and those of the file, sorted.
    pub namespaces: Vec<String>,
}

/// The HTTP proxy of a cluster. Nothing in it would break an environment variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpProxyConfig {
    /// The URL of the proxy for HTTP.
    pub http_proxy: Option<String>,
    /// The URL of the proxy for HTTPS.
    pub https_proxy: Option<String>,
    /// As written.
    pub no_proxy: Vec<String>,
    /// What is reached without the proxy: what AKS adds, and `no_proxy`.
    pub effective_no_proxy: Vec<String>,
    /// A CA certificate, as written.
    pub trusted_ca: Option<String>,
}

/// A node pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentPool {
    /// Unique in its cluster: at most 12 lower case letters and digits.
    pub name: String,
    /// The scale set's name, such as `aks-nodepool1-11743156-vmss`.
    pub scale_set: String,
    /// Nodes.
    pub count: u32,
    /// The limits of the cluster autoscaler, if it is on.
    pub auto_scaling: Option<AutoScaling>,
    /// Nodes more during an upgrade.
    pub max_surge: MaxSurge,
    /// Pods that each node takes, `hostNetwork` ones included.
    pub max_pods: u32,
    /// Where its nodes are.
    pub subnet: SubnetIndex,
    /// Where its pods are, with [`NetworkPlugin::PodSubnet`].
    pub pod_subnet: Option<SubnetIndex>,
    /// The cluster's network plugin; tells the two modes of [`NetworkPlugin::PodSubnet`] apart.
    pub mode: Mode,
    /// The part of what its pods have addresses of that the lab file gives to this pool.
    pub pod_range: Option<Ipv4Net>,
}

/// Limits of the cluster autoscaler for a node pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AutoScaling {
    /// The fewest nodes.
    pub min_count: u32,
    /// The most nodes; not less.
    pub max_count: u32,
}

/// An AKS node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Such as `aks-nodepool1-11743156-vmss000000`.
    pub name: String,
    /// Its pool, as an index into [`ManagedCluster::agent_pools`].
    pub pool: usize,
    /// Its version of Kubernetes, such as `1.30`.
    pub kubernetes_version: String,
    /// Its NIC.
    pub nic: NetworkInterface,
    /// Its share of the cluster's pod CIDR, if that has one.
    pub pod_cidr: Option<Ipv4Net>,
}

/// A pod.
#[derive(Clone, Debug)]
pub struct Pod {
    /// Its Kubernetes namespace.
    pub namespace: String,
    /// Unique in its namespace.
    pub name: String,
    /// Its node, as an index into [`ManagedCluster::nodes`].
    pub node: usize,
    /// Its own, or its node's if it uses the host network. With [`NetworkPlugin::None`] only if the lab
    /// file gives one.
    pub address: Option<Ipv4Addr>,
    /// Whether it lives in its node's network namespace.
    pub host_network: bool,
    /// Whether it may be given packets of Services.
    pub ready: bool,
    /// The manifest, or the one that the Deployment's template makes.
    pub manifest: Box<PodManifest>,
}

impl ManagedCluster {
    /// The place whose network namespace `pod` lives in.
    pub fn pod_place(&self, pod: &Pod) -> Place {
        if pod.host_network {
            Place::Node { name: self.nodes[pod.node].name.clone() }
        } else {
            Place::Pod {
                cluster: self.name.clone(),
                namespace: pod.namespace.clone(),
                name: pod.name.clone(),
            }
        }
    }
}
