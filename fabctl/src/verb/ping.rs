//! `fabctl ping`.

use clap::Args;
use fabric_proto::v1::{
    PingRequest, PingStart, Target, ping_request::Message as Request, ping_response::Message as Response,
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

/// Send real ICMP packets from one place of a lab to another
///
/// ping's own flags may stand anywhere behind `ping`, and its exit code is fabctl's. Ctrl-C ends it
/// with its summary, Ctrl-\ prints a short one. fabctl's own flags stand before `ping`, or behind it
/// in their long forms.
#[derive(Debug, Args)]
#[command(override_usage = "fabctl [OPTIONS] ping SOURCE DESTINATION [PING'S FLAGS]")]
#[command(after_long_help = "\
Places:
  a, pod/a, node/NAME, vm/NAME, machine/NAME, host/NODE, gateway/NAME, onprem/SITE,
  platform/VNET, underlay; the destination may be an IP address too

Examples:
  fabctl ping a c -c 3
  fabctl ping -c 1 -M do -s 1472 pod/a 10.224.1.2
  fabctl --namespace web ping a machine/server")]
pub struct Ping {
    /// Where from, where to, and ping's own flags
    #[arg(value_name = "SOURCE DESTINATION FLAGS", required = true, trailing_var_arg = true)]
    #[arg(allow_hyphen_values = true)]
    words: Vec<String>,
}

/// What stands behind `ping`, sorted.
#[derive(Debug, PartialEq, Eq)]
struct Words {
    source: String,
    destination: String,
    flags: Vec<String>,
}

/// The flags of iputils' ping that take a value.
const WITH_VALUE: &str = "ceFiIlmMNpQsStTwW";

fn sort(words: &[String]) -> Result<Words, String> {
    let (mut places, mut flags) = (vec![], vec![]);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.strip_prefix('-') {
            Some("-") => places.extend(words.by_ref().cloned()),
            Some(cluster) if !cluster.is_empty() => {
                flags.push(word.clone());
                let value_follows =
                    cluster.find(|letter| WITH_VALUE.contains(letter)) == Some(cluster.len() - 1);
                if value_follows {
                    flags.push(words.next().ok_or_else(|| format!("`{word}` needs a value"))?.clone());
                }
            }
            _ => places.push(word.clone()),
        }
    }
    match <[String; 2]>::try_from(places) {
        Ok([source, destination]) => Ok(Words { source, destination, flags }),
        Err(places) => Err(format!(
            "ping takes two places, where from and where to, not {}: fabctl ping SOURCE DESTINATION",
            places.len()
        )),
    }
}

impl Ping {
    /// Runs ping in the lab.
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let Words { source, destination, flags } = sort(&self.words).map_err(Failure::usage)?;
        let connection = connection::open(global).await?;
        let source = Target { lab: global.lab(), namespace: global.namespace(), name: source };
        let start = PingStart { source: Some(source), destination, arguments: flags };
        let (requests, stream) = mpsc::channel(8);
        requests.send(PingRequest { message: Some(Request::Start(start)) }).await?;
        interrupt::forward(requests, Terminate::AsInterrupt, |signal| PingRequest {
            message: Some(Request::Signal(signal)),
        })?;
        let mut answers = connection.probes().ping(ReceiverStream::new(stream)).await?.into_inner();
        while let Some(answer) = answers.message().await? {
            match answer.message {
                Some(Response::Stdout(bytes)) => output::print_bytes(&bytes)?,
                Some(Response::Stderr(bytes)) => output::print_error_bytes(&bytes),
                Some(Response::Exited(exited)) => return Ok(u8::try_from(exited.code).unwrap_or(1)),
                None => {}
            }
        }
        anyhow::bail!("the daemon did not say how ping ended")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str) -> String {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        match sort(&words) {
            Ok(Words { source, destination, flags }) => format!("{source} {destination} {}", flags.join(" ")),
            Err(error) => error,
        }
    }

    #[test]
    fn flags_may_stand_anywhere() {
        assert_eq!(check("a b"), "a b ");
        assert_eq!(check("-c 3 a -nq b -i0.2 -W 1"), "a b -c 3 -nq -i0.2 -W 1");
        assert_eq!(check("a -nc 3 b"), "a b -nc 3");
        assert_eq!(check("a -c3 10.0.0.1"), "a 10.0.0.1 -c3");
        assert_eq!(check("-c 1 -- a b"), "a b -c 1");
    }

    #[test]
    fn two_places_are_needed() {
        assert!(check("a -c 3").starts_with("ping takes two places, where from and where to, not 1"));
        assert!(check("a b c").contains("not 3"));
        assert_eq!(check("a b -c"), "`-c` needs a value");
    }
}
