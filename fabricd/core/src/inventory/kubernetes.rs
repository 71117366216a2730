//! Kubernetes objects, in the shape of `kubectl get -o json`.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::{
        apps::v1::DeploymentStatus,
        core::v1::{HostIP, PodCondition, PodIP, PodStatus},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use serde_json::{Value, json};

use super::{Kind, Resource};
use crate::{
    fault::Faults,
    place::Place,
    snat::{Allocation, allocations},
    topology::{Departure, ManagedCluster, Node, Pod, Topology, WayOut},
};

/// Which of several clusters an object is of; the lab file's word for it too.
const CLUSTER: &str = "fabricd/cluster";

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
fn is_heard_of(faults: &Faults, node: &Node) -> bool {
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

pub(super) fn deployments(topology: &Topology, faults: &Faults) -> Vec<Resource> {
    let deployments = topology.managed_clusters.iter().flat_map(|cluster| {
        cluster.deployments.iter().map(move |written| {
            let mut deployment = written.clone();
            let namespace = deployment.metadata.namespace.get_or_insert_with(|| "default".to_owned()).clone();
            let name = deployment.metadata.name.clone().unwrap_or_default();
            mark_cluster(topology, cluster, &mut deployment.metadata);
            let replicas = deployment.spec.as_ref().map_or(1, |spec| spec.replicas.unwrap_or(1));
            if let Some(spec) = &mut deployment.spec {
                spec.replicas = Some(replicas);
            }
            let lost = i32::try_from(lost_pods(cluster, faults, &namespace, &name)).unwrap_or(i32::MAX);
            let ready = replicas.saturating_sub(lost);
            deployment.status = Some(DeploymentStatus {
                available_replicas: Some(ready),
                ready_replicas: Some(ready),
                replicas: Some(replicas),
                unavailable_replicas: (lost > 0).then_some(lost),
                updated_replicas: Some(replicas),
                ..DeploymentStatus::default()
            });
            Resource { namespace: Some(namespace), name, object: to_json(&deployment) }
        })
    });
    deployments.collect()
}

/// Pods of the Deployment on nodes that are not heard of. Its ReplicaSet is named after it and the hash of
/// its template, which has no `-`.
fn lost_pods(cluster: &ManagedCluster, faults: &Faults, namespace: &str, deployment: &str) -> usize {
    let of_it = |pod: &&Pod| {
        let owners = pod.manifest.metadata.owner_references.iter().flatten();
        let mut replica_sets = owners.filter(|owner| owner.kind == "ReplicaSet");
        let own = |name: &str| name.rsplit_once('-').is_some_and(|(name, _)| name == deployment);
        pod.namespace == namespace && replica_sets.any(|owner| own(&owner.name))
    };
    let lost = |pod: &&Pod| !is_heard_of(faults, &cluster.nodes[pod.node]);
    if faults.is_empty() { 0 } else { cluster.pods.iter().filter(of_it).filter(lost).count() }
}

pub(super) fn pods(topology: &Topology, faults: &Faults) -> Vec<Resource> {
    let pods = topology.managed_clusters.iter().flat_map(|cluster| {
        cluster.pods.iter().map(move |pod| {
            let object = pod_object(topology, faults, cluster, pod);
            Resource { namespace: Some(pod.namespace.clone()), name: pod.name.clone(), object }
        })
    });
    pods.collect()
}

/// After a node failure only `Ready` becomes false, by the node lifecycle controller: containers are as the
/// kubelet said last, so `kubectl get pods` shows `1/1 Running` until the pod is evicted after 5 minutes.
fn pod_object(topology: &Topology, faults: &Faults, cluster: &ManagedCluster, pod: &Pod) -> Value {
    let node = &cluster.nodes[pod.node];
    let mut manifest = pod.manifest.as_ref().clone();
    manifest.metadata.name = Some(pod.name.clone());
    manifest.metadata.namespace = Some(pod.namespace.clone());
    mark_cluster(topology, cluster, &mut manifest.metadata);
    manifest.spec.get_or_insert_default().node_name = Some(node.name.clone());
    let host_ip = node.nic.private_ip_address.to_string();
    let pod_ip = pod.address.map(|address| address.to_string());
    let ready = is_heard_of(faults, node);
    let condition = |name: &str| PodCondition {
        status: if name == "Ready" && !ready { "False" } else { "True" }.to_owned(),
        type_: name.to_owned(),
        ..PodCondition::default()
    };
    manifest.status = Some(PodStatus {
        conditions: Some(["Initialized", "Ready", "ContainersReady", "PodScheduled"].map(condition).to_vec()),
        host_ip: Some(host_ip.clone()),
        host_ips: Some(vec![HostIP { ip: host_ip }]),
        phase: Some("Running".to_owned()),
        pod_ip: pod_ip.clone(),
        pod_ips: pod_ip.map(|ip| vec![PodIP { ip }]),
        ..PodStatus::default()
    });
    to_json(&manifest)
}

/// Says which cluster an object is of, if there are several.
fn mark_cluster(topology: &Topology, cluster: &ManagedCluster, metadata: &mut ObjectMeta) {
    if topology.managed_clusters.len() > 1 {
        metadata.annotations.get_or_insert_default().insert(CLUSTER.to_owned(), cluster.name.clone());
    }
}

fn to_json(object: &impl serde::Serialize) -> Value {
    serde_json::to_value(object).expect("a Kubernetes object has text keys only, so it is JSON")
}
