//! Entries of the neighbour (ARP) table.

use std::{fmt, net::IpAddr};

use super::{LinkRef, Mac};

/// One neighbour entry of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// The link.
    pub link: LinkRef,
    /// The neighbour's address.
    pub address: IpAddr,
    /// What is known of it.
    pub kind: NeighbourKind,
}

/// What a neighbour entry says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NeighbourKind {
    /// Known for good (`PERMANENT`): it is never asked for.
    Permanent(Mac),
    /// As if learned a while ago (`STALE`): confirmed or replaced at its first use.
    Learned(Mac),
    /// The same, but outside the kernel's machine-wide limit of learned entries (`extern_learn`):
    /// for labs that would overrun `gc_thresh3`.
    LearnedExternally(Mac),
    /// The link answers ARP questions for this address, which lies behind another link.
    Proxy,
}

impl fmt::Display for Neighbour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { link, address, kind } = self;
        match kind {
            NeighbourKind::Permanent(mac) => {
                write!(f, "neighbour {address} dev {link} lladdr {mac} permanent")
            }
            NeighbourKind::Learned(mac) => write!(f, "neighbour {address} dev {link} lladdr {mac}"),
            NeighbourKind::LearnedExternally(mac) => {
                write!(f, "neighbour {address} dev {link} lladdr {mac} extern_learn")
            }
            NeighbourKind::Proxy => write!(f, "neighbour proxy {address} dev {link}"),
        }
    }
}
