//! Queries and answers as bytes.

use crate::dns::{
    record::{Answer, Code, Data, Record},
    wire::{self, Carrier, Query},
};

/// `dig +noedns` of a name, as it is on the wire.
fn query(name: &str, size: Option<u16>) -> Vec<u8> {
    let mut bytes = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(size.is_some())];
    for label in name.split('.') {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.extend_from_slice(&[0, 0, 1, 0, 1]);
    if let Some(size) = size {
        bytes.extend_from_slice(&[0, 0, 41]);
        bytes.extend_from_slice(&size.to_be_bytes());
        bytes.extend_from_slice(&[0, 0, 0, 0, 0, 0]);
    }
    bytes
}

#[test]
fn answers_are_cut_to_what_the_client_takes() {
    let record =
        |last: u8| Record { name: "db.example".into(), ttl: 30, data: Data::A([10, 0, 0, last].into()) };
    let answer = Answer { answers: (0..200).map(record).collect(), ..Answer::code(Code::NoError) };
    for (size, carrier, max) in [
        (None, Carrier::Datagram, 512),
        (Some(1232), Carrier::Datagram, 1232),
        (Some(100), Carrier::Datagram, 512),
        (Some(65_000), Carrier::Datagram, 4096),
        (None, Carrier::Stream, 65_535),
    ] {
        let query = Query::read(&query("DB.example", size)).expect("a query");
        assert_eq!(query.question().name, "db.example");
        let reply = query.reply(&answer, carrier);
        assert!(reply.len() <= max, "{} of {max}", reply.len());
        assert!(wire::is_answer(&reply, 0x1234));
        let truncated = reply[2] & 2 != 0;
        let said = wire::read_answer(&reply).expect("it can be read");
        assert_eq!(truncated, said.answers.len() < 200);
        assert!(said.answers.len() > 20);
        // As it was asked, and once: the owners are pointers.
        assert!(reply.windows(10).any(|bytes| bytes == b"DB\x07example"));
        assert!(reply.len() < 100 + 16 * said.answers.len());
    }
}

#[test]
fn what_cannot_be_answered_is_refused() {
    let good = query("a.example", None);
    let code = |bytes: &[u8]| Query::read(bytes).expect_err("no query").map(|reply| (reply[3], reply.len()));
    let with = |at: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[at] = value;
        bytes
    };
    assert_eq!(code(&with(2, 0x80)), None, "an answer");
    assert_eq!(code(&good[..11]), None);
    assert_eq!(code(&with(2, 0x28)), Some((4, 12)), "an update");
    assert_eq!(code(&with(5, 0)), Some((1, 12)), "no question");
    let last = good.len() - 1;
    assert_eq!(code(&with(last, 3)), Some((5, 12)), "the class of version.bind");
    assert_eq!(code(&with(last - 2, 252)), Some((5, 12)), "a zone transfer");
    assert_eq!(code(&good[..last]), Some((1, 12)));
}

proptest::proptest! {
    #[test]
    fn no_bytes_break_it(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..600)) {
        if let Ok(query) = Query::read(&bytes) {
            let _ = query.reply(&Answer::code(Code::NxDomain), Carrier::Datagram);
        }
        let _ = wire::read_answer(&bytes);
    }

    #[test]
    fn nearly_right_bytes_break_nothing(
        at in 0_usize..40, value in proptest::num::u8::ANY, name in "[a-zA-Z0-9.-]{1,60}",
    ) {
        let mut bytes = query(&name.split('.').filter(|it| !it.is_empty()).collect::<Vec<_>>().join("."), Some(1232));
        let at = at % bytes.len();
        bytes[at] = value;
        if let Ok(query) = Query::read(&bytes) {
            let reply = query.reply(&Answer::code(Code::NoError), Carrier::Datagram);
            proptest::prop_assert!(wire::is_answer(&reply, query.id()));
            proptest::prop_assert!(wire::read_answer(&reply).is_some());
        }
    }
}
