//! Reading whole tables, and single entries of them.

use std::{cell::RefCell, io};

use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_MULTIPART, NLM_F_REQUEST, NetlinkBuffer, NetlinkDeserializable,
    NetlinkMessage, NetlinkPayload, NetlinkSerializable,
};
use netlink_packet_route::RouteNetlinkMessage;

use super::{
    Socket,
    batch::{Refusal, refusal},
};

const BUFFER: usize = 64 * 1024;
const ATTEMPTS: usize = 10;

thread_local! {
    /// For datagrams. Allocated for each table anew it would take longer than many a table.
    static DATAGRAM: RefCell<Vec<u8>> = RefCell::new(Vec::with_capacity(BUFFER));
}

/// A family of messages: what is asked and what is answered.
pub(crate) trait Family:
    Clone + NetlinkSerializable + NetlinkDeserializable + Into<NetlinkPayload<Self>>
{
}

impl Family for RouteNetlinkMessage {}
impl Family for super::conntrack::Message {}

/// What came back for one question.
struct Answers<M> {
    messages: Vec<M>,
    /// The table changed while it was read.
    interrupted: bool,
}

impl Socket {
    /// Everything that answers `question`, read again if it changed meanwhile.
    pub(crate) fn dump<M: Family>(&self, question: &M) -> io::Result<Vec<M>> {
        for _ in 0..ATTEMPTS {
            let answers = self.ask(question, NLM_F_REQUEST | NLM_F_DUMP)?.map_err(io::Error::other)?;
            if !answers.interrupted {
                return Ok(answers.messages);
            }
        }
        Err(io::Error::other("the table changed each time that it was read"))
    }

    /// The one entry that `question` names; `None` if there is none.
    pub(crate) fn look_up(&self, question: &RouteNetlinkMessage) -> io::Result<Option<RouteNetlinkMessage>> {
        match self.answer(question)? {
            Ok(answer) => Ok(Some(answer)),
            Err(refusal) if refusal.says_absent() => Ok(None),
            Err(refusal) => Err(io::Error::other(refusal)),
        }
    }

    /// The one answer to `question`, or how the kernel refuses it.
    pub(crate) fn answer(
        &self,
        question: &RouteNetlinkMessage,
    ) -> io::Result<Result<RouteNetlinkMessage, Refusal>> {
        match self.ask(question, NLM_F_REQUEST)? {
            Ok(answers) => match answers.messages.into_iter().next() {
                Some(answer) => Ok(Ok(answer)),
                None => Err(unreadable("an acknowledgement where an answer was due")),
            },
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    fn ask<M: Family>(&self, question: &M, flags: u16) -> io::Result<Result<Answers<M>, Refusal>> {
        let mut message = NetlinkMessage::from(question.clone());
        message.header.flags = flags;
        message.header.sequence_number = self.sequence(1);
        message.finalize();
        DATAGRAM.with_borrow_mut(|datagram| {
            datagram.clear();
            datagram.resize(message.buffer_len(), 0);
            message.serialize(datagram);
            self.send(datagram)?;
            let mut answers = Answers { messages: vec![], interrupted: false };
            loop {
                self.receive(datagram)?;
                match answers.add(datagram, message.header.sequence_number)? {
                    Part::More => {}
                    Part::Last => return Ok(Ok(answers)),
                    Part::Refused(refusal) => return Ok(Err(refusal)),
                }
            }
        })
    }
}

/// How a datagram ends.
enum Part {
    More,
    Last,
    Refused(Refusal),
}

impl<M: Family> Answers<M> {
    /// Adds what the datagram says to the question with this number.
    fn add(&mut self, datagram: &[u8], question: u32) -> io::Result<Part> {
        let mut rest = datagram;
        while !rest.is_empty() {
            let header = NetlinkBuffer::new_checked(&rest).map_err(unreadable)?;
            let length = header.length() as usize;
            let is_ours = header.sequence_number() == question;
            let is_only = header.flags() & NLM_F_MULTIPART == 0;
            self.interrupted |= header.flags() & NLM_F_DUMP_INTR != 0;
            let answer = rest.get(..length).ok_or_else(|| unreadable("message longer than datagram"))?;
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
            if !is_ours {
                continue;
            }
            match NetlinkMessage::<M>::deserialize(answer).map_err(unreadable)?.payload {
                NetlinkPayload::InnerMessage(inner) => {
                    self.messages.push(inner);
                    if is_only {
                        return Ok(Part::Last);
                    }
                }
                NetlinkPayload::Done(done) if done.code < 0 => {
                    return Err(io::Error::from_raw_os_error(-done.code));
                }
                NetlinkPayload::Done(_) => return Ok(Part::Last),
                NetlinkPayload::Error(_) => return Ok(refusal(answer).map_or(Part::Last, Part::Refused)),
                _ => {}
            }
        }
        Ok(Part::More)
    }
}

fn unreadable(error: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("netlink answer not understood: {error}"))
}
