//! How many files the daemon may have open. Each socket and each connection is one.

use std::io;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// What the daemon asks for, if the machine allows it. Programs in labs inherit it: more would slow down
/// those that close every number there could be.
const WANTED: u64 = 65_536;

/// The limit now.
///
/// # Errors
/// If the kernel does not say.
pub fn limit() -> io::Result<u64> {
    Ok(getrlimit(Resource::RLIMIT_NOFILE)?.0)
}

/// Raises the limit as far as it is allowed without further rights, 65,536 at most; gives what it is then.
///
/// # Errors
/// If the kernel refuses.
pub fn raise() -> io::Result<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    let wanted = hard.min(WANTED);
    if soft >= wanted {
        return Ok(soft);
    }
    setrlimit(Resource::RLIMIT_NOFILE, wanted, hard)?;
    Ok(wanted)
}

/// How many are open.
///
/// # Errors
/// If `/proc` does not say.
pub fn in_use() -> io::Result<u64> {
    let open = std::fs::read_dir("/proc/self/fd")?.count();
    // One of them is the directory itself.
    Ok(u64::try_from(open).unwrap_or(u64::MAX).saturating_sub(1))
}
