//! The emulated internet in a lab file: servers beyond Azure, and the public addresses of what is in Azure.

use schemars::JsonSchema;
use serde::Deserialize;

use super::network_value::Address;

/// What there is beyond Azure. Nothing of it leaves the machine.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Internet {
    /// Servers that answer with the address and port that they saw. Default: `example-com` 203.0.113.10 and
    /// `example-org` 203.0.113.20.
    #[serde(default)]
    pub servers: Vec<Server>,
}

/// A server on the internet.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Server {
    /// Unique among servers: lower case letters, digits and `-`, at most 63.
    #[schemars(regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"), length(max = 63))]
    pub name: String,
    /// Its address: a public one, such as one of 203.0.113.0/24.
    pub ip_address: Address,
    /// The names that it is known by.
    #[serde(default)]
    #[schemars(length(max = 20))]
    pub fqdns: Vec<String>,
}

/// A public IP address, which something else in the lab names to have it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PublicIpAddress {
    /// Unique in the lab; at most 80 characters.
    #[schemars(length(min = 1, max = 80))]
    pub name: String,
    /// The address. Default: the next free one of 198.51.100.0/24.
    pub ip_address: Option<Address>,
}

/// A NAT gateway, which subnets name to leave by it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NatGateway {
    /// Unique in the lab; at most 80 characters.
    #[schemars(length(min = 1, max = 80))]
    pub name: String,
    /// Names of public IP addresses, 1 to 16.
    #[serde(rename = "publicIPAddresses")]
    #[schemars(length(min = 1, max = 16))]
    pub public_ip_addresses: Vec<String>,
    /// After how many minutes without a packet a TCP connection is forgotten. Default: 4.
    #[schemars(range(min = 4, max = 120))]
    pub idle_timeout_in_minutes: Option<u32>,
}
