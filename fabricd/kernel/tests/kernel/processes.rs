//! Commands inside a place.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    os::fd::AsFd,
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use fabric_core::object::{Object, Sysctl};
use fabric_kernel::process::{Entry, command, listens};
use nix::{
    pty::openpty,
    sched::{CloneFlags, setns},
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::lab::{Lab, draw, node, pod, veth};

crate::tests!(
    what_it_sees,
    files_that_are_not_there,
    exit_codes,
    failures_to_execute,
    signals_are_passed_on,
    background_children_end,
    a_killed_shim_takes_all,
    a_terminal,
    environment,
    much_to_say,
    a_port_that_is_served,
    without_a_place,
    many_at_once
);

/// A pod with an eth0.
fn lab() -> Lab {
    let mut lab = Lab::new();
    let forward = Object::Sysctl(Sysctl::global("net/ipv4/ip_forward", "0"));
    lab.build(draw([(pod(), forward), (node(), veth())]));
    lab
}

fn entry(lab: &Lab, contained: bool, words: &[&str]) -> Entry {
    Entry {
        netns: format!("/run/netns/{}", pod().netns_name(&lab.name)).into(),
        hostname: "web".into(),
        files: Vec::new(),
        contained,
        sees_namespaces: true,
        terminal: false,
        command: words.iter().map(|&word| word.to_owned()).collect(),
        environment: Vec::new(),
    }
}

fn output(entry: &Entry) -> Output {
    command(entry).stdin(Stdio::null()).output().unwrap()
}

/// What it prints; it must say nothing on standard error.
fn text(entry: &Entry) -> String {
    let output = output(entry);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    String::from_utf8(output.stdout).unwrap()
}

fn what_it_sees() {
    let lab = lab();
    let script =
        "hostname; cat /etc/resolv.conf /etc/hosts; ls /sys/class/net; tail -n +3 /proc/net/dev | wc -l; pwd";
    for contained in [false, true] {
        let mut entry = entry(&lab, contained, &["sh", "-c", script]);
        entry.files = vec![
            ("/etc/resolv.conf".into(), "nameserver 10.0.0.10\n".into()),
            ("/etc/hosts".into(), "10.244.0.15 web\n".into()),
        ];
        assert_eq!(text(&entry), "web\nnameserver 10.0.0.10\n10.244.0.15 web\neth0\nlo\n2\n/\n");
    }
    let processes = text(&entry(&lab, true, &["sh", "-c", "echo $$; echo /proc/[0-9]*"]));
    assert_eq!(processes, "2\n/proc/1 /proc/2\n");
    assert_ne!(std::fs::read_to_string("/etc/hosts").unwrap(), "10.244.0.15 web\n");
}

fn files_that_are_not_there() {
    let lab = lab();
    let mut entry = entry(&lab, true, &["cat", "/etc/fabric-a", "/etc/fabric-b", "/etc/hosts"]);
    let file = |path: &str| (path.to_owned(), format!("{path}\n"));
    entry.files = vec![file("/etc/hosts"), file("/etc/fabric-a"), file("/etc/fabric-b")];
    assert_eq!(text(&entry), "/etc/fabric-a\n/etc/fabric-b\n/etc/hosts\n");
    assert!(!std::path::Path::new("/etc/fabric-a").exists());
    entry.files.push(file("/proc/nowhere"));
    let output = output(&entry);
    let warning = String::from_utf8(output.stderr).unwrap();
    assert!(warning.starts_with("fabric: warning: /proc/nowhere is the machine's own: "), "{warning}");
    assert!(output.status.success());
}

fn exit_codes() {
    let lab = lab();
    for (script, code) in [("exit 0", 0), ("exit 3", 3), ("kill -9 $$", 137), ("kill -TERM $$", 143)] {
        assert_eq!(output(&entry(&lab, true, &["sh", "-c", script])).status.code(), Some(code), "{script}");
    }
    assert_eq!(output(&entry(&lab, false, &["sh", "-c", "exit 3"])).status.code(), Some(3));
}

fn failures_to_execute() {
    let lab = lab();
    for (words, code, sentence) in [
        (&["no-such-program"][..], 127, "fabric: no-such-program: command not found\n"),
        (&["/no/such/program"], 127, "fabric: /no/such/program: no such file or directory\n"),
        (&["/etc/passwd"], 126, "fabric: /etc/passwd: Permission denied (os error 13)\n"),
        (&[], 126, "fabric: no command\n"),
    ] {
        for contained in [false, true] {
            let output = output(&entry(&lab, contained, words));
            assert_eq!(String::from_utf8_lossy(&output.stderr), sentence);
            assert_eq!(output.status.code(), Some(code));
        }
    }
}

/// A script that waits without end, and says when it does.
const WAITING: &str = "trap 'exit 7' TERM INT; sleep 918273 & echo ready; wait";

fn signals_are_passed_on() {
    let lab = lab();
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        for contained in [false, true] {
            let entry =
                entry(&lab, contained, &["sh", "-c", WAITING.replace("sleep", "exec sleep").as_str()]);
            let mut child = command(&entry).stdout(Stdio::piped()).stdin(Stdio::null()).spawn().unwrap();
            let mut output = BufReader::new(child.stdout.take().unwrap());
            let mut line = String::new();
            output.read_line(&mut line).unwrap();
            assert_eq!(line, "ready\n");
            kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
            assert_eq!(child.wait().unwrap().code(), Some(7), "{signal}");
            if contained {
                line.clear();
                output.read_to_string(&mut line).unwrap();
            } else {
                // Nobody keeps what a command leaves that is not contained.
                run_pkill(&entry);
            }
        }
    }
}

/// Ends what runs in the place.
fn run_pkill(entry: &Entry) {
    let name = entry.netns.file_name().unwrap().to_str().unwrap();
    let pids = crate::lab::run(&["ip", "netns", "pids", name]);
    for pid in pids.split_whitespace() {
        kill(Pid::from_raw(pid.parse().unwrap()), Signal::SIGKILL).unwrap();
    }
}

fn background_children_end() {
    let lab = lab();
    let mut child = command(&entry(&lab, true, &["sh", "-c", "setsid sleep 918273 & echo ready"]))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // The sleeper holds the pipe: its end is the sleeper's.
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "ready\n");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

fn a_killed_shim_takes_all() {
    let lab = lab();
    let mut child = command(&entry(&lab, true, &["sh", "-c", WAITING]))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
}

fn a_terminal() {
    let lab = lab();
    for contained in [false, true] {
        let pty = openpty(None, None).unwrap();
        let mut entry = entry(&lab, contained, &["sh", "-c", &format!("tty -s && echo tty; {WAITING}")]);
        entry.terminal = true;
        let slave = || Stdio::from(pty.slave.as_fd().try_clone_to_owned().unwrap());
        let mut child = command(&entry).stdin(slave()).stdout(slave()).stderr(slave()).spawn().unwrap();
        drop(pty.slave);
        let mut master = std::fs::File::from(pty.master);
        let mut seen = String::new();
        let mut buffer = [0; 64];
        while !seen.contains("ready") {
            let length = master.read(&mut buffer).unwrap();
            seen.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
        }
        assert_eq!(seen, "tty\r\nready\r\n");
        master.write_all(b"\x03").unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(7));
        if !contained {
            run_pkill(&entry);
        }
    }
}

fn environment() {
    let lab = lab();
    let mut entry = entry(&lab, true, &["env"]);
    entry.environment = vec![("POD_IP".into(), "10.244.0.15".into())];
    let text = text(&entry);
    let names: Vec<_> = text.lines().filter_map(|line| line.split('=').next()).collect();
    assert!(text.contains("POD_IP=10.244.0.15\n") && text.contains("HOME=/root\n"), "{text}");
    assert!(text.contains("/usr/sbin"), "{text}");
    assert!(names.iter().all(|name| ["PATH", "HOME", "TERM", "LANG", "POD_IP"].contains(name)), "{text}");
}

/// More than the kernel takes as one argument, cut in the middle of characters.
fn much_to_say() {
    let lab = lab();
    let mut entry = entry(&lab, true, &["sh", "-c", "wc -c < /etc/hosts; printf %s \"$TEXT\" | tail -c 5"]);
    entry.files = vec![("/etc/hosts".into(), "€ä\n".repeat(60_000))];
    entry.environment = vec![("TEXT".into(), format!("{}end", "ö".repeat(30_000)))];
    assert_eq!(text(&entry), format!("{}\nöend", 6 * 60_000));
}

fn a_port_that_is_served() {
    let lab = lab();
    let netns = entry(&lab, true, &["true"]).netns;
    assert!(!listens(&netns, 3128).unwrap());
    let inside = netns.clone();
    let server = move || {
        setns(File::open(inside).unwrap(), CloneFlags::CLONE_NEWNET).unwrap();
        TcpListener::bind("0.0.0.0:3128").unwrap()
    };
    let server = std::thread::spawn(server).join().unwrap();
    assert!(listens(&netns, 3128).unwrap());
    assert!(!listens(&netns, 3129).unwrap());
    drop(server);
    // A program that another test starts at this moment has the socket too, until it runs.
    let begun = Instant::now();
    while listens(&netns, 3128).unwrap() {
        assert!(begun.elapsed() < Duration::from_secs(10), "it is still served");
        std::thread::yield_now();
    }
    assert!(listens(Path::new("/nowhere"), 3128).is_err());
}

fn without_a_place() {
    let lab = Lab::new();
    let output = output(&entry(&lab, true, &["true"]));
    assert_eq!(output.status.code(), Some(125));
    let sentence = "fabric: cannot enter the place: No such file or directory (os error 2)\n";
    assert_eq!(String::from_utf8_lossy(&output.stderr), sentence);
    assert_eq!(Command::new("/proc/self/exe").arg("__enter").output().unwrap().status.code(), Some(125));
}

fn many_at_once() {
    let lab = lab();
    let start = |_| command(&entry(&lab, true, &["hostname"])).stdout(Stdio::piped()).spawn().unwrap();
    let children: Vec<_> = (0..50).map(start).collect();
    for child in children {
        assert_eq!(child.wait_with_output().unwrap().stdout, b"web\n");
    }
}
