//! Entries as the kernel writes them (`net/netfilter/nf_conntrack_netlink.c`), and bytes that it never would.

use proptest::{collection::vec, option, prelude::*};

use super::*;

const NESTED: u16 = 0x8000;

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).expect("short");
    let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn nested(kind: u16, inside: &[Vec<u8>]) -> Vec<u8> {
    attribute(kind | NESTED, &inside.concat())
}

fn written_tuple(kind: u16, protocol: Protocol, tuple: Tuple) -> Vec<u8> {
    let address = |kind: u16, address: IpAddr| match address {
        IpAddr::V4(address) => attribute(kind, &address.octets()),
        IpAddr::V6(address) => attribute(kind + 2, &address.octets()),
    };
    let mut ends = vec![attribute(1, &[protocol.0])];
    match tuple.ends {
        Ends::Ports { source, destination } => {
            ends.push(attribute(2, &source.to_be_bytes()));
            ends.push(attribute(3, &destination.to_be_bytes()));
        }
        Ends::Icmp { kind, code, id } => {
            let more = if tuple.source.is_ipv6() { 3 } else { 0 };
            ends.push(attribute(4 + more, &id.to_be_bytes()));
            ends.push(attribute(5 + more, &[kind]));
            ends.push(attribute(6 + more, &[code]));
        }
        Ends::Nothing => {}
    }
    let addresses = [address(1, tuple.source), address(2, tuple.destination)];
    nested(kind, &[nested(1, &addresses), nested(2, &ends)])
}

/// Attributes in the kernel's order, with some that nobody here asks for.
fn written(connection: &Connection) -> Vec<u8> {
    let Connection { protocol, original, reply, state, timeout, status, mark, zone, uses } = connection;
    let mut all = vec![written_tuple(1, *protocol, *original), written_tuple(2, *protocol, *reply)];
    all.extend((*zone != 0).then(|| attribute(18, &zone.to_be_bytes())));
    all.push(attribute(3, &status.0.to_be_bytes()));
    all.extend(timeout.map(|seconds| attribute(7, &seconds.to_be_bytes())));
    if let Some(state) = state {
        let number = (0..10).find(|number| TcpState::from_number(*number) == Some(*state)).expect("a number");
        let scale = attribute(2, &[7]);
        all.push(nested(4, &[nested(1, &[attribute(1, &[number]), scale])]));
    }
    all.push(attribute(8, &mark.to_be_bytes()));
    all.push(attribute(12, &77_u32.to_be_bytes()));
    all.push(attribute(11, &uses.to_be_bytes()));
    all.concat()
}

fn tuples() -> impl Strategy<Value = Tuple> {
    let ends = prop_oneof![
        any::<(u16, u16)>().prop_map(|(source, destination)| Ends::Ports { source, destination }),
        any::<(u8, u8, u16)>().prop_map(|(kind, code, id)| Ends::Icmp { kind, code, id }),
        Just(Ends::Nothing),
    ];
    let addresses = prop_oneof![
        any::<([u8; 4], [u8; 4])>().prop_map(|(a, b)| (IpAddr::from(a), IpAddr::from(b))),
        any::<([u8; 16], [u8; 16])>().prop_map(|(a, b)| (IpAddr::from(a), IpAddr::from(b))),
    ];
    (addresses, ends).prop_map(|((source, destination), ends)| Tuple { source, destination, ends })
}

fn connections() -> impl Strategy<Value = Connection> {
    let state = option::of((0..10_u8).prop_map(|number| TcpState::from_number(number).expect("one of ten")));
    let numbers = any::<(u8, Option<u32>, u32, u32, u16, u32)>();
    (tuples(), tuples(), state, numbers).prop_map(|(original, reply, state, numbers)| {
        let (protocol, timeout, status, mark, zone, uses) = numbers;
        let (protocol, status) = (Protocol(protocol), Status(status));
        Connection { protocol, original, reply, state, timeout, status, mark, zone, uses }
    })
}

fn of_type(message_type: u16, bytes: &[u8]) -> Result<Message, DecodeError> {
    let mut header = NetlinkHeader::default();
    header.message_type = message_type;
    Message::deserialize(&header, bytes)
}

proptest! {
    #[test]
    fn what_the_kernel_writes_is_read(connection in connections()) {
        let payload = [vec![2, 0, 0, 0], written(&connection)].concat();
        match of_type(NEW, &payload) {
            Ok(Message::Entry(read)) => prop_assert_eq!(*read, connection),
            other => prop_assert!(false, "{other:?}"),
        }
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in vec(any::<u8>(), 0..200), nest in 0..4_usize) {
        let mut payload = bytes;
        for kind in [1, 2, 4].iter().take(nest) {
            payload = attribute(*kind, &payload);
        }
        // Either will do, as long as it comes back.
        let _ = of_type(NEW, &[vec![2, 0, 0, 0], payload].concat());
    }

    #[test]
    fn a_cut_off_entry_is_no_other(connection in connections(), keep in 0..100_usize) {
        let whole = written(&connection);
        let part = &whole[..whole.len() * keep / 100];
        if let Ok(Some(read)) = read(part) {
            prop_assert_eq!((read.original, read.reply), (connection.original, connection.reply));
        }
    }
}

#[test]
fn what_is_no_entry_is_passed_over() {
    assert!(matches!(of_type(NEW, &[]), Ok(Message::Other)));
    assert!(matches!(of_type(NEW, &[2, 0, 0, 0]), Ok(Message::Other)));
    assert!(matches!(of_type(SUBSYSTEM | 2, &[2, 0, 0, 0, 9]), Ok(Message::Other)));
    assert!(of_type(NEW, &[vec![2, 0, 0, 0], attribute(3, &[1])].concat()).is_err());
}
