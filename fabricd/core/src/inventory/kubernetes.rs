//! Kubernetes' nodes and namespaces, in the shape of `kubectl get -o json`, and what its objects have alike.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Value, json};

use super::{Kind, Resource};
use crate::{
    fault::Faults,
    place::Place,
    snat::{Allocation, allocations},
    topology::{Departure, ManagedCluster, Node, Topology, WayOut},
};

/// Which of several clusters an object is of; the lab file's word for it too.
pub(super) const CLUSTER: &str = "fabricd/cluster";

/// How what begins on a node leaves for the internet, and as whom.
const OUTBOUND: &str = "fabricd/outbound";

/// The lab itself, for [`Kind::Labs`]: its name, what is in it, and how often it was applied.
pub fn lab(topology: &Topology, generation: u64) -> Resource {
    let sum =
        |count: fn(&ManagedCluster) -> usize| topology.managed_clusters.iter().map(count).sum::<usize>();
    let object = json!({
        "apiVersion": "fabric/v1",
        "kind": Kind::Labs.type_name(),
        "metadata": { "generation": generation, "name": topology.lab.as_str() },
        "status": {
            "managedClusters": topology.managed_clusters.len(),
            "nodes": sum(|cluster| cluster.nodes.len()),
            "onPremises": topology.on_premises.len(),
            "pods": sum(|cluster| cluster.pods.len()),
            "virtualMachines": topology.virtual_machines.len(),
            "virtualNetworks": topology.virtual_networks.len(),
        },
    });
    Resource { namespace: None, name: topology.lab.as_str().to_owned(), object }
}

pub(super) fn nodes(topology: &Topology, faults: &Faults) -> Vec<Resource> {
    let ports = snat_ports(topology);
    let nodes = topology.managed_clusters.iter().flat_map(|cluster| {
        let ports = &ports;
        cluster.nodes.iter().map(move |node| {
            let mut object = node_object(topology, ports, cluster, node);
            if !is_heard_of(faults, node) {
                unreachable(&mut object);
            }
            Resource { namespace: None, name: node.name.clone(), object }
        })
    });
    nodes.collect()
}

fn node_object(
    topology: &Topology,
    ports: &BTreeMap<String, Allocation>,
    cluster: &ManagedCluster,
    node: &Node,
) -> Value {
    let pool = &cluster.agent_pools[node.pool];
    let mut object = json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "annotations": { OUTBOUND: outbound(topology, ports, cluster, node) },
            "labels": {
                "agentpool": pool.name,
                "kubernetes.azure.com/agentpool": pool.name,
                "kubernetes.io/hostname": node.name,
                "kubernetes.io/os": "linux",
            },
            "name": node.name,
        },
        "spec": {},
        "status": {
            "addresses": [
                { "address": node.nic.private_ip_address, "type": "InternalIP" },
                { "address": node.name, "type": "Hostname" },
            ],
            "capacity": { "pods": pool.max_pods.to_string() },
            "conditions": [{ "status": "True", "type": "Ready" }],
            "nodeInfo": {
                "kubeletVersion": format!("v{}", node.kubernetes_version),
                "operatingSystem": "linux",
                "osImage": "Ubuntu 22.04.5 LTS",
            },
        },
    });
    if let Some(pod_cidr) = node.pod_cidr {
        object["spec"] = json!({ "podCIDR": pod_cidr, "podCIDRs": [pod_cidr] });
    }
    if topology.managed_clusters.len() > 1 {
        object["metadata"]["annotations"][CLUSTER] = cluster.name.clone().into();
    }
    object
}

/// The ports of each node on the load balancer of its cluster.
fn snat_ports(topology: &Topology) -> BTreeMap<String, Allocation> {
    allocations(topology).into_iter().filter_map(|it| Some((it.node.clone()?, it))).collect()
}

/// `198.51.100.1, ports 1024-2047, by loadBalancer/aks`; pods are told too if they leave otherwise.
fn outbound(
    topology: &Topology,
    ports: &BTreeMap<String, Allocation>,
    cluster: &ManagedCluster,
    node: &Node,
) -> String {
    let place = Place::Node { name: node.name.clone() };
    let departure = |subnet| topology.departure(&place, &node.nic, subnet);
    let words = |departure: Departure| match departure {
        Departure::WayOut(way_out) => {
            let (name, addresses) = topology.name_of_way_out(way_out);
            match (way_out, ports.get(&node.name)) {
                (WayOut::LoadBalancer(_), Some(Allocation { address, first, last, .. })) => {
                    format!("{address}, ports {first}-{last}, by {name}")
                }
                _ => {
                    let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                    format!("{}, by {name}", addresses.join(", "))
                }
            }
        }
        Departure::VirtualAppliance(address) => {
            match topology.azure_firewalls.iter().find(|it| it.private_ip_address == address) {
                Some(firewall) => {
                    let public = firewall.public_addresses.iter().map(|it| it.address.to_string());
                    let public: Vec<String> = public.collect();
                    format!("{}, by azureFirewall/{}", public.join(", "), firewall.name)
                }
                None => format!("by the virtual appliance {address}"),
            }
        }
        Departure::VirtualNetworkGateway => "by the virtual network gateway".to_owned(),
        Departure::Nowhere => "none".to_owned(),
    };
    let own = departure(node.nic.subnet);
    let of_pods = cluster.agent_pools[node.pool].pod_subnet.map(departure).filter(|of_pods| *of_pods != own);
    match of_pods {
        Some(of_pods) => format!("{}; its pods: {}", words(own), words(of_pods)),
        None => words(own),
    }
}

/// Whether the API server hears of the node's kubelet.
pub(super) fn is_heard_of(faults: &Faults, node: &Node) -> bool {
    !faults.cut_off(&Place::Node { name: node.name.clone() })
}

/// What the node lifecycle controller makes of a node whose kubelet has posted no status for 40 seconds.
fn unreachable(node: &mut Value) {
    const TAINT: &str = "node.kubernetes.io/unreachable";
    node["status"]["conditions"] = json!([{
        "message": "Kubelet stopped posting node status.",
        "reason": "NodeStatusUnknown",
        "status": "Unknown",
        "type": "Ready",
    }]);
    node["spec"]["taints"] =
        json!([{ "effect": "NoSchedule", "key": TAINT }, { "effect": "NoExecute", "key": TAINT }]);
}

pub(super) fn namespaces(topology: &Topology) -> Vec<Resource> {
    let namespaces = topology.managed_clusters.iter().flat_map(|cluster| {
        cluster.namespaces.iter().map(move |name| {
            let mut object = json!({
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": { "labels": { "kubernetes.io/metadata.name": name }, "name": name },
                "status": { "phase": "Active" },
            });
            if topology.managed_clusters.len() > 1 {
                object["metadata"]["annotations"] = json!({ CLUSTER: cluster.name });
            }
            Resource { namespace: None, name: name.clone(), object }
        })
    });
    namespaces.collect()
}

/// Says which cluster an object is of, if there are several.
pub(super) fn mark_cluster(topology: &Topology, cluster: &ManagedCluster, metadata: &mut ObjectMeta) {
    if topology.managed_clusters.len() > 1 {
        metadata.annotations.get_or_insert_default().insert(CLUSTER.to_owned(), cluster.name.clone());
    }
}

pub(super) fn to_json(object: &impl serde::Serialize) -> Value {
    serde_json::to_value(object).expect("a Kubernetes object has text keys only, so it is JSON")
}
