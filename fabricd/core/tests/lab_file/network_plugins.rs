//! Where the network plugins' pods get addresses from.

use std::net::Ipv4Addr;

use fabric_core::topology::{ManagedCluster, NetworkPlugin, Topology};

use crate::text::{mistakes, topology};

const HEAD: &str = "apiVersion: fabric/v1\nkind: Lab\nmetadata: {name: lab}\n";

const VNET: &str = "virtualNetworks:\n- {name: vnet, addressPrefixes: [10.240.0.0/12], subnets: [\
    {name: nodes, addressPrefix: 10.240.0.0/16}, {name: pods, addressPrefix: 10.241.0.0/16}, \
    {name: few, addressPrefix: 10.242.0.0/27}]}\n";

fn cluster(name: &str, profile: &str, pools: &str) -> String {
    format!("- {{name: {name}, networkProfile: {{{profile}}}, agentPoolProfiles: [{pools}]}}\n")
}

fn lab(clusters: &str, more: &str) -> Topology {
    topology(&format!("{HEAD}{VNET}managedClusters:\n{clusters}{more}"))
}

fn pod(name: &str, annotations: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, annotations: {{{annotations}}}}}\n\
         spec: {{containers: [{{name: a, image: a}}]{spec}}}\n"
    )
}

fn nodes(cluster: &ManagedCluster) -> Vec<(String, Option<String>, Option<String>)> {
    let text = |address: Option<&Ipv4Addr>| address.map(Ipv4Addr::to_string);
    let nics = cluster.nodes.iter().map(|node| &node.nic);
    nics.map(|nic| {
        let own = nic.private_ip_address.to_string();
        (own, text(nic.secondary_addresses.first()), text(nic.secondary_addresses.last()))
    })
    .collect()
}

fn row(own: &str, first: &str, last: &str) -> (String, Option<String>, Option<String>) {
    (own.to_owned(), Some(first.to_owned()), Some(last.to_owned()))
}

#[test]
fn nothing_written_is_azure_cni_overlay() {
    let lab =
        topology(&format!("{HEAD}managedClusters:\n- {{name: aks, agentPoolProfiles: [{{name: a}}]}}\n"));
    let cluster = &lab.managed_clusters[0];
    assert_eq!(cluster.network_plugin, NetworkPlugin::Overlay);
    assert_eq!(cluster.agent_pools[0].max_pods, 250);
    assert_eq!(cluster.pod_cidr.unwrap().to_string(), "10.244.0.0/16");
    let overlay = cluster.nodes[2].nic.overlay.unwrap();
    assert_eq!((overlay.cluster, overlay.node_pod_cidr.to_string().as_str()), (0, "10.244.2.0/24"));
    assert!(lab.route_tables.is_empty());
}

/// The case study of Azure CNI (nodes 29 apart), and the fixture with nodes 31 apart (aks-facts 1.3).
#[test]
fn a_node_is_followed_by_the_addresses_of_its_pods() {
    let azure = "networkPlugin: azure";
    let study = lab(&cluster("aks", azure, "{name: a, count: 2, maxPods: 28, vnetSubnet: vnet/nodes}"), "");
    assert_eq!(
        nodes(&study.managed_clusters[0]),
        [row("10.240.0.4", "10.240.0.5", "10.240.0.32"), row("10.240.0.33", "10.240.0.34", "10.240.0.61")]
    );
    let fixture =
        lab(&cluster("aks", azure, "{name: a, count: 3, vnetSubnet: vnet/nodes}"), &pod("p", "", ""));
    let cluster = &fixture.managed_clusters[0];
    assert_eq!(cluster.agent_pools[0].max_pods, 30);
    assert_eq!(nodes(cluster)[2], row("10.240.0.66", "10.240.0.67", "10.240.0.96"));
    assert_eq!(cluster.pods[0].address.unwrap().to_string(), "10.240.0.5");
    assert_eq!((cluster.network_plugin, cluster.pod_cidr), (NetworkPlugin::NodeSubnet, None));
}

#[test]
fn clusters_share_a_pod_subnet_batch_by_batch() {
    let pool = "{name: a, count: 1, vnetSubnet: vnet/nodes, podSubnet: vnet/pods}";
    let clusters =
        cluster("one", "networkPlugin: azure", pool) + &cluster("two", "networkPlugin: azure", pool);
    let pods: String = (0..9).map(|pod_| pod(&format!("p{pod_}"), "fabricd/cluster: one", "")).collect();
    let pinned = pod("pinned", "fabricd/cluster: two, fabricd/pod-ip: 10.241.0.6", "");
    let host = pod("host", "fabricd/cluster: two", ", hostNetwork: true");
    let lab = lab(&clusters, &(pods + &pinned + &host));
    // Nine pods want a second batch; the address of the other cluster's pod is left out.
    assert_eq!(nodes(&lab.managed_clusters[0]), [row("10.240.0.4", "10.241.0.4", "10.241.0.36")]);
    assert_eq!(lab.managed_clusters[0].nodes[0].nic.secondary_addresses.len(), 32);
    assert_eq!(nodes(&lab.managed_clusters[1]), [row("10.240.0.5", "10.241.0.6", "10.241.0.51")]);
    assert_eq!(lab.managed_clusters[1].nodes[0].nic.secondary_addresses.len(), 16);
    // The first address is the batch's own.
    assert_eq!(lab.managed_clusters[0].pods[0].address.unwrap().to_string(), "10.241.0.5");
    assert_eq!(lab.managed_clusters[0].agent_pools[0].max_pods, 110);
}

#[test]
fn a_plugin_of_ones_own_gives_no_addresses() {
    let pods = pod("pinned", "fabricd/pod-ip: 172.20.1.9", "") + &pod("free", "", "");
    let lab = lab(
        &cluster(
            "aks",
            "networkPlugin: none, podCidr: 172.20.0.0/16",
            "{name: a, count: 1, vnetSubnet: vnet/nodes}",
        ),
        &pods,
    );
    let addresses: Vec<_> = lab.managed_clusters[0].pods.iter().map(|pod| pod.address).collect();
    assert_eq!(addresses, [Some(Ipv4Addr::new(172, 20, 1, 9)), None]);
}

#[test]
fn ip_masq_agent_is_told_more_by_its_config_map() {
    let overlay = "networkPlugin: azure, networkPluginMode: overlay, podCidr: 172.20.0.0/16";
    let clusters = cluster("aks", overlay, "{name: a, count: 1, vnetSubnet: vnet/nodes}");
    let config = |data: &str| {
        format!(
            "---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: azure-ip-masq-agent-config\n  \
             namespace: kube-system\n  labels: {{component: ip-masq-agent}}\ndata:\n  ip-masq-agent: |\n{data}"
        )
    };
    let text =
        config("    nonMasqueradeCIDRs:\n    - 10.240.0.0/12\n    - 10.1.0.0/16\n    masqLinkLocal: true\n");
    let cidrs = &lab(&clusters, &text).managed_clusters[0].non_masquerade_cidrs;
    assert_eq!(cidrs.iter().map(ToString::to_string).collect::<Vec<_>>(), ["10.240.0.0/12", "10.1.0.0/16"]);
    let wrong = config("    nonMasqueradeCIDRs: [10.1.2.3/16]\n    masqLinkLokal: true\n");
    let told = mistakes(&format!("{HEAD}{VNET}managedClusters:\n{clusters}{wrong}"));
    assert!(told.contains("host bits are set") && told.contains("did you mean `masqLinkLocal`?"), "{told}");
}
