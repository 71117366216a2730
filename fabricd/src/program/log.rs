//! What a program has printed: the last lines, for whoever wants to read them.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use futures::{Stream, StreamExt, stream};
use tokio::sync::broadcast;
use tokio_stream::wrappers::{BroadcastStream, errors::BroadcastStreamRecvError};

/// Lines that are kept of a program, and that a reader may be behind before it misses some.
pub const LINES: usize = 1_000;

/// Longest line in bytes; of a longer one the beginning is kept, with `…`.
pub const LINE_BYTES: usize = 4 * 1024;

/// A line that a program has printed, on either output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When its end came: microseconds since 1970-01-01 00:00 UTC.
    pub unix_microseconds: i64,
    /// Without its end. Bytes that are no UTF-8 are `U+FFFD`.
    pub text: String,
}

/// What a reader hears.
#[derive(Clone, Debug)]
pub enum Heard {
    /// A line.
    Line(Arc<Line>),
    /// So many lines came faster than the reader took them.
    Missed(u64),
}

/// The log of one program. It outlives the processes that the program has one after the other.
#[derive(Debug)]
pub struct Log {
    past: Mutex<VecDeque<Arc<Line>>>,
    sender: broadcast::Sender<Arc<Line>>,
}

impl Default for Log {
    fn default() -> Self {
        Self { past: Mutex::default(), sender: broadcast::Sender::new(LINES) }
    }
}

impl Log {
    /// Adds a line.
    pub fn add(&self, text: impl Into<String>) {
        let line = Arc::new(Line { unix_microseconds: now(), text: text.into() });
        let mut past = self.lock();
        if past.len() == LINES {
            past.pop_front();
        }
        past.push_back(line.clone());
        // That nobody reads is no error.
        let _ = self.sender.send(line);
    }

    /// The last `tail` lines, or all that are kept, and with `follow` those to come until the program is no
    /// longer the lab's.
    pub fn read(&self, tail: Option<usize>, follow: bool) -> impl Stream<Item = Heard> + Send + use<> {
        // Under the lock, so that no line is in both or in neither.
        let past = self.lock();
        let skipped = tail.map_or(0, |tail| past.len().saturating_sub(tail));
        let kept: Vec<Arc<Line>> = past.iter().skip(skipped).cloned().collect();
        let receiver = follow.then(|| self.sender.subscribe());
        drop(past);
        let future = stream::iter(receiver).flat_map(BroadcastStream::new).map(|received| match received {
            Ok(line) => Heard::Line(line),
            Err(BroadcastStreamRecvError::Lagged(missed)) => Heard::Missed(missed),
        });
        stream::iter(kept).map(Heard::Line).chain(future)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Arc<Line>>> {
        // It is whole between any two lines, whatever panicked.
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Cuts the output of one process into lines, with little memory whatever comes.
#[derive(Debug, Default)]
pub struct Cutter {
    part: Vec<u8>,
    /// The rest of the line is too long to be kept.
    skipping: bool,
}

impl Cutter {
    /// Takes a piece of output, and adds the lines that it ends to `log`.
    pub fn push(&mut self, bytes: &[u8], log: &Log) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = match piece.split_last() {
                Some((b'\n', text)) => (text, true),
                _ => (piece, false),
            };
            let room = LINE_BYTES.saturating_sub(self.part.len());
            self.skipping |= text.len() > room;
            self.part.extend_from_slice(&text[..text.len().min(room)]);
            if ends {
                self.end(log);
            }
        }
    }

    /// The output has ended: what has no end yet is a line too.
    pub fn finish(&mut self, log: &Log) {
        if !self.part.is_empty() {
            self.end(log);
        }
    }

    fn end(&mut self, log: &Log) {
        let mut text = String::from_utf8_lossy(&std::mem::take(&mut self.part)).into_owned();
        if std::mem::take(&mut self.skipping) {
            text.push('…');
        }
        log.add(text);
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn lines(log: &Log, tail: Option<usize>) -> Vec<String> {
        let heard = log.read(tail, false).map(|heard| match heard {
            Heard::Line(line) => line.text.clone(),
            Heard::Missed(missed) => panic!("missed {missed}"),
        });
        heard.collect::<Vec<_>>().now_or_never().expect("all are there")
    }

    #[test]
    fn output_becomes_lines_wherever_it_is_cut() {
        let output = "one\n\ntwo ä\nthree".as_bytes();
        for size in 1..=output.len() {
            let (log, mut cutter) = (Log::default(), Cutter::default());
            output.chunks(size).for_each(|piece| cutter.push(piece, &log));
            cutter.finish(&log);
            cutter.finish(&log);
            assert_eq!(lines(&log, None), ["one", "", "two ä", "three"], "in pieces of {size}");
            assert_eq!(lines(&log, Some(1)), ["three"]);
            assert_eq!(lines(&log, Some(0)), [""; 0]);
        }
    }

    #[test]
    fn however_much_is_printed_little_is_kept() {
        let (log, mut cutter) = (Log::default(), Cutter::default());
        let long = [vec![b'x'; 3 * LINE_BYTES], vec![b'\n']].concat();
        for _ in 0..3 * LINES {
            cutter.push(&long, &log);
            cutter.push(b"short\n", &log);
        }
        let kept = lines(&log, None);
        assert_eq!(kept.len(), LINES);
        assert_eq!((kept[0].len(), kept[1].as_str()), (LINE_BYTES + '…'.len_utf8(), "short"));
        for _ in 0..100 {
            cutter.push(&[b'y'; LINE_BYTES], &log);
        }
        assert!(cutter.part.capacity() <= 2 * LINE_BYTES);
    }

    #[tokio::test]
    async fn a_follower_hears_each_line_once_and_the_end() {
        let log = Log::default();
        log.add("past");
        let mut follower = Box::pin(log.read(None, true));
        log.add("future");
        let mut heard = vec![];
        for _ in 0..2 {
            match follower.next().await {
                Some(Heard::Line(line)) => heard.push(line.text.clone()),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(heard, ["past", "future"]);
        assert!(follower.next().now_or_never().is_none(), "nothing more has come");
        drop(log);
        assert!(follower.next().await.is_none());
    }
}
