//! The shim: enters a place and runs one command there.

use std::{
    convert::Infallible,
    env,
    ffi::CString,
    io,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
    sys::{
        prctl,
        signal::{SigHandler, SigSet, Signal, signal},
    },
    unistd::{Pid, chdir, execvp, getppid, sethostname, setsid},
};

use super::{Entry, files, user_change};
use crate::{
    isolation::exit_now,
    namespace::Namespace,
    programs,
    supervise::{Side, Signals, fork_bound},
};

/// As `timeout` and `docker` use it: the failure is ours, not the command's.
pub(super) const CANNOT_ENTER: i32 = 125;
const CANNOT_EXECUTE: i32 = 126;
const NOT_FOUND: i32 = 127;

const PASSED_ON: [Signal; 8] = [
    Signal::SIGINT,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGQUIT,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGWINCH,
    Signal::SIGCONT,
];

/// Runs the command and returns its exit code; or becomes the command.
pub(super) fn run(entry: &Entry, parent: i32) -> i32 {
    match enter(entry, parent) {
        Ok(()) => {}
        Err((what, error)) => {
            eprintln!("fabric: cannot {what}: {error}");
            return CANNOT_ENTER;
        }
    }
    if !entry.contained {
        return execute(entry);
    }
    contain(entry).unwrap_or_else(|error| {
        eprintln!("fabric: cannot start a process: {error}");
        CANNOT_ENTER
    })
}

type Failure = (&'static str, io::Error);

fn enter(entry: &Entry, parent: i32) -> Result<(), Failure> {
    let failed = |what| move |error: Errno| (what, io::Error::from(error));
    // The contained command has a keeper of its own: process 1 of its pid namespace.
    prctl::set_pdeathsig(Signal::SIGKILL).map_err(failed("be bound to fabricd"))?;
    if getppid() != Pid::from_raw(parent) {
        return Err(("be bound to fabricd", io::Error::other("it has ended")));
    }
    let namespace = Namespace::open(&entry.netns).and_then(|namespace| {
        let namespace = namespace.ok_or_else(|| io::Error::other("the file is no namespace"))?;
        namespace.enter()
    });
    namespace.map_err(|error| ("enter the place", error))?;

    let mut flags = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWUTS;
    flags.set(CloneFlags::CLONE_NEWPID, entry.contained);
    unshare(flags).map_err(failed("make namespaces"))?;
    let none = None::<&str>;
    // Slave, not private: a namespace that is removed must go from this copy of its name too.
    mount(none, "/", none, MsFlags::MS_SLAVE | MsFlags::MS_REC, none).map_err(failed("keep mounts apart"))?;
    sethostname(&entry.hostname).map_err(failed("set the host name"))?;
    // A new /sys shows the links of this namespace. Containers may refuse it; the old one shows others.
    let careful = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC | MsFlags::MS_RDONLY;
    let _ = mount(Some("sysfs"), "/sys", Some("sysfs"), careful, none);
    // The names of all other places are of no use in here, so their directory can hold the files.
    let room = entry.netns.parent().unwrap_or(Path::new("/mnt"));
    files::put(&entry.files, room).map_err(|error| ("make room for files", error))?;
    if !entry.sees_namespaces {
        files::empty(room).map_err(|error| ("hide the names of namespaces", error))?;
    }
    // Without seccomp the few programs that mind say so themselves.
    let _ = user_change::answer();
    chdir("/").map_err(failed("change to /"))
}

/// Runs the command in a pid namespace of its own, below a process 1 that is not the command: so
/// signals work on it as usual, orphans are reaped, and all ends when it ends.
fn contain(entry: &Entry) -> io::Result<i32> {
    let signals = Signals::hold(&PASSED_ON)?;
    match fork_bound(Signal::SIGKILL)? {
        Side::Parent(init) => return Ok(signals.wait_for(init)),
        Side::Child => {}
    }
    // Refused in containers that hide parts of /proc: the command then sees the processes of outside.
    let careful = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    let _ = mount(Some("proc"), "/proc", Some("proc"), careful, None::<&str>);
    match fork_bound(Signal::SIGKILL)? {
        Side::Parent(command) => exit_now(signals.wait_for(command)),
        Side::Child => exit_now(execute(entry)),
    }
}

/// Becomes the command, or says why not and returns the exit code that a shell would.
fn execute(entry: &Entry) -> i32 {
    let Some(program) = entry.command.first() else {
        eprintln!("fabric: no command");
        return CANNOT_EXECUTE;
    };
    let Err(error) = become_command(entry, program);
    match error.kind() {
        io::ErrorKind::NotFound if program.contains('/') => {
            eprintln!("fabric: {program}: no such file or directory");
            NOT_FOUND
        }
        io::ErrorKind::NotFound => {
            eprintln!("fabric: {program}: command not found");
            NOT_FOUND
        }
        _ => {
            eprintln!("fabric: {program}: {error}");
            CANNOT_EXECUTE
        }
    }
}

fn become_command(entry: &Entry, program: &str) -> io::Result<Infallible> {
    if entry.terminal {
        setsid()?;
        // SAFETY: TIOCSCTTY takes a number; descriptor 0 is standard input.
        if unsafe { libc::ioctl(0, libc::TIOCSCTTY, 0) } < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    for (name, value) in &entry.environment {
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("bad variable `{name}`")));
        }
        // SAFETY: a shim has one thread.
        unsafe { env::set_var(name, value) };
    }
    let arguments: Vec<CString> =
        entry.command.iter().map(|text| CString::new(text.as_str())).collect::<Result<_, _>>()?;
    // Not left to execvp: where a directory of PATH may not be read, that says so of the program.
    let file = if program.contains('/') {
        PathBuf::from(program)
    } else {
        programs::find(program).ok_or(io::ErrorKind::NotFound)?
    };
    let file = CString::new(file.into_os_string().into_vec())?;
    // Rust ignores SIGPIPE, and a shim holds signals back; both would be inherited.
    // SAFETY: the default action is no function of ours.
    unsafe { signal(Signal::SIGPIPE, SigHandler::SigDfl) }?;
    SigSet::empty().thread_set_mask()?;
    Ok(execvp(&file, &arguments)?)
}
