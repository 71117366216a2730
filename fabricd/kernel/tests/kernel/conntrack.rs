//! Connection tracking tables, as `/proc/net/nf_conntrack` shows them too.

use std::{
    io,
    net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket},
    thread,
    time::{Duration, Instant},
};

use fabric_core::{
    conntrack::{Connection, Ends, Protocol, Status, TcpState},
    kernel::{CountedElement, Kernel, RuleSet},
    object::{Address, LinkRef, Object, Program, Ruleset, Up},
    place::Place,
};
use fabric_kernel::{NETNS_DIR, socket::in_place};

use crate::lab::{Lab, draw, eth0, kernel, node, pod, veth};

crate::tests!(a_translated_connection, an_unanswered_one_and_a_ping, tables_that_are_empty, sets_that_count);

const NODE: Ipv4Addr = Ipv4Addr::new(10, 244, 0, 1);
const POD: Ipv4Addr = Ipv4Addr::new(10, 244, 0, 15);

/// A node that gives what comes for port 80 to port 8080, and drops what comes for port 9.
const RULES: &str = "table ip fabric\ndelete table ip fabric\ntable ip fabric {\n  chain pre { type nat hook prerouting priority -100; tcp dport 80 dnat to 10.244.0.1:8080 comment \"web\"\n  }\n  set lost { type ipv4_addr . inet_service; flags dynamic; size 9; counter\n  }\n  chain in { type filter hook input priority 0; udp dport 9 update @lost { ip saddr . th dport } drop\n  }\n}\n";

fn lab() -> Lab {
    let mut lab = Lab::new();
    let up = |place: Place, link| (place, Object::Up(Up::plain(link)));
    let address = |place: Place, link, address: Ipv4Addr| {
        let address = format!("{address}/24").parse().unwrap();
        let address = Address { link, address, broadcast: false, metric: 0, no_prefix_route: false };
        (place, Object::Address(address))
    };
    let near = LinkRef::fixed("veth0", 7);
    lab.build(draw([
        (node(), veth()),
        up(node(), near.clone()),
        up(pod(), eth0()),
        address(node(), near, NODE),
        address(pod(), eth0(), POD),
        (node(), Object::Ruleset(Ruleset { program: Program::Nft, text: RULES.into() })),
    ]));
    lab
}

fn inside<T: Send>(lab: &Lab, place: &Place, work: impl FnOnce() -> io::Result<T> + Send) -> T {
    in_place(NETNS_DIR.as_ref(), &lab.name, place, work).unwrap()
}

fn of(lab: &Lab, protocol: Protocol) -> Vec<Connection> {
    let mut all = kernel().connections(&lab.name, &node()).unwrap();
    all.retain(|connection| connection.protocol == protocol);
    all
}

/// Whether the file shows the same, but for the seconds left and the reader's own hold on it.
fn shown_by_proc(lab: &Lab, connection: &Connection) {
    let untimed = |line: &str| {
        let words = line.split_whitespace().enumerate();
        let words = words.filter(|(at, word)| *at != 4 && *word != "zone=0" && !word.starts_with("use="));
        words.map(|(_, word)| word).collect::<Vec<_>>().join(" ")
    };
    let file = lab.inside(&node(), &["cat", "/proc/net/nf_conntrack"]);
    let line = untimed(&format!("{connection:#}"));
    assert!(file.lines().any(|shown| untimed(shown) == line), "{line}\nis not in\n{file}");
}

fn a_translated_connection() {
    let lab = lab();
    let listener = inside(&lab, &node(), || TcpListener::bind((NODE, 8080)));
    let client = inside(&lab, &pod(), || TcpStream::connect((NODE, 80)));
    let (server, _) = listener.accept().unwrap();
    let port = client.local_addr().unwrap().port();
    let [connection] = of(&lab, Protocol::TCP).try_into().unwrap();
    assert_eq!((connection.original.source, connection.original.destination), (POD.into(), NODE.into()));
    assert_eq!(connection.original.ends, Ends::Ports { source: port, destination: 80 });
    assert_eq!((connection.reply.source, connection.reply.destination), (NODE.into(), POD.into()));
    assert_eq!(connection.reply.ends, Ends::Ports { source: 8080, destination: port });
    assert_eq!(connection.state, Some(TcpState::Established));
    assert!(connection.timeout.is_some_and(|seconds| seconds > 3600), "{connection}");
    assert!(connection.status.has(Status::DESTINATION_NAT) && connection.status.has(Status::ASSURED));
    assert!(!connection.status.has(Status::SOURCE_NAT), "{connection}");
    shown_by_proc(&lab, &connection);

    drop(client);
    drop(server);
    let begun = Instant::now();
    while of(&lab, Protocol::TCP)[0].state == Some(TcpState::Established) {
        assert!(begun.elapsed() < Duration::from_secs(20), "its end is seen");
        thread::yield_now();
    }
}

fn an_unanswered_one_and_a_ping() {
    let lab = lab();
    let socket = inside(&lab, &pod(), || UdpSocket::bind((POD, 7000)));
    socket.send_to(b"?", (NODE, 9)).unwrap();
    // A dropped packet is not remembered; one to a port that nobody has is.
    assert_eq!(of(&lab, Protocol::UDP), []);
    socket.send_to(b"?", (NODE, 10)).unwrap();
    let [connection] = of(&lab, Protocol::UDP).try_into().unwrap();
    assert!(connection.to_string().contains(" sport=7000 dport=10 [UNREPLIED] "), "{connection}");
    assert_eq!(connection.state, None);

    lab.inside(&pod(), &["ping", "-c", "1", "-W", "5", "10.244.0.1"]);
    let [connection] = of(&lab, Protocol::ICMP).try_into().unwrap();
    assert!(matches!(connection.original.ends, Ends::Icmp { kind: 8, code: 0, .. }), "{connection}");
    assert!(matches!(connection.reply.ends, Ends::Icmp { kind: 0, code: 0, .. }), "{connection}");
    shown_by_proc(&lab, &connection);
}

fn tables_that_are_empty() {
    let lab = lab();
    lab.inside(&pod(), &["ping", "-c", "1", "-W", "5", "10.244.0.1"]);
    assert_eq!(kernel().connections(&lab.name, &pod()).unwrap(), [], "nothing there asks for tracking");
    let absent = Place::VirtualMachine { name: "absent".into() };
    let error = kernel().connections(&lab.name, &absent).unwrap_err();
    assert_eq!(error.to_string(), "cannot read the connections of vm/absent");
}

fn sets_that_count() {
    let lab = lab();
    let set = |name| RuleSet { family: "ip", table: "fabric", name };
    let elements = |set| kernel().counted_elements(&lab.name, &node(), set).unwrap();
    assert_eq!(elements(set("lost")), Some(vec![]));
    let socket = inside(&lab, &pod(), || UdpSocket::bind((POD, 7000)));
    for _ in 0..3 {
        socket.send_to(b"?", (NODE, 9)).unwrap();
    }
    let key = vec!["10.244.0.15".to_owned(), "9".to_owned()];
    assert_eq!(elements(set("lost")), Some(vec![CountedElement { key, packets: 3 }]));
    assert_eq!(elements(set("found")), None);
    assert_eq!(kernel().counted_elements(&lab.name, &pod(), set("lost")).unwrap(), None, "no such table");
    let absent = Place::VirtualMachine { name: "absent".into() };
    let error = kernel().counted_elements(&lab.name, &absent, set("lost")).unwrap_err();
    assert_eq!(error.to_string(), "cannot read the rules' set lost of vm/absent");
}
