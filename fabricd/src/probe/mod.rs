//! Looking into a running lab: programs that run in one of its places.
//!
//! Probes do not pass through a lab's owner. They end when their caller goes.

pub mod connections;
mod entry;
mod pcapng;
mod process;
mod several;
mod tcpdump;
mod terminal;

pub use entry::{contained, direct};
pub use process::{Control, Input, Lifeline, Output, Process, run};
pub use tcpdump::{Capture, CaptureError, CaptureEvent, CapturePlace, CaptureRequest, Format, capture};
