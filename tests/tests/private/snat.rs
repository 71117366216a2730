//! SNAT ports of a load balancer and of a NAT gateway: given away, used up, freed again.

use std::fs;

use fabric_tests::{Background, Session, program, wait_until};
use serde_json::Value;

pub const TESTS: [(&str, fn()); 2] = [
    ("a_block_of_ports_is_used_up_for_one_destination", a_block_of_ports_is_used_up_for_one_destination),
    ("a_nat_gateway_has_enough_ports", a_nat_gateway_has_enough_ports),
];

/// A pod of the cluster whose nodes have 64 ports each.
const POD: &str = "pod/overlay/default/a";
const NODE: &str = "aks-overlay-12345678-vmss000000";
const SERVER: &str = "203.0.113.10:80";

fn lab(name: &str, text: &str) -> Session {
    let session = Session::new();
    let file = session.folder().join(format!("{name}.yaml"));
    fs::write(&file, text).expect("a file");
    session.ok(&["apply", "-f", file.to_str().expect("UTF-8")]);
    session
}

fn snat(session: &Session, target: &str) -> Vec<Value> {
    serde_json::from_str(&session.ok(&["snat", target, "-o", "json"])).expect("JSON")
}

fn numbers(usage: &Value) -> [Option<u64>; 3] {
    ["allocatedPorts", "usedPorts", "freePorts"].map(|name| usage[name].as_u64())
}

fn a_block_of_ports_is_used_up_for_one_destination() {
    let session = lab("load-balancer", include_str!("../../egress/load-balancer.yaml"));
    let all = session.ok(&["snat"]);
    assert_eq!(all.lines().count(), 9, "{all}");
    let row = "aks-kubenet-12345678-vmss000001 198.51.100.11 2048-3071 1024 0 1024 0";
    let rows = || all.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    assert!(rows().any(|line| line == row), "{all}");

    let open = ["connections", "open", POD, SERVER, "--count", "65", "-o", "json"];
    let held = Background::start(&mut session.command(&open)).wait_for("64 are held", 1);
    let [usage] = snat(&session, POD).try_into().expect("its node's block");
    assert_eq!(usage["node"], NODE);
    assert_eq!(numbers(&usage), [Some(64), Some(64), Some(0)]);
    assert!(usage["failed"].as_u64() >= Some(1), "{usage}");
    let [to] = usage["destinations"].as_array().expect("a list").as_slice() else { panic!("{usage}") };
    assert_eq!((&to["address"], &to["port"]), (&"203.0.113.10".into(), &80.into()));
    assert_eq!((&to["connections"], &to["free"]), (&64.into(), &0.into()));
    let other = &snat(&session, "lb/overlay")[1];
    assert_eq!((numbers(other), &other["failed"]), ([Some(64), Some(0), Some(64)], &0.into()));

    // The same ports serve another destination, and the device tracks each with its outbound address.
    let by_destination = format!("{} snat {POD} --by-destination", program("fabctl").display());
    let example_org =
        ["connections", "open", POD, "203.0.113.20:80", "--count", "3", "--while", &by_destination];
    let text = session.ok(&example_org);
    let lines: Vec<String> =
        text.lines().skip(3).map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert!(lines[0].starts_with(&format!("{NODE} 198.51.100.14 203.0.113.10:80 tcp 64 0 ")), "{text}");
    assert_eq!(lines[1..], [format!("{NODE} 198.51.100.14 203.0.113.20:80 tcp 3 61 0")], "{text}");
    let tracked =
        ["conntrack", "lb/overlay", "-p", "tcp", "--dst", "203.0.113.10", "--src-nat=198.51.100.14"];
    let tracked = session.ok(&tracked);
    assert_eq!(tracked.matches(" ESTABLISHED ").count(), 64, "{tracked}");

    let ended = held.interrupt();
    assert_eq!(ended.status.code(), Some(1), "one had no port");
    let told: Value = serde_json::from_slice(&ended.stdout).expect("JSON");
    assert_eq!((&told["opened"], &told["timedOut"]), (&64.into(), &1.into()));
    assert_eq!(told["firstFailure"]["number"], 65);
    wait_until("all ports are free", || numbers(&snat(&session, NODE)[0]) == [Some(64), Some(0), Some(64)]);
}

fn a_nat_gateway_has_enough_ports() {
    let session = lab("nat-gateway", include_str!("../../egress/nat-gateway.yaml"));
    let open = ["connections", "open", POD, SERVER, "--count", "300"];
    let held = Background::start(&mut session.command(&open)).wait_for("300 are held", 1);
    let all = snat(&session, POD);
    assert!(all.iter().all(|usage| usage["node"].is_null() && usage["failed"].is_null()), "{all:#?}");
    let allocated: Option<u64> = all.iter().map(|usage| usage["allocatedPorts"].as_u64()).sum();
    assert_eq!((all.len(), allocated), (2, Some(2 * 64_512)), "two addresses");
    let connections: Option<u64> =
        all.iter().map(|usage| usage["destinations"][0]["connections"].as_u64()).sum();
    assert_eq!(connections, Some(300), "{all:#?}");
    assert_eq!(held.interrupt().status.code(), Some(0));
    let nobody = session.fabctl(&["snat", "vm/db"]);
    assert_eq!((nobody.status.code(), nobody.stdout.len()), (Some(0), 0));
}
