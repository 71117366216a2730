//! How packets of a cluster leave for the internet, in the words of
//! `Microsoft.ContainerService/managedClusters`.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How packets leave for the internet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OutboundType {
    /// By the cluster's Standard Load Balancer.
    #[default]
    LoadBalancer,
    /// By a NAT gateway that AKS makes. Only in a VNet that AKS makes.
    ManagedNATGateway,
    /// By the NAT gateways of the node pools' subnets. Only in a VNet of one's own.
    UserAssignedNATGateway,
    /// By the route for 0.0.0.0/0 of the node pools' route tables. Only in a VNet of one's own.
    UserDefinedRouting,
    /// Not built yet.
    Block,
    /// Not at all, as far as AKS is concerned.
    None,
}

impl fmt::Display for OutboundType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // As it is written in a lab file.
        self.serialize(f)
    }
}

/// The outbound side of the cluster's load balancer.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LoadBalancerProfile {
    /// Public IP addresses that AKS makes. Default: one.
    #[serde(rename = "managedOutboundIPs")]
    pub managed_outbound_ips: Option<ManagedOutboundIps>,
    /// Public IP addresses of one's own, instead.
    #[serde(rename = "outboundIPs")]
    pub outbound_ips: Option<OutboundIps>,
    /// SNAT ports of each node, a multiple of 8. Default: 0, which means as many as the table of pool sizes
    /// says (1,024 with up to 50 nodes).
    #[schemars(range(max = 64000))]
    pub allocated_outbound_ports: Option<u32>,
    /// After how many minutes without a packet a TCP connection is forgotten. Default: 30.
    #[schemars(range(min = 4, max = 120))]
    pub idle_timeout_in_minutes: Option<u32>,
}

/// Public IP addresses that AKS makes.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ManagedOutboundIps {
    /// How many. Default: 1.
    #[schemars(range(min = 1, max = 100))]
    pub count: Option<u32>,
}

/// Public IP addresses of one's own.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OutboundIps {
    /// Their names.
    #[serde(rename = "publicIPs")]
    #[schemars(length(min = 1, max = 100))]
    pub public_ips: Vec<String>,
}

/// The NAT gateway that AKS makes.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NatGatewayProfile {
    /// Its public IP addresses. Default: one.
    #[serde(rename = "managedOutboundIPProfile")]
    pub managed_outbound_ip_profile: Option<ManagedOutboundIpProfile>,
    /// After how many minutes without a packet a TCP connection is forgotten. Default: 4.
    #[schemars(range(min = 4, max = 120))]
    pub idle_timeout_in_minutes: Option<u32>,
}

/// Public IP addresses of the NAT gateway that AKS makes.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ManagedOutboundIpProfile {
    /// How many. Default: 1.
    #[schemars(range(min = 1, max = 16))]
    pub count: Option<u32>,
}
