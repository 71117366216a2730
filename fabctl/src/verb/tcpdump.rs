//! `fabctl tcpdump`.

use std::{
    fs::File,
    io::{self, IsTerminal, Write},
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
    cli::Global,
    connection,
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
  -w FILE        write a file, - for standard output: pcap for one place, pcapng with an interface
                 a place for several

Examples:
  fabctl tcpdump pod/a -ne -- icmp
  fabctl tcpdump node/NAME:cbr0 node/NAME:eth0 host/NAME -nn -- icmp or arp
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
        let arguments = arguments::parse(&self.words).map_err(|error| Failure::usage(error.to_string()))?;
        let mut sink = Sink::choose(arguments.write.as_deref())?;
        let connection = connection::open(global).await?;
        let (requests, stream) = mpsc::channel(8);
        let start = start(global, arguments);
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

fn start(global: &Global, arguments: Arguments) -> TcpdumpStart {
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
