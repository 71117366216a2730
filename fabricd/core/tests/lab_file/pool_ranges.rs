//! Blocks of pod subnets, and address ranges of node pools.

use fabric_core::{
    address_plan::Mode,
    topology::{ManagedCluster, Node},
};

use crate::text::{mistakes, topology, written};

const STATIC_BLOCK: &str = include_str!("../labs/static-block.yaml");

fn cluster(profile: &str, pools: &str, more: &str) -> String {
    format!(
        "apiVersion: fabric/v1\nkind: Lab\nmetadata: {{name: lab}}\n\
         virtualNetworks:\n- {{name: net, addressPrefixes: [10.224.0.0/12], subnets: [\
         {{name: s, addressPrefix: 10.224.0.0/16}}, {{name: p, addressPrefix: 10.225.0.0/24}}]}}\n\
         managedClusters:\n- {{name: aks, networkProfile: {{{profile}}}, agentPoolProfiles: [{pools}]}}\n{more}"
    )
}

fn of(text: &str) -> ManagedCluster {
    topology(text).managed_clusters.remove(0)
}

fn addresses(cluster: &ManagedCluster) -> Vec<String> {
    cluster.nodes.iter().map(|node| node.nic.private_ip_address.to_string()).collect()
}

fn pod_cidrs(cluster: &ManagedCluster) -> Vec<String> {
    cluster.nodes.iter().map(|node| node.pod_cidr.unwrap().to_string()).collect()
}

fn first_and_last(node: &Node) -> (String, String) {
    let addresses: Vec<_> = node.nic.pod_addresses().collect();
    (addresses[0].to_string(), addresses[addresses.len() - 1].to_string())
}

#[test]
fn a_node_gets_whole_blocks_and_keeps_one_address_of_them() {
    let cluster = of(STATIC_BLOCK);
    let blocks: Vec<Vec<String>> = cluster
        .nodes
        .iter()
        .map(|node| node.nic.secondary_blocks.iter().map(ToString::to_string).collect())
        .collect();
    // The first block of the subnet has addresses that Azure keeps.
    let pairs = [["10.241.0.16/28", "10.241.0.32/28"], ["10.241.0.48/28", "10.241.0.64/28"]];
    assert_eq!(blocks, [pairs[0].to_vec(), pairs[1].to_vec(), vec![]]);
    let pods: Vec<_> = written(&cluster).map(|pod| (pod.node, pod.address.unwrap().to_string())).collect();
    // a: .16 is the node's own. b: the address decides the node. c: in the range, behind the batch's own.
    assert_eq!(
        pods,
        [(0, "10.241.0.17".to_owned()), (1, "10.241.0.63".to_owned()), (2, "10.242.0.129".to_owned())]
    );
    assert_eq!(addresses(&cluster), ["10.240.0.4", "10.240.0.5", "10.240.7.0"]);
    let modes: Vec<Mode> = cluster.agent_pools.iter().map(|pool| pool.mode).collect();
    assert_eq!(modes, [Mode::StaticBlock, Mode::PodSubnet]);
}

#[test]
fn a_pod_cannot_have_what_its_node_does_not_give() {
    let with = |from: &str, to: &str| mistakes(&STATIC_BLOCK.replace(from, to));
    let own = with("10.241.0.63", "10.241.0.48");
    assert!(own.contains("the first address of a node's blocks is the node's own"), "{own}");
    let nobody = with("10.241.0.63", "10.241.0.100");
    assert!(nobody.contains("10.241.0.100 is not in the range of its node's pool"), "{nobody}");
    // A node with blocks takes no pod with an address of elsewhere.
    let elsewhere = with(
        "  annotations:\n    fabricd/pod-ip: 10.241.0.63\nspec:\n",
        "  annotations:\n    fabricd/pod-ip: 10.241.0.17\nspec:\n  nodeName: aks-blocks-12345678-vmss000001\n",
    );
    assert!(elsewhere.contains("10.241.0.17 is not an address of the pod's node"), "{elsewhere}");
}

#[test]
fn a_pool_fills_its_blocks_to_the_last_address() {
    let deployment = "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 31, \
        selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: a, image: a}]}}}\n";
    let pool = "{name: a, count: 1, maxPods: 31, vnetSubnet: net/s, podSubnet: net/p, podIPAllocationMode: StaticBlock}";
    let cluster = of(&cluster("networkPlugin: azure", pool, deployment));
    let mut pods: Vec<_> = cluster.pods.iter().map(|pod| pod.address.unwrap()).collect();
    pods.sort_unstable();
    pods.dedup();
    assert_eq!(
        (pods.len(), pods[0].to_string(), pods[30].to_string()),
        (31, "10.225.0.17".into(), "10.225.0.47".into())
    );
}

#[test]
fn nodes_and_their_pods_stay_in_their_ranges() {
    for plugin in ["kubenet", "azure, networkPluginMode: overlay", "none"] {
        let pools = "{name: a, count: 2, vnetSubnet: net/s}, \
            {name: b, count: 2, vnetSubnet: net/s, nodeAddressRange: 10.224.0.4/30, podAddressRange: 10.244.0.0/23}, \
            {name: c, count: 1, vnetSubnet: net/s}";
        let cluster = of(&cluster(&format!("networkPlugin: {plugin}"), pools, ""));
        assert_eq!(
            addresses(&cluster),
            ["10.224.0.8", "10.224.0.9", "10.224.0.4", "10.224.0.5", "10.224.0.10"]
        );
        let wanted = ["10.244.2.0/24", "10.244.3.0/24", "10.244.0.0/24", "10.244.1.0/24", "10.244.4.0/24"];
        assert_eq!(pod_cidrs(&cluster), wanted);
    }
    let pools = "{name: a, count: 1, maxPods: 10, vnetSubnet: net/s, nodeAddressRange: 10.224.1.0/28}, \
        {name: b, count: 2, maxPods: 10, vnetSubnet: net/s, podAddressRange: 10.224.0.8/27}, {name: c, count: 1, vnetSubnet: net/s}";
    let pools = pools.replace("10.224.0.8/27", "10.224.0.32/27");
    let node_subnet = of(&cluster("networkPlugin: azure", &pools, ""));
    assert_eq!(addresses(&node_subnet), ["10.224.1.0", "10.224.0.14", "10.224.0.15", "10.224.0.16"]);
    let ends: Vec<_> = node_subnet.nodes.iter().map(first_and_last).collect();
    let wanted = [
        ("10.224.0.4", "10.224.0.13"),
        ("10.224.0.32", "10.224.0.41"),
        ("10.224.0.42", "10.224.0.51"),
        // Around the range.
        ("10.224.0.17", "10.224.0.78"),
    ];
    assert_eq!(ends, wanted.map(|(first, last)| (first.to_owned(), last.to_owned())));
}

#[test]
fn vms_without_an_address_stay_out_of_ranges() {
    let vms = "virtualMachines: [{name: free, subnet: net/s}, {name: inside, subnet: net/s, privateIPAddress: 10.224.0.4}]\n";
    let pool = "{name: a, count: 2, vnetSubnet: net/s, nodeAddressRange: 10.224.0.0/28}";
    let lab = topology(&cluster("", pool, vms));
    // What is in writing may be inside; nodes go around it.
    assert_eq!(addresses(&lab.managed_clusters[0]), ["10.224.0.5", "10.224.0.6"]);
    let vms: Vec<_> = lab.virtual_machines.iter().map(|vm| vm.nic.private_ip_address.to_string()).collect();
    assert_eq!(vms, ["10.224.0.16", "10.224.0.4"]);
}
