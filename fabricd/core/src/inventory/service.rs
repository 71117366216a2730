//! Services and their EndpointSlices, in the shape of `kubectl get -o json`.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{
        ClientIPConfig, LoadBalancerIngress, LoadBalancerStatus, ServicePort as PortManifest, ServiceStatus,
        SessionAffinityConfig,
    },
    apimachinery::pkg::util::intstr::IntOrString,
};
use serde_json::{Map, Value, json};

use super::{
    Kind, Resource,
    kubernetes::{CLUSTER, mark_cluster, to_json},
};
use crate::topology::{
    Endpoint, Made, ManagedCluster, Service, ServicePort, ServiceType, Topology, TrafficPolicy,
    endpoint_slice,
};

/// Endpoints in one EndpointSlice (`--max-endpoints-per-slice` of the controller manager).
const ENDPOINTS_MAX: usize = 100;

pub(super) fn services(topology: &Topology) -> Vec<Resource> {
    let services = all(topology).map(|(cluster, service)| {
        let object = service_object(topology, cluster, service);
        Resource { namespace: Some(service.namespace.clone()), name: service.name.clone(), object }
    });
    services.collect()
}

fn all(topology: &Topology) -> impl Iterator<Item = (&ManagedCluster, &Service)> {
    let clusters = topology.managed_clusters.iter();
    clusters.flat_map(|cluster| cluster.services.iter().map(move |service| (cluster, service)))
}

/// The manifest with what the API server and the controllers fill in.
fn service_object(topology: &Topology, cluster: &ManagedCluster, service: &Service) -> Value {
    let mut manifest = service.manifest.as_ref().clone();
    let metadata = &mut manifest.metadata;
    metadata.name = Some(service.name.clone());
    metadata.namespace = Some(service.namespace.clone());
    metadata.uid = Some(service.uid.clone());
    mark_cluster(topology, cluster, metadata);

    let spec = manifest.spec.get_or_insert_default();
    let is_external_name = matches!(service.service_type, ServiceType::ExternalName(_));
    let ports = service.ports.iter().enumerate().map(|(index, port)| {
        let written = spec.ports.as_ref().and_then(|ports| ports.get(index));
        let target = written.and_then(|port| port.target_port.clone());
        PortManifest {
            app_protocol: port.app_protocol.clone(),
            name: port.name.clone(),
            node_port: port.node_port.map(i32::from),
            port: i32::from(port.port),
            protocol: Some(port.transport.to_string()),
            target_port: Some(target.unwrap_or(IntOrString::Int(i32::from(port.port)))),
        }
    });
    let ports: Vec<PortManifest> = ports.collect();
    spec.ports = Some(ports).filter(|ports| !ports.is_empty());
    spec.selector = Some(service.selector.clone()).filter(|selector| !selector.is_empty());
    spec.type_ = Some(service.service_type.to_string());
    if !is_external_name {
        let address = service.cluster_ip.map_or_else(|| "None".to_owned(), |address| address.to_string());
        spec.cluster_ip = Some(address.clone());
        spec.cluster_ips = Some(vec![address]);
        spec.ip_families = Some(vec!["IPv4".to_owned()]);
        spec.ip_family_policy = Some("SingleStack".to_owned());
        spec.internal_traffic_policy = Some(policy(service.internal_traffic_policy));
    }
    if matches!(service.service_type, ServiceType::NodePort | ServiceType::LoadBalancer) {
        spec.external_traffic_policy = Some(policy(service.external_traffic_policy));
    }
    spec.session_affinity =
        Some(if service.session_affinity.is_some() { "ClientIP" } else { "None" }.to_owned());
    spec.session_affinity_config = service.session_affinity.map(|seconds| SessionAffinityConfig {
        client_ip: Some(ClientIPConfig { timeout_seconds: i32::try_from(seconds).ok() }),
    });
    spec.health_check_node_port = service.health_check_node_port.map(i32::from);
    let ingress = service.frontend.as_ref().map(|frontend| {
        vec![LoadBalancerIngress {
            ip: Some(frontend.address.address.to_string()),
            ip_mode: Some("VIP".to_owned()),
            ..LoadBalancerIngress::default()
        }]
    });
    manifest.status = Some(ServiceStatus {
        load_balancer: Some(LoadBalancerStatus { ingress }),
        ..ServiceStatus::default()
    });
    to_json(&manifest)
}

fn policy(policy: TrafficPolicy) -> String {
    match policy {
        TrafficPolicy::Cluster => "Cluster",
        TrafficPolicy::Local => "Local",
    }
    .to_owned()
}

/// As the EndpointSlice controller makes them: for Services with a selector, the pods whose ports have the same
/// numbers together, at most [`ENDPOINTS_MAX`] in one. A Service without pods has one that is empty.
pub(super) fn endpoint_slices(topology: &Topology) -> Vec<Resource> {
    let with_selector = all(topology).filter(|(_, service)| !service.selector.is_empty());
    let slices = with_selector.flat_map(|(cluster, service)| {
        let groups = by_ports(service);
        let parts: Vec<(Vec<Port>, Vec<&Endpoint>)> = groups
            .iter()
            .flat_map(|(ports, pods)| {
                let pods: Vec<&Endpoint> = pods.values().copied().collect();
                let parts: Vec<_> =
                    pods.chunks(ENDPOINTS_MAX).map(|part| (ports.clone(), part.to_vec())).collect();
                parts
            })
            .collect();
        let parts = if parts.is_empty() { vec![(vec![], vec![])] } else { parts };
        let objects = parts.into_iter().enumerate().map(|(number, (ports, endpoints))| {
            let made = endpoint_slice(topology.lab.as_str(), &cluster.name, service, number);
            let name = made.name.clone();
            let object = slice_object(topology, cluster, service, made, &ports, &endpoints);
            Resource { namespace: Some(service.namespace.clone()), name, object }
        });
        objects.collect::<Vec<_>>()
    });
    slices.collect()
}

/// A port of a Service, as an index, and its number at the pods.
type Port = (usize, u16);

/// The pods of a Service by the ports that they have, each with its first endpoint.
fn by_ports(service: &Service) -> BTreeMap<Vec<Port>, BTreeMap<usize, &Endpoint>> {
    let mut pods: BTreeMap<usize, (Vec<Port>, &Endpoint)> = BTreeMap::new();
    for (index, port) in service.ports.iter().enumerate() {
        for endpoint in &port.endpoints {
            pods.entry(endpoint.pod).or_insert((vec![], endpoint)).0.push((index, endpoint.port));
        }
    }
    let mut groups: BTreeMap<Vec<Port>, BTreeMap<usize, &Endpoint>> = BTreeMap::new();
    for (pod, (ports, endpoint)) in pods {
        groups.entry(ports).or_default().insert(pod, endpoint);
    }
    groups
}

fn slice_object(
    topology: &Topology,
    cluster: &ManagedCluster,
    service: &Service,
    made: Made,
    ports: &[Port],
    endpoints: &[&Endpoint],
) -> Value {
    let endpoint = |endpoint: &&Endpoint| {
        let pod = &cluster.pods[endpoint.pod];
        json!({
            "addresses": [endpoint.address],
            // A pod is ready for packets of Services that publish all, and not serving for itself.
            "conditions": { "ready": endpoint.ready, "serving": pod.ready, "terminating": false },
            "nodeName": cluster.nodes[endpoint.node].name,
            "targetRef": {
                "kind": Kind::Pods.type_name(),
                "name": pod.name,
                "namespace": pod.namespace,
            },
        })
    };
    let port = |(index, number): &Port| {
        let ServicePort { name, transport, app_protocol, .. } = &service.ports[*index];
        let mut object = Map::new();
        if let Some(protocol) = app_protocol {
            object.insert("appProtocol".to_owned(), protocol.clone().into());
        }
        object.insert("name".to_owned(), name.clone().unwrap_or_default().into());
        object.insert("port".to_owned(), (*number).into());
        object.insert("protocol".to_owned(), transport.to_string().into());
        Value::Object(object)
    };
    let mut labels = service.manifest.metadata.labels.clone().unwrap_or_default();
    labels.insert(
        "endpointslice.kubernetes.io/managed-by".to_owned(),
        "endpointslice-controller.k8s.io".to_owned(),
    );
    labels.insert("kubernetes.io/service-name".to_owned(), service.name.clone());
    if service.cluster_ip.is_none() {
        labels.insert("service.kubernetes.io/headless".to_owned(), String::new());
    }
    let Made { name, uid } = made;
    let mut metadata = json!({
        "generateName": format!("{}-", service.name),
        "labels": labels,
        "name": name,
        "namespace": service.namespace,
        "ownerReferences": [{
            "apiVersion": "v1",
            "blockOwnerDeletion": true,
            "controller": true,
            "kind": Kind::Services.type_name(),
            "name": service.name,
            "uid": service.uid,
        }],
        "uid": uid,
    });
    if topology.managed_clusters.len() > 1 {
        metadata["annotations"] = json!({ CLUSTER: cluster.name });
    }
    json!({
        "addressType": "IPv4",
        "apiVersion": "discovery.k8s.io/v1",
        "endpoints": endpoints.iter().map(endpoint).collect::<Vec<_>>(),
        "kind": Kind::EndpointSlices.type_name(),
        "metadata": metadata,
        "ports": ports.iter().map(port).collect::<Vec<_>>(),
    })
}
