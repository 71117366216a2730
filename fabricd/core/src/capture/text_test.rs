//! Against what tcpdump 4.99.3 printed of the same captures (`testdata`).

use super::*;
use crate::capture::timestamp::{Clock, Style};

const EPOCH: &[u8] = include_bytes!("testdata/ping-tt.txt");
const HEX: &[u8] = include_bytes!("testdata/ping-tt-X.txt");
const NANO: &[u8] = include_bytes!("testdata/ping_nano-tt.txt");

fn split(text: &[u8], chunk: usize) -> Vec<Packet> {
    let mut splitter = Splitter::default();
    let mut packets: Vec<_> = text.chunks(chunk).flat_map(|bytes| splitter.push(bytes)).collect();
    packets.extend(splitter.finish());
    packets
}

fn rendered(packets: &[Packet], mut clock: Clock) -> String {
    let text = packets.iter().flat_map(|packet| packet.render("", &clock.stamp(packet.time))).collect();
    String::from_utf8(text).unwrap()
}

#[test]
fn packets_of_several_lines_stay_together_however_they_are_cut() {
    let whole = split(EPOCH, EPOCH.len());
    assert_eq!(whole.len(), 6);
    assert_eq!(whole[0].time, 1_795_180_423_819_505_000);
    for chunk in [1, 10, 100] {
        assert_eq!(split(EPOCH, chunk), whole);
    }
    assert_eq!(split(HEX, 64).len(), 2);
}

#[test]
fn every_time_stamp_is_tcpdumps_own() {
    let packets = split(EPOCH, 50);
    let check = |style, offset, expected: &str| {
        assert_eq!(rendered(&packets, Clock::new(style, false, offset)), expected, "{style:?}");
    };
    check(Style::TimeOfDay, 0, include_str!("testdata/ping.txt"));
    check(Style::None, 0, include_str!("testdata/ping-t.txt"));
    check(Style::Epoch, 19_800, include_str!("testdata/ping-tt.txt"));
    check(Style::SincePrevious, 19_800, include_str!("testdata/ping-ttt.txt"));
    check(Style::Date, 0, include_str!("testdata/ping-tttt.txt"));
    check(Style::Date, 19_800, include_str!("testdata/ping-tttt-kolkata.txt"));
    check(Style::SinceFirst, 0, include_str!("testdata/ping-ttttt.txt"));
    let nano = split(NANO, 9);
    let clock = Clock::new(Style::SincePrevious, true, 0);
    assert_eq!(rendered(&nano, clock), include_str!("testdata/ping_nano-ttt.txt"));
}

#[test]
fn time_may_run_backwards_as_in_tcpdump() {
    let second = 1_000_000_000;
    let stamps = |style| {
        let mut clock = Clock::new(style, false, 0);
        [10 * second, 9 * second, 9 * second + 5000].map(|time| clock.stamp(time)).join("|")
    };
    assert_eq!(stamps(Style::SincePrevious), " 00:00:00.000000 |-00:00:01.000000 | 00:00:00.000005 ");
    assert_eq!(stamps(Style::SinceFirst), " 00:00:00.000000 |-00:00:01.000000 |-00:00:00.999995 ");
}

#[test]
fn each_line_begins_with_its_place() {
    let packets = split(b"1.000001 IP x\n\tmore\n", 5);
    let text = packets[0].render("pod/a  ", "00:00:01.000001 ");
    assert_eq!(text, b"pod/a  00:00:01.000001 IP x\npod/a  \tmore\n");
}

#[test]
fn a_packet_can_go_out_before_the_next_one_begins() {
    let mut splitter = Splitter::default();
    assert_eq!(splitter.push(b"1.000001 one\n2.00"), []);
    assert_eq!(splitter.flush(), None);
    assert_eq!(splitter.push(b"0002 two\n").len(), 1);
    assert_eq!(splitter.flush().unwrap().text, b"two\n");
    assert_eq!(splitter.flush(), None);
    splitter.push(b"\tlate\n");
    let late = splitter.flush().unwrap();
    assert_eq!((late.time, late.continued), (2_000_002_000, true));
    assert_eq!(late.render("", "stamp "), b"\tlate\n");
}
