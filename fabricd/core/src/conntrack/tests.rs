//! Lines as conntrack 1.4.7 prints them, and what filters leave of them.

use super::*;

fn ports(source: &str, destination: &str, source_port: u16, destination_port: u16) -> Tuple {
    let ends = Ends::Ports { source: source_port, destination: destination_port };
    Tuple { source: source.parse().unwrap(), destination: destination.parse().unwrap(), ends }
}

fn status(bits: &[Status]) -> Status {
    Status(bits.iter().fold(0, |all, bit| all | bit.0))
}

/// A pod's connection to a server on the internet, masqueraded by its node.
fn masqueraded() -> Connection {
    Connection {
        protocol: Protocol::TCP,
        original: ports("10.244.0.15", "203.0.113.10", 45512, 80),
        reply: ports("203.0.113.10", "10.224.0.4", 80, 1027),
        state: Some(TcpState::Established),
        timeout: Some(431_999),
        status: status(&[Status::SEEN_REPLY, Status::ASSURED, Status::CONFIRMED, Status::SOURCE_NAT]),
        mark: 0,
        zone: 0,
        uses: 1,
    }
}

fn echo(kind: u8, source: &str, destination: &str) -> Tuple {
    let ends = Ends::Icmp { kind, code: 0, id: 56 };
    Tuple { source: source.parse().unwrap(), destination: destination.parse().unwrap(), ends }
}

fn ping() -> Connection {
    Connection {
        protocol: Protocol::ICMP,
        original: echo(8, "10.244.0.10", "10.224.1.2"),
        reply: echo(0, "10.224.1.2", "10.224.0.4"),
        state: None,
        timeout: Some(28),
        status: status(&[Status::SEEN_REPLY, Status::CONFIRMED, Status::SOURCE_NAT]),
        mark: 0,
        zone: 0,
        uses: 2,
    }
}

#[test]
fn lines_are_conntracks_own() {
    let line = |connection: Connection| connection.to_string();
    assert_eq!(
        line(masqueraded()),
        "tcp      6 431999 ESTABLISHED src=10.244.0.15 dst=203.0.113.10 sport=45512 dport=80 \
         src=203.0.113.10 dst=10.224.0.4 sport=80 dport=1027 [ASSURED] mark=0 use=1"
    );
    assert_eq!(
        line(ping()),
        "icmp     1 28 src=10.244.0.10 dst=10.224.1.2 type=8 code=0 id=56 \
         src=10.224.1.2 dst=10.224.0.4 type=0 code=0 id=56 mark=0 use=2"
    );
    let unanswered = Connection {
        state: Some(TcpState::SynSent),
        timeout: Some(117),
        status: Status::CONFIRMED,
        ..masqueraded()
    };
    assert_eq!(
        line(unanswered),
        "tcp      6 117 SYN_SENT src=10.244.0.15 dst=203.0.113.10 sport=45512 dport=80 [UNREPLIED] \
         src=203.0.113.10 dst=10.224.0.4 sport=80 dport=1027 mark=0 use=1"
    );
    let question = Connection {
        protocol: Protocol::UDP,
        state: None,
        timeout: Some(29),
        mark: 16384,
        zone: 7,
        status: Status::SEEN_REPLY,
        original: ports("fd00::1", "fd00::2", 5353, 53),
        reply: ports("fd00::2", "fd00::1", 53, 5353),
        ..masqueraded()
    };
    assert_eq!(
        format!("{question:#}"),
        "ipv6     10 udp      17 29 src=fd00::1 dst=fd00::2 sport=5353 dport=53 \
         src=fd00::2 dst=fd00::1 sport=53 dport=5353 mark=16384 zone=7 use=1"
    );
    let other = Tuple { ends: Ends::Nothing, ..ping().original };
    let offloaded = Connection {
        protocol: Protocol(89),
        original: other,
        reply: other,
        timeout: None,
        status: status(&[Status::SEEN_REPLY, Status::ASSURED, Status::OFFLOAD]),
        ..ping()
    };
    assert_eq!(
        line(offloaded),
        "unknown  89 src=10.244.0.10 dst=10.224.1.2 src=10.244.0.10 dst=10.224.1.2 [OFFLOAD] mark=0 use=2"
    );
}

/// This one was recorded from a kernel, by its `/proc/net/nf_conntrack`, which differs from the extended form
/// by telling of zone 0.
#[test]
fn a_line_of_the_kernels_own_is_the_same() {
    let recorded = include_str!("../document/testdata/conntrack.1.txt");
    let connection = Connection {
        original: echo(8, "10.244.0.10", "10.244.1.20"),
        reply: echo(0, "10.244.1.20", "10.244.0.10"),
        ..ping()
    };
    assert_eq!(format!("{connection:#}"), recorded.trim_end().replace("zone=0 ", ""));
}

#[test]
fn states_and_protocols_read_back() {
    for number in 0..10 {
        let state = TcpState::from_number(number).unwrap();
        assert_eq!(state.to_string().parse(), Ok(state));
    }
    assert_eq!(TcpState::from_number(3), Some(TcpState::Established));
    assert_eq!(TcpState::from_number(10), None);
    assert_eq!("OPEN".parse::<TcpState>(), Err(UnknownState));
    assert_eq!("TCP".parse(), Ok(Protocol::TCP));
    assert_eq!("89".parse(), Ok(Protocol(89)));
    assert!("256".parse::<Protocol>().is_err());
}

#[test]
fn every_filter_leaves_out_what_it_says() {
    let fits = |filter: Filter| [masqueraded(), ping()].map(|connection| filter.fits(&connection));
    let none = Filter::default;
    let net = |text: &str| Some(filter::network(text).unwrap());
    assert_eq!(fits(none()), [true, true]);
    assert_eq!(fits(Filter { protocol: Some(Protocol::ICMP), ..none() }), [false, true]);
    assert_eq!(fits(Filter { source: net("10.244.0.15"), ..none() }), [true, false]);
    assert_eq!(fits(Filter { source: net("10.244.0.0/24"), ..none() }), [true, true]);
    assert_eq!(fits(Filter { destination: net("203.0.113.0/24"), ..none() }), [true, false]);
    assert_eq!(fits(Filter { destination_port: Some(80), ..none() }), [true, false]);
    assert_eq!(fits(Filter { destination_port: Some(8), ..none() }), [false, false]);
    assert_eq!(fits(Filter { source_nat: true, ..none() }), [true, true]);
    let to = |address: &str| Filter { source_nat_to: Some(address.parse().unwrap()), ..none() };
    assert_eq!(fits(to("10.224.0.4")), [true, true]);
    assert_eq!(fits(to("10.224.0.5")), [false, false]);
    let plain = Connection { status: Status::SEEN_REPLY, ..masqueraded() };
    assert!(!Filter { source_nat: true, ..none() }.fits(&plain));
    assert!(!to("10.224.0.4").fits(&plain), "an address alone is no translation");
    let error = filter::network("10.0.0.0/33").unwrap_err();
    assert_eq!(error.to_string(), "`10.0.0.0/33` is no address and no prefix");
}

#[test]
fn the_order_is_that_of_protocol_and_first_packet() {
    let later = Connection { original: ports("10.244.0.15", "203.0.113.10", 45513, 80), ..masqueraded() };
    let mut all = [later.clone(), masqueraded(), ping()];
    all.sort_by(Connection::order);
    assert_eq!(all, [ping(), masqueraded(), later]);
    assert_eq!(
        masqueraded().status.names().collect::<Vec<_>>(),
        ["seenReply", "assured", "confirmed", "sourceNat"]
    );
}
