//! Tracked connections: what the kernel remembers of a flow, and what it translates it into.
//!
//! [`Connection`] prints as a line of `conntrack -L` (conntrack-tools 1.4.7). Where the two tuples are not each
//! other's mirror there is a translation: the reply's destination is the address and port that the other side
//! saw, the reply's source the one that answered.

mod filter;
mod text;

use std::{cmp::Ordering, net::IpAddr};

pub use filter::{Filter, NoFilter, address, network, port, protocol};
pub use text::UnknownState;

/// Most connections that are told of one place. The kernel's usual limit (`nf_conntrack_max`) is 262,144.
pub const CONNECTIONS_MAX: usize = 65_536;

/// One entry of a connection tracking table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Its transport protocol.
    pub protocol: Protocol,
    /// The first packet, as it came in.
    pub original: Tuple,
    /// The packets that answer it, as they come in.
    pub reply: Tuple,
    /// How far TCP's handshakes are, for TCP.
    pub state: Option<TcpState>,
    /// Seconds until it is forgotten if no packet comes; none for one that is offloaded to hardware.
    pub timeout: Option<u32>,
    /// What the kernel notes about it.
    pub status: Status,
    /// Its connection mark.
    pub mark: u32,
    /// Its zone; 0 unless rules say otherwise.
    pub zone: u16,
    /// How many parts of the kernel hold it at the moment.
    pub uses: u32,
}

/// A transport protocol, by its IANA number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Protocol(pub u8);

impl Protocol {
    /// ICMP.
    pub const ICMP: Self = Self(1);
    /// TCP.
    pub const TCP: Self = Self(6);
    /// UDP.
    pub const UDP: Self = Self(17);
    /// ICMP for IPv6.
    pub const ICMPV6: Self = Self(58);
}

/// One direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tuple {
    /// Where its packets come from.
    pub source: IpAddr,
    /// Where they go to.
    pub destination: IpAddr,
    /// What tells them from others between the same two.
    pub ends: Ends,
}

/// What besides the addresses tells one connection from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ends {
    /// Ports, of TCP, UDP and the like.
    Ports {
        /// The sender's.
        source: u16,
        /// The receiver's.
        destination: u16,
    },
    /// A question of ICMP's and its answer.
    Icmp {
        /// ICMP's type, such as 8 for an echo request.
        kind: u8,
        /// ICMP's code.
        code: u8,
        /// The identifier, which ping draws by lot.
        id: u16,
    },
    /// Nothing, of other protocols.
    Nothing,
}

/// How far a TCP connection is, as the kernel has seen it pass (`enum tcp_conntrack`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpState {
    /// Nothing seen yet.
    None,
    /// A SYN has passed.
    SynSent,
    /// Its answer too.
    SynReceived,
    /// The handshake is complete.
    Established,
    /// One side has sent FIN.
    FinWait,
    /// The other has acknowledged it.
    CloseWait,
    /// The other has sent FIN too.
    LastAck,
    /// All is acknowledged.
    TimeWait,
    /// RST has passed.
    Close,
    /// Both sides have sent a SYN at the same time.
    SynSent2,
}

/// Bits of the kernel's `enum ip_conntrack_status`
/// (`include/uapi/linux/netfilter/nf_conntrack_common.h`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status(pub u32);

impl Status {
    /// Packets have passed in both directions.
    pub const SEEN_REPLY: Self = Self(1 << 1);
    /// It is not thrown away when the table is full.
    pub const ASSURED: Self = Self(1 << 2);
    /// Its first packet has left the place.
    pub const CONFIRMED: Self = Self(1 << 3);
    /// Its source is translated.
    pub const SOURCE_NAT: Self = Self(1 << 4);
    /// Its destination is translated.
    pub const DESTINATION_NAT: Self = Self(1 << 5);
    /// It is about to go.
    pub const DYING: Self = Self(1 << 9);
    /// Its packets pass by a flow table.
    pub const OFFLOAD: Self = Self(1 << 14);
    /// Its packets pass by hardware.
    pub const HARDWARE_OFFLOAD: Self = Self(1 << 15);

    /// Whether all bits of `other` are set.
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The names of the bits that are set and that say something to people, in JSON's spelling.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        const NAMES: [(Status, &str); 8] = [
            (Status::SEEN_REPLY, "seenReply"),
            (Status::ASSURED, "assured"),
            (Status::CONFIRMED, "confirmed"),
            (Status::SOURCE_NAT, "sourceNat"),
            (Status::DESTINATION_NAT, "destinationNat"),
            (Status::DYING, "dying"),
            (Status::OFFLOAD, "offload"),
            (Status::HARDWARE_OFFLOAD, "hardwareOffload"),
        ];
        NAMES.into_iter().filter(move |(bit, _)| self.has(*bit)).map(|(_, name)| name)
    }
}

impl Connection {
    /// Whether both sides have said goodbye, or one has broken it off. It is remembered a while, but the kernel
    /// gives its ports to the next who asks (`nf_nat_used_tuple_harder`).
    pub fn is_closed(&self) -> bool {
        matches!(self.state, Some(TcpState::TimeWait | TcpState::Close))
    }

    /// The order in which tables are shown: protocol, then what the first packet said.
    pub fn order(&self, other: &Self) -> Ordering {
        let key = |it: &Self| (it.protocol, it.original, it.reply, it.zone);
        key(self).cmp(&key(other))
    }
}

#[cfg(test)]
mod tests;
