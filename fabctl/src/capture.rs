//! A capture that ends when all that happened until then has been told.

use std::time::Duration;

use fabric_proto::v1::{
    Signal, TcpdumpRequest, TcpdumpResponse, TcpdumpStart, tcpdump_request::Message as Request,
    tcpdump_response::Message as Response,
};
use nix::libc::{SIGINT, SIGUSR1};
use tokio::{sync::mpsc, time::Instant};
use tokio_stream::wrappers::ReceiverStream;

use crate::connection::Connection;

/// Between two questions for tcpdump's counters.
const PAUSE: Duration = Duration::from_millis(10);
/// Counters that stand still for this long tell the end where they cannot be compared.
const STILL: Duration = Duration::from_millis(300);

/// tcpdump at one or several places.
pub struct Capture {
    requests: mpsc::Sender<TcpdumpRequest>,
    answers: tonic::Streaming<TcpdumpResponse>,
    places: Vec<String>,
    bytes: Vec<u8>,
    said: String,
    ended: bool,
}

/// What came from the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    Part,
    Listening,
}

/// What the tcpdumps say when they are asked, added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counters {
    /// Packets that they have written.
    captured: u64,
    /// Packets that the kernel has had for them.
    received: u64,
    /// Those of them that it had no room for.
    dropped: u64,
}

impl Counters {
    fn nothing_waits(self) -> bool {
        self.captured + self.dropped == self.received
    }
}

impl Capture {
    /// Starts tcpdump, and comes back when every place captures.
    ///
    /// # Errors
    /// If a place, its interface or the filter is wrong.
    pub async fn start(connection: &Connection, start: TcpdumpStart) -> anyhow::Result<Self> {
        let places = start.places.clone();
        let (requests, stream) = mpsc::channel(8);
        requests.send(TcpdumpRequest { message: Some(Request::Start(start)) }).await?;
        let answers = connection.probes().tcpdump(ReceiverStream::new(stream)).await?.into_inner();
        let mut capture =
            Self { requests, answers, places, bytes: vec![], said: String::new(), ended: false };
        while capture.take().await? != Taken::Listening {}
        Ok(capture)
    }

    /// What has come since the last time; waits until there is something. Waits for ever behind the
    /// end of a capture that has an end of its own.
    ///
    /// # Errors
    /// If tcpdump fails.
    pub async fn next(&mut self) -> anyhow::Result<Vec<u8>> {
        while self.bytes.is_empty() {
            if self.ended {
                std::future::pending::<()>().await;
            }
            self.take().await?;
        }
        Ok(std::mem::take(&mut self.bytes))
    }

    /// Waits until tcpdump has told of everything that the kernel has kept for it, and ends it: to end
    /// it at once would lose what it has not read yet. Gives what has come since the last time.
    ///
    /// # Errors
    /// If tcpdump fails.
    pub async fn end(self) -> anyhow::Result<Vec<u8>> {
        self.end_and_count_dropped().await.map(|(bytes, _)| bytes)
    }

    /// As [`Capture::end`]; gives also how many packets are missing because the kernel had no room.
    ///
    /// # Errors
    /// If tcpdump fails.
    pub async fn end_and_count_dropped(mut self) -> anyhow::Result<(Vec<u8>, u64)> {
        let mut last = self.ask().await?;
        let mut since = Instant::now();
        // On `lo` the kernel counts each packet twice, so there the two never meet.
        while !self.ended && !last.nothing_waits() && since.elapsed() < STILL {
            tokio::time::sleep(PAUSE).await;
            let next = self.ask().await?;
            if next != last {
                (last, since) = (next, Instant::now());
            }
        }
        self.signal(SIGINT).await;
        while !self.ended {
            self.take().await?;
        }
        Ok((self.bytes, last.dropped))
    }

    async fn ask(&mut self) -> anyhow::Result<Counters> {
        self.said.clear();
        self.signal(SIGUSR1).await;
        while !self.ended {
            if let Some(counters) = read_counters(&self.said, self.places.len()) {
                return Ok(counters);
            }
            self.take().await?;
        }
        Ok(Counters::default())
    }

    async fn signal(&self, number: i32) {
        let request = TcpdumpRequest { message: Some(Request::Signal(Signal { number })) };
        // If nobody takes it, the capture has ended, and says so itself.
        let _ = self.requests.send(request).await;
    }

    async fn take(&mut self) -> anyhow::Result<Taken> {
        let answer = self.answers.message().await?;
        match answer.and_then(|answer| answer.message) {
            Some(Response::Stdout(bytes)) => self.bytes.extend(bytes),
            Some(Response::Stderr(bytes)) => self.said.push_str(&String::from_utf8_lossy(&bytes)),
            Some(Response::Listening(_)) => return Ok(Taken::Listening),
            Some(Response::Exited(exited)) if exited.code == 0 => self.ended = true,
            Some(Response::Exited(_)) => {
                anyhow::bail!("cannot capture at {}: {}", self.places.join(", "), self.said.trim())
            }
            None => anyhow::bail!("the daemon did not say how the capture ended"),
        }
        Ok(Taken::Part)
    }
}

/// Reads one line such as this for each place, and adds them up:
/// `tcpdump: 4 packets captured, 4 packets received by filter, 0 packets dropped by kernel`.
fn read_counters(said: &str, places: usize) -> Option<Counters> {
    let mut lines = 0;
    let mut total = Counters::default();
    for line in said.lines().filter(|line| line.ends_with(" dropped by kernel")) {
        let Some((_, counters)) = line.rsplit_once("tcpdump: ") else { continue };
        let mut parts = counters.split(", ");
        let mut number = || parts.next()?.split(' ').next()?.parse::<u64>().ok();
        total.captured += number()?;
        total.received += number()?;
        total.dropped += number()?;
        lines += 1;
    }
    (lines >= places).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tcpdumps_counters_are_read() {
        let one = "tcpdump: listening on lo\ntcpdump: 6 packets captured, 12 packets received by filter, 0 packets dropped by kernel\n";
        assert_eq!(read_counters(one, 1), Some(Counters { captured: 6, received: 12, dropped: 0 }));
        let two = format!(
            "{one}pod/a: tcpdump: 1 packet captured, 2 packets received by filter, 1 packet dropped by kernel"
        );
        assert_eq!(read_counters(&two, 2), Some(Counters { captured: 7, received: 14, dropped: 1 }));
        assert_eq!(read_counters(one, 2), None);
        assert_eq!(read_counters("1 packet captured\n", 1), None);
    }
}
