//! Running one command as the user would, and reading what it prints.

use std::{
    ffi::OsString,
    os::fd::AsFd,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::Context;
use nix::{
    errno::Errno,
    sys::signal::{Signal, kill},
    unistd::{Pid, read},
};
use tokio::{
    io::AsyncReadExt,
    net::unix::pipe,
    process::{Child, Command},
    task::JoinHandle,
    time::sleep,
};

/// More output than this ends the command.
const OUTPUT_MAX: usize = 4 << 20;

/// What a command did.
#[derive(Debug)]
pub struct Ran {
    /// Standard output and error, as a terminal would show them.
    pub output: String,
    /// Its exit code; 128 + number for a signal.
    pub code: i32,
    /// Why it was ended before its time.
    pub cut: Option<String>,
}

/// The shell, where it runs, and what it has left running.
pub struct Shell {
    program: PathBuf,
    folder: PathBuf,
    environment: Vec<(&'static str, Option<OsString>)>,
    groups: Vec<Pid>,
    drains: Vec<JoinHandle<()>>,
}

impl Shell {
    /// A shell that runs in `folder`; variables without a value are taken out of the environment.
    pub fn new(folder: PathBuf, environment: Vec<(&'static str, Option<OsString>)>) -> Self {
        Self { program: users_shell(), folder, environment, groups: vec![], drains: vec![] }
    }

    /// Runs a script. Processes that it leaves in the background live on until [`Shell::end`].
    ///
    /// # Errors
    /// If the shell cannot be started.
    pub async fn run(&mut self, script: &str, timeout: Duration) -> anyhow::Result<Ran> {
        let program = self.program.clone();
        self.spawn(&program, &["-c".as_ref(), script.as_ref()], timeout).await
    }

    /// Runs a program without a shell.
    ///
    /// # Errors
    /// If it cannot be started.
    pub async fn spawn(
        &mut self,
        program: &Path,
        arguments: &[&std::ffi::OsStr],
        timeout: Duration,
    ) -> anyhow::Result<Ran> {
        let (sender, mut receiver) = pipe::pipe().context("cannot make a pipe")?;
        let output = sender.into_blocking_fd()?;
        let mut child = self
            .command(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
        self.groups.extend(group);
        let mut bytes = vec![];
        let cut = follow(&mut child, &mut receiver, &mut bytes, timeout).await?;
        if cut.is_some() {
            signal_group(group, Signal::SIGKILL);
        }
        let status = child.wait().await?;
        drain(&receiver, &mut bytes);
        if group.is_some_and(|group| alive(group)) && cut.is_none() {
            self.drains.push(tokio::spawn(async move {
                let _ = tokio::io::copy(&mut receiver, &mut tokio::io::sink()).await;
            }));
        } else {
            self.groups.pop();
        }
        let code = status
            .code()
            .or_else(|| std::os::unix::process::ExitStatusExt::signal(&status).map(|signal| 128 + signal));
        Ok(Ran { output: String::from_utf8_lossy(&bytes).into_owned(), code: code.unwrap_or(1), cut })
    }

    /// An interactive shell's command, not started.
    pub fn interactive(&self) -> Command {
        self.command(&self.program)
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.folder);
        for (name, value) in &self.environment {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }

    /// Asks everything that is still running to end; without `gently`, ends it.
    pub fn end(&mut self, gently: bool) {
        self.groups.retain(|group| alive(*group));
        for group in &self.groups {
            signal_group(Some(*group), if gently { Signal::SIGTERM } else { Signal::SIGKILL });
        }
        if !gently {
            self.groups.clear();
            self.drains.drain(..).for_each(|drain| drain.abort());
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        self.end(false);
    }
}

/// Reads until the child ends; says so if it had to be given up.
async fn follow(
    child: &mut Child,
    receiver: &mut pipe::Receiver,
    bytes: &mut Vec<u8>,
    timeout: Duration,
) -> anyhow::Result<Option<String>> {
    let late = sleep(timeout);
    tokio::pin!(late);
    let mut open = true;
    loop {
        tokio::select! {
            status = child.wait() => {
                status?;
                return Ok(None);
            }
            length = receiver.read_buf(bytes), if open => open = length? > 0,
            () = &mut late => return Ok(Some(format!("it did not end within {} s", timeout.as_secs_f32()))),
        }
        if bytes.len() > OUTPUT_MAX {
            return Ok(Some(format!("it printed more than {} MiB", OUTPUT_MAX >> 20)));
        }
    }
}

/// Takes what is in the pipe. Not by tokio, which may not know yet that something is.
fn drain(receiver: &pipe::Receiver, bytes: &mut Vec<u8>) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = read(receiver.as_fd(), &mut buffer) {
        bytes.extend_from_slice(&buffer[..length]);
    }
}

fn alive(group: Pid) -> bool {
    kill(Pid::from_raw(-group.as_raw()), None) != Err(Errno::ESRCH)
}

fn signal_group(group: Option<Pid>, signal: Signal) {
    if let Some(group) = group.filter(|group| group.as_raw() > 1) {
        let _ = kill(Pid::from_raw(-group.as_raw()), signal);
    }
}

/// `$SHELL` if it speaks the language of the Bourne shell, else bash, else sh.
fn users_shell() -> PathBuf {
    const BOURNE: [&str; 6] = ["bash", "sh", "dash", "zsh", "ksh", "ash"];
    let own = std::env::var_os("SHELL").map(PathBuf::from).filter(|shell| {
        let name = shell.file_name().and_then(|name| name.to_str());
        shell.is_file() && name.is_some_and(|name| BOURNE.contains(&name))
    });
    own.or_else(|| Some(PathBuf::from("/bin/bash")).filter(|bash| bash.is_file())).unwrap_or("/bin/sh".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn run(script: &str) -> Ran {
        let mut shell = Shell::new("/".into(), vec![("X", Some("y".into())), ("HOME", None)]);
        shell.run(script, Duration::from_secs(5)).await.unwrap()
    }

    #[tokio::test]
    async fn both_outputs_come_in_order_with_the_exit_code() {
        let ran = run("echo $X; echo err >&2; echo ${HOME-none}; exit 3").await;
        assert_eq!((ran.output.as_str(), ran.code, ran.cut), ("y\nerr\nnone\n", 3, None));
        assert_eq!(run("kill -9 $$").await.code, 137);
        assert_eq!(run("seq 100000 | tail -1").await.output, "100000\n");
        assert_eq!(run("seq 20000").await.output.len(), 108_894);
    }

    #[tokio::test]
    async fn a_command_that_does_not_end_is_ended_with_its_children() {
        let mut shell = Shell::new("/".into(), vec![]);
        let ran = shell.run("echo begun; sleep 61 | sleep 61", Duration::from_millis(200)).await.unwrap();
        assert_eq!(ran.output, "begun\n");
        assert!(ran.cut.unwrap().contains("did not end"));
        assert!(run("yes").await.cut.unwrap().contains("printed more"));
    }

    #[tokio::test]
    async fn what_is_left_in_the_background_lives_until_the_end() {
        let mut shell = Shell::new("/".into(), vec![]);
        let ran = shell.run("sleep 62 & echo $!", Duration::from_secs(5)).await.unwrap();
        let pid = Pid::from_raw(ran.output.trim().parse().unwrap());
        assert_eq!(kill(pid, None), Ok(()));
        shell.end(false);
        // Its new parent reaps it.
        for _ in 0..500 {
            if std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z ")) {
                sleep(Duration::from_millis(10)).await;
            }
        }
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        assert!(stat.is_empty() || stat.contains(") Z "), "{stat}");
    }
}
