//! A document's own world: a folder, a daemon, a shell. Nothing of it is left when it ends.

use std::{
    env,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use tempfile::TempDir;

use super::shell::{Ran, Shell};
use crate::{
    private_daemon::{self, Own},
    socket::Socket,
};

/// How long a look at the lab of a failed document may take.
const GRACE: Duration = Duration::from_secs(20);

/// A temporary folder with a daemon's socket, and a shell that knows them.
pub struct World {
    // Dropped in this order: what runs, then the daemon, then the folder.
    shell: Shell,
    daemon: Option<Own>,
    folder: TempDir,
    fabctl: PathBuf,
}

impl World {
    /// Makes one for `document`, with a daemon if it `needs_daemon`, which may be left running if it
    /// `outlives`.
    ///
    /// # Errors
    /// If the folder or the daemon cannot be made.
    pub async fn new(document: &Path, needs_daemon: bool, outlives: bool) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("fabctl-").tempdir().context("no temporary folder")?;
        let tmp = folder.path().join("tmp");
        std::fs::create_dir(&tmp)?;
        let socket = Socket { path: folder.path().join("fabricd.sock"), named: true };
        let daemon = match needs_daemon {
            true => Some(private_daemon::start_own(&socket, outlives).await?),
            false => None,
        };
        let fabctl = env::current_exe().context("cannot find my own program file")?;
        let document = std::path::absolute(document)?;
        let place = document.parent().unwrap_or(Path::new("/")).to_owned();
        let environment = vec![
            ("PATH", Some(path_with(fabctl.parent()))),
            ("FABRIC_SOCKET", Some(socket.path.into_os_string())),
            ("XDG_RUNTIME_DIR", Some(folder.path().as_os_str().to_owned())),
            ("TMPDIR", Some(tmp.into_os_string())),
            ("LC_ALL", Some("C.UTF-8".into())),
            ("TZ", Some("UTC".into())),
            ("NO_COLOR", Some("1".into())),
            ("TERM", Some("dumb".into())),
            ("COLUMNS", None),
            ("FABRIC_LAB", None),
            ("BASH_ENV", None),
            ("ENV", None),
        ];
        Ok(Self { shell: Shell::new(place, environment), daemon, folder, fabctl })
    }

    /// Runs a script as the user would.
    ///
    /// # Errors
    /// If there is no shell.
    pub async fn run(&mut self, script: &str, timeout: Duration) -> anyhow::Result<Ran> {
        let ran = self.shell.run(script, timeout).await?;
        Ok(self.without_folder(ran))
    }

    /// Runs fabctl in this world, without a shell.
    ///
    /// # Errors
    /// If it cannot be started.
    pub async fn fabctl(&mut self, arguments: &[&str]) -> anyhow::Result<Ran> {
        let arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
        let program = self.fabctl.clone();
        self.shell.spawn(&program, &arguments, GRACE).await
    }

    /// An interactive shell, which has the terminal until it ends.
    ///
    /// # Errors
    /// If it cannot be started.
    pub async fn visit(&self) -> anyhow::Result<()> {
        let mut shell = self.shell.interactive();
        shell
            .env("TERM", env::var_os("TERM").unwrap_or("dumb".into()))
            .env_remove("NO_COLOR")
            .kill_on_drop(true);
        shell.status().await.context("cannot start a shell")?;
        Ok(())
    }

    /// Its daemon's socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("fabricd.sock")
    }

    /// Ends everything, and waits for it.
    pub async fn end(mut self) {
        self.shell.end(true);
        if let Some(daemon) = self.daemon.take() {
            daemon.end().await;
        }
    }

    /// Leaves folder and daemon to the user; says how to get rid of them.
    pub fn keep(mut self) -> String {
        let socket = self.socket();
        if let Some(daemon) = self.daemon.take() {
            daemon.leave();
        }
        let socket = socket.display();
        let folder = self.folder.keep();
        format!(
            "the lab is left running; look at it with\n  export FABRIC_SOCKET={socket}\nand end it with\n  fabctl daemon stop && rm -r {}",
            folder.display()
        )
    }

    /// The folder has another name each time.
    fn without_folder(&self, ran: Ran) -> Ran {
        let folder = self.folder.path().display().to_string();
        let output =
            ran.output.replace(&format!("{folder}/tmp"), "$TMPDIR").replace(&folder, "$XDG_RUNTIME_DIR");
        Ran { output, ..ran }
    }
}

/// `PATH` with fabctl's own folder first.
fn path_with(own: Option<&Path>) -> OsString {
    let path = env::var_os("PATH").unwrap_or("/usr/local/bin:/usr/bin:/bin".into());
    let sbin = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    let mut folders: Vec<PathBuf> =
        own.map(Path::to_owned).into_iter().chain(env::split_paths(&path)).collect();
    for folder in sbin {
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    env::join_paths(folders).unwrap_or(path)
}
