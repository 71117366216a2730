//! Servers on the internet and machines on premises answer, and leave nothing.

use std::{
    fs,
    process::{Command, Stdio},
};

use fabric_tests::{Background, Process, Session, labs, wait_until};

pub const TESTS: [(&str, fn()); 3] = [
    ("servers_say_whom_they_see", servers_say_whom_they_see),
    ("who_is_connected_to_what_goes_is_reset", who_is_connected_to_what_goes_is_reset),
    ("without_room_for_files_new_clients_are_refused", without_room_for_files_new_clients_are_refused),
];

fn kubenet() -> Session {
    let session = Session::new();
    session.ok(&["apply", "-f", "kubenet"]);
    session
}

/// The process that serves: a private daemon is below a supervisor and an init.
fn daemon(session: &Session) -> i32 {
    Process::tree(session.daemon_pid()).get(2).expect("supervisor, init, daemon").pid()
}

fn open_files(daemon: i32) -> usize {
    fs::read_dir(format!("/proc/{daemon}/fd")).expect("the daemon").count()
}

/// What `curl` prints at a place.
fn curl(session: &Session, place: &str, arguments: &[&str]) -> String {
    session.ok(&[&["exec", place, "--", "curl", "-sS", "-m", "10"], arguments].concat())
}

/// `ADDRESS:PORT` of the line that says whom a server has seen.
fn client(answer: &str) -> (&str, u16) {
    let line = answer.lines().find_map(|line| line.strip_prefix("client: ").or(line.strip_prefix("client ")));
    let (address, port) = line.and_then(|client| client.rsplit_once(':')).expect("a client");
    (address, port.parse().expect("a port"))
}

fn servers_say_whom_they_see() {
    let session = kubenet();
    let pod = session.ok(&["get", "pod", "a", "-o", "json"]);
    let pod: serde_json::Value = serde_json::from_str(&pod).expect("JSON");
    let pod = pod["status"]["podIP"].as_str().expect("an address").to_owned();

    let answer = curl(&session, "a", &["http://203.0.113.10/x"]);
    let (address, port) = client(&answer);
    assert_ne!(address, pod, "it is behind a translation");
    assert_eq!(
        answer,
        format!(
            "server: example-com 203.0.113.10:80\nclient: {address}:{port}\nrequest: GET /x HTTP/1.1\nhost: 203.0.113.10\n"
        )
    );
    let json = curl(&session, "a", &["-H", "Accept: application/json", "http://203.0.113.20"]);
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["server"], "example-org 203.0.113.20:80");
    assert!(json["client"].as_str().expect("a string").starts_with(&format!("{address}:")), "{json}");
    let named = ["-k", "--resolve", "www.example.com:443:203.0.113.10", "https://www.example.com"];
    let answer = curl(&session, "a", &named);
    assert!(answer.ends_with("host: www.example.com\ntls-server-name: www.example.com\n"), "{answer}");
    assert_eq!(client(&answer).0, address);
    // Nobody has signed it.
    session.fails(60, &["exec", "a", "--", "curl", "-sS", "-m", "10", "https://203.0.113.10"]);

    for (transport, server) in
        [("tcp", "203.0.113.10"), ("udp", "203.0.113.10"), ("tcp", "10.1.2.3"), ("udp", "10.1.2.3")]
    {
        let script = format!("exec 3<>/dev/{transport}/{server}/7; echo mine >&3; timeout 10 head -n 2 <&3");
        let answer = session.ok(&["exec", "a", "--", "bash", "-c", &script]);
        assert!(answer.ends_with("\nmine\n"), "{transport} {server}: {answer}");
        // On premises the node's own address arrives, on the internet a public one.
        let seen = client(&answer).0;
        assert_eq!(seen == address, server == "203.0.113.10", "{transport} {server}: {answer}");
    }
    // A machine is told of itself too, and no process is there that does it.
    let answer = curl(&session, "machine/server", &["http://10.1.2.3"]);
    assert_eq!(client(&answer).0, "10.1.2.3");
    let sockets = session.ok(&["exec", "server/example-com", "--", "ss", "-Hltunp"]);
    assert_eq!(sockets.lines().count(), 4, "{sockets}");
    assert!(!sockets.contains("users:"), "{sockets}");
}

fn who_is_connected_to_what_goes_is_reset() {
    let session = kubenet();
    let daemon = daemon(&session);
    let with_server = open_files(daemon);
    // 20 connections to each of two servers, held until their end.
    let script = "for i in {1..20}; do exec {com}<>/dev/tcp/203.0.113.10/7 {org}<>/dev/tcp/203.0.113.20/7; \
                  read -u $com line; read -u $org line; done; echo held >&2; cat <&$org; echo gone >&2; cat <&$com";
    let holder = ["exec", "a", "--", "bash", "-c", script];
    let holder = Background::start(&mut session.command(&holder)).wait_for("held", 1);
    assert!(open_files(daemon) >= with_server + 40, "each connection is one");

    let lab = fs::read_to_string(labs().join("kubenet/lab.yaml")).expect("the lab");
    let internet = "internet:\n  servers:\n  - {name: example-com, ipAddress: 203.0.113.10, fqdns: [example.com, www.example.com]}\nvirtualNetworks:";
    let lab = lab.replacen("virtualNetworks:", internet, 1);
    let file = session.folder().join("lab.yaml");
    fs::write(&file, lab).expect("a file");
    session.ok(&["apply", "-f", file.to_str().expect("UTF-8")]);
    let holder = holder.wait_for("gone", 1);
    // Four sockets and twenty connections are no more; the other server's are.
    wait_until("they are closed", || open_files(daemon) < with_server + 40);
    assert!(open_files(daemon) >= with_server + 20 - 4);

    session.ok(&["delete", "lab", "kubenet"]);
    assert!(!holder.end().status.success());
    let names = format!("/proc/{daemon}/root/run/netns");
    assert_eq!(fs::read_dir(names).expect("the daemon's").count(), 0);
    // Without the other server's four and the machine's three.
    wait_until("all is closed", || open_files(daemon) <= with_server - 11);
}

fn without_room_for_files_new_clients_are_refused() {
    let session = kubenet();
    let daemon = daemon(&session);
    // What is asked for and how it went are on standard input and output: no more files are needed for them.
    let script = "echo ready >&2; read go; n=0; for i in {1..200}; do \
                  exec {fd}<>/dev/tcp/203.0.113.10/7 && read -u $fd line && ((++n)); done 2>/dev/null; \
                  echo greeted $n; echo tried >&2; read end";
    let mut holder = session.command(&["exec", "-i", "a", "--", "bash", "-c", script]);
    let mut holder = Background::start(holder.stdin(Stdio::piped())).wait_for("ready", 1);
    let limit = |files: usize| {
        let argument = format!("--nofile={files}:");
        let prlimit = Command::new("prlimit").args(["--pid", &daemon.to_string(), &argument]).status();
        assert!(prlimit.expect("it is part of util-linux").success());
    };
    limit(open_files(daemon) + 30);
    holder.write("go\n");
    let mut holder = holder.wait_for("tried", 1);
    holder.write("end\n");
    let ended = holder.end();
    let greeted = ended.text().trim().strip_prefix("greeted ").expect("a number").parse::<usize>();
    // 30, but for files that come and go meanwhile.
    assert!((1..=40).contains(&greeted.expect("a number")), "{}", ended.text());
    limit(1024);
    // It lives, and answers.
    assert_eq!(self::daemon(&session), daemon);
    assert_eq!(client(&curl(&session, "machine/server", &["http://10.1.2.3"])).0, "10.1.2.3");
}
