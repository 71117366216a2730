//! `conntrack` and `connections`: what a node translates, and connections that are held on purpose.

use std::process::{Command, Stdio};

use fabric_tests::{Background, Session, program, wait_until};
use nix::sys::signal::Signal;
use serde_json::Value;

pub const TESTS: [(&str, fn()); 6] = [
    ("a_nodes_table_shows_the_masquerade", a_nodes_table_shows_the_masquerade),
    ("connections_are_held_until_their_client_ends", connections_are_held_until_their_client_ends),
    ("connections_that_fail_are_told_apart", connections_that_fail_are_told_apart),
    ("a_lab_does_not_wait_for_its_connections", a_lab_does_not_wait_for_its_connections),
    ("translations_are_seen_from_both_sides", translations_are_seen_from_both_sides),
    ("there_are_no_more_connections_than_files", there_are_no_more_connections_than_files),
];

const NODE_0: &str = "node/aks-nodepool1-11743156-vmss000000";
const NODE_1: &str = "node/aks-pool2-13111960-vmss000000";
/// Pod c is on node 1, and the machine knows no pods' addresses.
const POD: &str = "10.244.1.27";
const NODE_ADDRESS: &str = "10.224.0.5";
const SERVER: &str = "machine/server:80";

fn kubenet() -> Session {
    let session = Session::new();
    session.ok(&["apply", "-f", "kubenet"]);
    session
}

fn table(session: &Session, place: &str, filters: &[&str]) -> Vec<Value> {
    let words: Vec<&str> =
        ["conntrack", place, "-o", "json"].into_iter().chain(filters.iter().copied()).collect();
    serde_json::from_str(&session.ok(&words)).expect("JSON")
}

/// The source ports of the pod's connections to port 80 that are so.
fn in_state(session: &Session, state: &str) -> Vec<Value> {
    let mut all = table(session, NODE_1, &["-p", "tcp", "--src", POD, "--dport", "80"]);
    all.retain(|connection| connection["state"] == state);
    all.iter().map(|connection| connection["original"]["sourcePort"].clone()).collect()
}

fn established(session: &Session) -> usize {
    in_state(session, "ESTABLISHED").len()
}

fn a_nodes_table_shows_the_masquerade() {
    let session = kubenet();
    session.ok(&["ping", "c", "vm/device", "-c", "1"]);
    session.ok(&["ping", "c", "a", "-c", "1"]);
    let all = table(&session, NODE_1, &["-p", "icmp"]);
    let to = |address: &str| {
        let found = all.iter().find(|connection| connection["original"]["destination"] == address);
        found.unwrap_or_else(|| panic!("nothing to {address} in {all:#?}"))
    };
    let translated = to("10.224.1.2");
    assert_eq!(translated["original"]["source"], POD);
    assert_eq!(translated["reply"]["source"], "10.224.1.2");
    assert_eq!(translated["reply"]["destination"], NODE_ADDRESS);
    assert!(translated["flags"].as_array().expect("flags").contains(&"sourceNat".into()), "{translated}");
    let plain = to("10.244.0.15");
    assert_eq!(plain["reply"]["destination"], POD);
    assert_eq!(
        table(&session, NODE_1, &["-p", "icmp", "--src-nat"]).as_slice(),
        std::slice::from_ref(translated)
    );

    let line = session.ok(&["conntrack", NODE_1, "-p", "icmp", "--dst", "10.224.1.2"]);
    let id = &translated["original"]["icmpId"];
    assert!(line.starts_with("icmp     1 "), "{line}");
    let tuples = format!(
        " src={POD} dst=10.224.1.2 type=8 code=0 id={id} src=10.224.1.2 dst={NODE_ADDRESS} type=0 code=0 id={id} "
    );
    assert!(line.contains(&tuples), "{line}");
    // The other node lets its pod's answer pass, and a pod tracks nothing.
    assert_eq!(table(&session, NODE_0, &["-p", "icmp"]).len(), 1);
    let nothing = session.fabctl(&["conntrack", "c"]);
    assert_eq!(String::from_utf8_lossy(&nothing.stderr), "No such connection is tracked at c.\n");
    assert!(session.fails(1, &["conntrack", "nobody"]).contains("has no `nobody`"));
}

fn open(session: &Session, arguments: &[&str]) -> Command {
    session.command(&[&["connections", "open"], arguments].concat())
}

fn connections_are_held_until_their_client_ends() {
    let session = kubenet();
    let mut twenty = open(&session, &["c", SERVER, "--count", "20"]);
    let held = Background::start(&mut twenty).wait_for("20 are held; Ctrl-C closes them", 1);
    assert_eq!(established(&session), 20);
    let ended = held.interrupt();
    assert_eq!((ended.status.code(), ended.text().lines().count()), (Some(0), 2), "{}", ended.stderr);
    wait_until("all are closed by FIN", || in_state(&session, "TIME_WAIT").len() == 20);
    assert_eq!(established(&session), 0);

    // One that cannot say goodbye.
    let held = Background::start(&mut twenty).wait_for("20 are held", 1);
    assert_eq!(established(&session), 20);
    held.signal(Signal::SIGKILL);
    held.end();
    wait_until("all are closed", || established(&session) == 0);

    let mut reset = open(&session, &["c", SERVER, "--count", "3", "--reset", "--source-port", "2000"]);
    let held = Background::start(&mut reset).wait_for("3 are held", 1);
    held.interrupt();
    wait_until("all are closed by RST", || in_state(&session, "CLOSE") == [2000, 2001, 2002]);
}

fn connections_that_fail_are_told_apart() {
    let session = kubenet();
    let outcome = |arguments: &[&str], code: i32| -> Value {
        let output =
            open(&session, &[arguments, &["--hold", "0", "-o", "json"]].concat()).output().expect("output");
        assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("JSON")
    };
    let all = outcome(&["c", SERVER, "--count", "300"], 0);
    assert_eq!((&all["opened"], &all["failed"]), (&300.into(), &0.into()));
    assert_eq!(all["firstFailure"], Value::Null);

    let refused = outcome(&["c", "machine/server:81", "--count", "40", "--stop-after", "0"], 1);
    assert_eq!((&refused["refused"], &refused["failed"]), (&40.into(), &40.into()));
    assert_eq!(refused["firstFailure"]["number"], 1);

    // The second one finds that nobody answers, and no third one is begun.
    let unanswered = ["c", "203.0.113.99:80", "--count", "9", "--parallel", "2", "--timeout", "200ms"];
    let unanswered = outcome(&unanswered, 1);
    assert_eq!((&unanswered["timedOut"], &unanswered["failed"]), (&2.into(), &2.into()));
    assert_eq!(unanswered["firstFailure"]["message"], "timed out after 200 ms");

    let datagrams = outcome(&["c", "machine/server:7", "--count", "5", "--udp"], 0);
    assert_eq!((&datagrams["opened"], &datagrams["protocol"]), (&5.into(), &"udp".into()));
    let refused = outcome(&["c", "machine/server:9", "--udp"], 1);
    assert_eq!(refused["refused"], 1);

    assert!(session.fails(1, &["connections", "open", "c", "nobody:80"]).contains("has no `nobody`"));
    assert!(session.fails(1, &["connections", "open", "c", "underlay:80"]).contains("has no address"));
}

fn a_lab_does_not_wait_for_its_connections() {
    let session = kubenet();
    let held = |count: &str| {
        let words = format!("{count} are held");
        Background::start(&mut open(&session, &["c", SERVER, "--count", count])).wait_for(&words, 1)
    };
    let (some, others) = (held("20"), held("5"));
    session.ok(&["delete", "lab", "kubenet"]);
    for held in [some, others] {
        let ended = held.end();
        assert_eq!(ended.status.code(), Some(1));
        let last = "error: pod/aks/default/c goes, and its connections are closed\n";
        assert!(ended.stderr.ends_with(last), "{}", ended.stderr);
    }
    // Nor does a daemon that ends.
    session.ok(&["apply", "-f", "kubenet"]);
    let held = held("5");
    session.ok(&["daemon", "stop"]);
    assert_eq!(held.end().status.code(), Some(69));
}

fn translations_are_seen_from_both_sides() {
    let session = kubenet();
    let mut fabctl = open(&session, &["c", SERVER, "--count", "4", "--source-port", "3000", "--while"]);
    let while_held = format!("{} conntrack {NODE_1} -p tcp --dport 80", program("fabctl").display());
    let output = fabctl.arg(while_held).output().expect("output");
    let text = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<&str> = text.lines().skip(2).collect();
    assert_eq!((output.status.code(), lines.len()), (Some(0), 4), "{text}");
    for (port, line) in (3000..).zip(lines) {
        let tuples = format!(
            " ESTABLISHED src={POD} dst=10.1.2.3 sport={port} dport=80 src=10.1.2.3 dst={NODE_ADDRESS} sport=80 dport="
        );
        assert!(line.contains(&tuples) && line.contains(" [ASSURED] mark="), "{line}");
    }
}

fn there_are_no_more_connections_than_files() {
    let session = Session::new();
    let mut fabctl = Command::new("/bin/sh");
    fabctl.args(["-c", "ulimit -n 700 && exec \"$0\" \"$@\""]).arg(program("fabctl"));
    fabctl.args(["apply", "-f"]).arg(fabric_tests::labs().join("kubenet"));
    fabctl.env("XDG_RUNTIME_DIR", session.folder()).env_remove("FABRIC_SOCKET").stdin(Stdio::null());
    assert!(fabctl.status().expect("it starts").success());
    let error = session.fails(1, &["connections", "open", "c", SERVER, "--count", "16384"]);
    assert!(error.contains("the daemon may have 700 files open and has "), "{error}");
    assert!(error.contains("start it with a higher `ulimit -n`"), "{error}");
    session.ok(&["connections", "open", "c", SERVER, "--count", "100", "--hold", "0"]);
}
