//! Beginning and end of a private daemon: it leaves nothing, however it ends.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
};

use fabric_tests::{Background, Process, Residue, Session, wait_until};
use nix::sys::signal::Signal;

pub const TESTS: [(&str, fn()); 4] = [
    ("the_socket_is_for_its_user_alone", the_socket_is_for_its_user_alone),
    ("nothing_is_left_after_a_stop", nothing_is_left_after_a_stop),
    ("nothing_is_left_after_any_signal", nothing_is_left_after_any_signal),
    ("without_a_daemon_reading_verbs_say_so", without_a_daemon_reading_verbs_say_so),
];

fn the_socket_is_for_its_user_alone() {
    let session = Session::new();
    session.ok(&["daemon", "start"]);
    let socket = fs::symlink_metadata(session.socket_path()).expect("a socket");
    assert_eq!(socket.permissions().mode() & 0o777, 0o600);
    assert_eq!(socket.uid(), nix::unistd::getuid().as_raw());
    let folder = fs::symlink_metadata(session.socket_path().parent().expect("a folder")).expect("a folder");
    assert_eq!(folder.permissions().mode() & 0o777, 0o700);
}

/// A session with a lab, and with programs running in it.
fn busy() -> (Session, Background, Background) {
    let session = Session::new();
    session.ok(&["apply", "-f", "kubenet"]);
    let shell =
        ["exec", "a", "--", "bash", "-c", "echo ready >&2; trap '' TERM INT HUP; sleep 600 & sleep 600"];
    let shell = Background::start(&mut session.command(&shell)).wait_for("ready", 1);
    let capture = ["tcpdump", "c", "vm/device", "-n"];
    let capture = Background::start(&mut session.command(&capture)).wait_for("listening on", 2);
    (session, shell, capture)
}

/// The processes of a busy session: supervisor, init, daemon, and what runs in the lab.
fn processes(session: &Session) -> Vec<Process> {
    let tree = Process::tree(session.daemon_pid());
    for words in ["sleep 600", "tcpdump -Z"] {
        assert!(tree.iter().any(|process| process.command.contains(words)), "{words} in {tree:#?}");
    }
    tree
}

fn nothing_is_left(session: &Session, before: &Residue, processes: &[Process]) {
    wait_until("all its processes have ended", || !processes.iter().any(Process::is_alive));
    assert_eq!(&Residue::now(), before);
    wait_until("its folder has gone", || !session.folder().join("fabricd").exists());
}

fn nothing_is_left_after_a_stop() {
    let before = Residue::now();
    let (session, shell, capture) = busy();
    let processes = processes(&session);
    session.ok(&["daemon", "stop"]);
    assert!(!shell.end().status.success());
    drop(capture.end());
    nothing_is_left(&session, &before, &processes);
}

fn nothing_is_left_after_any_signal() {
    let before = Residue::now();
    // The supervisor, the init of the daemon's process namespace, the daemon.
    for (victim, signal) in [
        (0, Signal::SIGTERM),
        (0, Signal::SIGINT),
        (0, Signal::SIGKILL),
        (1, Signal::SIGKILL),
        (2, Signal::SIGTERM),
        (2, Signal::SIGKILL),
    ] {
        let (session, shell, capture) = busy();
        let processes = processes(&session);
        processes[victim].signal(signal);
        drop(shell.end());
        drop(capture.end());
        nothing_is_left(&session, &before, &processes);
        // And the next one starts as if nothing had been.
        session.ok(&["apply", "-f", "kubenet"]);
        session.ok(&["ping", "a", "c", "-c", "1"]);
    }
}

fn without_a_daemon_reading_verbs_say_so() {
    let session = Session::new();
    for verb in [["get", "pods"], ["daemon", "status"], ["get", "labs"]] {
        let stderr = session.fails(69, &verb);
        assert!(stderr.contains("no daemon"), "{verb:?}: {stderr}");
    }
    assert!(!session.socket_path().exists());
}
