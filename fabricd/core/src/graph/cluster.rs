//! An AKS cluster in a picture: its nodes in one subnet, with their pods.

use super::picture::{Figure, FigureKind, Numbers};
use crate::{
    dns::is_coredns,
    topology::{ManagedCluster, NetworkPlugin, Node, Pod, SubnetIndex, Topology},
};

/// Nodes and pods of which all are shown, and how many of more than that.
const NODES: usize = 12;
const PODS_OF_FEW_NODES: usize = 12;
const PODS: usize = 6;
const PODS_OF_MANY_NODES: usize = 4;
/// Of a pool in a cluster that is shown in part, at least.
const NODES_OF_A_POOL: usize = 2;

/// How much of clusters is shown, so that the picture can be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown {
    /// Most pods of a node.
    pods: usize,
}

impl Shown {
    /// All that fits, by the number of nodes in the lab.
    pub fn of(topology: &Topology) -> Self {
        let nodes: usize = topology.managed_clusters.iter().map(|cluster| cluster.nodes.len()).sum();
        let pods = match nodes {
            0..=4 => PODS_OF_FEW_NODES,
            5..=NODES => PODS,
            _ => PODS_OF_MANY_NODES,
        };
        Self { pods }
    }
}

/// What network plugins are called.
pub(super) fn plugin(plugin: NetworkPlugin) -> &'static str {
    match plugin {
        NetworkPlugin::Kubenet => "kubenet",
        NetworkPlugin::NodeSubnet => "Azure CNI, node subnet",
        NetworkPlugin::PodSubnet => "Azure CNI, pod subnet",
        NetworkPlugin::Overlay => "Azure CNI Overlay",
        NetworkPlugin::None => "no CNI (bring your own)",
    }
}

/// The part of `cluster` that is in `subnet`, if any of its nodes are.
pub(super) fn figure(
    topology: &Topology,
    cluster: &ManagedCluster,
    subnet: SubnetIndex,
    shown: Shown,
    numbers: &mut Numbers,
) -> Option<Figure> {
    let here: Vec<usize> =
        (0..cluster.nodes.len()).filter(|&node| cluster.nodes[node].nic.subnet == subnet).collect();
    if here.is_empty() {
        return None;
    }
    let note = format!("AKS · {}", plugin(cluster.network_plugin));
    let mut figure = numbers.figure(FigureKind::Cluster, &cluster.name, note);
    let services = format!("Services {}", cluster.service_cidr);
    let ranges = cluster.pod_cidr.map(|cidr| format!("pods {cidr} · "));
    figure.details.push(ranges.unwrap_or_default() + &services);

    let mut pods: Vec<Vec<&Pod>> = vec![vec![]; cluster.nodes.len()];
    // CoreDNS is in every cluster: it would hide what the lab is about.
    for pod in cluster.pods.iter().filter(|pod| !is_coredns(pod)) {
        pods[pod.node].push(pod);
    }
    let nodes = nodes(cluster, &here);
    for &number in &nodes {
        figure.figures.push(node(topology, cluster, &cluster.nodes[number], &pods[number], shown, numbers));
    }
    if nodes.len() < here.len() {
        let mut hidden = here.iter().filter(|number| !nodes.contains(number));
        let mut more = numbers.more(here.len() - nodes.len(), "nodes");
        let pods: usize = hidden.by_ref().map(|&number| pods[number].len()).sum();
        more.details.push(format!("with {pods} pods"));
        figure.figures.push(more);
    }
    if cluster.network_plugin == NetworkPlugin::Overlay {
        let cidr = cluster.pod_cidr.map(|cidr| cidr.to_string()).unwrap_or_default();
        let note = format!("the pods of {} alone, beside the VNet", cluster.name);
        figure.figures.push(numbers.figure(
            FigureKind::RoutingDomain,
            format!("Routing domain {cidr}"),
            note,
        ));
    }
    Some(figure)
}

/// Those of the nodes `here` that are shown: all, or the first of each pool.
fn nodes(cluster: &ManagedCluster, here: &[usize]) -> Vec<usize> {
    if here.len() <= NODES {
        return here.to_vec();
    }
    let pools: std::collections::BTreeSet<usize> =
        here.iter().map(|&number| cluster.nodes[number].pool).collect();
    // One place is for how many more there are.
    let each = ((NODES - 1) / pools.len()).max(NODES_OF_A_POOL);
    let mut taken = std::collections::BTreeMap::new();
    let fits = |number: &usize| {
        let taken = taken.entry(cluster.nodes[*number].pool).or_insert(0_usize);
        *taken += 1;
        *taken <= each
    };
    here.iter().copied().filter(fits).collect()
}

fn node(
    topology: &Topology,
    cluster: &ManagedCluster,
    node: &Node,
    pods: &[&Pod],
    shown: Shown,
    numbers: &mut Numbers,
) -> Figure {
    let mut figure = numbers.figure(FigureKind::Node, &node.name, "node");
    figure.details.push(node.nic.private_ip_address.to_string());
    let subnet = |index| &topology.subnet(index).name;
    let range = node.pod_cidr.map(|cidr| cidr.to_string()).unwrap_or_default();
    match cluster.network_plugin {
        NetworkPlugin::Kubenet => figure.details.push(format!("cbr0 {range}")),
        NetworkPlugin::Overlay => figure.details.push(format!("overlay {range}")),
        NetworkPlugin::NodeSubnet => figure.details.push(format!("pods in {}", subnet(node.nic.subnet))),
        NetworkPlugin::PodSubnet => {
            let index = cluster.agent_pools[node.pool].pod_subnet.unwrap_or(node.nic.subnet);
            figure.details.push(format!("pods in {}", subnet(index)));
        }
        NetworkPlugin::None if range.is_empty() => {}
        NetworkPlugin::None => figure.details.push(format!("podCIDR {range}")),
    }
    let fit = if pods.len() <= shown.pods { pods.len() } else { shown.pods - 1 };
    for pod in &pods[..fit] {
        figure.figures.push(self::pod(cluster, pod, numbers));
    }
    if fit < pods.len() {
        figure.figures.push(numbers.more(pods.len() - fit, "pods"));
    }
    figure
}

fn pod(cluster: &ManagedCluster, pod: &Pod, numbers: &mut Numbers) -> Figure {
    let kind = match cluster.network_plugin {
        _ if pod.host_network => FigureKind::HostPod,
        NetworkPlugin::Overlay => FigureKind::OverlayPod,
        _ => FigureKind::Pod,
    };
    let name = match pod.namespace.as_str() {
        "default" => pod.name.clone(),
        namespace => format!("{namespace}/{}", pod.name),
    };
    let mut figure = numbers.figure(kind, name, "pod");
    figure.details.push(match pod.address {
        _ if pod.host_network => "host network".to_owned(),
        Some(address) => address.to_string(),
        None => "no address".to_owned(),
    });
    figure
}
