//! The half of fabricd that touches the kernel.
//!
//! [`LinuxKernel`] carries out plans and reads back what is there. [`isolation`] gives the daemon
//! namespaces of its own, [`process`] runs a command inside a place, [`doctor`] says what the machine
//! lacks for all that.
//!
//! A thread is moved between network namespaces only if it was started for that and ends with it:
//! never a thread of an async runtime.

pub mod clock;
mod connecting;
mod conntrack;
pub mod doctor;
mod execute;
pub mod flow_log;
pub mod isolation;
mod linux;
mod listener;
mod memory;
mod namespace;
mod netlink;
mod observe;
pub mod open_files;
mod pairs;
pub mod process;
mod procfs;
mod programs;
mod routing;
mod rule_set;
mod ruleset;
pub mod socket;
mod supervise;
mod sysctl;
pub mod terminal;

pub use linux::{LinuxKernel, NETNS_DIR};
