//! netem as the root queueing discipline of a link.
//!
//! netlink-packet-route knows no netem, so its options are written and read here, as
//! `include/uapi/linux/pkt_sched.h` has them. `TCA_OPTIONS` begins with a `struct tc_netem_qopt`:
//!
//! | bytes | field | here |
//! |---|---|---|
//! | 0–3 | `latency`, in ticks | 0: `TCA_NETEM_LATENCY64` says it in nanoseconds (Linux 4.15) |
//! | 4–7 | `limit`, packets | [`Netem::limit`] |
//! | 8–11 | `loss`, of 2^32-1 | the share of packets that are lost |
//! | 12–15 | `gap` | 0: nothing is sent out of order on purpose |
//! | 16–19 | `duplicate` | 0 |
//! | 20–23 | `jitter`, in ticks | 0: `TCA_NETEM_JITTER64` says it |
//!
//! Attributes follow: the two above as `s64`, `TCA_NETEM_RATE` as `struct tc_netem_rate` (`rate` in bytes a
//! second, then three numbers for cells, 0), and `TCA_NETEM_RATE64` for what 32 bits do not hold. All of
//! them are always sent, since a change leaves alone what it does not name.

use fabric_core::{
    fault::Impairment,
    object::{LinkRef, NETEM_LIMIT, Netem},
};
use netlink_packet_core::{DefaultNla, Nla};
use netlink_packet_route::{
    RouteNetlinkMessage,
    tc::{TcAttribute, TcHandle, TcMessage, TcOption},
};

use super::{Batch, Request, Socket, link::LOOPBACK};

const KIND: &str = "netem";
const TCA_OPTIONS: u16 = 2;
const TCA_NETEM_REORDER: u16 = 3;
const TCA_NETEM_CORRUPT: u16 = 4;
const TCA_NETEM_LOSS: u16 = 5;
const TCA_NETEM_RATE: u16 = 6;
const TCA_NETEM_RATE64: u16 = 8;
const TCA_NETEM_LATENCY64: u16 = 10;
const TCA_NETEM_JITTER64: u16 = 11;
const TCA_NETEM_SLOT: u16 = 12;
/// `sizeof(struct tc_netem_qopt)`.
const QOPT: usize = 24;

/// Makes it the link's root queueing discipline, whatever there was before.
pub(crate) fn create(netem: &Netem) -> Request {
    let mut message = root(&netem.link);
    message.attributes = vec![
        TcAttribute::Kind(KIND.to_owned()),
        TcAttribute::Other(DefaultNla::new(TCA_OPTIONS, options(netem))),
    ];
    Request::replace(RouteNetlinkMessage::NewQueueDiscipline(message))
}

/// Leaves the link to the kernel's own choice.
pub(crate) fn remove(netem: &Netem) -> Request {
    Request::change(RouteNetlinkMessage::DelQueueDiscipline(root(&netem.link)))
}

/// Whether the kernel has netem, found out on `lo` of the thread's namespace, which is to be thrown away.
pub(crate) fn is_there() -> bool {
    let link = LinkRef::fixed("lo", LOOPBACK);
    let netem = Netem { link, limit: NETEM_LIMIT, impairment: Impairment::default() };
    let mut batch = Batch::default();
    batch.push(0, create(&netem));
    let refused = Socket::route().and_then(|socket| batch.send(&socket));
    refused.is_ok_and(|refused| refused.is_empty())
}

/// Asks for the queueing disciplines of all links.
pub(crate) fn question() -> RouteNetlinkMessage {
    RouteNetlinkMessage::GetQueueDiscipline(TcMessage::default())
}

/// Reads one back. `None` for any that is not netem at the root.
pub(crate) fn read(message: TcMessage, link_named: impl Fn(u32) -> Option<LinkRef>) -> Option<Netem> {
    let index = u32::try_from(message.header.index).ok()?;
    if message.header.parent != TcHandle::ROOT {
        return None;
    }
    let (mut kind, mut bytes) = (None, None);
    for attribute in message.attributes {
        match attribute {
            TcAttribute::Kind(name) => kind = Some(name),
            TcAttribute::Options(options) => {
                bytes = options.into_iter().find_map(|option| match option {
                    TcOption::Other(nla) => Some(value(&nla)),
                    _ => None,
                });
            }
            _ => {}
        }
    }
    if kind? != KIND {
        return None;
    }
    let (limit, impairment) = parse(&bytes?)?;
    Some(Netem { link: link_named(index)?, limit, impairment })
}

fn root(link: &LinkRef) -> TcMessage {
    // The kernel counts interfaces with an int.
    let mut message = TcMessage::with_index(i32::try_from(link.index).unwrap_or(i32::MAX));
    message.header.parent = TcHandle::ROOT;
    message
}

fn value(nla: &DefaultNla) -> Vec<u8> {
    let mut bytes = vec![0; nla.value_len()];
    nla.emit_value(&mut bytes);
    bytes
}

fn options(netem: &Netem) -> Vec<u8> {
    let Impairment { delay, jitter, loss, rate } = netem.impairment;
    let mut bytes = Vec::new();
    for word in [0, netem.limit, share(loss), 0, 0, 0] {
        bytes.extend(word.to_ne_bytes());
    }
    let bytes_a_second = rate / 8;
    let narrow = u32::try_from(bytes_a_second).unwrap_or(u32::MAX);
    let cells = [narrow, 0, 0, 0].map(u32::to_ne_bytes).concat();
    if bytes_a_second > u32::MAX.into() {
        attribute(&mut bytes, TCA_NETEM_RATE64, &bytes_a_second.to_ne_bytes());
    }
    attribute(&mut bytes, TCA_NETEM_RATE, &cells);
    attribute(&mut bytes, TCA_NETEM_LATENCY64, &(i64::from(delay) * 1_000).to_ne_bytes());
    attribute(&mut bytes, TCA_NETEM_JITTER64, &(i64::from(jitter) * 1_000).to_ne_bytes());
    bytes
}

fn attribute(bytes: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(4 + value.len()).expect("attributes of netem are short");
    bytes.extend(length.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

/// Parts of a million as parts of 2^32-1, to the nearest.
fn share(parts: u32) -> u32 {
    let scaled = (u64::from(parts) * u64::from(u32::MAX) + 500_000) / 1_000_000;
    u32::try_from(scaled).unwrap_or(u32::MAX)
}

/// The other way; what [`share`] made of parts of a million comes back as it was.
fn parts(share: u32) -> u32 {
    let scaled = (u64::from(share) * 1_000_000 + u64::from(u32::MAX) / 2) / u64::from(u32::MAX);
    u32::try_from(scaled).unwrap_or(u32::MAX)
}

/// Limit and impairment. A netem that does what no blueprint says has a limit of 0, so it differs.
fn parse(bytes: &[u8]) -> Option<(u32, Impairment)> {
    let word = |at: usize| Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let (mut limit, loss, gap, duplicate) = (word(4)?, parts(word(8)?), word(12)?, word(16)?);
    let mut impairment = Impairment { loss, ..Impairment::default() };
    let mut wide = None;
    let mut odd = gap != 0 || duplicate != 0;
    let mut rest = bytes.get(QOPT..)?;
    while let Some((kind, value, after)) = next(rest) {
        rest = after;
        let long = || Some(u64::from_ne_bytes(value.get(..8)?.try_into().ok()?));
        let microseconds = || Some(u32::try_from(long()? / 1_000).unwrap_or(u32::MAX));
        match kind {
            TCA_NETEM_LATENCY64 => impairment.delay = microseconds()?,
            TCA_NETEM_JITTER64 => impairment.jitter = microseconds()?,
            TCA_NETEM_RATE64 => wide = long(),
            TCA_NETEM_RATE => {
                let words: Vec<u32> = value
                    .chunks_exact(4)
                    .map(|word| u32::from_ne_bytes([word[0], word[1], word[2], word[3]]))
                    .collect();
                impairment.rate = u64::from(*words.first()?) * 8;
                odd |= words[1..].iter().any(|word| *word != 0);
            }
            // These are always shown, mostly with a probability of 0 in front.
            TCA_NETEM_REORDER | TCA_NETEM_CORRUPT => {
                odd |= value.iter().take(4).any(|byte| *byte != 0);
            }
            TCA_NETEM_LOSS | TCA_NETEM_SLOT => odd = true,
            _ => {}
        }
    }
    if let Some(wide) = wide {
        impairment.rate = wide.saturating_mul(8);
    }
    if odd {
        limit = 0;
    }
    Some((limit, impairment))
}

/// The first attribute: its kind, its value, and what follows it.
fn next(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    const KIND_MASK: u16 = 0x3fff;
    let length = usize::from(u16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?));
    let kind = u16::from_ne_bytes(bytes.get(2..4)?.try_into().ok()?) & KIND_MASK;
    let value = bytes.get(4..length)?;
    Some((kind, value, bytes.get(length.next_multiple_of(4)..).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn netem(impairment: Impairment) -> Netem {
        Netem { link: LinkRef::fixed("eth0", 3), limit: 1000, impairment }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for rate in [0, 8, 10_000_000, 40_000_000_000, 100_000_000_000] {
            for loss in [0, 1, 5_000, 333_333, 999_999, 1_000_000] {
                let impairment = Impairment { delay: 50_000, jitter: 1, loss, rate };
                let written = options(&netem(impairment));
                assert_eq!(parse(&written), Some((1000, impairment)));
            }
        }
        assert_eq!(parse(&options(&netem(Impairment::default()))[..30]), Some((1000, Impairment::default())));
        assert_eq!(parse(&[0; 23]), None);
    }

    /// What `tc qdisc add dev lo root netem delay 50ms 5ms loss 10% rate 10mbit` of iproute2 6.1 sends,
    /// byte for byte, is read as that; only the times are said in ticks there (15.625 a microsecond).
    #[test]
    fn tc_says_loss_limit_and_rate_with_the_same_bytes() {
        let sent: [u8; 44] = [
            0xc2, 0xeb, 0x0b, 0, 0xe8, 3, 0, 0, 0x9a, 0x99, 0x99, 0x19, 0, 0, 0, 0, 0, 0, 0, 0, 0x2d, 0x31,
            1, 0, 0x14, 0, 6, 0, 0xd0, 0x12, 0x13, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ];
        let wanted = Impairment { delay: 0, jitter: 0, loss: 100_000, rate: 10_000_000 };
        assert_eq!(parse(&sent), Some((1000, wanted)));
        let ours = options(&netem(wanted));
        assert_eq!(ours[4..20], sent[4..20]);
        assert_eq!(ours[24..44], sent[24..44]);
    }

    #[test]
    fn what_no_blueprint_says_differs() {
        let mut duplicates = options(&netem(Impairment::default()));
        duplicates[16] = 1;
        assert_eq!(parse(&duplicates), Some((0, Impairment::default())));
        let mut corrupts = options(&netem(Impairment::default()));
        attribute(&mut corrupts, TCA_NETEM_CORRUPT, &[0; 8]);
        assert_eq!(parse(&corrupts), Some((1000, Impairment::default())));
        attribute(&mut corrupts, TCA_NETEM_CORRUPT, &[1, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(parse(&corrupts), Some((0, Impairment::default())));
    }
}
