//! Several captures as one stream, in the order of time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fabric_core::capture::{
    merge::{Merged, Merger},
    pcap,
    text::{Packet, Splitter},
    timestamp::{Clock, Nanoseconds, Style},
};
use futures::{StreamExt, stream::SelectAll};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::{
    pcapng,
    process::{Control, Output, Process},
    tcpdump::{CaptureEvent, is_listening},
};

/// How long a packet waits for an earlier one from another place.
const WINDOW: Nanoseconds = 150_000_000;
/// The same where nobody looks before the end.
const WINDOW_IN_ORDER: Nanoseconds = 3_000_000_000;
/// How long tcpdump may pause in the middle of a packet's text.
const PAUSE: Duration = Duration::from_millis(20);
const SIGINT: i32 = 2;

/// What the merged stream looks like.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Lines, each beginning with its place.
    Text {
        /// How time stamps look.
        style: Style,
        /// With nine digits.
        nanoseconds: bool,
    },
    /// A pcapng file.
    Pcapng,
}

enum Item {
    Text(Packet),
    Record(pcap::Record),
}

enum Cutter {
    Text(Splitter),
    Pcap(pcap::Reader),
}

struct Source {
    label: String,
    control: mpsc::Sender<Control>,
    cutter: Cutter,
    said: Vec<u8>,
    listening: bool,
    running: bool,
}

struct Merge {
    sources: Vec<Source>,
    merger: Merger<Item>,
    writer: Writer,
    events: mpsc::Sender<CaptureEvent>,
    left: Option<u64>,
    announced: bool,
    exit_code: i32,
}

enum Writer {
    Text { clock: Clock, width: usize },
    Pcapng(pcapng::Writer),
}

/// The client has gone.
struct Gone;

/// Merges what `processes` print until all have ended, `count` packets have come out, or nobody listens.
pub async fn merge(
    processes: Vec<Process>,
    labels: Vec<String>,
    (shape, in_order): (Shape, bool),
    count: Option<u64>,
    events: mpsc::Sender<CaptureEvent>,
    mut signals: mpsc::Receiver<i32>,
) {
    let mut outputs = SelectAll::new();
    let mut sources = vec![];
    for (index, (process, label)) in processes.into_iter().zip(labels).enumerate() {
        outputs.push(ReceiverStream::new(process.output).map(move |output| (index, output)));
        let cutter = match shape {
            Shape::Text { .. } => Cutter::Text(Splitter::default()),
            Shape::Pcapng => Cutter::Pcap(pcap::Reader::default()),
        };
        sources.push(Source {
            label,
            control: process.control,
            cutter,
            said: vec![],
            listening: false,
            running: true,
        });
    }
    let writer = match shape {
        Shape::Text { style, nanoseconds } => {
            let width = sources.iter().map(|source| source.label.chars().count()).max().unwrap_or(0);
            let clock = Clock::new(style, nanoseconds, fabric_kernel::clock::utc_offset_seconds());
            Writer::Text { clock, width }
        }
        Shape::Pcapng => Writer::Pcapng(pcapng::Writer::new(sources.len())),
    };
    let merger = Merger::new(sources.len(), if in_order { WINDOW_IN_ORDER } else { WINDOW });
    let mut merge = Merge { sources, merger, writer, events, left: count, announced: false, exit_code: 0 };
    let mut open = true;
    loop {
        let pending = merge.merger.deadline().is_some() || merge.has_open_text();
        let step = tokio::select! {
            output = outputs.next() => match output {
                Some((index, output)) => merge.take(index, output).await,
                None => break,
            },
            signal = signals.recv(), if open => {
                match signal {
                    Some(number) => merge.signal(number).await,
                    None => open = false,
                }
                Ok(())
            }
            () = tokio::time::sleep(PAUSE), if pending => { merge.flush(); Ok(()) }
            () = merge.events.closed() => Err(Gone),
        };
        let now = now();
        if step.is_err() || merge.write_ready(now).await.is_err() {
            return;
        }
    }
    if merge.write_ready(Nanoseconds::MAX).await.is_ok() {
        let _ = merge.events.send(CaptureEvent::Output(Output::Exited(merge.exit_code))).await;
    }
}

impl Merge {
    async fn take(&mut self, index: usize, output: Output) -> Result<(), Gone> {
        let source = &mut self.sources[index];
        match output {
            Output::Stdout(bytes) => match &mut source.cutter {
                Cutter::Text(splitter) => {
                    for packet in splitter.push(&bytes) {
                        self.merger.push(index, packet.time, Item::Text(packet));
                    }
                }
                Cutter::Pcap(reader) => {
                    reader.push(&bytes);
                    if let (Writer::Pcapng(writer), Ok(Some(header))) = (&mut self.writer, reader.header()) {
                        writer.interface(index, &source.label, header);
                    }
                    for record in reader.records().unwrap_or_default() {
                        self.merger.push(index, record.time, Item::Record(record));
                    }
                }
            },
            Output::Stderr(bytes) => {
                source.said.extend_from_slice(&bytes);
                source.listening |= is_listening(&source.said);
                let whole = source.said.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
                let lines: Vec<u8> = source.said.drain(..whole).collect();
                let mut text = Vec::new();
                for line in lines.split_inclusive(|&byte| byte == b'\n') {
                    text.extend_from_slice(source.label.as_bytes());
                    text.extend_from_slice(b": ");
                    text.extend_from_slice(line);
                }
                if !text.is_empty() {
                    self.send(CaptureEvent::Output(Output::Stderr(text))).await?;
                }
                if !self.announced && self.sources.iter().all(|source| source.listening) {
                    self.announced = true;
                    self.send(CaptureEvent::Listening).await?;
                }
            }
            Output::Exited(code) => {
                source.running = false;
                self.exit_code = self.exit_code.max(code);
                if let Cutter::Text(splitter) = &mut source.cutter {
                    for packet in std::mem::take(splitter).finish() {
                        self.merger.push(index, packet.time, Item::Text(packet));
                    }
                }
                self.merger.end(index);
                // One place that cannot be listened at ends all: a merged capture with a hole lies.
                if code != 0 {
                    self.signal(SIGINT).await;
                }
            }
        }
        Ok(())
    }

    fn has_open_text(&self) -> bool {
        self.sources.iter().any(|source| {
            source.running && matches!(&source.cutter, Cutter::Text(splitter) if splitter.is_open())
        })
    }

    /// tcpdump has paused, so what it has begun is whole.
    fn flush(&mut self) {
        for (index, source) in self.sources.iter_mut().enumerate() {
            if let Cutter::Text(splitter) = &mut source.cutter
                && let Some(packet) = splitter.flush()
            {
                self.merger.push(index, packet.time, Item::Text(packet));
            }
        }
    }

    async fn signal(&self, number: i32) {
        for source in self.sources.iter().filter(|source| source.running) {
            let _ = source.control.send(Control::Signal(number)).await;
        }
    }

    async fn write_ready(&mut self, now: Nanoseconds) -> Result<(), Gone> {
        while let Some(merged) = self.merger.pop_ready(now) {
            if self.left == Some(0) {
                continue;
            }
            let counts = !matches!(&merged.item, Item::Text(packet) if packet.continued);
            let bytes = self.render(merged);
            self.send(CaptureEvent::Output(Output::Stdout(bytes))).await?;
            if let Some(left) = &mut self.left
                && counts
            {
                *left -= 1;
                if *left == 0 {
                    self.signal(SIGINT).await;
                }
            }
        }
        if let Writer::Pcapng(writer) = &mut self.writer {
            let begun = writer.take();
            if !begun.is_empty() {
                self.send(CaptureEvent::Output(Output::Stdout(begun))).await?;
            }
        }
        Ok(())
    }

    fn render(&mut self, Merged { source, time, item }: Merged<Item>) -> Vec<u8> {
        match (&mut self.writer, item) {
            (Writer::Text { clock, width }, Item::Text(packet)) => {
                let stamp = if packet.continued { String::new() } else { clock.stamp(time) };
                packet.render(&format!("{:<width$}  ", self.sources[source].label), &stamp)
            }
            (Writer::Pcapng(writer), Item::Record(record)) => {
                writer.packet(source, record);
                writer.take()
            }
            // A capture has one shape.
            _ => vec![],
        }
    }

    async fn send(&self, event: CaptureEvent) -> Result<(), Gone> {
        self.events.send(event).await.map_err(|_| Gone)
    }
}

fn now() -> Nanoseconds {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Nanoseconds::try_from(since.as_nanos()).unwrap_or(Nanoseconds::MAX)
}
