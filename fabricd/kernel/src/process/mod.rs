//! Running a command inside a place.
//!
//! The daemon does not fork and prepare a child itself: it has threads and much memory. It executes
//! its own program again, as a *shim* that has neither, and that enters the place and becomes the
//! command, or stays as its keeper.

mod files;
mod listening;
mod shim;
mod user_change;

use std::{
    env,
    path::PathBuf,
    process::{self, Command},
};

use serde::{Deserialize, Serialize};

pub use listening::listens;

use crate::programs;

/// What to run, where, and how the world looks to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The file of the place's namespace.
    pub netns: PathBuf,
    /// The host name that the command sees.
    pub hostname: String,
    /// Absolute paths and what they hold for this command alone, such as `/etc/resolv.conf`.
    pub files: Vec<(String, String)>,
    /// Whether everything that the command starts must end with it, as in a container. Without, the
    /// command is the shim's own process: for programs that start nothing, such as `ping`.
    pub contained: bool,
    /// Whether the names of the lab's namespaces are there under `/run/netns`, as a node has those of its
    /// pods; a pod has none.
    pub sees_namespaces: bool,
    /// Whether standard input is a terminal that the command shall be in control of.
    pub terminal: bool,
    /// The program, looked for in `PATH`, and its arguments.
    pub command: Vec<String>,
    /// Variables in addition to the few of [`command`].
    pub environment: Vec<(String, String)>,
}

/// The argument that makes the program a shim.
const ENTER: &str = "__enter";

/// Bytes of one argument: the kernel takes 128 KiB for each (`MAX_ARG_STRLEN`), and the hosts file of 1,000
/// nodes has that already.
const ARGUMENT_MAX: usize = 100 * 1024;

/// Becomes a shim if that is what the program was started for, and then never returns.
///
/// To be called first of all in `main`, while there is one thread. The exit code is the command's, 128
/// and the number of the signal that killed it, 127 if there is no such program, 126 if it cannot be
/// executed, and 125 if the place cannot be entered.
pub fn run_if_asked() {
    let mut arguments = env::args().skip(1);
    if arguments.next().as_deref() != Some(ENTER) {
        return;
    }
    let parent = arguments.next().and_then(|number| number.parse().ok());
    let entry = serde_json::from_str(&arguments.collect::<String>()).ok();
    let (Some(entry), Some(parent)) = (entry, parent) else {
        eprintln!("fabric: `{ENTER}` is for fabricd's own use");
        process::exit(shim::CANNOT_ENTER);
    };
    process::exit(shim::run(&entry, parent));
}

/// The command that runs `entry`, without any variable of the daemon's but `PATH`, `TERM` and `LANG`.
///
/// It must be spawned by a thread that lives at least as long as the command: the kernel kills the
/// shim with the *thread* that started it (`PR_SET_PDEATHSIG`), so that it cannot outlive the daemon.
/// The worker threads of a tokio runtime do; those of `spawn_blocking` do not.
pub fn command(entry: &Entry) -> Command {
    let json = serde_json::to_string(entry).expect("strings and booleans can be written as JSON");
    let mut command = Command::new("/proc/self/exe");
    command.arg(ENTER).arg(process::id().to_string()).args(pieces(&json));
    command.env_clear().env("PATH", programs::path()).env("HOME", "/root");
    for name in ["TERM", "LANG"] {
        if let Some(value) = env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

/// Whether the program `name` is in one of the directories that [`command`] looks in.
pub fn is_installed(name: &str) -> bool {
    programs::find(name).is_some()
}

/// `text` in pieces of at most [`ARGUMENT_MAX`] bytes.
fn pieces(mut text: &str) -> Vec<&str> {
    let mut pieces = vec![];
    while text.len() > ARGUMENT_MAX {
        let end = (0..=ARGUMENT_MAX).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
        let (piece, rest) = text.split_at(end);
        pieces.push(piece);
        text = rest;
    }
    pieces.push(text);
    pieces
}
