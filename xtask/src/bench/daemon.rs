//! A private daemon of the benchmark's own, asked through fabctl.

use std::{
    fmt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use super::milliseconds;
use crate::{
    run::{Result, output, run},
    test::target,
};

/// How long a daemon may take until it answers.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs until the value goes, and its labs with it.
pub struct Daemon {
    process: Child,
    socket: PathBuf,
}

/// Milliseconds that a change took.
pub struct Change {
    /// As the daemon says.
    pub reported: f64,
    /// From the start of fabctl to its end.
    pub whole: f64,
    /// Objects that were made, changed or taken away, if fabctl says so.
    pub objects: usize,
}

impl Daemon {
    /// Starts it, and comes back when it answers.
    pub fn start(folder: &Path) -> Result<Self> {
        let directory = folder.join("fabricd");
        run(Command::new("mkdir").args(["-m", "700"]).arg(&directory))?;
        let socket = directory.join("fabricd.sock");
        let mut command = Command::new(target().join("release/fabricd"));
        command.arg("--socket").arg(&socket).env("FABRIC_LOG", "warn").stdin(Stdio::null());
        let process = command.spawn().map_err(|error| format!("cannot start fabricd: {error}"))?;
        let mut daemon = Self { process, socket };
        let begun = Instant::now();
        while !daemon
            .fabctl(&["daemon", "status"])
            .stderr(Stdio::null())
            .output()
            .is_ok_and(|o| o.status.success())
        {
            if daemon.process.try_wait().is_ok_and(|ended| ended.is_some()) || begun.elapsed() > PATIENCE {
                return Err("fabricd does not answer".into());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(daemon)
    }

    /// fabctl with these arguments, for this daemon.
    pub fn fabctl(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(target().join("release/fabctl"));
        command.arg("--socket").arg(&self.socket).args(arguments).stdin(Stdio::null());
        command
    }

    /// Makes the lab of a folder, or looks whether it is as it should be.
    pub fn apply(&self, lab: &Path) -> Result<Change> {
        self.change(&["apply", "-f", path(lab)?])
    }

    /// Takes a lab away.
    pub fn delete(&self, lab: &str) -> Result<Change> {
        self.change(&["delete", "lab", lab])
    }

    /// All that `apply` would do, a line a step.
    pub fn plan(&self, lab: &Path) -> Result<String> {
        output(&mut self.fabctl(&["apply", "--dry-run", "-f", path(lab)?]))
    }

    /// The milliseconds of `apply --dry-run` as a whole.
    pub fn dry_run(&self, lab: &Path) -> Result<f64> {
        let mut command = self.fabctl(&["apply", "--dry-run", "-o", "name", "-f", path(lab)?]);
        let begun = Instant::now();
        output(&mut command)?;
        Ok(milliseconds(begun.elapsed()))
    }

    fn change(&self, arguments: &[&str]) -> Result<Change> {
        let begun = Instant::now();
        let text = output(&mut self.fabctl(arguments))?;
        let whole = milliseconds(begun.elapsed());
        let reported = text.split(['(', ',']).find_map(|part| part.trim().strip_suffix(" ms)"));
        let reported = reported.and_then(|number| number.parse().ok());
        let reported = reported.ok_or_else(|| format!("fabctl says no time: {text:?}"))?;
        let objects =
            text.split(['(', ',']).find_map(|part| part.trim().split_once(" object")?.0.parse().ok());
        Ok(Change { reported, whole, objects: objects.unwrap_or(0) })
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}

/// How much of the kernel a lab takes.
#[derive(Clone, Copy)]
pub struct Size {
    /// Network namespaces.
    pub namespaces: usize,
    /// Pairs of virtual interfaces.
    pub veths: usize,
    /// Everything that is made.
    pub objects: usize,
}

impl Size {
    /// Counts the lines of a plan.
    pub fn of(plan: &str) -> Self {
        let objects = plan.lines().filter_map(|line| line.strip_prefix("+ ")?.split_once(": "));
        let kinds: Vec<&str> =
            objects.filter_map(|(_, object)| object.split_ascii_whitespace().next()).collect();
        let count = |wanted| kinds.iter().filter(|&&kind| kind == wanted).count();
        Self { namespaces: count("namespace"), veths: count("veth"), objects: kinds.len() }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { namespaces, veths, objects } = self;
        write!(f, "{namespaces} namespaces, {veths} veth pairs, {objects} objects")
    }
}

fn path(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| format!("{} is no text", path.display()))
}
