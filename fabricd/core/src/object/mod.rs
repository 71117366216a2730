//! The kinds of kernel object that a lab is made of. One file a kind; `fabric-kernel` has a file of
//! the same name that creates, removes and observes it.
//!
//! An object says everything that the kernel must be told, interface indexes included, so carrying
//! it out needs no look-up and no choice.

mod address;
mod changed_tables;
mod connected_route;
mod link;
mod mac;
mod neighbour;
mod qdisc;
mod route;
mod rule;
mod ruleset;
mod sysctl;

use std::fmt;

use ipnet::IpNet;

pub use address::Address;
pub use changed_tables::changed_tables;
pub use connected_route::NoConnectedRoute;
pub use link::{Bridge, LinkRef, Port, Up, Veth, VethPeer, Vxlan};
pub use mac::Mac;
pub use neighbour::{Neighbour, NeighbourKind};
pub use qdisc::{NETEM_LIMIT, Netem};
pub use route::{MAIN_TABLE, NextHop, PROTOCOL_BGP, PROTOCOL_BOOT, PROTOCOL_DHCP, PROTOCOL_STATIC, Route};
pub use rule::Rule;
pub use ruleset::{Program, Ruleset, difference};
pub use sysctl::Sysctl;

use crate::name::IfName;

/// One thing in the kernel that a lab owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Object {
    /// The network namespace of a place, named under `/run/netns`, with `lo` up.
    Namespace,
    /// A kernel parameter of the namespace.
    Sysctl(Sysctl),
    /// All rules of one program in the namespace.
    Ruleset(Ruleset),
    /// A bridge.
    Bridge(Bridge),
    /// A veth pair; it belongs to the place of its first end.
    Veth(Veth),
    /// A VXLAN device.
    Vxlan(Vxlan),
    /// A link's membership in a bridge.
    Port(Port),
    /// An address on a link.
    Address(Address),
    /// The root queueing discipline of a link, where it is not the kernel's own choice.
    Qdisc(Netem),
    /// That a link is up. Apart from the link, since a veth cannot be born up.
    Up(Up),
    /// That the connected route of an address is taken away.
    NoConnectedRoute(NoConnectedRoute),
    /// A routing policy rule.
    Rule(Rule),
    /// A route.
    Route(Route),
    /// An entry of the neighbour (ARP) table.
    Neighbour(Neighbour),
}

/// What makes two objects of a place the same one, whatever their settings.
///
/// The order of the variants is the order in which a place's objects can be created.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// See [`Object::Namespace`].
    Namespace,
    /// By its path below `/proc/sys`. Those of links come after the links, see [`Sysctl::link`].
    Sysctl(String),
    /// By its program.
    Ruleset(Program),
    /// A bridge, veth or VXLAN device, by its name.
    Link(IfName),
    /// By the link's name.
    Port(IfName),
    /// By link and address.
    Address(IfName, IpNet),
    /// By the link's name. Before the link is up, so that no packet escapes it.
    Qdisc(IfName),
    /// By the link's name.
    Up(IfName),
    /// By link and address. The kernel makes the route when the link comes up, so it goes after that.
    NoConnectedRoute(IfName, IpNet),
    /// By its priority.
    Rule(u32),
    /// By table, destination and metric, as the kernel tells routes apart.
    Route(u32, IpNet, u32),
    /// By link, address and whether it is answered for (proxy) or known.
    Neighbour(IfName, std::net::IpAddr, bool),
}

impl Object {
    /// The object's identity within its place.
    pub fn key(&self) -> Key {
        match self {
            Self::Namespace => Key::Namespace,
            Self::Sysctl(sysctl) => Key::Sysctl(sysctl.path.clone()),
            Self::Ruleset(ruleset) => Key::Ruleset(ruleset.program),
            Self::Bridge(bridge) => Key::Link(bridge.link.name.clone()),
            Self::Veth(veth) => Key::Link(veth.link.name.clone()),
            Self::Vxlan(vxlan) => Key::Link(vxlan.link.name.clone()),
            Self::Port(port) => Key::Port(port.link.name.clone()),
            Self::Address(address) => Key::Address(address.link.name.clone(), address.address),
            Self::Qdisc(netem) => Key::Qdisc(netem.link.name.clone()),
            Self::Up(up) => Key::Up(up.link.name.clone()),
            Self::NoConnectedRoute(absence) => {
                Key::NoConnectedRoute(absence.link.name.clone(), absence.address)
            }
            Self::Rule(rule) => Key::Rule(rule.priority),
            Self::Route(route) => Key::Route(route.table, route.destination, route.metric),
            Self::Neighbour(neighbour) => Key::Neighbour(
                neighbour.link.name.clone(),
                neighbour.address,
                neighbour.kind == NeighbourKind::Proxy,
            ),
        }
    }

    /// The link without which this object cannot be, and with which the kernel takes it away.
    pub fn needs_link(&self) -> Option<&IfName> {
        match self {
            Self::Namespace | Self::Ruleset(_) | Self::Bridge(_) | Self::Veth(_) | Self::Rule(_) => None,
            Self::Sysctl(sysctl) => sysctl.link.as_ref(),
            Self::Vxlan(vxlan) => Some(&vxlan.lower.name),
            Self::Port(port) => Some(&port.link.name),
            Self::Address(address) => Some(&address.link.name),
            Self::Qdisc(netem) => Some(&netem.link.name),
            Self::Up(up) => Some(&up.link.name),
            Self::NoConnectedRoute(absence) => Some(&absence.link.name),
            Self::Route(route) => route.link().map(|link| &link.name),
            Self::Neighbour(neighbour) => Some(&neighbour.link.name),
        }
    }

    /// The link that must be up for this object to be, and with whose state the kernel takes it away:
    /// `ip link set … down` flushes routes (`fib_disable_ip`), neighbours (`neigh_ifdown`, proxies and
    /// permanent ones too) and IPv6 addresses (`addrconf_ifdown`). IPv4 addresses, bridge ports,
    /// parameters and queueing disciplines stay.
    pub fn needs_up(&self) -> Option<&IfName> {
        match self {
            Self::NoConnectedRoute(_) | Self::Route(_) | Self::Neighbour(_) => self.needs_link(),
            Self::Address(address) if address.address.addr().is_ipv6() => self.needs_link(),
            _ => None,
        }
    }

    /// True for what is put there once, as if the lab had already lived for a while, and may then
    /// change or age by itself: learned neighbours. It is never a difference of its own.
    pub fn is_seed(&self) -> bool {
        matches!(
            self,
            Self::Neighbour(Neighbour {
                kind: NeighbourKind::Learned(_) | NeighbourKind::LearnedExternally(_),
                ..
            })
        )
    }
}

impl fmt::Display for Object {
    /// One line, in the words of `ip`, `sysctl` and friends.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Namespace => f.write_str("namespace"),
            Self::Sysctl(sysctl) => sysctl.fmt(f),
            Self::Ruleset(ruleset) => ruleset.fmt(f),
            Self::Bridge(bridge) => bridge.fmt(f),
            Self::Veth(veth) => veth.fmt(f),
            Self::Vxlan(vxlan) => vxlan.fmt(f),
            Self::Port(port) => port.fmt(f),
            Self::Address(address) => address.fmt(f),
            Self::Qdisc(netem) => netem.fmt(f),
            Self::Up(up) => up.fmt(f),
            Self::NoConnectedRoute(absence) => absence.fmt(f),
            Self::Rule(rule) => rule.fmt(f),
            Self::Route(route) => route.fmt(f),
            Self::Neighbour(neighbour) => neighbour.fmt(f),
        }
    }
}
