//! Lab files: good ones, changed ones, and bad ones.

use std::{fs, process::Stdio};

use fabric_tests::{Background, Residue, Session, labs};

pub const TESTS: [(&str, fn()); 6] = [
    ("applying_twice_changes_nothing", applying_twice_changes_nothing),
    ("every_lab_is_as_it_was_drawn", every_lab_is_as_it_was_drawn),
    ("a_change_loses_no_packet_of_others", a_change_loses_no_packet_of_others),
    ("what_runs_in_a_place_that_goes_ends_with_it", what_runs_in_a_place_that_goes_ends_with_it),
    ("mistakes_are_all_reported_and_nothing_is_done", mistakes_are_all_reported_and_nothing_is_done),
    ("labs_with_the_same_addresses_run_side_by_side", labs_with_the_same_addresses_run_side_by_side),
];

fn kubenet() -> String {
    fs::read_to_string(labs().join("kubenet/lab.yaml")).expect("the lab")
}

fn applying_twice_changes_nothing() {
    let session = Session::new();
    assert!(session.ok(&["apply", "-f", "kubenet"]).starts_with("lab/kubenet created"));
    assert!(session.ok(&["apply", "-f", "kubenet/lab.yaml"]).contains("unchanged"));
    session.ok(&["ping", "a", "c", "-c", "1"]);
    assert!(session.ok(&["apply", "-f", "kubenet"]).contains("unchanged"));
    assert_eq!(session.ok(&["get", "pods", "-o", "name"]), "pod/a\npod/b\npod/c\n");
    let pods = session.ok(&["get", "pods", "-o", "json"]);
    let pods: serde_json::Value = serde_json::from_str(&pods).expect("JSON");
    assert_eq!(pods["items"][2]["status"]["podIP"], "10.244.1.27");
    // What somebody broke by hand is mended by the next apply, and only that.
    session.ok(&["exec", "a", "--", "ip", "route", "del", "default"]);
    session.fails(2, &["ping", "a", "c", "-c", "1", "-W", "1"]);
    let plan = session.ok(&["apply", "-f", "kubenet", "--dry-run"]);
    assert!(plan.contains("+ pod/aks/default/a: route default via 10.244.0.1 dev eth0"), "{plan}");
    session.ok(&["apply", "-f", "kubenet"]);
    session.ok(&["ping", "a", "c", "-c", "1"]);
    assert!(session.ok(&["delete", "lab", "kubenet"]).contains("deleted"));
    assert_eq!(session.ok(&["get", "labs", "-o", "name"]), "");
    session.fails(1, &["delete", "lab", "kubenet"]);
}

/// What the kernel says of each lab is what was drawn.
fn every_lab_is_as_it_was_drawn() {
    let session = Session::new();
    for lab in ["azure-cni", "overlay", "pod-subnet", "two-clusters-one-cidr", "byo-cni"] {
        assert!(session.ok(&["apply", "-f", lab]).starts_with(&format!("lab/{lab} created")));
        assert!(session.ok(&["apply", "-f", lab]).contains("unchanged"), "{lab}");
    }
    // A connected route that comes back is taken away again.
    let overlay = |arguments: &[&str]| session.ok(&[&["--lab", "overlay"], arguments].concat());
    overlay(&[
        "exec",
        "nginx",
        "--",
        "ip",
        "route",
        "add",
        "10.244.0.0/16",
        "dev",
        "eth0",
        "proto",
        "kernel",
        "scope",
        "link",
    ]);
    let plan = overlay(&["apply", "-f", "overlay", "--dry-run"]);
    assert!(plan.contains("+ pod/aks/default/nginx: no connected route 10.244.0.0/16 dev eth0"), "{plan}");
    overlay(&["apply", "-f", "overlay"]);
    assert!(!overlay(&["exec", "nginx", "--", "ip", "route"]).contains("10.244.0.0/16"));
}

fn a_change_loses_no_packet_of_others() {
    let session = Session::new();
    session.ok(&["apply", "-f", "kubenet"]);
    let ping = ["ping", "a", "b", "-i", "0.01", "-c", "200", "-q"];
    let ping = Background::start(&mut session.command(&ping));
    let grown = kubenet()
        + "---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: d\nspec:\n  containers:\n  - {name: shell, image: busybox}\n";
    for text in [&grown, &kubenet(), &grown] {
        let mut apply = session.command(&["apply", "-f", "-"]);
        let mut apply = Background::start(apply.stdin(Stdio::piped()));
        apply.write(text);
        let applied = apply.end();
        assert!(applied.text().contains("configured"), "{}", applied.stderr);
    }
    session.ok(&["ping", "d", "c", "-c", "1"]);
    let ended = ping.end();
    assert!(
        ended.text().contains("200 packets transmitted, 200 received, 0% packet loss"),
        "{}",
        ended.text()
    );
}

fn what_runs_in_a_place_that_goes_ends_with_it() {
    let session = Session::new();
    session.ok(&["apply", "-f", "kubenet"]);
    let sleep = |pod: &str| {
        let command = ["exec", pod, "--", "sh", "-c", "echo ready >&2; sleep 600"];
        Background::start(&mut session.command(&command)).wait_for("ready", 1)
    };
    let (in_b, in_c) = (sleep("b"), sleep("c"));
    let without_b =
        kubenet().split("---\n").filter(|part| !part.contains("name: b\n")).collect::<Vec<_>>().join("---\n");
    let mut apply = session.command(&["apply", "-f", "-"]);
    let mut apply = Background::start(apply.stdin(Stdio::piped()));
    apply.write(&without_b);
    assert!(apply.end().status.success());
    assert_eq!(in_b.end().status.code(), Some(137));
    session.ok(&["ping", "a", "c", "-c", "1"]);
    // The same pod again, at once: nothing of the old one is in its way.
    session.ok(&["apply", "-f", "kubenet"]);
    session.ok(&["ping", "b", "c", "-c", "1"]);
    session.ok(&["delete", "lab", "kubenet"]);
    assert_eq!(in_c.end().status.code(), Some(137));
}

fn mistakes_are_all_reported_and_nothing_is_done() {
    let session = Session::new();
    let before = Residue::now();
    let bad = kubenet()
        .replace("podCidr: 10.244.0.0/16", "podCidr: 10.244.0.0/33")
        .replace("count: 1\n    scaleSet: aks-pool2", "cuont: 1\n    scaleSet: aks-pool2")
        .replace("subnet: aks-vnet/aks-subnet", "subnet: aks-vnet/aks-subnt")
        .replace("  name: b\n", "  name: B!\n");
    let path = session.folder().join("bad.yaml");
    fs::write(&path, bad).expect("a file");
    let stderr = session.fails(65, &["apply", "-f", path.to_str().expect("UTF-8")]);
    for words in ["10.244.0.0/33", "cuont", "count", "aks-subnt", "B!", "nothing was changed", "bad.yaml:"] {
        assert!(stderr.contains(words), "no {words:?} in\n{stderr}");
    }
    assert_eq!(session.ok(&["get", "labs", "-o", "name"]), "");
    assert_eq!(Residue::now(), before);
    session.fails(65, &["validate", "-f", path.to_str().expect("UTF-8")]);
    session.fails(1, &["apply", "-f", "/no/such/file.yaml"]);
}

fn labs_with_the_same_addresses_run_side_by_side() {
    let session = Session::new();
    session.ok(&["apply", "-f", "kubenet"]);
    let twin = session.folder().join("twin.yaml");
    fs::write(&twin, kubenet().replace("  name: kubenet\n", "  name: twin\n")).expect("a file");
    session.ok(&["apply", "-f", twin.to_str().expect("UTF-8")]);
    let stderr = session.fails(1, &["ping", "a", "c", "-c", "1"]);
    assert!(stderr.contains("--lab"), "{stderr}");
    session.ok(&["--lab", "twin", "ping", "a", "c", "-c", "1"]);
    // Only its own: what is broken in one stays whole in the other.
    session.ok(&["--lab", "kubenet", "exec", "c", "--", "ip", "link", "set", "eth0", "down"]);
    session.fails(1, &["--lab", "kubenet", "ping", "a", "c", "-c", "1", "-W", "1"]);
    session.ok(&["--lab", "twin", "ping", "a", "c", "-c", "1"]);
    session.ok(&["delete", "lab", "kubenet"]);
    session.ok(&["ping", "a", "c", "-c", "1"]);
}
