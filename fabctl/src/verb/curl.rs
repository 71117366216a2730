//! `fabctl curl`.

use std::time::Duration;

use clap::{Args, ValueEnum};
use fabric_proto::v1::{
    ExecRequest, ExecStart, Target, exec_request::Message as Request, exec_response::Message as Response,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::run::{duration, interruption};
use crate::{
    answers::{By, Tally},
    cli::Global,
    connection::{self, Connection},
    exit::{self, Failure},
    interrupt::{self, Terminate},
    output::{self, json, yaml},
};

/// Bytes of an answer that are looked at, to tell who gave it.
const BODY_MAX: usize = 64 * 1024;

/// What curl says with `-v` before it has no connection is shorter.
const SAID_MAX: usize = 64 * 1024;

/// The exit code of a program that was not found.
const NOT_FOUND: i32 = 127;

/// Send HTTP requests from a place of a lab, and count who answers
///
/// It is the machine's curl that runs there, with the place's network, /etc/hosts and /etc/resolv.conf. One request
/// prints its answer and ends with curl's exit code. Several are made one after the other, each on a connection of
/// its own, and a tally says who has answered how many: the pod, by what the built-in servers say of themselves.
/// Then the exit code is 1 if one was not answered.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Places:
  a, pod/a, node/NAME, vm/NAME, machine/NAME, server/NAME …

Examples:
  fabctl curl a http://web                              one request, and its answer
  fabctl curl a http://web --count 100                  which pods of the Service answer
  fabctl curl server/NAME http://198.51.100.3 --count 20 --by client
  fabctl curl vm/device -k --resolve web:443:10.0.0.9 https://web
  fabctl curl a http://10.0.0.9 --count 50 -o json

What takes more of curl's flags is `fabctl exec a -- curl …`.")]
pub struct Curl {
    /// Where from
    #[arg(value_name = "SOURCE")]
    source: String,
    /// http:// or https://
    #[arg(value_name = "URL", value_parser = url)]
    url: String,
    /// How many requests, one after the other
    #[arg(short, long, value_name = "NUMBER", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000))]
    count: u32,
    /// What a tally counts by
    #[arg(long, value_enum)]
    by: Option<By>,
    /// Print a tally in this form, also of one request
    #[arg(short, long, value_enum)]
    output: Option<CurlFormat>,
    /// A header of the request; may be given several times
    #[arg(short = 'H', long, value_name = "NAME: VALUE", value_parser = header)]
    header: Vec<String>,
    /// Print the headers of the answer too; of one request only
    #[arg(short, long)]
    include: bool,
    /// Take any certificate
    #[arg(short = 'k', long)]
    insecure: bool,
    /// Where a name is to be found; may be given several times
    #[arg(long, value_name = "HOST:PORT:ADDRESS")]
    resolve: Vec<String>,
    /// How long a request may take: 10, 500ms
    #[arg(short, long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    max_time: Duration,
    /// How long its connection may take
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration)]
    connect_timeout: Duration,
}

/// How a tally is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CurlFormat {
    /// Columns
    Table,
    /// JSON
    Json,
    /// YAML
    Yaml,
}

fn url(text: &str) -> Result<String, String> {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    match scheme.as_deref() {
        None if text.is_empty() || text.starts_with('-') => Err("write a URL such as http://web".to_owned()),
        None => Ok(format!("http://{text}")),
        Some("http" | "https") => Ok(text.to_owned()),
        Some(_) => Err("only http:// and https:// are taken".to_owned()),
    }
}

fn header(text: &str) -> Result<String, String> {
    // curl would read a file.
    if text.starts_with('@') || text.contains(['\r', '\n']) {
        return Err("write a header such as `Host: web`".to_owned());
    }
    Ok(text.to_owned())
}

impl Curl {
    /// Makes the requests.
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let one = self.count == 1 && self.output.is_none() && self.by.is_none();
        if self.include && !one {
            return Err(Failure::usage(
                "--include shows the headers of one answer: no --count, --by or -o with it",
            ));
        }
        if self.max_time.is_zero() || self.connect_timeout.is_zero() {
            return Err(Failure::usage("a request needs some time"));
        }
        let connection = connection::open(global).await?;
        let target = Target { lab: global.lab(), namespace: global.namespace(), name: self.source.clone() };
        if one { self.show(&connection, target).await } else { self.count(&connection, target).await }
    }

    /// curl's words on the command line. Nothing of the user's can be taken for a flag or a file.
    fn command(&self, counts: bool) -> Vec<String> {
        let seconds = |time: Duration| format!("{}.{:03}", time.as_secs(), time.subsec_millis());
        // No configuration file, no patterns in the URL, no other protocol.
        let mut words: Vec<String> =
            ["curl", "-q", "--silent", "--show-error", "--globoff", "--proto", "=http,https"]
                .map(str::to_owned)
                .into();
        let mut flag = |name: &str, value: &str| words.extend([name.to_owned(), value.to_owned()]);
        flag("--connect-timeout", &seconds(self.connect_timeout));
        flag("--max-time", &seconds(self.max_time));
        let says_accept = |header: &String| header.to_ascii_lowercase().starts_with("accept:");
        if counts && self.by != Some(By::Body) && !self.header.iter().any(says_accept) {
            flag("--header", "Accept: application/json");
        }
        self.header.iter().for_each(|header| flag("--header", header));
        self.resolve.iter().for_each(|resolve| flag("--resolve", resolve));
        flag("--url", &self.url);
        words.extend(self.include.then(|| "--include".to_owned()));
        words.extend(self.insecure.then(|| "--insecure".to_owned()));
        // Only so curl says why it has no connection.
        words.extend(counts.then(|| "--verbose".to_owned()));
        words
    }

    async fn show(&self, connection: &Connection, target: Target) -> anyhow::Result<u8> {
        let (requests, mut answers) = start(connection, target, self.command(false)).await?;
        interrupt::forward(requests, Terminate::Forward, |signal| ExecRequest {
            message: Some(Request::Signal(signal)),
        })?;
        while let Some(answer) = answers.message().await? {
            match answer.message {
                Some(Response::Stdout(bytes)) => output::print_bytes(&bytes)?,
                Some(Response::Stderr(bytes)) => output::print_error_bytes(&bytes),
                Some(Response::Exited(exited)) => return Ok(u8::try_from(exited.code).unwrap_or(1)),
                None => {}
            }
        }
        anyhow::bail!("the daemon did not say how curl ended")
    }

    async fn count(&self, connection: &Connection, target: Target) -> anyhow::Result<u8> {
        let mut interrupted = interruption()?;
        let mut tally = Tally::new(self.by.unwrap_or(By::Pod));
        let mut stopped = false;
        for _ in 0..self.count {
            let ended = tokio::select! {
                ended = one(connection, target.clone(), self.command(true)) => ended?,
                // Dropping the call ends its curl.
                _ = interrupted.wait_for(|stop| *stop) => {
                    stopped = true;
                    break;
                }
            };
            match ended.code {
                0 => tally.answered(&ended.body),
                // What is wrong with one request is wrong with all.
                1..=4 | NOT_FOUND => anyhow::bail!("{}", ended.last_words()),
                code => tally.failed(code, &String::from_utf8_lossy(&ended.said)),
            }
        }
        output::print(&match self.output {
            None | Some(CurlFormat::Table) => tally.table(),
            Some(CurlFormat::Json) => json::render(&tally.json(), 2)?,
            Some(CurlFormat::Yaml) => yaml::render(&tally.json())?,
        })?;
        Ok(if stopped {
            130
        } else if tally.has_failures() {
            exit::FAILURE
        } else {
            0
        })
    }
}

/// How one request has ended.
struct Ended {
    code: i32,
    body: Vec<u8>,
    said: Vec<u8>,
}

impl Ended {
    /// The last line on standard error.
    fn last_words(&self) -> String {
        let said = String::from_utf8_lossy(&self.said);
        let last = said.lines().map(str::trim).rfind(|line| !line.is_empty());
        last.map_or_else(|| format!("curl ended with {}", self.code), str::to_owned)
    }
}

async fn start(
    connection: &Connection,
    target: Target,
    command: Vec<String>,
) -> anyhow::Result<(mpsc::Sender<ExecRequest>, Streaming<fabric_proto::v1::ExecResponse>)> {
    let start =
        ExecStart { target: Some(target), command, stdin: false, terminal: None, term: String::new() };
    let (requests, stream) = mpsc::channel(8);
    requests.send(ExecRequest { message: Some(Request::Start(start)) }).await?;
    let answers = connection.probes().exec(ReceiverStream::new(stream)).await?.into_inner();
    Ok((requests, answers))
}

async fn one(connection: &Connection, target: Target, command: Vec<String>) -> anyhow::Result<Ended> {
    // The call lasts as long as its requests can come.
    let (_requests, mut answers) = start(connection, target, command).await?;
    let (mut body, mut said) = (vec![], vec![]);
    let keep = |to: &mut Vec<u8>, bytes: Vec<u8>, most: usize| {
        let room = most.saturating_sub(to.len());
        to.extend(bytes.into_iter().take(room));
    };
    while let Some(answer) = answers.message().await? {
        match answer.message {
            Some(Response::Stdout(bytes)) => keep(&mut body, bytes, BODY_MAX),
            Some(Response::Stderr(bytes)) => keep(&mut said, bytes, SAID_MAX),
            Some(Response::Exited(exited)) => return Ok(Ended { code: exited.code, body, said }),
            None => {}
        }
    }
    anyhow::bail!("the daemon did not say how curl ended")
}
