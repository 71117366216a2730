//! CIDR blocks, addresses and references to subnets, as written in a lab file.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
    str::FromStr,
};

use ipnet::{IpNet, Ipv4Net};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de::Error};

use super::{mistake::advised, suggest::quoted};

/// An IPv4 CIDR block, such as `10.224.0.0/16`, without host bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(transparent)]
pub struct Cidr(
    #[schemars(with = "String", regex(pattern = r"^[0-9]{1,3}(\.[0-9]{1,3}){3}/([0-9]|[12][0-9]|3[0-2])$"))]
    pub Ipv4Net,
);

/// An IPv4 address, such as `10.224.0.4`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(transparent)]
pub struct Address(
    #[schemars(with = "String", regex(pattern = r"^[0-9]{1,3}(\.[0-9]{1,3}){3}$"))] pub Ipv4Addr,
);

/// A subnet, written `VNET/SUBNET`.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(with = "String", extend("pattern" = "^[^/]+/[^/]+$"))]
pub struct SubnetReference {
    /// The VNet's name.
    pub virtual_network: String,
    /// The subnet's name.
    pub subnet: String,
}

impl FromStr for Cidr {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let example = "write it like 10.224.0.0/16";
        if text.parse::<IpAddr>().is_ok() {
            let help = format!("add one, such as {text}/24 for 256 addresses");
            return Err(advised(format!("`{text}` has no prefix length"), help));
        }
        match text.parse::<IpNet>() {
            Ok(IpNet::V4(net)) if net.addr() == net.network() => Ok(Self(net)),
            Ok(IpNet::V4(net)) => {
                let message =
                    format!("`{text}` is an address in a network, not a network: host bits are set");
                Err(advised(message, format!("the network is {}", net.trunc())))
            }
            Ok(IpNet::V6(_)) => Err(advised(format!("IPv6 is not built yet: `{text}`"), example)),
            Err(_) => Err(advised(format!("{} is not a CIDR block", quoted(text)), example)),
        }
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse::<IpAddr>() {
            Ok(IpAddr::V4(address)) => Ok(Self(address)),
            Ok(IpAddr::V6(_)) => Err(format!("IPv6 is not built yet: `{text}`")),
            Err(_) => {
                let example = "write it like 10.224.0.4, without a prefix length";
                Err(advised(format!("{} is not an IPv4 address", quoted(text)), example))
            }
        }
    }
}

impl FromStr for SubnetReference {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('/') {
            Some((virtual_network, subnet))
                if !virtual_network.is_empty() && !subnet.is_empty() && !subnet.contains('/') =>
            {
                Ok(Self { virtual_network: virtual_network.to_owned(), subnet: subnet.to_owned() })
            }
            _ => Err(advised(
                format!("{} does not name a subnet", quoted(text)),
                "write the VNet and the subnet with a slash between: VNET/SUBNET",
            )),
        }
    }
}

impl fmt::Display for SubnetReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.virtual_network, self.subnet)
    }
}

fn from_text<'de, D: Deserializer<'de>, T: FromStr<Err = String>>(deserializer: D) -> Result<T, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

impl<'de> Deserialize<'de> for Cidr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer)
    }
}

impl<'de> Deserialize<'de> for SubnetReference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer)
    }
}
