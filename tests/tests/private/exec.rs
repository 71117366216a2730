//! exec and ping: streams, signals, exit codes.

use std::process::Stdio;

use fabric_tests::{Background, Process, Residue, Session, wait_until};
use nix::sys::signal::Signal;

pub const TESTS: [(&str, fn()); 5] = [
    ("exit_codes_are_the_commands_own", exit_codes_are_the_commands_own),
    ("input_flows_in_and_output_flows_out", input_flows_in_and_output_flows_out),
    ("a_client_that_goes_ends_what_it_started", a_client_that_goes_ends_what_it_started),
    ("a_terminal_is_a_terminal", a_terminal_is_a_terminal),
    ("no_value_reaches_a_shell", no_value_reaches_a_shell),
];

fn kubenet() -> Session {
    let session = Session::new();
    session.ok(&["apply", "-f", "kubenet"]);
    session
}

fn exit_codes_are_the_commands_own() {
    let session = kubenet();
    session.fails(3, &["exec", "a", "--", "sh", "-c", "exit 3"]);
    session.fails(127, &["exec", "a", "--", "no-such-command"]);
    session.fails(126, &["exec", "a", "--", "/etc/hostname"]);
    session.fails(143, &["exec", "a", "--", "sh", "-c", "kill -TERM $$"]);
    session.fails(1, &["ping", "a", "10.244.0.99", "-c", "1", "-W", "0.2"]);
    session.fails(1, &["ping", "a", "b", "-c", "zero"]);
    assert!(session.fails(1, &["exec", "nobody", "--", "true"]).contains("nobody"));
    assert!(session.fails(1, &["ping", "a", "d", "-c", "1"]).contains("no `d`"));
    session.fails(64, &["exec", "a"]);
    session.fails(64, &["no-such-verb"]);
    // ping prints what ping prints.
    let output = session.ok(&["ping", "a", "b", "-c", "1"]);
    assert!(
        output
            .starts_with("PING 10.244.0.16 (10.244.0.16) 56(84) bytes of data.\n64 bytes from 10.244.0.16:")
    );
}

fn input_flows_in_and_output_flows_out() {
    let session = kubenet();
    let mut cat = session.command(&["exec", "-i", "a", "--", "sh", "-c", "cat; echo done >&2"]);
    let mut cat = Background::start(cat.stdin(Stdio::piped()));
    let text = "a line of text\n".repeat(20_000);
    cat.write(&text);
    let ended = cat.end();
    assert_eq!(ended.text(), text);
    assert_eq!(ended.stderr, "done\n");
    // Without -i there is nothing to read.
    assert_eq!(session.ok(&["exec", "a", "--", "wc", "-c"]).trim(), "0");
}

fn a_client_that_goes_ends_what_it_started() {
    let session = kubenet();
    let mark = session.folder().join("mark");
    let mark = mark.to_str().expect("UTF-8");
    for signal in [Signal::SIGKILL, Signal::SIGTERM] {
        // A grandchild in the background must go too.
        let script = format!("echo ready >&2; sh -c 'exec -a {mark} sleep 600' & exec -a {mark} sleep 600");
        let command = ["exec", "a", "--", "bash", "-c", &script];
        let client = Background::start(&mut session.command(&command)).wait_for("ready", 1);
        wait_until("it runs", || !sleepers(mark).is_empty());
        client.signal(signal);
        drop(client.end());
        wait_until("what it started has ended", || sleepers(mark).is_empty());
    }
    let capture =
        Background::start(&mut session.command(&["tcpdump", "a", "-n"])).wait_for("listening on", 1);
    let daemon = session.daemon_pid();
    let tcpdumps =
        || Process::tree(daemon).iter().filter(|process| process.command.contains("tcpdump -Z")).count();
    wait_until("tcpdump runs", || tcpdumps() == 1);
    capture.signal(Signal::SIGKILL);
    drop(capture.end());
    wait_until("tcpdump has ended", || tcpdumps() == 0);
}

fn sleepers(mark: &str) -> Vec<String> {
    let all = Residue::processes(std::path::Path::new(mark));
    all.into_iter().filter(|line| line.ends_with("600 ")).collect()
}

fn a_terminal_is_a_terminal() {
    let session = kubenet();
    // `script` gives fabctl a terminal of its own to pass on.
    let fabctl = fabric_tests::program("fabctl");
    let run = |inner: &str| {
        let line = format!("{} exec -it a -- {inner}", fabctl.display());
        let mut command = session.command(&[]);
        let mut script = std::process::Command::new("script");
        script.args(["-qec", &line, "/dev/null"]).stdin(Stdio::null()).env("SHELL", "/bin/sh");
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                script.env(name, value);
            }
        }
        command.stdin(Stdio::null());
        String::from_utf8_lossy(&script.output().expect("script is part of util-linux").stdout).into_owned()
    };
    assert!(run("tty").contains("/dev/pts/"), "{}", run("tty"));
    assert!(run("sh -c 'test -t 0 && test -t 1 && test -t 2 && echo three'").contains("three"));
}

fn no_value_reaches_a_shell() {
    let session = kubenet();
    let echoed = session.ok(&["exec", "a", "--", "echo", "$HOME", "`id`", "; id", "a  b"]);
    assert_eq!(echoed, "$HOME `id` ; id a  b\n");
    let output = session.fabctl(&["ping", "a", "10.244.0.16; touch /tmp/fabric-was-here", "-c", "1"]);
    assert!(!output.status.success());
    assert!(!std::path::Path::new("/tmp/fabric-was-here").exists());
}
