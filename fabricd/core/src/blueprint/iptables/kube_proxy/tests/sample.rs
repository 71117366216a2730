//! The listing of aks-facts 3.4.

use super::{
    super::super::Table,
    fixture::{cluster, listing, load_balanced, port, service, texts},
};
use crate::topology::{ManagedCluster, NetworkPlugin, TrafficPolicy, Transport};

/// The Services of the sample, seen from the first node, in no order.
pub fn sample(network_plugin: NetworkPlugin) -> ManagedCluster {
    let mut front = load_balanced(
        service(
            "shop/front",
            "10.0.88.9",
            vec![port("http", 80, &[("10.244.0.21", 8080), ("10.244.1.22", 8080)])],
        ),
        "20.71.3.5",
        30111,
    );
    front.external_traffic_policy = TrafficPolicy::Local;
    front.health_check_node_port = Some(32017);
    let web = port("", 80, &[("10.244.2.9", 8080), ("10.244.0.13", 8080), ("10.244.1.7", 8080)]);
    let mut sticky = service(
        "default/sticky",
        "10.0.9.9",
        vec![port("", 80, &[("10.244.1.31", 80), ("10.244.0.30", 80)])],
    );
    sticky.session_affinity = Some(10800);
    let dns = [("10.244.0.3", 53), ("10.244.1.2", 53)];
    let mut udp = port("dns", 53, &dns);
    udp.transport = Transport::Udp;
    let metrics = port("", 443, &[("10.244.0.4", 4443), ("10.244.1.3", 4443)]);
    let services = vec![
        front,
        load_balanced(service("default/web", "10.0.150.20", vec![web]), "20.71.3.4", 31380),
        service("kube-system/metrics-server", "10.0.71.33", vec![metrics]),
        service("kube-system/kube-dns", "10.0.0.10", vec![port("dns-tcp", 53, &dns), udp]),
        service("default/kubernetes", "10.0.0.1", vec![port("https", 443, &[("20.103.218.12", 443)])]),
        sticky,
        service("default/empty", "10.0.55.55", vec![port("", 80, &[])]),
    ];
    let mut cluster = cluster(network_plugin, services);
    // The API server is on no node.
    cluster.services[4].ports[0].endpoints[0].node = 0;
    cluster
}

#[test]
fn the_sample_is_what_kube_proxy_writes() {
    let text = &texts(&sample(NetworkPlugin::Overlay))[0];
    assert_eq!(listing(text, Table::Nat).join("\n"), include_str!("sample.rules").trim_end());
}

#[test]
fn the_filter_table_of_the_sample() {
    let text = &texts(&sample(NetworkPlugin::Overlay))[0];
    let lines = listing(text, Table::Filter);
    let expected = r#"-A KUBE-FIREWALL ! -s 127.0.0.0/8 -d 127.0.0.0/8 -m comment --comment "block incoming localnet connections" -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP
-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
-A KUBE-FORWARD -m comment --comment "kubernetes forwarding rules" -m mark --mark 0x4000/0x4000 -j ACCEPT
-A KUBE-FORWARD -m comment --comment "kubernetes forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A KUBE-NODEPORTS -p tcp -m comment --comment "shop/front:http health check node port" -m tcp --dport 32017 -j ACCEPT
-A KUBE-SERVICES -d 10.0.55.55/32 -p tcp -m comment --comment "default/empty has no endpoints" -m tcp --dport 80 -j REJECT --reject-with icmp-port-unreachable"#;
    assert_eq!(lines.join("\n"), expected);
}

#[test]
fn kubenet_tells_pods_by_their_source() {
    let overlay = &texts(&sample(NetworkPlugin::Overlay))[0];
    let kubenet = &texts(&sample(NetworkPlugin::Kubenet))[0];
    let mut expected = overlay.to_string();
    for service in &sample(NetworkPlugin::Overlay).services {
        let address = service.cluster_ip.unwrap();
        expected = expected
            .replace(&format!("-d {address}/32 ! -i azv+"), &format!("! -s 10.244.0.0/16 -d {address}/32"));
    }
    expected = expected.replace("-i azv+", "-s 10.244.0.0/16");
    assert_ne!(**overlay, *expected);
    assert_eq!(**kubenet, *expected);
}

#[test]
fn a_plugin_of_ones_own_may_have_no_pod_cidr() {
    let mut cluster = sample(NetworkPlugin::None);
    let text = texts(&cluster)[0].to_string();
    assert!(text.contains("! -s 10.244.0.0/16 -d 10.0.9.9/32"), "{text}");
    cluster.pod_cidr = None;
    let without = texts(&cluster)[0].to_string();
    let kept = |line: &&str| !line.contains("! -s 10.244.") && !line.contains(" -s 10.244.0.0/16");
    assert_eq!(without, text.lines().filter(kept).map(|line| format!("{line}\n")).collect::<String>());
}

#[test]
fn nodes_share_a_text_if_nothing_differs() {
    let mut cluster = sample(NetworkPlugin::Overlay);
    let shared = |cluster: &ManagedCluster, one: usize, other: usize| {
        let texts = texts(cluster);
        assert_eq!(texts[one] == texts[other], std::sync::Arc::ptr_eq(&texts[one], &texts[other]));
        texts[one] == texts[other]
    };
    // The third node has none of the Service that wants local ones, the first two each another one.
    assert!(!shared(&cluster, 0, 1) && !shared(&cluster, 1, 2));
    cluster.services[0].ports[0].endpoints.pop();
    assert!(!shared(&cluster, 0, 1) && shared(&cluster, 1, 2));
    cluster.services.remove(0);
    assert!(shared(&cluster, 0, 1) && shared(&cluster, 1, 2));
    cluster.services[0].frontend.as_mut().unwrap().source_ranges = vec!["10.224.0.5/32".parse().unwrap()];
    assert!(!shared(&cluster, 0, 1) && shared(&cluster, 0, 2));
}
