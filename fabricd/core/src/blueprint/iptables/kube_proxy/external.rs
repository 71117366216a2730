//! What comes from outside the cluster: the chains KUBE-EXT and KUBE-FW of a Service port.

use std::net::Ipv4Addr;

use super::{
    super::{Rules, Table},
    detect_local::DetectLocal,
    service_port::{Facts, ServicePort},
};

/// Writes the chains that `port` needs on the node with the address `node`.
pub fn write(
    rules: &mut Rules,
    port: &ServicePort<'_>,
    facts: &Facts<'_>,
    detect_local: Option<&DetectLocal>,
    node: Ipv4Addr,
) {
    if !facts.has_endpoints || !port.is_externally_accessible() {
        return;
    }
    write_external(rules, port, facts, detect_local);
    if let Some(address) = port.load_balancer_ip.filter(|_| !port.source_ranges().is_empty()) {
        write_firewall(rules, port, address, node);
    }
}

fn write_external(
    rules: &mut Rules,
    port: &ServicePort<'_>,
    facts: &Facts<'_>,
    detect_local: Option<&DetectLocal>,
) {
    let ServicePort { name, hash, .. } = port;
    let chain = format!("KUBE-EXT-{hash}");
    let mut add = |rule: std::fmt::Arguments<'_>| rules.append(Table::Nat, &chain, rule);
    if port.is_external_policy_local() {
        // The node's pods and the node itself are treated as if they had gone out and come back by the load
        // balancer: they reach endpoints of all nodes. A node's own packet has the address it asks for as its
        // source, so it must get another.
        if let Some(detect_local) = detect_local {
            let local = detect_local.if_local();
            add(format_args!(
                "{local} -m comment --comment \"pod traffic for {name} external destinations\" -j KUBE-SVC-{hash}"
            ));
        }
        add(format_args!(
            "-m comment --comment \"masquerade LOCAL traffic for {name} external destinations\" -m addrtype --src-type LOCAL -j KUBE-MARK-MASQ"
        ));
        add(format_args!(
            "-m comment --comment \"route LOCAL traffic for {name} external destinations\" -m addrtype --src-type LOCAL -j KUBE-SVC-{hash}"
        ));
        if facts.has_external {
            add(format_args!("-j KUBE-SVL-{hash}"));
        }
    } else {
        // The endpoint may be on another node, and its answer must come back by this one.
        add(format_args!(
            "-m comment --comment \"masquerade traffic for {name} external destinations\" -j KUBE-MARK-MASQ"
        ));
        add(format_args!("-j KUBE-SVC-{hash}"));
    }
}

/// `loadBalancerSourceRanges`: what reaches the end of the chain is not translated, and dropped by
/// KUBE-PROXY-FIREWALL.
fn write_firewall(rules: &mut Rules, port: &ServicePort<'_>, load_balancer_ip: Ipv4Addr, node: Ipv4Addr) {
    let ServicePort { name, hash, .. } = port;
    let chain = format!("KUBE-FW-{hash}");
    let mut admit = |source: String| {
        let rule = format_args!("{source}-m comment --comment \"{name} loadbalancer IP\" -j KUBE-EXT-{hash}");
        rules.append(Table::Nat, &chain, rule);
    };
    let ranges = port.source_ranges();
    for range in ranges {
        // iptables-save leaves out a match of everything.
        admit(if range.prefix_len() == 0 { String::new() } else { format!("-s {} ", range.trunc()) });
    }
    if ranges.iter().any(|range| range.contains(&node)) {
        admit(format!("-s {load_balancer_ip}/32 "));
    }
    let rule = format_args!(
        "-m comment --comment \"other traffic to {name} will be dropped by KUBE-PROXY-FIREWALL\""
    );
    rules.append(Table::Nat, &chain, rule);
}
