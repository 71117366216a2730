//! Which socket is meant, and whether it can be trusted.

use std::{
    fs, io,
    os::unix::{
        fs::{DirBuilderExt, MetadataExt},
        net::UnixStream,
    },
    path::{Path, PathBuf},
};

use anyhow::Context;
use fabric_core::socket::{SYSTEM_PATH, private_path};
use nix::unistd::{AccessFlags, access, geteuid};

use crate::exit::Failure;

/// Where a daemon is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Socket {
    /// Its path.
    pub path: PathBuf,
    /// Whether the user named it; then no other is tried, and none is started there.
    pub named: bool,
}

impl Socket {
    /// The socket that the user named, else the system daemon's if one listens there and lets this
    /// user in, else that of the user's own daemon.
    pub fn choose(named: Option<&Path>) -> Self {
        if let Some(path) = named {
            // The daemon works in another directory.
            let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
            return Self { path, named: true };
        }
        let system = Path::new(SYSTEM_PATH);
        if access(system, AccessFlags::R_OK | AccessFlags::W_OK).is_ok()
            && UnixStream::connect(system).is_ok()
        {
            return Self { path: system.to_owned(), named: false };
        }
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|dir| Path::new(dir).is_dir());
        Self { path: private_path(runtime.as_deref(), geteuid().as_raw()), named: false }
    }

    /// Whether a daemon listens.
    ///
    /// # Errors
    /// If one may, and this user must not know, or if the directory could be somebody's trap.
    pub fn answers(&self) -> anyhow::Result<bool> {
        if !self.named {
            check_directory(&self.path)?;
        }
        match UnixStream::connect(&self.path) {
            Ok(_) => Ok(true),
            Err(error) => match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Ok(false),
                io::ErrorKind::PermissionDenied => {
                    Err(Failure::unreachable(format!("you may not use the socket {}", self.path.display())))
                }
                _ => Err(Failure::unreachable(format!("{}: {error}", self.path.display()))),
            },
        }
    }

    /// Makes the socket's directory, closed to others, if it is not there.
    ///
    /// # Errors
    /// If it cannot be made, or is not the user's own.
    pub fn make_directory(&self) -> anyhow::Result<&Path> {
        let directory = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let directory = directory.unwrap_or(Path::new("."));
        match fs::DirBuilder::new().mode(0o700).create(directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(error).with_context(|| format!("cannot make {}", directory.display()));
            }
            _ => {}
        }
        if !self.named {
            check_directory(&self.path)?;
        }
        Ok(directory)
    }
}

/// Refuses a private directory that somebody else owns or can write to: in `/tmp` anybody could
/// have made it, with a socket in it that only looks like a daemon's.
fn check_directory(socket: &Path) -> anyhow::Result<()> {
    let Some(directory) = socket.parent() else { return Ok(()) };
    if socket == Path::new(SYSTEM_PATH) {
        return Ok(());
    }
    let Ok(metadata) = fs::symlink_metadata(directory) else { return Ok(()) };
    let own = metadata.is_dir() && metadata.uid() == geteuid().as_raw() && metadata.mode() & 0o077 == 0;
    if own {
        return Ok(());
    }
    let directory = directory.display();
    Err(Failure::unreachable(format!("{directory} is not a directory of your own with mode 0700; remove it")))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_directory_that_others_can_use_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let private = directory.path().join("fabricd-0");
        let socket = Socket { path: private.join("fabricd.sock"), named: false };
        assert!(!socket.answers().unwrap());
        socket.make_directory().unwrap();
        assert_eq!(fs::metadata(&private).unwrap().mode() & 0o777, 0o700);
        fs::set_permissions(&private, fs::Permissions::from_mode(0o770)).unwrap();
        assert!(socket.answers().unwrap_err().to_string().contains("mode 0700"));

        let link = directory.path().join("link");
        std::os::unix::fs::symlink(directory.path(), &link).unwrap();
        let socket = Socket { path: link.join("fabricd.sock"), named: false };
        assert!(socket.make_directory().is_err());
    }
}
