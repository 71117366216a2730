//! One captured packet: the tunnels around it, its IPv4 header, and what matters of its payload.

use std::net::Ipv4Addr;

use serde::Serialize;

use crate::capture::{pcap::Record, timestamp::Nanoseconds};

/// `LINKTYPE_…` of pcap-linktype(7).
const ETHERNET: u32 = 1;
const RAW: u32 = 101;
const LINUX_SLL: u32 = 113;
const LINUX_SLL2: u32 = 276;

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_VLAN: u16 = 0x8100;

/// VXLAN's ports: IANA's, and the one that Linux took before (flannel, Cilium).
const VXLAN_PORTS: [u16; 2] = [4789, 8472];

/// Tunnels in tunnels are looked into so far.
const DEPTH_MAX: usize = 4;

/// A packet as it was seen somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// When.
    pub time: Nanoseconds,
    /// What is around it, outermost first.
    pub tunnels: Vec<Tunnel>,
    /// Of the innermost header.
    pub source: Ipv4Addr,
    /// Of the innermost header.
    pub destination: Ipv4Addr,
    /// Of the innermost header.
    pub ttl: u8,
    /// Of the innermost header, which counts.
    pub total_length: u16,
    /// What it is.
    pub payload: Payload,
}

/// What is around a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "protocol", rename_all_fields = "camelCase")]
pub enum Tunnel {
    /// VXLAN (RFC 7348).
    #[serde(rename = "VXLAN")]
    Vxlan {
        /// The network's number.
        vni: u32,
        /// Outer source.
        source: Ipv4Addr,
        /// Outer destination.
        destination: Ipv4Addr,
    },
    /// IP in IP (RFC 2003).
    #[serde(rename = "IPIP")]
    IpInIp {
        /// Outer source.
        source: Ipv4Addr,
        /// Outer destination.
        destination: Ipv4Addr,
    },
}

/// What a packet is, as far as a comparison asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// ICMP echo request.
    EchoRequest {
        /// Of the ping.
        identifier: u16,
        /// Of the packet.
        sequence: u16,
    },
    /// ICMP echo reply.
    EchoReply {
        /// Of the ping.
        identifier: u16,
        /// Of the packet.
        sequence: u16,
    },
    /// An ICMP error.
    Error {
        /// What is wrong.
        error: IcmpError,
        /// [`Seen::total_length`] of the packet that it is about.
        quoted_length: u16,
    },
    /// The first packet of a TCP connection.
    Syn {
        /// Where to.
        port: u16,
        /// The maximum segment size that it allows the other side.
        mss: Option<u16>,
    },
    /// Anything else.
    Other,
}

/// An ICMP error (RFC 792).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IcmpError {
    /// A router had to take the last of the TTL.
    TimeExceeded,
    /// Type 3, with its code.
    Unreachable(u8),
}

impl IcmpError {
    /// In ping's words.
    pub fn words(self) -> String {
        match self {
            Self::TimeExceeded => "time to live exceeded".to_owned(),
            Self::Unreachable(0) => "net unreachable".to_owned(),
            Self::Unreachable(1) => "host unreachable".to_owned(),
            Self::Unreachable(3) => "port unreachable".to_owned(),
            Self::Unreachable(4) => "fragmentation needed".to_owned(),
            Self::Unreachable(9 | 10 | 13) => "packet filtered".to_owned(),
            Self::Unreachable(code) => format!("unreachable, code {code}"),
        }
    }
}

/// The IPv4 packets of a capture of this link type, in its order. Others, broken ones and ARP are
/// left out.
pub fn read(link_type: u32, records: &[Record]) -> Vec<Seen> {
    let packets = records.iter().filter_map(|record| {
        let packet = network_layer(link_type, &record.data)?;
        packet_of(record.time, packet, vec![])
    });
    packets.collect()
}

/// The IPv4 packet in a frame.
fn network_layer(link_type: u32, frame: &[u8]) -> Option<&[u8]> {
    let (ethertype, payload) = match link_type {
        ETHERNET => return ethernet(frame),
        RAW => (ETHERTYPE_IPV4, frame),
        LINUX_SLL => (u16_at(frame, 14)?, frame.get(16..)?),
        LINUX_SLL2 => (u16_at(frame, 0)?, frame.get(20..)?),
        _ => return None,
    };
    (ethertype == ETHERTYPE_IPV4).then_some(payload)
}

fn ethernet(frame: &[u8]) -> Option<&[u8]> {
    let at = if u16_at(frame, 12)? == ETHERTYPE_VLAN { 16 } else { 12 };
    (u16_at(frame, at)? == ETHERTYPE_IPV4).then(|| frame.get(at + 2..))?
}

fn packet_of(time: Nanoseconds, packet: &[u8], mut tunnels: Vec<Tunnel>) -> Option<Seen> {
    let first = *packet.first()?;
    let header = usize::from(first & 0xf) * 4;
    let (total_length, fragment) = (u16_at(packet, 2)?, u16_at(packet, 6)? & 0x1fff);
    let (ttl, protocol) = (*packet.get(8)?, *packet.get(9)?);
    let (source, destination) = (address_at(packet, 12)?, address_at(packet, 16)?);
    if first >> 4 != 4 || header < 20 {
        return None;
    }
    // Frames are padded to 60 bytes; a capture may have cut the packet short.
    let end = usize::from(total_length).clamp(header, packet.len().max(header));
    let body = packet.get(header..end)?;
    if fragment == 0 && tunnels.len() < DEPTH_MAX {
        let inner = match protocol {
            4 => Some((Tunnel::IpInIp { source, destination }, body)),
            17 => vxlan(body).and_then(|(vni, frame)| {
                Some((Tunnel::Vxlan { vni, source, destination }, ethernet(frame)?))
            }),
            _ => None,
        };
        if let Some((tunnel, inner)) = inner {
            tunnels.push(tunnel);
            return packet_of(time, inner, tunnels);
        }
    }
    let payload = match protocol {
        1 if fragment == 0 => icmp(body),
        6 if fragment == 0 => tcp(body),
        _ => None,
    };
    let payload = payload.unwrap_or(Payload::Other);
    Some(Seen { time, tunnels, source, destination, ttl, total_length, payload })
}

/// The VNI and the frame in a UDP datagram, if it is VXLAN's.
fn vxlan(datagram: &[u8]) -> Option<(u32, &[u8])> {
    let valid = *datagram.get(8)? & 0x08 != 0;
    let vni = u32::from_be_bytes([0, *datagram.get(12)?, *datagram.get(13)?, *datagram.get(14)?]);
    (valid && VXLAN_PORTS.contains(&u16_at(datagram, 2)?)).then_some((vni, datagram.get(16..)?))
}

fn icmp(message: &[u8]) -> Option<Payload> {
    let (identifier, sequence) = (u16_at(message, 4)?, u16_at(message, 6)?);
    let error = match (*message.first()?, *message.get(1)?) {
        (8, 0) => return Some(Payload::EchoRequest { identifier, sequence }),
        (0, 0) => return Some(Payload::EchoReply { identifier, sequence }),
        (11, _) => IcmpError::TimeExceeded,
        (3, code) => IcmpError::Unreachable(code),
        _ => return None,
    };
    Some(Payload::Error { error, quoted_length: u16_at(message, 8 + 2)? })
}

fn tcp(segment: &[u8]) -> Option<Payload> {
    const SYN: u8 = 0x02;
    const ACK: u8 = 0x10;
    if *segment.get(13)? & (SYN | ACK) != SYN {
        return None;
    }
    let header = usize::from(*segment.get(12)? >> 4) * 4;
    Some(Payload::Syn { port: u16_at(segment, 2)?, mss: mss(segment.get(20..header)?) })
}

/// Option 2 (RFC 9293, 3.2).
fn mss(mut options: &[u8]) -> Option<u16> {
    loop {
        match *options.first()? {
            0 => return None,
            1 => options = &options[1..],
            2 => return u16_at(options, 2),
            _ => options = options.get(usize::from(*options.get(1)?).max(2)..)?,
        }
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
}

fn address_at(bytes: &[u8], at: usize) -> Option<Ipv4Addr> {
    bytes.get(at..)?.first_chunk::<4>().map(|bytes| Ipv4Addr::from(*bytes))
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use proptest::prelude::*;

    use super::*;
    use crate::capture::pcap::Reader;

    /// A capture from the real kernel, a line a packet.
    fn shown(capture: &[u8]) -> String {
        let mut reader = Reader::default();
        reader.push(capture);
        let header = reader.header().unwrap().unwrap();
        let mut out = String::new();
        for seen in read(header.link_type, &reader.records().unwrap()) {
            let Seen { tunnels, source, destination, ttl, total_length, payload, .. } = seen;
            let tunnels = tunnels.iter().map(|tunnel| format!("{tunnel:?} ")).collect::<String>();
            writeln!(out, "{tunnels}{source} > {destination} ttl {ttl} length {total_length} {payload:?}")
                .unwrap();
        }
        out
    }

    #[test]
    fn a_capture_of_all_interfaces_of_a_pod_is_read() {
        insta::assert_snapshot!(shown(include_bytes!("testdata/client.pcap")));
    }

    #[test]
    fn tunnels_are_taken_off_and_told() {
        insta::assert_snapshot!(shown(include_bytes!("testdata/host.pcap")));
    }

    #[test]
    fn ip_in_ip_and_vlans_are_tunnels_and_tags() {
        let mut packet = vec![0; 12];
        packet.extend([0x81, 0, 0, 7, 8, 0]);
        let header = |protocol: u8, length: u8, last: u8| {
            let mut header = vec![0x45, 0, 0, length, 0, 0, 0, 0, 60, protocol, 0, 0];
            header.extend([192, 0, 2, last, 192, 0, 2, last + 1]);
            header
        };
        packet.extend(header(4, 40, 1));
        packet.extend(header(89, 20, 11));
        let record = Record { time: 0, original_length: 0, data: packet };
        let seen = read(ETHERNET, &[record]).remove(0);
        let outer = [1, 2].map(|last| Ipv4Addr::new(192, 0, 2, last));
        assert_eq!(seen.tunnels, [Tunnel::IpInIp { source: outer[0], destination: outer[1] }]);
        assert_eq!((seen.source.octets()[3], seen.payload), (11, Payload::Other));
    }

    proptest! {
        /// Whatever is on the wire: it is read or left out.
        #[test]
        fn nonsense_is_survived(
            link_type in prop::sample::select(vec![ETHERNET, RAW, LINUX_SLL, LINUX_SLL2, 7]),
            mut data in prop::collection::vec(any::<u8>(), 0..120),
            protocol in prop::sample::select(vec![1_u8, 4, 6, 17]),
        ) {
            // Often enough something that begins well.
            for (at, byte) in [(12, 8), (13, 0), (14, 0x45), (14 + 9, protocol)] {
                if let Some(place) = data.get_mut(at) {
                    *place = byte;
                }
            }
            let records = [Record { time: 0, original_length: 0, data }];
            prop_assert!(read(link_type, &records).len() <= 1);
        }
    }
}
