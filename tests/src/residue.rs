//! What a test could leave on the machine.

use std::{collections::BTreeSet, fs, path::Path};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// What is there: links and named namespaces of the machine, and the processes that belong to a
/// session's folder.
#[derive(Debug, PartialEq, Eq)]
pub struct Residue {
    links: BTreeSet<String>,
    namespaces: BTreeSet<String>,
}

impl Residue {
    /// Looks at the machine.
    pub fn now() -> Self {
        let names = |folder: &str| {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
        };
        Self { links: names("/sys/class/net"), namespaces: names("/run/netns") }
    }

    /// Processes with `folder` in their environment or arguments, without this one: their ids and
    /// commands.
    pub fn processes(folder: &Path) -> Vec<String> {
        let needle = folder.as_os_str().as_encoded_bytes();
        let own = std::process::id().to_string();
        let mut found = vec![];
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let pid = entry.file_name().to_string_lossy().into_owned();
            if pid == own || !pid.bytes().all(|byte| byte.is_ascii_digit()) {
                continue;
            }
            let read = |name: &str| fs::read(entry.path().join(name)).unwrap_or_default();
            let (environment, arguments) = (read("environ"), read("cmdline"));
            if [&environment, &arguments].iter().any(|bytes| contains(bytes, needle)) {
                found.push(format!("{pid} {}", String::from_utf8_lossy(&arguments).replace('\0', " ")));
            }
        }
        found
    }
}

/// A process, with its start time, since a number can be used again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    pid: i32,
    started: String,
    /// Its program and arguments.
    pub command: String,
}

impl Process {
    /// All processes that `pid` and its children have started, itself included.
    pub fn tree(pid: i32) -> Vec<Self> {
        let mut found: Vec<Self> = Self::read(pid).into_iter().collect();
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        for task in tasks {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            for child in children.split_whitespace().filter_map(|child| child.parse().ok()) {
                found.extend(Self::tree(child));
            }
        }
        found
    }

    /// Its process id as the machine sees it.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Whether it is still there; one that only waits to be collected is not.
    pub fn is_alive(&self) -> bool {
        Self::read(self.pid).is_some_and(|process| process.started == self.started)
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// If it is not there.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid), signal).expect("it is there");
    }

    fn read(pid: i32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name may hold blanks; the fields behind it do not.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        if matches!(*fields.first()?, "Z" | "X") {
            return None;
        }
        let started = (*fields.get(19)?).to_owned();
        let command = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        Some(Self { pid, started, command: String::from_utf8_lossy(&command).replace('\0', " ") })
    }
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}
