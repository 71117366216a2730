//! The daemon's socket: who may use it may run commands in its labs, so its permissions are strict.

use std::{
    fs::{self, DirBuilder, File},
    io,
    os::{
        fd::AsFd,
        unix::{
            fs::{DirBuilderExt, MetadataExt, PermissionsExt},
            net::UnixListener,
        },
    },
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use nix::{
    fcntl::{Flock, FlockArg},
    unistd::{Group, UnlinkatFlags, chown, getuid, unlinkat},
};

/// Group whose members may use a system daemon, if it exists.
pub const GROUP: &str = "fabric";

/// How long a lock may outlive its daemon.
const PATIENCE: Duration = Duration::from_secs(1);

/// What fabctl leaves beside the socket of a daemon that it has started: its log, and the lock that
/// keeps two fabctl from starting two.
const LEFT_BY_FABCTL: [&str; 2] = ["fabricd.log", "fabctl.lock"];

/// Who may connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The user alone: mode 0600 in a directory of mode 0700.
    Private,
    /// root and the members of [`GROUP`]: mode 0660 in a directory of mode 0755.
    System,
}

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// A step of making it failed.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The directory belongs to somebody else, or others may write to it.
    #[error("{} must be a directory of yours that nobody else can write to", .0.display())]
    Untrusted(PathBuf),
    /// Another daemon has it.
    #[error("another fabricd serves {}", .0.display())]
    InUse(PathBuf),
}

/// A bound socket and the lock on its directory.
#[derive(Debug)]
pub struct Socket {
    /// Where clients connect.
    pub listener: UnixListener,
    path: PathBuf,
    directory: Flock<File>,
}

impl Socket {
    /// Binds `path`, whose directory is made if it is not there. A socket that a killed daemon has left
    /// is replaced.
    ///
    /// # Errors
    /// If another daemon serves it, its directory cannot be trusted, or the file system refuses.
    pub fn bind(path: &Path, access: Access) -> Result<Self, SocketError> {
        let io_error = |action, path: &Path| {
            let path = path.to_owned();
            move |source: io::Error| SocketError::Io { action, path, source }
        };
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mode = if access == Access::Private { 0o700 } else { 0o755 };
        match DirBuilder::new().mode(mode).create(parent) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(io_error("make", parent)(error));
            }
            _ => {}
        }
        let found = fs::symlink_metadata(parent).map_err(io_error("read", parent))?;
        if !found.is_dir() || found.uid() != getuid().as_raw() || found.mode() & 0o022 != 0 {
            return Err(SocketError::Untrusted(parent.to_owned()));
        }
        let directory = File::open(parent).map_err(io_error("open", parent))?;
        // The directory itself is the lock, so no lock file is ever left.
        let directory = lock(directory).ok_or_else(|| SocketError::InUse(path.to_owned()))?;
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(io_error("replace", path)(error));
            }
            _ => {}
        }
        // Between bind and chmod nobody may connect who must not.
        let umask = nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o177));
        let bound = UnixListener::bind(path);
        nix::sys::stat::umask(umask);
        let listener = bound.map_err(io_error("bind", path))?;
        if access == Access::System
            && let Ok(Some(group)) = Group::from_name(GROUP)
        {
            let owned = chown(path, None, Some(group.gid)).map_err(io::Error::from);
            let opened = owned.and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o660)));
            opened.map_err(io_error("open to group fabric", path))?;
        }
        Ok(Self { listener, path: path.to_owned(), directory })
    }

    /// What is needed to remove the socket later, from whatever namespace.
    ///
    /// # Errors
    /// If there are no file descriptors left.
    pub fn remains(&self) -> io::Result<Remains> {
        Ok(Remains { directory: self.directory.try_clone()?, path: self.path.clone() })
    }

    /// Gives up the lock when the value goes; the listener stays.
    pub fn into_parts(self) -> (UnixListener, Flock<File>) {
        (self.listener, self.directory)
    }
}

/// Locks the directory. A daemon that was killed while it started a program leaves the lock to that child
/// until it runs: so what is locked is tried again for [`PATIENCE`].
fn lock(mut directory: File) -> Option<Flock<File>> {
    let begun = Instant::now();
    loop {
        match Flock::lock(directory, FlockArg::LockExclusiveNonblock) {
            Ok(locked) => return Some(locked),
            Err(_) if begun.elapsed() >= PATIENCE => return None,
            Err((unlocked, _)) => directory = unlocked,
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What a daemon leaves in the file system when it ends.
#[derive(Debug)]
pub struct Remains {
    directory: File,
    path: PathBuf,
}

impl Remains {
    /// Removes the socket, what fabctl left beside it, and the directory if it is empty then. What is not there is no error.
    pub fn remove(&self) {
        let left = LEFT_BY_FABCTL.map(std::ffi::OsStr::new);
        for name in self.path.file_name().into_iter().chain(left) {
            let _ = unlinkat(self.directory.as_fd(), name, UnlinkatFlags::NoRemoveDir);
        }
        if let Some(directory) = self.path.parent() {
            let _ = fs::remove_dir(directory);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_private_socket_is_for_its_user_alone() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("fabricd/fabricd.sock");
        let socket = Socket::bind(&path, Access::Private).unwrap();
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        assert!(matches!(Socket::bind(&path, Access::Private), Err(SocketError::InUse(_))));
        let remains = socket.remains().unwrap();
        drop(socket);
        remains.remove();
        assert!(!path.parent().unwrap().exists());
    }

    /// A child that has been forked and runs nothing of its own yet has all files of its parent.
    #[test]
    fn a_lock_that_outlives_its_daemon_a_little_is_waited_for() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("fabricd/fabricd.sock");
        let socket = Socket::bind(&path, Access::Private).unwrap();
        let child = socket.remains().unwrap();
        drop(socket.into_parts().0);
        let child = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            drop(child);
        });
        Socket::bind(&path, Access::Private).unwrap();
        child.join().unwrap();
    }

    #[test]
    fn a_socket_that_was_left_is_replaced() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("fabricd/fabricd.sock");
        drop(Socket::bind(&path, Access::Private).unwrap());
        assert!(path.exists());
        Socket::bind(&path, Access::Private).unwrap();
    }

    #[test]
    fn a_directory_that_others_can_write_to_is_a_trap() {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("fabricd");
        fs::create_dir(&directory).unwrap();
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o777)).unwrap();
        let path = directory.join("fabricd.sock");
        assert!(matches!(Socket::bind(&path, Access::Private), Err(SocketError::Untrusted(_))));
        let link = home.path().join("link");
        std::os::unix::fs::symlink(home.path(), &link).unwrap();
        assert!(matches!(Socket::bind(&link.join("s"), Access::Private), Err(SocketError::Untrusted(_))));
    }
}
