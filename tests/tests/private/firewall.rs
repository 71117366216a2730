//! An Azure Firewall between a cluster and the internet: what it lets through, whose address is seen, what its log
//! says.

use std::{fs, path::PathBuf};

use fabric_tests::{Background, Session, program, wait_until};
use serde_json::Value;

pub const TESTS: [(&str, fn()); 6] = [
    ("a_firewall_decides_by_its_network_rules", a_firewall_decides_by_its_network_rules),
    ("a_firewall_decides_by_name", a_firewall_decides_by_name),
    ("what_is_inbound_needs_a_nat_rule", what_is_inbound_needs_a_nat_rule),
    ("a_reply_of_no_connection_is_dropped", a_reply_of_no_connection_is_dropped),
    ("a_firewall_goes_with_its_connections_and_its_log", a_firewall_goes_with_its_connections_and_its_log),
    ("a_flood_is_logged_in_part", a_flood_is_logged_in_part),
];

const LAB: &str = include_str!("../../../fabricd/core/tests/labs/azure-firewall.yaml");

/// What `curl` ends with if it waited in vain, was refused, or was reset.
const TIMED_OUT: i32 = 28;
const REFUSED: i32 = 7;
const RESET: i32 = 56;
const RESET_IN_TLS: i32 = 35;

fn lab() -> Session {
    let session = Session::new();
    apply(&session, LAB);
    session
}

fn apply(session: &Session, text: &str) {
    let file: PathBuf = session.folder().join("lab.yaml");
    fs::write(&file, text).expect("the lab is written");
    session.ok(&["apply", "-f", file.to_str().expect("UTF-8")]);
}

fn curl<'a>(place: &'a str, arguments: &[&'a str]) -> Vec<&'a str> {
    [&["exec", place, "--", "curl", "-sS", "-m", "2"], arguments].concat()
}

fn fabctl() -> String {
    program("fabctl").display().to_string()
}

/// Who a server says has asked it.
fn client(answer: &str) -> &str {
    let line = answer.lines().find_map(|line| line.strip_prefix("client: ").or(line.strip_prefix("client ")));
    line.and_then(|client| client.rsplit_once(':')).expect("a client").0
}

/// The rows of the log with these words in them, without times and source ports.
fn rows(session: &Session, words: &str) -> Vec<String> {
    let text = session.ok(&["firewall", "logs", "-o", "json"]);
    let row = |line: &str| {
        let row: Value = serde_json::from_str(line).expect("JSON");
        let columns = row.as_object().expect("a row");
        assert!(columns.contains_key("TimeGenerated") && columns.contains_key("SourceIp"));
        let same =
            columns.iter().filter(|(column, _)| !["TimeGenerated", "SourcePort"].contains(&column.as_str()));
        same.map(|(_, value)| value.to_string().replace('"', "")).collect::<Vec<_>>().join(" ")
    };
    text.lines().map(row).filter(|row| row.contains(words)).collect()
}

fn logged(session: &Session, row: &str) {
    wait_until(&format!("the row {row}"), || rows(session, row).iter().any(|found| found == row));
}

fn a_firewall_decides_by_its_network_rules() {
    let session = lab();
    // A pod of an overlay has its node's address until the firewall gives it a public one.
    for place in ["a", "web"] {
        let answer =
            session.ok(&["exec", place, "--", "bash", "-c", "exec 3<>/dev/tcp/203.0.113.10/7; head -1 <&3"]);
        assert!(["198.51.100.1", "198.51.100.2"].contains(&client(&answer)), "{answer}");
    }
    logged(&session, "AZFWNetworkRule TCP 10.1.0.10 203.0.113.10 7 Allow allow echo");
    logged(&session, "AZFWNetworkRule TCP 10.1.0.4 203.0.113.10 7 Allow allow echo");

    // A rule of a smaller priority number comes first, and what no rule allows is denied.
    session.fails(TIMED_OUT, &curl("web", &["http://203.0.113.20/"]));
    logged(&session, "AZFWNetworkRule TCP 10.1.0.10 203.0.113.20 80 Deny deny a-server");
    session.fails(TIMED_OUT, &curl("web", &["http://203.0.113.10:8081/"]));
    logged(&session, "AZFWNetworkRule TCP 10.1.0.10 203.0.113.10 8081 Deny Default Action");

    // Private addresses are not translated; and ICMP does not leave, though a rule allows it.
    assert_eq!(client(&session.ok(&curl("web", &["http://10.9.0.10/"]))), "10.1.0.10");
    session.ok(&["exec", "web", "--", "ping", "-c1", "-W5", "10.9.0.10"]);
    session.fails(1, &["exec", "web", "--", "ping", "-c1", "-W1", "203.0.113.10"]);
    logged(&session, "AZFWNetworkRule ICMP 10.1.0.10 203.0.113.10 Allow allow echo");

    // Nothing of the firewall itself can be reached.
    for url in ["http://10.200.1.4/", "http://10.200.1.4:8470/", "http://198.51.100.1/"] {
        session.fails(TIMED_OUT, &curl("web", &[url]));
    }
}

fn a_firewall_decides_by_name() {
    let session = lab();
    let https = |name: &str| format!("{name}:443:203.0.113.10");
    let (allowed, denied) = (https("www.example.com"), https("www.example.org"));
    let answer = session.ok(&curl("a", &["-k", "--resolve", &allowed, "https://www.example.com/"]));
    assert!(["198.51.100.1", "198.51.100.2"].contains(&client(&answer)), "{answer}");
    assert!(answer.contains("tls-server-name: www.example.com\n"), "{answer}");
    logged(&session, "AZFWApplicationRule HTTPS 10.1.0.4 443 www.example.com Allow names example");

    session.fails(RESET_IN_TLS, &curl("a", &["-k", "--resolve", &denied, "https://www.example.org/"]));
    logged(&session, "AZFWApplicationRule HTTPS 10.1.0.4 443 www.example.org Deny Default Action");
    session.fails(RESET_IN_TLS, &curl("a", &["-k", "https://203.0.113.10/"]));
    logged(&session, "AZFWApplicationRule HTTPS 10.1.0.4 443 Deny Default Action");

    let answer = session.ok(&curl("web", &["-i", "-H", "Host: www.example.com", "http://203.0.113.10/"]));
    assert!(answer.starts_with("HTTP/1.1 470 "), "a rule is for a protocol and its port: {answer}");
    assert!(answer.contains(" to www.example.com:80. Action: Deny. Reason: No rule matched."), "{answer}");
    logged(&session, "AZFWApplicationRule HTTP 10.1.0.10 80 www.example.com Deny Default Action");
    // Nobody listens there: the name is allowed, and the server has refused.
    session.fails(RESET, &curl("web", &["-H", "Host: WWW.example.com:8080", "http://203.0.113.10:8080/"]));
    logged(&session, "AZFWApplicationRule HTTP 10.1.0.10 8080 WWW.example.com Allow names example");

    // A change of rules holds for the next connection.
    let rule = "      - {protocolType: Http, port: 8080}\n";
    apply(&session, &LAB.replace(rule, "      - {protocolType: Http, port: 80}\n"));
    let answer = session.ok(&curl("web", &["-H", "Host: www.example.com", "http://203.0.113.10/"]));
    assert!(answer.contains("host: www.example.com\n"), "{answer}");
    logged(&session, "AZFWApplicationRule HTTP 10.1.0.10 80 www.example.com Allow names example");
}

fn what_is_inbound_needs_a_nat_rule() {
    let session = lab();
    let outside = "server/example-com";
    // Nobody listens at `web`, and it says so: the answer finds its way back by the firewall.
    session.fails(REFUSED, &curl(outside, &["http://198.51.100.1:8080/"]));
    logged(&session, "AZFWNatRule TCP 203.0.113.10 198.51.100.1 8080 10.1.0.10 80 inbound web");
    // The machine sees the firewall, so that its answer goes there.
    let command = format!("{} exec {outside} -- curl -sS -m 2 http://198.51.100.1:9005/", fabctl());
    let see = ["--see", "web src 10.200.1.4 and tcp dst port 80", "--not-see", "web src net 203.0.113.0/24"];
    session.ok(&[&["expect", "--ignore-exit"], &see[..], &["--", "sh", "-c", &command]].concat());
    for url in ["http://198.51.100.1:8081/", "http://198.51.100.2:8080/"] {
        session.fails(TIMED_OUT, &curl(outside, &[url]));
    }
}

fn a_reply_of_no_connection_is_dropped() {
    let session = lab();
    // The question goes straight by the peering, the answer by the firewall, which has not seen the question.
    let command = format!("{} exec jump -- curl -sS -m 2 http://10.1.0.10/", fabctl());
    session.ok(&[
        "expect",
        "--ignore-exit",
        "--see",
        "web src 10.200.2.4 and tcp dst port 80",
        "--see",
        "firewall/fw:vnet src 10.1.0.10 and tcp src port 80",
        "--not-see",
        "firewall/fw:vnet src 10.200.2.4",
        "--not-see",
        "jump src 10.1.0.10 and tcp",
        "--",
        "sh",
        "-c",
        &command,
    ]);
    session.fails(TIMED_OUT, &curl("jump", &["http://10.1.0.10/"]));
    assert!(rows(&session, "10.200.2.4").is_empty(), "nothing of it is new to the firewall");
    // Without the route both go straight.
    let route = "  - name: shared\n    addressPrefix: 10.200.2.0/24\n    nextHopType: VirtualAppliance\n    nextHopIpAddress: 10.200.1.4\n";
    apply(&session, &LAB.replace(route, ""));
    session.fails(REFUSED, &curl("jump", &["http://10.1.0.10/"]));
}

fn a_firewall_goes_with_its_connections_and_its_log() {
    let session = lab();
    let hold = "exec 3<>/dev/tcp/203.0.113.10/443; cat <&3 >/dev/null; echo ended";
    let mut held = session.command(&["exec", "web", "--", "bash", "-c", hold]);
    let held = Background::start(&mut held);
    let mut follower = session.command(&["firewall", "logs", "fw", "-f"]);
    let follower = Background::start(&mut follower);
    session.ok(&["exec", "web", "--", "ping", "-c1", "-W5", "10.9.0.10"]);
    logged(&session, "AZFWNetworkRule ICMP 10.1.0.10 10.9.0.10 Allow allow sites");
    session.fails(1, &["firewall", "logs", "other"]);
    session.ok(&["delete", "lab", "azure-firewall"]);
    let followed = follower.end();
    assert!(followed.status.success(), "{}", followed.stderr);
    let text = String::from_utf8(followed.stdout).expect("UTF-8");
    assert!(text.contains("allow/sites"), "{text}");
    drop(held);
    // A new one begins anew.
    apply(&session, LAB);
    assert!(rows(&session, "").is_empty());
    assert_eq!(session.ok(&["firewall", "logs"]).lines().count(), 1);
}

fn a_flood_is_logged_in_part() {
    let session = lab();
    let flood = "for i in $(seq 1500); do echo x >/dev/udp/203.0.113.10/9; done";
    session.ok(&["exec", "web", "--", "bash", "-c", flood]);
    let denied = "AZFWNetworkRule UDP 10.1.0.10 203.0.113.10 9 Deny Default Action";
    logged(&session, denied);
    assert!(rows(&session, denied).len() < 1000);
    session.ok(&["verify"]);
}
