//! The two Services that every cluster has: the API server's and the DNS server's.
//!
//! Source: aks-facts 3.4, 5.2.

use std::net::Ipv4Addr;

use k8s_openapi::api::core::v1::Service as Manifest;
use serde_json::{Value, json};

use super::{Service, ServicePort, ServiceType, TrafficPolicy, Transport, port::Target};
use crate::topology::{ManagedCluster, derived_name::uid};

/// The API server's address: the first of the range.
pub(super) fn api_server(cluster: &ManagedCluster) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(cluster.service_cidr.network()) + 1)
}

/// Both, and the ports of their pods.
pub(super) fn services(lab: &str, cluster: &ManagedCluster) -> [(Service, Vec<Target>); 2] {
    let https = (Some("https"), Transport::Tcp, 443);
    let kubernetes = service(
        (lab, cluster),
        ("default", "kubernetes", api_server(cluster)),
        &[https],
        json!({"component": "apiserver", "provider": "kubernetes"}),
        Value::Null,
    );
    let dns = service(
        (lab, cluster),
        ("kube-system", "kube-dns", cluster.dns_service_ip),
        &[(Some("dns"), Transport::Udp, 53), (Some("dns-tcp"), Transport::Tcp, 53)],
        json!({"k8s-app": "kube-dns", "kubernetes.io/name": "CoreDNS"}),
        json!({"k8s-app": "kube-dns"}),
    );
    [kubernetes, dns]
}

fn service(
    (lab, cluster): (&str, &ManagedCluster),
    (namespace, name, address): (&str, &str, Ipv4Addr),
    ports: &[(Option<&str>, Transport, u16)],
    labels: Value,
    selector: Value,
) -> (Service, Vec<Target>) {
    let written: Vec<Value> = ports
        .iter()
        .map(|(name, transport, port)| {
            json!({"name": name, "protocol": transport.to_string(), "port": port, "targetPort": port})
        })
        .collect();
    let manifest: Manifest = serde_json::from_value(json!({
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"clusterIP": address.to_string(), "ports": written, "selector": selector},
    }))
    .unwrap_or_default();
    let of = |(name, transport, port): &(Option<&str>, Transport, u16)| ServicePort {
        name: name.map(str::to_owned),
        transport: *transport,
        port: *port,
        node_port: None,
        app_protocol: None,
        endpoints: vec![],
        unhealthy: std::collections::BTreeSet::new(),
    };
    let service = Service {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        uid: uid(&[lab, &cluster.name, namespace, "Service", name]),
        service_type: ServiceType::ClusterIp,
        cluster_ip: Some(address),
        ports: ports.iter().map(of).collect(),
        selector: manifest.spec.as_ref().and_then(|spec| spec.selector.clone()).unwrap_or_default(),
        session_affinity: None,
        internal_traffic_policy: TrafficPolicy::Cluster,
        external_traffic_policy: TrafficPolicy::Cluster,
        publish_not_ready_addresses: false,
        frontend: None,
        health_check_node_port: None,
        manifest: Box::new(manifest),
    };
    (service, ports.iter().map(|(_, _, port)| Target::Number(*port)).collect())
}
