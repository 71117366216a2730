//! What `fabctl compare` finds out about one lab, from captured packets and the lab's topology.
//!
//! Pure: [`Scene`] says who takes part, where to capture and what to send; fabctl does that, and
//! [`Way`], [`hops()`] and [`reach()`] read what came of it.

mod address_use;
mod frame;
pub mod interface;
mod owner;
mod reach;
mod scene;
mod way;

pub use self::{
    address_use::{AddressUse, Network},
    frame::{IcmpError, Payload, Seen, Tunnel, read},
    owner::Owner,
    reach::{Asker, Outcome, Reach, Relation, reach},
    scene::{CompareError, End, Point, PointKind, Scene},
    way::{Carrier, Hop, Layer, Refusal, RoundTrip, Way, hops},
};

/// ICMP echo requests of one purpose have one length, by which they are known wherever they are
/// seen: nobody else pings in a lab that was made for this.
///
/// The number of bytes behind the ICMP header, `-s` for ping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark(pub u16);

impl Mark {
    /// The ping whose way is looked at: ping's own default.
    pub const WAY: Self = Self(56);

    /// The ping that ends at the router of this number, from 1.
    pub fn hop(ttl: u8) -> Self {
        Self(100 + u16::from(ttl))
    }

    /// The ping of the asker of this number.
    pub fn asker(number: usize) -> Self {
        Self(400 + u16::try_from(number).unwrap_or(u16::MAX - 400))
    }

    /// Whether an IPv4 packet of `total_length` bytes has it.
    pub fn is_on(self, total_length: u16) -> bool {
        /// IPv4 header without options and ICMP header.
        const HEADERS: u16 = 28;
        total_length.checked_sub(HEADERS) == Some(self.0)
    }
}

/// The port of the one TCP SYN that is sent: `discard`, where nothing listens.
pub const SYN_PORT: u16 = 9;

#[cfg(test)]
mod tests;
