//! The inbound side of load balancers: what their place and the hosts of nodes are drawn with.

use std::collections::{BTreeMap, BTreeSet};

use fabric_core::{
    blueprint::{Blueprint, draw},
    condition::Conditions,
    kernel::Machine,
    object::{NextHop, Object, Program},
    place::Place,
    topology::Topology,
};
use proptest::prelude::*;

use crate::text::topology;

const SERVICES: &str = "---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\n\
    spec: {type: LoadBalancer, ports: [{name: http, port: 80}, {name: quic, port: 80, protocol: UDP}]}\n\
    ---\napiVersion: v1\nkind: Service\nmetadata: {name: db, annotations: \
    {service.beta.kubernetes.io/azure-load-balancer-internal: \"true\", \
    service.beta.kubernetes.io/azure-load-balancer-tcp-idle-timeout: \"30\"}}\n\
    spec: {type: LoadBalancer, sessionAffinity: ClientIP, ports: [{port: 5432}]}\n";

fn lab(nodes: usize, profile: &str, services: &str) -> Topology {
    topology(&format!(
        "apiVersion: fabric/v1\nkind: Lab\nmetadata: {{name: lb}}\n\
         managedClusters:\n- name: aks\n  networkProfile: {{{profile}}}\n  \
         agentPoolProfiles: [{{name: np, count: {nodes}, scaleSet: aks-np-12345678-vmss}}]\n{services}"
    ))
}

const OVERLAY: &str = "networkPlugin: azure, networkPluginMode: overlay";

fn balancer() -> Place {
    Place::LoadBalancer { cluster: "aks".into() }
}

fn rules(blueprint: &Blueprint, place: &Place) -> String {
    let mut objects = blueprint.places[place].values().map(|part| &part.object);
    let rules = objects.find_map(|object| match object {
        Object::Ruleset(rules) if rules.program == Program::Nft => Some(rules.text.to_string()),
        _ => None,
    });
    rules.unwrap()
}

/// The lines of a place that speak of frontends and their members.
fn inbound(blueprint: &Blueprint, place: &Place, words: &[&str]) -> String {
    let objects = blueprint.places[place].values().map(|part| format!("{}  # {}", part.object, part.cause));
    let lines = objects.filter(|line| words.iter().any(|word| line.contains(word)));
    lines.map(|line| line + "\n").collect()
}

#[test]
fn a_load_balancer_answers_for_its_frontends_and_knows_the_way_to_each_node() {
    let blueprint = draw(&lab(2, OVERLAY, SERVICES), Machine::COMPLETE);
    let text = rules(&blueprint, &balancer());
    insta::assert_snapshot!(&text[text.find("table ip inbound").unwrap()..], @r#"
    table ip inbound
    flush table ip inbound
    table ip inbound {
      map flows {
        type ipv4_addr . inet_service . ipv4_addr . inet_service : mark
        size 65535
        flags dynamic,timeout
      }
      chain choose {
      }
      chain remember {
        ip daddr 198.51.100.2 update @flows { ip saddr . tcp sport . ip daddr . tcp dport timeout 4m : meta mark }
        ip daddr 10.224.0.6 update @flows { ip saddr . tcp sport . ip daddr . tcp dport timeout 30m : meta mark }
        accept
      }
      chain prerouting {
        type filter hook prerouting priority raw; policy accept;
        iifname "vnet" ip saddr . meta l4proto . th sport { 198.51.100.2 . tcp . 80, 198.51.100.2 . udp . 80 } notrack meta mark set 0x10000 accept
        iifname "wan" ip daddr . meta l4proto . th dport { 198.51.100.2 . tcp . 80, 198.51.100.2 . udp . 80 } goto inbound
        iifname "vnet" ip daddr . meta l4proto . th dport { 10.224.0.6 . tcp . 5432 } goto inbound
        ip daddr { 10.224.0.6, 198.51.100.2 } drop comment "no rule"
      }
      chain inbound {
        notrack
        ip frag-off & 0x3fff != 0 drop
        ip protocol tcp tcp flags & (fin | syn | rst | ack) != syn goto established
        jump choose
        meta mark 0 drop comment "no healthy backend"
        ip protocol tcp goto remember
        accept
      }
      chain established {
        meta mark set ip saddr . tcp sport . ip daddr . tcp dport map @flows
        meta mark 0 tcp flags & rst == 0 reject with tcp reset
        meta mark 0 drop
        goto remember
      }
      chain forward {
        type filter hook forward priority filter; policy accept;
      }
      chain input {
        type filter hook input priority filter; policy drop;
        iifname "pa0" udp dport 4789 accept comment "tunnels of the underlay"
      }
      chain output {
        type filter hook output priority filter; policy accept;
        ip protocol icmp drop
        oifname "wan" ip saddr 10.224.0.6 drop
      }
    }
    "#);
    let words = ["fwmark", "table 1", "/32", "proxy"];
    insta::assert_snapshot!(inbound(&blueprint, &balancer(), &words), @"
    sysctl net.ipv4.neigh.vnet.proxy_delay=0  # loadBalancer/aks/aksOutboundRule
    sysctl net.ipv4.neigh.wan.proxy_delay=0  # loadBalancer/aks/aksOutboundRule
    address 198.51.100.1/32 dev lo  # loadBalancer/aks/aksOutboundRule
    address 100.127.16.0/32 dev pa0  # loadBalancer/aks/aksOutboundRule
    rule 10 from 100.127.16.0/32 iif lo lookup 4789  # loadBalancer/aks/aksOutboundRule
    rule 1004 from all fwmark 0xae00004 lookup 182452228  # loadBalancer/aks/backendPool
    rule 1005 from all fwmark 0xae00005 lookup 182452229  # loadBalancer/aks/backendPool
    route 10.224.0.6/32 dev wan scope link  # loadBalancer/aks/abeedd90384598412ac85f0fea7fd9cb
    route 198.51.100.2/32 dev vnet scope link  # loadBalancer/aks/kubernetes-a4d26b2b8c88a892ca89a54f9123e920
    route default via 10.224.0.4 dev vnet onlink table 182452228  # loadBalancer/aks/backendPool
    route default via 10.224.0.5 dev vnet onlink table 182452229  # loadBalancer/aks/backendPool
    neighbour proxy 10.224.0.6 dev vnet  # loadBalancer/aks/abeedd90384598412ac85f0fea7fd9cb
    neighbour proxy 198.51.100.2 dev wan  # loadBalancer/aks/kubernetes-a4d26b2b8c88a892ca89a54f9123e920
    ");
}

#[test]
fn a_host_lets_frontends_through_and_sends_answers_back() {
    let topology = lab(2, OVERLAY, SERVICES);
    let blueprint = draw(&topology, Machine::COMPLETE);
    let host = Place::Host { vm: topology.managed_clusters[0].nodes[0].name.clone() };
    insta::assert_snapshot!(rules(&blueprint, &host), @r#"
    table ip host
    delete table ip host
    table ip host {
      chain forward {
        type filter hook forward priority filter; policy accept;
        iifname "vm0" ip saddr != { 10.224.0.4, 10.224.0.6, 198.51.100.2, 10.244.0.0/24 } drop comment "nic:aks-np-12345678-vmss000000 enableIPForwarding=false"
        oifname "vm0" ip daddr != { 10.224.0.4, 10.224.0.6, 198.51.100.2, 10.244.0.0/24 } drop comment "nic:aks-np-12345678-vmss000000 enableIPForwarding=false"
        ip protocol { ipencap, gre } drop comment "platform: no IP-in-IP, no GRE"
        tcp flags syn tcp option maxseg size > 1410 tcp option maxseg size set 1410 comment "platform: MSS 1410"
      }
      chain answers {
        type filter hook prerouting priority mangle; policy accept;
        iifname "vm0" ip saddr . meta l4proto . th sport { 198.51.100.2 . tcp . 80, 198.51.100.2 . udp . 80 } meta mark set 0x10000
      }
      chain input {
        type filter hook input priority filter; policy drop;
        iifname "pa0" udp dport 4789 accept comment "tunnels of the underlay"
      }
      chain output {
        type filter hook output priority filter; policy accept;
        ip protocol icmp drop comment "platform: the switch is silent"
      }
    }
    "#);
    insta::assert_snapshot!(inbound(&blueprint, &host, &["fwmark", "table 9"]), @"
    rule 32900 from all fwmark 0x10000 iif vm0 lookup 9  # loadBalancer/aks/kubernetes
    route default via 100.127.16.0 dev vnet onlink table 9  # loadBalancer/aks/kubernetes
    ");
}

#[test]
fn without_floating_ip_hosts_translate() {
    let annotation = "service.beta.kubernetes.io/azure-disable-load-balancer-floating-ip: \"true\"";
    let services = SERVICES
        .replace("{name: web}", &format!("{{name: web, annotations: {{{annotation}}}}}"))
        .replace("port: 80}", "port: 80, nodePort: 30080}");
    let topology = lab(1, "networkPlugin: azure", &services);
    let blueprint = draw(&topology, Machine::COMPLETE);
    let host = Place::Host { vm: topology.managed_clusters[0].nodes[0].name.clone() };
    let text = rules(&blueprint, &host);
    insta::assert_snapshot!(&text[text.find("  chain answers").unwrap()..], @r#"
      chain answers {
        type filter hook prerouting priority mangle; policy accept;
        iifname "vm0" ct direction reply ct status dnat meta mark set 0x10000
      }
      chain tunnels_in {
        type filter hook prerouting priority raw; policy accept;
        iifname "pa0" notrack
      }
      chain tunnels_out {
        type filter hook output priority raw; policy accept;
        oifname "pa0" notrack
      }
      chain not_floating {
        type nat hook prerouting priority dstnat; policy accept;
        iifname "vnet" ip daddr 198.51.100.2 tcp dport 80 dnat to 10.224.0.4:30080 comment "a4d26b2b8c88a892ca89a54f9123e920-TCP-80"
        iifname "vnet" ip daddr 198.51.100.2 udp dport 80 dnat to 10.224.0.4:32538 comment "a4d26b2b8c88a892ca89a54f9123e920-UDP-80"
      }
      chain input {
        type filter hook input priority filter; policy drop;
        iifname "pa0" udp dport 4789 accept comment "tunnels of the underlay"
      }
      chain output {
        type filter hook output priority filter; policy accept;
        ip protocol icmp drop comment "platform: the switch is silent"
      }
    }
    "#);
}

/// There is one only where something needs it, and it needs no outbound rule.
#[test]
fn a_load_balancer_is_there_for_frontends_alone() {
    let none = format!("{OVERLAY}, outboundType: none");
    let without = draw(&lab(2, &none, ""), Machine::COMPLETE);
    assert!(!without.places.contains_key(&balancer()));
    let with = draw(&lab(2, &none, SERVICES), Machine::COMPLETE);
    assert!(
        rules(&with, &balancer())
            .starts_with("table ip outbound\ndelete table ip outbound\ntable ip inbound\n")
    );
    let outbound = rules(&draw(&lab(2, OVERLAY, ""), Machine::COMPLETE), &balancer());
    assert!(outbound.ends_with("table ip inbound\ndelete table ip inbound\n"));
}

#[test]
fn the_internet_knows_public_frontends_only() {
    let topology = lab(2, OVERLAY, SERVICES);
    let blueprint = draw(&topology, Machine::COMPLETE);
    let services = &topology.managed_clusters[0].services;
    let address = |name: &str| {
        services.iter().find(|it| it.name == name).unwrap().frontend.as_ref().unwrap().address.address
    };
    let routes = inbound(&blueprint, &Place::Internet, &["publicIPAddress"]);
    assert!(routes.contains(&format!("{}/32", address("web"))), "{routes}");
    assert!(!routes.contains(&address("db").to_string()), "{routes}");
}

/// Which node a new flow goes to, by the lines of the rules: for each value of the first hash, those of the
/// second where the first finds nobody.
fn choices(text: &str, rule: &str) -> Vec<BTreeSet<u32>> {
    let end = format!("-{rule}\"");
    let lines: Vec<(u32, BTreeMap<u32, u32>)> = text
        .lines()
        .filter(|line| line.contains("jhash") && line.ends_with(&end))
        .map(|line| {
            let among = line.split(" mod ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
            let members = line.split("map { ").nth(1).unwrap().split(" }").next().unwrap();
            let member = |text: &str| {
                let (number, mark) = text.split_once(" : 0x").unwrap();
                (number.parse().unwrap(), u32::from_str_radix(mark, 16).unwrap())
            };
            (among, members.split(", ").map(member).collect())
        })
        .collect();
    let Some((first, rest)) = lines.split_first() else { return vec![] };
    let second =
        || rest.first().map_or_else(BTreeSet::new, |(_, members)| members.values().copied().collect());
    for (among, members) in rest {
        assert_eq!(members.keys().copied().collect::<Vec<_>>(), (0..*among).collect::<Vec<_>>());
    }
    (0..first.0).map(|value| first.1.get(&value).map_or_else(second, |mark| [*mark].into())).collect()
}

proptest! {
    #[test]
    fn new_flows_go_to_healthy_nodes_and_to_each_of_them(
        nodes in 1..8_usize,
        sick in proptest::collection::btree_set(0..8_usize, 0..8),
    ) {
        let topology = lab(nodes, OVERLAY, SERVICES);
        let all = &topology.managed_clusters[0].nodes;
        let sick: BTreeSet<usize> = sick.into_iter().filter(|node| *node < nodes).collect();
        let names = sick.iter().map(|node| all[*node].name.clone()).collect();
        let mut conditions = Conditions::default();
        conditions.unhealthy.insert("aks/default/web/TCP-80".into(), names);
        let blueprint = draw(&topology.with_conditions(conditions), Machine::COMPLETE);
        let text = rules(&blueprint, &balancer());
        let mark = |node: usize| u32::from(all[node].nic.private_ip_address);
        let healthy: BTreeSet<u32> = (0..nodes).filter(|node| !sick.contains(node)).map(mark).collect();
        let chosen = choices(&text, "TCP-80");
        if healthy.is_empty() {
            prop_assert!(chosen.is_empty());
        } else {
            prop_assert_eq!(chosen.len(), nodes);
            prop_assert!(chosen.iter().all(|it| !it.is_empty()), "nobody for somebody");
            prop_assert_eq!(chosen.into_iter().flatten().collect::<BTreeSet<_>>(), healthy);
        }
        // Another rule has its own probe.
        prop_assert_eq!(choices(&text, "UDP-80").into_iter().flatten().collect::<BTreeSet<_>>().len(), nodes);
        // Each mark leads to the node that it names.
        for (node, own) in all.iter().enumerate() {
            let part = blueprint.places[&balancer()].values().find(|part| matches!(&part.object,
                Object::Rule(rule) if rule.mark == Some(mark(node)) && rule.table == mark(node)));
            prop_assert!(part.is_some(), "no rule for {}", own.name);
            let route = blueprint.places[&balancer()].values().find(|part| matches!(&part.object,
                Object::Route(route) if route.table == mark(node) && matches!(&route.next_hop,
                    NextHop::Via { gateway, .. } if *gateway == own.nic.private_ip_address)));
            prop_assert!(route.is_some(), "no route for {}", own.name);
        }
    }
}
