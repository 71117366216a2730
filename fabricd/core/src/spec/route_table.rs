//! Route tables in a lab file, in the words of `Microsoft.Network/routeTables`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::network_value::{Address, Cidr};

/// A route table.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RouteTable {
    /// Unique in the lab; at most 80 characters.
    #[schemars(length(min = 1, max = 80))]
    pub name: String,
    /// Whether subnets with this table learn no routes of gateways. Default: false.
    #[serde(default)]
    pub disable_bgp_route_propagation: bool,
    /// User-defined routes, at most 400.
    #[serde(default)]
    #[schemars(length(max = 400))]
    pub routes: Vec<Route>,
}

/// A user-defined route.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Route {
    /// Unique in its table; at most 80 characters.
    #[schemars(length(min = 1, max = 80))]
    pub name: String,
    /// Which destinations.
    pub address_prefix: Cidr,
    /// Where they go.
    pub next_hop_type: NextHopType,
    /// The appliance's address, with `nextHopType: VirtualAppliance` and only then.
    pub next_hop_ip_address: Option<Address>,
}

/// Where a user-defined route points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum NextHopType {
    /// To a VM that forwards packets, in this VNet or in a peered one.
    VirtualAppliance,
    /// Straight to the destination, as within the VNet.
    VnetLocal,
    /// Out of Azure, by the way that the sender has: a NAT gateway, an address of its own or a load balancer.
    Internet,
    /// To the VNet's gateway, or to the one that it uses of a peered VNet.
    VirtualNetworkGateway,
    /// Nowhere.
    None,
}
