//! Waiting for a child in its stead: passing signals on to it, and ending as it ended.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        prctl,
        signal::{SigSet, SigmaskHow, Signal, kill, sigprocmask},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::{ForkResult, Pid, fork, pipe2},
};

/// Signals kept from killing a supervisor, to be passed on.
pub(crate) struct Signals {
    passed_on: SigSet,
    before: SigSet,
}

impl Signals {
    /// Holds back `passed_on`, and the news of children. To be called before the fork, so that none
    /// is lost between it and the wait.
    pub(crate) fn hold(passed_on: &[Signal]) -> io::Result<Self> {
        let passed_on: SigSet = passed_on.iter().copied().collect();
        let mut held = passed_on;
        held.add(Signal::SIGCHLD);
        let mut before = SigSet::empty();
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&held), Some(&mut before))?;
        Ok(Self { passed_on, before })
    }

    /// Undoes [`Signals::hold`], in the child.
    pub(crate) fn release(&self) -> io::Result<()> {
        Ok(sigprocmask(SigmaskHow::SIG_SETMASK, Some(&self.before), None)?)
    }

    /// Waits until `child` has ended, passing signals on to it, and returns its exit code as a shell
    /// would. Other children are reaped on the way: process 1 of a pid namespace inherits them all.
    pub(crate) fn wait_for(&self, child: Pid) -> i32 {
        let mut awaited = self.passed_on;
        awaited.add(Signal::SIGCHLD);
        loop {
            while let Ok(status) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                match status {
                    WaitStatus::Exited(pid, code) if pid == child => return code,
                    WaitStatus::Signaled(pid, signal, _) if pid == child => return 128 + signal as i32,
                    WaitStatus::StillAlive => break,
                    _ => {}
                }
            }
            match awaited.wait() {
                // Only fails if the child has ended just now, which the next round sees.
                Ok(signal) if signal != Signal::SIGCHLD => drop(kill(child, signal)),
                _ => {}
            }
        }
    }
}

/// Which side of [`fork_bound`] this is.
pub(crate) enum Side {
    Parent(Pid),
    Child,
}

/// Forks a child that gets `last_wish` when this process dies, even if that is at once.
///
/// Only for a process with a single thread.
pub(crate) fn fork_bound(last_wish: Signal) -> io::Result<Side> {
    let (reader, writer) = pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
    // SAFETY: our callers have one thread, so no lock can be held by one that is not copied.
    match unsafe { fork() }? {
        ForkResult::Parent { child } => {
            // Never closed: that it is closed is how the child sees that we are dead.
            std::mem::forget(writer);
            Ok(Side::Parent(child))
        }
        ForkResult::Child => {
            drop(writer);
            prctl::set_pdeathsig(last_wish)?;
            // A parent that died before that cannot be told by its number, which is 0 if it is in
            // another pid namespace.
            if is_closed(&reader)? {
                std::process::exit(128 + last_wish as i32);
            }
            Ok(Side::Child)
        }
    }
}

fn is_closed(reader: &OwnedFd) -> io::Result<bool> {
    let mut waiting = [PollFd::new(reader.as_fd(), PollFlags::POLLIN)];
    match poll(&mut waiting, PollTimeout::ZERO) {
        Err(Errno::EINTR) => Ok(false),
        Err(error) => Err(error.into()),
        Ok(_) => Ok(waiting[0].revents().is_some_and(|events| events.contains(PollFlags::POLLHUP))),
    }
}
