//! Azure Firewalls in a lab file, in the words of `Microsoft.Network/azureFirewalls` with classic rules.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};

use super::{mistake::advised, network_value::Address, suggest::quoted};
use crate::firewall;

/// An Azure Firewall. Its VNet needs a subnet `AzureFirewallSubnet`, /26 or larger, and nothing else is in that.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AzureFirewall {
    /// Unique in the lab; at most 56 characters.
    #[schemars(length(min = 1, max = 56))]
    pub name: String,
    /// The name of its VNet, which has no other.
    pub virtual_network: String,
    /// Names of public IP addresses, 1 to 250.
    #[serde(rename = "publicIPAddresses")]
    #[schemars(length(min = 1, max = 250))]
    pub public_ip_addresses: Vec<String>,
    /// What comes to its own addresses and is for others (DNAT). These come first.
    #[serde(default)]
    pub nat_rule_collections: Vec<NatRuleCollection>,
    /// Who may talk with whom, by address and port. These come second.
    #[serde(default)]
    pub network_rule_collections: Vec<NetworkRuleCollection>,
    /// Who may ask for which names. These come last, for HTTP and TLS only.
    #[serde(default)]
    pub application_rule_collections: Vec<ApplicationRuleCollection>,
}

/// NAT rules with one priority.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NatRuleCollection {
    /// Unique among the NAT rule collections; at most 80 characters, 100 together with the name of a rule.
    #[schemars(length(min = 1, max = 80))]
    pub name: String,
    /// 100 to 65000; lower comes first.
    #[schemars(range(min = 100, max = 65000))]
    pub priority: u32,
    /// Always `Dnat`.
    pub action: NatAction,
    /// Its rules, in order.
    pub rules: Vec<NatRule>,
}

/// Network rules with one priority.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NetworkRuleCollection {
    /// Unique among the network rule collections; at most 80 characters, 100 together with the name of a rule.
    #[schemars(length(min = 1, max = 80))]
    pub name: String,
    /// 100 to 65000; lower comes first.
    #[schemars(range(min = 100, max = 65000))]
    pub priority: u32,
    /// What happens to what matches.
    pub action: Action,
    /// Its rules, in order.
    pub rules: Vec<NetworkRule>,
}

/// Application rules with one priority.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApplicationRuleCollection {
    /// Unique among the application rule collections; at most 80 characters, 100 together with the name of a
    /// rule.
    #[schemars(length(min = 1, max = 80))]
    pub name: String,
    /// 100 to 65000; lower comes first.
    #[schemars(range(min = 100, max = 65000))]
    pub priority: u32,
    /// What happens to what matches.
    pub action: Action,
    /// Its rules, in order.
    pub rules: Vec<ApplicationRule>,
}

/// What happens to what matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Action {
    /// It passes.
    Allow,
    /// It does not.
    Deny,
}

/// What NAT rules do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum NatAction {
    /// Another destination; and what is translated passes.
    Dnat,
}

/// A NAT rule.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NatRule {
    /// Unique in its collection; at most 80 characters.
    #[schemars(length(min = 1, max = 80))]
    pub name: String,
    /// Whose: `*`, addresses, ranges and CIDR blocks.
    #[schemars(length(min = 1))]
    pub source_addresses: Vec<Addresses>,
    /// Addresses of the firewall.
    #[schemars(length(min = 1))]
    pub destination_addresses: Vec<Address>,
    /// To which ports; not `*`.
    #[schemars(length(min = 1))]
    pub destination_ports: Vec<Ports>,
    /// `TCP`, `UDP` or both.
    #[schemars(length(min = 1))]
    pub protocols: Vec<Protocol>,
    /// Where it goes.
    pub translated_address: Address,
    /// And to which port.
    #[schemars(range(min = 1, max = 65535))]
    pub translated_port: Port,
}

/// A network rule.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NetworkRule {
    /// Unique in its collection; at most 80 characters.
    #[schemars(length(min = 1, max = 80))]
    pub name: String,
    /// Whose: `*`, addresses, ranges and CIDR blocks.
    #[schemars(length(min = 1))]
    pub source_addresses: Vec<Addresses>,
    /// To whom, in the same way.
    #[schemars(length(min = 1))]
    pub destination_addresses: Vec<Addresses>,
    /// To which ports; `*` for ICMP.
    #[schemars(length(min = 1))]
    pub destination_ports: Vec<Ports>,
    /// Which protocols.
    #[schemars(length(min = 1))]
    pub protocols: Vec<Protocol>,
}

/// An application rule.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApplicationRule {
    /// Unique in its collection; at most 80 characters.
    #[schemars(length(min = 1, max = 80))]
    pub name: String,
    /// Whose: `*`, addresses, ranges and CIDR blocks.
    #[schemars(length(min = 1))]
    pub source_addresses: Vec<Addresses>,
    /// On which ports, with `targetFqdns` and only then.
    #[serde(default)]
    pub protocols: Vec<ApplicationProtocol>,
    /// For which names: `www.example.com`, `*.example.com` for all below a domain, or `*`.
    #[serde(default)]
    pub target_fqdns: Vec<String>,
    /// Names that Microsoft keeps lists of, instead.
    #[serde(default)]
    pub fqdn_tags: Vec<FqdnTag>,
}

/// A protocol of an application rule.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApplicationProtocol {
    /// How the name is found.
    pub protocol_type: ProtocolType,
    /// On which port.
    #[schemars(range(min = 1, max = 65535))]
    pub port: Port,
}

/// How the name that is asked for is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum ProtocolType {
    /// By the header `Host`.
    Http,
    /// By the server name of TLS (SNI).
    Https,
}

/// Names that Microsoft keeps lists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum FqdnTag {
    /// What AKS nodes need, by HTTP on port 80 and HTTPS on port 443.
    AzureKubernetesService,
}

/// A protocol of IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Protocol {
    /// TCP.
    #[serde(rename = "TCP")]
    Tcp,
    /// UDP.
    #[serde(rename = "UDP")]
    Udp,
    /// ICMP. It does not reach the internet.
    #[serde(rename = "ICMP")]
    Icmp,
    /// All there are.
    Any,
}

/// Addresses in a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(transparent)]
pub struct Addresses(
    #[schemars(with = "String", regex(pattern = r"^(\*|[0-9./-]+)$"))] pub firewall::Addresses,
);

/// Ports in a rule: one, from one to another, or `*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(transparent)]
pub struct Ports(#[schemars(with = "NumberOrText")] pub firewall::Ports);

/// A port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(transparent)]
pub struct Port(#[schemars(with = "u16")] pub u16);

#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code)] // Only its schema is used.
enum NumberOrText {
    Number(#[schemars(range(min = 1, max = 65535))] u16),
    Text(#[schemars(regex(pattern = r"^(\*|[0-9]+(-[0-9]+)?)$"))] String),
}

impl FromStr for Addresses {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|()| {
            let help = "write `*`, 10.1.0.4, 10.1.0.4-10.1.0.9 or 10.1.0.0/24; service tags are not built";
            advised(format!("{} is no address of a rule", quoted(text)), help)
        })
    }
}

impl<'de> Deserialize<'de> for Addresses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Ports {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = deserializer.deserialize_any(AsText)?;
        text.parse().map(Self).map_err(|()| {
            let help = "write 443, \"8000-8080\" or \"*\"";
            D::Error::custom(advised(format!("{} is no port of a rule", quoted(&text)), help))
        })
    }
}

impl<'de> Deserialize<'de> for Port {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = deserializer.deserialize_any(AsText)?;
        let port = text.parse().ok().filter(|port| *port != 0);
        port.map(Self).ok_or_else(|| {
            D::Error::custom(advised(format!("{} is no port", quoted(&text)), "ports are 1 to 65535"))
        })
    }
}

/// Azure has ports as text; nobody writes them so.
struct AsText;

impl Visitor<'_> for AsText {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a port")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<String, E> {
        Ok(number.to_string())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<String, E> {
        Ok(number.to_string())
    }
}
