//! Counting packets at one place, so that none is missed and none is waited for in vain.

use std::time::Duration;

use anyhow::Context;
use fabric_core::{
    capture::pcap::Reader,
    document::Sight,
};
use fabric_proto::v1::{
    CaptureFormat, Signal, TcpdumpRequest, TcpdumpResponse, TcpdumpStart,
    tcpdump_request::Message as Request, tcpdump_response::Message as Response,
};
use nix::libc::{SIGINT, SIGUSR1};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};
use tokio_stream::wrappers::ReceiverStream;

use crate::{cli::Global, connection::Connection};

/// Between two questions for tcpdump's counters.
const PAUSE: Duration = Duration::from_millis(10);
/// Counters that stand still for this long tell the end where they cannot be compared.
const STILL: Duration = Duration::from_millis(300);

/// A running capture.
pub struct Watch {
    requests: mpsc::Sender<TcpdumpRequest>,
    answers: tonic::Streaming<TcpdumpResponse>,
    reader: Reader,
    packets: u64,
    said: String,
    place: String,
}

/// What tcpdump says when it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counters {
    /// Packets that it has written.
    captured: u64,
    /// Packets that the kernel has kept for it.
    received: u64,
}

impl Watch {
    /// Starts a capture, and comes back when it stands.
    ///
    /// # Errors
    /// If the place, its interface or the filter is wrong.
    pub async fn start(connection: &Connection, global: &Global, sight: &Sight) -> anyhow::Result<Self> {
        let start = TcpdumpStart {
            lab: global.lab(),
            namespace: global.namespace(),
            places: vec![sight.place.clone()],
            arguments: vec![],
            filter: sight.filter.clone(),
            format: CaptureFormat::Pcap.into(),
        };
        let (requests, stream) = mpsc::channel(8);
        requests.send(TcpdumpRequest { message: Some(Request::Start(start)) }).await?;
        let answers = connection.probes().tcpdump(ReceiverStream::new(stream)).await?.into_inner();
        let (reader, place) = (Reader::default(), sight.place.clone());
        let mut watch = Self { requests, answers, reader, packets: 0, said: String::new(), place };
        while watch.take().await? != Taken::Listening {}
        Ok(watch)
    }

    /// Waits until a packet has been seen, or `patience` is over.
    ///
    /// # Errors
    /// If the capture ends.
    pub async fn until_seen(&mut self, patience: Duration) -> anyhow::Result<()> {
        let late = Instant::now() + patience;
        while self.packets == 0 {
            let Ok(taken) = timeout_at(late, self.take()).await else { return Ok(()) };
            taken?;
        }
        Ok(())
    }

    /// Waits until tcpdump has told of everything that the kernel has kept for it, ends it, and gives
    /// the number of packets.
    ///
    /// Ending it at once would lose what it has not read yet.
    ///
    /// # Errors
    /// If the capture ends by itself.
    pub async fn end(mut self) -> anyhow::Result<u64> {
        let mut last = self.ask().await?;
        let mut since = Instant::now();
        // On `lo` the kernel counts each packet twice, so there the two never meet.
        while last.captured != last.received && since.elapsed() < STILL {
            tokio::time::sleep(PAUSE).await;
            let next = self.ask().await?;
            if next != last {
                (last, since) = (next, Instant::now());
            }
        }
        self.signal(SIGINT).await?;
        while !matches!(self.take().await?, Taken::Exited(_)) {}
        Ok(self.packets)
    }

    async fn ask(&mut self) -> anyhow::Result<Counters> {
        self.said.clear();
        self.signal(SIGUSR1).await?;
        loop {
            if let Some(counters) = read_counters(&self.said) {
                return Ok(counters);
            }
            if let Taken::Exited(code) = self.take().await? {
                anyhow::bail!("the capture at {} ended with exit code {code}", self.place);
            }
        }
    }

    async fn signal(&self, number: i32) -> anyhow::Result<()> {
        let request = TcpdumpRequest { message: Some(Request::Signal(Signal { number })) };
        self.requests.send(request).await.context("the capture has ended")
    }

    async fn take(&mut self) -> anyhow::Result<Taken> {
        let answer = self.answers.message().await?;
        match answer.and_then(|answer| answer.message) {
            Some(Response::Stdout(bytes)) => {
                self.reader.push(&bytes);
                self.packets += self.reader.records()?.len() as u64;
            }
            Some(Response::Stderr(bytes)) => self.said.push_str(&String::from_utf8_lossy(&bytes)),
            Some(Response::Listening(_)) => return Ok(Taken::Listening),
            Some(Response::Exited(exited)) if exited.code != 0 => {
                let said = self.said.trim().trim_start_matches("tcpdump: ");
                anyhow::bail!("cannot capture at {}: {said}", self.place);
            }
            Some(Response::Exited(exited)) => return Ok(Taken::Exited(exited.code)),
            None => anyhow::bail!("the daemon did not say how the capture at {} ended", self.place),
        }
        Ok(Taken::Part)
    }
}

/// What an answer was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    Part,
    Listening,
    Exited(i32),
}

/// Reads `tcpdump: 4 packets captured, 4 packets received by filter, 0 packets dropped by kernel`.
fn read_counters(said: &str) -> Option<Counters> {
    let line = said.lines().rfind(|line| line.contains(" captured, ") && line.contains(" dropped by kernel"))?;
    let number = |part: &str| part.trim_start_matches("tcpdump: ").split(' ').next()?.parse().ok();
    let mut parts = line.split(", ");
    Some(Counters { captured: number(parts.next()?)?, received: number(parts.next()?)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tcpdumps_counters_are_read() {
        let said = "tcpdump: listening on lo\ntcpdump: 6 packets captured, 12 packets received by filter, 0 packets dropped by kernel\n";
        assert_eq!(read_counters(said), Some(Counters { captured: 6, received: 12 }));
        assert_eq!(read_counters("1 packet captured\n"), None);
        assert_eq!(
            read_counters("tcpdump: 1 packet captured, 1 packet received by filter, 0 packets dropped by kernel"),
            Some(Counters { captured: 1, received: 1 })
        );
    }
}
