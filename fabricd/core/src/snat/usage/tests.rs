use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;
use crate::conntrack::{Status, TcpState, Tuple};

const ADDRESS: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 14);
const SERVER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 10);

fn balancer() -> Place {
    Place::LoadBalancer { cluster: "aks".into() }
}

/// Two nodes of a load balancer with 64 ports each, and a NAT gateway of another address.
fn allocations() -> Vec<Allocation> {
    let block = |mark: u32, first: u16| Allocation {
        device: balancer(),
        node: Some(format!("node{}", mark - 1)),
        mark,
        address: ADDRESS,
        first,
        last: first + 63,
    };
    let gateway = Allocation {
        device: Place::NatGateway { name: "gateway".into() },
        node: None,
        mark: 0,
        address: Ipv4Addr::new(198, 51, 100, 20),
        first: 1024,
        last: u16::MAX,
    };
    vec![block(1, 1024), block(2, 1088), gateway]
}

fn connection(outbound: (Ipv4Addr, u16), destination: (Ipv4Addr, u16), state: TcpState) -> Connection {
    let tuple = |source: (Ipv4Addr, u16), destination: (Ipv4Addr, u16)| Tuple {
        source: source.0.into(),
        destination: destination.0.into(),
        ends: Ends::Ports { source: source.1, destination: destination.1 },
    };
    Connection {
        protocol: Protocol::TCP,
        original: tuple((Ipv4Addr::new(10, 224, 0, 4), 40_000), destination),
        reply: tuple(destination, outbound),
        state: Some(state),
        timeout: Some(1800),
        status: Status::SOURCE_NAT,
        mark: 1,
        zone: 0,
        uses: 1,
    }
}

fn open(port: u16, destination: (Ipv4Addr, u16)) -> Connection {
    connection((ADDRESS, port), destination, TcpState::Established)
}

fn tcp(address: Ipv4Addr, port: u16) -> Destination {
    Destination { address: address.into(), port, protocol: Protocol::TCP }
}

fn failed(mark: &str, packets: u64) -> CountedElement {
    let key = [mark, "203.0.113.10", "tcp", "80"].map(str::to_owned);
    CountedElement { key: key.into(), packets }
}

fn seen(connections: Vec<Connection>, failed: Option<Vec<CountedElement>>) -> BTreeMap<Place, Seen> {
    let failed = failed.map(|all| all.iter().filter_map(Failed::read).collect());
    BTreeMap::from([(balancer(), Seen { connections, failed })])
}

#[test]
fn ports_are_counted_once_and_connections_by_destination() {
    let other = (Ipv4Addr::new(203, 0, 113, 20), 80);
    let connections = vec![
        open(1024, (SERVER, 80)),
        open(1087, (SERVER, 80)),
        // The same port for another destination, and for another port of the same.
        open(1087, other),
        open(1087, (SERVER, 443)),
        open(1088, (SERVER, 80)),
        // Closed, of nobody, of another address, and none that is translated.
        connection((ADDRESS, 1025), (SERVER, 80), TcpState::TimeWait),
        connection((ADDRESS, 1026), (SERVER, 80), TcpState::Close),
        open(1023, (SERVER, 80)),
        open(1152, (SERVER, 80)),
        connection((Ipv4Addr::new(10, 224, 0, 4), 1030), (SERVER, 80), TcpState::Established),
        connection((Ipv4Addr::new(198, 51, 100, 20), 1030), (SERVER, 80), TcpState::Established),
    ];
    let usage = usage(allocations(), &seen(connections, Some(vec![failed("2", 3)])));
    let numbers = usage.iter().map(|it| (it.allocation.ports(), it.used, it.free(), it.failed));
    assert_eq!(
        numbers.collect::<Vec<_>>(),
        [(64, 2, 62, Some(0)), (64, 1, 63, Some(3)), (64_512, 0, 64_512, None)]
    );
    let by = |index: usize| usage[index].destinations.iter().map(|(to, it)| (*to, it.connections, it.failed));
    assert_eq!(
        by(0).collect::<Vec<_>>(),
        [(tcp(SERVER, 80), 2, Some(0)), (tcp(SERVER, 443), 1, Some(0)), (tcp(other.0, 80), 1, Some(0)),]
    );
    assert_eq!(by(1).collect::<Vec<_>>(), [(tcp(SERVER, 80), 1, Some(3))]);
    assert_eq!(usage[1].free_for(usage[1].destinations[&tcp(SERVER, 80)]), 63);
}

#[test]
fn a_full_block_fails_for_one_destination_only() {
    let connections = (1024..1088).map(|port| open(port, (SERVER, 80))).collect();
    let usage = usage(allocations(), &seen(connections, Some(vec![failed("1", 18)])));
    assert_eq!((usage[0].used, usage[0].free(), usage[0].failed), (64, 0, Some(18)));
    assert_eq!(usage[0].free_for(usage[0].destinations[&tcp(SERVER, 80)]), 0);
    assert_eq!(usage[0].free_for(UsedFor::default()), 64);
    assert_eq!((usage[1].used, usage[1].failed), (0, Some(0)));
}

#[test]
fn what_failed_is_told_although_nothing_is_open() {
    let usage = usage(allocations(), &seen(vec![], Some(vec![failed("1", 2)])));
    assert_eq!((usage[0].used, usage[0].failed), (0, Some(2)));
    let used = UsedFor { connections: 0, failed: Some(2) };
    assert_eq!(usage[0].destinations, BTreeMap::from([(tcp(SERVER, 80), used)]));
}

#[test]
fn elements_of_other_sets_are_none_of_ours() {
    assert!(Failed::read(&failed("1", 2)).is_some());
    assert!(Failed::read(&failed("x", 2)).is_none());
    assert!(Failed::read(&CountedElement { key: vec!["1".into()], packets: 1 }).is_none());
}

proptest! {
    /// Against counting by hand, port by port.
    #[test]
    fn used_is_what_a_count_by_hand_gives(
        ports in proptest::collection::vec((1000..1200_u16, 80..83_u16, any::<bool>()), 0..200),
    ) {
        let state = |open| if open { TcpState::Established } else { TcpState::TimeWait };
        let connections: Vec<Connection> = ports
            .iter()
            .map(|(port, to, open)| connection((ADDRESS, *port), (SERVER, *to), state(*open)))
            .collect();
        for usage in usage(allocations(), &seen(connections, None)).iter().take(2) {
            let Allocation { first, last, .. } = usage.allocation;
            let open = || ports.iter().filter(|(port, _, open)| *open && (first..=last).contains(port));
            let distinct: BTreeSet<u16> = open().map(|(port, ..)| *port).collect();
            prop_assert_eq!(usage.used as usize, distinct.len());
            prop_assert_eq!(usage.used + usage.free(), 64);
            let connections: u32 = usage.destinations.values().map(|it| it.connections).sum();
            prop_assert_eq!(connections as usize, open().count());
        }
    }
}
