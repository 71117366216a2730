//! Rules of names, addresses and places, each on a small lab.

use std::collections::BTreeSet;

use fabric_core::{
    spec::{Source, load},
    topology::{ManagedCluster, Topology},
};

use crate::text::{mistakes, topology, written};

/// A lab of one cluster with these pools, and these documents after it.
fn cluster(pools: &str, documents: &str) -> Topology {
    topology(&format!(
        "apiVersion: fabric/v1\nkind: Lab\nmetadata: {{name: lab}}\nmanagedClusters:\n- name: aks\n  \
         networkProfile: {{networkPlugin: kubenet}}\n  agentPoolProfiles: [{pools}]\n{documents}"
    ))
}

fn pod(name: &str, metadata: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}{metadata}}}\n\
         spec: {{containers: [{{name: a, image: a}}]{spec}}}\n"
    )
}

fn deployment(name: &str, replicas: u32) -> String {
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  replicas: {replicas}\n  \
         selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    \
         spec: {{containers: [{{name: a, image: a}}]}}\n"
    )
}

fn placements(cluster: &ManagedCluster) -> Vec<(&str, usize, String)> {
    written(cluster).map(|pod| (pod.name.as_str(), pod.node, pod.address.unwrap().to_string())).collect()
}

#[test]
fn a_lab_of_a_cluster_alone_gets_the_defaults_of_aks() {
    let lab = cluster("{name: nodepool1}", "");
    let network = &lab.virtual_networks[0];
    assert!(network.name.starts_with("aks-vnet-"), "{}", network.name);
    assert_eq!(network.address_prefixes[0].to_string(), "10.224.0.0/12");
    assert_eq!(network.subnets[0].name, "aks-subnet");
    assert_eq!(network.subnets[0].address_prefix.to_string(), "10.224.0.0/16");
    let cluster = &lab.managed_clusters[0];
    assert_eq!(cluster.pod_cidr.unwrap().to_string(), "10.244.0.0/16");
    assert_eq!(cluster.service_cidr.to_string(), "10.0.0.0/16");
    assert_eq!(cluster.dns_service_ip.to_string(), "10.0.0.10");
    assert_eq!(cluster.agent_pools[0].max_pods, 110);
    let addresses: Vec<String> =
        cluster.nodes.iter().map(|node| node.nic.private_ip_address.to_string()).collect();
    assert_eq!(addresses, ["10.224.0.4", "10.224.0.5", "10.224.0.6"]);
    assert_eq!(cluster.namespaces, ["default", "kube-node-lease", "kube-public", "kube-system"]);
    // AKS takes the same digits for what belongs to the cluster.
    assert_eq!(network.name[9..], lab.route_tables[0].name[14..22]);
}

#[test]
fn nodes_come_in_the_order_of_pools_and_around_pinned_vms() {
    let lab = topology(
        "apiVersion: fabric/v1\nkind: Lab\nmetadata: {name: lab}\n\
         virtualNetworks:\n- {name: vnet, addressPrefixes: [10.1.0.0/16], subnets: [{name: s, addressPrefix: 10.1.0.0/24}]}\n\
         managedClusters:\n- name: aks\n  networkProfile: {networkPlugin: kubenet}\n  agentPoolProfiles:\n  \
         - {name: b, count: 2, scaleSet: aks-b-1-vmss}\n  - {name: a, count: 1, scaleSet: aks-a-1-vmss}\n\
         virtualMachines:\n- {name: free, subnet: vnet/s}\n- {name: pinned, subnet: vnet/s, privateIPAddress: 10.1.0.5}\n",
    );
    let vms: Vec<String> =
        lab.azure_vms().map(|(_, name, nic)| format!("{name} {}", nic.private_ip_address)).collect();
    assert_eq!(
        vms,
        [
            "aks-b-1-vmss000000 10.1.0.4",
            "aks-b-1-vmss000001 10.1.0.6",
            "aks-a-1-vmss000000 10.1.0.7",
            "free 10.1.0.8",
            "pinned 10.1.0.5",
        ]
    );
    let blocks: Vec<String> =
        lab.managed_clusters[0].nodes.iter().map(|node| node.pod_cidr.unwrap().to_string()).collect();
    assert_eq!(blocks, ["10.244.0.0/24", "10.244.1.0/24", "10.244.2.0/24"]);
}

#[test]
fn pods_spread_and_leave_pinned_addresses_alone() {
    let documents = [
        pod("a", "", ""),
        pod("b", ", annotations: {fabricd/pod-ip: 10.244.0.2}", ""),
        pod("c", "", ""),
        pod("d", "", ", hostNetwork: true"),
        pod("e", "", ", nodeSelector: {agentpool: two}"),
    ];
    let lab = cluster("{name: one, count: 1}, {name: two, count: 1}", &documents.concat());
    let expected = [
        ("a", 1, "10.244.1.2"),
        ("b", 0, "10.244.0.2"),
        ("c", 0, "10.244.0.3"),
        ("d", 1, "10.224.0.5"),
        ("e", 1, "10.244.1.3"),
    ];
    assert_eq!(
        placements(&lab.managed_clusters[0]),
        expected.map(|(name, node, address)| (name, node, address.to_owned()))
    );
    assert_eq!(lab.managed_clusters[0].pod_place(&lab.managed_clusters[0].pods[3]).kind(), "node");
}

#[test]
fn pods_of_a_deployment_look_like_those_of_a_replica_set() {
    let lab = cluster("{name: one, count: 2}", &deployment("web", 3));
    let cluster = &lab.managed_clusters[0];
    assert_eq!(cluster.deployments.len(), 2, "and CoreDNS");
    let names: BTreeSet<&str> = written(cluster).map(|pod| pod.name.as_str()).collect();
    assert_eq!(names.len(), 3);
    for pod in written(cluster) {
        let parts: Vec<&str> = pod.name.split('-').collect();
        let [name, hash, suffix] = parts[..] else { panic!("{}", pod.name) };
        assert_eq!((name, suffix.len()), ("web", 5));
        let metadata = &pod.manifest.metadata;
        let labels = metadata.labels.as_ref().unwrap();
        assert_eq!((labels["app"].as_str(), labels["pod-template-hash"].as_str()), ("web", hash));
        let [owner] = &metadata.owner_references.as_ref().unwrap()[..] else { panic!("{metadata:?}") };
        assert_eq!((owner.kind.as_str(), owner.name.as_str()), ("ReplicaSet", &*format!("web-{hash}")));
    }
    let more = self::cluster("{name: one, count: 2}", &deployment("web", 4));
    let scaled: BTreeSet<&str> = more.managed_clusters[0].pods.iter().map(|pod| pod.name.as_str()).collect();
    assert!(names.is_subset(&scaled), "scaling up keeps the pods that there are");
}

#[test]
fn two_clusters_may_use_the_same_pod_addresses() {
    let text = "apiVersion: fabric/v1\nkind: Lab\nmetadata: {name: lab}\nmanagedClusters:\n\
        - {name: blue, networkProfile: {networkPlugin: kubenet}, agentPoolProfiles: [{name: a, count: 1}]}\n\
        - {name: green, networkProfile: {networkPlugin: kubenet}, agentPoolProfiles: [{name: a, count: 1}]}\n";
    let documents = [
        pod("p", ", annotations: {fabricd/cluster: green}", ""),
        pod("p", ", annotations: {fabricd/cluster: blue}", ""),
    ];
    let lab = topology(&(text.to_owned() + &documents.concat()));
    assert_eq!(lab.virtual_networks.len(), 2);
    assert_ne!(lab.virtual_networks[0].name, lab.virtual_networks[1].name);
    let tables: Vec<_> = lab.virtual_networks.iter().map(|network| network.subnets[0].route_table).collect();
    assert_eq!(tables, [Some(0), Some(1)]);
    for cluster in &lab.managed_clusters {
        assert_eq!(placements(cluster), [("p", 0, "10.244.0.2".to_owned())]);
    }
}

#[test]
fn a_lab_may_be_several_files_and_lists() {
    let sources = [
        Source {
            name: "pods.yaml".into(),
            text: "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Namespace\n  metadata: {name: web}\n- \
                   apiVersion: v1\n  kind: Pod\n  metadata: {name: p, namespace: web}\n  spec: {containers: [{name: a, image: a}]}\n"
                .into(),
        },
        Source {
            name: "lab.yaml".into(),
            text: "apiVersion: fabric/v1\nkind: Lab\nmetadata: {name: lab}\nmanagedClusters:\n\
                   - {name: aks, networkProfile: {networkPlugin: kubenet}, agentPoolProfiles: [{name: a, count: 1}]}\n"
                .into(),
        },
    ];
    let lab = load(&sources).unwrap();
    assert_eq!(lab.managed_clusters[0].pods[0].namespace, "web");
    let wrong =
        [sources[0].clone(), Source { text: sources[1].text.replace("aks", "AKS"), ..sources[1].clone() }];
    let diagnostics = load(&wrong).unwrap_err();
    assert_eq!(
        diagnostics.iter().map(|it| (it.file.as_str(), it.line)).collect::<Vec<_>>(),
        [("lab.yaml", 5)]
    );
}

#[test]
fn the_largest_kubenet_cluster_is_resolved() {
    let text = "apiVersion: fabric/v1\nkind: Lab\nmetadata: {name: lab}\nmanagedClusters:\n\
        - {name: aks, networkProfile: {networkPlugin: kubenet, podCidr: 100.64.0.0/10}, agentPoolProfiles: [{name: a, count: 400}]}\n";
    let lab = topology(&(text.to_owned() + &deployment("web", 12_000)));
    assert_eq!(lab.managed_clusters[0].pods.len(), 12_002);
    assert_eq!(lab.route_tables[0].routes.len(), 400);
    let addresses: BTreeSet<_> = lab.managed_clusters[0].pods.iter().map(|pod| pod.address).collect();
    assert_eq!(addresses.len(), 12_002);
}

#[test]
fn bombs_are_refused_in_time() {
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let below = vec![format!("*a{}", level - 1); 10].join(", ");
        laughs += &format!("a{level}: &a{level} [{below}]\n");
    }
    assert!(mistakes(&laughs).contains("aliases repeat"), "{}", mistakes(&laughs));
    assert!(mistakes(&"[".repeat(100_000)).contains("error: "));
    assert!(mistakes(&"- ".repeat(100_000)).contains("error: "));
    assert!(mistakes(&"a: 1\n---\n".repeat(30_000)).contains("a lab has at most 20000"));
    assert!(mistakes(&" ".repeat(16 * 1024 * 1024 + 1)).contains("16 MiB"));
}
