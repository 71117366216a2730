//! azure-ip-masq-agent: what leaves the node with the node's address.
//!
//! Source: aks-facts 4.1. AKS sets masqLinkLocal, so there is no exception for 169.254.0.0/16. The
//! quotation marks inside the jump's comment are the agent's own, since November 2023.

use std::collections::BTreeSet;

use ipnet::Ipv4Net;

use super::{Rules, Table};
use crate::topology::{ManagedCluster, NetworkPlugin, Topology};

/// What keeps its source: AKS' own list for the network plugin, then what the lab file adds. A node's list
/// has no order on AKS, where the agent takes it from a map.
pub fn non_masquerade_cidrs(topology: &Topology, cluster: &ManagedCluster) -> Vec<Ipv4Net> {
    let mut cidrs: Vec<Ipv4Net> = vec![];
    if cluster.network_plugin == NetworkPlugin::NodeSubnet {
        let pools = &cluster.agent_pools;
        cidrs.extend(pools.iter().map(|pool| topology.subnet(pool.subnet).address_prefix));
        cidrs.push(cluster.service_cidr);
        let network = pools.first().map(|pool| &topology.virtual_networks[pool.subnet.virtual_network]);
        cidrs.extend(network.into_iter().flat_map(|network| &network.address_prefixes));
    } else {
        cidrs.extend(cluster.pod_cidr);
    }
    cidrs.extend(&cluster.non_masquerade_cidrs);
    let mut seen = BTreeSet::new();
    cidrs.retain(|cidr| seen.insert(*cidr));
    cidrs
}

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
