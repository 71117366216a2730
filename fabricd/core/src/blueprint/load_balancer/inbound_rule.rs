//! Inbound: a healthy node for each new flow, by hash; what is established stays where it is (aks-facts 3.6).
//!
//! Flows are a map of our own, and untracked: answers to clients in VNets pass the load balancer by (DSR), and of
//! such connections the kernel's tracking calls all but the first packet invalid. The mark of a packet is the
//! address of the node that it goes to, so a flow stays with its node whoever else comes or goes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use ipnet::{IpNet, Ipv4Net};

use super::{
    super::{
        Blueprint, edge,
        underlay::link_route,
        virtual_switch::{no_table, push_input, set},
    },
    ANSWER,
    load_balancing::{LoadBalancingRule, Rules},
};
use crate::{
    object::{Neighbour, NeighbourKind, NextHop, Object, PROTOCOL_BOOT, Route, Rule},
    place::Place,
    topology::{ManagedCluster, Node},
};

/// The table of the rules.
const TABLE: &str = "inbound";
/// Where the routing rules of members stand, by the last bits of their addresses.
const FIRST_PRIORITY: u32 = 1000;
const PRIORITIES: u32 = 1 << 14;

/// The way to each node, and who answers for frontends.
pub fn draw(
    blueprint: &mut Blueprint,
    cluster: &ManagedCluster,
    place: &Place,
    frontends: &Rules<'_>,
    links: &edge::Links,
) {
    for (address, rules) in frontends {
        let Some(rule) = rules.values().next() else { continue };
        let cause: Arc<str> =
            Arc::from(format!("loadBalancer/{}/{}", cluster.name, rule.frontend.address.name));
        // An address is answered for only where a route leads to another link.
        let (near, far) = if rule.frontend.subnet.is_some() {
            (&links.vnet, &links.wan)
        } else {
            (&links.wan, &links.vnet)
        };
        link_route(blueprint, place, &cause, far, Ipv4Net::from(*address));
        let answers =
            Neighbour { link: near.clone(), address: IpAddr::V4(*address), kind: NeighbourKind::Proxy };
        blueprint.add(place, &cause, Object::Neighbour(answers));
    }
    if frontends.is_empty() {
        return;
    }
    let cause: Arc<str> = Arc::from(format!("loadBalancer/{}/backendPool", cluster.name));
    let mut taken = BTreeSet::new();
    for node in &cluster.nodes {
        let member = mark(node);
        let mut wish = member % PRIORITIES;
        while !taken.insert(wish) {
            wish = (wish + 1) % PRIORITIES;
        }
        let priority = FIRST_PRIORITY + wish;
        let rule = Rule { priority, input: None, from: None, mark: Some(member), table: member };
        blueprint.add(place, &cause, Object::Rule(rule));
        let gateway = IpAddr::V4(node.nic.private_ip_address);
        let route = Route {
            table: member,
            destination: IpNet::V4(Ipv4Net::default()),
            metric: 0,
            next_hop: NextHop::Via { gateway, link: links.vnet.clone(), onlink: true },
            protocol: PROTOCOL_BOOT,
            source: None,
        };
        blueprint.add(place, &cause, Object::Route(route));
    }
}

/// The member that a packet goes to: the node's address as a number. It is the number of its table too.
fn mark(node: &Node) -> u32 {
    u32::from(node.nic.private_ip_address)
}

/// The nft rules. They are replaced without the table, so that its flows stay; hence no chain or set that comes
/// and goes with what the lab has.
pub fn rules(cluster: &ManagedCluster, frontends: &Rules<'_>) -> String {
    let all: Vec<&LoadBalancingRule<'_>> = frontends.values().flat_map(BTreeMap::values).collect();
    if frontends.is_empty() {
        return no_table(TABLE);
    }
    let mut text = format!(
        "table ip {TABLE}\nflush table ip {TABLE}\ntable ip {TABLE} {{\n  map flows {{\n    \
         type ipv4_addr . inet_service . ipv4_addr . inet_service : mark\n    size 65535\n    flags dynamic,timeout\n  }}\n"
    );
    text.push_str("  chain choose {\n");
    for rule in &all {
        choose(&mut text, cluster, rule);
    }
    text.push_str("  }\n");
    remember(&mut text, &all);
    prerouting(&mut text, cluster, frontends, &all);
    text.push_str("  chain forward {\n    type filter hook forward priority filter; policy accept;\n");
    if cluster.outbound.load_balancer.is_none() {
        let _ = writeln!(text, "    meta mark < {ANSWER:#x} drop comment \"no outbound rule\"");
    }
    text.push_str("  }\n");
    push_input(&mut text, "");
    output(&mut text, frontends);
    text.push_str("}\n");
    text
}

/// Nothing is told about packets that are lost. A reset to who is in no VNet of the load balancer's own has no
/// way there.
fn output(text: &mut String, frontends: &Rules<'_>) {
    let internal =
        frontends.iter().filter(|(_, rules)| rules.values().any(|it| it.frontend.subnet.is_some()));
    let internal: Vec<String> = internal.map(|(address, _)| address.to_string()).collect();
    text.push_str("  chain output {\n    type filter hook output priority filter; policy accept;\n    ip protocol icmp drop\n");
    if !internal.is_empty() {
        let _ = writeln!(text, "    oifname \"wan\" ip saddr {} drop", set(&internal));
    }
    text.push_str("  }\n");
}

/// One line that chooses among all nodes, so that the loss of one moves nobody else; what falls to one that is
/// not healthy is chosen again.
fn choose(text: &mut String, cluster: &ManagedCluster, rule: &LoadBalancingRule<'_>) {
    let transport = rule.transport.lower();
    let address = rule.frontend.address.address;
    let fits = format!("ip daddr {address} {transport} dport {}", rule.port);
    let key = if rule.source_ip {
        "ip saddr . ip daddr".to_owned()
    } else {
        format!("ip saddr . {transport} sport . ip daddr . {transport} dport")
    };
    let mut line = |condition: &str, seed: u32, among: usize, members: Vec<(usize, usize)>| {
        let members: Vec<String> = members
            .into_iter()
            .map(|(number, node)| format!("{number} : {:#010x}", mark(&cluster.nodes[node])))
            .collect();
        let _ = writeln!(
            text,
            "    {condition}{fits} meta mark set jhash {key} mod {among} seed {seed:#x} map {{ {} }} comment \"{}\"",
            members.join(", "),
            rule.name
        );
    };
    let nodes = cluster.nodes.len();
    if rule.healthy.is_empty() {
        return;
    }
    line("", 1, nodes, rule.healthy.iter().map(|node| (*node, *node)).collect());
    if rule.healthy.len() < nodes {
        line("meta mark 0 ", 2, rule.healthy.len(), rule.healthy.iter().copied().enumerate().collect());
    }
}

/// Notes where a TCP flow went, for as long as its frontend's idle timeout.
fn remember(text: &mut String, all: &[&LoadBalancingRule<'_>]) {
    let mut by_timeout: BTreeMap<u32, BTreeSet<Ipv4Addr>> = BTreeMap::new();
    for rule in all {
        let minutes = rule.frontend.idle_timeout_minutes;
        by_timeout.entry(minutes).or_default().insert(rule.frontend.address.address);
    }
    text.push_str("  chain remember {\n");
    for (minutes, addresses) in by_timeout {
        let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        let _ = writeln!(
            text,
            "    ip daddr {} update @flows {{ ip saddr . tcp sport . ip daddr . tcp dport timeout {minutes}m : meta mark }}",
            set(&addresses)
        );
    }
    text.push_str("    accept\n  }\n");
}

/// The first look at each packet. An address of the outbound rule can be a frontend too: what is for none of
/// its rules is an answer from the internet then.
fn prerouting(
    text: &mut String,
    cluster: &ManagedCluster,
    frontends: &Rules<'_>,
    all: &[&LoadBalancingRule<'_>],
) {
    let is_public = |rule: &&&LoadBalancingRule<'_>| rule.frontend.subnet.is_none();
    let elements = |rules: Vec<&&LoadBalancingRule<'_>>| {
        let elements: Vec<String> = rules.into_iter().map(|rule| rule.element()).collect();
        (!elements.is_empty()).then(|| format!("{{ {} }}", elements.join(", ")))
    };
    text.push_str("  chain prerouting {\n    type filter hook prerouting priority raw; policy accept;\n");
    let public = elements(all.iter().filter(is_public).collect());
    let internal = elements(all.iter().filter(|rule| !is_public(rule)).collect());
    if let Some(public) = &public {
        let _ = writeln!(
            text,
            "    iifname \"vnet\" ip saddr . meta l4proto . th sport {public} notrack meta mark set {ANSWER:#x} accept"
        );
    }
    for (link, elements) in [("wan", &public), ("vnet", &internal)] {
        if let Some(elements) = elements {
            let _ = writeln!(
                text,
                "    iifname \"{link}\" ip daddr . meta l4proto . th dport {elements} goto inbound"
            );
        }
    }
    let outbound: Vec<Ipv4Addr> = cluster
        .outbound
        .load_balancer
        .iter()
        .flat_map(|it| &it.frontends)
        .map(|frontend| frontend.address)
        .collect();
    let only_inbound: Vec<String> =
        frontends.keys().filter(|address| !outbound.contains(address)).map(ToString::to_string).collect();
    if !only_inbound.is_empty() {
        let _ = writeln!(text, "    ip daddr {} drop comment \"no rule\"", set(&only_inbound));
    }
    text.push_str("  }\n");
    text.push_str(
        "  chain inbound {\n    notrack\n    ip frag-off & 0x3fff != 0 drop\n    \
         ip protocol tcp tcp flags & (fin | syn | rst | ack) != syn goto established\n    jump choose\n    \
         meta mark 0 drop comment \"no healthy backend\"\n    ip protocol tcp goto remember\n    accept\n  }\n  \
         chain established {\n    meta mark set ip saddr . tcp sport . ip daddr . tcp dport map @flows\n    \
         meta mark 0 tcp flags & rst == 0 reject with tcp reset\n    meta mark 0 drop\n    goto remember\n  }\n",
    );
}
