//! How programs get started: the only door from here to the machine.

use std::{
    io,
    path::{Path, PathBuf},
};

use fabric_core::{program::Program, topology::Topology};
use fabric_kernel::process::{self, Entry};

use crate::probe::{self, Input, Lifeline, Process};

/// Starts programs, and knows which there are. Tests have one without processes.
pub trait Launch: Send + Sync + 'static {
    /// What `program` is started with.
    fn entry(&self, topology: &Topology, program: &Program) -> Entry;

    /// Whether the machine has the program of this name. Blocking.
    fn is_installed(&self, name: &str) -> bool;

    /// Starts it. To be called on a thread that lives as long as the daemon, see [`process::command`].
    ///
    /// # Errors
    /// If it cannot be started at all. That the program itself is not found shows as its exit code.
    fn start(&self, entry: &Entry, lifeline: Lifeline) -> io::Result<Process>;

    /// Whether somebody in its place serves the TCP port. Blocking.
    fn listens(&self, entry: &Entry, port: u16) -> bool;
}

/// Real processes, in the namespaces that are named in `netns_dir`.
#[derive(Clone, Debug)]
pub struct Shims {
    /// Where the daemon's named namespaces are.
    pub netns_dir: PathBuf,
}

impl Launch for Shims {
    fn entry(&self, topology: &Topology, program: &Program) -> Entry {
        entry(&self.netns_dir, topology, program)
    }

    fn is_installed(&self, name: &str) -> bool {
        process::is_installed(name)
    }

    fn start(&self, entry: &Entry, lifeline: Lifeline) -> io::Result<Process> {
        probe::run(entry, Input::None, lifeline)
    }

    fn listens(&self, entry: &Entry, port: u16) -> bool {
        process::listens(&entry.netns, port).unwrap_or(false)
    }
}

/// What `program` is started with: it sees what a command of the user's would see, and its own files.
pub fn entry(netns_dir: &Path, topology: &Topology, program: &Program) -> Entry {
    let mut entry = probe::contained(netns_dir, topology, &program.place, program.command.clone(), None);
    entry.files.extend(program.files.iter().cloned());
    if let Some(environment) = &program.environment {
        entry.environment.clone_from(environment);
    }
    entry
}
