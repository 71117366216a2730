//! `fabctl events` while a lab is made, edited and taken away, and `fabctl graph` of a running lab.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Stdio},
    sync::mpsc::{Receiver, channel},
};

use fabric_tests::{PATIENCE, Session, labs, wait_until};
use serde_json::Value;

pub const TESTS: [(&str, fn()); 2] = [
    ("events_are_followed_from_apply_to_delete", events_are_followed_from_apply_to_delete),
    ("a_running_lab_is_drawn_as_its_file_is", a_running_lab_is_drawn_as_its_file_is),
];

/// `fabctl events -o json`, line by line.
struct Follower {
    child: Child,
    lines: Receiver<Value>,
}

impl Follower {
    fn start(session: &Session, arguments: &[&str]) -> Self {
        let mut command = session.command(arguments);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let line = serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON: {line}"));
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    /// All events up to the next one with this reason, that one included.
    fn until(&self, reason: &str) -> Vec<Value> {
        let mut events: Vec<Value> = vec![];
        loop {
            let next = self.lines.recv_timeout(PATIENCE);
            events.push(next.unwrap_or_else(|_| panic!("waited for {reason} after {events:#?}")));
            if events.last().is_some_and(|event| event["reason"] == reason) {
                return events;
            }
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn events_are_followed_from_apply_to_delete() {
    let session = Session::new();
    session.ok(&["daemon", "start"]);
    let follower = Follower::start(&session, &["events", "kubenet", "-o", "json"]);
    session.ok(&["apply", "-f", "kubenet/lab.yaml"]);
    let [created] = &follower.until("Applied")[..] else { panic!("a new lab is one event") };
    assert_eq!((&created["kind"], &created["name"]), (&"lab".into(), &"kubenet".into()));
    assert_eq!((&created["type"], &created["counts"]["generation"]), (&"Normal".into(), &1.into()));
    assert!(created["counts"]["create"].as_u64().expect("a number") > 100, "{created}");
    assert!(created["time"].as_str().expect("a time").ends_with('Z'), "{created}");

    // Another lab is nothing to this follower.
    session.ok(&["apply", "-f", "tcpdump/lab.yaml"]);
    let text = fs::read_to_string(labs().join("kubenet/lab.yaml")).expect("a lab");
    let edited = text
        .replace("  nodeName: aks-pool2-13111960-vmss000000", "  nodeName: aks-nodepool1-11743156-vmss000000")
        .replace("10.244.1.27", "10.244.0.27")
        .replace("10.224.1.2", "10.224.1.9");
    let file = session.folder().join("lab.yaml");
    fs::write(&file, edited).expect("a file");
    let file = file.to_str().expect("a path");
    session.ok(&["apply", "-f", file]);
    let changes = follower.until("Applied");
    let shown: Vec<String> =
        changes.iter().map(|one| format!("{} {} {}", one["kind"], one["name"], one["reason"])).collect();
    let expected =
        [r#""virtualmachine" "device" "Changed""#, r#""pod" "c" "Moved""#, r#""lab" "kubenet" "Applied""#];
    assert_eq!(shown, expected);
    assert_eq!(changes[0]["message"], "address 10.224.1.2 → 10.224.1.9");
    let moved = changes[1]["message"].as_str().expect("words");
    assert!(
        moved.starts_with("node aks-pool2-13111960-vmss000000 → aks-nodepool1-11743156-vmss000000"),
        "{moved}"
    );

    session.ok(&["apply", "-f", file]);
    session.ok(&["delete", "lab", "kubenet"]);
    let deleted = follower.until("Deleted");
    assert_eq!(deleted.len(), 1, "applying the same again is no event: {deleted:#?}");

    // Who comes later sees the same, of all labs, and ends.
    let past = session.ok(&["events", "--no-follow"]);
    let lines: Vec<&str> = past.lines().collect();
    assert!(lines[0].starts_with("TIME "), "{past}");
    assert_eq!(lines.len(), 1 + 6, "{past}");
    assert!(lines[2].contains(" tcpdump ") && lines[6].contains("lab/kubenet"), "{past}");
    let json = session.ok(&["--lab", "kubenet", "events", "--no-follow", "-o", "json"]);
    assert_eq!(json.lines().count(), 5, "{json}");

    // The follower ends with the daemon.
    session.ok(&["daemon", "stop"]);
    let mut follower = follower;
    wait_until("the follower ends", || follower.child.try_wait().expect("a child").is_some());
}

fn a_running_lab_is_drawn_as_its_file_is() {
    let session = Session::new();
    session.fails(69, &["graph"]);
    for format in ["svg", "mermaid", "dot"] {
        let of_file = session.ok(&["graph", "-f", "hub-and-spoke/lab.yaml", "-o", format]);
        session.ok(&["apply", "-f", "hub-and-spoke/lab.yaml"]);
        assert_eq!(session.ok(&["graph", "-o", format]), of_file, "{format}");
        let file = session.folder().join(format!("lab.{format}"));
        session.ok(&["graph", "hub-and-spoke", "--file", file.to_str().expect("a path")]);
        assert_eq!(fs::read_to_string(file).expect("a picture"), of_file, "the name says the format");
    }
    session.fails(1, &["graph", "another"]);
}
