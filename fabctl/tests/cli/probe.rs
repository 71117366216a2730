use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{fabctl, fake::Fake, run, run_with_stdin};

#[test]
fn ping_takes_pings_flags_and_ends_as_ping() {
    let fake = Fake::start();
    insta::assert_snapshot!(run(&fake, "ping a b -c 3 -n"), @r#"
    PING from ::a to b ["-c", "3", "-n"]
    [1]
    "#);
    insta::assert_snapshot!(run(&fake, "-n web ping -c 1 a 10.0.0.1 --lab x"), @r#"
    PING from x:web:a to 10.0.0.1 ["-c", "1"]
    [1]
    "#);
    insta::assert_snapshot!(run(&fake, "ping a"), @"
    ! error: ping takes two places, where from and where to, not 1: fabctl ping SOURCE DESTINATION
    [64]
    ");
}

#[test]
fn logs_are_printed_line_by_line() {
    let fake = Fake::start();
    insta::assert_snapshot!(run(&fake, "logs vm/proxy"), @r#"
    ::vm/proxy "" None
    [0]
    "#);
    insta::assert_snapshot!(run(&fake, "logs -f --tail 3 -c shell --timestamps pod/a -n web --lab x"), @r#"
    2023-11-14T22:13:20.000001Z x:web:pod/a "shell" Some(3)
    ! 12 lines came too fast and are not shown
    [0]
    "#);
    insta::assert_snapshot!(run(&fake, "logs --tail -1 vm/proxy"), @"
    ! error: unexpected argument '-1' found
    ! 
    !   tip: to pass '-1' as a value, use '-- -1'
    ! 
    ! Usage: fabctl logs [OPTIONS] <TARGET>
    ! 
    ! For more information, try '--help'.
    [64]
    ");
}

#[test]
fn an_interrupt_reaches_ping_and_fabctl_waits_for_its_summary() {
    let fake = Fake::start();
    let mut command = fabctl();
    command.arg("--socket").arg(fake.socket()).args(["ping", "a", "b"]).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().starts_with("PING"));
    kill(Pid::from_raw(child.id() as i32), Signal::SIGINT).unwrap();
    assert!(lines.next().unwrap().unwrap().contains("Signal { number: 2 }"));
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn exec_streams_input_and_ends_as_the_command() {
    let fake = Fake::start();
    insta::assert_snapshot!(run_with_stdin(&fake, "exec a -- cat -n", "not read"), @r#"
    a ["cat", "-n"] stdin=false
    ! done
    [7]
    "#);
    insta::assert_snapshot!(run_with_stdin(&fake, "exec -i a -- cat -n", "one\ntwo\n"), @r#"
    a ["cat", "-n"] stdin=true
    one
    two
    ! done
    [7]
    "#);
    insta::assert_snapshot!(run(&fake, "exec -it a -- bash"), @r#"
    a ["bash"] stdin=true
    ! standard input is no terminal; going on without
    ! done
    [7]
    "#);
    insta::assert_snapshot!(run(&fake, "exec a"), @"
    ! error: no command; write it behind `--`: fabctl exec -it a -- bash
    [64]
    ");
    insta::assert_snapshot!(run(&fake, "exec a ip route"), @"
    ! error: write the command behind `--`: fabctl exec a -- ip route
    [64]
    ");
}

#[test]
fn tcpdump_sends_flags_and_filter_apart() {
    let fake = Fake::start();
    insta::assert_snapshot!(run(&fake, "tcpdump -nnei cbr0 pod/a b:eth0 -c3 -- icmp or arp"), @r#"
    TcpdumpStart { lab: "", namespace: "", places: ["pod/a:cbr0", "b:eth0"], arguments: ["-n", "-n", "-e", "-c", "3"], filter: "icmp or arp", format: Text, in_order: false }
    ! listening on eth0
    [0]
    "#);
    insta::assert_snapshot!(run(&fake, "tcpdump a -w -"), @r#"
    TcpdumpStart { lab: "", namespace: "", places: ["a"], arguments: [], filter: "", format: Pcap, in_order: false }
    ! listening on eth0
    [0]
    "#);
    insta::assert_snapshot!(run(&fake, "tcpdump a -r x"), @"
    ! error: `-r` cannot be used here: a capture reads live packets; for files use `tcpdump -r FILE` on your machine
    [64]
    ");
    insta::assert_snapshot!(run(&fake, "tcpdump icmp"), @"
    ! error: `icmp` looks like a filter; write it behind `--`: fabctl tcpdump TARGET -- icmp …
    [64]
    ");
}

#[test]
fn a_capture_file_is_written_only_if_the_capture_begins() {
    let fake = Fake::start();
    let file = fake.path("x.pcapng");
    assert!(run(&fake, &format!("tcpdump nowhere -w {file}")).contains("has no `nowhere`"));
    assert!(!std::fs::exists(&file).unwrap());
    assert_eq!(run(&fake, &format!("tcpdump a b -w {file}")), "! listening on eth0\n[0]\n");
    assert!(std::fs::read_to_string(&file).unwrap().contains("format: Pcapng"));
}
