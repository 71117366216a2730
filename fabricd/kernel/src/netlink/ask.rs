//! One question with one answer.

use std::io;

use netlink_packet_core::{NLM_F_REQUEST, NetlinkBuffer, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;

use super::{Socket, batch::refusal, dump::unreadable};

impl Socket {
    /// The kernel's answer to `question`, or the errno by which it says that there is none.
    pub(crate) fn ask(&self, question: RouteNetlinkMessage) -> io::Result<Result<RouteNetlinkMessage, i32>> {
        let mut message = NetlinkMessage::from(question);
        message.header.flags = NLM_F_REQUEST;
        message.header.sequence_number = self.sequence(1);
        message.finalize();
        let mut datagram = vec![0; message.buffer_len()];
        message.serialize(&mut datagram);
        self.send(&datagram)?;

        let mut buffer = vec![0; 16 * 1024];
        loop {
            let length = self.receive(&mut buffer)?;
            let answer = &buffer[..length];
            let header = NetlinkBuffer::new_checked(&answer).map_err(unreadable)?;
            if header.sequence_number() != message.header.sequence_number {
                continue;
            }
            return match NetlinkMessage::deserialize(answer).map_err(unreadable)?.payload {
                NetlinkPayload::InnerMessage(inner) => Ok(Ok(inner)),
                NetlinkPayload::Error(_) => match refusal(answer) {
                    Some(refusal) => Ok(Err(refusal.errno())),
                    None => Err(unreadable("an acknowledgement where an answer was due")),
                },
                _ => Err(unreadable("neither an answer nor an error")),
            };
        }
    }
}
