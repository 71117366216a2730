//! The rows of aks-facts 3.5: each changes one thing of one Service.

use insta::assert_snapshot;

use super::{
    super::super::Table,
    fixture::{about, cluster, listing, load_balanced, port, service, texts},
};
use crate::topology::{ManagedCluster, NetworkPlugin, Service, TrafficPolicy};

/// A Service with an endpoint on each of the first two nodes.
fn web() -> Service {
    service("default/web", "10.0.0.8", vec![port("", 80, &[("10.244.0.9", 8080), ("10.244.1.9", 8080)])])
}

fn balanced() -> Service {
    load_balanced(web(), "20.71.3.4", 31380)
}

fn overlay(service: Service) -> ManagedCluster {
    cluster(NetworkPlugin::Overlay, vec![service])
}

fn rules(node: usize, service: Service) -> String {
    about(&overlay(service), node, "default/web")
}

#[test]
fn a_cluster_ip() {
    assert_snapshot!(rules(0, web()));
}

#[test]
fn a_node_port() {
    let mut service = web();
    service.ports[0].node_port = Some(31380);
    assert_snapshot!(rules(0, service));
}

#[test]
fn a_load_balancer() {
    assert_snapshot!(rules(2, balanced()));
}

#[test]
fn external_policy_local_with_an_endpoint() {
    let mut service = balanced();
    service.external_traffic_policy = TrafficPolicy::Local;
    service.health_check_node_port = Some(32017);
    assert_snapshot!(rules(0, service));
}

#[test]
fn external_policy_local_without_an_endpoint() {
    let mut service = balanced();
    service.external_traffic_policy = TrafficPolicy::Local;
    service.health_check_node_port = Some(32017);
    assert_snapshot!(rules(2, service));
}

#[test]
fn internal_policy_local_with_an_endpoint() {
    let mut service = web();
    service.internal_traffic_policy = TrafficPolicy::Local;
    assert_snapshot!(rules(1, service));
}

#[test]
fn internal_policy_local_without_an_endpoint() {
    let mut service = balanced();
    service.internal_traffic_policy = TrafficPolicy::Local;
    assert_snapshot!(rules(2, service.clone()));
    service.frontend = None;
    service.ports[0].node_port = None;
    assert_snapshot!(rules(2, service));
}

#[test]
fn no_endpoints() {
    let mut service = balanced();
    service.external_traffic_policy = TrafficPolicy::Local;
    service.health_check_node_port = Some(32017);
    // A pod that is not ready gets no packets.
    for endpoint in &mut service.ports[0].endpoints {
        endpoint.ready = false;
    }
    service.frontend.as_mut().unwrap().source_ranges = vec!["192.0.2.0/24".parse().unwrap()];
    assert_snapshot!(rules(0, service));
}

#[test]
fn source_ranges() {
    let mut service = balanced();
    let ranges = ["192.0.2.77/24", "10.224.0.0/16"].map(|range| range.parse().unwrap());
    service.frontend.as_mut().unwrap().source_ranges = ranges.to_vec();
    assert_snapshot!(rules(0, service.clone()));
    service.frontend.as_mut().unwrap().source_ranges = vec!["0.0.0.0/0".parse().unwrap()];
    let all = rules(0, service);
    let line = r#"-A KUBE-FW-LOLE4ISW44XBNF3G -m comment --comment "default/web loadbalancer IP" -j KUBE-EXT-LOLE4ISW44XBNF3G"#;
    assert!(all.contains(line), "{all}");
}

#[test]
fn affinity() {
    let mut service = balanced();
    service.session_affinity = Some(600);
    service.external_traffic_policy = TrafficPolicy::Local;
    assert_snapshot!(rules(0, service));
}

#[test]
fn endpoints_are_sorted_as_texts() {
    let mut service = web();
    service.ports = vec![port("", 80, &[("10.244.0.9", 80), ("10.244.0.10", 80), ("10.244.0.10", 80)])];
    let rules = rules(0, service);
    let at = |text: &str| rules.match_indices(text).map(|(at, _)| at).collect::<Vec<_>>();
    let (ten, nine) = (at("web -> 10.244.0.10:80"), at("web -> 10.244.0.9:80"));
    assert!(ten.len() == 1 && nine.len() == 1 && ten < nine, "{rules}");
}

#[test]
fn no_packets_for_headless_services() {
    let mut service = web();
    service.cluster_ip = None;
    assert_eq!(rules(0, service), "filter:");
}

#[test]
fn comments_of_endpoints_go_in_a_large_cluster() {
    let with = |endpoints: u16| {
        let addresses: Vec<String> =
            (0..endpoints).map(|n| format!("10.244.{}.{}", n / 250, n % 250 + 2)).collect();
        let endpoints: Vec<_> = addresses.iter().map(|address| (address.as_str(), 80)).collect();
        let service = service("default/web", "10.0.0.8", vec![port("", 80, &endpoints)]);
        let text = texts(&overlay(service))[0].clone();
        listing(&text, Table::Nat)
    };
    let (small, large) = (with(1000), with(1001));
    let of_endpoints = |lines: &[String]| {
        let lines = lines.iter().filter(|line| line.contains("KUBE-SEP-"));
        lines.map(|line| line.contains("--comment")).collect::<Vec<_>>()
    };
    assert_eq!(of_endpoints(&small), vec![true; 3000]);
    assert_eq!(of_endpoints(&large), vec![false; 3003]);
    assert!(large.iter().any(|line| line.contains("default/web cluster IP")));
}
