//! Starting the user's own daemon.
//!
//! `setsid` may only be called by the process that is to become the session's leader, so fabctl
//! starts itself once more under a name of its own ([`take_over`]), which leaves the terminal and
//! then becomes fabricd without a change of process id.

use std::{
    env,
    ffi::OsStr,
    fs::{self, File},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use anyhow::Context;
use nix::{
    fcntl::{Flock, FlockArg},
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{exit::Failure, output, socket::Socket};

/// How long a daemon may take until it answers.
const DEADLINE: Duration = Duration::from_secs(10);
/// How long it may take to take its labs away.
const GRACE: Duration = Duration::from_secs(20);
/// The first argument of the process that becomes the daemon.
const DETACHED: &str = "__become-fabricd";
/// The same for a daemon that must not outlive this process.
const BOUND: &str = "__become-bound-fabricd";
/// How much of the log is shown when it dies.
const TAIL_LINES: usize = 20;

/// What came of starting.
#[derive(Debug)]
pub enum Started {
    /// It runs now, with this process id.
    Now(u32),
    /// Another fabctl was faster.
    Already,
}

impl Started {
    /// Says on standard error that there is a daemon now that was not there before.
    pub fn announce(&self) {
        if let Self::Now(pid) = self {
            output::say(&format!("no fabricd answered; started a private one (pid {pid})"));
        }
    }
}

/// Starts a private daemon on `socket`, and comes back when it answers.
///
/// # Errors
/// If there is no `fabricd`, or it dies, or says nothing for ten seconds.
pub async fn start(socket: &Socket) -> anyhow::Result<Started> {
    let directory = socket.make_directory()?;
    let lock = File::create(directory.join("fabctl.lock")).context("cannot lock the socket's directory")?;
    // Held until the daemon answers, so that two fabctl at once start one daemon.
    let _lock = tokio::task::spawn_blocking(|| {
        Flock::lock(lock, FlockArg::LockExclusive).map_err(|(_, errno)| errno)
    })
    .await?
    .context("cannot lock the socket's directory")?;
    if socket.answers()? {
        return Ok(Started::Already);
    }
    let log = socket.path.with_file_name("fabricd.log");
    let mut daemon = spawn(DETACHED, &socket.path, &log)?;
    await_answer(socket, &mut daemon, &log).await?;
    Ok(Started::Now(daemon.id()))
}

/// Starts a private daemon on `socket`, in a directory of the caller's own, and comes back when it
/// answers.
///
/// Unless it `outlives`, it ends with the thread that called, so that is to be one that lives as long
/// as the process.
///
/// # Errors
/// As [`start`].
pub async fn start_own(socket: &Socket, outlives: bool) -> anyhow::Result<Own> {
    let log = socket.path.with_file_name("fabricd.log");
    let mut daemon = spawn(if outlives { DETACHED } else { BOUND }, &socket.path, &log)?;
    match await_answer(socket, &mut daemon, &log).await {
        Ok(()) => Ok(Own(daemon)),
        Err(error) => {
            let _ = daemon.kill();
            let _ = daemon.wait();
            Err(error)
        }
    }
}

/// A daemon of the caller's own, which ends with the value.
pub struct Own(Child);

impl Own {
    /// Ends it and waits for it, while other tasks go on: it takes its labs away, and that may take a
    /// moment.
    pub async fn end(self) {
        let _ = tokio::task::spawn_blocking(move || drop(self)).await;
    }

    /// Leaves it running.
    pub fn leave(self) {
        std::mem::forget(self);
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let begin = Instant::now();
        if let Ok(pid) = i32::try_from(self.0.id()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
        while matches!(self.0.try_wait(), Ok(None)) {
            if begin.elapsed() > GRACE {
                let _ = self.0.kill();
                let _ = self.0.wait();
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

async fn await_answer(socket: &Socket, daemon: &mut Child, log: &Path) -> anyhow::Result<()> {
    let begin = Instant::now();
    while !socket.answers()? {
        if let Some(status) = daemon.try_wait()? {
            return Err(Failure::unreachable(format!("fabricd ended at once ({status}){}", tail(log))));
        }
        if begin.elapsed() > DEADLINE {
            return Err(Failure::unreachable(format!("fabricd does not answer{}", tail(log))));
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}

/// Becomes fabricd, if this process was started for that.
pub fn take_over() -> Option<ExitCode> {
    let mut arguments = env::args_os().skip(1);
    let name = arguments.next()?;
    if name != DETACHED && name != BOUND {
        return None;
    }
    let program = arguments.next()?;
    if let Err(error) = nix::unistd::setsid() {
        output::say(&format!("setsid: {error}"));
    }
    if name == BOUND
        && let Err(error) = nix::sys::prctl::set_pdeathsig(Signal::SIGTERM)
    {
        output::say(&format!("prctl: {error}"));
    }
    let error = Command::new(&program).args(arguments).exec();
    output::say(&format!("{}: {error}", program.display()));
    Some(ExitCode::FAILURE)
}

fn spawn(name: &str, socket: &Path, log: &Path) -> anyhow::Result<Child> {
    let own = env::current_exe().context("cannot find my own program file")?;
    let fabricd = find(&own, env::var_os("PATH").as_deref())
        .ok_or_else(|| Failure::unreachable("no `fabricd` stands beside fabctl or in PATH; install it"))?;
    let log = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let mut command = Command::new(own);
    command.arg(name).arg(fabricd).arg("--socket").arg(socket);
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).current_dir("/");
    command.spawn().context("cannot start fabricd")
}

/// `fabricd` beside fabctl, else the first in `PATH`.
fn find(own: &Path, path: Option<&OsStr>) -> Option<PathBuf> {
    let beside = own.parent().map(Path::to_owned);
    let directories = beside.into_iter().chain(path.into_iter().flat_map(env::split_paths));
    directories
        .map(|directory| directory.join("fabricd"))
        .find(|file| file.is_file())
        .and_then(|file| std::path::absolute(file).ok())
}

fn tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().collect();
    let last = &lines[lines.len().saturating_sub(TAIL_LINES)..];
    if last.is_empty() {
        format!("; its log {} is empty", log.display())
    } else {
        format!("; the end of {}:\n  {}", log.display(), last.join("\n  "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fabricd_is_looked_for_beside_fabctl_then_in_path() {
        let directory = tempfile::tempdir().unwrap();
        let [bin, other] = ["bin", "other"].map(|name| directory.path().join(name));
        fs::create_dir(&bin).unwrap();
        fs::create_dir(&other).unwrap();
        let path = env::join_paths([&bin, &other]).unwrap();
        let own = bin.join("fabctl");
        assert_eq!(find(&own, Some(&path)), None);
        File::create(other.join("fabricd")).unwrap();
        assert_eq!(find(&own, Some(&path)), Some(other.join("fabricd")));
        File::create(bin.join("fabricd")).unwrap();
        assert_eq!(find(&own, None), Some(bin.join("fabricd")));
    }

    #[test]
    fn only_the_end_of_a_long_log_is_shown() {
        let log = tempfile::NamedTempFile::new().unwrap();
        fs::write(log.path(), (1..=30).map(|n| format!("{n}\n")).collect::<String>()).unwrap();
        let tail = tail(log.path());
        assert!(tail.ends_with("\n  29\n  30") && !tail.contains("\n  10\n"), "{tail}");
    }
}
