//! Changing a running lab: pods that are not touched lose nothing meanwhile, and what somebody broke by hand is
//! found and mended.

use std::process::Stdio;

use fabric_tests::{Background, Session};
use nix::sys::signal::Signal;
use serde_json::Value;

pub const TESTS: [(&str, fn()); 7] = [
    ("kubenet_changes_under_traffic", || changes_under_traffic("{networkPlugin: kubenet}", "")),
    ("overlay_changes_under_traffic", || {
        changes_under_traffic("{networkPlugin: azure, networkPluginMode: overlay}", "");
    }),
    ("node_subnet_changes_under_traffic", || {
        changes_under_traffic("{networkPlugin: azure}", ", maxPods: 10");
    }),
    ("a_pod_subnet_has_a_route_table_of_its_own", a_pod_subnet_has_a_route_table_of_its_own),
    ("an_upgrade_goes_node_by_node", an_upgrade_goes_node_by_node),
    ("a_restarted_node_comes_back_as_it_was", a_restarted_node_comes_back_as_it_was),
    ("drift_is_named_and_mended", drift_is_named_and_mended),
];

/// Two nodes with a pod each that stays, and one that may go.
const LAB: &str = "\
apiVersion: fabric/v1
kind: Lab
metadata: {name: changing}
virtualNetworks:
- name: vnet
  addressPrefixes: [10.224.0.0/16]
  subnets:
  - {name: nodes, addressPrefix: 10.224.0.0/24}
  - {name: others, addressPrefix: 10.224.1.0/24}
managedClusters:
- name: aks
  networkProfile: PROFILE
  agentPoolProfiles:
  - {name: np, count: 2, scaleSet: aks-np-12345678-vmss, vnetSubnet: vnet/nodesFIELDS}
virtualMachines:
- {name: vm, subnet: vnet/others}
---
apiVersion: v1
kind: Pod
metadata: {name: goes, annotations: {fabricd/cluster: aks}}
spec: {nodeName: aks-np-12345678-vmss000000, containers: [{name: c, image: i}]}
---
apiVersion: v1
kind: Pod
metadata: {name: a, annotations: {fabricd/cluster: aks}}
spec: {nodeName: aks-np-12345678-vmss000000, containers: [{name: c, image: i}]}
---
apiVersion: v1
kind: Pod
metadata: {name: b, annotations: {fabricd/cluster: aks}}
spec: {nodeName: aks-np-12345678-vmss000001, containers: [{name: c, image: i}]}
";

/// Answers one client: counts its lines, which must come in order, and says so at the end.
const SERVER: &str = r#"
use IO::Socket::INET;
my $server = IO::Socket::INET->new(LocalPort => 7000, Listen => 1, ReuseAddr => 1) or die "listen: $!";
print STDERR "ready\n";
my $client = $server->accept or die "accept: $!";
my $next = 0;
while (my $line = <$client>) { chomp $line; die "line $line, not $next" if $line != $next; $next++; }
print "$next lines\n";
"#;

/// Sends numbered lines until it gets SIGTERM.
const CLIENT: &str = r#"
use IO::Socket::INET;
my $end = 0; $SIG{TERM} = sub { $end = 1 };
my $server = IO::Socket::INET->new(PeerAddr => $ARGV[0], PeerPort => 7000, Timeout => 5) or die "connect: $!";
$server->autoflush(1);
print STDERR "connected\n";
my $sent = 0;
until ($end) { print $server "$sent\n" or die "send: $!"; $sent++; select undef, undef, undef, 0.002; }
print "$sent lines\n";
"#;

fn lab(profile: &str, fields: &str) -> String {
    LAB.replace("PROFILE", profile).replace("FIELDS", fields)
}

/// Applies a lab from the standard input; gives what fabctl said.
fn apply(session: &Session, text: &str) -> String {
    let mut command = session.command(&["apply", "-f", "-"]);
    let mut apply = Background::start(command.stdin(Stdio::piped()));
    apply.write(text);
    let ended = apply.end();
    assert!(ended.status.success(), "{text}\n{}", ended.stderr);
    ended.text()
}

fn get(session: &Session, kind: &str) -> Vec<Value> {
    let list: Value = serde_json::from_str(&session.ok(&["get", kind, "-o", "json"])).expect("JSON");
    // kubectl's lists have items, az prints arrays.
    list["items"].as_array().or(list.as_array()).cloned().expect("a list")
}

fn pod_ip(session: &Session, name: &str) -> String {
    let pods = get(session, "pods");
    let pod = pods.iter().find(|pod| pod["metadata"]["name"] == name).expect("the pod");
    pod["status"]["podIP"].as_str().expect("an address").to_owned()
}

/// A ping and a TCP stream from a to b, until [`Traffic::end`] says that nothing was lost.
struct Traffic {
    ping: Background,
    server: Background,
    client: Background,
}

impl Traffic {
    fn start(session: &Session) -> Self {
        let server = ["exec", "b", "--", "perl", "-e", SERVER];
        let server = Background::start(&mut session.command(&server)).wait_for("ready", 1);
        let address = pod_ip(session, "b");
        let client = ["exec", "a", "--", "perl", "-e", CLIENT, &address];
        let client = Background::start(&mut session.command(&client)).wait_for("connected", 1);
        let ping = ["ping", "a", "b", "-i", "0.005", "-q"];
        Self { ping: Background::start(&mut session.command(&ping)), server, client }
    }

    fn end(self) {
        let ping = self.ping.interrupt().text();
        assert!(ping.contains(" 0% packet loss"), "{ping}");
        self.client.signal(Signal::SIGTERM);
        let sent = self.client.end();
        let received = self.server.end();
        assert_eq!(sent.text(), received.text(), "{}\n{}", sent.stderr, received.stderr);
        assert_ne!(received.text(), "0 lines\n");
    }
}

fn changes_under_traffic(profile: &str, fields: &str) {
    let session = Session::new();
    let first = lab(profile, fields);
    apply(&session, &first);
    // Neighbours of a new lab are found before it counts.
    session.ok(&["ping", "a", "b", "-c", "1"]);
    let (a, b) = (pod_ip(&session, "a"), pod_ip(&session, "b"));
    let traffic = Traffic::start(&session);

    session.ok(&["scale", "nodepool", "np", "--count", "4"]);
    assert_eq!(get(&session, "nodes").len(), 4);
    let (before, pods) = first.split_once("---\n").expect("pods");
    let (_, staying) = pods.split_once("---\n").expect("another pod");
    let without = format!("{before}---\n{staying}");
    apply(&session, &without);
    assert_eq!(get(&session, "pods").len(), 2);
    assert_eq!(get(&session, "nodes").len(), 2, "the file's count is back");
    let pool = "  - {name: two, count: 1, scaleSet: aks-two-12345678-vmss, vnetSubnet: vnet/nodesFIELDS}\n"
        .replace("FIELDS", fields);
    let with_pool = without.replace("virtualMachines:", &format!("{pool}virtualMachines:"));
    apply(&session, &with_pool);
    let with_table = with_pool
        .replace("addressPrefix: 10.224.1.0/24}", "addressPrefix: 10.224.1.0/24, routeTable: table}")
        .replace(
            "managedClusters:",
            "routeTables:\n- name: table\n  routes: [{name: nowhere, addressPrefix: 10.9.0.0/16, nextHopType: None}]\nmanagedClusters:",
        );
    apply(&session, &with_table);
    let peered = with_table
        .replace(
            "  subnets:\n  - {name: nodes",
            "  virtualNetworkPeerings: [{name: there, remoteVirtualNetwork: far}]\n  subnets:\n  - {name: nodes",
        )
        .replace(
            "routeTables:",
            "- name: far\n  addressPrefixes: [10.30.0.0/16]\n  subnets: [{name: far, addressPrefix: 10.30.0.0/24}]\n  virtualNetworkPeerings: [{name: back, remoteVirtualNetwork: vnet}]\nrouteTables:",
        )
        .replace("virtualMachines:", "virtualMachines:\n- {name: far, subnet: far/far}");
    apply(&session, &peered);
    session.ok(&["ping", "vm/vm", "vm/far", "-c", "1"]);
    let second = "- name: second\n  networkProfile: {networkPlugin: azure, networkPluginMode: overlay}\n  agentPoolProfiles: [{name: np, count: 1, vnetSubnet: far/far}]\nvirtualMachines:";
    apply(&session, &peered.replace("virtualMachines:", second));
    assert_eq!(get(&session, "clusters").len(), 2);
    apply(&session, &first);

    assert_eq!((pod_ip(&session, "a"), pod_ip(&session, "b")), (a, b));
    traffic.end();
    assert!(apply(&session, &first).contains("unchanged"));
}

fn a_pod_subnet_has_a_route_table_of_its_own() {
    let session = Session::new();
    let file = lab("{networkPlugin: azure}", ", podSubnet: vnet/pods").replace(
        "managedClusters:",
        "  - {name: pods, addressPrefix: 10.224.2.0/24, routeTable: table}\nrouteTables:\n- {name: table, routes: [{name: not-to-others, addressPrefix: 10.224.1.0/24, nextHopType: None}]}\nmanagedClusters:",
    );
    apply(&session, &file);
    session.ok(&["ping", "node/aks-np-12345678-vmss000000", "vm/vm", "-c", "1"]);
    session.ok(&["ping", "a", "b", "-c", "1"]);
    session.fails(1, &["ping", "a", "vm/vm", "-c", "1", "-W", "0.5"]);
    apply(&session, &file.replace(", routeTable: table", ""));
    session.ok(&["ping", "a", "vm/vm", "-c", "1"]);
}

fn an_upgrade_goes_node_by_node() {
    let session = Session::new();
    let deployment = "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  replicas: 4\n  selector: {matchLabels: {app: web}}\n  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: i}]}}\n";
    let file = lab("{networkPlugin: kubenet}", "") + deployment;
    apply(&session, &file);
    let output = session.fabctl(&["upgrade", "nodepool", "np", "--kubernetes-version", "1.31"]);
    assert!(output.status.success(), "{output:?}");
    let stages = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(
        stages.lines().filter(|line| !line.contains("fabricd")).collect::<Vec<_>>(),
        [
            "1 surge node in",
            "aks-np-12345678-vmss000000 is drained",
            "aks-np-12345678-vmss000000 is made anew",
            "aks-np-12345678-vmss000001 is drained",
            "aks-np-12345678-vmss000001 is made anew",
            "surge out",
        ]
    );
    let nodes = get(&session, "nodes");
    let versions: Vec<_> = nodes.iter().map(|node| &node["status"]["nodeInfo"]["kubeletVersion"]).collect();
    assert_eq!(versions, ["v1.31", "v1.31"]);
    assert_eq!(get(&session, "pods").len(), 7);
    session.ok(&["ping", "a", "b", "-c", "1"]);
    assert!(session.ok(&["verify"]).contains("as it should be"));
    let error = session.fails(1, &["upgrade", "nodepool", "nq"]);
    assert!(error.contains("there is no node pool `nq`; there is aks/np"), "{error}");
    let error = session.fails(1, &["upgrade", "nodepool", "np", "-k", "1.31; id"]);
    assert!(error.contains("cannot change `orchestratorVersion`"), "{error}");
}

fn a_restarted_node_comes_back_as_it_was() {
    let session = Session::new();
    apply(&session, &lab("{networkPlugin: kubenet}", ""));
    let node = "node/aks-np-12345678-vmss000001";
    let addresses = session.ok(&["exec", node, "--", "ip", "-br", "addr"]);
    session.ok(&["exec", node, "--", "ip", "link", "add", "by-hand", "type", "bridge"]);
    session.ok(&["restart", "node", "aks-np-12345678-vmss000001"]);
    assert_eq!(session.ok(&["exec", node, "--", "ip", "-br", "addr"]), addresses);
    session.ok(&["ping", "a", "b", "-c", "1"]);
    let error = session.fails(1, &["restart", "node", "nobody"]);
    assert!(error.contains("lab `changing` has no AKS node `nobody`"), "{error}");
}

fn drift_is_named_and_mended() {
    let session = Session::new();
    apply(&session, &lab("{networkPlugin: kubenet}", ""));
    assert!(session.ok(&["verify"]).contains("lab/changing: as it should be"));
    let (node, host) = ("node/aks-np-12345678-vmss000000", "host/aks-np-12345678-vmss000001");
    session.ok(&["exec", node, "--", "ip", "link", "set", "cbr0", "down"]);
    session.ok(&["exec", host, "--", "ip", "route", "del", "10.244.0.0/24"]);
    session.ok(&["exec", node, "--", "iptables", "-t", "nat", "-F"]);
    let output = session.fabctl(&["verify", "-o", "json"]);
    assert_eq!(output.status.code(), Some(1));
    let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let found: Vec<String> = found["differences"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| format!("{} {} {}", it["difference"], it["place"], it["object"]).replace('"', ""))
        .collect();
    for wanted in [
        format!("missing {host} route 10.244.0.0/24 via 10.224.0.4"),
        format!("missing {node} up cbr0"),
        format!("changed {node} iptables"),
    ] {
        assert!(found.iter().any(|line| line.starts_with(&wanted)), "{wanted}: {found:#?}");
    }
    session.fabctl(&["ping", "b", "a", "-c", "1", "-W", "0.2"]);
    assert!(session.ok(&["verify", "--repair"]).contains("mended"));
    assert!(session.ok(&["verify"]).contains("as it should be"));
    session.ok(&["ping", "a", "b", "-c", "1"]);
}
