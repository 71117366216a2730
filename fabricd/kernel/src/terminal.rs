//! Terminals: what only an ioctl can do.

use std::{io, os::fd::RawFd};

use nix::pty::Winsize;

mod ioctl {
    nix::ioctl_write_ptr_bad!(set_window_size, libc::TIOCSWINSZ, nix::pty::Winsize);
}

/// Sets the size of the terminal `terminal`; whoever has it in the foreground gets SIGWINCH.
///
/// # Errors
/// If it is no terminal.
pub fn set_size(terminal: RawFd, rows: u16, columns: u16) -> io::Result<()> {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the ioctl reads one Winsize through the pointer, which lives until it returns.
    unsafe { ioctl::set_window_size(terminal, &raw const size) }?;
    Ok(())
}
