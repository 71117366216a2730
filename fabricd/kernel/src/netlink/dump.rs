//! Reading whole tables.

use std::io;

use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NetlinkBuffer, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;

use super::{Socket, batch::refusal};

const BUFFER: usize = 64 * 1024;
const ATTEMPTS: usize = 10;

impl Socket {
    /// Everything that answers `question`, read again if it changed meanwhile.
    pub(crate) fn dump(&self, question: &RouteNetlinkMessage) -> io::Result<Vec<RouteNetlinkMessage>> {
        for _ in 0..ATTEMPTS {
            if let Some(answers) = self.dump_once(question)? {
                return Ok(answers);
            }
        }
        Err(io::Error::other("the table changed each time that it was read"))
    }

    fn dump_once(&self, question: &RouteNetlinkMessage) -> io::Result<Option<Vec<RouteNetlinkMessage>>> {
        let mut message = NetlinkMessage::from(question.clone());
        message.header.flags = NLM_F_REQUEST | NLM_F_DUMP;
        message.header.sequence_number = self.sequence(1);
        message.finalize();
        let mut datagram = vec![0; message.buffer_len()];
        message.serialize(&mut datagram);
        self.send(&datagram)?;

        let mut answers = Vec::new();
        let mut interrupted = false;
        let mut buffer = vec![0; BUFFER];
        loop {
            let length = self.receive(&mut buffer)?;
            let mut rest = &buffer[..length];
            while !rest.is_empty() {
                let header = NetlinkBuffer::new_checked(&rest).map_err(unreadable)?;
                let length = header.length() as usize;
                let of_this_dump = header.sequence_number() == message.header.sequence_number;
                interrupted |= header.flags() & NLM_F_DUMP_INTR != 0;
                let answer = rest.get(..length).ok_or_else(|| unreadable("message longer than datagram"))?;
                rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
                if !of_this_dump {
                    continue;
                }
                match NetlinkMessage::deserialize(answer).map_err(unreadable)?.payload {
                    NetlinkPayload::InnerMessage(inner) => answers.push(inner),
                    NetlinkPayload::Done(done) if done.code < 0 => {
                        return Err(io::Error::from_raw_os_error(-done.code));
                    }
                    NetlinkPayload::Done(_) => return Ok((!interrupted).then_some(answers)),
                    NetlinkPayload::Error(_) => {
                        return match refusal(answer) {
                            Some(refusal) => Err(io::Error::other(refusal)),
                            None => Ok((!interrupted).then_some(answers)),
                        };
                    }
                    _ => {}
                }
            }
        }
    }
}

pub(super) fn unreadable(error: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("netlink answer not understood: {error}"))
}
