//! Restart, crash and recovery.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use fabric_tests::{Background, Process, Session, labs, program, wait_until};
use nix::sys::signal::Signal;

pub const TESTS: [(&str, fn()); 5] = [
    ("a_restart_loses_no_packet", a_restart_loses_no_packet),
    ("programs_end_with_the_daemon_and_come_again_with_the_next", programs_come_again),
    ("killed_at_any_moment_a_lab_is_whole_or_gone", killed_at_any_moment),
    ("a_ledger_that_cannot_be_read_is_kept", a_ledger_that_cannot_be_read_is_kept),
    ("what_is_not_ours_stays", what_is_not_ours_stays),
];

const SOCKET: &str = "/run/fabricd/fabricd.sock";
const LEDGER: &str = "/run/fabricd/labs";

fn start() -> Background {
    let mut command = Command::new(program("fabricd"));
    command.arg("--system").stdin(Stdio::null()).env_remove("FABRIC_SOCKET");
    Background::start(&mut command).wait_for("ready", 1)
}

fn stop(daemon: Background) {
    daemon.signal(Signal::SIGTERM);
    let ended = daemon.end();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert!(!Path::new(SOCKET).exists());
}

fn session() -> Session {
    Session::at(Path::new(SOCKET))
}

fn namespaces() -> Vec<String> {
    let entries = fs::read_dir("/run/netns").into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort_unstable();
    names
}

fn ledgers() -> usize {
    fs::read_dir(LEDGER).into_iter().flatten().count()
}

fn a_restart_loses_no_packet() {
    let daemon = start();
    let mode = fs::symlink_metadata(SOCKET).expect("a socket").permissions().mode() & 0o777;
    assert!(mode == 0o600 || mode == 0o660, "{mode:o}");
    let session = session();
    session.ok(&["apply", "-f", "kubenet"]);
    assert!(session.fails(1, &["daemon", "stop"]).contains("systemctl"));
    let before = namespaces();
    assert!(before.contains(&"fabric.kubenet.pod.aks.default.a".to_owned()), "{before:?}");
    // Not through the daemon, so that it goes on without it.
    let ping =
        ["netns", "exec", "fabric.kubenet.pod.aks.default.a", "ping", "-i", "0.005", "-q", "10.244.1.27"];
    let ping = Background::start(Command::new("ip").args(ping).stdin(Stdio::null()));
    stop(daemon);
    let daemon = start();
    assert_eq!(session.ok(&["get", "labs", "-o", "name"]), "lab/kubenet\n");
    assert!(session.ok(&["apply", "-f", "kubenet"]).contains("unchanged"));
    // Its servers answer again: the new daemon has sockets of its own.
    let curl = ["exec", "a", "--", "curl", "-sS", "-m", "10", "http://203.0.113.10"];
    assert!(session.ok(&curl).starts_with("server: example-com 203.0.113.10:80\nclient: "));
    let ended = ping.interrupt();
    assert!(ended.text().contains(" 0% packet loss"), "{}", ended.text());
    assert_eq!(namespaces(), before);
    session.ok(&["delete", "lab", "kubenet"]);
    assert_eq!((namespaces(), ledgers()), (vec![], 0));
    stop(daemon);
}

/// However a daemon ends, no program of its labs is left, and the next one runs them again.
fn programs_come_again() {
    let session = session();
    let kubenet = fs::read_to_string(labs().join("kubenet/lab.yaml")).expect("the lab");
    let text = kubenet.replace("- name: device\n", "- name: device\n  httpProxy: {}\n");
    let path = session.folder().join("proxy.yaml");
    fs::write(&path, text).expect("a file");
    let programs = |daemon: &Background| {
        let all = Process::tree(daemon.pid().as_raw()).into_iter();
        all.filter(|process| process.command.contains("tinyproxy-fabric.conf")).collect::<Vec<_>>()
    };
    let mut daemon = start();
    session.ok(&["apply", "-f", path.to_str().expect("UTF-8")]);
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        let running = programs(&daemon);
        assert!(!running.is_empty());
        assert!(session.ok(&["logs", "vm/device"]).contains("Initializing tinyproxy"));
        daemon.signal(signal);
        drop(daemon.end());
        wait_until("its programs have gone", || !running.iter().any(Process::is_alive));
        daemon = start();
    }
    assert!(!programs(&daemon).is_empty());
    session.ok(&["delete", "lab", "kubenet"]);
    wait_until("nothing is left", || programs(&daemon).is_empty() && namespaces().is_empty());
    stop(daemon);
}

/// SIGKILL after ever longer times into an apply, a change and a delete.
fn killed_at_any_moment() {
    let session = session();
    let kubenet = fs::read_to_string(labs().join("kubenet/lab.yaml")).expect("the lab");
    let changed = session.folder().join("changed.yaml");
    fs::write(&changed, kubenet.replace("10.244.1.27", "10.244.1.99")).expect("a file");
    let changed = changed.to_str().expect("UTF-8");
    for (verb, arguments) in [
        ("apply", vec!["apply", "-f", "kubenet"]),
        ("change", vec!["apply", "-f", changed]),
        ("delete", vec!["delete", "lab", "kubenet"]),
    ] {
        let mut delay = Duration::ZERO;
        loop {
            let daemon = start();
            if verb != "apply" {
                session.ok(&["apply", "-f", "kubenet"]);
            }
            let client = Background::start(&mut session.command(&arguments));
            let begun = Instant::now();
            while begun.elapsed() < delay {
                std::thread::yield_now();
            }
            daemon.signal(Signal::SIGKILL);
            drop(daemon.end());
            let finished = client.end().status.success();

            let daemon = start();
            let running = session.ok(&["get", "labs", "-o", "name"]);
            if running.is_empty() {
                assert_eq!((namespaces(), ledgers()), (vec![], 0), "{verb} killed after {delay:?}");
            } else {
                assert_eq!(ledgers(), 1);
                // Whole: as the file of its generation says, and packets flow.
                let pods = session.ok(&["get", "pod", "c", "-o", "json"]);
                let file = if pods.contains("10.244.1.99") { changed } else { "kubenet" };
                assert!(
                    session.ok(&["apply", "-f", file]).contains("unchanged"),
                    "{verb} killed after {delay:?}"
                );
                session.ok(&["ping", "a", "c", "-c", "1"]);
                session.ok(&["ping", "c", "vm/device", "-c", "1"]);
                session.ok(&["delete", "lab", "kubenet"]);
            }
            stop(daemon);
            assert_eq!((namespaces(), ledgers()), (vec![], 0));
            if finished {
                break;
            }
            delay += Duration::from_millis(if delay.as_millis() < 20 { 4 } else { 15 });
            assert!(delay < Duration::from_secs(5), "{verb} never finishes");
        }
    }
}

fn a_ledger_that_cannot_be_read_is_kept() {
    fs::create_dir_all(LEDGER).expect("a folder");
    let page = Path::new(LEDGER).join("kubenet.json");
    fs::write(&page, "{\"version\":99}").expect("a file");
    let mut command = Command::new(program("fabricd"));
    let ended = Background::start(command.arg("--system").stdin(Stdio::null())).end();
    assert!(!ended.status.success());
    assert!(ended.stderr.contains("kubenet.json"), "{}", ended.stderr);
    assert_eq!(fs::read_to_string(&page).expect("kept"), "{\"version\":99}");
    fs::remove_file(&page).expect("a file");
    wait_until("its socket has gone", || !Path::new(SOCKET).exists());
}

fn what_is_not_ours_stays() {
    let run = |arguments: &[&str]| {
        assert!(Command::new("ip").args(arguments).status().expect("ip is installed").success());
    };
    run(&["netns", "add", "somebody-elses"]);
    run(&["netns", "add", "fabric.other.underlay"]);
    let daemon = start();
    let session = session();
    session.ok(&["apply", "-f", "kubenet"]);
    session.ok(&["delete", "lab", "kubenet"]);
    stop(daemon);
    assert_eq!(namespaces(), ["fabric.other.underlay", "somebody-elses"]);
    run(&["netns", "del", "somebody-elses"]);
    run(&["netns", "del", "fabric.other.underlay"]);
}
