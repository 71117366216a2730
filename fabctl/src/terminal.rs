//! The user's terminal while a program in the lab has it.

use std::io::{self, IsTerminal};

use fabric_proto::v1::TerminalSize;
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use terminal_size::{Height, Width, terminal_size_of};

/// Raw mode on standard input: every key goes to the program in the lab. Ends with the value.
pub struct Raw {
    before: Termios,
}

impl Raw {
    /// Enters raw mode.
    ///
    /// # Errors
    /// If standard input is no terminal.
    pub fn enter() -> nix::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        tcsetattr(io::stdin(), SetArg::TCSADRAIN, &raw)?;
        Ok(Self { before })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), SetArg::TCSADRAIN, &self.before);
    }
}

/// Whether a program in the lab can be given this terminal.
pub fn is_usable() -> bool {
    io::stdin().is_terminal()
}

/// The terminal's size; that of a VT100 if it does not know.
pub fn size() -> TerminalSize {
    let known = terminal_size_of(io::stdin()).or_else(|| terminal_size_of(io::stdout()));
    let (Width(columns), Height(rows)) = known.unwrap_or((Width(80), Height(24)));
    TerminalSize { rows: rows.into(), columns: columns.into() }
}
