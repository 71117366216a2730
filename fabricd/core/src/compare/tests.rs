//! Captures of the real kernel, and what they tell; the topologies are the labs'.

use std::net::Ipv4Addr;

use serde_json::json;

use super::*;
use crate::{
    capture::pcap::Reader,
    spec::{self, Source},
    topology::Topology,
};

const KUBENET: &str = include_str!("../../../../labs/compare-network-models/kubenet.yaml");
const AZURE_CNI: &str = include_str!("../../../../labs/compare-network-models/azure-cni.yaml");
const POD_SUBNET: &str = include_str!("../../../../labs/compare-network-models/pod-subnet.yaml");
const OVERLAY: &str = include_str!("../../../../labs/compare-network-models/overlay.yaml");
const TWO_CLUSTERS: &str = include_str!("../../../../labs/two-clusters-one-cidr/lab.yaml");
const OWN_CNI: &str = include_str!("../../../../labs/byo-cni/lab.yaml");

fn topology(text: &str) -> Topology {
    let source = Source { name: "lab.yaml".to_owned(), text: text.to_owned() };
    spec::load(&[source]).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"))
}

fn scene(lab: &str, source: &str, destination: &str) -> Scene {
    Scene::of(&topology(lab), "default", source, destination).unwrap()
}

fn error(lab: &str, source: &str, destination: &str) -> String {
    Scene::of(&topology(lab), "default", source, destination).unwrap_err().to_string()
}

/// What was captured at a point: pod client, its node, its Azure host and the VM device of the lab
/// kubenet, while the client pinged the device three times, once more with a TTL of 1, and sent a SYN.
fn captured(kind: PointKind) -> Vec<Seen> {
    let bytes: &[u8] = match kind {
        PointKind::Source => include_bytes!("testdata/client.pcap"),
        PointKind::SourceNode => include_bytes!("testdata/node.pcap"),
        PointKind::SourceHost | PointKind::DestinationHost => include_bytes!("testdata/host.pcap"),
        PointKind::DestinationNode => &[],
        PointKind::Destination => include_bytes!("testdata/device.pcap"),
    };
    let mut reader = Reader::default();
    reader.push(bytes);
    let records = reader.records().unwrap();
    read(reader.header().unwrap().unwrap().link_type, &records)
}

fn captures(scene: &Scene) -> Vec<(Point, Vec<Seen>)> {
    scene.points().into_iter().map(|point| (point.clone(), captured(point.kind))).collect()
}

#[test]
fn captures_along_the_way_tell_what_became_of_a_ping() {
    let scene = scene(KUBENET, "client", "vm/device");
    let captures = captures(&scene);
    let way = Way::of(&scene, &captures);
    let hops = hops(&scene, &way, &captures[0].1);
    let found = json!({ "way": way, "hops": hops });
    insta::assert_snapshot!(serde_json::to_string_pretty(&found).unwrap());
}

#[test]
fn a_lost_ping_says_where_it_was_seen_last() {
    let scene = scene(KUBENET, "client", "vm/device");
    let mut captures = captures(&scene);
    let lost = |captures: &[(Point, Vec<Seen>)]| Way::of(&scene, captures).last_seen_at.unwrap();
    for wanted in
        ["the Azure host under device", "the Azure host under client's node", "client's node", "client"]
    {
        captures.last_mut().unwrap().1.clear();
        assert_eq!(lost(&captures), wanted);
        captures.pop();
    }
}

#[test]
fn a_refusal_names_the_router() {
    let scene = scene(KUBENET, "client", "machine/office");
    let mut captures = captures(&scene);
    captures.last_mut().unwrap().1.clear();
    let question = captures[0].1[0].clone();
    let mut refusal = |quoted_length| {
        let error = IcmpError::Unreachable(0);
        let payload = Payload::Error { error, quoted_length };
        captures[0].1.push(Seen { source: Ipv4Addr::new(169, 254, 21, 2), payload, ..question.clone() });
        Way::of(&scene, &captures).refused
    };
    assert_eq!(refusal(question.total_length + 1), None, "of another ping");
    let refused = refusal(question.total_length).unwrap();
    assert_eq!((refused.words.as_str(), refused.by.role.as_str()), ("net unreachable", "onprem/datacenter"));
}

/// A CNI plugin that makes tunnels of its own inside of Azure's.
#[test]
fn a_nodes_own_tunnel_is_told_from_azures() {
    let scene = scene(KUBENET, "client", "vm/device");
    let mut captures = captures(&scene);
    let [source, destination] = [4, 5].map(|last| Ipv4Addr::new(10, 224, 0, last));
    let own = Tunnel::Vxlan { vni: 42, source, destination };
    for (point, seen) in &mut captures {
        if point.interface != "any" {
            seen.iter_mut().for_each(|seen| seen.tunnels.push(own));
        }
    }
    let told: Vec<_> = Way::of(&scene, &captures).tunnels;
    let layers: Vec<_> = told.iter().map(|layer| (layer.made_by, layer.network.as_deref())).collect();
    assert_eq!(layers, [(Carrier::AzureHosts, Some("VNet aks-vnet")), (Carrier::Node, None)]);
    assert_eq!(told[1].tunnel, own);
}

#[test]
fn pods_of_one_node_and_one_place_have_fewer_points() {
    let kinds = |scene: Scene| scene.points().iter().map(|point| point.kind).collect::<Vec<_>>();
    use PointKind::*;
    let all = [Source, SourceNode, SourceHost, DestinationHost, DestinationNode, Destination];
    assert_eq!(kinds(scene(KUBENET, "client", "server")), all);
    let same_node = [Source, SourceNode, SourceHost, Destination];
    assert_eq!(kinds(scene(KUBENET, "server", "neighbour")), same_node);
    let on_premises = [Source, DestinationHost, Destination];
    assert_eq!(kinds(scene(KUBENET, "machine/office", "vm/db")), on_premises);
    assert_eq!(kinds(scene(KUBENET, "client", "client")), [Source, SourceNode, SourceHost]);
}

#[test]
fn addresses_are_called_by_what_they_are_to_the_ends() {
    let role = |scene: &Scene, address: &str| scene.owner(address.parse().unwrap()).role;
    let between = scene(KUBENET, "client", "server");
    let roles = [
        "10.244.0.2",
        "10.244.0.1",
        "10.224.0.5",
        "10.244.1.2",
        "10.244.1.3",
        "10.1.0.1",
        "198.51.100.1",
        "198.51.100.99",
    ]
    .map(|address| role(&between, address));
    assert_eq!(
        roles,
        [
            "client",
            "client's node",
            "server's node",
            "server",
            "pod/neighbour",
            "onprem/datacenter",
            "lb/aks",
            "nobody"
        ]
    );
    assert_eq!(role(&scene(KUBENET, "server", "neighbour"), "10.244.1.1"), "their node");
    let long = scene(KUBENET, "node/aks-nodepool1-12345678-vmss000000", "vm/device");
    assert_eq!(
        (role(&long, "10.224.0.4"), role(&long, "10.224.0.5")),
        ("source".into(), "another node".into())
    );

    let green = scene(TWO_CLUSTERS, "pod/green/default/a", "vm/device");
    assert_eq!(green.owner("10.244.0.13".parse().unwrap()).place.unwrap(), "pod/green/default/a");
}

#[test]
fn tunnels_between_hosts_belong_to_a_vnet_or_an_overlay() {
    let scene = scene(TWO_CLUSTERS, "pod/green/default/a", "vm/device");
    assert_eq!(
        [1000, 1001, 2000, 2001].map(|vni| scene.network(vni)),
        [Some("VNet aks-vnet"), None, Some("overlay of blue"), Some("overlay of green")]
    );
}

#[test]
fn one_of_each_relation_asks() {
    let asked = |lab, destination| {
        let scene = scene(lab, "vm/device", destination);
        let askers = scene.askers.iter();
        askers.map(|asker| format!("{}: {}\n", asker.relation.words(), asker.place)).collect::<String>()
    };
    insta::assert_snapshot!(asked(KUBENET, "server"), @r"
    pod, same node: pod/aks/default/neighbour
    pod, other node: pod/aks/default/client
    its node: node/aks-nodepool1-12345678-vmss000001
    other node: node/aks-nodepool1-12345678-vmss000000
    VM, same subnet: vm/device
    VM, other subnet: vm/db
    on premises: machine/office
    ");
    insta::assert_snapshot!(asked(KUBENET, "vm/db"), @r"
    pod: pod/aks/default/client
    node: node/aks-nodepool1-12345678-vmss000000
    VM, other subnet: vm/device
    on premises: machine/office
    ");
    insta::assert_snapshot!(asked(KUBENET, "machine/office"), @r"
    pod: pod/aks/default/client
    node: node/aks-nodepool1-12345678-vmss000000
    VM: vm/device
    ");
    insta::assert_snapshot!(asked(TWO_CLUSTERS, "pod/blue/default/b"), @"
    pod, other node: pod/blue/default/a
    pod, other cluster: pod/green/default/a
    its node: node/aks-blue-11111111-vmss000001
    other node: node/aks-blue-11111111-vmss000000
    node, other cluster: node/aks-green-22222222-vmss000000
    VM, same subnet: vm/device
    ");
    insta::assert_snapshot!(asked(OVERLAY, "node/aks-nodepool1-12345678-vmss000001"), @r"
    pod, same node: pod/aks/default/server
    pod, other node: pod/aks/default/client
    other node: node/aks-nodepool1-12345678-vmss000000
    VM, same subnet: vm/device
    VM, other subnet: vm/db
    on premises: machine/office
    ");
}

#[test]
fn who_has_reached_it_is_decided_where_it_is() {
    let scene = scene(KUBENET, "client", "server");
    let question = captured(PointKind::Destination)[0].clone();
    let asked = |number: usize| Seen { total_length: Mark::asker(number).0 + 28, ..question.clone() };
    let in_a_tunnel = Seen {
        tunnels: vec![Tunnel::Vxlan { vni: 1, source: question.source, destination: question.source }],
        ..asked(3)
    };
    let reached = reach(&scene, &[asked(0), asked(1), in_a_tunnel], &[true, false, true]);
    let outcomes: Vec<Outcome> = reached.iter().map(|reach| reach.outcome).collect();
    use Outcome::*;
    assert_eq!(outcomes, [Answered, AnswerLost, NotSeen, NotSeen, NotSeen, NotSeen, NotSeen]);
    assert_eq!(reached[0].seen_from.as_ref().unwrap().role, "client's node");
}

#[test]
fn what_a_cluster_takes_of_the_vnet_follows_from_its_plugin() {
    let network = |lab: &str| Network::choose(&topology(lab), None);
    let taken = [KUBENET, AZURE_CNI, POD_SUBNET, OVERLAY, OWN_CNI].map(|lab| {
        let Network { network_plugin, mode, vnet_addresses, .. } = network(lab).unwrap();
        let AddressUse { nodes, reserved_for_pods, pods } = vnet_addresses;
        (network_plugin, mode, [nodes, reserved_for_pods, pods])
    });
    assert_eq!(
        taken,
        [
            ("kubenet", None, [2, 0, 0]),
            ("azure", Some("node subnet"), [2, 60, 5]),
            ("azure", Some("pod subnet"), [2, 32, 5]),
            ("azure", Some("overlay"), [2, 0, 0]),
            ("none", None, [2, 0, 0]),
        ]
    );
    assert_eq!(network(TWO_CLUSTERS), None, "either could be meant");
    let topology = topology(TWO_CLUSTERS);
    let scene = Scene::of(&topology, "default", "vm/device", "pod/green/default/a").unwrap();
    assert_eq!(Network::choose(&topology, Some(&scene)).unwrap().cluster, "green");
}

#[test]
fn what_is_not_there_is_told_with_what_is() {
    insta::assert_snapshot!(error(KUBENET, "a", "server"), @"lab `kubenet` has no `a`; it has pod/client, pod/server, pod/neighbour, vm/device, vm/db, machine/office, node/aks-nodepool1-12345678-vmss000000, node/aks-nodepool1-12345678-vmss000001");
    insta::assert_snapshot!(error(KUBENET, "client", "servr"), @"lab `kubenet` has no `servr`; did you mean `server`?; it has pod/client, pod/server, pod/neighbour, vm/device, vm/db, machine/office, node/aks-nodepool1-12345678-vmss000000, node/aks-nodepool1-12345678-vmss000001");
    insta::assert_snapshot!(error(KUBENET, "client", "203.0.113.10"), @"lab `kubenet` has no `203.0.113.10`; it has pod/client, pod/server, pod/neighbour, vm/device, vm/db, machine/office, node/aks-nodepool1-12345678-vmss000000, node/aks-nodepool1-12345678-vmss000001");
    insta::assert_snapshot!(error(KUBENET, "client", "onprem/datacenter"), @"lab `kubenet`: `onprem/datacenter` is on the way, not at its end; take a pod, a node, a VM or a machine on premises");
    insta::assert_snapshot!(error(KUBENET, "host/aks-nodepool1-12345678-vmss000000", "client"), @"lab `kubenet`: `host/aks-nodepool1-12345678-vmss000000` has no address of its own");
    insta::assert_snapshot!(error(OWN_CNI, "a", "b"), @"lab `byo-cni`: `pod/b` has no address of its own");
    insta::assert_snapshot!(error(TWO_CLUSTERS, "vm/device", "10.244.0.13"), @"lab `two-clusters-one-cidr`: `10.244.0.13` can be pod/blue/default/a or pod/green/default/a; write one of them");
}
