//! Bridges, veth pairs and VXLAN devices, and what is said of a link apart from its birth.

use std::{fmt, net::Ipv4Addr};

use super::Mac;
use crate::{name::IfName, place::Place};

/// A link as other objects of its place point at it: by index for the kernel, by name for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkRef {
    /// The interface's name.
    pub name: IfName,
    /// The interface index, chosen by the blueprint, unique in its namespace; `lo` has 1.
    pub index: u32,
}

impl LinkRef {
    /// A link whose name stands in the program's text.
    pub fn fixed(name: &str, index: u32) -> Self {
        Self { name: IfName::fixed(name), index }
    }
}

/// A Linux bridge without spanning tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bridge {
    /// Name and index.
    pub link: LinkRef,
    /// Its own address; without one the bridge would take its lowest port's and change with it.
    pub mac: Mac,
    /// In bytes.
    pub mtu: u32,
    /// Whether IGMP and MLD reports prune what is flooded.
    pub multicast_snooping: bool,
}

/// A veth pair, both ends born in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Veth {
    /// The end in the place that owns the pair.
    pub link: LinkRef,
    /// Address of that end.
    pub mac: Mac,
    /// In bytes, for both ends.
    pub mtu: u32,
    /// The other end.
    pub peer: VethPeer,
}

/// The far end of a [`Veth`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VethPeer {
    /// Where it is.
    pub place: Place,
    /// Name and index there.
    pub link: LinkRef,
    /// Its address.
    pub mac: Mac,
}

/// A VXLAN device over UDP port 4789 (RFC 7348) that floods to a multicast group and learns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vxlan {
    /// Name and index.
    pub link: LinkRef,
    /// Its own address.
    pub mac: Mac,
    /// In bytes, of the packets inside.
    pub mtu: u32,
    /// VXLAN network identifier, 24 bits.
    pub vni: u32,
    /// Source address of the outer packets.
    pub local: Ipv4Addr,
    /// Where packets without a known receiver go.
    pub group: Ipv4Addr,
    /// The link that carries the outer packets.
    pub lower: LinkRef,
}

/// A link's membership in a bridge of the same place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// The port.
    pub link: LinkRef,
    /// The bridge.
    pub bridge: LinkRef,
    /// Whether a frame may leave by the port that it came in by.
    pub hairpin: bool,
}

/// A link that is up, with the flags that `ip link` shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Up {
    /// The link.
    pub link: LinkRef,
    /// `PROMISC`.
    pub promiscuous: bool,
    /// `MULTICAST`.
    pub multicast: bool,
}

impl Up {
    /// Up, with the flags of an ordinary Ethernet link.
    pub fn plain(link: LinkRef) -> Self {
        Self { link, promiscuous: false, multicast: true }
    }
}

impl fmt::Display for LinkRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}

impl fmt::Display for Bridge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bridge {} index {} address {} mtu {}", self.link, self.link.index, self.mac, self.mtu)?;
        if self.multicast_snooping { f.write_str(" mcast_snooping") } else { Ok(()) }
    }
}

impl fmt::Display for Veth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { link, mac, mtu, peer } = self;
        write!(f, "veth {link} index {} address {mac} mtu {mtu} peer {} ", link.index, peer.place)?;
        write!(f, "{} index {} address {}", peer.link, peer.link.index, peer.mac)
    }
}

impl fmt::Display for Vxlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { link, mac, mtu, vni, local, group, lower } = self;
        write!(f, "vxlan {link} index {} address {mac} mtu {mtu} ", link.index)?;
        write!(f, "id {vni} local {local} group {group} dev {lower}")
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "port {} master {}", self.link, self.bridge)?;
        if self.hairpin { f.write_str(" hairpin on") } else { Ok(()) }
    }
}

impl fmt::Display for Up {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "up {}", self.link)?;
        if self.promiscuous {
            f.write_str(" promisc on")?;
        }
        if self.multicast { Ok(()) } else { f.write_str(" multicast off") }
    }
}
