//! A pseudo terminal for a command.

use std::{
    io,
    os::fd::{AsRawFd, OwnedFd},
};

use nix::{
    fcntl::{FcntlArg, FdFlag, OFlag, fcntl},
    pty::{Winsize, openpty},
};
use tokio::net::unix::pipe;

/// The daemon's end of a terminal: what the command prints comes out of `reader`, what is written goes
/// to the command as if it were typed.
pub struct Terminal {
    /// Ends with an error (EIO) when the last process with the other end is gone.
    pub reader: pipe::Receiver,
    /// What is typed.
    pub writer: pipe::Sender,
    master: OwnedFd,
}

impl Terminal {
    /// Opens a terminal of that many rows and columns; gives this end and the command's.
    pub fn open(rows: u16, columns: u16) -> io::Result<(Self, OwnedFd)> {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let pair = openpty(&size, None)?;
        for end in [&pair.master, &pair.slave] {
            fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
        }
        fcntl(&pair.master, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        // "Unchecked" since a terminal is no pipe; all that is asked of it is that it can be polled.
        let reader = pipe::Receiver::from_owned_fd_unchecked(pair.master.try_clone()?)?;
        let writer = pipe::Sender::from_owned_fd_unchecked(pair.master.try_clone()?)?;
        Ok((Self { reader, writer, master: pair.master }, pair.slave))
    }

    /// Takes it apart into what reads, what writes, and what changes its size.
    pub fn into_parts(self) -> (pipe::Receiver, pipe::Sender, Size) {
        (self.reader, self.writer, Size(self.master))
    }
}

/// The size of a terminal.
pub struct Size(OwnedFd);

impl Size {
    /// Changes it; the command is told.
    pub fn set(&self, rows: u16, columns: u16) -> io::Result<()> {
        fabric_kernel::terminal::set_size(self.0.as_raw_fd(), rows, columns)
    }
}
