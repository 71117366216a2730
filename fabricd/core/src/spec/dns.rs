//! DNS in a lab file: private zones, DNS servers of VNets, and who is one.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;

use super::network_value::Address;

/// A private DNS zone: names that linked VNets can look up.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PrivateDnsZone {
    /// Unique in the lab, with two labels or more, such as `corp.internal`.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The VNets that see it. Without any nobody does.
    #[serde(default)]
    pub virtual_network_links: Vec<VirtualNetworkLink>,
    /// Its names.
    #[serde(default)]
    #[schemars(length(max = 1000))]
    pub record_sets: Vec<RecordSet>,
}

/// A VNet that sees a private zone.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VirtualNetworkLink {
    /// The VNet's name.
    pub virtual_network: String,
    /// Whether the VNet's VMs have names in the zone. Default: false.
    #[serde(default)]
    pub registration_enabled: bool,
}

/// Records of one name and type.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RecordSet {
    /// The name without the zone: `db`, `@` for the zone itself, `*` for all that are not there.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The type.
    #[serde(rename = "type")]
    pub record_type: RecordType,
    /// How long it holds, in seconds. Default: 3600.
    #[schemars(range(min = 1, max = 2147483647))]
    pub ttl: Option<u32>,
    /// 1 to 20 values as in a zone file: `10.0.0.4`, `db.corp.internal`, `10 mail.corp.internal` (MX),
    /// `0 5 5060 sip.corp.internal` (SRV).
    #[schemars(length(min = 1, max = 20))]
    pub values: Vec<String>,
}

/// The type of a record set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum RecordType {
    /// IPv4 addresses.
    A,
    /// Another name.
    Cname,
    /// Mail servers.
    Mx,
    /// The name of an address.
    Ptr,
    /// Ports of a service.
    Srv,
    /// Texts.
    Txt,
}

impl RecordType {
    /// A value that it can have.
    pub const fn example(self) -> &'static str {
        match self {
            Self::A => "10.0.0.4",
            Self::Cname | Self::Ptr => "db.corp.internal",
            Self::Mx => "10 mail.corp.internal",
            Self::Srv => "0 5 5060 sip.corp.internal",
            Self::Txt => "v=spf1 -all",
        }
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "A",
            Self::Cname => "CNAME",
            Self::Mx => "MX",
            Self::Ptr => "PTR",
            Self::Srv => "SRV",
            Self::Txt => "TXT",
        })
    }
}

/// What Azure's DHCP tells the VMs of a VNet.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DhcpOptions {
    /// DNS servers in place of Azure's, in the order in which they are asked. Default: Azure DNS, 168.63.129.16.
    #[serde(default)]
    #[schemars(length(max = 20))]
    pub dns_servers: Vec<Address>,
}

/// Makes a VM, or a machine on premises, a DNS server.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DnsServer {
    /// Zones that it knows.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub zones: Vec<DnsZone>,
    /// Whom it asks for all other names, such as 168.63.129.16, in this order. Default: nobody; it refuses then.
    #[serde(default)]
    #[schemars(length(max = 20))]
    pub forwarders: Vec<Address>,
}

/// A zone of a DNS server of one's own.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DnsZone {
    /// Its name, such as `corp.example`.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Its names.
    #[serde(default)]
    #[schemars(length(max = 1000))]
    pub record_sets: Vec<RecordSet>,
}
