//! A program that runs while the test goes on.

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, channel},
    thread::JoinHandle,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::PATIENCE;

/// A running program whose output is collected.
pub struct Background {
    child: Child,
    stdout: Option<JoinHandle<Vec<u8>>>,
    messages: Receiver<String>,
    said: String,
}

/// How a program ended and what it said.
pub struct Ended {
    /// How.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: String,
}

impl Background {
    /// Starts `command`.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let mut stdout = child.stdout.take().expect("piped");
        let stderr = BufReader::new(child.stderr.take().expect("piped"));
        let collect = std::thread::spawn(move || {
            let mut bytes = vec![];
            let _ = stdout.read_to_end(&mut bytes);
            bytes
        });
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self { child, stdout: Some(collect), messages, said: String::new() }
    }

    /// Waits until its standard error has had `times` lines with `words`.
    ///
    /// # Panics
    /// If it ends before, or takes too long.
    pub fn wait_for(mut self, words: &str, times: usize) -> Self {
        for _ in 0..times {
            loop {
                let line = self.messages.recv_timeout(PATIENCE);
                let line = line.unwrap_or_else(|_| panic!("waited for {words:?}; it said:\n{}", self.said));
                self.said.push_str(&line);
                self.said.push('\n');
                if line.contains(words) {
                    break;
                }
            }
        }
        self
    }

    /// Its process id.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a process id"))
    }

    /// Its standard input.
    pub fn stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// Types `text` into it.
    ///
    /// # Panics
    /// If it has no standard input or reads no more.
    pub fn write(&mut self, text: &str) {
        let stdin = self.child.stdin.as_mut().expect("a piped standard input");
        stdin.write_all(text.as_bytes()).and_then(|()| stdin.flush()).expect("it reads");
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let _ = kill(self.pid(), signal);
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If its output cannot be collected.
    pub fn end(mut self) -> Ended {
        drop(self.child.stdin.take());
        let status = self.child.wait().expect("it ends");
        let stdout = self.stdout.take().expect("collected once").join().expect("output");
        while let Ok(line) = self.messages.recv() {
            self.said.push_str(&line);
            self.said.push('\n');
        }
        Ended { status, stdout, stderr: std::mem::take(&mut self.said) }
    }

    /// Sends SIGINT and waits for its end.
    pub fn interrupt(self) -> Ended {
        self.signal(Signal::SIGINT);
        self.end()
    }
}

impl Ended {
    /// Its standard output as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}
