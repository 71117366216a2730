//! Where the programs are that fabricd runs.

use std::{
    env,
    ffi::OsString,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// Where Debian keeps the network's tools; often not on the path of an ordinary user.
const SYSTEM: [&str; 4] = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"];

/// The absolute path of `name`, looked for on [`path`].
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = path();
    env::split_paths(&path).map(|directory| directory.join(name)).find(|file| is_executable(file))
}

/// The caller's `PATH`, with those of the system's directories that it lacks behind it.
pub(crate) fn path() -> OsString {
    let own = env::var_os("PATH").unwrap_or_default();
    let mut directories: Vec<PathBuf> = env::split_paths(&own).filter(|path| path.is_absolute()).collect();
    for directory in SYSTEM.map(PathBuf::from) {
        if !directories.contains(&directory) {
            directories.push(directory);
        }
    }
    // A directory with a colon in its name cannot have come out of `split_paths`.
    env::join_paths(directories).unwrap_or(own)
}

fn is_executable(file: &Path) -> bool {
    file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}
