//! azure-cns, with a pod subnet: pods ask Azure's own servers as their node.
//!
//! Source: aks-facts 1.3. Everything else keeps the pod's address, so there is no ip-masq-agent.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::{Rules, Table};

/// Writes the chain for pods of `pod_subnet` on the node with the address `node`.
pub fn write(rules: &mut Rules, pod_subnet: Ipv4Net, node: Ipv4Addr) {
    rules.append(Table::Nat, "POSTROUTING", "-j SWIFT-POSTROUTING");
    for (server, protocol, port) in
        [("168.63.129.16", "udp", 53), ("168.63.129.16", "tcp", 53), ("169.254.169.254", "tcp", 80)]
    {
        let rule = format!(
            "-s {pod_subnet} -d {server}/32 -p {protocol} -m addrtype ! --dst-type LOCAL -m {protocol} --dport {port} -j SNAT --to-source {node}"
        );
        rules.append(Table::Nat, "SWIFT-POSTROUTING", rule);
    }
}
