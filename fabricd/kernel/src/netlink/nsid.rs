//! Numbers that namespaces give each other: the exact way to learn where a veth's peer is.

use std::{
    io,
    os::fd::{AsRawFd, BorrowedFd},
};

use netlink_packet_route::{
    RouteNetlinkMessage,
    nsid::{NsidAttribute, NsidMessage},
};

use super::{Request, Socket};

/// In the socket's namespace, gives the namespace `fd` the number `id`.
pub(crate) fn assign(fd: BorrowedFd<'_>, id: i32) -> Request {
    let mut message = NsidMessage::default();
    let fd = u32::try_from(fd.as_raw_fd()).expect("an open descriptor is not negative");
    message.attributes = vec![NsidAttribute::Fd(fd), NsidAttribute::Id(id)];
    Request::change(RouteNetlinkMessage::NewNsId(message))
}

/// The numbers that the namespace `target` has for others, each with the number that the socket's
/// namespace has for the same one. Needs a strict socket.
pub(crate) fn of_target(socket: &Socket, target: i32) -> io::Result<Vec<(i32, i32)>> {
    let mut question = NsidMessage::default();
    question.attributes = vec![NsidAttribute::TargetNsid(target)];
    let answers = socket.dump(&RouteNetlinkMessage::GetNsId(question))?;
    Ok(answers.into_iter().filter_map(pair).collect())
}

fn pair(answer: RouteNetlinkMessage) -> Option<(i32, i32)> {
    let RouteNetlinkMessage::NewNsId(message) = answer else { return None };
    let (mut there, mut here) = (None, None);
    for attribute in message.attributes {
        match attribute {
            NsidAttribute::Id(id) => there = Some(id),
            NsidAttribute::CurrentNsid(id) => here = Some(id),
            _ => {}
        }
    }
    Some((there?, here.filter(|&id| id >= 0)?))
}
