//! Namespaces of the daemon's own, so that a lab touches nothing of the machine and needs no root.
//!
//! Three processes: the caller stays outside as *supervisor*; process 1 of a new pid namespace is
//! only an *init*, which reaps orphans; its child is the daemon. The daemon is not process 1 itself,
//! since it would then have to tell its own children, which tokio waits for, from orphans, and would
//! be immune to signals without a handler. When the daemon ends, however it ends, init ends, and the
//! kernel then kills whatever else is in the pid namespace, and with the last process go the mounts
//! and the network.

use std::{fs, io, path::Path};

use fabric_core::kernel::KernelError;
use nix::{
    errno::Errno,
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
    sys::signal::Signal,
    unistd::{Gid, Uid, getegid, geteuid, setsid},
};

use crate::{
    NETNS_DIR, namespace,
    netlink::{Batch, Socket, link},
    supervise::{Side, Signals, fork_bound},
};

/// What the daemon should know of where it is now.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Isolated {
    /// Whether the caller had no right to make namespaces, and has a user namespace of its own now.
    pub user_namespace: bool,
    /// The machine's limit of learned neighbours, which only its own network namespace shows.
    pub neighbour_limit: Option<u32>,
}

/// Moves the program into namespaces of its own: user (only without `CAP_SYS_ADMIN`), mount, network,
/// pid, ipc and host name. Returns in the daemon; the calling process never returns, but waits for the
/// daemon, passes SIGTERM, SIGINT and SIGHUP on, runs `cleanup` and exits with the daemon's code.
///
/// Inside, `/proc` is new, `/run` is an empty tmpfs but for [`NETNS_DIR`], and `lo` is up. Whatever is
/// to be reached from outside, such as a socket under the user's runtime directory, must be opened
/// before. The daemon leads a session of its own: a terminal's Ctrl-C reaches it once, by the
/// supervisor.
///
/// # Errors
/// If the kernel refuses, or the process has several threads. An error can come back in a child of
/// the caller, which has only to report it and exit.
pub fn enter(cleanup: impl FnOnce()) -> Result<Isolated, KernelError> {
    let wrap = |what: &str| {
        let what = what.to_owned();
        move |e: io::Error| KernelError::new(what, e)
    };
    single_thread().map_err(wrap("cannot make namespaces"))?;
    let neighbour_limit = neighbour_limit();
    let user_namespace = new_pid_namespace().map_err(wrap("cannot make a user and a pid namespace"))?;
    let signals = Signals::hold(&[Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP])
        .map_err(wrap("cannot hold back signals"))?;
    match fork_bound(Signal::SIGTERM).map_err(wrap("cannot start a process"))? {
        Side::Parent(init) => {
            let code = signals.wait_for(init);
            cleanup();
            std::process::exit(code);
        }
        Side::Child => {}
    }

    setsid().map_err(|e| KernelError::new("cannot begin a session", io::Error::from(e)))?;
    furnish()?;
    match fork_bound(Signal::SIGKILL).map_err(wrap("cannot start the daemon's process"))? {
        // `exit` would run what the program has registered to be run at its end, a second time.
        Side::Parent(daemon) => exit_now(signals.wait_for(daemon)),
        Side::Child => {
            signals.release().map_err(wrap("cannot release signals"))?;
            Ok(Isolated { user_namespace, neighbour_limit })
        }
    }
}

/// The machine's limit of learned neighbours, `gc_thresh3`; `None` where it cannot be seen, which is
/// everywhere but in the machine's own network namespace.
pub fn neighbour_limit() -> Option<u32> {
    read_number("/proc/sys/net/ipv4/neigh/default/gc_thresh3")
}

fn single_thread() -> io::Result<()> {
    match fs::read_dir("/proc/self/task")?.count() {
        1 => Ok(()),
        count => Err(io::Error::other(format!("the process already has {count} threads"))),
    }
}

/// The pid namespace is for children only; says whether a user namespace was needed for it.
fn new_pid_namespace() -> io::Result<bool> {
    match unshare(CloneFlags::CLONE_NEWPID) {
        Ok(()) => return Ok(false),
        Err(Errno::EPERM) => {}
        Err(error) => return Err(error.into()),
    }
    let (user, group) = (geteuid(), getegid());
    unshare(CloneFlags::CLONE_NEWUSER)?;
    become_root(user, group)?;
    unshare(CloneFlags::CLONE_NEWPID)?;
    Ok(true)
}

fn become_root(user: Uid, group: Gid) -> io::Result<()> {
    // The kernel lets an ordinary user map its group only after it has given up setgroups(2).
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("0 {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("0 {group} 1"))
}

/// Makes the other namespaces and puts into them what programs expect.
fn furnish() -> Result<(), KernelError> {
    let flags = CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS;
    let wrap = |what: &str| {
        let what = what.to_owned();
        move |e: Errno| KernelError::new(what, io::Error::from(e))
    };
    unshare(flags).map_err(wrap("cannot make a mount and a network namespace"))?;
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_SLAVE | MsFlags::MS_REC, none)
        .map_err(wrap("cannot keep mounts to ourselves"))?;
    // In a container that hides parts of /proc the kernel refuses a new one. The old one still works:
    // only its process numbers are those of outside.
    let careful = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    if let Err(error) = mount(Some("proc"), "/proc", Some("proc"), careful, none) {
        tracing::debug!(%error, "cannot mount a new /proc");
    }
    let run = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), "/run", Some("tmpfs"), run, Some("mode=755")).map_err(wrap("cannot mount /run"))?;
    namespace::prepare_directory(Path::new(NETNS_DIR))
        .map_err(|e| KernelError::new(format!("cannot prepare {NETNS_DIR}"), e))?;
    loopback_up().map_err(|e| KernelError::new("cannot set lo up", e))
}

fn loopback_up() -> io::Result<()> {
    let mut batch = Batch::default();
    batch.push(0, link::set_loopback_up());
    let refused = batch.send(&Socket::route()?)?;
    refused.into_iter().next().map_or(Ok(()), |first| Err(io::Error::other(first.refusal)))
}

/// The number that a file under `/proc/sys` holds.
pub(crate) fn read_number(file: &str) -> Option<u32> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// Ends this copy of the process without its destructors and exit handlers.
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: _exit takes a number and does not return.
    unsafe { libc::_exit(code) }
}
