//! kube-proxy in iptables mode, Kubernetes 1.27 and later.
//!
//! Source: aks-facts 3.3 to 3.5. The two Services of every cluster are there; nothing that could
//! serve them is emulated yet, so they have no endpoints and are refused at once, as kube-proxy does.

use std::net::Ipv4Addr;

use super::{Rules, Table};
use crate::topology::ManagedCluster;

/// A port of a Service that has no endpoints.
struct ServicePort {
    /// `namespace/name:port`.
    name: &'static str,
    cluster_ip: Ipv4Addr,
    protocol: &'static str,
    port: u16,
}

pub fn write(rules: &mut Rules, cluster: &ManagedCluster) {
    write_jumps(rules);
    rules.chain(Table::Mangle, "KUBE-PROXY-CANARY");
    write_filter(rules, &services(cluster));
    write_nat(rules);
}

/// Sorted by name, as kube-proxy does.
fn services(cluster: &ManagedCluster) -> [ServicePort; 3] {
    let api_server = Ipv4Addr::from(u32::from(cluster.service_cidr.network()) + 1);
    let dns = cluster.dns_service_ip;
    [
        ServicePort { name: "default/kubernetes:https", cluster_ip: api_server, protocol: "tcp", port: 443 },
        ServicePort { name: "kube-system/kube-dns:dns", cluster_ip: dns, protocol: "udp", port: 53 },
        ServicePort { name: "kube-system/kube-dns:dns-tcp", cluster_ip: dns, protocol: "tcp", port: 53 },
    ]
}

fn write_jumps(rules: &mut Rules) {
    const FIREWALL: &str = "-m conntrack --ctstate NEW -m comment --comment \"kubernetes load balancer firewall\" -j KUBE-PROXY-FIREWALL";
    const PORTALS: &str =
        "-m conntrack --ctstate NEW -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES";
    const EXTERNAL: &str = "-m conntrack --ctstate NEW -m comment --comment \"kubernetes externally-visible service portals\" -j KUBE-EXTERNAL-SERVICES";
    for (chain, rule) in [
        ("INPUT", FIREWALL),
        ("INPUT", "-m comment --comment \"kubernetes health check service ports\" -j KUBE-NODEPORTS"),
        ("INPUT", EXTERNAL),
        ("FORWARD", FIREWALL),
        ("FORWARD", "-m comment --comment \"kubernetes forwarding rules\" -j KUBE-FORWARD"),
        ("FORWARD", PORTALS),
        ("FORWARD", EXTERNAL),
        ("OUTPUT", FIREWALL),
        ("OUTPUT", PORTALS),
    ] {
        rules.append(Table::Filter, chain, rule);
    }
    for chain in ["PREROUTING", "OUTPUT"] {
        let rule = "-m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES";
        rules.append(Table::Nat, chain, rule);
    }
    let rule = "-m comment --comment \"kubernetes postrouting rules\" -j KUBE-POSTROUTING";
    rules.append(Table::Nat, "POSTROUTING", rule);
}

fn write_filter(rules: &mut Rules, services: &[ServicePort]) {
    for chain in [
        "KUBE-EXTERNAL-SERVICES",
        "KUBE-NODEPORTS",
        "KUBE-PROXY-CANARY",
        "KUBE-PROXY-FIREWALL",
        "KUBE-SERVICES",
    ] {
        rules.chain(Table::Filter, chain);
    }
    for rule in [
        "-m conntrack --ctstate INVALID -j DROP",
        "-m comment --comment \"kubernetes forwarding rules\" -m mark --mark 0x4000/0x4000 -j ACCEPT",
        "-m comment --comment \"kubernetes forwarding conntrack rule\" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    ] {
        rules.append(Table::Filter, "KUBE-FORWARD", rule);
    }
    for ServicePort { name, cluster_ip, protocol, port } in services {
        let rule = format!(
            "-d {cluster_ip}/32 -p {protocol} -m comment --comment \"{name} has no endpoints\" -m {protocol} --dport {port} -j REJECT --reject-with icmp-port-unreachable"
        );
        rules.append(Table::Filter, "KUBE-SERVICES", rule);
    }
}

fn write_nat(rules: &mut Rules) {
    for chain in ["KUBE-NODEPORTS", "KUBE-PROXY-CANARY"] {
        rules.chain(Table::Nat, chain);
    }
    rules.append(Table::Nat, "KUBE-MARK-MASQ", "-j MARK --set-xmark 0x4000/0x4000");
    for rule in [
        "-m mark ! --mark 0x4000/0x4000 -j RETURN",
        "-j MARK --set-xmark 0x4000/0x0",
        "-m comment --comment \"kubernetes service traffic requiring SNAT\" -j MASQUERADE --random-fully",
    ] {
        rules.append(Table::Nat, "KUBE-POSTROUTING", rule);
    }
    rules.append(
        Table::Nat,
        "KUBE-SERVICES",
        "-m comment --comment \"kubernetes service nodeports; NOTE: this must be the last rule in this chain\" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS",
    );
}
