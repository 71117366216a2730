//! CoreDNS' pods are there, and in nobody's way.

use fabric_core::{
    dns::is_coredns,
    spec::{load, load_onto},
    topology::{Rollout, Standing, Topology},
};

use crate::text::{source, topology, written};

/// A cluster of one pool, with pods that are made from a Deployment.
fn lab(profile: &str, pool: &str, pods: u32) -> String {
    format!(
        "apiVersion: fabric/v1\nkind: Lab\nmetadata: {{name: any}}\nvirtualNetworks:\n- name: vnet\n  \
         addressPrefixes: [10.224.0.0/12]\n  subnets:\n  - {{name: nodes, addressPrefix: 10.224.0.0/24}}\n  \
         - {{name: pods, addressPrefix: 10.225.0.0/27}}\nmanagedClusters:\n- name: aks\n  networkProfile: {profile}\n  \
         agentPoolProfiles:\n  - {{name: pool, vnetSubnet: vnet/nodes, {pool}}}\n---\napiVersion: apps/v1\n\
         kind: Deployment\nmetadata: {{name: web}}\nspec:\n  replicas: {pods}\n  selector: {{matchLabels: {{a: b}}}}\n  \
         template:\n    metadata: {{labels: {{a: b}}}}\n    spec: {{containers: [{{name: a, image: a}}]}}\n"
    )
}

fn coredns(topology: &Topology) -> Vec<(usize, String)> {
    let pods = topology.managed_clusters[0].pods.iter().filter(|pod| is_coredns(pod));
    pods.map(|pod| (pod.node, pod.address.expect("an address").to_string())).collect()
}

#[test]
fn it_is_on_two_nodes_behind_all_pods_of_the_file() {
    let lab = topology(&lab("{networkPlugin: kubenet}", "count: 2", 4));
    assert_eq!(coredns(&lab), [(0, "10.244.0.4".to_owned()), (1, "10.244.1.4".to_owned())]);
    let dns =
        &lab.managed_clusters[0].services.iter().find(|service| service.name == "kube-dns").expect("it");
    assert_eq!(dns.ports[0].endpoints.len(), 2);
}

#[test]
fn it_is_not_there_without_room() {
    // maxPods
    let full = topology(&lab("{networkPlugin: kubenet}", "count: 1, maxPods: 10", 10));
    assert_eq!(coredns(&full), []);
    assert_eq!(coredns(&topology(&lab("{networkPlugin: kubenet}", "count: 1, maxPods: 10", 9))).len(), 1);
    // A second batch: 8 pods take one of 16 addresses, 9 take two, and the subnet has 27.
    let pool = "count: 1, podSubnet: vnet/pods";
    assert_eq!(coredns(&topology(&lab("{networkPlugin: azure}", pool, 6))).len(), 2);
    assert_eq!(coredns(&topology(&lab("{networkPlugin: azure}", pool, 7))).len(), 1);
    assert_eq!(coredns(&topology(&lab("{networkPlugin: azure}", pool, 8))), []);
    assert!(load(&source(&lab("{networkPlugin: azure}", pool, 9))).is_err(), "two batches do not fit");
    // Nobody gives addresses.
    assert_eq!(coredns(&topology(&lab("{networkPlugin: none}", "count: 1", 1))), []);
}

#[test]
fn it_makes_room_for_pods_of_the_file_and_stays_else() {
    let file = |pods| lab("{networkPlugin: kubenet}", "count: 2, maxPods: 10", pods);
    let onto = |pods, before: &Topology| {
        load_onto(&source(&file(pods)), &Standing::of(before), &Rollout::default()).expect("it fits")
    };
    let before = topology(&file(2));
    let more = onto(12, &before);
    assert_eq!(coredns(&more), coredns(&before));
    let full = onto(20, &more);
    assert_eq!((coredns(&full).len(), written(&full.managed_clusters[0]).count()), (0, 20));
    assert_eq!(coredns(&onto(2, &full)).len(), 2, "it is back");
    let drained =
        Rollout { drained: [before.managed_clusters[0].nodes[0].name.clone()].into(), ..Rollout::default() };
    let moved = load_onto(&source(&file(2)), &Standing::of(&before), &drained).expect("it fits");
    assert!(coredns(&moved).iter().all(|(node, _)| *node == 1), "{:?}", coredns(&moved));
}
