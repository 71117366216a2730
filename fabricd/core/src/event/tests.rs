use super::*;
use crate::{
    spec::{Source, load},
    topology::Topology,
};

fn topology(text: &str) -> Topology {
    let source = Source { name: "lab.yaml".into(), text: text.to_owned() };
    load(&[source]).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"))
}

/// What is told about the change of one lab file into another, a line an event.
fn told(before: &str, after: &str) -> String {
    let events = difference(&topology(before), &topology(after));
    let line = |event: &Event| {
        let Object { kind, namespace, name } = &event.object;
        let namespace = namespace.as_ref().map(|name| format!("{name}/")).unwrap_or_default();
        format!("{}/{namespace}{name} {}: {}\n", kind.singular(), event.reason, event.message)
    };
    events.iter().map(line).collect()
}

const HEAD: &str = "apiVersion: fabric/v1\nkind: Lab\nmetadata: {name: lab}\n";

fn networks(peerings: &str, subnet: &str, tables: &str) -> String {
    format!(
        "{HEAD}virtualNetworks:\n- name: hub\n  addressPrefixes: [10.0.0.0/16]\n  subnets:\n  \
         - {{name: work, addressPrefix: 10.0.1.0/24{subnet}}}\n  virtualNetworkPeerings: \
         [{{name: to-spoke, remoteVirtualNetwork: spoke}}]\n- name: spoke\n  addressPrefixes: [10.1.0.0/16]\n  \
         subnets: [{{name: work, addressPrefix: 10.1.0.0/24}}]\n  virtualNetworkPeerings: [{peerings}]\n\
         routeTables:\n{tables}"
    )
}

fn kubenet(pools: &str, pods: &[(&str, &str, &str)]) -> String {
    let pod = |(name, node, address): &(&str, &str, &str)| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, annotations: {{fabricd/pod-ip: {address}}}}}\n\
             spec: {{nodeName: aks-a-1-vmss00000{node}, containers: [{{name: a, image: a}}]}}\n"
        )
    };
    let pods: String = pods.iter().map(pod).collect();
    format!(
        "{HEAD}virtualNetworks: [{{name: vnet, addressPrefixes: [10.1.0.0/16], subnets: [{{name: s, addressPrefix: 10.1.0.0/24}}]}}]\n\
         managedClusters:\n- name: aks\n  networkProfile: {{networkPlugin: kubenet}}\n  \
         agentPoolProfiles: [{{name: a, scaleSet: aks-a-1-vmss, vnetSubnet: vnet/s, {pools}}}]\n{pods}"
    )
}

#[test]
fn nothing_is_told_of_what_stays() {
    let lab = kubenet("count: 2", &[("p", "0", "10.244.0.9")]);
    assert_eq!(told(&lab, &lab), "");
}

#[test]
fn nodes_and_pods_come_go_and_move() {
    let before =
        kubenet("count: 2", &[("a", "0", "10.244.0.9"), ("b", "0", "10.244.0.10"), ("c", "1", "10.244.1.9")]);
    let after = kubenet(
        "count: 3",
        &[("a", "1", "10.244.1.20"), ("b", "0", "10.244.0.11"), ("d", "2", "10.244.2.9")],
    );
    insta::assert_snapshot!(told(&before, &after), @"
    pod/default/c Removed: node aks-a-1-vmss000001, address 10.244.1.9
    route/aks-agentpool-95255588-routetable/aks-a-1-vmss000002____102442024 Added: address prefix 10.244.2.0/24, next hop VirtualAppliance 10.1.0.6
    agentpool/aks/a Changed: nodes 2 → 3
    node/aks-a-1-vmss000002 Added: subnet vnet/s, address 10.1.0.6, podCIDR 10.244.2.0/24, Kubernetes 1.30
    pod/default/a Moved: node aks-a-1-vmss000000 → aks-a-1-vmss000001, address 10.244.0.9 → 10.244.1.20
    pod/default/b Changed: address 10.244.0.10 → 10.244.0.11
    pod/default/d Added: node aks-a-1-vmss000002, address 10.244.2.9
    pod/kube-system/coredns-5ff54486cd-ff9l9 Moved: node aks-a-1-vmss000001 → aks-a-1-vmss000000, address 10.244.1.2 → 10.244.0.2
    pod/kube-system/coredns-5ff54486cd-6gb4x Moved: node aks-a-1-vmss000000 → aks-a-1-vmss000001, address 10.244.0.2 → 10.244.1.2
    ");
    insta::assert_snapshot!(told(&after, &before), @"
    pod/default/d Removed: node aks-a-1-vmss000002, address 10.244.2.9
    node/aks-a-1-vmss000002 Removed: subnet vnet/s, address 10.1.0.6, podCIDR 10.244.2.0/24, Kubernetes 1.30
    route/aks-agentpool-95255588-routetable/aks-a-1-vmss000002____102442024 Removed: address prefix 10.244.2.0/24, next hop VirtualAppliance 10.1.0.6
    agentpool/aks/a Changed: nodes 3 → 2
    pod/default/a Moved: node aks-a-1-vmss000001 → aks-a-1-vmss000000, address 10.244.1.20 → 10.244.0.9
    pod/default/b Changed: address 10.244.0.11 → 10.244.0.10
    pod/default/c Added: node aks-a-1-vmss000001, address 10.244.1.9
    pod/kube-system/coredns-5ff54486cd-ff9l9 Moved: node aks-a-1-vmss000000 → aks-a-1-vmss000001, address 10.244.0.2 → 10.244.1.2
    pod/kube-system/coredns-5ff54486cd-6gb4x Moved: node aks-a-1-vmss000001 → aks-a-1-vmss000000, address 10.244.1.2 → 10.244.0.2
    ");
}

#[test]
fn peerings_and_route_tables_are_told_in_azures_words() {
    let back = "{name: to-hub, remoteVirtualNetwork: hub}";
    let forwarded = "{name: to-hub, remoteVirtualNetwork: hub, allowForwardedTraffic: true}";
    let one = "- {name: one, routes: [{name: d, addressPrefix: 0.0.0.0/0, nextHopType: None}]}\n";
    let two = "- {name: one, routes: [{name: d, addressPrefix: 0.0.0.0/0, nextHopType: VirtualAppliance, nextHopIpAddress: 10.0.1.4}, \
               {name: e, addressPrefix: 10.9.0.0/16, nextHopType: Internet}]}\n- {name: two, disableBgpRoutePropagation: true, routes: []}\n";
    let table = ", routeTable: one";
    insta::assert_snapshot!(told(&networks("", "", one), &networks(back, table, one)), @"
    subnet/hub/work Attached: route table one
    virtualnetworkpeering/hub/to-spoke Connected: both halves are there
    virtualnetworkpeering/spoke/to-hub Added: remote VNet hub
    virtualnetworkpeering/spoke/to-hub Connected: both halves are there
    ");
    insta::assert_snapshot!(told(&networks(back, table, one), &networks(forwarded, ", routeTable: two", two)), @"
    subnet/hub/work Detached: route table one
    subnet/hub/work Attached: route table two
    virtualnetworkpeering/spoke/to-hub Changed: allowForwardedTraffic false → true
    route/one/d Changed: next hop None → VirtualAppliance 10.0.1.4
    route/one/e Added: address prefix 10.9.0.0/16, next hop Internet
    routetable/two Added: disableBgpRoutePropagation
    ");
    insta::assert_snapshot!(told(&networks(forwarded, table, two), &networks("", "", one)), @"
    routetable/two Removed: disableBgpRoutePropagation
    route/one/e Removed: address prefix 10.9.0.0/16, next hop Internet
    virtualnetworkpeering/spoke/to-hub Removed: state Connected, remote VNet hub, allowForwardedTraffic
    subnet/hub/work Detached: route table one
    virtualnetworkpeering/hub/to-spoke Initiated: the other VNet has no half of it
    route/one/d Changed: next hop VirtualAppliance 10.0.1.4 → None
    ");
}

#[test]
fn machines_gateways_and_sites_are_told() {
    let lab = |vms: &str, rest: &str| {
        format!(
            "{HEAD}virtualNetworks: [{{name: vnet, addressPrefixes: [10.1.0.0/16], subnets: [{{name: s, addressPrefix: 10.1.0.0/24}}, \
             {{name: t, addressPrefix: 10.1.1.0/24}}, {{name: GatewaySubnet, addressPrefix: 10.1.9.0/27}}]}}]\nvirtualMachines:\n{vms}{rest}"
        )
    };
    let before = lab("- {name: a, subnet: vnet/s}\n- {name: b, subnet: vnet/s}\n", "");
    let after = lab(
        "- {name: a, subnet: vnet/t}\n- {name: b, subnet: vnet/s, privateIPAddress: 10.1.0.5, enableIPForwarding: true, \
         sysctls: {net.ipv4.ip_forward: \"1\"}}\n",
        "virtualNetworkGateways: [{name: vpn, virtualNetwork: vnet}]\nonPremises:\n- {name: site, addressPrefixes: [192.168.0.0/16], \
         virtualNetworkGateway: vpn, machines: [{name: m, privateIPAddress: 192.168.0.9}]}\n",
    );
    insta::assert_snapshot!(told(&before, &after), @"
    virtualnetworkgateway/vpn Added: type Vpn, VNet vnet, address 10.1.9.4
    site/site Added: address prefixes 192.168.0.0/16, gateway vpn
    machine/m Added: site site, address 192.168.0.9
    virtualmachine/a Moved: subnet vnet/s → vnet/t, address 10.1.0.4 → 10.1.1.4
    virtualmachine/b Changed: enableIPForwarding false → true, net.ipv4.ip_forward 0 → 1
    ");
    insta::assert_snapshot!(told(&after, &before), @"
    machine/m Removed: site site, address 192.168.0.9
    site/site Removed: address prefixes 192.168.0.0/16, gateway vpn
    virtualnetworkgateway/vpn Removed: type Vpn, VNet vnet, address 10.1.9.4
    virtualmachine/a Moved: subnet vnet/t → vnet/s, address 10.1.1.4 → 10.1.0.4
    virtualmachine/b Changed: enableIPForwarding true → false, net.ipv4.ip_forward 1 → 0
    ");
}

#[test]
fn pods_of_the_same_name_in_two_clusters_are_two() {
    let lab = |green: &str| {
        let pod = |cluster: &str, address: &str| {
            format!(
                "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: p, annotations: {{fabricd/cluster: {cluster}, fabricd/pod-ip: {address}}}}}\n\
                 spec: {{containers: [{{name: a, image: a}}]}}\n"
            )
        };
        format!(
            "{HEAD}managedClusters:\n- {{name: blue, networkProfile: {{networkPlugin: kubenet}}, agentPoolProfiles: [{{name: a, count: 1, scaleSet: aks-a-1-vmss}}]}}\n\
             - {{name: green, networkProfile: {{networkPlugin: kubenet}}, agentPoolProfiles: [{{name: b, count: 1, scaleSet: aks-b-1-vmss}}]}}\n{}{}",
            pod("blue", "10.244.0.9"),
            pod("green", green)
        )
    };
    insta::assert_snapshot!(told(&lab("10.244.0.9"), &lab("10.244.0.10")), @"pod/default/p Changed: address 10.244.0.9 → 10.244.0.10 (cluster green)");
}

#[test]
fn thousands_of_one_kind_are_told_by_their_number() {
    let lab = |replicas: u32| {
        format!(
            "{}---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  replicas: {replicas}\n  \
             selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    \
             spec: {{containers: [{{name: a, image: a}}]}}\n",
            kubenet("count: 40", &[])
        )
    };
    let events = difference(&topology(&lab(0)), &topology(&lab(1_000)));
    // CoreDNS has moved to make room.
    let of_web =
        |event: &&Event| event.object.kind == Kind::Pods && !event.object.name.starts_with("coredns-");
    assert_eq!(events.iter().filter(of_web).count(), SAME_MAX + 1);
    let last = events.last().unwrap();
    assert_eq!((last.object.name.as_str(), last.message.as_str()), ("", "950 more"));
    assert_eq!(last.counts, [("more", 950)]);
    assert!(events.iter().any(|event| event.message == "replicas 0 → 1000"));
}

#[test]
fn services_and_their_endpoints_are_told() {
    let lab = |replicas: u32, services: &str| {
        format!(
            "{}---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  replicas: {replicas}\n  \
             selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    \
             spec: {{containers: [{{name: a, image: a}}]}}\n{services}",
            kubenet("count: 1", &[])
        )
    };
    let service = |spec: &str| {
        format!(
            "---\napiVersion: v1\nkind: Service\nmetadata: {{name: web}}\nspec: {{clusterIP: 10.0.9.9, {spec}}}\n"
        )
    };
    let plain = lab(2, &service("selector: {app: web}, ports: [{port: 80}]"));
    let published = lab(
        2,
        &service("type: NodePort, selector: {app: web}, ports: [{port: 80, nodePort: 30080}, {name: dns, port: 53, protocol: UDP, nodePort: 30053}]")
            .replace("{port: 80,", "{name: http, port: 80,"),
    );
    insta::assert_snapshot!(told(&lab(2, ""), &plain), @"service/default/web Added: type ClusterIP, clusterIP 10.0.9.9, ports 80/TCP, endpoints 2 ready of 2");
    insta::assert_snapshot!(told(&plain, &published), @"service/default/web Changed: type ClusterIP → NodePort, ports 80/TCP → 80:30080/TCP, 53:30053/UDP");
    insta::assert_snapshot!(told(&plain, &lab(2, "")), @"service/default/web Removed: type ClusterIP, clusterIP 10.0.9.9, ports 80/TCP, endpoints 2 ready of 2");
    let scaled = told(&plain, &plain.replace("replicas: 2", "replicas: 3"));
    assert!(scaled.contains("deployment/default/web ScalingReplicaSet: replicas 2 → 3\n"), "{scaled}");
    assert!(
        scaled.contains("service/default/web EndpointsChanged: endpoints 2 ready of 2 → 3 ready of 3\n"),
        "{scaled}"
    );

    let before = topology(&plain);
    let mut conditions = before.conditions.clone();
    conditions.switched_off.insert(format!("aks/default/{}", before.managed_clusters[0].pods[0].name));
    let after = before.with_conditions(conditions);
    let reasons = |events: Vec<Event>| events.iter().map(|event| event.reason).collect::<Vec<_>>();
    assert_eq!(reasons(difference(&before, &after)), [Reason::EndpointsChanged]);
    assert_eq!(endpoints(&before, &after), difference(&before, &after));
    assert_eq!(endpoints(&before, &after)[0].message, "endpoints 2 ready of 2 → 1 ready of 2");
    assert_eq!(endpoints(&after, &after), []);
}

fn ways_out(profile: &str, subnet: &str, rest: &str) -> String {
    format!(
        "{HEAD}virtualNetworks: [{{name: vnet, addressPrefixes: [10.1.0.0/16], subnets: [\
         {{name: s, addressPrefix: 10.1.0.0/24{subnet}}}, {{name: GatewaySubnet, addressPrefix: 10.1.1.0/24}}]}}]\n\
         managedClusters:\n- name: aks\n  networkProfile: {{networkPlugin: kubenet, {profile}}}\n  \
         agentPoolProfiles: [{{name: a, count: 1, scaleSet: aks-a-1-vmss, vnetSubnet: vnet/s}}]\n{rest}"
    )
}

#[test]
fn ways_out_are_told_in_azures_words() {
    let addresses = "publicIPAddresses: [{name: one}, {name: two}]\n";
    let balanced = ways_out(
        "loadBalancerProfile: {outboundIPs: {publicIPs: [one]}}",
        "",
        &format!("{addresses}virtualMachines: [{{name: vm, subnet: vnet/s, publicIPAddress: two}}]\n"),
    );
    let more = ways_out(
        "loadBalancerProfile: {outboundIPs: {publicIPs: [one, two]}, allocatedOutboundPorts: 64, idleTimeoutInMinutes: 4}",
        "",
        &format!("{addresses}virtualMachines: [{{name: vm, subnet: vnet/s}}]\n"),
    );
    insta::assert_snapshot!(told(&balanced, &more), @"
    publicipaddress/two Changed: associated with virtualMachine/vm → loadBalancer/aks
    loadbalancer/aks/kubernetes Changed: public addresses 198.51.100.1 → 198.51.100.1, 198.51.100.2, SNAT ports of each node 1024 → 64, idle timeout in minutes 30 → 4
    virtualmachine/vm Changed: public address 198.51.100.2 → none
    ");
    let gateway = "natGateways: [{name: natgw, publicIPAddresses: [one]}]\n";
    let translated = ways_out(
        "outboundType: userAssignedNATGateway",
        ", natGateway: natgw",
        &format!(
            "{addresses}{gateway}virtualMachines: [{{name: vm, subnet: vnet/s, publicIPAddress: two}}]\n"
        ),
    );
    insta::assert_snapshot!(told(&balanced, &translated), @"
    loadbalancer/aks/kubernetes Removed: public addresses 198.51.100.1, SNAT ports of each node 1024, idle timeout in minutes 30
    subnet/vnet/s Attached: NAT gateway natgw
    publicipaddress/one Changed: associated with loadBalancer/aks → natGateway/natgw
    natgateway/natgw Added: public addresses 198.51.100.1, idle timeout in minutes 4
    managedcluster/aks Changed: outboundType loadBalancer → userAssignedNATGateway
    ");
    insta::assert_snapshot!(told(&translated, &balanced), @"
    natgateway/natgw Removed: public addresses 198.51.100.1, idle timeout in minutes 4
    subnet/vnet/s Detached: NAT gateway natgw
    publicipaddress/one Changed: associated with natGateway/natgw → loadBalancer/aks
    loadbalancer/aks/kubernetes Added: public addresses 198.51.100.1, SNAT ports of each node 1024, idle timeout in minutes 30
    managedcluster/aks Changed: outboundType userAssignedNATGateway → loadBalancer
    ");
}

#[test]
fn gateways_sites_and_servers_are_told_with_their_ways_out() {
    let rest = |server: &str, site: &str, public: &str| {
        format!(
            "internet: {{servers: [{{name: web, {server}}}]}}\n\
             virtualNetworkGateways: [{{name: vpn, virtualNetwork: vnet{site}}}]\n\
             onPremises: [{{name: dc, addressPrefixes: [10.9.0.0/24], virtualNetworkGateway: vpn{public}}}]\n"
        )
    };
    let before = rest("ipAddress: 203.0.113.9", "", "");
    let after = rest(
        "ipAddress: 203.0.113.8, fqdns: [www.example.com]",
        ", gatewayDefaultSite: dc",
        ", publicIPAddress: 192.0.2.77",
    );
    let lab = |rest: &str| ways_out("outboundType: none", "", rest);
    insta::assert_snapshot!(told(&lab(&before), &lab(&after)), @"
    server/web Changed: address 203.0.113.9 → 203.0.113.8, fqdns none → www.example.com
    virtualnetworkgateway/vpn Changed: default site none → dc
    site/dc Changed: public address 192.0.2.1 → 192.0.2.77
    ");
}

#[test]
fn a_message_has_a_greatest_length() {
    let lab = LabName::new("x").unwrap();
    let event = Event::of_lab(&lab, Reason::ApplyFailed, "ä".repeat(MESSAGE_MAX));
    assert_eq!(event.message, "ä".repeat(MESSAGE_MAX));
    let event = Event::of_lab(&lab, Reason::ApplyFailed, "ä".repeat(MESSAGE_MAX + 1));
    assert_eq!(event.message, "ä".repeat(MESSAGE_MAX - 1) + "…");
}

#[test]
fn times_are_those_of_rfc_3339() {
    assert_eq!(rfc_3339(0), "1970-01-01T00:00:00.000000Z");
    assert_eq!(rfc_3339(1_777_896_939_123_456), "2026-05-04T12:15:39.123456Z");
    assert_eq!(rfc_3339(i64::MAX), "1970-01-01T00:00:00.000000Z");
}
