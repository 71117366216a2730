//! The kernel's packet log (nfnetlink_log): what rules with `log group N` tell.
//!
//! Numbers are those of `include/uapi/linux/netfilter/nfnetlink_log.h`; values are in network byte order.

use std::io;

use netlink_packet_core::{NLM_F_ACK, NLM_F_REQUEST, NlasIterator};

use super::{Socket, batch::refusal};

const SUBSYSTEM: u16 = 4 << 8; // NFNL_SUBSYS_ULOG
const PACKET: u16 = SUBSYSTEM; // NFULNL_MSG_PACKET
const CONFIG: u16 = SUBSYSTEM | 1; // NFULNL_MSG_CONFIG
const ACKNOWLEDGEMENT: u16 = 2; // NLMSG_ERROR
/// `struct nlmsghdr` and `struct nfgenmsg`.
const HEADER: usize = 16;
const HEADERS: usize = HEADER + 4;

/// Bytes of each packet that are told: an IPv4 header with all options, and ports.
const SNAPLEN: u32 = 64;

/// What a rule has told of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// The rule's `log prefix`.
    pub prefix: String,
    /// The beginning of the packet, from its IP header.
    pub packet: Vec<u8>,
}

/// A socket that is told what rules of the calling thread's namespace log to `group`.
///
/// # Errors
/// If somebody else listens there, or the kernel cannot log.
pub(crate) fn listen(group: u16) -> io::Result<Socket> {
    let socket = Socket::netfilter()?;
    let mut request = vec![0_u8; HEADERS];
    attribute(&mut request, 1, &[1]); // NFULA_CFG_CMD: NFULNL_CFG_CMD_BIND
    let [a, b, c, d] = SNAPLEN.to_be_bytes();
    attribute(&mut request, 2, &[a, b, c, d, 2, 0]); // NFULA_CFG_MODE: NFULNL_COPY_PACKET
    // Each at once, instead of a hundred or after a second.
    attribute(&mut request, 5, &1_u32.to_be_bytes()); // NFULA_CFG_QTHRESH
    let length = u32::try_from(request.len()).unwrap_or(u32::MAX);
    request[0..4].copy_from_slice(&length.to_ne_bytes());
    request[4..6].copy_from_slice(&CONFIG.to_ne_bytes());
    request[6..8].copy_from_slice(&(NLM_F_REQUEST | NLM_F_ACK).to_ne_bytes());
    request[8..12].copy_from_slice(&socket.sequence(1).to_ne_bytes());
    request[18..20].copy_from_slice(&group.to_be_bytes());
    socket.send(&request)?;
    let mut answer = Vec::with_capacity(4096);
    loop {
        socket.receive(&mut answer)?;
        // The first packets may be told before it is said that they will be.
        if answer.get(4..6) == Some(&ACKNOWLEDGEMENT.to_ne_bytes()) {
            break;
        }
    }
    match refusal(&answer) {
        Some(refusal) => Err(io::Error::other(refusal)),
        None => Ok(socket),
    }
}

fn attribute(request: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
    request.extend(length.to_ne_bytes());
    request.extend(kind.to_ne_bytes());
    request.extend(value);
    request.resize(request.len().next_multiple_of(4), 0);
}

/// What a datagram of such a socket tells. What is no packet, and what cannot be read, is left out.
pub(crate) fn read(datagram: &[u8]) -> Vec<Logged> {
    let mut all = vec![];
    let mut rest = datagram;
    while let Some(head) = rest.get(..HEADERS) {
        let length = u32::from_ne_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let Some(message) = rest.get(..length).filter(|_| length >= HEADERS) else { break };
        if u16::from_ne_bytes([head[4], head[5]]) == PACKET {
            all.extend(packet(&message[HEADERS..]));
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    all
}

fn packet(attributes: &[u8]) -> Option<Logged> {
    let (mut prefix, mut packet) = (None, None);
    for attribute in NlasIterator::new(attributes) {
        let attribute = attribute.ok()?;
        let (kind, length) = (attribute.kind(), usize::from(attribute.length()));
        // The iterator has seen that the length is right.
        let value = attribute.into_inner().get(4..length).unwrap_or_default();
        match kind {
            9 => packet = Some(value.to_vec()), // NFULA_PAYLOAD
            // NFULA_PREFIX
            10 => {
                let text = value.split(|byte| *byte == 0).next().unwrap_or_default();
                prefix = Some(String::from_utf8_lossy(text).into_owned());
            }
            _ => {}
        }
    }
    Some(Logged { prefix: prefix?, packet: packet? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn datagram(all: &[(&str, &[u8])]) -> Vec<u8> {
        let mut datagram = vec![];
        for (prefix, packet) in all {
            let mut message = vec![0_u8; HEADERS];
            let text: Vec<u8> = prefix.bytes().chain([0]).collect();
            attribute(&mut message, 3, &[0; 16]);
            attribute(&mut message, 10, &text);
            attribute(&mut message, 9, packet);
            let length = u32::try_from(message.len()).unwrap();
            message[0..4].copy_from_slice(&length.to_ne_bytes());
            message[4..6].copy_from_slice(&PACKET.to_ne_bytes());
            datagram.extend(message);
        }
        datagram
    }

    proptest! {
        #[test]
        fn packets_are_read_as_they_were_told(
            all in proptest::collection::vec(
                ("[ -~]{0,127}", proptest::collection::vec(any::<u8>(), 0..65)), 0..4),
        ) {
            let told: Vec<(&str, &[u8])> = all.iter().map(|(a, b)| (a.as_str(), b.as_slice())).collect();
            let read: Vec<_> = read(&datagram(&told)).into_iter().map(|it| (it.prefix, it.packet)).collect();
            prop_assert_eq!(read, all);
        }

        #[test]
        fn no_datagram_is_too_strange(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }

        #[test]
        fn a_datagram_may_end_anywhere(end in 0usize..120, byte in 0usize..120, value: u8) {
            let mut whole = datagram(&[("Allow a/b", &[0x45; 40]), ("Deny ", &[1, 2, 3])]);
            if let Some(at) = whole.get_mut(byte) {
                *at = value;
            }
            let _ = read(whole.get(..end).unwrap_or(&whole));
        }
    }
}
