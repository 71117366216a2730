//! `fabctl exec`.

use std::io::Read;

use clap::Args;
use fabric_proto::v1::{
    ExecRequest, ExecStart, StdinClosed, Target, exec_request::Message as Request,
    exec_response::Message as Response,
};
use nix::libc::{SIGHUP, SIGTERM};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};
use tokio_stream::wrappers::ReceiverStream;

use crate::{
    cli::Global,
    connection,
    exit::Failure,
    interrupt::{self, Terminate},
    output,
    terminal::{self, Raw},
};

/// Run a command in a place of a lab
///
/// It runs with the place's network, hostname, /etc/resolv.conf and processes, and its exit code is
/// fabctl's.
#[derive(Debug, Args)]
#[command(override_usage = "fabctl exec [OPTIONS] TARGET -- COMMAND [ARGUMENTS]...")]
#[command(after_long_help = "\
Places:
  a, pod/a, node/NAME, vm/NAME, machine/NAME, host/NODE, gateway/NAME, onprem/SITE,
  platform/VNET, underlay

Examples:
  fabctl exec pod/a -- ip route
  fabctl exec node/NAME -- iptables-save -t nat
  fabctl exec -it node/NAME -- bash
  echo hello | fabctl exec -i a -- nc 10.244.1.27 7")]
pub struct Exec {
    /// Give the command this standard input
    #[arg(short = 'i', long)]
    stdin: bool,
    /// Give the command a terminal
    #[arg(short = 't', long)]
    tty: bool,
    /// The place
    target: String,
    /// Words of a command that stand where only `--` may
    #[arg(hide = true)]
    misplaced: Vec<String>,
    /// Program and arguments
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

type Requests = mpsc::Sender<ExecRequest>;

impl Exec {
    /// Runs the command and is its terminal.
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        if !self.misplaced.is_empty() {
            let words = [self.misplaced.as_slice(), &self.command].concat().join(" ");
            let target = &self.target;
            return Err(Failure::usage(format!(
                "write the command behind `--`: fabctl exec {target} -- {words}"
            )));
        }
        if self.command.is_empty() {
            let target = &self.target;
            return Err(Failure::usage(format!(
                "no command; write it behind `--`: fabctl exec -it {target} -- bash"
            )));
        }
        let tty = self.tty && terminal::is_usable();
        if self.tty && !tty {
            output::say("standard input is no terminal; going on without");
        }
        let connection = connection::open(global).await?;
        let start = ExecStart {
            target: Some(Target { lab: global.lab(), namespace: global.namespace(), name: self.target }),
            command: self.command,
            stdin: self.stdin,
            terminal: tty.then(terminal::size),
            term: if tty { std::env::var("TERM").unwrap_or_default() } else { String::new() },
        };
        let (requests, stream) = mpsc::channel(64);
        requests.send(message(Request::Start(start))).await?;
        let mut answers = connection.probes().exec(ReceiverStream::new(stream)).await?.into_inner();
        // From here on the terminal may be raw: every way out of this function restores it.
        let _raw = if tty && self.stdin { Some(Raw::enter()?) } else { None };
        if self.stdin {
            send_stdin(requests.clone());
        }
        let mut ends = None;
        if tty {
            follow_size(requests.clone())?;
            ends = Some((signal(SignalKind::terminate())?, signal(SignalKind::hangup())?));
        } else {
            interrupt::forward(requests.clone(), Terminate::Forward, |signal| {
                message(Request::Signal(signal))
            })?;
        }
        loop {
            let answer = match &mut ends {
                None => answers.message().await?,
                Some((terminate, hangup)) => tokio::select! {
                    answer = answers.message() => answer?,
                    _ = terminate.recv() => return Ok(128 + SIGTERM as u8),
                    _ = hangup.recv() => return Ok(128 + SIGHUP as u8),
                },
            };
            match answer.map(|answer| answer.message) {
                Some(Some(Response::Stdout(bytes))) => output::print_bytes(&bytes)?,
                Some(Some(Response::Stderr(bytes))) => output::print_error_bytes(&bytes),
                Some(Some(Response::Exited(exited))) => return Ok(u8::try_from(exited.code).unwrap_or(1)),
                Some(None) => {}
                None => anyhow::bail!("the daemon did not say how the command ended"),
            }
        }
    }
}

fn message(message: Request) -> ExecRequest {
    ExecRequest { message: Some(message) }
}

/// Reads standard input on a thread of its own: a read of a terminal cannot be taken back, and must
/// not hold up the end.
fn send_stdin(requests: Requests) {
    std::thread::spawn(move || {
        let mut stdin = std::io::stdin().lock();
        let mut buffer = [0; 16 * 1024];
        loop {
            let request = match stdin.read(&mut buffer) {
                Ok(0) | Err(_) => message(Request::StdinClosed(StdinClosed {})),
                Ok(length) => message(Request::Stdin(buffer[..length].to_vec())),
            };
            let closed = matches!(request.message, Some(Request::StdinClosed(_)));
            if requests.blocking_send(request).is_err() || closed {
                return;
            }
        }
    });
}

fn follow_size(requests: Requests) -> std::io::Result<()> {
    let mut changes = signal(SignalKind::window_change())?;
    tokio::spawn(async move {
        while changes.recv().await.is_some() {
            if requests.send(message(Request::Resize(terminal::size()))).await.is_err() {
                return;
            }
        }
    });
    Ok(())
}
