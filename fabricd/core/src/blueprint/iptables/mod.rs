//! The rules on a node, as `iptables-save` prints them: one file for each component that writes some.

mod cns;
mod guest_agent;
mod ip_masq_agent;
mod kube_proxy;
mod kubelet;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    sync::Arc,
};

use crate::{
    object::{Object, Program, Ruleset},
    topology::{ManagedCluster, NetworkPlugin, Node, Topology},
};

/// The rules of a node of `cluster`.
pub fn node(topology: &Topology, cluster: &ManagedCluster, node: &Node) -> Object {
    // The order of these calls is the order of the rules in the chains that they share: kube-proxy
    // puts its jumps first, ip-masq-agent and AKS' bootstrap append theirs (aks-facts 3.3).
    let mut rules = Rules::default();
    kube_proxy::write(&mut rules, cluster);
    kubelet::write(&mut rules);
    guest_agent::write(&mut rules);
    match cluster.network_plugin {
        NetworkPlugin::Kubenet | NetworkPlugin::NodeSubnet | NetworkPlugin::Overlay => {
            ip_masq_agent::write(&mut rules, &ip_masq_agent::non_masquerade_cidrs(topology, cluster));
        }
        NetworkPlugin::PodSubnet => {
            if let Some(pods) = cluster.agent_pools[node.pool].pod_subnet {
                let pod_subnet = topology.subnet(pods).address_prefix;
                cns::write(&mut rules, pod_subnet, node.nic.private_ip_address);
            }
        }
        // Whoever brings a plugin says what leaves a node, and how.
        NetworkPlugin::None => {}
    }
    Object::Ruleset(Ruleset { program: Program::Iptables, text: Arc::from(rules.render()) })
}

/// A table of iptables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Table {
    Mangle,
    Security,
    Filter,
    Nat,
}

impl Table {
    const ALL: [Self; 4] = [Self::Mangle, Self::Security, Self::Filter, Self::Nat];

    fn name(self) -> &'static str {
        match self {
            Self::Mangle => "mangle",
            Self::Security => "security",
            Self::Filter => "filter",
            Self::Nat => "nat",
        }
    }

    fn built_in_chains(self) -> &'static [&'static str] {
        match self {
            Self::Mangle => &["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"],
            Self::Security | Self::Filter => &["INPUT", "FORWARD", "OUTPUT"],
            Self::Nat => &["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"],
        }
    }
}

/// All rules of one node, in the making.
#[derive(Default)]
struct Rules {
    chains: BTreeSet<(Table, String)>,
    rules: BTreeMap<(Table, String), Vec<String>>,
}

impl Rules {
    /// Makes a chain, which may stay empty.
    fn chain(&mut self, table: Table, name: &str) {
        self.chains.insert((table, name.to_owned()));
    }

    /// Appends a rule to a chain; `rule` is what stands behind `-A CHAIN` in `iptables-save`.
    fn append(&mut self, table: Table, chain: &str, rule: impl Into<String>) {
        if !table.built_in_chains().contains(&chain) {
            self.chain(table, chain);
        }
        self.rules.entry((table, chain.to_owned())).or_default().push(rule.into());
    }

    /// The text that `iptables-restore` takes, with chains and rules in `iptables-save`'s order.
    fn render(&self) -> String {
        let mut text = String::new();
        for table in Table::ALL {
            let _ = writeln!(text, "*{}", table.name());
            for chain in table.built_in_chains() {
                let _ = writeln!(text, ":{chain} ACCEPT [0:0]");
            }
            let own = self.chains.iter().filter(|(of, _)| *of == table).map(|(_, chain)| chain.as_str());
            let own: Vec<&str> = own.collect();
            for chain in &own {
                let _ = writeln!(text, ":{chain} - [0:0]");
            }
            for chain in table.built_in_chains().iter().copied().chain(own) {
                for rule in self.rules.get(&(table, chain.to_owned())).into_iter().flatten() {
                    let _ = writeln!(text, "-A {chain} {rule}");
                }
            }
            text.push_str("COMMIT\n");
        }
        text
    }
}
