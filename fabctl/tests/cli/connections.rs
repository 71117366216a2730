use std::{
    io::{BufRead, BufReader, Read},
    process::Stdio,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{fabctl, fake::Fake, run, shown};

#[test]
fn what_came_of_connections_is_told() {
    let fake = Fake::start();
    insta::assert_snapshot!(run(&fake, "connections open a 203.0.113.10:80 --count 64 --hold 0"), @"
    DESTINATION       WANTED   OPENED   FAILED   TIMED OUT   REFUSED   UNREACHABLE   OTHER
    203.0.113.10:80   64       64       0        0           0         0             0
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "connections open a 203.0.113.10:80 --count 65 --hold 0"), @"
    DESTINATION       WANTED   OPENED   FAILED   TIMED OUT   REFUSED   UNREACHABLE   OTHER
    203.0.113.10:80   65       64       1        1           0         0             0
    ! connection 65 to 203.0.113.10:80: timed out after 3 s
    [1]
    ");
    insta::assert_snapshot!(run(&fake, "connections open a c:80 -c 66 --hold 1ms -o json"), @r#"
    {
      "source": "a",
      "destination": "c:80",
      "protocol": "tcp",
      "wanted": 66,
      "opened": 64,
      "failed": 2,
      "timedOut": 2,
      "refused": 0,
      "unreachable": 0,
      "other": 0,
      "firstFailure": {
        "number": 65,
        "reason": "timedOut",
        "message": "timed out after 3 s"
      }
    }
    ! connection 65 to c:80: timed out after 3 s
    [1]
    "#);
    insta::assert_snapshot!(run(&fake, "connections open a c:80 --hold 0 -o yaml --udp"), @"
    source: a
    destination: c:80
    protocol: udp
    wanted: 1
    opened: 1
    failed: 0
    timedOut: 0
    refused: 0
    unreachable: 0
    other: 0
    firstFailure: null
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "connections open lossy c:80 --count 3 --hold 0"), @"
    DESTINATION   WANTED   OPENED   FAILED   TIMED OUT   REFUSED   UNREACHABLE   OTHER
    c:80          3        3        0        0           0         0             0
    ! 2 had ended before, by the other side or by what is between
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "connections open gone c:80 --count 3"), @"
    DESTINATION   WANTED   OPENED   FAILED   TIMED OUT   REFUSED   UNREACHABLE   OTHER
    c:80          3        3        0        0           0         0             0
    ! 3 are held; Ctrl-C closes them
    ! error: pod/aks/default/gone goes, and its connections are closed
    [1]
    ");
    insta::assert_snapshot!(run(&fake, "connections open gone c:80 --count 3 --hold 5m"), @"
    DESTINATION   WANTED   OPENED   FAILED   TIMED OUT   REFUSED   UNREACHABLE   OTHER
    c:80          3        3        0        0           0         0             0
    ! error: pod/aks/default/gone goes, and its connections are closed
    [1]
    ");
}

#[test]
fn a_command_runs_while_they_are_held() {
    let fake = Fake::start();
    let run = |source: &str, count: &str, command: &str| {
        let mut fabctl = fabctl();
        fabctl.arg("--socket").arg(fake.socket());
        fabctl.args(["connections", "open", source, "c:80", "--count", count, "--while", command]);
        shown(&fabctl.output().unwrap())
    };
    insta::assert_snapshot!(run("a", "2", "echo meanwhile; echo said >&2"), @"
    DESTINATION   WANTED   OPENED   FAILED   TIMED OUT   REFUSED   UNREACHABLE   OTHER
    c:80          2        2        0        0           0         0             0
    meanwhile
    ! said
    [0]
    ");
    insta::assert_snapshot!(run("a", "65", "true"), @"
    DESTINATION   WANTED   OPENED   FAILED   TIMED OUT   REFUSED   UNREACHABLE   OTHER
    c:80          65       64       1        1           0         0             0
    ! connection 65 to c:80: timed out after 3 s
    [1]
    ");
    insta::assert_snapshot!(run("a", "65", "exit 7"), @"
    DESTINATION   WANTED   OPENED   FAILED   TIMED OUT   REFUSED   UNREACHABLE   OTHER
    c:80          65       64       1        1           0         0             0
    ! connection 65 to c:80: timed out after 3 s
    [7]
    ");
    insta::assert_snapshot!(run("a", "1", "kill -9 $$"), @"
    DESTINATION   WANTED   OPENED   FAILED   TIMED OUT   REFUSED   UNREACHABLE   OTHER
    c:80          1        1        0        0           0         0             0
    [137]
    ");
    // Nobody waits for the command when they are closed already.
    insta::assert_snapshot!(run("gone", "1", "exec sleep 1000"), @"
    DESTINATION   WANTED   OPENED   FAILED   TIMED OUT   REFUSED   UNREACHABLE   OTHER
    c:80          1        1        0        0           0         0             0
    ! error: pod/aks/default/gone goes, and its connections are closed
    [1]
    ");
}

#[test]
fn an_interrupt_closes_them() {
    let fake = Fake::start();
    for (count, code) in [("1", 0), ("65", 1)] {
        let mut command = fabctl();
        command.arg("--socket").arg(fake.socket()).args([
            "connections",
            "open",
            "lossy",
            "c:80",
            "--count",
            count,
        ]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.ends_with("are held; Ctrl-C closes them\n") {
            line.clear();
            assert!(said.read_line(&mut line).unwrap() > 0, "they are held");
        }
        kill(Pid::from_raw(child.id() as i32), Signal::SIGINT).unwrap();
        let mut rest = String::new();
        said.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "2 had ended before, by the other side or by what is between\n");
        assert_eq!(child.wait().unwrap().code(), Some(code));
    }
}

#[test]
fn what_is_wanted_reaches_the_daemon() {
    let fake = Fake::start();
    insta::assert_snapshot!(run(&fake, "connections open show c:80"), @r#"
    ! error: OpenConnectionsStart { source: Some(Target { lab: "", namespace: "", name: "show" }), destination: "c", port: 80, transport: Tcp, count: 1, timeout_milliseconds: 3000, parallel: 16, per_second: None, stop_after_failures: Some(1), source_port: None, reset: false }
    [1]
    "#);
    let line = "connections open show [fd00::1]:80 -n web --lab x --udp --count 9 --timeout 500ms --parallel 3 \
                --rate 7 --stop-after 0 --source-port 2000 --reset";
    insta::assert_snapshot!(run(&fake, line), @r#"
    ! error: OpenConnectionsStart { source: Some(Target { lab: "x", namespace: "web", name: "show" }), destination: "fd00::1", port: 80, transport: Udp, count: 9, timeout_milliseconds: 500, parallel: 3, per_second: Some(7), stop_after_failures: None, source_port: Some(2000), reset: true }
    [1]
    "#);
    for (line, reason) in [
        ("connections", "Usage"),
        ("connections open a", "<DESTINATION:PORT>"),
        ("connections open a c", "`c` has no port"),
        ("connections open a c:80 --count 0", "0 is not in 1..=16384"),
        ("connections open a c:80 --count 16385", "16385 is not in 1..=16384"),
        ("connections open a c:80 --parallel 1025", "1025 is not in 1..=1024"),
        ("connections open a c:80 --rate 0", "0 is not in 1..=100000"),
        ("connections open a c:80 --source-port 0", "0 is not in 1..=65535"),
        ("connections open a c:80 --timeout x", "write a time such as 500ms"),
        ("connections open a c:80 --hold 1s --while true", "cannot be used with"),
        ("connections open a c:80 -o wide", "possible values: table, json, yaml"),
    ] {
        let said = run(&fake, line);
        assert!(said.contains(reason) && said.ends_with("[64]\n"), "{line}: {said}");
    }
}

#[test]
fn snat_ports_are_told() {
    let fake = Fake::start();
    insta::assert_snapshot!(run(&fake, "snat"), @"
    NODE                                OUTBOUND        PORTS        ALLOCATED   USED   FREE    FAILED
    aks-nodepool1-12345678-vmss000000   198.51.100.14   1024-1087    64          64     0       18
    *                                   198.51.100.20   1024-65535   64512       1      64511   -
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "snat lb/aks -o wide"), @"
    NODE                                OUTBOUND        PORTS        ALLOCATED   USED   FREE    FAILED   CONNECTIONS   DEVICE
    aks-nodepool1-12345678-vmss000000   198.51.100.14   1024-1087    64          64     0       18       66            lb/aks
    *                                   198.51.100.20   1024-65535   64512       1      64511   -        1             natgateway/gateway
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "snat -d"), @"
    NODE                                OUTBOUND        DESTINATION        PROTOCOL   CONNECTIONS   FREE   FAILED
    aks-nodepool1-12345678-vmss000000   198.51.100.14   203.0.113.10:80    tcp        64            0      18
    aks-nodepool1-12345678-vmss000000   198.51.100.14   203.0.113.10:53    udp        2             62     0
    *                                   198.51.100.20   203.0.113.10:443   tcp        1             63     -
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "snat --by-destination -o wide"), @"
    NODE                                OUTBOUND        DESTINATION        PROTOCOL   CONNECTIONS   FREE   FAILED   DEVICE
    aks-nodepool1-12345678-vmss000000   198.51.100.14   203.0.113.10:80    tcp        64            0      18       lb/aks
    aks-nodepool1-12345678-vmss000000   198.51.100.14   203.0.113.10:53    udp        2             62     0        lb/aks
    *                                   198.51.100.20   203.0.113.10:443   tcp        1             63     -        natgateway/gateway
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "snat -o json"), @r#"
    [
      {
        "device": "lb/aks",
        "node": "aks-nodepool1-12345678-vmss000000",
        "outboundAddress": "198.51.100.14",
        "firstPort": 1024,
        "lastPort": 1087,
        "allocatedPorts": 64,
        "usedPorts": 64,
        "freePorts": 0,
        "failed": 18,
        "destinations": [
          {
            "address": "203.0.113.10",
            "port": 80,
            "protocol": "tcp",
            "connections": 64,
            "free": 0,
            "failed": 18
          },
          {
            "address": "203.0.113.10",
            "port": 53,
            "protocol": "udp",
            "connections": 2,
            "free": 62,
            "failed": 0
          }
        ]
      },
      {
        "device": "natgateway/gateway",
        "node": null,
        "outboundAddress": "198.51.100.20",
        "firstPort": 1024,
        "lastPort": 65535,
        "allocatedPorts": 64512,
        "usedPorts": 1,
        "freePorts": 64511,
        "failed": null,
        "destinations": [
          {
            "address": "203.0.113.10",
            "port": 443,
            "protocol": "tcp",
            "connections": 1,
            "free": 63,
            "failed": null
          }
        ]
      }
    ]
    [0]
    "#);
    insta::assert_snapshot!(run(&fake, "snat vm/none"), @"
    ! vm/none leaves by no load balancer and no NAT gateway.
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "snat vm/none -o yaml"), @"
    []
    ! vm/none leaves by no load balancer and no NAT gateway.
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "snat nobody -n web --lab x"), @"
    ! error: x:web has no `nobody`
    [1]
    ");
    let left_out = "! 2 more destinations, those with least connections, are not shown.\n";
    assert!(run(&fake, "snat lb/large -d").contains(left_out));
    assert!(!run(&fake, "snat lb/large").contains(left_out));
    assert!(run(&fake, "snat a b").ends_with("[64]\n"));
}
