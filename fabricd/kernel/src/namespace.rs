//! Named network namespaces: files that a namespace is mounted on, as `ip netns` keeps them.

use std::{
    fs::{self, File},
    io,
    os::{fd::AsFd, unix::fs::MetadataExt},
    path::Path,
};

use fabric_core::{kernel::NamespaceId, name::LabName, place::Place};
use nix::{
    errno::Errno,
    mount::{MntFlags, MsFlags, mount, umount2},
    sched::{CloneFlags, setns, unshare},
    sys::statfs::{NSFS_MAGIC, fstatfs},
};

/// What tells a namespace from all others that exist at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
}

impl From<Identity> for NamespaceId {
    fn from(identity: Identity) -> Self {
        // All namespaces are files of one file system.
        Self(identity.inode)
    }
}

/// An open namespace, kept alive by this.
#[derive(Debug)]
pub(crate) struct Namespace {
    file: File,
    identity: Identity,
}

impl Namespace {
    /// Opens the namespace mounted on `path`; `None` if the file has none on it.
    pub(crate) fn open(path: &Path) -> io::Result<Option<Self>> {
        let file = File::open(path)?;
        if fstatfs(&file)?.filesystem_type() != NSFS_MAGIC {
            return Ok(None);
        }
        Self::of_file(file).map(Some)
    }

    /// The calling thread's.
    pub(crate) fn current() -> io::Result<Self> {
        // Not `self`: that would be the first thread's.
        Self::of_file(File::open("/proc/thread-self/ns/net")?)
    }

    fn of_file(file: File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        let identity = Identity { device: metadata.dev(), inode: metadata.ino() };
        Ok(Self { file, identity })
    }

    /// Moves the calling thread into this namespace.
    pub(crate) fn enter(&self) -> io::Result<()> {
        Ok(setns(&self.file, CloneFlags::CLONE_NEWNET)?)
    }

    /// See [`Identity`].
    pub(crate) fn identity(&self) -> Identity {
        self.identity
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Moves the calling thread into a new, nameless namespace, with `lo` down.
pub(crate) fn enter_new() -> io::Result<Namespace> {
    let before = Namespace::current()?.identity;
    unshare(CloneFlags::CLONE_NEWNET)?;
    let namespace = Namespace::current()?;
    if namespace.identity == before {
        return Err(io::Error::other("unshare succeeded, but the namespace is the old one"));
    }
    Ok(namespace)
}

/// Moves the calling thread into a new namespace and mounts that on `path`.
pub(crate) fn create(path: &Path) -> io::Result<Namespace> {
    match File::create_new(path) {
        Ok(_) => {}
        // A file without a namespace is what a crash between two system calls leaves.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            if Namespace::open(path)?.is_some() {
                return Err(error);
            }
        }
        Err(error) => return Err(error),
    }
    let pin = || {
        let namespace = enter_new()?;
        mount(Some("/proc/thread-self/ns/net"), path, None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
        Ok(namespace)
    };
    pin().inspect_err(|_| {
        // The failure that is reported is the first one.
        let _ = fs::remove_file(path);
    })
}

/// Takes the name away. The kernel ends the namespace, with all links in it, once nobody uses it.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match umount2(path, MntFlags::MNT_DETACH) {
        // Nothing is mounted there: see `create`.
        Ok(()) | Err(Errno::EINVAL) => fs::remove_file(path),
        Err(error) => Err(error.into()),
    }
}

/// The places of `lab` that have a file in `directory`, with the file names.
pub(crate) fn list(directory: &Path, lab: &LabName) -> io::Result<Vec<(Place, String)>> {
    let mut places = Vec::new();
    for entry in fs::read_dir(directory)? {
        let Ok(name) = entry?.file_name().into_string() else { continue };
        if let Some(place) = Place::from_netns_name(lab, &name) {
            places.push((place, name));
        }
    }
    places.sort();
    Ok(places)
}

/// Makes `directory` a shared mount, as `ip netns add` does: each process with mounts of its own then
/// sees namespaces come and go, and does not hold on to those that went.
pub(crate) fn prepare_directory(directory: &Path) -> io::Result<()> {
    let none = None::<&str>;
    fs::create_dir_all(directory)?;
    let share = || mount(none, directory, none, MsFlags::MS_SHARED | MsFlags::MS_REC, none);
    match share() {
        Err(Errno::EINVAL) => {
            mount(Some(directory), directory, none, MsFlags::MS_BIND | MsFlags::MS_REC, none)?;
            Ok(share()?)
        }
        result => Ok(result?),
    }
}
