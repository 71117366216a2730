//! Addresses on links.

use std::fmt;

use ipnet::IpNet;

use super::LinkRef;

/// An address on a link. The kernel makes the connected route by itself (`proto kernel`), with
/// the address as source and [`Address::metric`] as metric, unless the prefix is a single address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Where it is.
    pub link: LinkRef,
    /// Host address and prefix length.
    pub address: IpNet,
    /// Whether the last address of the prefix is set as broadcast address (`brd` in `ip addr`).
    pub broadcast: bool,
    /// Metric of the connected route; `ip addr` shows it where it is not 0.
    pub metric: u32,
    /// `noprefixroute`: no connected route.
    pub no_prefix_route: bool,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "address {} dev {}", self.address, self.link)?;
        if self.broadcast {
            f.write_str(" brd +")?;
        }
        if self.metric != 0 {
            write!(f, " metric {}", self.metric)?;
        }
        if self.no_prefix_route { f.write_str(" noprefixroute") } else { Ok(()) }
    }
}
