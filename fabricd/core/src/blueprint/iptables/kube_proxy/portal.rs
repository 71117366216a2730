//! What first sees a packet for a Service: KUBE-SERVICES and KUBE-NODEPORTS; and what refuses it there, in the
//! filter table.

use super::{
    super::{Rules, Table},
    service_port::{Facts, ServicePort},
};

/// Writes the rules of `port` on the node of `facts`: for the cluster IP, the load balancer's address, the node
/// port and the health check's, in this order.
pub fn write(rules: &mut Rules, port: &ServicePort<'_>, facts: &Facts<'_>) {
    let ServicePort { name, hash, protocol, .. } = port;
    let (reason, verdict) = facts.refusal();
    let refused = format!("{name} {reason}");
    let at = |address| format!("-d {address}/32 ");

    let cluster_ip = at(port.cluster_ip);
    if facts.has_internal {
        let policy = if port.is_internal_policy_local() { "SVL" } else { "SVC" };
        let packets = port.packets_to(&cluster_ip, &format!("{name} cluster IP"));
        rules.append(Table::Nat, "KUBE-SERVICES", format_args!("{packets} -j KUBE-{policy}-{hash}"));
    } else {
        let packets = port.packets_to(&cluster_ip, &refused);
        rules.append(Table::Filter, "KUBE-SERVICES", format_args!("{packets} -j {verdict}"));
    }

    if let Some(address) = port.load_balancer_ip {
        let address = at(address);
        let guarded = !port.source_ranges().is_empty();
        if facts.has_endpoints {
            let first = if guarded { "FW" } else { "EXT" };
            let packets = port.packets_to(&address, &format!("{name} loadbalancer IP"));
            rules.append(Table::Nat, "KUBE-SERVICES", format_args!("{packets} -j KUBE-{first}-{hash}"));
        }
        if facts.has_endpoints && guarded {
            let packets =
                port.packets_to(&address, &format!("{name} traffic not accepted by KUBE-FW-{hash}"));
            rules.append(Table::Filter, "KUBE-PROXY-FIREWALL", format_args!("{packets} -j DROP"));
        }
        if !facts.has_external {
            let packets = port.packets_to(&address, &refused);
            rules.append(Table::Filter, "KUBE-EXTERNAL-SERVICES", format_args!("{packets} -j {verdict}"));
        }
    }

    if let Some(node_port) = port.node_port {
        if facts.has_endpoints {
            let rule = format_args!(
                "-p {protocol} -m comment --comment \"{name}\" -m {protocol} --dport {node_port} -j KUBE-EXT-{hash}"
            );
            rules.append(Table::Nat, "KUBE-NODEPORTS", rule);
        }
        if !facts.has_external {
            let rule = format_args!(
                "-p {protocol} -m comment --comment \"{refused}\" -m addrtype --dst-type LOCAL -m {protocol} --dport {node_port} -j {verdict}"
            );
            rules.append(Table::Filter, "KUBE-EXTERNAL-SERVICES", rule);
        }
    }

    // Whether or not the node has an endpoint: kube-proxy answers in both cases.
    if let Some(health_check) = port.health_check_node_port {
        let rule = format_args!(
            "-p tcp -m comment --comment \"{name} health check node port\" -m tcp --dport {health_check} -j ACCEPT"
        );
        rules.append(Table::Filter, "KUBE-NODEPORTS", rule);
    }
}
