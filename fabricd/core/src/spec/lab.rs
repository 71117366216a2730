//! The document of `kind: Lab`: what there is in Azure and on premises.
//!
//! Doc comments of this module and its children are the descriptions in the JSON schema.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    azure_firewall::AzureFirewall,
    dns::{DhcpOptions, DnsServer, PrivateDnsZone},
    http_proxy::HttpProxy,
    internet::{Internet, NatGateway, PublicIpAddress},
    managed_cluster::ManagedCluster,
    network_value::{Address, Cidr, SubnetReference},
    route_table::RouteTable,
};

/// A lab of fabricd: VNets, AKS clusters, VMs, gateways and sites on premises.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Lab {
    /// Always `fabric/v1`.
    pub api_version: ApiVersion,
    /// Always `Lab`.
    pub kind: Kind,
    /// What the lab is called.
    #[schemars(required)]
    pub metadata: Option<Metadata>,
    /// VNets. Without any, each cluster gets the VNet that AKS would make for it: `aks-vnet-<8 digits>`
    /// 10.224.0.0/12 with the subnet `aks-subnet` 10.224.0.0/16.
    #[serde(default)]
    pub virtual_networks: Vec<VirtualNetwork>,
    /// Route tables, which subnets name to have them.
    #[serde(default)]
    pub route_tables: Vec<RouteTable>,
    /// NAT gateways, which subnets name to leave by them.
    #[serde(default)]
    pub nat_gateways: Vec<NatGateway>,
    /// Public IP addresses, which load balancers, NAT gateways, firewalls and VMs name to have them.
    #[serde(default, rename = "publicIPAddresses")]
    pub public_ip_addresses: Vec<PublicIpAddress>,
    /// Private DNS zones, which VNets are linked to.
    #[serde(default)]
    pub private_dns_zones: Vec<PrivateDnsZone>,
    /// Azure Firewalls, each in a subnet `AzureFirewallSubnet`.
    #[serde(default)]
    pub azure_firewalls: Vec<AzureFirewall>,
    /// AKS clusters.
    #[serde(default)]
    pub managed_clusters: Vec<ManagedCluster>,
    /// VMs that are no AKS nodes.
    #[serde(default)]
    pub virtual_machines: Vec<VirtualMachine>,
    /// VPN and ExpressRoute gateways.
    #[serde(default)]
    pub virtual_network_gateways: Vec<VirtualNetworkGateway>,
    /// Sites on premises, each connected to a gateway.
    #[serde(default)]
    pub on_premises: Vec<Site>,
    /// What there is beyond Azure. Default: two servers, if anything of the lab has a public IP address.
    pub internet: Option<Internet>,
}

/// The version of the lab file's format.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
pub enum ApiVersion {
    /// The only one so far.
    #[serde(rename = "fabric/v1")]
    FabricV1,
}

/// What the document describes.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
pub enum Kind {
    /// A lab.
    Lab,
}

/// What the lab is called.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metadata {
    /// The lab's name: lower case letters, digits and `-`, at most 32.
    #[schemars(required, regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"), length(max = 32))]
    pub name: Option<String>,
}

/// A VNet.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VirtualNetwork {
    /// Unique in the lab; 2 to 64 characters.
    #[schemars(length(min = 2, max = 64))]
    pub name: String,
    /// Its address space.
    #[schemars(length(min = 1))]
    pub address_prefixes: Vec<Cidr>,
    /// Its subnets.
    #[serde(default)]
    pub subnets: Vec<Subnet>,
    /// Its halves of peerings with other VNets. Packets flow only where both VNets have one.
    #[serde(default)]
    pub virtual_network_peerings: Vec<VirtualNetworkPeering>,
    /// What its VMs are told. Default: Azure's own DNS servers.
    pub dhcp_options: Option<DhcpOptions>,
}

/// One VNet's half of a peering.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VirtualNetworkPeering {
    /// Unique in its VNet; at most 80 characters.
    #[schemars(length(min = 1, max = 80))]
    pub name: String,
    /// The name of the other VNet.
    pub remote_virtual_network: String,
    /// Whether packets come in from the other VNet that did not begin there, such as those of an appliance
    /// or of kubenet's pods. Default: false.
    #[serde(default)]
    pub allow_forwarded_traffic: bool,
    /// Whether the other VNet may use this one's gateway. Default: false.
    #[serde(default)]
    pub allow_gateway_transit: bool,
    /// Whether to use the other VNet's gateway. Default: false.
    #[serde(default)]
    pub use_remote_gateways: bool,
}

/// A subnet.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Subnet {
    /// Unique in its VNet; at most 80 characters. A VPN gateway needs one called `GatewaySubnet`,
    /// an Azure Firewall one called `AzureFirewallSubnet`.
    #[schemars(length(min = 1, max = 80))]
    pub name: String,
    /// Its addresses, inside the VNet's: /29 to /2.
    pub address_prefix: Cidr,
    /// The name of a route table. Default: none; a kubenet cluster attaches one of its own to its subnets that
    /// have none, and writes its routes into the one that they have.
    pub route_table: Option<String>,
    /// The name of a NAT gateway, by which everything in the subnet leaves for the internet. Default: none.
    pub nat_gateway: Option<String>,
}

/// A VM with one NIC.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VirtualMachine {
    /// Unique among VMs and AKS nodes; at most 64 characters.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// Where its NIC is: `VNET/SUBNET`.
    pub subnet: SubnetReference,
    /// Its address. Default: the next free one of the subnet, after those of AKS nodes.
    #[serde(rename = "privateIPAddress")]
    pub private_ip_address: Option<Address>,
    /// Whether its NIC may send and receive packets that are not its own. Default: false.
    #[serde(default, rename = "enableIPForwarding")]
    pub enable_ip_forwarding: bool,
    /// The name of a public IP address of its own. Default: none.
    #[serde(rename = "publicIPAddress")]
    pub public_ip_address: Option<String>,
    /// Parameters of its kernel. Only `net.ipv4.ip_forward` is there: "1" makes it a router. Default: "0".
    #[serde(default)]
    pub sysctls: BTreeMap<String, String>,
    /// Makes it an HTTP proxy. Default: it runs nothing.
    pub http_proxy: Option<HttpProxy>,
    /// Makes it a DNS server. Default: it is none.
    pub dns_server: Option<DnsServer>,
}

/// A gateway between a VNet and sites on premises. Its VNet needs a subnet `GatewaySubnet`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VirtualNetworkGateway {
    /// Unique in the lab; at most 80 characters.
    #[schemars(length(min = 1, max = 80))]
    pub name: String,
    /// The name of its VNet.
    pub virtual_network: String,
    /// Default: `Vpn`.
    pub gateway_type: Option<GatewayType>,
    /// The site that gets everything that no other route is for (forced tunnelling). Default: none.
    pub gateway_default_site: Option<String>,
}

/// What a gateway connects with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum GatewayType {
    /// Tunnels over the internet.
    Vpn,
    /// A line of a network provider's.
    ExpressRoute,
}

/// A site on premises. Its router has the first address of each of its networks.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Site {
    /// Unique in the lab: lower case letters, digits and `-`, at most 63.
    #[schemars(regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"), length(max = 63))]
    pub name: String,
    /// Its networks.
    #[schemars(length(min = 1))]
    pub address_prefixes: Vec<Cidr>,
    /// The name of the gateway that it is connected to.
    pub virtual_network_gateway: String,
    /// Its router's address on the internet. Default: the next free one of 192.0.2.0/24.
    #[serde(rename = "publicIPAddress")]
    pub public_ip_address: Option<Address>,
    /// Its machines.
    #[serde(default)]
    pub machines: Vec<Machine>,
}

/// A machine on premises.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Machine {
    /// Unique among all machines on premises: lower case letters, digits and `-`, at most 63.
    #[schemars(regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"), length(max = 63))]
    pub name: String,
    /// Its address, in one of the site's networks.
    #[serde(rename = "privateIPAddress")]
    pub private_ip_address: Address,
    /// Makes it a DNS server, which the other machines of its site then ask. Default: it is none.
    pub dns_server: Option<DnsServer>,
}
