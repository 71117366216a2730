//! A netlink socket of the calling thread's network namespace.

use std::{
    cell::Cell,
    io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    time::Duration,
};

/// How long an answer may take. The kernel answers inside `send`, so this only ends a wait for an
/// answer that was dropped.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// One blocking socket. It keeps its namespace alive, so it must be closed before that goes.
pub(crate) struct Socket {
    fd: OwnedFd,
    sequence: Cell<u32>,
}

impl From<Socket> for OwnedFd {
    fn from(socket: Socket) -> Self {
        socket.fd
    }
}

impl Socket {
    /// For links, addresses, routes, rules and neighbours.
    pub(crate) fn route() -> io::Result<Self> {
        Self::open(libc::NETLINK_ROUTE)
    }

    /// For nf_tables and connection tracking.
    pub(crate) fn netfilter() -> io::Result<Self> {
        Self::open(libc::NETLINK_NETFILTER)
    }

    fn open(protocol: i32) -> io::Result<Self> {
        // SAFETY: socket(2) takes no pointers.
        let fd = unsafe { libc::socket(libc::AF_NETLINK, libc::SOCK_RAW | libc::SOCK_CLOEXEC, protocol) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just given us this descriptor, and nobody else knows it.
        let socket = Self { fd: unsafe { OwnedFd::from_raw_fd(fd) }, sequence: Cell::new(1) };
        // Refusals then come with a sentence, and without a copy of the whole request.
        socket.option(libc::SOL_NETLINK, libc::NETLINK_EXT_ACK, &1_i32)?;
        socket.option(libc::SOL_NETLINK, libc::NETLINK_CAP_ACK, &1_i32)?;
        let seconds = libc::time_t::try_from(PATIENCE.as_secs()).unwrap_or(libc::time_t::MAX);
        let patience = libc::timeval { tv_sec: seconds, tv_usec: 0 };
        socket.option(libc::SOL_SOCKET, libc::SO_RCVTIMEO, &patience)?;
        Ok(socket)
    }

    /// Makes the kernel read the filters of dumps instead of ignoring them.
    pub(crate) fn strict(self) -> io::Result<Self> {
        self.option(libc::SOL_NETLINK, libc::NETLINK_GET_STRICT_CHK, &1_i32)?;
        Ok(self)
    }

    /// Reserves `count` sequence numbers and returns the first.
    pub(super) fn sequence(&self, count: u32) -> u32 {
        let first = self.sequence.get();
        self.sequence.set(first.wrapping_add(count));
        first
    }

    /// Sends one datagram. The kernel has worked it off when this returns.
    pub(super) fn send(&self, datagram: &[u8]) -> io::Result<()> {
        // SAFETY: the pointer and length are those of a live slice.
        let sent = unsafe { libc::send(self.fd.as_raw_fd(), datagram.as_ptr().cast(), datagram.len(), 0) };
        if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Receives one datagram into `buffer`, in the place of what is in it. What does not fit into the
    /// buffer's capacity is an error.
    pub(super) fn receive(&self, buffer: &mut Vec<u8>) -> io::Result<()> {
        buffer.clear();
        let space = buffer.spare_capacity_mut();
        let got = loop {
            // SAFETY: the pointer and length are those of memory that we may write to.
            let got = unsafe {
                libc::recv(self.fd.as_raw_fd(), space.as_mut_ptr().cast(), space.len(), libc::MSG_TRUNC)
            };
            if let Ok(got) = usize::try_from(got) {
                break got;
            }
            let error = io::Error::last_os_error();
            match error.kind() {
                io::ErrorKind::Interrupted => {}
                io::ErrorKind::WouldBlock => {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, "the kernel did not answer"));
                }
                _ => return Err(error),
            }
        };
        if got > space.len() {
            return Err(io::Error::other(format!("netlink answer of {got} bytes was cut off")));
        }
        // SAFETY: the kernel has written that many bytes, which is not more than the capacity.
        unsafe { buffer.set_len(got) };
        Ok(())
    }

    /// A number that no other namespace has or will have until the machine starts anew; `None` before
    /// Linux 5.14, which has none.
    pub(crate) fn namespace_cookie(&self) -> Option<u64> {
        let mut cookie = 0_u64;
        let mut length = libc::socklen_t::try_from(size_of::<u64>()).expect("eight bytes");
        // SAFETY: the pointers are those of live values, of which the first has the length in the second.
        let result = unsafe {
            libc::getsockopt(
                self.fd.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_NETNS_COOKIE,
                (&raw mut cookie).cast(),
                &raw mut length,
            )
        };
        (result == 0).then_some(cookie)
    }

    fn option<T>(&self, level: i32, name: i32, value: &T) -> io::Result<()> {
        let length = libc::socklen_t::try_from(size_of::<T>()).expect("socket options are small");
        // SAFETY: the pointer and length are those of a live value; the kernel only reads it.
        let result = unsafe {
            libc::setsockopt(self.fd.as_raw_fd(), level, name, std::ptr::from_ref(value).cast(), length)
        };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}
