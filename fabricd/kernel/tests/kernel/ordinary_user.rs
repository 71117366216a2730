//! All of it once more without root, in a user namespace.

use std::{os::unix::fs::PermissionsExt, process::Command};

/// Skipped where there is no other user to become: in an ordinary user's own namespace.
pub fn trials() -> Vec<libtest_mimic::Trial> {
    let users = std::fs::read_to_string("/proc/self/uid_map").unwrap();
    let one_user = users.split_whitespace().nth(2) == Some("1");
    let trials = crate::trials("ordinary_user", &[("the_same_without_root", the_same_without_root)]);
    trials.into_iter().map(|trial| trial.with_ignored_flag(one_user)).collect()
}

fn the_same_without_root() {
    let directory = tempfile::Builder::new().prefix("fabric-kernel-").tempdir_in("/tmp").unwrap();
    std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let copy = directory.path().join("tests");
    std::fs::copy("/proc/self/exe", &copy).unwrap();
    let output = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"])
        .arg(&copy)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("test result: ok"), "{text}");
}
