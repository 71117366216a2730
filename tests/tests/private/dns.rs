//! Names, as programs in places look them up: by CoreDNS, Azure DNS and servers of one's own.

use std::{fs, path::PathBuf};

use fabric_tests::Session;

pub const TESTS: [(&str, fn()); 3] = [
    ("dns_every_place_knows_names", every_place_knows_names),
    ("dns_of_ones_own_is_asked_and_asks_azure", dns_of_ones_own_is_asked_and_asks_azure),
    ("dns_names_follow_the_lab", names_follow_the_lab),
];

/// An overlay cluster, one in its nodes' subnet whose VNet has a DNS server of its own, and a site with another.
const LAB: &str = "\
apiVersion: fabric/v1
kind: Lab
metadata: {name: names}
virtualNetworks:
- name: vnet
  addressPrefixes: [10.224.0.0/16]
  subnets:
  - {name: aks, addressPrefix: 10.224.0.0/24}
- name: hub
  addressPrefixes: [10.225.0.0/16]
  dhcpOptions: {dnsServers: [10.225.1.4]}
  subnets:
  - {name: aks, addressPrefix: 10.225.0.0/24}
  - {name: vms, addressPrefix: 10.225.1.0/24}
  - {name: GatewaySubnet, addressPrefix: 10.225.2.0/27}
virtualNetworkGateways:
- {name: vpn, virtualNetwork: hub}
onPremises:
- name: office
  addressPrefixes: [192.168.0.0/24]
  virtualNetworkGateway: vpn
  machines:
  - {name: desk, privateIPAddress: 192.168.0.10}
  - name: ns
    privateIPAddress: 192.168.0.53
    dnsServer:
      forwarders: [10.225.1.4]
      zones: [{name: office.example, recordSets: [{name: desk, type: A, values: [192.168.0.10]}]}]
virtualMachines:
- {name: vm, subnet: vnet/aks, privateIPAddress: 10.224.0.50}
- name: dns
  subnet: hub/vms
  privateIPAddress: 10.225.1.4
  dnsServer:
    forwarders: [168.63.129.16]
    zones: [{name: corp.example, recordSets: [{name: db, type: A, values: [192.168.0.20]}]}]
privateDnsZones:
- name: corp.internal
  virtualNetworkLinks: [{virtualNetwork: vnet, registrationEnabled: true}, {virtualNetwork: hub}]
  recordSets:
  - {name: db, type: A, values: [10.224.0.60]}
internet:
  servers:
  - {name: example-com, ipAddress: 203.0.113.10, fqdns: [example.com]}
managedClusters:
- name: over
  networkProfile: {networkPlugin: azure, networkPluginMode: overlay}
  agentPoolProfiles: [{name: a, count: 1, vnetSubnet: vnet/aks, scaleSet: aks-a-1-vmss}]
- name: flat
  networkProfile: {networkPlugin: azure}
  agentPoolProfiles: [{name: b, count: 1, vnetSubnet: hub/aks, scaleSet: aks-b-1-vmss}]
---
apiVersion: v1
kind: Pod
metadata: {name: a, labels: {app: a}, annotations: {fabricd/cluster: over}}
spec: {containers: [{name: a, image: a}]}
---
apiVersion: v1
kind: Pod
metadata: {name: b, annotations: {fabricd/cluster: flat}}
spec: {containers: [{name: a, image: a}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, annotations: {fabricd/cluster: over}}
spec: {clusterIP: 10.0.0.80, selector: {app: a}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: ext, annotations: {fabricd/cluster: over}}
spec: {type: ExternalName, externalName: example.com}
";

fn apply(session: &Session, text: &str) {
    let path: PathBuf = session.folder().join("names.yaml");
    fs::write(&path, text).expect("a file");
    session.ok(&["apply", "-f", path.to_str().expect("UTF-8")]);
}

/// The address of a pod of CoreDNS.
fn coredns(session: &Session, cluster: &str) -> String {
    let pods = session.ok(&["get", "pods", "-n", "kube-system", "-o", "json"]);
    let pods: serde_json::Value = serde_json::from_str(&pods).expect("JSON");
    let of = |pod: &&serde_json::Value| pod["metadata"]["annotations"]["fabricd/cluster"] == cluster;
    let pod = pods["items"].as_array().expect("a list").iter().find(of).expect("CoreDNS");
    pod["status"]["podIP"].as_str().expect("an address").to_owned()
}

/// What `getent hosts` prints, on one line with single spaces.
fn getent(session: &Session, place: &str, name: &str) -> String {
    let text = session.ok(&["exec", place, "--", "getent", "hosts", name]);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn has_dig(session: &Session) -> bool {
    session.fabctl(&["exec", "vm/vm", "--", "dig", "-v"]).status.success()
}

fn every_place_knows_names() {
    let session = Session::new();
    apply(&session, LAB);
    let node = "node/aks-a-1-vmss000000";
    // By the search domain, over real packets to 168.63.129.16.
    assert!(getent(&session, node, "vm").starts_with("10.224.0.50 vm."));
    assert!(getent(&session, "vm/vm", "aks-a-1-vmss000000").starts_with("10.224.0.4 aks-a-1-vmss000000."));
    assert_eq!(getent(&session, node, "example.com"), "203.0.113.10 example.com");
    assert_eq!(getent(&session, node, "db.corp.internal"), "10.224.0.60 db.corp.internal");
    assert_eq!(getent(&session, node, "10.224.0.4"), "10.224.0.4 aks-a-1-vmss000000.corp.internal");
    session.fails(2, &["exec", node, "--", "getent", "hosts", "nowhere.example"]);
    let hosts = session.ok(&["exec", node, "--", "cat", "/etc/hosts"]);
    assert!(!hosts.contains("10.224.0.50") && !hosts.contains("example.com"), "{hosts}");

    // By the cluster's DNS service IP, which kube-proxy leads to CoreDNS.
    assert_eq!(getent(&session, "a", "web"), "10.0.0.80 web.default.svc.cluster.local");
    assert_eq!(getent(&session, "a", "ext"), "203.0.113.10 example.com ext.default.svc.cluster.local");
    assert_eq!(getent(&session, "b", "kubernetes.default"), "10.0.0.1 kubernetes.default.svc.cluster.local");
    assert_eq!(getent(&session, "b", "db.corp.example"), "192.168.0.20 db.corp.example");
    session.fails(2, &["exec", "a", "--", "getent", "hosts", "nowhere.example"]);
    if !has_dig(&session) {
        return;
    }
    for (cluster, pod) in [("over", "a"), ("flat", "b")] {
        let server = format!("@{}", coredns(&session, cluster));
        let dig = |arguments: &[&str]| {
            let dig: &[&str] = &["exec", pod, "--", "dig", "+short", "+tries=1", &server];
            session.ok(&[dig, arguments].concat())
        };
        assert_eq!(dig(&["kubernetes.default.svc.cluster.local"]), "10.0.0.1\n");
        assert_eq!(dig(&["+tcp", "kube-dns.kube-system.svc.cluster.local"]), "10.0.0.10\n");
        // Beyond the cluster, by way of the node's own servers.
        assert_eq!(dig(&["example.com"]), "203.0.113.10\n");
        assert_eq!(dig(&["+tcp", "db.corp.internal"]), "10.224.0.60\n");
        assert_eq!(dig(&["-x", "10.0.0.1"]), "kubernetes.default.svc.cluster.local.\n");
        assert_eq!(dig(&["nowhere.example"]), "");
    }
    let server = format!("@{}", coredns(&session, "over"));
    let text = session.ok(&["exec", "a", "--", "dig", &server, "ext.default.svc.cluster.local"]);
    for words in ["CNAME\texample.com.", "example.com.\t\t300\tIN\tA\t203.0.113.10", "status: NOERROR"] {
        assert!(text.contains(words), "{text}");
    }
}

fn dns_of_ones_own_is_asked_and_asks_azure() {
    let session = Session::new();
    apply(&session, LAB);
    let node = "node/aks-b-1-vmss000000";
    assert_eq!(
        session.ok(&["exec", node, "--", "cat", "/etc/resolv.conf"]),
        "nameserver 10.225.1.4\nsearch reddog.microsoft.com\n"
    );
    assert_eq!(getent(&session, node, "db.corp.example"), "192.168.0.20 db.corp.example");
    assert_eq!(getent(&session, node, "example.com"), "203.0.113.10 example.com");
    // Two servers on the way, one of them on premises.
    assert_eq!(getent(&session, "machine/desk", "db.corp.internal"), "10.224.0.60 db.corp.internal");
    assert_eq!(getent(&session, "machine/desk", "desk.office.example"), "192.168.0.10 desk.office.example");
    // What the VNet's own server does not know, Azure's does not know either.
    session.fails(2, &["exec", node, "--", "getent", "hosts", "vm"]);
}

fn names_follow_the_lab() {
    let session = Session::new();
    apply(&session, LAB);
    if !has_dig(&session) {
        return;
    }
    let server = format!("@{}", coredns(&session, "over"));
    let web = || session.ok(&["exec", "a", "--", "dig", "+short", &server, "web.default.svc.cluster.local"]);
    assert_eq!(web(), "10.0.0.80\n");
    apply(&session, &LAB.replace("clusterIP: 10.0.0.80", "clusterIP: None"));
    assert!(web().starts_with("10.244."), "{}", web());
    let without = LAB.split("---\n").filter(|document| !document.contains("name: web"));
    apply(&session, &without.collect::<Vec<_>>().join("---\n"));
    assert_eq!(web(), "");
}
