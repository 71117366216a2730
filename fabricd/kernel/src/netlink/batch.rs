//! Many requests in one datagram, with one acknowledgement for all and a refusal for each that failed.

use std::{fmt, io};

use netlink_packet_core::{NLM_F_ACK, NetlinkMessage};

use super::{Request, Socket};

/// What the kernel answered to one request: the errno, and its sentence where it has one.
#[derive(Debug)]
pub(crate) struct Refusal {
    errno: i32,
    sentence: Option<String>,
}

impl Refusal {
    pub(crate) fn errno(&self) -> i32 {
        self.errno
    }

    /// Whether it says that there is no such thing, or not the link that it would be on.
    pub(super) fn says_absent(&self) -> bool {
        matches!(self.errno, libc::ENOENT | libc::ENODEV)
    }
}

impl std::error::Error for Refusal {}

impl fmt::Display for Refusal {
    /// `Nexthop has invalid gateway (Network is unreachable)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let description = nix::errno::Errno::from_raw(self.errno).desc();
        match &self.sentence {
            Some(sentence) => write!(f, "{} ({description})", sentence.trim_end_matches('.')),
            None => f.write_str(description),
        }
    }
}

/// A refusal and the tag of the request that it answers.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) tag: usize,
    pub(crate) refusal: Refusal,
}

/// Requests to be sent together, each with a tag of the caller's.
#[derive(Default)]
pub(crate) struct Batch {
    datagram: Vec<u8>,
    /// Where each message begins, and its tag.
    messages: Vec<(usize, usize)>,
}

// A datagram must fit the socket's send buffer (212,992 bytes), and its refusals must fit the receive
// buffer, which holds 256 of them: the kernel drops the rest and says ENOBUFS.
const MESSAGES_MAX: usize = 200;
const BYTES_MAX: usize = 100_000;

const NLMSG_ERROR: u16 = 2;
const FLAGS_OFFSET: usize = 6;
const SEQUENCE_OFFSET: usize = 8;

impl Batch {
    /// Adds a request.
    pub(crate) fn push(&mut self, tag: usize, request: Request) {
        let mut message = NetlinkMessage::from(request.message);
        message.header.flags = request.flags;
        message.finalize();
        let start = self.datagram.len();
        let end = start + message.buffer_len();
        self.datagram.resize(end.next_multiple_of(4), 0);
        message.serialize(&mut self.datagram[start..end]);
        self.messages.push((start, tag));
    }

    /// Whether it should be sent before more is added.
    pub(crate) fn is_full(&self) -> bool {
        self.messages.len() >= MESSAGES_MAX || self.datagram.len() >= BYTES_MAX
    }

    /// The tag of the first request, to blame if the transport itself fails.
    pub(crate) fn first_tag(&self) -> Option<usize> {
        self.messages.first().map(|&(_, tag)| tag)
    }

    /// Sends everything and waits for the answers; the batch is empty afterwards. The kernel goes on
    /// after a refusal. They come back in order.
    pub(crate) fn send(&mut self, socket: &Socket) -> io::Result<Vec<Refused>> {
        let messages = std::mem::take(&mut self.messages);
        let mut datagram = std::mem::take(&mut self.datagram);
        let Some(&(last, _)) = messages.last() else { return Ok(Vec::new()) };
        let count = u32::try_from(messages.len()).expect("batches are small");
        let first = socket.sequence(count);
        for (sequence, &(start, _)) in (first..).zip(&messages) {
            let at = start + SEQUENCE_OFFSET;
            datagram[at..at + 4].copy_from_slice(&sequence.to_ne_bytes());
        }
        let at = last + FLAGS_OFFSET;
        let flags = u16::from_ne_bytes([datagram[at], datagram[at + 1]]) | NLM_F_ACK;
        datagram[at..at + 2].copy_from_slice(&flags.to_ne_bytes());
        socket.send(&datagram)?;

        let mut refused = Vec::new();
        let mut buffer = Vec::with_capacity(16 * 1024);
        loop {
            socket.receive(&mut buffer)?;
            for answer in answers(&buffer) {
                let index = answer.sequence.wrapping_sub(first) as usize;
                let Some(&(_, tag)) = messages.get(index) else { continue };
                if let Some(refusal) = answer.refusal {
                    refused.push(Refused { tag, refusal });
                }
                if index + 1 == messages.len() {
                    return Ok(refused);
                }
            }
        }
    }
}

/// An acknowledgement, or a refusal, of the request with this number.
struct Answer {
    sequence: u32,
    refusal: Option<Refusal>,
}

fn answers(mut datagram: &[u8]) -> impl Iterator<Item = Answer> {
    std::iter::from_fn(move || {
        loop {
            let length = word(datagram, 0)? as usize;
            let message = datagram.get(..length).filter(|message| message.len() >= 16)?;
            datagram = datagram.get(length.next_multiple_of(4)..).unwrap_or_default();
            if half(message, 4)? == NLMSG_ERROR {
                return Some(Answer { sequence: word(message, SEQUENCE_OFFSET)?, refusal: refusal(message) });
            }
        }
    })
}

/// The refusal in an `NLMSG_ERROR`; `None` if it is an acknowledgement (error 0).
pub(super) fn refusal(message: &[u8]) -> Option<Refusal> {
    let errno = i32::from_ne_bytes(message.get(16..20)?.try_into().ok()?).wrapping_neg();
    (errno != 0).then(|| Refusal { errno, sentence: sentence(message) })
}

/// `NLMSGERR_ATTR_MSG`, which stands behind the header of the refused request.
fn sentence(message: &[u8]) -> Option<String> {
    const CAPPED: u16 = 0x100;
    const HAS_ATTRIBUTES: u16 = 0x200;
    const ATTRIBUTE_MESSAGE: u16 = 1;
    let flags = half(message, FLAGS_OFFSET)?;
    if flags & HAS_ATTRIBUTES == 0 {
        return None;
    }
    let copied = if flags & CAPPED != 0 { 16 } else { (word(message, 20)? as usize).next_multiple_of(4) };
    let mut rest = message.get(20 + copied..)?;
    loop {
        let length = usize::from(half(rest, 0)?);
        if half(rest, 2)? & 0x3fff == ATTRIBUTE_MESSAGE {
            let text = rest.get(4..length)?;
            return Some(String::from_utf8_lossy(text).trim_end_matches('\0').to_owned());
        }
        rest = rest.get(length.max(4).next_multiple_of(4)..)?;
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}
