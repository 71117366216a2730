//! Programs that run in a place of a lab to their end.

use std::net::Ipv4Addr;

use fabric_core::{
    capture::pcap::Reader,
    compare::{self, Point, Seen},
    place::Place,
};
use fabric_proto::v1::{
    CaptureFormat, ExecRequest, ExecStart, PingRequest, PingStart, Target, TcpdumpStart,
    exec_request::Message as ExecMessage, exec_response, ping_request::Message as PingMessage, ping_response,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::{capture::Capture, connection::Connection};

/// Bytes that are kept of a packet, `-s` for tcpdump: all headers, with a tunnel around them and what
/// an ICMP error quotes. At `any` libpcap reserves as much for each packet in its ring of 2 MiB, so
/// that with tcpdump's own 256 KiB the ninth packet at once would be lost.
const SNAPLEN: &str = "256";
/// More output is not kept.
const OUTPUT_MAX: usize = 64 << 10;

/// How a program ended.
#[derive(Debug, Default)]
pub struct Ended {
    /// Its exit code.
    pub code: i32,
    /// What it printed.
    pub stdout: Vec<u8>,
    /// What it complained about.
    pub stderr: Vec<u8>,
}

/// Pings `destination` from `source` with ping's own `arguments`.
///
/// # Errors
/// If ping cannot be started. That nobody answers is none.
pub async fn ping(
    connection: &Connection,
    source: &Place,
    destination: Ipv4Addr,
    arguments: &[&str],
) -> anyhow::Result<Ended> {
    let start = PingStart {
        source: Some(target(source)),
        destination: destination.to_string(),
        arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
    };
    // The call lives as long as its requests do.
    let (requests, stream) = mpsc::channel(1);
    requests.send(PingRequest { message: Some(PingMessage::Start(start)) }).await?;
    let mut answers = connection.probes().ping(ReceiverStream::new(stream)).await?.into_inner();
    let mut ended = Ended::default();
    while let Some(answer) = answers.message().await? {
        match answer.message {
            Some(ping_response::Message::Stdout(bytes)) => keep(&mut ended.stdout, &bytes),
            Some(ping_response::Message::Stderr(bytes)) => keep(&mut ended.stderr, &bytes),
            Some(ping_response::Message::Exited(exited)) => {
                return Ok(Ended { code: exited.code, ..ended });
            }
            None => {}
        }
    }
    anyhow::bail!("the daemon did not say how ping ended")
}

/// Runs `command` in `place`.
///
/// # Errors
/// If it cannot be started.
pub async fn exec(connection: &Connection, place: &Place, command: Vec<String>) -> anyhow::Result<Ended> {
    let start = ExecStart { target: Some(target(place)), command, ..ExecStart::default() };
    let (requests, stream) = mpsc::channel(1);
    requests.send(ExecRequest { message: Some(ExecMessage::Start(start)) }).await?;
    let mut answers = connection.probes().exec(ReceiverStream::new(stream)).await?.into_inner();
    let mut ended = Ended::default();
    while let Some(answer) = answers.message().await? {
        match answer.message {
            Some(exec_response::Message::Stdout(bytes)) => keep(&mut ended.stdout, &bytes),
            Some(exec_response::Message::Stderr(bytes)) => keep(&mut ended.stderr, &bytes),
            Some(exec_response::Message::Exited(exited)) => {
                return Ok(Ended { code: exited.code, ..ended });
            }
            None => {}
        }
    }
    anyhow::bail!("the daemon did not say how the command ended")
}

/// Starts a capture of everything at `point`, and comes back when it stands.
///
/// # Errors
/// If tcpdump cannot listen there.
pub async fn capture(connection: &Connection, point: &Point) -> anyhow::Result<Capture> {
    let start = TcpdumpStart {
        places: vec![format!("{}:{}", point.place, point.interface)],
        arguments: ["-s", SNAPLEN].map(str::to_owned).to_vec(),
        format: CaptureFormat::Pcap.into(),
        ..TcpdumpStart::default()
    };
    Capture::start(connection, start).await
}

/// Ends a capture when it has told of everything, and reads it.
///
/// # Errors
/// If tcpdump fails, or packets are missing: then nothing could be said of those that were not seen.
pub async fn read(capture: Capture) -> anyhow::Result<Vec<Seen>> {
    let mut reader = Reader::default();
    let (bytes, dropped) = capture.end_and_count_dropped().await?;
    if dropped > 0 {
        anyhow::bail!("{dropped} packets came too fast to be captured; try with `--jobs 1`");
    }
    reader.push(&bytes);
    let records = reader.records()?;
    let link_type = reader.header()?.map_or(0, |header| header.link_type);
    Ok(compare::read(link_type, &records))
}

fn target(place: &Place) -> Target {
    Target { lab: String::new(), namespace: String::new(), name: place.to_string() }
}

fn keep(kept: &mut Vec<u8>, bytes: &[u8]) {
    let room = OUTPUT_MAX.saturating_sub(kept.len());
    kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
}
