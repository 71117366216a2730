//! `exec -it` on a terminal of its own.

use std::{
    fs::File,
    io::{BufRead, BufReader, Lines, Write},
    os::fd::OwnedFd,
    process::{Child, ChildStdout, Stdio},
};

use nix::{
    pty::{OpenptyResult, Winsize, openpty},
    sys::{
        signal::{Signal, kill},
        termios::{LocalFlags, tcgetattr},
    },
    unistd::Pid,
};

use crate::{fabctl, fake::Fake};

struct Session {
    keyboard: File,
    terminal: OwnedFd,
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    _fake: Fake,
}

fn exec_on_a_terminal() -> Session {
    let size = Winsize { ws_row: 50, ws_col: 132, ws_xpixel: 0, ws_ypixel: 0 };
    let OpenptyResult { master, slave } = openpty(&size, None).unwrap();
    let fake = Fake::start();
    let mut command = fabctl();
    command.arg("--socket").arg(fake.socket()).args(["exec", "-it", "a", "--", "bash"]).env("TERM", "xterm");
    let mut child = command.stdin(slave.try_clone().unwrap()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), r#"a ["bash"] stdin=true xterm 50x132"#);
    let mut session = Session { keyboard: File::from(master), terminal: slave, child, lines, _fake: fake };
    // Once a key comes back, the terminal is raw.
    session.keyboard.write_all(b"first\n").unwrap();
    assert_eq!(session.lines.next().unwrap().unwrap(), "first");
    assert!(!session.is_cooked());
    session
}

impl Session {
    fn is_cooked(&self) -> bool {
        tcgetattr(&self.terminal).unwrap().local_flags.contains(LocalFlags::ICANON | LocalFlags::ISIG)
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
    }
}

#[test]
fn keys_and_sizes_go_to_the_command_and_the_terminal_is_restored() {
    let mut session = exec_on_a_terminal();
    session.signal(Signal::SIGWINCH);
    assert_eq!(session.lines.next().unwrap().unwrap(), "50x132");
    session.keyboard.write_all(b"\x03\n").unwrap();
    assert_eq!(session.lines.next().unwrap().unwrap(), "\x03", "Ctrl-C is a key like others");
    session.keyboard.write_all(b"\x04").unwrap();
    assert_eq!(session.child.wait().unwrap().code(), Some(7));
    assert!(session.is_cooked());
}

#[test]
fn a_killed_fabctl_restores_the_terminal_too() {
    let mut session = exec_on_a_terminal();
    session.signal(Signal::SIGTERM);
    assert_eq!(session.child.wait().unwrap().code(), Some(143));
    assert!(session.is_cooked());
}
