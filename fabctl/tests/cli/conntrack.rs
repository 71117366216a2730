use crate::{fake::Fake, run};

#[test]
fn tracked_connections_look_as_in_conntrack() {
    let fake = Fake::start();
    insta::assert_snapshot!(run(&fake, "conntrack node/n"), @"
    icmp     1 29 src=10.244.0.15 dst=10.224.1.2 type=8 code=0 id=41 [UNREPLIED] src=10.224.1.2 dst=10.244.0.15 type=0 code=0 id=41 mark=7 use=1
    tcp      6 86399 ESTABLISHED src=10.244.0.15 dst=203.0.113.10 sport=45512 dport=80 src=203.0.113.10 dst=10.224.0.4 sport=80 dport=1027 [ASSURED] mark=0 use=1
    ! These are the first 65536; 9 more are not shown. -p, --src, --dst, --dport and --src-nat choose others.
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "conntrack node/n -o wide"), @"
    ipv4     2 icmp     1 29 src=10.244.0.15 dst=10.224.1.2 type=8 code=0 id=41 [UNREPLIED] src=10.224.1.2 dst=10.244.0.15 type=0 code=0 id=41 mark=7 use=1
    ipv4     2 tcp      6 86399 ESTABLISHED src=10.244.0.15 dst=203.0.113.10 sport=45512 dport=80 src=203.0.113.10 dst=10.224.0.4 sport=80 dport=1027 [ASSURED] mark=0 use=1
    ! These are the first 65536; 9 more are not shown. -p, --src, --dst, --dport and --src-nat choose others.
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "conntrack node/n -o json"), @r#"
    [
      {
        "protocol": "icmp",
        "protocolNumber": 1,
        "state": null,
        "timeoutSeconds": 29,
        "original": {
          "source": "10.244.0.15",
          "destination": "10.224.1.2",
          "icmpType": 8,
          "icmpCode": 0,
          "icmpId": 41
        },
        "reply": {
          "source": "10.224.1.2",
          "destination": "10.244.0.15",
          "icmpType": 0,
          "icmpCode": 0,
          "icmpId": 41
        },
        "flags": [
          "confirmed"
        ],
        "mark": 7,
        "zone": 0
      },
      {
        "protocol": "tcp",
        "protocolNumber": 6,
        "state": "ESTABLISHED",
        "timeoutSeconds": 86399,
        "original": {
          "source": "10.244.0.15",
          "destination": "203.0.113.10",
          "sourcePort": 45512,
          "destinationPort": 80
        },
        "reply": {
          "source": "203.0.113.10",
          "destination": "10.224.0.4",
          "sourcePort": 80,
          "destinationPort": 1027
        },
        "flags": [
          "seenReply",
          "assured",
          "confirmed",
          "sourceNat"
        ],
        "mark": 0,
        "zone": 0
      }
    ]
    ! These are the first 65536; 9 more are not shown. -p, --src, --dst, --dport and --src-nat choose others.
    [0]
    "#);
    insta::assert_snapshot!(run(&fake, "conntrack node/n -o yaml"), @r#"
    - protocol: icmp
      protocolNumber: 1
      state: null
      timeoutSeconds: 29
      original:
        source: "10.244.0.15"
        destination: "10.224.1.2"
        icmpType: 8
        icmpCode: 0
        icmpId: 41
      reply:
        source: "10.224.1.2"
        destination: "10.244.0.15"
        icmpType: 0
        icmpCode: 0
        icmpId: 41
      flags:
      - confirmed
      mark: 7
      zone: 0
    - protocol: tcp
      protocolNumber: 6
      state: ESTABLISHED
      timeoutSeconds: 86399
      original:
        source: "10.244.0.15"
        destination: "203.0.113.10"
        sourcePort: 45512
        destinationPort: 80
      reply:
        source: "203.0.113.10"
        destination: "10.224.0.4"
        sourcePort: 80
        destinationPort: 1027
      flags:
      - seenReply
      - assured
      - confirmed
      - sourceNat
      mark: 0
      zone: 0
    ! These are the first 65536; 9 more are not shown. -p, --src, --dst, --dport and --src-nat choose others.
    [0]
    "#);
    insta::assert_snapshot!(run(&fake, "conntrack a"), @"
    ! No such connection is tracked at a.
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "conntrack a -o json"), @"
    []
    ! No such connection is tracked at a.
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "conntrack strange"), @"
    ! error: the daemon sent a connection that is none
    [1]
    ");
}

#[test]
fn conntracks_filters_reach_the_daemon() {
    let fake = Fake::start();
    let line = "conntrack a -n web --lab x -p tcp --src 10.0.0.0/8 --dst 203.0.113.10 --dport 80 --src-nat";
    insta::assert_snapshot!(run(&fake, line), @r#"
    ! error: x:web:a ConnectionFilter { protocol: Some(6), source: "10.0.0.0/8", destination: "203.0.113.10/32", destination_port: Some(80), source_nat: true, source_nat_to: "" }
    [1]
    "#);
    insta::assert_snapshot!(run(&fake, "conntrack a --src-nat=10.224.0.4 -p 89"), @r#"
    ! error: ::a ConnectionFilter { protocol: Some(89), source: "", destination: "", destination_port: None, source_nat: true, source_nat_to: "10.224.0.4" }
    [1]
    "#);
    for (line, reason) in [
        ("conntrack", "<TARGET>"),
        ("conntrack a b", "unexpected argument 'b'"),
        ("conntrack a -p tpc", "write tcp, udp, icmp or the number of another protocol"),
        ("conntrack a --src x", "`x` is no address and no prefix"),
        ("conntrack a --dport 65536", "65536 is not in 0..=65535"),
        ("conntrack a --src-nat=x", "invalid IP address"),
        ("conntrack a -o name", "possible values: table, wide, json, yaml"),
    ] {
        let said = run(&fake, line);
        assert!(said.contains(reason) && said.ends_with("[64]\n"), "{line}: {said}");
    }
}
