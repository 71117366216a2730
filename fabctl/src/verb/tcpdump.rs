//! `fabctl tcpdump`.

use std::{
    fs::File,
    io::{self, IsTerminal, Write},
    process::Stdio,
};

use anyhow::Context;
use clap::Args;
use fabric_core::capture::arguments::{self, Arguments};
use fabric_proto::v1::{
    CaptureFormat, TcpdumpRequest, TcpdumpStart, tcpdump_request::Message as Request,
    tcpdump_response::Message as Response,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::{
    capture::Capture,
    cli::Global,
    connection::{self, Connection},
    exit::Failure,
    interrupt::{self, Terminate},
    output,
};

/// Look at packets at one or several places of a lab
///
/// tcpdump's own flags may stand anywhere before the filter, and its exit code is fabctl's. With
/// several places, packets are shown in the order of time, each line with its place. Ctrl-C ends the
/// capture with tcpdump's summary. fabctl's own flags stand before `tcpdump`, or behind it in their
/// long forms.
#[derive(Debug, Args)]
#[command(override_usage = "fabctl [OPTIONS] tcpdump TARGET[:INTERFACE]... [TCPDUMP'S FLAGS] [-- FILTER]")]
#[command(after_long_help = "\
Flags that fabctl knows:
  -i INTERFACE   for every target that names none
  -c COUNT       end after so many packets, of all places together
  --while COMMAND
                 capture while your shell runs this, and print packets only
  -w FILE        write a file, - for standard output: pcap for one place, pcapng with an interface
                 a place for several

Examples:
  fabctl tcpdump pod/a -ne -- icmp
  fabctl tcpdump node/NAME:cbr0 node/NAME:eth0 host/NAME -nn -- icmp or arp
  fabctl tcpdump pod/a host/NAME --while 'fabctl ping a c -c 1' -n -- icmp
  fabctl tcpdump a b c -w lab.pcapng -c 100
  fabctl tcpdump pod/a -w - | wireshark -k -i -")]
pub struct Tcpdump {
    /// Places, tcpdump's own flags, and behind -- a filter
    #[arg(value_name = "TARGET FLAGS -- FILTER", required = true, trailing_var_arg = true)]
    #[arg(allow_hyphen_values = true)]
    words: Vec<String>,
}

impl Tcpdump {
    /// Runs tcpdump in the lab.
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let (words, command) = split_while(self.words)?;
        let arguments = arguments::parse(&words).map_err(|error| Failure::usage(error.to_string()))?;
        let mut sink = Sink::choose(arguments.write.as_deref())?;
        let connection = connection::open(global).await?;
        // With a command nobody looks before its end.
        let start = start(global, arguments, command.is_some());
        if let Some(command) = command {
            return capture_while(&connection, start, &command, &mut sink, global.verbose > 0).await;
        }
        let (requests, stream) = mpsc::channel(8);
        requests.send(TcpdumpRequest { message: Some(Request::Start(start)) }).await?;
        interrupt::forward(requests, Terminate::AsInterrupt, |signal| TcpdumpRequest {
            message: Some(Request::Signal(signal)),
        })?;
        let mut answers = connection.probes().tcpdump(ReceiverStream::new(stream)).await?.into_inner();
        while let Some(answer) = answers.message().await? {
            match answer.message {
                Some(Response::Stdout(bytes)) => sink.write(&bytes)?,
                Some(Response::Stderr(bytes)) => output::print_error_bytes(&bytes),
                Some(Response::Listening(_)) => sink.open()?,
                Some(Response::Exited(exited)) => return Ok(u8::try_from(exited.code).unwrap_or(1)),
                None => {}
            }
        }
        anyhow::bail!("the daemon did not say how tcpdump ended")
    }
}

/// Takes `--while COMMAND` out of the words before `--`.
fn split_while(words: Vec<String>) -> anyhow::Result<(Vec<String>, Option<String>)> {
    let (mut rest, mut command) = (vec![], None);
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        if word == "--" {
            rest.push(word);
            rest.extend(words.by_ref());
        } else if word == "--while" {
            command = Some(words.next().ok_or_else(|| Failure::usage("`--while` needs a command"))?);
        } else if let Some(line) = word.strip_prefix("--while=") {
            command = Some(line.to_owned());
        } else {
            rest.push(word);
        }
    }
    Ok((rest, command))
}

/// Captures while the user's shell runs `command`, whose output is shown only if asked for.
async fn capture_while(
    connection: &Connection,
    start: TcpdumpStart,
    command: &str,
    sink: &mut Sink,
    verbose: bool,
) -> anyhow::Result<u8> {
    let text = start.format() == CaptureFormat::Text;
    let mut capture = Capture::start(connection, start).await?;
    sink.open()?;
    let mut shell = tokio::process::Command::new("/bin/sh");
    shell.arg("-c").arg(command).stdin(Stdio::null()).kill_on_drop(true);
    if verbose {
        shell.stdout(io::stderr());
    } else {
        shell.stdout(Stdio::null()).stderr(Stdio::null());
    }
    let mut child = shell.spawn().context("cannot start a shell")?;
    loop {
        tokio::select! {
            status = child.wait() => {
                status?;
                break;
            }
            bytes = capture.next() => sink.write(&bytes?)?,
        }
    }
    let mut last = capture.end().await?;
    // The empty line that tcpdump prints when a signal ends it.
    if text && (last.ends_with(b"\n\n") || last == b"\n") {
        last.pop();
    }
    sink.write(&last)?;
    Ok(0)
}

fn start(global: &Global, arguments: Arguments, in_order: bool) -> TcpdumpStart {
    let places = arguments.places_with_interface();
    let format = match (&arguments.write, places.len()) {
        (None, _) => CaptureFormat::Text,
        (Some(_), 1) => CaptureFormat::Pcap,
        (Some(_), _) => CaptureFormat::Pcapng,
    };
    TcpdumpStart {
        lab: global.lab(),
        namespace: global.namespace(),
        places,
        arguments: arguments.flags_with_count(),
        filter: arguments.filter,
        format: format.into(),
        in_order,
    }
}

/// Where packets go.
enum Sink {
    Stdout,
    /// A file that is made when the capture has begun: a capture that cannot begin leaves the file
    /// of the one before as it was.
    NotYet(String),
    File(File),
}

impl Sink {
    fn choose(write: Option<&str>) -> anyhow::Result<Self> {
        match write {
            Some("-") if io::stdout().is_terminal() => Err(Failure::usage(
                "a capture file is no text; send it to a file or another program, not to a terminal",
            )),
            None | Some("-") => Ok(Self::Stdout),
            Some(file) => Ok(Self::NotYet(file.to_owned())),
        }
    }

    fn open(&mut self) -> anyhow::Result<()> {
        if let Self::NotYet(name) = self {
            *self = Self::File(File::create(&name).with_context(|| name.clone())?);
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.open()?;
        match self {
            Self::File(file) => file.write_all(bytes)?,
            _ => output::print_bytes(bytes)?,
        }
        Ok(())
    }
}
