//! Kernel parameters of a network namespace.

use std::{
    fs::File,
    io::{self, Read, Write},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use fabric_core::object::Sysctl;
use nix::{
    fcntl::{OFlag, openat},
    sys::stat::Mode,
};

/// The parameters of the namespace that the calling thread is in when it first asks for one. To be
/// thrown away before the thread moves on.
pub(crate) struct Parameters<'a> {
    /// See [`crate::procfs`].
    procfs: BorrowedFd<'a>,
    /// `net/ipv4` and its like: the way there is the long part of each look-up.
    directories: Vec<(String, OwnedFd)>,
}

impl<'a> Parameters<'a> {
    /// Seen through this instance of procfs.
    pub(crate) fn new(procfs: BorrowedFd<'a>) -> Self {
        Self { procfs, directories: Vec::new() }
    }

    /// Sets the parameter.
    pub(crate) fn write(&mut self, sysctl: &Sysctl) -> io::Result<()> {
        self.open(&sysctl.path, OFlag::O_WRONLY)?.write_all(sysctl.value.as_bytes())
    }

    /// The parameter as it is; `None` if there is none of this path, as when its link has gone.
    pub(crate) fn read(&mut self, sysctl: &Sysctl) -> io::Result<Option<Sysctl>> {
        let mut file = match self.open(&sysctl.path, OFlag::O_RDONLY) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        // The kernel gives the whole value at once, and none that is written here is longer.
        let mut buffer = [0; 4096];
        let length = file.read(&mut buffer)?;
        let value = String::from_utf8_lossy(&buffer[..length]).trim_end().to_owned();
        Ok(Some(Sysctl { path: sysctl.path.clone(), value, link: sysctl.link.clone() }))
    }

    fn open(&mut self, path: &str, flags: OFlag) -> io::Result<File> {
        // Only `net` is the namespace's own: anything else would be the machine's.
        let split = path.strip_prefix("net/").and_then(|rest| rest.split_once('/'));
        let Some((directory, rest)) = split.filter(|_| path.split('/').all(|part| part != "..")) else {
            let message = "not a parameter of a network namespace";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        };
        let directory = self.directory(directory)?;
        Ok(openat(directory, rest, flags | OFlag::O_CLOEXEC, Mode::empty())?.into())
    }

    fn directory(&mut self, name: &str) -> io::Result<BorrowedFd<'_>> {
        let at = match self.directories.iter().position(|(known, _)| known == name) {
            Some(at) => at,
            None => {
                let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
                let path = format!("sys/net/{name}");
                let directory = openat(self.procfs, path.as_str(), flags, Mode::empty())?;
                self.directories.push((name.to_owned(), directory));
                self.directories.len() - 1
            }
        };
        Ok(self.directories[at].1.as_fd())
    }
}
