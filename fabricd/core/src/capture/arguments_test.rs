use super::*;

fn words(line: &str) -> Vec<String> {
    line.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn read(line: &str) -> String {
    match parse(&words(line)) {
        Ok(Arguments { places, interface, count, write, flags, filter }) => {
            format!("{places:?} {interface:?} {count:?} {write:?} {flags:?} {filter:?}")
        }
        Err(error) => error.to_string(),
    }
}

#[test]
fn flags_may_stand_anywhere_and_cluster_as_in_tcpdump() {
    let lines = [
        "pod/a",
        "pod/a -nnve",
        "-nnvei eth1 pod/a node/n:cbr0 -c5 -- icmp or arp",
        "-tttt -s 96 -Q in pod/a",
        "-s96 -Qin --snapshot-length=96 --direction in pod/a",
        "pod/a -w - -U -l --immediate-mode --nano",
        "pod/a -XX# -wx.pcap -- tcp[tcpflags] & tcp-syn != 0",
        "a:any -i eth0 b -- -- x",
    ];
    let read: Vec<_> = lines.iter().map(|line| read(line)).collect();
    insta::assert_snapshot!(read.join("\n"), @r#"
    ["pod/a"] None None None [] ""
    ["pod/a"] None None None ["-n", "-n", "-v", "-e"] ""
    ["pod/a", "node/n:cbr0"] Some("eth1") Some(5) None ["-n", "-n", "-v", "-e"] "icmp or arp"
    ["pod/a"] None None None ["-t", "-t", "-t", "-t", "-s", "96", "-Q", "in"] ""
    ["pod/a"] None None None ["-s", "96", "-Q", "in", "--snapshot-length", "96", "--direction", "in"] ""
    ["pod/a"] None None Some("-") ["--immediate-mode", "--nano"] ""
    ["pod/a"] None None Some("x.pcap") ["-X", "-X", "-#"] "tcp[tcpflags] & tcp-syn != 0"
    ["a:any", "b"] Some("eth0") None None [] "-- x"
    "#);
}

#[test]
fn what_does_more_than_capture_is_refused_with_a_hint() {
    let lines = [
        "",
        "-n",
        "pod/a icmp",
        "pod/a: -n",
        "a:b:c",
        "pod/a -",
        "pod/a -r x",
        "pod/a -nr x",
        "pod/a -Fx",
        "pod/a -V x",
        "pod/a -z sh",
        "pod/a -C 1",
        "pod/a -G1",
        "pod/a -W 2",
        "pod/a -Z root",
        "pod/a -D",
        "pod/a -E x",
        "pod/a --print",
        "pod/a --count",
        "pod/a -k",
        "pod/a --post",
        "pod/a -c",
        "pod/a -c 0",
        "pod/a -c x",
        "pod/a -s -1",
        "pod/a -i a/b",
        "pod/a --nano=1",
        "pod/a -Q ../x",
        "pod/a -ä",
    ];
    let read: Vec<_> = lines.iter().map(|line| format!("{line}: {}", read(line))).collect();
    insta::assert_snapshot!(read.join("\n"), @"
    : no place to capture at; name one, such as `pod/a` or `node/NAME:eth0`
    -n: no place to capture at; name one, such as `pod/a` or `node/NAME:eth0`
    pod/a icmp: `icmp` looks like a filter; write it behind `--`: fabctl tcpdump TARGET -- icmp …
    pod/a: -n: `pod/a:` is no place; write TARGET or TARGET:INTERFACE
    a:b:c: `a:b:c` is no place; write TARGET or TARGET:INTERFACE
    pod/a -: `-` is no place; write TARGET or TARGET:INTERFACE
    pod/a -r x: `-r` cannot be used here: a capture reads live packets; for files use `tcpdump -r FILE` on your machine
    pod/a -nr x: `-r` cannot be used here: a capture reads live packets; for files use `tcpdump -r FILE` on your machine
    pod/a -Fx: `-F` cannot be used here: write the filter itself, behind `--`
    pod/a -V x: `-V` cannot be used here: a capture reads live packets; for files use `tcpdump -r FILE` on your machine
    pod/a -z sh: `-z` cannot be used here: no program is run for a capture; use `fabctl exec TARGET -- tcpdump …` for that
    pod/a -C 1: `-C` cannot be used here: files do not rotate here; use `fabctl exec TARGET -- tcpdump …` for that
    pod/a -G1: `-G` cannot be used here: files do not rotate here; use `fabctl exec TARGET -- tcpdump …` for that
    pod/a -W 2: `-W` cannot be used here: files do not rotate here; use `fabctl exec TARGET -- tcpdump …` for that
    pod/a -Z root: `-Z` cannot be used here: tcpdump's user is chosen by the daemon
    pod/a -D: `-D` cannot be used here: it captures nothing; use `fabctl exec TARGET -- tcpdump …` to ask tcpdump
    pod/a -E x: `-E` cannot be used here: it makes tcpdump read a file; use `fabctl exec TARGET -- tcpdump …` for that
    pod/a --print: `--print` cannot be used here: choose text or `-w`; not both
    pod/a --count: `--count` cannot be used here: a capture reads live packets; for files use `tcpdump -r FILE` on your machine
    pod/a -k: tcpdump has no flag `-k`
    pod/a --post: tcpdump has no flag `--post`
    pod/a -c: `-c` needs a value
    pod/a -c 0: `0` is no value for `-c`
    pod/a -c x: `x` is no value for `-c`
    pod/a -s -1: `-1` is no value for `-s`
    pod/a -i a/b: `a/b` is no value for `-i`
    pod/a --nano=1: `1` is no value for `--nano`
    pod/a -Q ../x: `../x` is no value for `-Q`
    pod/a -ä: tcpdump has no flag `-ä`
    ");
}

#[test]
fn a_filter_has_an_end() {
    assert_eq!(check_filter(&"x".repeat(FILTER_MAX)), Ok(()));
    assert_eq!(check_filter(&"x".repeat(FILTER_MAX + 1)), Err(ArgumentError::FilterTooLong(FILTER_MAX + 1)));
    assert_eq!(check_filter("icmp\0"), Err(ArgumentError::FilterUnprintable));
}

#[test]
fn the_daemon_sorts_what_the_client_sends() {
    let sent = parse(&words("pod/a -nnttttc3 --nano -s 96 -i cbr0")).unwrap();
    assert_eq!(sent.places_with_interface(), ["pod/a:cbr0"]);
    let sorted = flags(&sent.flags_with_count()).unwrap();
    let rest = words("-n -n --nano -s 96");
    assert_eq!(sorted, Flags { count: Some(3), time: Style::Date, nanoseconds: true, rest });
    for bad in ["-i eth0", "-w x", "pod/a", "-r x", "--", "-", "-tttttt"] {
        assert!(validate_flags(&words(bad)).is_err(), "{bad}");
    }
    assert_eq!(validate_flags(&words("-nn -c 5")), Ok(()));
}
