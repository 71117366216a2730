//! tcpdump at one place and at several.

use std::{
    fs,
    process::{Command, Stdio},
};

use fabric_tests::{Background, Session};

pub const TESTS: [(&str, fn()); 5] = [
    ("where_the_source_address_changes", where_the_source_address_changes),
    ("where_the_tunnel_begins_and_ends", where_the_tunnel_begins_and_ends),
    ("files_can_be_read_by_tcpdump", files_can_be_read_by_tcpdump),
    ("an_interrupt_ends_with_a_summary", an_interrupt_ends_with_a_summary),
    ("refused_captures", refused_captures),
];

const NODE_1: &str = "node/aks-pool2-13111960-vmss000000";
const HOST_0: &str = "host/aks-nodepool1-11743156-vmss000000";
const HOST_1: &str = "host/aks-pool2-13111960-vmss000000";

fn kubenet() -> Session {
    let session = Session::new();
    session.ok(&["apply", "-f", "kubenet"]);
    session
}

/// The lines of a capture at `places`, ended by its count, while `ping` runs.
fn captured(session: &Session, arguments: &[&str], places: usize, ping: [&str; 2]) -> Vec<String> {
    let mut command = vec!["tcpdump"];
    command.extend(arguments);
    let capture = Background::start(&mut session.command(&command)).wait_for("listening on", places);
    session.ok(&["ping", ping[0], ping[1], "-c", "1"]);
    let ended = capture.end();
    assert!(ended.status.success(), "{}", ended.stderr);
    ended.text().lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

fn where_the_source_address_changes() {
    let session = kubenet();
    let cbr0 = format!("{NODE_1}:cbr0");
    let capture = ["c", &cbr0, NODE_1, "vm/device", "-n", "-t", "-c", "8", "--", "icmp"];
    let lines = captured(&session, &capture, 4, ["c", "vm/device"]);
    let ends: Vec<String> =
        lines.iter().map(|line| line.split(": ICMP").next().unwrap_or("").replace(NODE_1, "node1")).collect();
    assert_eq!(
        ends,
        [
            "c:eth0 IP 10.244.1.27 > 10.224.1.2",
            "node1:cbr0 IP 10.244.1.27 > 10.224.1.2",
            "node1:eth0 IP 10.224.0.5 > 10.224.1.2",
            "vm/device:eth0 IP 10.224.0.5 > 10.224.1.2",
            "vm/device:eth0 IP 10.224.1.2 > 10.224.0.5",
            "node1:eth0 IP 10.224.1.2 > 10.224.0.5",
            "node1:cbr0 IP 10.224.1.2 > 10.244.1.27",
            "c:eth0 IP 10.224.1.2 > 10.244.1.27",
        ]
    );
}

fn where_the_tunnel_begins_and_ends() {
    let session = kubenet();
    // Learned beforehand, so that no ARP question of the tunnels is among the packets.
    session.ok(&["ping", "a", "c", "-c", "1"]);
    let vm0 = format!("{HOST_0}:vm0");
    let capture = [
        &*vm0,
        HOST_0,
        "underlay",
        HOST_1,
        NODE_1,
        "-n",
        "-t",
        "-c",
        "7",
        "--",
        "icmp or (udp port 4789 and greater 100)",
    ];
    let lines = captured(&session, &capture, 5, ["a", "c"]);
    let place = |name: &str| -> Vec<&String> {
        lines.iter().filter(|line| line.starts_with(&format!("{name} "))).collect()
    };
    assert!(place(&vm0)[0].contains("IP 10.244.0.15 > 10.244.1.27: ICMP echo request"), "{lines:#?}");
    let outer = place(&format!("{HOST_0}:pa0"))[0];
    assert!(outer.contains("IP 100.64.0.4.") && outer.contains(" > 100.64.0.5.4789: VXLAN"), "{outer}");
    assert!(outer.contains("vni 1000"), "{outer}");
    // The packet inside, which tcpdump prints on a line of its own.
    assert!(place(&format!("{HOST_1}:pa0")).iter().any(|line| line.contains("10.244.0.15 > 10.244.1.27")));
    assert!(place("underlay:br0").iter().any(|line| line.contains("vni 1000")), "{lines:#?}");
    let node = place(&format!("{NODE_1}:eth0"))[0];
    assert!(node.contains("IP 10.244.0.15 > 10.244.1.27: ICMP echo request"), "{node}");
}

fn read_back(file: &str) -> String {
    let output = Command::new("tcpdump").args(["-n", "-t", "-r", file]).stderr(Stdio::null()).output();
    String::from_utf8_lossy(&output.expect("tcpdump is installed").stdout).into_owned()
}

fn files_can_be_read_by_tcpdump() {
    let session = kubenet();
    let path = session.folder().join("one.pcap");
    let file = path.to_str().expect("UTF-8");
    captured(&session, &["a", "-c", "2", "-w", file, "--", "icmp"], 1, ["a", "b"]);
    assert_eq!(&fs::read(file).expect("a file")[..4], [0xd4, 0xc3, 0xb2, 0xa1]);
    let text = read_back(file);
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.starts_with("IP 10.244.0.15 > 10.244.0.16: ICMP echo request"), "{text}");

    // To standard output, as `| wireshark -k -i -` takes it.
    let capture = session.command(&["tcpdump", "a", "-c", "2", "-w", "-", "--", "icmp"]);
    let capture = Background::start(&mut { capture }).wait_for("listening on", 1);
    session.ok(&["ping", "a", "b", "-c", "1"]);
    assert_eq!(capture.end().stdout[..4], [0xd4, 0xc3, 0xb2, 0xa1]);

    // Several places: one pcapng file, an interface for each, in the order of time.
    let path = session.folder().join("several.pcapng");
    let file = path.to_str().expect("UTF-8");
    captured(&session, &["a", "c", NODE_1, "-c", "6", "-w", file, "--", "icmp"], 3, ["a", "c"]);
    let bytes = fs::read(file).expect("a file");
    assert_eq!(&bytes[..4], [0x0a, 0x0d, 0x0d, 0x0a]);
    let names = String::from_utf8_lossy(&bytes);
    for name in ["a:eth0", "c:eth0", "node/aks-pool2-13111960-vmss000000:eth0"] {
        assert!(names.contains(name), "an interface is named {name}");
    }
    let text = read_back(file);
    assert_eq!(text.lines().count(), 6, "{text}");
    assert_eq!(text.lines().filter(|line| line.contains("echo request")).count(), 3, "{text}");
}

fn an_interrupt_ends_with_a_summary() {
    let session = kubenet();
    for places in [vec!["a"], vec!["a", "b"]] {
        let mut command = vec!["tcpdump", "-n"];
        command.extend(&places);
        let capture =
            Background::start(&mut session.command(&command)).wait_for("listening on", places.len());
        let ended = capture.interrupt();
        assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
        assert_eq!(ended.stderr.matches(" received by filter").count(), places.len(), "{}", ended.stderr);
    }
}

fn refused_captures() {
    let session = kubenet();
    for (arguments, word) in [
        (vec!["tcpdump", "a", "-z", "reboot"], "-z"),
        (vec!["tcpdump", "a", "-r", "/etc/shadow"], "-r"),
        (vec!["tcpdump", "aa"], "did you mean"),
        (vec!["tcpdump"], "TARGET"),
    ] {
        let output = session.fabctl(&arguments);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && stderr.contains(word), "{arguments:?}: {stderr}");
    }
    // What only tcpdump can know is tcpdump's to refuse.
    for arguments in
        [["tcpdump", "a:eth9", "-n", "-c", "1"].as_slice(), &["tcpdump", "a", "--", "not a filter"]]
    {
        let output = session.fabctl(arguments);
        assert!(!output.status.success(), "{arguments:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("tcpdump: "), "{arguments:?}");
    }
}
