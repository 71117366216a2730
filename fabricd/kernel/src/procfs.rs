//! Several instances of procfs, so that namespaces do not wait for each other's parameters.
//!
//! The kernel keeps a directory entry `/proc/sys/net/ipv4` for each network namespace. Those of one
//! instance stand in one chain of its hash table, and each look-up walks the chain with a lock taken
//! for each entry (`proc_sys_compare`). Spread over several instances the chains are short.

use std::{
    ffi::CStr,
    fs::File,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
};

/// One takes some 15 µs to make. With 1,100 namespaces and 32 instances the chains were still 4 % of an
/// observation.
const INSTANCES: usize = 64;

/// Instances that are mounted nowhere and go with this value.
#[derive(Debug)]
pub(crate) struct Procfs {
    /// At least one.
    instances: Vec<OwnedFd>,
}

impl Procfs {
    /// Makes the instances. Where the kernel refuses, as in a container that hides parts of `/proc`,
    /// or before Linux 5.8, where all are one, that costs time and nothing else: then it is `/proc`.
    pub(crate) fn open() -> io::Result<Self> {
        let made: io::Result<Vec<OwnedFd>> = (0..INSTANCES).map(|_| detached()).collect();
        let instances = match made {
            Ok(instances) => instances,
            Err(error) => {
                tracing::debug!(%error, "cannot make instances of procfs");
                vec![File::open("/proc")?.into()]
            }
        };
        Ok(Self { instances })
    }

    /// The instance for the namespace with this file name; always the same one.
    pub(crate) fn of(&self, name: &str) -> BorrowedFd<'_> {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        let at = hasher.finish() % self.instances.len() as u64;
        self.instances[usize::try_from(at).expect("it is below a length")].as_fd()
    }
}

/// A new instance, which no path leads to.
fn detached() -> io::Result<OwnedFd> {
    const FILESYSTEM: &CStr = c"proc";
    // SAFETY: the pointer is that of a string that ends with a zero byte; the kernel only reads it.
    let context = unsafe { libc::syscall(libc::SYS_fsopen, FILESYSTEM.as_ptr(), libc::FSOPEN_CLOEXEC) };
    let context = owned(context)?;
    let (none, create) = (std::ptr::null::<libc::c_char>(), libc::FSCONFIG_CMD_CREATE);
    // SAFETY: this command takes neither key nor value, and both pointers are null.
    let made = unsafe { libc::syscall(libc::SYS_fsconfig, context.as_raw_fd(), create, none, none, 0) };
    if made < 0 {
        return Err(io::Error::last_os_error());
    }
    let careful = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV | libc::MOUNT_ATTR_NOEXEC;
    // SAFETY: fsmount(2) takes no pointers.
    owned(unsafe { libc::syscall(libc::SYS_fsmount, context.as_raw_fd(), libc::FSMOUNT_CLOEXEC, careful) })
}

/// The descriptor that a system call has returned, unless it failed.
fn owned(result: libc::c_long) -> io::Result<OwnedFd> {
    let fd = libc::c_int::try_from(result).expect("descriptors are small");
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just given us this descriptor, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
