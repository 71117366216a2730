//! What is typed to change workloads and to ask them: `scale deployment`, `expose`, `pod --ready`, `curl`.

use std::fs;

use fabric_tests::{Background, Process, Session, wait_until};
use nix::sys::signal::Signal;
use serde_json::Value;

pub const TESTS: [(&str, fn()); 4] = [
    ("deployments_are_exposed_scaled_and_switched", deployments_are_exposed_scaled_and_switched),
    ("curl_prints_an_answer_or_counts_them", curl_prints_an_answer_or_counts_them),
    ("a_services_pods_answer_in_turn", a_services_pods_answer_in_turn),
    ("an_interrupt_ends_curl_with_what_was_counted", an_interrupt_ends_curl_with_what_was_counted),
];

const LAB: &str = "\
apiVersion: fabric/v1
kind: Lab
metadata: {name: shop}
managedClusters:
- name: aks
  agentPoolProfiles: [{name: pool, count: 2}]
internet:
  servers:
  - {name: example-com, ipAddress: 203.0.113.10, fqdns: [example.com]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: nginx, ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec: {containers: [{name: shell, image: busybox}]}
";

fn shop() -> Session {
    let session = Session::new();
    let file = session.folder().join("lab.yaml");
    fs::write(&file, LAB).expect("a file");
    session.ok(&["apply", "-f", file.to_str().expect("UTF-8")]);
    session
}

fn json(session: &Session, arguments: &[&str]) -> Value {
    serde_json::from_str(&session.ok(&[arguments, &["-o", "json"]].concat())).expect("JSON")
}

fn deployments_are_exposed_scaled_and_switched() {
    let session = shop();
    let planned = session.ok(&["expose", "deployment/web", "--port", "80", "--dry-run"]);
    assert!(planned.contains("service/web: ") && planned.ends_with("(dry run)\n"), "{planned}");
    session.ok(&["expose", "deployment/web", "--port", "80", "--type", "LoadBalancer"]);
    let service = json(&session, &["get", "svc", "web"]);
    assert_eq!(service["spec"]["type"], "LoadBalancer");
    let address = service["status"]["loadBalancer"]["ingress"][0]["ip"].as_str().expect("an address");
    let balancers = session.ok(&["get", "lb", "-o", "wide"]);
    assert!(balancers.contains(&format!("{address}:80/Tcp")), "{balancers}");
    let taken = session.fails(1, &["expose", "deployment", "web", "--port", "81"]);
    assert!(taken.contains("a Service `web` exists already"), "{taken}");

    session.ok(&["scale", "--replicas", "4", "deployment/web"]);
    let deployments = session.ok(&["get", "deploy,rs", "--no-headers"]);
    assert!(deployments.contains("4/4"), "{deployments}");
    let pods = json(&session, &["get", "pods"]);
    let pods: Vec<&str> = pods["items"]
        .as_array()
        .expect("pods")
        .iter()
        .filter_map(|pod| pod["metadata"]["name"].as_str())
        .collect();
    let web = pods.iter().find(|name| name.starts_with("web-")).expect("a pod");
    session.ok(&["pod", web, "--ready=false"]);
    let shown = session.ok(&["get", "pod", web, "--no-headers"]);
    assert!(shown.contains("0/1"), "{shown}");
    let described = session.ok(&["describe", "svc", "web"]);
    assert!(
        described.contains("Endpoints:") && !described.contains("more..."),
        "three are ready: {described}"
    );
    session.ok(&["pod", web, "--ready=true"]);
    let described = session.ok(&["describe", "svc", "web"]);
    assert!(described.contains(" + 1 more..."), "{described}");
    let events = session.ok(&["events", "--no-follow"]);
    for reason in ["ScalingReplicaSet", "EndpointsChanged", "Unhealthy", "Ready"] {
        assert!(events.contains(reason), "{reason} is not in {events}");
    }
    // The file itself has none of it.
    let file = session.folder().join("lab.yaml");
    session.ok(&["apply", "-f", file.to_str().expect("UTF-8")]);
    session.fails(1, &["get", "svc", "web"]);
    assert_eq!(json(&session, &["get", "deploy", "web"])["spec"]["replicas"], 2);
}

fn curl_prints_an_answer_or_counts_them() {
    let session = shop();
    let answer = session.ok(&["curl", "client", "http://203.0.113.10/x"]);
    assert!(answer.starts_with("server: example-com 203.0.113.10:80\n"), "{answer}");
    let headers = session.ok(&["curl", "client", "-i", "-H", "Host: example.com", "203.0.113.10"]);
    assert!(headers.starts_with("HTTP/1.1 200 OK") && headers.contains("host: example.com\n"), "{headers}");
    let named = ["curl", "client", "-k", "--resolve", "example.com:443:203.0.113.10", "https://example.com"];
    assert!(session.ok(&named).contains("tls-server-name: example.com"), "by TLS");

    assert_eq!(
        session.ok(&["curl", "client", "http://203.0.113.10", "--count", "5"]),
        "POD           REQUESTS\nexample-com   5\n"
    );
    let tally = json(&session, &["curl", "client", "http://203.0.113.10", "-c", "3", "--by", "client"]);
    assert_eq!(tally["answers"][0]["requests"], 3);
    assert_eq!(tally["answers"][0]["client"].as_str().map(|client| client.contains(':')), Some(false));

    let pods = json(&session, &["get", "pods"]);
    let web = pods["items"].as_array().expect("pods").last().expect("a pod").clone();
    let (name, node) = (&web["metadata"]["name"], &web["spec"]["nodeName"]);
    let url = format!("http://{}", web["status"]["podIP"].as_str().expect("an address"));
    let by = |by: &str| json(&session, &["curl", "client", &url, "-c", "2", "--by", by])["answers"].clone();
    assert_eq!(by("pod"), serde_json::json!([{ "pod": name, "requests": 2 }]));
    assert_eq!(by("node"), serde_json::json!([{ "node": node, "requests": 2 }]));

    // Nobody listens there, and nobody is there at all.
    let refused = session.fabctl(&["curl", "client", "http://203.0.113.10:81", "--count", "2"]);
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&refused.stdout),
        "POD                    REQUESTS\n(connection refused)   2\n"
    );
    let lost =
        ["curl", "client", "http://203.0.113.99", "--connect-timeout", "300ms", "-c", "1", "-o", "json"];
    let lost = session.fabctl(&lost);
    assert_eq!(lost.status.code(), Some(1));
    let lost: Value = serde_json::from_slice(&lost.stdout).expect("JSON");
    assert_eq!(lost["answers"], Value::Array(vec![]), "{lost}");
    // One request ends as curl does.
    session.fails(7, &["curl", "client", "http://203.0.113.10:81"]);
    session.fails(28, &["curl", "client", "http://10.224.0.99", "--max-time", "300ms"]);
}

/// By its cluster IP, from a pod: both pods answer, and who is not ready is not asked.
fn a_services_pods_answer_in_turn() {
    let session = shop();
    session.ok(&["expose", "deployment/web", "--port", "8080", "--target-port", "80"]);
    let address =
        json(&session, &["get", "svc", "web"])["spec"]["clusterIP"].as_str().expect("one").to_owned();
    let url = format!("http://{address}:8080");
    let tally = json(&session, &["curl", "client", &url, "--count", "40"]);
    assert_eq!(tally["failures"], serde_json::json!([]), "{tally}");
    let answers = tally["answers"].as_array().expect("a list");
    // Two pods, each by chance: with 40 requests one alone answers once in 2^39.
    assert_eq!(answers.len(), 2, "{tally}");
    let first = answers[0]["pod"].as_str().expect("a name");
    session.ok(&["pod", first, "--ready=false"]);
    let second = answers[1]["pod"].as_str().expect("a name");
    let table = session.ok(&["curl", "client", &url, "--count", "20"]);
    assert!(table.starts_with("POD ") && table.contains(&format!("{second}   20\n")), "{table}");
    session.ok(&["pod", second, "--ready=false"]);
    let nobody = session.fabctl(&["curl", "client", &url, "--count", "2"]);
    assert!(String::from_utf8_lossy(&nobody.stdout).contains("(connection refused)   2\n"), "{nobody:?}");
}

fn an_interrupt_ends_curl_with_what_was_counted() {
    let session = shop();
    // A server that takes the connection and says nothing.
    let silent = "exec perl -MIO::Socket::INET -e '$s=IO::Socket::INET->new(LocalPort=>8080,Listen=>9,ReuseAddr=>1) or die; \
                  print STDERR qq(ready\\n); push @c,$s->accept and print STDERR qq(asked\\n) while 1'";
    let server = ["exec", "client", "--", "bash", "-c", silent];
    let server = Background::start(&mut session.command(&server)).wait_for("ready", 1);
    let address =
        json(&session, &["get", "pod", "client"])["status"]["podIP"].as_str().expect("one").to_owned();
    let url = format!("http://{address}:8080");
    let mut curl = session.command(&["curl", "client", &url, "--count", "100", "--max-time", "60s"]);
    let curl = Background::start(&mut curl);
    let _server = server.wait_for("asked", 1);
    curl.signal(Signal::SIGINT);
    let ended = curl.end();
    assert_eq!(ended.status.code(), Some(130));
    assert_eq!(ended.text(), "POD   REQUESTS\n");
    // Its program is gone too.
    let runs_curl =
        || Process::tree(session.daemon_pid()).iter().any(|it| it.command.contains("--max-time 60.000"));
    wait_until("curl is gone", || !runs_curl());
}
