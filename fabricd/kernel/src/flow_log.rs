//! What the rules of a place log, read by the daemon.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, OwnedFd},
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, OFlag, fcntl},
    sys::socket::{MsgFlags, recv, setsockopt, sockopt},
};

use crate::netlink::flow_log;
pub use crate::netlink::flow_log::Logged;

/// Bytes that may wait in the kernel: some thousand packets.
const BUFFER: usize = 1024 * 1024;

/// Longest datagram: the kernel builds none larger than a page (`NFULNL_NLBUFSIZ_DEFAULT`).
const DATAGRAM: usize = 64 * 1024;

/// A socket of the calling thread's namespace, which does not block.
pub(crate) fn open(group: u16) -> io::Result<OwnedFd> {
    let socket: OwnedFd = flow_log::listen(group)?.into();
    setsockopt(&socket, sockopt::RcvBuf, &BUFFER)?;
    let flags = OFlag::from_bits_retain(fcntl(&socket, FcntlArg::F_GETFL)?);
    fcntl(&socket, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(socket)
}

/// What rules have logged to `socket` since the last time, as far as it fits into a datagram; nothing if packets
/// were lost since there were too many.
///
/// # Errors
/// `WouldBlock` if nothing has come.
pub fn receive(socket: &impl AsFd) -> io::Result<Vec<Logged>> {
    let mut datagram = vec![0; DATAGRAM];
    match recv(socket.as_fd().as_raw_fd(), &mut datagram, MsgFlags::empty()) {
        Ok(length) => Ok(flow_log::read(&datagram[..length])),
        Err(Errno::ENOBUFS) => Ok(vec![]),
        Err(error) => Err(error.into()),
    }
}
