//! Faults on purpose: links down and up, machines stopped and started, packets late and lost.

use std::{fs, sync::LazyLock};

use fabric_tests::{Residue, Session, wait_until};

pub const TESTS: [(&str, fn()); 7] = [
    ("a_link_goes_down_and_comes_up_as_it_was", a_link_goes_down_and_comes_up_as_it_was),
    ("a_stopped_node_is_cut_off_until_it_starts", a_stopped_node_is_cut_off_until_it_starts),
    ("a_stopped_appliance_forwards_nothing", a_stopped_appliance_forwards_nothing),
    ("a_cut_in_the_underlay_is_mended", a_cut_in_the_underlay_is_mended),
    ("faults_stay_when_the_file_changes", faults_stay_when_the_file_changes),
    ("what_cannot_be_broken_is_refused", what_cannot_be_broken_is_refused),
    ("without_netem_links_cannot_be_slow", without_netem_links_cannot_be_slow),
];

/// What needs netem in the kernel.
pub const NETEM_TESTS: [(&str, fn()); 2] = [
    ("packets_are_late_in_both_directions", packets_are_late_in_both_directions),
    ("packets_are_lost_and_held_back", packets_are_lost_and_held_back),
];

/// Whether this machine's kernel has netem, as the doctor says.
pub static NETEM: LazyLock<bool> = LazyLock::new(|| {
    let checks = Session::new().ok(&["doctor", "--json"]);
    let checks: serde_json::Value = serde_json::from_str(&checks).expect("JSON");
    let netem = checks.as_array().expect("a list").iter().find(|check| check["name"] == "netem");
    netem.expect("the doctor looks for netem")["result"] == "ok"
});

const NODE_0: &str = "node/aks-nodepool1-11743156-vmss000000";
const POOL_2: &str = "aks-pool2-13111960-vmss000000";
const KUBENET: &str = include_str!("../../../labs/kubenet/lab.yaml");

fn kubenet() -> Session {
    let session = Session::new();
    session.ok(&["apply", "-f", "kubenet"]);
    session
}

fn reaches(session: &Session, from: &str, to: &str) -> bool {
    // Only an answer that is expected is worth a wait.
    session.fabctl(&["ping", from, to, "-c", "1", "-W", "5"]).status.success()
}

fn does_not_reach(session: &Session, from: &str, to: &str) -> bool {
    !session.fabctl(&["ping", from, to, "-c", "1", "-W", "0.5"]).status.success()
}

/// All that `ip` says of a place, less what counts by itself.
fn plumbing(session: &Session, place: &str) -> String {
    let script = "ip -br addr; ip route; ip rule; ip neigh show nud permanent; ip neigh show proxy";
    session.ok(&["exec", place, "--", "sh", "-c", script])
}

fn a_link_goes_down_and_comes_up_as_it_was() {
    let before = Residue::now();
    let session = kubenet();
    assert!(reaches(&session, "a", "c"));
    let was = (plumbing(&session, "a"), plumbing(&session, NODE_0));
    assert_eq!(session.ok(&["link", "down", "pod/a"]), "pod/aks/default/a:eth0 down\n");
    assert_eq!(session.ok(&["link", "down", "a:eth0"]), "pod/aks/default/a:eth0 already down\n");
    assert!(does_not_reach(&session, "a", "c") && does_not_reach(&session, "b", "a"));
    assert!(reaches(&session, "b", "c"));
    assert!(session.ok(&["exec", "a", "--", "ip", "link", "show", "eth0"]).contains(" state DOWN "));
    assert_eq!(session.ok(&["exec", "a", "--", "ip", "route"]), "");
    let links = session.ok(&["exec", NODE_0, "--", "ip", "-o", "link"]);
    assert_eq!(links.lines().filter(|line| line.contains("NO-CARRIER")).count(), 1, "{links}");
    assert!(session.ok(&["apply", "-f", "kubenet"]).starts_with("lab/kubenet unchanged"));
    let listed = session.ok(&["link", "list"]);
    assert_eq!(listed, session.ok(&["get", "faults"]));
    assert_eq!(listed.lines().nth(1).map(str::trim_end), Some("pod/aks/default/a:eth0   down"));

    assert_eq!(session.ok(&["link", "up", "pod/a"]), "pod/aks/default/a:eth0 up\n");
    assert!(reaches(&session, "a", "c") && reaches(&session, "b", "a"));
    wait_until("both ends are as they were", || (plumbing(&session, "a"), plumbing(&session, NODE_0)) == was);
    assert_eq!(session.ok(&["get", "faults", "-o", "name"]), "");
    assert!(session.ok(&["apply", "-f", "kubenet"]).starts_with("lab/kubenet unchanged"));

    // A whole bridge, with the routes and neighbours on it; and the daemon ends with a fault in place.
    session.ok(&["link", "down", &format!("{NODE_0}:cbr0")]);
    assert!(does_not_reach(&session, "a", "c"));
    assert!(!session.ok(&["exec", NODE_0, "--", "ip", "route"]).contains("cbr0"));
    session.ok(&["link", "up", &format!("{NODE_0}:cbr0")]);
    assert!(reaches(&session, "a", "c"));
    // The kernel takes up to a second to say of a bridge that it is up (linkwatch).
    wait_until("the node is as it was", || plumbing(&session, NODE_0) == was.1);
    session.ok(&["link", "down", "a"]);
    session.ok(&["daemon", "stop"]);
    assert_eq!(Residue::now(), before);
}

fn statuses(session: &Session) -> Vec<(String, String)> {
    let nodes = session.ok(&["get", "nodes", "--no-headers"]);
    let words = |line: &str| {
        let mut words = line.split_whitespace().map(str::to_owned);
        (words.next().expect("a name"), words.next().expect("a status"))
    };
    nodes.lines().map(words).collect()
}

fn a_stopped_node_is_cut_off_until_it_starts() {
    let session = kubenet();
    let node = format!("node/{POOL_2}");
    assert!(reaches(&session, "a", "c"));
    let host = format!("host/{POOL_2}");
    let was = (plumbing(&session, &node), plumbing(&session, &host));
    assert_eq!(session.ok(&["node", "stop", POOL_2]), format!("{node} stopped\n"));
    assert!(does_not_reach(&session, "a", "c") && does_not_reach(&session, &node, NODE_0));
    let link = session.ok(&["exec", &node, "--", "ip", "link", "show", "eth0"]);
    assert!(link.contains("NO-CARRIER"), "{link}");
    for (name, status) in statuses(&session) {
        assert_eq!(status, if name == POOL_2 { "NotReady" } else { "Ready" }, "{name}");
    }
    assert!(session.ok(&["describe", "node", POOL_2]).contains("Unknown"));
    assert!(session.ok(&["get", "pods"]).lines().skip(1).all(|line| line.contains("Running")));
    assert!(session.ok(&["apply", "-f", "kubenet"]).starts_with("lab/kubenet unchanged"));

    assert_eq!(session.ok(&["node", "start", &node]), format!("{node} running\n"));
    assert!(reaches(&session, "a", "c") && reaches(&session, &node, NODE_0));
    assert!(statuses(&session).iter().all(|(_, status)| status == "Ready"));
    wait_until("both ends are as they were", || {
        (plumbing(&session, &node), plumbing(&session, &host)) == was
    });

    session.ok(&["node", "stop", "vm/device"]);
    assert!(session.ok(&["get", "vms"]).contains("VM stopped"));
    assert!(does_not_reach(&session, "a", "vm/device"));
    session.ok(&["node", "start", "device"]);
    assert!(reaches(&session, "a", "vm/device"));
}

fn a_stopped_appliance_forwards_nothing() {
    let session = Session::new();
    session.ok(&["apply", "-f", "network-virtual-appliance"]);
    assert!(reaches(&session, "vm/front", "vm/back"));
    session.ok(&["node", "stop", "nva"]);
    // Its host knows the way and must not take it.
    assert!(does_not_reach(&session, "vm/front", "vm/back"));
    assert!(reaches(&session, "vm/front", "vm/branch"));
    session.ok(&["node", "start", "nva"]);
    assert!(reaches(&session, "vm/front", "vm/back"));
}

fn a_cut_in_the_underlay_is_mended() {
    let session = kubenet();
    let host = format!("host/{POOL_2}");
    let was = plumbing(&session, &host);
    for link in [host.clone(), format!("{host}:vnet"), "underlay".to_owned()] {
        assert!(reaches(&session, "a", "c"), "before {link}");
        session.ok(&["link", "down", &link]);
        assert!(does_not_reach(&session, "a", "c"), "{link}");
        session.ok(&["link", "up", &link]);
    }
    assert!(reaches(&session, "a", "c"));
    wait_until("the host is as it was", || plumbing(&session, &host) == was);
    let output = session.fabctl(&["link", "down", &host]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("below the VNets"));
}

fn faults_stay_when_the_file_changes() {
    let session = kubenet();
    let file = session.folder().join("edited.yaml");
    let edited = file.to_str().expect("UTF-8");
    let without = |pod: &str| {
        let manifests = KUBENET.split("---\n").filter(|one| !one.contains(&format!("name: {pod}\n")));
        manifests.collect::<Vec<_>>().join("---\n")
    };
    session.ok(&["link", "down", "a"]);
    fs::write(&file, without("c")).expect("written");
    assert!(session.ok(&["apply", "-f", edited]).starts_with("lab/kubenet configured"));
    assert!(does_not_reach(&session, "b", "a"));
    assert_eq!(session.ok(&["get", "faults", "-o", "name"]), "fault/pod/aks/default/a:eth0\n");
    // With its pod a fault goes for good.
    fs::write(&file, without("a")).expect("written");
    session.ok(&["apply", "-f", edited]);
    session.ok(&["apply", "-f", "kubenet"]);
    assert!(reaches(&session, "b", "a"));
    assert_eq!(session.ok(&["get", "faults", "-o", "name"]), "");
    // And with its lab.
    session.ok(&["link", "down", "a"]);
    session.ok(&["delete", "lab", "kubenet"]);
    session.ok(&["apply", "-f", "kubenet"]);
    assert!(reaches(&session, "b", "a"));
}

fn what_cannot_be_broken_is_refused() {
    let session = kubenet();
    assert!(session.fails(1, &["link", "down", "z"]).contains("no `z`"));
    let interfaces = session.fails(1, &["link", "down", &format!("{NODE_0}:eth9")]);
    assert!(interfaces.contains("it has eth0, cbr0, veth"), "{interfaces}");
    assert!(session.fails(1, &["link", "down", "a:lo"]).contains("`lo` is no link to anywhere"));
    assert!(session.fails(1, &["node", "stop", "a"]).contains("no node and no VM"));
    session.fails(64, &["link", "set", "a", "--delay", "50"]);
    session.fails(64, &["link", "set", "a", "--loss", "110%"]);
    assert_eq!(session.ok(&["get", "faults", "-o", "name"]), "");
}

fn without_netem_links_cannot_be_slow() {
    let session = kubenet();
    if *NETEM {
        assert!(session.fails(1, &["link", "set", "a"]).contains("say what the link shall have"));
        assert!(session.fails(1, &["link", "set", "a", "--jitter", "1ms"]).contains("more than the delay"));
        let bridge = format!("{NODE_0}:cbr0");
        assert!(session.fails(1, &["link", "set", &bridge, "--loss", "1%"]).contains("is no veth"));
    } else {
        let error = session.fails(1, &["link", "set", "a", "--delay", "50ms"]);
        assert!(error.contains("has no netem") && error.contains("modprobe sch_netem"), "{error}");
    }
    assert_eq!(session.ok(&["link", "clear", "a"]), "pod/aks/default/a:eth0 already clear\n");
}

/// The shortest round trip of a few, in milliseconds.
fn round_trip(session: &Session, from: &str, to: &str) -> f64 {
    let output = session.ok(&["ping", from, to, "-c", "3", "-i", "0.2"]);
    let numbers = output.split("mdev = ").nth(1).unwrap_or_else(|| panic!("no summary: {output}"));
    numbers.split('/').next().and_then(|number| number.parse().ok()).expect("a number")
}

fn packets_are_late_in_both_directions() {
    let session = kubenet();
    assert_eq!(session.ok(&["link", "set", "a", "--delay", "100ms"]), "pod/aks/default/a:eth0 delay 100ms\n");
    for (from, to) in [("a", "c"), ("c", "a"), ("a", "b")] {
        let time = round_trip(&session, from, to);
        assert!(time >= 200.0, "{from} to {to}: {time} ms");
    }
    assert!(round_trip(&session, "b", "c") < 200.0, "others are as fast as before");
    let shown = session.ok(&["exec", "a", "--", "tc", "qdisc", "show", "dev", "eth0"]);
    assert!(shown.contains("netem") && shown.contains("delay 100ms"), "{shown}");
    assert!(session.ok(&["apply", "-f", "kubenet"]).starts_with("lab/kubenet unchanged"));
    let more = session.ok(&["link", "set", "a", "--jitter", "1ms"]);
    assert_eq!(more, "pod/aks/default/a:eth0 delay 100ms 1ms\n");
    assert_eq!(session.ok(&["link", "clear", "a"]), "pod/aks/default/a:eth0 clear\n");
    let shown = session.ok(&["exec", "a", "--", "tc", "qdisc", "show", "dev", "eth0"]);
    assert!(shown.contains("noqueue"), "{shown}");
    assert!(round_trip(&session, "a", "c") < 200.0);
}

fn packets_are_lost_and_held_back() {
    let session = kubenet();
    session.ok(&["link", "set", NODE_0, "--loss", "100%"]);
    assert!(does_not_reach(&session, "a", "c"));
    assert!(reaches(&session, "a", "b"), "within the node nothing is lost");
    assert!(
        statuses(&session).contains(&(NODE_0.trim_start_matches("node/").to_owned(), "NotReady".to_owned()))
    );
    session.ok(&["link", "set", NODE_0, "--loss", "0"]);
    assert!(reaches(&session, "a", "c"));
    assert_eq!(session.ok(&["get", "faults", "-o", "name"]), "");
    // 1,042 bytes a packet and 16 kbit/s: half a second each way.
    session.ok(&["link", "set", "a", "--rate", "16kbit"]);
    let output = session.ok(&["ping", "a", "b", "-c", "1", "-s", "1000", "-W", "10"]);
    let time = output.split("time=").nth(1).and_then(|rest| rest.split(' ').next()?.parse::<f64>().ok());
    assert!(time.is_some_and(|time| time >= 1000.0), "{output}");
    assert!(session.ok(&["apply", "-f", "kubenet"]).starts_with("lab/kubenet unchanged"));
}
