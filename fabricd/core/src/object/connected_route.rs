//! Connected routes that are taken away.

use std::fmt;

use ipnet::IpNet;

use super::LinkRef;

/// That an address has no connected route, although it was added as one that gets it: somebody has
/// taken the route away, as Azure CNI does in pods. `ip addr` does not show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoConnectedRoute {
    /// Where the address is. The link must be up before: the kernel makes the route again whenever a
    /// link comes up.
    pub link: LinkRef,
    /// The address, with its prefix length: IPv4, and not a single address.
    pub address: IpNet,
}

impl fmt::Display for NoConnectedRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no connected route {} dev {}", self.address.trunc(), self.link)
    }
}
