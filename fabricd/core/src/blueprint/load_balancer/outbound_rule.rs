//! Outbound: source NAT (aks-facts 4.3).
//!
//! A node has a fixed block of ports of an outbound address. To one destination each port serves one
//! connection: the next one is dropped and counted in the set `failed`, by node and destination.

use std::fmt::Write;

use super::{
    super::{edge, virtual_switch},
    ANSWER,
};
use crate::{
    kernel::RuleSet,
    snat::Allocation,
    topology::{LoadBalancer, ManagedCluster},
};

/// The table of the rules, here and in NAT gateways.
pub const TABLE: &str = "outbound";

/// Counts packets that found no port, by mark of the node, destination, protocol and port.
pub const FAILED: RuleSet = RuleSet { family: "ip", table: TABLE, name: "failed" };

/// The kernel looks at this many ports one after the other and then guesses (`NF_NAT_MAX_ATTEMPTS`): larger
/// blocks are cut, so that their last port is found too.
const PORTS_LOOKED_AT: u32 = 128;

/// The nft rules.
pub fn rules(cluster: &ManagedCluster, balancer: &LoadBalancer, blocks: &[Allocation]) -> String {
    let mut text = virtual_switch::table_head(TABLE);
    edge::timeouts(&mut text, balancer.idle_timeout_minutes, "close : 1, time_wait : 1");
    let members = cluster.nodes.iter().zip(blocks).flat_map(|(node, block)| {
        // Pods that are not masqueraded on the node leave by the node's ports too.
        let pods = node.nic.pod_addresses().filter(|_| cluster.agent_pools[node.pool].pod_subnet.is_some());
        std::iter::once(node.nic.private_ip_address).chain(pods).map(|address| (address, block.mark))
    });
    map(&mut text, "nodes", "ipv4_addr : mark", members.map(|(address, mark)| format!("{address} : {mark}")));
    for block in blocks {
        let _ = writeln!(
            text,
            "  chain block{} {{\n    meta l4proto {{ tcp, udp }} {} comment \"{}\"\n  }}",
            block.mark,
            snat(block),
            block.node.as_deref().unwrap_or_default()
        );
    }
    let chains = blocks.iter().map(|block| format!("{0} : goto block{0}", block.mark));
    map(&mut text, "blocks", "mark : verdict", chains);
    let key = "meta mark . ip daddr . ip protocol . th dport";
    let kind = "type mark . ipv4_addr . inet_proto . inet_service\n    size 65535\n    flags dynamic";
    let _ = write!(
        text,
        "  set used {{\n    {kind}\n  }}\n  set failed {{\n    {kind}\n    counter\n  }}\n  \
         chain forward {{\n    type filter hook forward priority filter; policy drop;\n    \
         meta mark >= {ANSWER:#x} accept comment \"inbound\"\n{}    \
         meta mark set ip saddr map @nodes\n    meta mark 0 drop comment \"not in the backend pool\"\n    \
         ip protocol tcp tcp flags & (fin | syn | rst | ack) != syn reject with tcp reset\n    \
         add @used {{ {key} ct count over {} }} update @failed {{ {key} }} drop\n    accept\n  }}\n  \
         chain postrouting {{\n    type nat hook postrouting priority srcnat; policy accept;\n    \
         oifname \"wan\" meta mark vmap @blocks\n  }}\n",
        edge::NOT_TRANSLATED,
        balancer.ports
    );
    virtual_switch::push_input(&mut text, "");
    text.push_str("}\n");
    text
}

fn map(text: &mut String, name: &str, kind: &str, elements: impl Iterator<Item = String>) {
    let elements: Vec<String> = elements.collect();
    let _ = writeln!(
        text,
        "  map {name} {{\n    type {kind}\n    elements = {{ {} }}\n  }}",
        elements.join(", ")
    );
}

/// The statement that gives a connection a port of the block.
fn snat(block: &Allocation) -> String {
    let Allocation { address, first, last, .. } = block;
    let (first, last) = (u32::from(*first), u32::from(*last));
    let parts: Vec<String> = (first..=last)
        .step_by(PORTS_LOOKED_AT as usize)
        .enumerate()
        .map(|(number, part)| {
            format!("{number} : {address} . {part}-{}", last.min(part + PORTS_LOOKED_AT - 1))
        })
        .collect();
    match parts.len() {
        1 => format!("snat ip to {address}:{first}-{last}"),
        several => format!("snat ip to numgen inc mod {several} map {{ {} }}", parts.join(", ")),
    }
}
