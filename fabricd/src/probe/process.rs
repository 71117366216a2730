//! A running program: what comes out of it, what goes in, and its end.

use std::{io, process::Stdio};

use fabric_core::place::Place;
use fabric_kernel::process::{self, Entry};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::unix::pipe,
    process::{Child, ChildStdin, Command},
    sync::mpsc,
    task::JoinHandle,
};

use super::terminal::{Size, Terminal};
use crate::lab::OpenPlaces;

/// Largest piece of output that is passed on at once, in bytes.
const PIECE: usize = 32 * 1024;

/// What comes out of a program.
#[derive(Debug, PartialEq, Eq)]
pub enum Output {
    /// On its standard output, or its terminal.
    Stdout(Vec<u8>),
    /// On its standard error.
    Stderr(Vec<u8>),
    /// Last: its exit code, 128 + number for a signal.
    Exited(i32),
}

/// What goes into a program.
#[derive(Debug)]
pub enum Control {
    /// Bytes for its standard input.
    Stdin(Vec<u8>),
    /// Its standard input ends.
    StdinClosed,
    /// A signal by number; unknown ones are ignored.
    Signal(i32),
    /// Its terminal has that many rows and columns now.
    Resize(u16, u16),
}

/// A program that has been started. It is killed when its output is no longer wanted.
pub struct Process {
    /// What comes out of it.
    pub output: mpsc::Receiver<Output>,
    /// What goes in. Dropping it ends the standard input.
    pub control: mpsc::Sender<Control>,
}

/// What a program is started with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Nothing: it reads from `/dev/null`.
    None,
    /// Bytes by [`Control::Stdin`].
    Piped,
    /// A terminal of that many rows and columns.
    Terminal(u16, u16),
}

/// How long a program may run, or a socket be open: as long as its place is one of the lab's.
#[derive(Clone, Debug)]
pub struct Lifeline {
    /// The place.
    pub place: Place,
    /// The places that are open.
    pub open_places: OpenPlaces,
}

impl Lifeline {
    /// Returns when the place goes.
    pub(super) async fn end(&mut self) {
        let place = &self.place;
        // An error means that the lab has no owner any more, so no places either.
        let _ = self.open_places.wait_for(|open| !open.contains(place)).await;
    }
}

/// Starts the program of `entry`.
///
/// # Errors
/// If it cannot be started at all. That the program itself is not found shows as its exit code.
pub fn run(entry: &Entry, input: Input, lifeline: Lifeline) -> io::Result<Process> {
    let mut command = Command::from(process::command(entry));
    command.kill_on_drop(true);
    let (sender, output) = mpsc::channel(16);
    let (control, commands) = mpsc::channel(16);
    let mut running = match input {
        Input::Terminal(rows, columns) => {
            let (terminal, end) = Terminal::open(rows, columns)?;
            command.stdin(Stdio::from(end.try_clone()?)).stdout(Stdio::from(end.try_clone()?)).stderr(end);
            let child = command.spawn()?;
            // The command's end must not stay open in here, or its last close would not be seen.
            drop(command);
            let (reader, writer, size) = terminal.into_parts();
            let pump = tokio::spawn(pump(reader, Output::Stdout, sender.clone()));
            Running { child, stdin: Stdin::Terminal(writer, size), pumps: vec![pump] }
        }
        Input::None | Input::Piped => {
            let stdin = if input == Input::Piped { Stdio::piped() } else { Stdio::null() };
            let mut child = command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
            let mut pumps = vec![];
            if let Some(stdout) = child.stdout.take() {
                pumps.push(tokio::spawn(pump(stdout, Output::Stdout, sender.clone())));
            }
            if let Some(stderr) = child.stderr.take() {
                pumps.push(tokio::spawn(pump(stderr, Output::Stderr, sender.clone())));
            }
            let stdin = child.stdin.take().map_or(Stdin::Closed, Stdin::Pipe);
            Running { child, stdin, pumps }
        }
    };
    tokio::spawn(async move { running.attend(commands, sender, lifeline).await });
    Ok(Process { output, control })
}

enum Stdin {
    Closed,
    Pipe(ChildStdin),
    Terminal(pipe::Sender, Size),
}

struct Running {
    child: Child,
    stdin: Stdin,
    pumps: Vec<JoinHandle<()>>,
}

impl Running {
    async fn attend(
        &mut self,
        mut commands: mpsc::Receiver<Control>,
        output: mpsc::Sender<Output>,
        mut lifeline: Lifeline,
    ) {
        let mut listening = true;
        let status = loop {
            tokio::select! {
                status = self.child.wait() => break status,
                command = commands.recv(), if listening => match command {
                    Some(command) => self.control(command).await,
                    None => {
                        listening = false;
                        self.close_stdin();
                    }
                },
                () = lifeline.end() => {
                    let _ = self.child.kill().await;
                    break self.child.wait().await;
                }
                // Nobody listens any more: what was started ends.
                () = output.closed() => {
                    let _ = self.child.kill().await;
                    return;
                }
            }
        };
        for pump in &mut self.pumps {
            let _ = pump.await;
        }
        let code = match status {
            Ok(status) => exit_code(status),
            Err(error) => {
                tracing::warn!(%error, "cannot learn how a program ended");
                1
            }
        };
        let _ = output.send(Output::Exited(code)).await;
    }

    fn close_stdin(&mut self) {
        if matches!(self.stdin, Stdin::Pipe(_)) {
            self.stdin = Stdin::Closed;
        }
    }

    async fn control(&mut self, command: Control) {
        let result = match (command, &mut self.stdin) {
            (Control::Stdin(bytes), Stdin::Pipe(pipe)) => pipe.write_all(&bytes).await,
            (Control::Stdin(bytes), Stdin::Terminal(writer, _)) => writer.write_all(&bytes).await,
            (Control::Resize(rows, columns), Stdin::Terminal(_, size)) => size.set(rows, columns),
            (Control::StdinClosed, _) => {
                self.close_stdin();
                Ok(())
            }
            (Control::Signal(number), _) => {
                if let (Ok(signal), Some(pid)) = (Signal::try_from(number), self.pid()) {
                    let _ = kill(pid, signal);
                }
                Ok(())
            }
            (Control::Stdin(_) | Control::Resize(..), _) => Ok(()),
        };
        if result.is_err() {
            // The program reads no more.
            self.close_stdin();
        }
    }

    fn pid(&self) -> Option<Pid> {
        self.child.id().and_then(|pid| i32::try_from(pid).ok()).map(Pid::from_raw)
    }
}

fn exit_code(status: std::process::ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1)
}

async fn pump(mut from: impl AsyncRead + Unpin, kind: fn(Vec<u8>) -> Output, to: mpsc::Sender<Output>) {
    let mut buffer = vec![0; PIECE];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if to.send(kind(buffer[..length].to_vec())).await.is_err() {
            return;
        }
    }
}
