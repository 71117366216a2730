//! A running lab that becomes another one: who stays keeps what it has.

use std::{collections::BTreeMap, fmt::Write, net::Ipv4Addr};

use fabric_core::{
    spec::{load, load_onto},
    topology::{Rollout, Standing, Topology},
};
use proptest::prelude::*;

use crate::text::{rendered, source, topology, written};

const MODES: [(&str, &str); 6] = [
    ("{networkPlugin: kubenet}", ""),
    ("{networkPlugin: azure, networkPluginMode: overlay}", ""),
    ("{networkPlugin: azure}", ", maxPods: 12"),
    ("{networkPlugin: azure}", ", podSubnet: vnet/pods"),
    ("{networkPlugin: azure}", ", podSubnet: vnet/pods, podIPAllocationMode: StaticBlock, maxPods: 30"),
    ("{networkPlugin: none}", ""),
];

/// What can differ between a lab and what it becomes.
#[derive(Clone, Debug)]
struct Lab {
    /// Pools by number, in the order of the file, with their nodes.
    pools: Vec<(u8, u8)>,
    vms: Vec<u8>,
    pods: Vec<u8>,
}

fn lab() -> impl Strategy<Value = Lab> {
    let pools = proptest::sample::subsequence(vec![0_u8, 1, 2], 1..=3).prop_shuffle();
    let pools =
        pools.prop_flat_map(|pools| pools.into_iter().map(|pool| (Just(pool), 1..4_u8)).collect::<Vec<_>>());
    let some =
        |names: u8| proptest::sample::subsequence((0..names).collect::<Vec<_>>(), 0..=usize::from(names));
    (pools, some(4).prop_shuffle(), some(12).prop_shuffle()).prop_map(|(pools, vms, pods)| Lab {
        pools,
        vms,
        pods,
    })
}

fn text(lab: &Lab, (profile, pool_fields): (&str, &str)) -> String {
    let mut text = format!(
        "apiVersion: fabric/v1\nkind: Lab\nmetadata: {{name: any}}\nvirtualNetworks:\n- name: vnet\n  addressPrefixes: [10.224.0.0/12]\n  subnets:\n  - {{name: nodes, addressPrefix: 10.224.0.0/16}}\n  - {{name: pods, addressPrefix: 10.225.0.0/16}}\nmanagedClusters:\n- name: aks\n  networkProfile: {profile}\n  agentPoolProfiles:\n"
    );
    for (pool, count) in &lab.pools {
        let _ = writeln!(
            text,
            "  - {{name: pool{pool}, count: {count}, scaleSet: aks-pool{pool}-vmss, vnetSubnet: vnet/nodes{pool_fields}}}"
        );
    }
    if !lab.vms.is_empty() {
        text.push_str("virtualMachines:\n");
    }
    for vm in &lab.vms {
        let _ = writeln!(text, "- {{name: vm{vm}, subnet: vnet/nodes}}");
    }
    for pod in &lab.pods {
        let _ = write!(
            text,
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: p{pod}}}\nspec: {{containers: [{{name: c, image: i}}]}}\n"
        );
    }
    text
}

/// Every address and node by the name of who has it.
fn given(topology: &Topology) -> BTreeMap<String, (Option<Ipv4Addr>, String)> {
    let vms = topology
        .azure_vms()
        .map(|(place, _, nic)| (place.to_string(), (Some(nic.private_ip_address), String::new())));
    let cluster = &topology.managed_clusters[0];
    let pods = cluster
        .pods
        .iter()
        .map(|pod| (cluster.pod_place(pod).to_string(), (pod.address, cluster.nodes[pod.node].name.clone())));
    let ranges = cluster.nodes.iter().filter(|node| node.pod_cidr.is_some()).map(|node| {
        (format!("range of {}", node.name), (node.pod_cidr.map(|net| net.addr()), String::new()))
    });
    vms.chain(pods).chain(ranges).collect()
}

fn onto(text: &str, before: &Topology) -> Topology {
    load_onto(&source(text), &Standing::of(before), &Rollout::default())
        .unwrap_or_else(|mistakes| panic!("{text}\n{}", rendered(&mistakes)))
}

proptest! {
    #[test]
    fn who_stays_keeps_address_and_node(mode in 0..MODES.len(), first in lab(), second in lab()) {
        let before = topology(&text(&first, MODES[mode]));
        let file = text(&second, MODES[mode]);
        let after = onto(&file, &before);
        prop_assert_eq!(format!("{after:?}"), format!("{:?}", onto(&file, &after)), "standing still");
        let (had, has) = (given(&before), given(&after));
        let nodes: Vec<&str> = after.managed_clusters[0].nodes.iter().map(|node| node.name.as_str()).collect();
        for (name, (address, node)) in &had {
            let node_stays = node.is_empty() || nodes.contains(&node.as_str());
            if let Some(now) = has.get(name).filter(|_| node_stays) {
                prop_assert_eq!(now, &(*address, node.clone()), "{}", name);
            }
        }
        let addresses: Vec<_> = has.iter().filter_map(|(name, (address, _))| {
            address.filter(|_| !name.starts_with("range")) }).collect();
        let apart: std::collections::BTreeSet<_> = addresses.iter().collect();
        prop_assert_eq!(apart.len(), addresses.len());
    }
}

#[test]
fn every_lab_stands_still() {
    for lab in ["kubenet", "azure-cni", "overlay", "pod-subnet", "two-clusters-one-cidr", "hub-and-spoke"] {
        let path = format!("{}/../../labs/{lab}/lab.yaml", env!("CARGO_MANIFEST_DIR"));
        let file = std::fs::read_to_string(path).unwrap();
        let before = load(&source(&file)).unwrap();
        assert_eq!(format!("{:?}", onto(&file, &before)), format!("{before:?}"), "{lab}");
    }
}

#[test]
fn what_the_file_says_comes_before_what_stands() {
    let file = |pod_ip: &str, vm_ip: &str| {
        format!(
            "apiVersion: fabric/v1\nkind: Lab\nmetadata: {{name: any}}\nvirtualNetworks:\n- name: vnet\n  addressPrefixes: [10.224.0.0/12]\n  subnets:\n  - {{name: nodes, addressPrefix: 10.224.0.0/24}}\nmanagedClusters:\n- name: aks\n  networkProfile: {{networkPlugin: kubenet}}\n  agentPoolProfiles:\n  - {{name: pool, count: 1, scaleSet: np}}\nvirtualMachines:\n- {{name: vm, subnet: vnet/nodes{vm_ip}}}\n---\napiVersion: v1\nkind: Pod\nmetadata: {{name: a{pod_ip}}}\nspec: {{containers: [{{name: c, image: i}}]}}\n---\napiVersion: v1\nkind: Pod\nmetadata: {{name: b}}\nspec: {{containers: [{{name: c, image: i}}]}}\n"
        )
    };
    let before = topology(&file("", ""));
    let shown = |topology: &Topology| -> Vec<String> {
        given(topology)
            .iter()
            .filter(|(name, _)| !name.contains("/coredns-"))
            .filter_map(|(name, (address, _))| Some(format!("{name} {}", (*address)?)))
            .collect()
    };
    assert_eq!(
        shown(&before),
        [
            "node/np000000 10.224.0.4",
            "pod/aks/default/a 10.244.0.2",
            "pod/aks/default/b 10.244.0.3",
            "range of np000000 10.244.0.0",
            "vm/vm 10.224.0.5"
        ]
    );
    // The address of b goes to a, and that of the node to the VM.
    let after =
        onto(&file(", annotations: {fabricd/pod-ip: 10.244.0.3}", ", privateIPAddress: 10.224.0.4"), &before);
    assert_eq!(
        shown(&after),
        [
            "node/np000000 10.224.0.5",
            "pod/aks/default/a 10.244.0.3",
            "pod/aks/default/b 10.244.0.2",
            "range of np000000 10.244.0.0",
            "vm/vm 10.224.0.4"
        ]
    );
}

#[test]
fn a_drained_node_has_no_pods_that_can_go_elsewhere() {
    let file = "apiVersion: fabric/v1\nkind: Lab\nmetadata: {name: any}\nmanagedClusters:\n- name: aks\n  networkProfile: {networkPlugin: kubenet}\n  agentPoolProfiles:\n  - {name: pool, count: 1, scaleSet: np}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: c, image: i}]}\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: b}\nspec: {nodeName: np000000, containers: [{name: c, image: i}]}\n";
    let before = topology(file);
    let rollout = Rollout {
        cluster: "aks".into(),
        agent_pool: "pool".into(),
        surge: 1,
        drained: ["np000000".to_owned()].into(),
        versions: [("np000000".to_owned(), "1.29".to_owned())].into(),
    };
    let drained = load_onto(&source(file), &Standing::of(&before), &rollout).unwrap();
    let cluster = &drained.managed_clusters[0];
    let nodes: Vec<_> =
        cluster.nodes.iter().map(|node| (node.name.as_str(), node.kubernetes_version.as_str())).collect();
    assert_eq!(nodes, [("np000000", "1.29"), ("np000001", "1.30")]);
    let pods: Vec<_> = written(cluster).map(|pod| (pod.name.as_str(), pod.node)).collect();
    assert_eq!(pods, [("a", 1)], "b has no other place");
    // When the node is open again a stays where it is, and b comes back.
    let open = load_onto(&source(file), &Standing::of(&drained), &Rollout { drained: [].into(), ..rollout })
        .unwrap();
    let pods: Vec<_> = written(&open.managed_clusters[0]).map(|pod| (pod.name.as_str(), pod.node)).collect();
    assert_eq!(pods, [("a", 1), ("b", 0)]);
}
