//! Where a daemon listens when nobody says where: one rule for the daemon and its client.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

/// The socket of the daemon that the machine's service manager runs.
pub const SYSTEM_PATH: &str = "/run/fabricd/fabricd.sock";

/// The socket of the private daemon of user `uid`.
///
/// `runtime_dir` is the value of `XDG_RUNTIME_DIR`; a relative one does not count, as its
/// specification says. Without it the path is below `/tmp`, where anybody could have made the
/// directory: whoever uses it must see that it is the user's own and closed to others.
pub fn private_path(runtime_dir: Option<&OsStr>, uid: u32) -> PathBuf {
    let directory = match runtime_dir.map(Path::new) {
        Some(runtime) if runtime.is_absolute() => runtime.join("fabricd"),
        _ => PathBuf::from(format!("/tmp/fabricd-{uid}")),
    };
    directory.join("fabricd.sock")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_socket_is_in_the_runtime_directory_or_below_tmp() {
        let path = |runtime: Option<&str>| private_path(runtime.map(OsStr::new), 1000);
        assert_eq!(path(Some("/run/user/1000")), Path::new("/run/user/1000/fabricd/fabricd.sock"));
        for none in [None, Some(""), Some("run")] {
            assert_eq!(path(none), Path::new("/tmp/fabricd-1000/fabricd.sock"));
        }
    }
}
