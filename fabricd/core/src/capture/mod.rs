//! Captures: what the user asks of tcpdump, and how several captures become one.
//!
//! Pure: the daemon runs tcpdump and pushes what it reads through these.

pub mod arguments;
mod flag;
pub mod merge;
pub mod pcap;
pub mod text;
pub mod timestamp;
