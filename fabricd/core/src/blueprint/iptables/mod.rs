//! The rules on a node, as `iptables-save` prints them: one file for each component that writes some.

mod cns;
mod guest_agent;
mod ip_masq_agent;
mod kube_proxy;
mod kubelet;

use std::{
    collections::BTreeMap,
    fmt::{self, Write},
    net::Ipv4Addr,
    sync::Arc,
};

use ipnet::Ipv4Net;

use crate::{
    object::{Object, Program, Ruleset},
    topology::{ManagedCluster, NetworkPlugin, Topology},
};

/// The rules of all nodes of a cluster. Nodes whose rules are the same share their text.
pub struct NodeRules<'a> {
    topology: &'a Topology,
    cluster: &'a ManagedCluster,
    kube_proxy: kube_proxy::KubeProxy<'a>,
    rendered: BTreeMap<(kube_proxy::View, Option<Swift>), Arc<str>>,
}

/// A node's pod subnet, and its address.
type Swift = (Ipv4Net, Ipv4Addr);

impl<'a> NodeRules<'a> {
    /// Begins with no node.
    pub fn new(topology: &'a Topology, cluster: &'a ManagedCluster) -> Self {
        let kube_proxy = kube_proxy::KubeProxy::new(cluster);
        Self { topology, cluster, kube_proxy, rendered: BTreeMap::new() }
    }

    /// The rules of the node of this number.
    pub fn of(&mut self, number: usize) -> Object {
        let node = &self.cluster.nodes[number];
        let swift = self.cluster.agent_pools[node.pool]
            .pod_subnet
            .filter(|_| self.cluster.network_plugin == NetworkPlugin::PodSubnet)
            .map(|pods| (self.topology.subnet(pods).address_prefix, node.nic.private_ip_address));
        let key = (self.kube_proxy.view(number), swift);
        let text = match self.rendered.get(&key) {
            Some(text) => text.clone(),
            None => {
                let text: Arc<str> = Arc::from(self.render(number, swift));
                self.rendered.insert(key, text.clone());
                text
            }
        };
        Object::Ruleset(Ruleset { program: Program::Iptables, text })
    }

    fn render(&self, number: usize, swift: Option<Swift>) -> String {
        // The order of these calls is the order of the rules in the chains that they share: kube-proxy
        // puts its jumps first, ip-masq-agent and AKS' bootstrap append theirs (aks-facts 3.3).
        let mut rules = Rules::default();
        self.kube_proxy.write(&mut rules, number);
        kubelet::write(&mut rules);
        guest_agent::write(&mut rules);
        match self.cluster.network_plugin {
            NetworkPlugin::Kubenet | NetworkPlugin::NodeSubnet | NetworkPlugin::Overlay => {
                let cidrs = ip_masq_agent::non_masquerade_cidrs(self.topology, self.cluster);
                ip_masq_agent::write(&mut rules, &cidrs);
            }
            NetworkPlugin::PodSubnet => {
                if let Some((pod_subnet, node)) = swift {
                    cns::write(&mut rules, pod_subnet, node);
                }
            }
            // Whoever brings a plugin says what leaves a node, and how.
            NetworkPlugin::None => {}
        }
        rules.render()
    }
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
    /// The lines of each chain, by its table's number in [`Table::ALL`] and its name.
    chains: [BTreeMap<String, String>; Table::ALL.len()],
}

impl Rules {
    /// Makes a chain, which may stay empty.
    fn chain(&mut self, table: Table, name: &str) {
        self.lines(table, name);
    }

    /// Appends a rule to a chain; `rule` is what stands behind `-A CHAIN` in `iptables-save`.
    fn append(&mut self, table: Table, chain: &str, rule: impl fmt::Display) {
        let _ = writeln!(self.lines(table, chain), "-A {chain} {rule}");
    }

    fn lines(&mut self, table: Table, chain: &str) -> &mut String {
        let chains = &mut self.chains[table as usize];
        if !chains.contains_key(chain) {
            chains.insert(chain.to_owned(), String::new());
        }
        chains.get_mut(chain).expect("it was just put there")
    }

    /// The text that `iptables-restore` takes, with chains and rules in `iptables-save`'s order.
    fn render(&self) -> String {
        let mut text = String::new();
        for table in Table::ALL {
            let chains = &self.chains[table as usize];
            let built_in = table.built_in_chains();
            let own = || chains.iter().filter(|(chain, _)| !built_in.contains(&chain.as_str()));
            let _ = writeln!(text, "*{}", table.name());
            for chain in built_in {
                let _ = writeln!(text, ":{chain} ACCEPT [0:0]");
            }
            for (chain, _) in own() {
                let _ = writeln!(text, ":{chain} - [0:0]");
            }
            text.extend(built_in.iter().filter_map(|chain| chains.get(*chain)).map(String::as_str));
            text.extend(own().map(|(_, lines)| lines.as_str()));
            text.push_str("COMMIT\n");
        }
        text
    }
}
