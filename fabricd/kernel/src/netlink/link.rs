//! Bridges, veth pairs, VXLAN devices, and what is said of a link after its birth.

mod read;

use std::os::fd::{AsRawFd, BorrowedFd};

use fabric_core::object::{Bridge, LinkRef, Mac, Port, Up, Veth, Vxlan};
use netlink_packet_route::{
    RouteNetlinkMessage,
    link::{
        BridgeStpState, InfoBridge, InfoBridgePort, InfoData, InfoKind, InfoPortData, InfoPortKind, InfoVeth,
        InfoVxlan, LinkAttribute, LinkFlags, LinkInfo, LinkMessage, State,
    },
};

use super::Request;

pub(crate) use read::{SeenKind, SeenLink, question, read};

/// The index of `lo`, which is the first link of each namespace.
pub(crate) const LOOPBACK: u32 = 1;
/// The UDP port of all VXLAN devices (RFC 7348).
pub(super) const VXLAN_PORT: u16 = 4789;

/// The link group (`IFLA_GROUP`) of links that are about to go. Group 0 is everybody's.
const MARKED: u32 = 0xfab0;

/// Makes the bridge. Two messages: an MTU given at birth would change with the bridge's ports; only
/// one that is set later, and really changes, counts as the user's (`BROPT_MTU_SET_BY_USER`).
pub(crate) fn create_bridge(bridge: &Bridge) -> [Request; 2] {
    // Never send IFLA_BR_VLAN_FILTERING, not even 0: kernels without VLANs refuse it.
    let data = InfoData::Bridge(vec![
        InfoBridge::StpState(BridgeStpState::Disabled),
        InfoBridge::MulticastSnooping(bridge.multicast_snooping),
    ]);
    let mut birth = born(&bridge.link, bridge.mac, bridge.mtu ^ 1);
    birth.attributes.push(info(InfoKind::Bridge, data));
    let mut mtu = existing(&bridge.link);
    mtu.attributes = vec![LinkAttribute::Mtu(bridge.mtu)];
    [create(birth), change(mtu)]
}

/// Makes the pair, the first end in the socket's namespace, the other in `peer_namespace`, both with
/// their final names and indexes.
pub(crate) fn create_veth(veth: &Veth, peer_namespace: BorrowedFd<'_>) -> Request {
    // The peer must not be born up: the kernel answers ENOTCONN.
    let mut peer = born(&veth.peer.link, veth.peer.mac, veth.mtu);
    peer.attributes.extend(one_queue());
    peer.attributes.push(LinkAttribute::NetNsFd(peer_namespace.as_raw_fd()));
    let mut near = born(&veth.link, veth.mac, veth.mtu);
    near.attributes.extend(one_queue());
    near.attributes.push(info(InfoKind::Veth, InfoData::Veth(InfoVeth::Peer(peer))));
    create(near)
}

/// Makes the VXLAN device.
pub(crate) fn create_vxlan(vxlan: &Vxlan) -> Request {
    let mut message = born(&vxlan.link, vxlan.mac, vxlan.mtu);
    let data = InfoData::Vxlan(vec![
        InfoVxlan::Id(vxlan.vni),
        InfoVxlan::Group(vxlan.group),
        InfoVxlan::Link(vxlan.lower.index),
        InfoVxlan::Local(vxlan.local),
        InfoVxlan::Learning(true),
        InfoVxlan::Port(VXLAN_PORT),
    ]);
    message.attributes.push(info(InfoKind::Vxlan, data));
    create(message)
}

/// Marks the link for [`remove_marked`].
pub(crate) fn mark(link: &LinkRef) -> Request {
    let mut message = existing(link);
    message.attributes = vec![LinkAttribute::Group(MARKED)];
    change(message)
}

/// Removes all marked links of the namespace, and with veths their other ends. The kernel waits for
/// its readers once for all of them; one by one it would for each, some 20 ms.
pub(crate) fn remove_marked() -> Request {
    let mut message = LinkMessage::default();
    message.attributes = vec![LinkAttribute::Group(MARKED)];
    Request::change(RouteNetlinkMessage::DelLink(message))
}

/// Makes the link a port of the bridge, of whatever bridge it was before. Two messages where the port is not as
/// the kernel makes it: what a port has of its own can be said of a port only.
pub(crate) fn enslave(port: &Port) -> impl Iterator<Item = Request> {
    let hairpin = port.hairpin.then(|| {
        let mut message = existing(&port.link);
        message.attributes = vec![LinkAttribute::LinkInfo(vec![
            LinkInfo::PortKind(InfoPortKind::Bridge),
            LinkInfo::PortData(InfoPortData::BridgePort(vec![InfoBridgePort::HairpinMode(true)])),
        ])];
        // Unlike a new link's, a set link's message is not read so far.
        Request::change(RouteNetlinkMessage::NewLink(message))
    });
    [set_bridge(&port.link, port.bridge.index)].into_iter().chain(hairpin)
}

/// Takes the link from its bridge.
pub(crate) fn release(port: &Port) -> Request {
    set_bridge(&port.link, 0)
}

fn set_bridge(link: &LinkRef, bridge: u32) -> Request {
    let mut message = existing(link);
    message.attributes = vec![LinkAttribute::Controller(bridge)];
    change(message)
}

/// Sets the link up, with its flags.
pub(crate) fn set_up(up: &Up) -> Request {
    let mut message = existing(&up.link);
    message.header.change_mask = LinkFlags::Up | LinkFlags::Promisc | LinkFlags::Multicast;
    message.header.flags = LinkFlags::Up;
    message.header.flags.set(LinkFlags::Promisc, up.promiscuous);
    message.header.flags.set(LinkFlags::Multicast, up.multicast);
    // Otherwise `ip addr` shows UNKNOWN until the kernel gets round to it (linkwatch), up to a second.
    message.attributes = vec![LinkAttribute::OperState(State::Up)];
    change(message)
}

/// Sets the link down.
pub(crate) fn set_down(link: &LinkRef) -> Request {
    let mut message = existing(link);
    message.header.change_mask = LinkFlags::Up;
    change(message)
}

/// Sets `lo` up.
pub(crate) fn set_loopback_up() -> Request {
    let mut message = LinkMessage::default();
    message.header.index = LOOPBACK;
    message.header.flags = LinkFlags::Up;
    message.header.change_mask = LinkFlags::Up;
    change(message)
}

fn born(link: &LinkRef, mac: Mac, mtu: u32) -> LinkMessage {
    let mut message = existing(link);
    message.attributes = vec![
        LinkAttribute::IfName(link.name.as_str().to_owned()),
        LinkAttribute::Address(mac.0.to_vec()),
        LinkAttribute::Mtu(mtu),
    ];
    message
}

fn existing(link: &LinkRef) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = link.index;
    message
}

/// veths otherwise get a queue for each CPU.
fn one_queue() -> [LinkAttribute; 2] {
    [LinkAttribute::NumTxQueues(1), LinkAttribute::NumRxQueues(1)]
}

fn info(kind: InfoKind, data: InfoData) -> LinkAttribute {
    LinkAttribute::LinkInfo(vec![LinkInfo::Kind(kind), LinkInfo::Data(data)])
}

fn create(message: LinkMessage) -> Request {
    Request::create(RouteNetlinkMessage::NewLink(message))
}

fn change(message: LinkMessage) -> Request {
    Request::change(RouteNetlinkMessage::SetLink(message))
}
