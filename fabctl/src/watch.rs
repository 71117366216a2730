//! Counting the packets at one place.

use std::time::Duration;

use fabric_core::{capture::pcap::Reader, document::Sight};
use fabric_proto::v1::{CaptureFormat, TcpdumpStart};
use tokio::time::{Instant, timeout_at};

use crate::{capture::Capture, cli::Global, connection::Connection};

/// A capture whose packets are only counted.
pub struct Watch {
    capture: Capture,
    reader: Reader,
    packets: u64,
}

impl Watch {
    /// Starts it, and comes back when it stands.
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
            in_order: false,
        };
        let capture = Capture::start(connection, start).await?;
        Ok(Self { capture, reader: Reader::default(), packets: 0 })
    }

    /// Waits until a packet has been seen, or `patience` is over.
    ///
    /// # Errors
    /// If the capture ends.
    pub async fn until_seen(&mut self, patience: Duration) -> anyhow::Result<()> {
        let late = Instant::now() + patience;
        while self.packets == 0 {
            let Ok(bytes) = timeout_at(late, self.capture.next()).await else { return Ok(()) };
            self.count(&bytes?)?;
        }
        Ok(())
    }

    /// Ends it, and gives the number of packets.
    ///
    /// # Errors
    /// If the capture has ended already.
    pub async fn end(mut self) -> anyhow::Result<u64> {
        let bytes = self.capture.end().await?;
        self.reader.push(&bytes);
        Ok(self.packets + self.reader.records()?.len() as u64)
    }

    fn count(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.reader.push(bytes);
        self.packets += self.reader.records()?.len() as u64;
        Ok(())
    }
}
