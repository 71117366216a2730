//! Routes.

use std::{fmt, net::IpAddr};

use ipnet::IpNet;

use super::LinkRef;

/// The main routing table (`RT_TABLE_MAIN`).
pub const MAIN_TABLE: u32 = 254;
/// `RTPROT_BOOT`: what a program adds without saying who it is; `ip route` prints nothing for it.
pub const PROTOCOL_BOOT: u8 = 3;
/// `RTPROT_STATIC`.
pub const PROTOCOL_STATIC: u8 = 4;
/// `RTPROT_DHCP`.
pub const PROTOCOL_DHCP: u8 = 16;
/// `RTPROT_BGP`: learned by a gateway.
pub const PROTOCOL_BGP: u8 = 186;

/// One route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Routing table, 1 to 2^32-1; [`MAIN_TABLE`] for most.
    pub table: u32,
    /// Whole networks only; the zero prefix is the default route.
    pub destination: IpNet,
    /// Smaller is preferred. Part of the route's identity.
    pub metric: u32,
    /// Where packets go.
    pub next_hop: NextHop,
    /// Who made it, `RTPROT_*`.
    pub protocol: u8,
    /// Preferred source address.
    pub source: Option<IpAddr>,
}

/// Where a route sends packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextHop {
    /// To a neighbour on a link (scope global).
    Via {
        /// The neighbour.
        gateway: IpAddr,
        /// The link it is on.
        link: LinkRef,
        /// Taken as on the link, whatever its addresses say.
        onlink: bool,
    },
    /// To the link itself: the destination answers ARP there (scope link).
    Link(LinkRef),
    /// The same with scope global, as programs write it that leave the scope at its default.
    LinkGlobal(LinkRef),
    /// Dropped without a word.
    Blackhole,
    /// Not in this table: the look-up goes on with the next routing policy rule.
    Throw,
}

impl Route {
    /// The link it leaves by.
    pub fn link(&self) -> Option<&LinkRef> {
        match &self.next_hop {
            NextHop::Via { link, .. } | NextHop::Link(link) | NextHop::LinkGlobal(link) => Some(link),
            NextHop::Blackhole | NextHop::Throw => None,
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("route ")?;
        match self.next_hop {
            NextHop::Blackhole => f.write_str("blackhole ")?,
            NextHop::Throw => f.write_str("throw ")?,
            _ => {}
        }
        if self.destination.prefix_len() == 0 {
            f.write_str("default")?;
        } else {
            write!(f, "{}", self.destination)?;
        }
        match &self.next_hop {
            NextHop::Via { gateway, link, onlink } => {
                write!(f, " via {gateway} dev {link}{}", if *onlink { " onlink" } else { "" })?;
            }
            NextHop::Link(link) => write!(f, " dev {link} scope link")?,
            NextHop::LinkGlobal(link) => write!(f, " dev {link}")?,
            NextHop::Blackhole | NextHop::Throw => {}
        }
        if self.table != MAIN_TABLE {
            write!(f, " table {}", self.table)?;
        }
        match self.protocol {
            PROTOCOL_BOOT => {}
            PROTOCOL_STATIC => f.write_str(" proto static")?,
            PROTOCOL_DHCP => f.write_str(" proto dhcp")?,
            PROTOCOL_BGP => f.write_str(" proto bgp")?,
            other => write!(f, " proto {other}")?,
        }
        if let Some(source) = self.source {
            write!(f, " src {source}")?;
        }
        if self.metric != 0 { write!(f, " metric {}", self.metric) } else { Ok(()) }
    }
}
