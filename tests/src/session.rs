//! A user's session: a runtime folder of its own, so a daemon of its own.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

/// The folder with all labs.
pub fn labs() -> PathBuf {
    let checkout = concat!(env!("CARGO_MANIFEST_DIR"), "/../labs");
    std::env::var_os("FABRIC_LABS").map_or_else(|| PathBuf::from(checkout), PathBuf::from)
}

/// A program of ours: beside the tests' own, or where FABRIC_BIN says.
///
/// # Panics
/// If it has not been built; `cargo xtask test` builds it first.
pub fn program(name: &str) -> PathBuf {
    let folder = std::env::var_os("FABRIC_BIN").map_or_else(built, PathBuf::from);
    let path = folder.join(name);
    assert!(path.is_file(), "{} is not built; run `cargo build --workspace --bins`", path.display());
    path
}

fn built() -> PathBuf {
    let own = std::env::current_exe().expect("a test knows its own file");
    own.ancestors().nth(2).expect("tests are in target/PROFILE/deps").to_owned()
}

/// A session. Its daemon, if fabctl has started one, ends with it.
pub struct Session {
    folder: TempDir,
    socket: Option<PathBuf>,
}

impl Session {
    /// A session without a daemon yet.
    #[expect(clippy::new_without_default, reason = "it makes a folder")]
    pub fn new() -> Self {
        Self { folder: TempDir::with_prefix("fabric-").expect("a temporary folder"), socket: None }
    }

    /// A session with the daemon at `socket`.
    pub fn at(socket: &Path) -> Self {
        let mut session = Self::new();
        session.socket = Some(socket.to_owned());
        session
    }

    /// Its runtime folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where its daemon listens.
    pub fn socket_path(&self) -> PathBuf {
        self.socket.clone().unwrap_or_else(|| self.folder().join("fabricd/fabricd.sock"))
    }

    /// `fabctl` with `arguments`, not started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program("fabctl"));
        command.args(arguments).current_dir(labs()).stdin(Stdio::null());
        command.env("XDG_RUNTIME_DIR", self.folder()).env_remove("FABRIC_LAB").env_remove("FABRIC_SOCKET");
        if let Some(socket) = &self.socket {
            command.env("FABRIC_SOCKET", socket);
        }
        command
    }

    /// Runs `fabctl`, whatever comes of it.
    pub fn fabctl(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("fabctl starts")
    }

    /// Runs `fabctl` and gives its standard output.
    ///
    /// # Panics
    /// If its exit code is not 0.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let output = self.fabctl(arguments);
        assert!(output.status.success(), "fabctl {}: {}", arguments.join(" "), shown(&output));
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Runs `fabctl`, which must fail with that exit code, and gives its standard error.
    ///
    /// # Panics
    /// If it does not.
    pub fn fails(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.fabctl(arguments);
        assert_eq!(output.status.code(), Some(code), "fabctl {}: {}", arguments.join(" "), shown(&output));
        String::from_utf8(output.stderr).expect("UTF-8")
    }

    /// The daemon's process id as the machine sees it.
    ///
    /// # Panics
    /// If there is no daemon.
    pub fn daemon_pid(&self) -> i32 {
        let status = self.ok(&["daemon", "status", "-o", "json"]);
        let status: serde_json::Value = serde_json::from_str(&status).expect("JSON");
        i32::try_from(status["pid"].as_i64().expect("a process id")).expect("a process id")
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.socket.is_none() {
            let _ = self.fabctl(&["daemon", "stop"]);
        }
    }
}

fn shown(output: &Output) -> String {
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!("{}\n{stdout}\n{stderr}", output.status)
}
