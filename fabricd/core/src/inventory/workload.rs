//! Deployments, their ReplicaSets and pods, in the shape of `kubectl get -o json`.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::{
        apps::v1::{Deployment, DeploymentStatus, ReplicaSet, ReplicaSetSpec, ReplicaSetStatus},
        core::v1::{HostIP, PodCondition, PodIP, PodStatus},
    },
    apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta, OwnerReference},
};
use serde_json::{Value, json};

use super::{
    Resource,
    kubernetes::{is_heard_of, mark_cluster, to_json},
};
use crate::{
    fault::Faults,
    topology::{Made, ManagedCluster, Pod, Topology, replica_set},
};

/// The label by which a ReplicaSet knows its pods.
const TEMPLATE_HASH: &str = "pod-template-hash";

pub(super) fn deployments(topology: &Topology, faults: &Faults) -> Vec<Resource> {
    let deployments = written(topology).map(|(cluster, written)| {
        let mut deployment = written.clone();
        let namespace = deployment.metadata.namespace.get_or_insert_with(|| "default".to_owned()).clone();
        let name = deployment.metadata.name.clone().unwrap_or_default();
        mark_cluster(topology, cluster, &mut deployment.metadata);
        let replicas = replicas(written);
        if let Some(spec) = &mut deployment.spec {
            spec.replicas = Some(replicas);
        }
        let ready = ready_pods(topology, cluster, faults, written);
        let lost = replicas.saturating_sub(ready);
        deployment.status = Some(DeploymentStatus {
            available_replicas: Some(ready),
            ready_replicas: Some(ready),
            replicas: Some(replicas),
            unavailable_replicas: (lost > 0).then_some(lost),
            updated_replicas: Some(replicas),
            ..DeploymentStatus::default()
        });
        Resource { namespace: Some(namespace), name, object: to_json(&deployment) }
    });
    deployments.collect()
}

/// One for each Deployment: of older templates nothing is kept.
pub(super) fn replica_sets(topology: &Topology, faults: &Faults) -> Vec<Resource> {
    let sets = written(topology).map(|(cluster, deployment)| {
        let namespace = deployment.metadata.namespace.clone().unwrap_or_else(|| "default".to_owned());
        let (Made { name, uid }, hash) = replica_set(topology.lab.as_str(), &cluster.name, deployment);
        let spec = deployment.spec.as_ref();
        let mut template = spec.map(|spec| spec.template.clone()).unwrap_or_default();
        let hashed = |labels: &mut BTreeMap<String, String>| {
            labels.insert(TEMPLATE_HASH.to_owned(), hash.clone());
        };
        let labels = template.metadata.get_or_insert_default().labels.get_or_insert_default();
        hashed(labels);
        let labels = labels.clone();
        let mut selector = spec.and_then(|spec| spec.selector.match_labels.clone()).unwrap_or_default();
        hashed(&mut selector);
        let mut metadata = ObjectMeta {
            name: Some(name.clone()),
            namespace: Some(namespace.clone()),
            labels: Some(labels),
            owner_references: Some(vec![OwnerReference {
                api_version: "apps/v1".to_owned(),
                block_owner_deletion: Some(true),
                controller: Some(true),
                kind: "Deployment".to_owned(),
                name: deployment.metadata.name.clone().unwrap_or_default(),
                uid: deployment.metadata.uid.clone().unwrap_or_default(),
            }]),
            uid: Some(uid),
            ..ObjectMeta::default()
        };
        mark_cluster(topology, cluster, &mut metadata);
        let replicas = replicas(deployment);
        let ready = ready_pods(topology, cluster, faults, deployment);
        let set = ReplicaSet {
            metadata,
            spec: Some(ReplicaSetSpec {
                replicas: Some(replicas),
                selector: LabelSelector { match_labels: Some(selector), ..LabelSelector::default() },
                template: Some(template),
                ..ReplicaSetSpec::default()
            }),
            status: Some(ReplicaSetStatus {
                available_replicas: Some(ready),
                fully_labeled_replicas: Some(replicas),
                ready_replicas: Some(ready),
                replicas,
                ..ReplicaSetStatus::default()
            }),
        };
        let mut object = to_json(&set);
        if deployment.metadata.uid.is_none() {
            // A Deployment has a UID here only if its file gives it one.
            if let Some(owner) = object["metadata"]["ownerReferences"][0].as_object_mut() {
                owner.shift_remove("uid");
            }
        }
        Resource { namespace: Some(namespace), name, object }
    });
    sets.collect()
}

fn written(topology: &Topology) -> impl Iterator<Item = (&ManagedCluster, &Deployment)> {
    let clusters = topology.managed_clusters.iter();
    clusters.flat_map(|cluster| cluster.deployments.iter().map(move |deployment| (cluster, deployment)))
}

fn replicas(deployment: &Deployment) -> i32 {
    deployment.spec.as_ref().map_or(1, |spec| spec.replicas.unwrap_or(1))
}

/// Pods of the Deployment that are ready, without those on nodes that are not heard of.
///
/// Its pods are known by their ReplicaSet. One whose pods were not made yet counts as complete.
fn ready_pods(
    topology: &Topology,
    cluster: &ManagedCluster,
    faults: &Faults,
    deployment: &Deployment,
) -> i32 {
    let (Made { uid, .. }, _) = replica_set(topology.lab.as_str(), &cluster.name, deployment);
    let is_own =
        |pod: &&Pod| pod.manifest.metadata.owner_references.iter().flatten().any(|owner| owner.uid == uid);
    let lost = |pod: &&Pod| !pod.ready || !is_heard_of(faults, &cluster.nodes[pod.node]);
    let lost = cluster.pods.iter().filter(is_own).filter(lost).count();
    replicas(deployment).saturating_sub(i32::try_from(lost).unwrap_or(i32::MAX))
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
///
/// A pod that is not ready has no container that is: which one it was is not known.
fn pod_object(topology: &Topology, faults: &Faults, cluster: &ManagedCluster, pod: &Pod) -> Value {
    let node = &cluster.nodes[pod.node];
    let mut manifest = pod.manifest.as_ref().clone();
    manifest.metadata.name = Some(pod.name.clone());
    manifest.metadata.namespace = Some(pod.namespace.clone());
    mark_cluster(topology, cluster, &mut manifest.metadata);
    let spec = manifest.spec.get_or_insert_default();
    spec.node_name = Some(node.name.clone());
    let containers: Vec<&str> = spec.containers.iter().map(|container| container.name.as_str()).collect();
    let unready = format!("containers with unready status: [{}]", containers.join(" "));
    let statuses: Vec<Value> = spec
        .containers
        .iter()
        .map(|it| json!({ "image": it.image, "name": it.name, "ready": pod.ready, "started": true }))
        .collect();
    let host_ip = node.nic.private_ip_address.to_string();
    let pod_ip = pod.address.map(|address| address.to_string());
    let is_heard_of = is_heard_of(faults, node);
    let condition = |name: &str| {
        let by_containers = matches!(name, "Ready" | "ContainersReady") && !pod.ready;
        let is_false = by_containers || name == "Ready" && !is_heard_of;
        PodCondition {
            status: if is_false { "False" } else { "True" }.to_owned(),
            type_: name.to_owned(),
            // kubelet, status.GenerateContainersReadyCondition.
            reason: by_containers.then(|| "ContainersNotReady".to_owned()),
            message: by_containers.then(|| unready.clone()),
            ..PodCondition::default()
        }
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
    let mut object = to_json(&manifest);
    // Without an `imageID` and the like, which nothing here has.
    if let Some(status) = object["status"].as_object_mut() {
        status.insert("containerStatuses".to_owned(), statuses.into());
        status.sort_keys();
    }
    object
}
