//! tcpdump's text, cut into packets.
//!
//! It is made with `-tt`, so that each packet begins with its time; the time stamp that the user
//! asked for is put in its place when the packet goes out.

use super::timestamp::Nanoseconds;

/// One packet as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// When it was seen.
    pub time: Nanoseconds,
    /// Whether these are lines that came after their packet had already gone out.
    pub continued: bool,
    /// Its lines without the time stamp, each with its end. Not always UTF-8: `-A` shows payloads.
    pub text: Vec<u8>,
}

impl Packet {
    /// The packet as the user sees it: `label` before each line, `stamp` before the first one.
    pub fn render(&self, label: &str, stamp: &str) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.text.len() + label.len() + stamp.len());
        for (number, line) in self.text.split_inclusive(|&byte| byte == b'\n').enumerate() {
            out.extend_from_slice(label.as_bytes());
            if number == 0 && !self.continued {
                out.extend_from_slice(stamp.as_bytes());
            }
            out.extend_from_slice(line);
        }
        out
    }
}

/// Takes text as it comes, and gives whole packets.
#[derive(Debug, Default)]
pub struct Splitter {
    /// The beginning of a line whose end has not come.
    partial: Vec<u8>,
    /// The packet that lines are added to.
    current: Option<Packet>,
    last_time: Nanoseconds,
}

impl Splitter {
    /// Takes what was read, and gives the packets that are whole because the next one has begun.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Packet> {
        self.partial.extend_from_slice(bytes);
        let Some(end) = self.partial.iter().rposition(|&byte| byte == b'\n') else { return vec![] };
        let rest = self.partial.split_off(end + 1);
        let lines = std::mem::replace(&mut self.partial, rest);
        let lines = lines.split_inclusive(|&byte| byte == b'\n');
        lines.filter_map(|line| self.add_line(line)).filter_map(whole).collect()
    }

    /// The packet under way. Call when tcpdump has written nothing more for a moment: with `-U` it
    /// writes a packet at once, so nothing more of it will come.
    pub fn flush(&mut self) -> Option<Packet> {
        if self.partial.is_empty() { self.current.take().and_then(whole) } else { None }
    }

    /// Whether a packet is under way that [`Splitter::flush`] would give.
    pub fn is_open(&self) -> bool {
        self.current.is_some()
    }

    /// What is left when tcpdump has ended, a last line without its end included.
    pub fn finish(mut self) -> Vec<Packet> {
        let line = std::mem::take(&mut self.partial);
        let done = if line.is_empty() { None } else { self.add_line(&line) };
        done.into_iter().chain(self.current.take()).filter_map(whole).collect()
    }

    fn add_line(&mut self, line: &[u8]) -> Option<Packet> {
        if let Some((time, text)) = split_stamp(line) {
            self.last_time = time;
            return self.current.replace(Packet { time, continued: false, text: text.to_vec() });
        }
        match &mut self.current {
            Some(packet) => packet.text.extend_from_slice(line),
            None => {
                self.current = Some(Packet { time: self.last_time, continued: true, text: line.to_vec() });
            }
        }
        None
    }
}

/// The packet without empty lines at its end: tcpdump prints one of its own when a signal ends it.
fn whole(mut packet: Packet) -> Option<Packet> {
    while packet.text.ends_with(b"\n\n") || packet.text == b"\n" {
        packet.text.pop();
    }
    (!packet.text.is_empty()).then_some(packet)
}

/// The time in `SECONDS.FRACTION TEXT`, with 6 or 9 digits behind the point.
fn split_stamp(line: &[u8]) -> Option<(Nanoseconds, &[u8])> {
    let blank = line.iter().take(24).position(|&byte| byte == b' ')?;
    let (seconds, fraction) = std::str::from_utf8(&line[..blank]).ok()?.split_once('.')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(seconds) || !digits(fraction) {
        return None;
    }
    let unit = match fraction.len() {
        6 => 1000,
        9 => 1,
        _ => return None,
    };
    let time = seconds.parse::<i64>().ok()?.checked_mul(1_000_000_000)?;
    Some((time.checked_add(fraction.parse::<i64>().ok()? * unit)?, &line[blank + 1..]))
}

#[cfg(test)]
#[path = "text_test.rs"]
mod tests;
