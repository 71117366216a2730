//! All of it once more without root, in a user namespace.

use std::{os::unix::fs::PermissionsExt, process::Command};

crate::tests!(the_same_without_root);

fn the_same_without_root() {
    const INNER: &str = "FABRIC_KERNEL_TEST_AS_USER";
    if std::env::var_os(INNER).is_some() {
        return;
    }
    let directory = tempfile::Builder::new().prefix("fabric-kernel-").tempdir_in("/tmp").unwrap();
    std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let copy = directory.path().join("tests");
    std::fs::copy("/proc/self/exe", &copy).unwrap();
    let output = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"])
        .arg(&copy)
        .env(INNER, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("test result: ok"), "{text}");
}
