//! azure-ip-masq-agent: what leaves the node with the node's address.
//!
//! Source: aks-facts 4.1. AKS sets masqLinkLocal, so there is no exception for 169.254.0.0/16. The
//! quotation marks inside the jump's comment are the agent's own, since November 2023.

use ipnet::Ipv4Net;

use super::{Rules, Table};

/// Writes the chain; packets to `non_masquerade_cidrs` keep their source.
pub fn write(rules: &mut Rules, non_masquerade_cidrs: &[Ipv4Net]) {
    rules.append(
        Table::Nat,
        "POSTROUTING",
        r#"-m comment --comment "\"ip-masq-agent: ensure nat POSTROUTING directs all non-LOCAL destination traffic to our custom IP-MASQ-AGENT chain\"" -m addrtype ! --dst-type LOCAL -j IP-MASQ-AGENT"#,
    );
    for cidr in non_masquerade_cidrs {
        rules.append(
            Table::Nat,
            "IP-MASQ-AGENT",
            format!("-d {cidr} -m comment --comment \"ip-masq-agent: local traffic is not subject to MASQUERADE\" -j RETURN"),
        );
    }
    rules.append(
        Table::Nat,
        "IP-MASQ-AGENT",
        "-m comment --comment \"ip-masq-agent: outbound traffic is subject to MASQUERADE (must be last in chain)\" -j MASQUERADE",
    );
}
