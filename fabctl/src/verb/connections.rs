//! `fabctl connections`.

use std::{
    io::{self, IsTerminal},
    process::Stdio,
    time::Duration,
};

use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use fabric_proto::v1::{
    CloseConnections, ConnectionFailure, ConnectionTally, ConnectionsClosed, OpenConnectionsRequest,
    OpenConnectionsResponse, OpenConnectionsStart, Target, Transport,
    open_connections_request::Message as Request, open_connections_response::Message as Response,
};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use tokio::{process::Command, sync::mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::run::duration;
use crate::{
    cli::Global,
    connection,
    exit::{self, Failure},
    interrupt::{self, Terminate},
    output::{
        self, json,
        table::{self, Look},
        yaml,
    },
};

/// Open connections on purpose: to fill tables, to exhaust ports
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  fabctl connections open a 203.0.113.10:80 --count 65 --while 'fabctl snat'")]
pub struct Connections {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Open(Open),
}

/// Open connections from one place to a port of another, and hold them
///
/// They are held until Ctrl-C, then all are closed; so they are if fabctl is killed or their place goes. What came
/// of them is printed as soon as no more are opened. The exit code is 1 if one has failed.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Where to:
  ADDRESS:PORT, [ADDRESS]:PORT for IPv6, or TARGET:PORT for the address of a pod, VM, machine, server …

A connection has failed if it was refused, if somebody on its way knows none, or if there was no answer in time.
They are numbered in the order in which they are begun, and the failure with the smallest number is told.

Examples:
  fabctl connections open a 203.0.113.10:80 --count 65
  fabctl connections open a machine/server:80 --count 64 --while 'fabctl conntrack node/NAME --dport 80'
  fabctl connections open a machine/server:7 --udp --count 10 --hold 30s
  fabctl connections open vm/device c:8080 --hold 0             is anybody there?
  fabctl connections open a 203.0.113.10:80 --count 2000 --stop-after 0 --timeout 1 -o json")]
struct Open {
    /// Where from
    #[arg(value_name = "SOURCE")]
    source: String,
    /// Where to
    #[arg(value_name = "DESTINATION:PORT")]
    destination: String,
    /// How many
    #[arg(short, long, value_name = "NUMBER", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=16_384))]
    count: u32,
    /// A datagram each, from a socket of its own, and its answer awaited
    #[arg(long)]
    udp: bool,
    /// How long each may take: 3, 500ms; a SYN is repeated meanwhile, a datagram is not
    #[arg(short, long, value_name = "TIME", default_value = "3s", value_parser = duration)]
    timeout: Duration,
    /// How many are on their way at the same time
    #[arg(long, value_name = "NUMBER", default_value_t = 16)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_024))]
    parallel: u32,
    /// How many are begun in a second [default: as fast as it goes]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: Option<u32>,
    /// Begin no more after so many failures, and await those that are on their way; 0 for never
    #[arg(long, value_name = "FAILURES", default_value_t = 1)]
    stop_after: u32,
    /// Source port of the first; the second has the next [default: the kernel chooses]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    source_port: Option<u16>,
    /// How long they are held: 30s, 2m, 0 [default: until Ctrl-C]
    #[arg(long, value_name = "TIME", value_parser = duration, conflicts_with = "command")]
    hold: Option<Duration>,
    /// Hold them while your shell runs this
    #[arg(long = "while", value_name = "COMMAND")]
    command: Option<String>,
    /// Close them with RST instead of FIN
    #[arg(long)]
    reset: bool,
    /// How to print
    #[arg(short, long, value_enum, default_value_t = TallyFormat::Table)]
    output: TallyFormat,
}

/// How it is told what came of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TallyFormat {
    /// Columns
    Table,
    /// JSON
    Json,
    /// YAML
    Yaml,
}

impl Connections {
    /// Opens them.
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        match self.action {
            Action::Open(open) => open.run(global).await,
        }
    }
}

impl Open {
    async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let start = self.start(global)?;
        let connection = connection::open(global).await?;
        let (requests, stream) = mpsc::channel(8);
        requests.send(OpenConnectionsRequest { message: Some(Request::Start(start)) }).await?;
        interrupt::forward(requests.clone(), Terminate::AsInterrupt, |_| close())?;
        let answers = connection.connections().open(ReceiverStream::new(stream)).await?.into_inner();
        let mut running = Running { answers, ended: None };

        let tally = running.opened().await?;
        output::print(&match self.output {
            TallyFormat::Table => as_table(&tally),
            TallyFormat::Json => json::render(&self.value(&tally), 2)?,
            TallyFormat::Yaml => yaml::render(&self.value(&tally))?,
        })?;
        if let Some(first) = &tally.first_failure {
            output::say(&format!("connection {} to {}: {}", first.number, tally.destination, first.text));
        }
        let failed = failed(&tally) > 0;

        let code = self.hold(&mut running, &tally).await?;
        // If nobody takes it, all are closed already.
        let _ = requests.send(close()).await;
        let ConnectionsClosed { lost, place_gone } = running.closed().await?;
        if lost > 0 {
            output::say(&format!("{lost} had ended before, by the other side or by what is between"));
        }
        if !place_gone.is_empty() {
            anyhow::bail!("{place_gone} goes, and its connections are closed");
        }
        Ok(if code == 0 && failed { exit::FAILURE } else { code })
    }

    fn start(&self, global: &Global) -> anyhow::Result<OpenConnectionsStart> {
        let (destination, port) = split(&self.destination)?;
        let timeout = u32::try_from(self.timeout.as_millis()).unwrap_or(u32::MAX);
        let transport = if self.udp { Transport::Udp } else { Transport::Tcp };
        Ok(OpenConnectionsStart {
            source: Some(Target {
                lab: global.lab(),
                namespace: global.namespace(),
                name: self.source.clone(),
            }),
            destination: destination.to_owned(),
            port: port.into(),
            transport: transport.into(),
            count: self.count,
            timeout_milliseconds: timeout,
            parallel: self.parallel,
            per_second: self.rate,
            stop_after_failures: Some(self.stop_after).filter(|failures| *failures > 0),
            source_port: self.source_port.map(u32::from),
            reset: self.reset,
        })
    }

    /// Returns when they shall be closed, or are; gives the exit code of what has run meanwhile.
    async fn hold(&self, running: &mut Running, tally: &ConnectionTally) -> anyhow::Result<u8> {
        if let Some(command) = &self.command {
            let mut shell = Command::new("/bin/sh");
            shell.arg("-c").arg(command).stdin(Stdio::null()).kill_on_drop(true);
            let mut child = shell.spawn().context("cannot start a shell")?;
            return tokio::select! {
                status = child.wait() => Ok(exit::code(status?)),
                ended = running.end() => ended.map(|()| 0),
            };
        }
        let Some(hold) = self.hold else {
            if tally.opened > 0 {
                output::say(&format!("{} are held; Ctrl-C closes them", tally.opened));
                running.end().await?;
            }
            return Ok(0);
        };
        tokio::select! {
            () = tokio::time::sleep(hold) => Ok(0),
            ended = running.end() => ended.map(|()| 0),
        }
    }

    fn value(&self, tally: &ConnectionTally) -> Value {
        let ConnectionTally {
            destination,
            wanted,
            opened,
            timed_out,
            refused,
            unreachable,
            other,
            first_failure,
        } = tally;
        let first = first_failure.as_ref().map(|first| {
            let reason = match first.failure() {
                ConnectionFailure::TimedOut => "timedOut",
                ConnectionFailure::Refused => "refused",
                ConnectionFailure::Unreachable => "unreachable",
                ConnectionFailure::Other | ConnectionFailure::Unspecified => "other",
            };
            json!({ "number": first.number, "reason": reason, "message": first.text })
        });
        json!({
            "source": self.source,
            "destination": destination,
            "protocol": if self.udp { "udp" } else { "tcp" },
            "wanted": wanted,
            "opened": opened,
            "failed": failed(tally),
            "timedOut": timed_out,
            "refused": refused,
            "unreachable": unreachable,
            "other": other,
            "firstFailure": first,
        })
    }
}

fn close() -> OpenConnectionsRequest {
    OpenConnectionsRequest { message: Some(Request::Close(CloseConnections {})) }
}

/// `ADDRESS:PORT`, `[ADDRESS]:PORT` or `TARGET:PORT`.
fn split(text: &str) -> anyhow::Result<(&str, u16)> {
    let usage = || {
        Failure::usage(format!(
            "`{text}` has no port; write DESTINATION:PORT, such as 203.0.113.10:80 or c:8080"
        ))
    };
    let (destination, port) = text.rsplit_once(':').ok_or_else(usage)?;
    let port = port.parse().ok().filter(|port| *port > 0).ok_or_else(usage)?;
    let bare = destination.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if bare.is_none() && destination.contains(':') {
        return Err(Failure::usage(format!("write [ADDRESS]:PORT for an IPv6 address, not `{text}`")));
    }
    Ok((bare.unwrap_or(destination), port))
}

fn failed(tally: &ConnectionTally) -> u32 {
    tally.timed_out + tally.refused + tally.unreachable + tally.other
}

fn as_table(tally: &ConnectionTally) -> String {
    let titles =
        ["DESTINATION", "WANTED", "OPENED", "FAILED", "TIMED OUT", "REFUSED", "UNREACHABLE", "OTHER"];
    let ConnectionTally { destination, wanted, opened, timed_out, refused, unreachable, other, .. } = tally;
    let numbers = [*wanted, *opened, failed(tally), *timed_out, *refused, *unreachable, *other];
    let row = [destination.clone()].into_iter().chain(numbers.iter().map(u32::to_string));
    table::render(Look::Kubectl, Some(&titles), &[row.collect()])
}

/// Connections in the hands of the daemon.
struct Running {
    answers: Streaming<OpenConnectionsResponse>,
    ended: Option<ConnectionsClosed>,
}

impl Running {
    /// Waits until no more are opened, and shows on a terminal how far it is.
    async fn opened(&mut self) -> anyhow::Result<ConnectionTally> {
        let mut bar: Option<ProgressBar> = None;
        loop {
            match self.next().await? {
                Response::Opened(tally) => {
                    if let Some(bar) = bar {
                        bar.finish_and_clear();
                    }
                    return Ok(tally);
                }
                Response::Progress(tally) if io::stderr().is_terminal() => {
                    let bar = bar.get_or_insert_with(|| {
                        let bar = ProgressBar::new(tally.wanted.into());
                        let style = ProgressStyle::with_template("{bar:40} {pos}/{len} opened {msg}");
                        style.map_or(bar.clone(), |style| bar.with_style(style))
                    });
                    bar.set_position(tally.opened.into());
                    if failed(&tally) > 0 {
                        bar.set_message(format!("{} failed", failed(&tally)));
                    }
                }
                Response::Progress(_) => {}
                Response::Closed(_) => anyhow::bail!("the daemon did not say what came of them"),
            }
        }
    }

    /// Waits until all are closed, by a signal or since their place goes.
    async fn end(&mut self) -> anyhow::Result<()> {
        while self.ended.is_none() {
            if let Response::Closed(closed) = self.next().await? {
                self.ended = Some(closed);
            }
        }
        Ok(())
    }

    async fn closed(mut self) -> anyhow::Result<ConnectionsClosed> {
        self.end().await?;
        Ok(self.ended.unwrap_or_default())
    }

    async fn next(&mut self) -> anyhow::Result<Response> {
        let answer = self.answers.message().await?;
        answer.and_then(|answer| answer.message).context("the daemon did not say how it ended")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_have_a_port() {
        let check = |text: &str| match split(text) {
            Ok((destination, port)) => format!("{destination} {port}"),
            Err(error) => error.to_string(),
        };
        assert_eq!(check("203.0.113.10:80"), "203.0.113.10 80");
        assert_eq!(check("machine/server:8080"), "machine/server 8080");
        assert_eq!(check("[fd00::1]:80"), "fd00::1 80");
        assert_eq!(check("fd00::1:80"), "write [ADDRESS]:PORT for an IPv6 address, not `fd00::1:80`");
        for without in ["203.0.113.10", "c:", "c:0", "c:http", "c:65536", ":"] {
            assert!(check(without).contains("has no port; write DESTINATION:PORT"), "{without}");
        }
    }
}
