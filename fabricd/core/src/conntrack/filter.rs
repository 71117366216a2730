//! Which connections are wanted: conntrack's own filters.

use std::net::IpAddr;

use ipnet::IpNet;

use super::{Connection, Ends, Protocol, Status};

/// What a connection must be. All that is said must hold; nothing said, every connection fits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this protocol (`-p`).
    pub protocol: Option<Protocol>,
    /// Its first packet comes from there (`--src`).
    pub source: Option<IpNet>,
    /// Its first packet goes there (`--dst`).
    pub destination: Option<IpNet>,
    /// Its first packet goes to this port (`--dport`).
    pub destination_port: Option<u16>,
    /// Its source is translated (`--src-nat`).
    pub source_nat: bool,
    /// Its source is translated into this address.
    pub source_nat_to: Option<IpAddr>,
}

/// A word that is no filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no {1}")]
pub struct NoFilter(String, &'static str);

impl NoFilter {
    fn new(said: impl ToString, wanted: &'static str) -> Self {
        Self(said.to_string().chars().take(64).collect(), wanted)
    }
}

impl Filter {
    /// Whether `connection` is wanted.
    pub fn fits(&self, connection: &Connection) -> bool {
        let Self { protocol, source, destination, destination_port, source_nat, source_nat_to } = self;
        let Connection { original, reply, status, .. } = connection;
        let port = match original.ends {
            Ends::Ports { destination, .. } => Some(destination),
            Ends::Icmp { .. } | Ends::Nothing => None,
        };
        protocol.is_none_or(|protocol| protocol == connection.protocol)
            && source.is_none_or(|source| source.contains(&original.source))
            && destination.is_none_or(|destination| destination.contains(&original.destination))
            && (destination_port.is_none() || *destination_port == port)
            && (!source_nat && source_nat_to.is_none() || status.has(Status::SOURCE_NAT))
            && source_nat_to.is_none_or(|address| address == reply.destination)
    }
}

/// Reads an address or a prefix.
///
/// # Errors
/// If it is neither.
pub fn network(text: &str) -> Result<IpNet, NoFilter> {
    let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network.map_err(|_| NoFilter::new(text, "address and no prefix"))
}

/// Reads an address.
///
/// # Errors
/// If it is none.
pub fn address(text: &str) -> Result<IpAddr, NoFilter> {
    text.parse().map_err(|_| NoFilter::new(text, "address"))
}

/// Reads a protocol's number.
///
/// # Errors
/// Beyond 255.
pub fn protocol(number: u32) -> Result<Protocol, NoFilter> {
    u8::try_from(number).map(Protocol).map_err(|_| NoFilter::new(number, "protocol's number"))
}

/// Reads a port.
///
/// # Errors
/// Beyond 65535.
pub fn port(number: u32) -> Result<u16, NoFilter> {
    u16::try_from(number).map_err(|_| NoFilter::new(number, "port"))
}
