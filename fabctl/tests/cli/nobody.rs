//! Without a daemon, without sense, and about the daemon.

use std::process::Command;

use crate::{fabctl, fake::Fake, run, shown};

/// Runs fabctl for a user whose runtime directory is `directory`.
fn run_alone(directory: &tempfile::TempDir, line: &str) -> String {
    let mut command = fabctl();
    command.env("XDG_RUNTIME_DIR", directory.path()).env("PATH", directory.path());
    let shown = shown(&command.args(line.split(' ')).output().unwrap());
    shown.replace(directory.path().to_str().unwrap(), "RUNTIME")
}

#[test]
fn without_a_daemon_only_what_makes_labs_starts_one() {
    let directory = tempfile::tempdir().unwrap();
    for line in [
        "get pods",
        "describe pod a",
        "graph",
        "events",
        "ping a b",
        "exec a -- true",
        "tcpdump a",
        "daemon stop",
        "daemon status",
    ] {
        let expected = "! error: no daemon is running; `fabctl apply -f FILE` starts one\n[69]\n";
        assert_eq!(run_alone(&directory, line), expected, "{line}");
    }
    insta::assert_snapshot!(run_alone(&directory, "delete lab kubenet"), @r#"
    ! error: lab "kubenet" not found; no daemon is running
    [1]
    "#);
    insta::assert_snapshot!(run_alone(&directory, "version"), @"
    fabctl 0.1.0
    ! error: no daemon is running; `fabctl apply -f FILE` starts one
    [69]
    ");
    insta::assert_snapshot!(run_alone(&directory, "daemon status -o json"), @r#"
    {
      "running": false
    }
    [69]
    "#);
    insta::assert_snapshot!(run_alone(&directory, "--socket /nowhere/x apply -f /dev/null"), @"
    ! error: no daemon answers at /nowhere/x
    [69]
    ");
}

#[test]
fn a_command_line_without_sense_ends_with_64() {
    let fake = Fake::start();
    for line in ["", "nonsense", "get", "get pods -o xml", "apply", "apply -f /nowhere -x", "daemon"] {
        assert!(run(&fake, line).ends_with("[64]\n"), "{line}");
    }
    for line in ["--help", "get --help", "ping --help", "tcpdump -h", "help apply", "--version"] {
        assert!(run(&fake, line).ends_with("[0]\n"), "{line}");
    }
    assert!(run(&fake, "--help").contains("69  no daemon answers"));
    insta::assert_snapshot!(run(&fake, "apply -f /nowhere"), @"
    ! error: /nowhere: No such file or directory (os error 2)
    [1]
    ");
}

#[test]
fn the_daemon_is_asked_about_itself() {
    let fake = Fake::start();
    let socket = fake.socket().to_str().unwrap().to_owned();
    let run = |line| run(&fake, line).replace(&socket, "SOCKET");
    insta::assert_snapshot!(run("daemon status"), @"
    Version:  0.1.0
    Mode:     private
    PID:      42
    Socket:   SOCKET
    Labs:     kubenet
    [0]
    ");
    insta::assert_snapshot!(run("daemon start"), @"
    fabricd is running already (SOCKET)
    [0]
    ");
    insta::assert_snapshot!(run("daemon stop"), @"
    ! error: this is the system daemon; use `systemctl stop fabricd`
    [1]
    ");
    insta::assert_snapshot!(run("doctor"), @"
    CHECK      RESULT   FOUND
    iptables   ok       something
    ping       FAILED   something

    ping: install it
    [1]
    ");
    insta::assert_snapshot!(run("version"), @"
    fabctl 0.1.0
    fabricd 0.1.0
    [0]
    ");
    assert!(run("completion bash").contains("_fabctl()"));
}

#[test]
fn a_daemon_that_dies_shows_the_end_of_its_log() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let bin = directory.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    std::fs::hard_link(env!("CARGO_BIN_EXE_fabctl"), bin.join("fabctl")).unwrap();
    // Any program that does not know --socket will do.
    std::os::unix::fs::symlink("/bin/cat", bin.join("fabricd")).unwrap();
    let mut command = Command::new(bin.join("fabctl"));
    command
        .env_remove("FABRIC_SOCKET")
        .env("XDG_RUNTIME_DIR", directory.path())
        .env("LC_ALL", "C")
        .args(["daemon", "start"]);
    let shown = shown(&command.output().unwrap()).replace(directory.path().to_str().unwrap(), "RUNTIME");
    insta::assert_snapshot!(shown, @"
    ! error: fabricd ended at once (exit status: 1); the end of RUNTIME/fabricd/fabricd.log:
    !   RUNTIME/bin/fabricd: unrecognized option '--socket'
    !   Try 'RUNTIME/bin/fabricd --help' for more information.
    [69]
    ");
}
