//! Programs that run in a lab's places as long as it does: started, kept alive, and listened to.
//!
//! Which there are says [`fabric_core::program`]. Each has a task here that waits for its end and starts it
//! again, and a log that anybody can read. No program outlives its place or the daemon.

mod attend;
mod launch;
mod log;
mod programs;

pub use launch::{Launch, Shims, entry};
pub use log::{Heard, LINE_BYTES, LINES, Line, Log};
pub use programs::{LogError, Programs};
