//! Entries of the connection tracking table (ctnetlink).
//!
//! Numbers are those of `include/uapi/linux/netfilter/nfnetlink_conntrack.h`; values are in network byte order.
//! netlink-packet-netfilter knows neither ICMP's part of a tuple nor zones, so the attributes are read here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use fabric_core::conntrack::{Connection, Ends, Protocol, Status, TcpState, Tuple};
use netlink_packet_core::{
    DecodeError, NetlinkDeserializable, NetlinkHeader, NetlinkPayload, NetlinkSerializable, NlasIterator,
};

/// A message of ctnetlink.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    /// Asks for all entries, of IPv4 and IPv6.
    Question,
    /// An entry.
    Entry(Box<Connection>),
    /// Something else, such as an entry of neither family.
    Other,
}

const SUBSYSTEM: u16 = 1 << 8; // NFNL_SUBSYS_CTNETLINK
const NEW: u16 = SUBSYSTEM; // IPCTNL_MSG_CT_NEW
const GET: u16 = SUBSYSTEM | 1; // IPCTNL_MSG_CT_GET
/// `struct nfgenmsg`: family, version, resource. All zero asks for any family.
const HEADER: usize = 4;

impl NetlinkSerializable for Message {
    fn message_type(&self) -> u16 {
        GET
    }

    fn buffer_len(&self) -> usize {
        HEADER
    }

    fn serialize(&self, buffer: &mut [u8]) {
        buffer.fill(0);
    }
}

impl NetlinkDeserializable for Message {
    type Error = DecodeError;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> Result<Self, DecodeError> {
        if header.message_type != NEW {
            return Ok(Self::Other);
        }
        let attributes = payload.get(HEADER..).unwrap_or_default();
        Ok(read(attributes)?.map_or(Self::Other, |connection| Self::Entry(Box::new(connection))))
    }
}

impl From<Message> for NetlinkPayload<Message> {
    fn from(message: Message) -> Self {
        Self::InnerMessage(message)
    }
}

/// Reads an entry; `None` if it lacks what every one of IPv4 and IPv6 has.
fn read(bytes: &[u8]) -> Result<Option<Connection>, DecodeError> {
    let (mut original, mut reply, mut state, mut timeout) = (None, None, None, None);
    let (mut status, mut mark, mut zone, mut uses) = (0, 0, 0, 0);
    for attribute in attributes(bytes) {
        match attribute? {
            (1, value) => original = tuple(value)?,     // CTA_TUPLE_ORIG
            (2, value) => reply = tuple(value)?,        // CTA_TUPLE_REPLY
            (3, value) => status = word(value)?,        // CTA_STATUS
            (4, value) => state = tcp_state(value)?,    // CTA_PROTOINFO
            (7, value) => timeout = Some(word(value)?), // CTA_TIMEOUT
            (8, value) => mark = word(value)?,          // CTA_MARK
            (11, value) => uses = word(value)?,         // CTA_USE
            (18, value) => zone = half(value)?,         // CTA_ZONE
            _ => {}
        }
    }
    let (Some((protocol, original)), Some((_, reply))) = (original, reply) else { return Ok(None) };
    let status = Status(status);
    Ok(Some(Connection { protocol, original, reply, state, timeout, status, mark, zone, uses }))
}

fn tuple(bytes: &[u8]) -> Result<Option<(Protocol, Tuple)>, DecodeError> {
    let (mut source, mut destination, mut protocol) = (None, None, None);
    let (mut ports, mut icmp) = ([None; 2], None);
    for attribute in attributes(bytes) {
        match attribute? {
            // CTA_TUPLE_IP
            (1, value) => {
                for attribute in attributes(value) {
                    match attribute? {
                        (1, value) => source = Some(IpAddr::V4(Ipv4Addr::from(array(value)?))), // CTA_IP_V4_SRC
                        (2, value) => destination = Some(IpAddr::V4(Ipv4Addr::from(array(value)?))),
                        (3, value) => source = Some(IpAddr::V6(Ipv6Addr::from(array(value)?))), // CTA_IP_V6_SRC
                        (4, value) => destination = Some(IpAddr::V6(Ipv6Addr::from(array(value)?))),
                        _ => {}
                    }
                }
            }
            // CTA_TUPLE_PROTO
            (2, value) => {
                let mut question = (None, None, None);
                for attribute in attributes(value) {
                    match attribute? {
                        (1, value) => protocol = Some(Protocol(byte(value)?)), // CTA_PROTO_NUM
                        (2, value) => ports[0] = Some(half(value)?),           // CTA_PROTO_SRC_PORT
                        (3, value) => ports[1] = Some(half(value)?),           // CTA_PROTO_DST_PORT
                        (4 | 7, value) => question.2 = Some(half(value)?),     // CTA_PROTO_ICMP_ID, …ICMPV6…
                        (5 | 8, value) => question.0 = Some(byte(value)?),     // CTA_PROTO_ICMP_TYPE
                        (6 | 9, value) => question.1 = Some(byte(value)?),     // CTA_PROTO_ICMP_CODE
                        _ => {}
                    }
                }
                if let (Some(kind), Some(code), Some(id)) = question {
                    icmp = Some(Ends::Icmp { kind, code, id });
                }
            }
            _ => {}
        }
    }
    let ends = match (ports, icmp) {
        ([Some(source), Some(destination)], _) => Ends::Ports { source, destination },
        (_, Some(icmp)) => icmp,
        _ => Ends::Nothing,
    };
    let (Some(source), Some(destination), Some(protocol)) = (source, destination, protocol) else {
        return Ok(None);
    };
    Ok(Some((protocol, Tuple { source, destination, ends })))
}

fn tcp_state(bytes: &[u8]) -> Result<Option<TcpState>, DecodeError> {
    for attribute in attributes(bytes) {
        // CTA_PROTOINFO_TCP
        if let (1, value) = attribute? {
            for attribute in attributes(value) {
                // CTA_PROTOINFO_TCP_STATE
                if let (1, value) = attribute? {
                    return byte(value).map(TcpState::from_number);
                }
            }
        }
    }
    Ok(None)
}

/// The attributes one after the other, each with its number.
fn attributes(bytes: &[u8]) -> impl Iterator<Item = Result<(u16, &[u8]), DecodeError>> {
    NlasIterator::new(bytes).map(|attribute| {
        let attribute = attribute?;
        let (kind, length) = (attribute.kind(), usize::from(attribute.length()));
        // The iterator has seen that the length is right.
        Ok((kind, attribute.into_inner().get(4..length).unwrap_or_default()))
    })
}

fn array<const N: usize>(value: &[u8]) -> Result<[u8; N], DecodeError> {
    value.try_into().map_err(|_| DecodeError::from("an attribute of ctnetlink has the wrong length"))
}

fn word(value: &[u8]) -> Result<u32, DecodeError> {
    array(value).map(u32::from_be_bytes)
}

fn half(value: &[u8]) -> Result<u16, DecodeError> {
    array(value).map(u16::from_be_bytes)
}

fn byte(value: &[u8]) -> Result<u8, DecodeError> {
    array(value).map(|[byte]| byte)
}

#[cfg(test)]
mod tests;
