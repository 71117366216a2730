//! Clusters behind an HTTP proxy, and the program on the VM that is one.

use std::{fs, path::PathBuf};

use fabric_tests::{Background, Process, Residue, Session, wait_until};
use nix::sys::signal::Signal;

pub const TESTS: [(&str, fn()); 4] = [
    ("pods_use_the_proxy_of_their_cluster", pods_use_the_proxy_of_their_cluster),
    ("a_proxy_logs_whom_it_serves", a_proxy_logs_whom_it_serves),
    ("a_proxy_changes_and_goes_with_its_lab", a_proxy_changes_and_goes_with_its_lab),
    ("a_proxy_dies_with_the_daemon", a_proxy_dies_with_the_daemon),
];

/// An overlay cluster behind a proxy, and one in the nodes' subnet. Nobody serves the ports that are asked, so
/// a proxy answers 500 where a direct connection is refused.
const LAB: &str = "\
apiVersion: fabric/v1
kind: Lab
metadata: {name: behind}
virtualNetworks:
- name: vnet
  addressPrefixes: [10.224.0.0/12]
  subnets:
  - {name: overlay, addressPrefix: 10.224.0.0/24}
  - {name: flat, addressPrefix: 10.224.1.0/24}
  - {name: proxies, addressPrefix: 10.224.2.0/24}
  - {name: GatewaySubnet, addressPrefix: 10.226.0.0/27}
managedClusters:
- name: overlay
  networkProfile: {networkPlugin: azure, networkPluginMode: overlay}
  httpProxyConfig: {httpProxy: 'http://10.224.2.10:3128/', noProxy: [10.1.2.4, 10.1.3.0/24]}
  agentPoolProfiles: [{name: a, count: 1, vnetSubnet: vnet/overlay, scaleSet: aks-a-1-vmss}]
- name: flat
  networkProfile: {networkPlugin: azure}
  httpProxyConfig: {httpProxy: 'http://10.224.2.10:3128/'}
  agentPoolProfiles: [{name: b, count: 1, vnetSubnet: vnet/flat, scaleSet: aks-b-1-vmss}]
virtualMachines:
- {name: proxy, subnet: vnet/proxies, privateIPAddress: 10.224.2.10, httpProxy: {}}
virtualNetworkGateways:
- {name: vpn, virtualNetwork: vnet}
onPremises:
- name: datacenter
  addressPrefixes: [10.1.0.0/16]
  virtualNetworkGateway: vpn
  machines:
  - {name: server, privateIPAddress: 10.1.2.3}
  - {name: direct, privateIPAddress: 10.1.2.4}
  - {name: near, privateIPAddress: 10.1.3.4}
---
apiVersion: v1
kind: Pod
metadata: {name: client, annotations: {fabricd/cluster: overlay}}
spec: {containers: [{name: shell, image: busybox, env: [{name: GREETING, value: $HOME}]}]}
---
apiVersion: v1
kind: Pod
metadata:
  name: out
  annotations: {fabricd/cluster: overlay, kubernetes.azure.com/no-http-proxy-vars: 'true'}
spec: {containers: [{name: shell, image: busybox}]}
---
apiVersion: v1
kind: Pod
metadata: {name: flat, annotations: {fabricd/cluster: flat, fabricd/pod-ip: 10.224.1.9}}
spec: {containers: [{name: shell, image: busybox}]}
";

fn write(session: &Session, text: &str) -> PathBuf {
    let path = session.folder().join("behind.yaml");
    fs::write(&path, text).expect("a file");
    path
}

fn apply(session: &Session, text: &str) -> String {
    let path = write(session, text);
    session.ok(&["apply", "-f", path.to_str().expect("UTF-8")])
}

/// curl's exit code, and what it prints of the answer's code and of who answered.
fn curl(session: &Session, place: &str, url: &str) -> (Option<i32>, String) {
    let format = "%{http_code} %{remote_ip}";
    let curl = ["exec", place, "--", "curl", "-s", "-m", "15", "-o", "/dev/null", "-w", format, url];
    let output = session.fabctl(&curl);
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The proxy's processes, on the machine's side of all namespaces.
fn proxies(session: &Session) -> Vec<Process> {
    let all = Process::tree(session.daemon_pid()).into_iter();
    all.filter(|process| process.command.contains("tinyproxy-fabric.conf")).collect()
}

/// A process that has closed its files is there for a moment more.
fn gone(processes: &[Process]) {
    wait_until("they have gone", || !processes.iter().any(Process::is_alive));
}

const SERVED: (Option<i32>, &str) = (Some(0), "500 10.224.2.10");
const REFUSED: (Option<i32>, &str) = (Some(7), "000 ");

fn pods_use_the_proxy_of_their_cluster() {
    let session = Session::new();
    apply(&session, LAB);
    let environment = |place: &str| session.ok(&["exec", place, "--", "env"]);
    for place in ["client", "flat", "node/aks-a-1-vmss000000"] {
        let variables = environment(place);
        for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"] {
            assert!(
                variables.contains(&format!("{name}=http://10.224.2.10:3128/\n")),
                "{place}: {variables}"
            );
        }
        for name in ["NO_PROXY", "no_proxy"] {
            assert!(variables.contains(&format!("{name}=localhost,127.0.0.1,")), "{place}: {variables}");
        }
    }
    assert!(environment("client").contains("GREETING=$HOME\n"), "no shell has seen it");
    for place in ["out", "vm/proxy", "machine/server"] {
        assert!(!environment(place).to_lowercase().contains("_proxy="), "{place}");
    }

    let asked = |place: &str, url: &str| curl(&session, place, url);
    let told = |(code, text): (Option<i32>, &str)| (code, text.to_owned());
    assert_eq!(asked("client", "http://10.1.2.3:4444/"), told(SERVED));
    assert_eq!(asked("flat", "http://10.1.2.4:4444/"), told(SERVED));
    // What is in noProxy, by address or by CIDR block, and who has opted out, goes straight there.
    assert_eq!(asked("client", "http://10.1.2.4:4444/").0, REFUSED.0);
    assert_eq!(asked("client", "http://10.1.3.4:4444/").0, REFUSED.0);
    assert_eq!(asked("out", "http://10.1.2.3:4444/").0, REFUSED.0);
    let log = session.ok(&["logs", "vm/proxy"]);
    assert_eq!(log.matches("Request (file descriptor").count(), 2, "{log}");
}

fn a_proxy_logs_whom_it_serves() {
    let session = Session::new();
    apply(&session, LAB);
    let follower = Background::start(&mut session.command(&["logs", "-f", "--tail", "0", "vm/proxy"]));
    curl(&session, "client", "http://10.1.2.3:4444/page");
    curl(&session, "flat", "https://10.1.2.3:4443/");
    let log = || session.ok(&["logs", "vm/proxy"]);
    wait_until("both requests are in the log", || log().matches("Request (file").count() == 2);
    let log = log();
    let line =
        |words: &str| log.lines().position(|line| line.contains(words)).unwrap_or_else(|| panic!("{log}"));
    // A pod of the overlay is seen as its node, one of the nodes' subnet as itself.
    let (first, second) = (line("): 10.224.0.4"), line("): 10.224.1.9"));
    let (get, connect) =
        (line("GET http://10.1.2.3:4444/page HTTP/1.1"), line("CONNECT 10.1.2.3:4443 HTTP/1.1"));
    assert!(first < get && get < second && second < connect, "{log}");
    assert_eq!(
        session.ok(&["logs", "vm/proxy", "--tail", "1"]),
        format!("{}\n", log.lines().last().expect("a line"))
    );

    let stderr = session.fails(1, &["logs", "client"]);
    assert!(stderr.contains("no program runs in pod/overlay/default/client"), "{stderr}");
    let stderr = session.fails(1, &["logs", "vm/proxy", "-c", "squid"]);
    assert!(stderr.contains("it has tinyproxy"), "{stderr}");

    // A follower hears what came after it, and ends with the lab.
    session.ok(&["delete", "lab", "behind"]);
    let heard = follower.end();
    assert!(heard.status.success(), "{}", heard.stderr);
    assert!(
        heard.text().contains("GET http://10.1.2.3:4444/page") && !heard.text().contains("Initializing"),
        "{}",
        heard.text()
    );
}

fn a_proxy_changes_and_goes_with_its_lab() {
    let session = Session::new();
    apply(&session, LAB);
    let first = proxies(&session);
    assert!(!first.is_empty());
    assert!(apply(&session, LAB).contains("unchanged"));
    assert!(first.iter().all(Process::is_alive), "it was not disturbed");

    // Killed by somebody, it comes again.
    let itself =
        first.iter().find(|process| process.command.starts_with("tinyproxy ")).expect("tinyproxy itself");
    itself.signal(Signal::SIGKILL);
    wait_until("it serves again", || curl(&session, "client", "http://10.1.2.3:4444/").1 == SERVED.1);
    assert!(session.ok(&["logs", "vm/proxy"]).contains("fabric: tinyproxy ended with exit code 137"));
    gone(&first);

    // Another port, at once.
    let second = proxies(&session);
    apply(&session, &LAB.replace("httpProxy: {}", "httpProxy: {port: 8080}"));
    gone(&second);
    assert_eq!(curl(&session, "client", "http://10.1.2.3:4444/").0, Some(7), "nobody at the old port");
    apply(&session, &LAB.replace("httpProxy: {}", "httpProxy: {port: 8080}").replace(":3128/", ":8080/"));
    assert_eq!(curl(&session, "client", "http://10.1.2.3:4444/").1, SERVED.1);

    // A VM that is stopped runs nothing.
    let third = proxies(&session);
    session.ok(&["node", "stop", "vm/proxy"]);
    gone(&third);
    session.ok(&["node", "start", "vm/proxy"]);
    assert_eq!(proxies(&session).len(), third.len());

    let fourth = proxies(&session);
    session.ok(&["delete", "lab", "behind"]);
    gone(&fourth);
    assert!(proxies(&session).is_empty());
}

fn a_proxy_dies_with_the_daemon() {
    let session = Session::new();
    let before = Residue::now();
    apply(&session, LAB);
    let processes = proxies(&session);
    assert!(!processes.is_empty());
    let daemon = Process::tree(session.daemon_pid()).into_iter().next().expect("the daemon");
    daemon.signal(Signal::SIGKILL);
    gone(&processes);
    wait_until("nothing is left", || Residue::processes(session.folder()).is_empty());
    assert_eq!(Residue::now(), before);
}
