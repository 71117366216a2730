//! One question in several labs, side by side, and nothing left of them.

use std::{fs, path::PathBuf, process::Command};

use fabric_tests::{Background, Process, Residue, Session, wait_until};
use nix::sys::signal::Signal;
use serde_json::Value;

pub const TESTS: [(&str, fn()); 4] = [
    ("labs_are_compared_by_what_their_packets_did", labs_are_compared),
    ("a_lab_without_the_target_is_told_and_the_others_are_shown", without_the_target),
    ("packets_that_do_not_arrive_are_compared_too", lost_packets),
    ("an_interrupted_comparison_leaves_nothing", interrupted),
];

const MODELS: &str = "compare-network-models";

/// A session whose temporary files are seen.
struct Comparison {
    session: Session,
    before: Residue,
}

impl Comparison {
    fn new() -> Self {
        let session = Session::new();
        fs::create_dir(session.folder().join("tmp")).expect("a folder");
        Self { session, before: Residue::now() }
    }

    fn tmp(&self) -> PathBuf {
        self.session.folder().join("tmp")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.session.command(&["compare"]);
        command.args(arguments).env("TMPDIR", self.tmp());
        command
    }

    /// Its exit code, standard output and standard error; nothing else may have come of it.
    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = self.command(arguments).output().expect("fabctl starts");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        self.nothing_is_left();
        (output.status.code().expect("an exit code"), text(output.stdout), text(output.stderr))
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let (code, stdout, stderr) = self.run(&[arguments, &["-o", "json"]].concat());
        assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
        serde_json::from_str(&stdout).expect("JSON")
    }

    fn nothing_is_left(&self) {
        let left: Vec<_> = fs::read_dir(self.tmp()).expect("a folder").flatten().collect();
        assert!(left.is_empty(), "{left:?}");
        wait_until("all its processes have ended", || Residue::processes(self.session.folder()).is_empty());
        assert_eq!(Residue::now(), self.before);
        assert!(!self.session.socket_path().exists(), "the session's own daemon is not asked");
    }
}

/// The values at `pointer`, lab by lab.
fn values<'a>(comparison: &'a Value, pointer: &str) -> Vec<&'a Value> {
    let labs = comparison["labs"].as_array().expect("labs").iter();
    labs.map(|lab| lab.pointer(pointer).unwrap_or_else(|| panic!("no {pointer} in {lab:#}"))).collect()
}

/// The outcomes of one relation, lab by lab.
fn reached<'a>(comparison: &'a Value, relation: &str) -> Vec<&'a str> {
    let of = |reaches: &'a Value| {
        let reaches = reaches.as_array().expect("a list");
        let found = reaches.iter().find(|reach| reach["relation"] == relation);
        found.and_then(|reach| reach["outcome"].as_str()).unwrap_or("none")
    };
    values(comparison, "/reachedBy").into_iter().map(of).collect()
}

fn labs_are_compared() {
    let comparison = Comparison::new();
    let found = comparison.json(&["client", "vm/device", MODELS]);
    assert_eq!(values(&found, "/lab"), ["azure-cni", "kubenet", "overlay", "pod-subnet"]);
    assert_eq!(values(&found, "/networkPlugin"), ["azure", "kubenet", "azure", "azure"]);
    assert_eq!(values(&found, "/answered"), [5, 5, 5, 5]);
    assert_eq!(
        values(&found, "/sourceSeen/address"),
        ["10.224.0.5", "10.224.0.4", "10.224.0.4", "10.227.0.5"]
    );
    let roles = ["client", "client's node", "client's node", "client"];
    assert_eq!(values(&found, "/sourceSeen/role"), roles);
    assert_eq!(values(&found, "/destinationSent/address"), ["10.224.1.2"; 4]);
    assert_eq!(values(&found, "/ttlSeen"), [63; 4]);
    assert_eq!(values(&found, "/hops/0/by/role"), ["client's node"; 4]);
    assert_eq!(values(&found, "/hops/1/by/role"), ["device"; 4]);
    assert_eq!(values(&found, "/tunnels/0/network"), ["VNet aks-vnet"; 4]);
    assert_eq!(values(&found, "/mtu"), [1500; 4]);
    assert_eq!(
        (values(&found, "/mssSent"), values(&found, "/mssSeen")),
        (vec![&1460.into(); 4], vec![&1410.into(); 4])
    );
    assert_eq!(values(&found, "/vnetAddresses/reservedForPods"), [60, 0, 0, 32]);
    let shortest = values(&found, "/roundTrip/minimum");
    assert!(shortest.iter().all(|time| time.as_f64().is_some_and(|time| time > 0.0)), "{shortest:?}");

    // The tables of docs/reachability.md, from the destination's view.
    let found = comparison.json(&["client", "server", MODELS]);
    assert_eq!(values(&found, "/sourceSeen/role"), ["client"; 4]);
    assert_eq!(values(&found, "/ttlSeen"), [62; 4]);
    assert_eq!(values(&found, "/hops/1/by/role"), ["server's node"; 4]);
    let networks = ["VNet aks-vnet", "VNet aks-vnet", "overlay of aks", "VNet aks-vnet"];
    assert_eq!(values(&found, "/tunnels/0/network"), networks);
    for relation in ["pod, same node", "pod, other node", "its node", "other node"] {
        assert_eq!(reached(&found, relation), ["answered"; 4], "{relation}");
    }
    assert_eq!(reached(&found, "VM, same subnet"), ["answered", "answered", "notSeen", "answered"]);
    assert_eq!(reached(&found, "VM, other subnet"), ["answered", "notSeen", "notSeen", "answered"]);
    assert_eq!(reached(&found, "on premises"), ["answered", "notSeen", "notSeen", "answered"]);

    // Behind one bridge nothing is routed, and nothing leaves the node.
    let found = comparison.json(&["neighbour", "server", "compare-network-models/kubenet.yaml"]);
    assert_eq!(values(&found, "/ttlSeen"), [64]);
    assert_eq!(values(&found, "/tunnels"), [&Value::Array(vec![])]);
    assert_eq!(values(&found, "/mssSeen"), [1460]);
}

fn without_the_target() {
    let comparison = Comparison::new();
    let (code, stdout, stderr) = comparison.run(&["a", "c", "kubenet", "overlay"]);
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.starts_with("error: lab `overlay` has no `a`; it has pod/nginx, pod/client"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    let row = |label: &str| stdout.lines().find(|line| line.starts_with(label)).unwrap_or_default();
    let cells = |label: &str| row(label)[label.len()..].split_whitespace().collect::<Vec<_>>();
    assert_eq!(cells("LAB"), ["kubenet", "overlay"]);
    assert_eq!(cells("source seen"), ["10.244.0.15", "-"]);
    assert_eq!(cells("network plugin"), ["kubenet", "azure"]);

    let (code, stdout, stderr) = comparison.run(&["nobody", "c", "kubenet"]);
    assert_eq!((code, stdout.as_str()), (1, ""), "{stderr}");
}

fn lost_packets() {
    let comparison = Comparison::new();
    let found = comparison.json(&["machine/server", "c", "kubenet", "azure-cni"]);
    let labs = found["labs"].as_array().expect("labs");
    assert_eq!(labs[0]["refused"]["words"], "net unreachable");
    assert_eq!(labs[0]["refused"]["by"]["place"], "onprem/datacenter");
    assert_eq!((&labs[0]["sourceSeen"], &labs[0]["roundTrip"]), (&Value::Null, &Value::Null));
    assert_eq!(labs[1]["sourceSeen"]["address"], "10.1.2.3");

    let found = comparison.json(&["vm/device", "web", "overlay"]);
    assert_eq!(values(&found, "/lastSeenAt"), ["device"], "its switch knows no pod of the overlay");
    let found = comparison.json(&["a", "c", "byo-cni"]);
    assert_eq!(values(&found, "/notSent"), ["connect: Network is unreachable"]);
}

fn interrupted() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let comparison = Comparison::new();
        let running = Background::start(&mut comparison.command(&["client", "server", MODELS]));
        let folders = || fs::read_dir(comparison.tmp()).expect("a folder").flatten();
        wait_until("a daemon listens", || folders().any(|it| it.path().join("fabricd.sock").exists()));
        let processes = Process::tree(running.pid().as_raw());
        assert!(processes.iter().any(|process| process.command.contains("fabricd")), "{processes:#?}");
        running.signal(signal);
        let ended = running.end();
        assert_eq!(ended.status.code(), Some(130), "{}", ended.stderr);
        assert_eq!(ended.text(), "");
        wait_until("all of it has ended", || !processes.iter().any(Process::is_alive));
        comparison.nothing_is_left();
    }
}
