//! Links read back.

use std::net::Ipv4Addr;

use fabric_core::{
    name::IfName,
    object::{Bridge, LinkRef, Mac, Object, Port, Up, Vxlan},
};
use netlink_packet_route::{
    RouteNetlinkMessage,
    link::{
        InfoBridge, InfoBridgePort, InfoData, InfoKind, InfoPortData, InfoVxlan, LinkAttribute,
        LinkExtentMask, LinkFlags, LinkInfo, LinkMessage,
    },
};

/// A link as the kernel shows it.
#[derive(Clone, Debug)]
pub(crate) struct SeenLink {
    pub(crate) link: LinkRef,
    pub(crate) mac: Mac,
    pub(crate) mtu: u32,
    pub(crate) kind: SeenKind,
    /// The index of the bridge that it is a port of.
    bridge: Option<u32>,
    /// Whether that port is in hairpin mode.
    hairpin: bool,
    flags: LinkFlags,
}

/// What kind of link it is, with what only this kind has.
#[derive(Clone, Debug)]
pub(crate) enum SeenKind {
    Bridge {
        multicast_snooping: bool,
    },
    Veth {
        /// The other end's index in its namespace.
        peer: u32,
        /// The number that this namespace has for the other end's; `None` if it is the same one.
        peer_namespace: Option<i32>,
    },
    Vxlan {
        vni: u32,
        local: Ipv4Addr,
        group: Ipv4Addr,
        lower: u32,
    },
    Other,
}

/// Asks for all links.
pub(crate) fn question() -> RouteNetlinkMessage {
    let mut message = LinkMessage::default();
    message.attributes = vec![LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats])];
    RouteNetlinkMessage::GetLink(message)
}

/// Reads a link back. `None` if a blueprint could not name it.
pub(crate) fn read(message: LinkMessage) -> Option<SeenLink> {
    let LinkMessage { header, attributes, .. } = message;
    let (mut name, mut mac, mut mtu, mut bridge) = (None, Mac([0; 6]), 0, None);
    let (mut lower, mut lower_namespace) = (None, None);
    let (mut kind, mut data, mut hairpin) = (None, None, false);
    for attribute in attributes {
        match attribute {
            LinkAttribute::IfName(text) => name = IfName::new(text).ok(),
            LinkAttribute::Address(bytes) => mac = bytes.try_into().map_or(mac, Mac),
            LinkAttribute::Mtu(bytes) => mtu = bytes,
            LinkAttribute::Controller(index) => bridge = Some(index).filter(|&index| index != 0),
            LinkAttribute::Link(index) => lower = Some(index),
            LinkAttribute::LinkNetNsId(id) => lower_namespace = Some(id),
            LinkAttribute::LinkInfo(infos) => {
                for info in infos {
                    match info {
                        LinkInfo::Kind(name) => kind = Some(name),
                        LinkInfo::Data(settings) => data = Some(settings),
                        LinkInfo::PortData(InfoPortData::BridgePort(settings)) => {
                            hairpin = settings.contains(&InfoBridgePort::HairpinMode(true));
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    let kind = match (kind, data) {
        (Some(InfoKind::Bridge), Some(InfoData::Bridge(settings))) => bridge_kind(&settings),
        (Some(InfoKind::Vxlan), Some(InfoData::Vxlan(settings))) => {
            vxlan_kind(&settings).unwrap_or(SeenKind::Other)
        }
        (Some(InfoKind::Veth), _) => {
            lower.map_or(SeenKind::Other, |peer| SeenKind::Veth { peer, peer_namespace: lower_namespace })
        }
        _ => SeenKind::Other,
    };
    let link = LinkRef { name: name?, index: header.index };
    Some(SeenLink { link, mac, mtu, kind, bridge, hairpin, flags: header.flags })
}

impl SeenLink {
    /// Whether the link is up.
    pub(crate) fn is_up(&self) -> bool {
        self.flags.contains(LinkFlags::Up)
    }

    /// What stands in the blueprint for this link alone: all but veth pairs, which have two ends.
    pub(crate) fn objects(&self, link_named: impl Fn(u32) -> Option<LinkRef>) -> Vec<Object> {
        let mut objects = Vec::new();
        if self.link.index == super::LOOPBACK {
            return objects;
        }
        let (link, mac, mtu) = (self.link.clone(), self.mac, self.mtu);
        match self.kind {
            SeenKind::Bridge { multicast_snooping } => {
                objects.push(Object::Bridge(Bridge { link, mac, mtu, multicast_snooping }));
            }
            SeenKind::Vxlan { vni, local, group, lower } => {
                let lower = link_named(lower);
                objects.extend(
                    lower.map(|lower| Object::Vxlan(Vxlan { link, mac, mtu, vni, local, group, lower })),
                );
            }
            SeenKind::Veth { .. } | SeenKind::Other => {}
        }
        if let Some(bridge) = self.bridge.and_then(link_named) {
            objects.push(Object::Port(Port { link: self.link.clone(), bridge, hairpin: self.hairpin }));
        }
        if self.is_up() {
            objects.push(Object::Up(Up {
                link: self.link.clone(),
                promiscuous: self.flags.contains(LinkFlags::Promisc),
                multicast: self.flags.contains(LinkFlags::Multicast),
            }));
        }
        objects
    }
}

fn bridge_kind(settings: &[InfoBridge]) -> SeenKind {
    let multicast_snooping =
        settings.iter().any(|setting| matches!(setting, InfoBridge::MulticastSnooping(true)));
    SeenKind::Bridge { multicast_snooping }
}

/// `None` for a device that the blueprint cannot say: another port, no group, no learning.
fn vxlan_kind(settings: &[InfoVxlan]) -> Option<SeenKind> {
    let (mut vni, mut local, mut group, mut lower) = (None, None, None, None);
    for setting in settings {
        match setting {
            InfoVxlan::Id(number) => vni = Some(*number),
            InfoVxlan::Local(address) => local = Some(*address),
            InfoVxlan::Group(address) => group = Some(*address),
            InfoVxlan::Link(index) => lower = Some(*index),
            InfoVxlan::Learning(false) => return None,
            InfoVxlan::Port(port) if *port != super::VXLAN_PORT => return None,
            _ => {}
        }
    }
    Some(SeenKind::Vxlan { vni: vni?, local: local?, group: group?, lower: lower? })
}
