//! The rules of an Azure Firewall as nft rules.
//!
//! The first packet of a flow is decided on, in Azure's order, in one chain; the connection remembers what it
//! was. What belongs to no connection is dropped: a reply to what went around the firewall, and a connection
//! of which it has not seen the beginning.

use std::{fmt::Write, net::Ipv4Addr};

use super::{edge, virtual_switch};
use crate::{
    firewall::{
        Action, Addresses, Collection, LOG_GROUP, NatRule, NetworkRule, PROXY_PORT, Ports, Protocol,
        log::Prefix,
    },
    topology::{AzureFirewall, Topology},
};

/// What connections remember: a network rule let it pass, a NAT rule, or application rules decide on it.
const PASSES: u32 = 1;
const TRANSLATED: u32 = 2;
const INSPECTED: u32 = 3;

/// Minutes after which a connection without packets is forgotten. Source: Azure Firewall FAQ, "What is the TCP
/// Idle Timeout for Azure Firewall?".
const IDLE_TIMEOUT: u32 = 4;

/// What is private in Azure Firewall's eyes, and is not translated (RFC 1918 and RFC 6598). Source: "Azure
/// Firewall SNAT private IP address ranges".
const PRIVATE: &str = "{ 10.0.0.0/8, 100.64.0.0/10, 172.16.0.0/12, 192.168.0.0/16 }";

/// Packets of which each rule logs in a second, and in a burst before that.
const LOG_RATE: &str = "limit rate 100/second burst 200 packets";

/// The rule set of the firewall.
pub fn text(topology: &Topology, firewall: &AzureFirewall) -> String {
    let AzureFirewall { private_ip_address: private, rules, .. } = firewall;
    let mut text = virtual_switch::table_head("firewall");
    edge::timeouts(&mut text, IDLE_TIMEOUT, "close : 10, time_wait : 60");
    let mut decide = String::new();
    for (first, collection) in rules.nat.iter().enumerate() {
        for (second, rule) in collection.rules.iter().enumerate() {
            let chain = format!("nat-{first}-{second}");
            nat_rule(&mut text, &mut decide, &chain, collection, rule);
        }
    }
    let own: Vec<String> = firewall
        .public_addresses
        .iter()
        .map(|it| it.address)
        .chain([*private])
        .map(|it| it.to_string())
        .collect();
    let _ = write!(
        decide,
        "    iifname \"wan\" drop comment \"inbound by NAT rules only\"\n    \
         ip daddr {{ {} }} goto denied comment \"the firewall itself\"\n",
        own.join(", ")
    );
    for (first, collection) in rules.network.iter().enumerate() {
        for (second, rule) in collection.rules.iter().enumerate() {
            let chain = format!("network-{first}-{second}");
            network_rule(&mut text, &mut decide, &chain, collection, rule);
        }
    }
    let ports: Vec<String> = rules.application_ports().iter().map(u16::to_string).collect();
    let nothing = Prefix { action: Action::Deny, translated: None, rule: None };
    let _ = write!(
        text,
        "  chain denied {{\n    {}\n    drop\n  }}\n  \
         chain decide {{\n    type nat hook prerouting priority dstnat; policy accept;\n    \
         ip protocol tcp tcp flags & (fin | syn | rst | ack) != syn drop comment \"no connection of this firewall's\"\n\
         {decide}    \
         tcp dport {{ {} }} ct mark set {INSPECTED} dnat ip to {private}:{PROXY_PORT} comment \"application rules\"\n    \
         goto denied\n  }}\n",
        log(&nothing),
        ports.join(", ")
    );
    pass_on(&mut text, topology, firewall);
    let input = format!(
        "    ct mark {INSPECTED} tcp dport {PROXY_PORT} accept comment \"application rules\"\n    \
         iifname != \"pa0\" ct state established,related accept\n"
    );
    virtual_switch::push_input(&mut text, &input);
    text.push_str(virtual_switch::SILENT);
    text.push_str("}\n");
    text
}

/// What is decided on is passed on, with the addresses that Azure gives it.
fn pass_on(text: &mut String, topology: &Topology, firewall: &AzureFirewall) {
    let private = firewall.private_ip_address;
    let mut forward = String::new();
    virtual_switch::forwarded_traffic(&mut forward, topology, firewall.subnet.virtual_network);
    let public: Vec<Ipv4Addr> = firewall.public_addresses.iter().map(|it| it.address).collect();
    let choice = edge::one_of(&public, None);
    let _ = write!(
        text,
        "  chain forward {{\n    type filter hook forward priority filter; policy drop;\n    \
         ct state invalid drop comment \"no connection of this firewall's\"\n\
         {forward}    \
         oifname \"wan\" ip protocol != {{ tcp, udp }} drop comment \"only TCP and UDP are translated\"\n    \
         ct state established,related accept\n    \
         ct mark {{ {PASSES}, {TRANSLATED} }} accept\n  }}\n  \
         chain translate {{\n    type nat hook postrouting priority srcnat; policy accept;\n    \
         oifname \"wan\" meta l4proto {{ tcp, udp }} snat ip to {choice}\n    \
         ct mark {TRANSLATED} snat ip to {private} comment \"replies come back here\"\n    \
         ip daddr != {PRIVATE} snat ip to {private}\n  }}\n"
    );
}

fn nat_rule(
    text: &mut String,
    decide: &mut String,
    chain: &str,
    collection: &Collection<NatRule>,
    rule: &NatRule,
) {
    let translated = std::net::SocketAddrV4::new(rule.translated_address, rule.translated_port);
    let prefix = prefix(collection, &rule.name, Some(translated));
    let _ = writeln!(
        text,
        "  chain {chain} {{\n    {}\n    meta l4proto {{ tcp, udp }} ct mark set {TRANSLATED} dnat ip to {translated}\n  }}",
        log(&prefix)
    );
    let destinations: Vec<Addresses> =
        rule.destinations.iter().map(|address| Addresses::Network((*address).into())).collect();
    let addresses = addresses(&rule.sources, &destinations);
    for line in protocols(&rule.protocols, &rule.ports) {
        let _ = writeln!(
            decide,
            "    {addresses}{line}goto {chain} comment \"{}/{}\"",
            collection.name, rule.name
        );
    }
}

fn network_rule(
    text: &mut String,
    decide: &mut String,
    chain: &str,
    collection: &Collection<NetworkRule>,
    rule: &NetworkRule,
) {
    let prefix = prefix(collection, &rule.name, None);
    let verdict = match collection.action {
        Action::Allow => format!("ct mark set {PASSES} accept"),
        Action::Deny => "drop".to_owned(),
    };
    let _ = writeln!(text, "  chain {chain} {{\n    {}\n    {verdict}\n  }}", log(&prefix));
    let addresses = addresses(&rule.sources, &rule.destinations);
    for line in protocols(&rule.protocols, &rule.ports) {
        let _ = writeln!(
            decide,
            "    {addresses}{line}goto {chain} comment \"{}/{}\"",
            collection.name, rule.name
        );
    }
}

fn prefix<R>(collection: &Collection<R>, rule: &str, translated: Option<std::net::SocketAddrV4>) -> Prefix {
    Prefix { action: collection.action, translated, rule: Some((collection.name.clone(), rule.to_owned())) }
}

fn log(prefix: &Prefix) -> String {
    format!("{LOG_RATE} log prefix \"{prefix}\" group {LOG_GROUP} snaplen 64")
}

fn addresses(sources: &[Addresses], destinations: &[Addresses]) -> String {
    let mut text = String::new();
    for (field, all) in [("saddr", sources), ("daddr", destinations)] {
        if let Some(set) = address_set(all) {
            let _ = write!(text, "ip {field} {set} ");
        }
    }
    text
}

/// How a packet's protocol and port are matched: one line, or two where ICMP is beside protocols with ports.
fn protocols(protocols: &[Protocol], ports: &[Ports]) -> Vec<String> {
    let has = |protocol| protocols.contains(&protocol);
    let any = has(Protocol::Any);
    let with_ports = match (any || has(Protocol::Tcp), any || has(Protocol::Udp)) {
        (true, true) => Some("{ tcp, udp }"),
        (true, false) => Some("tcp"),
        (false, true) => Some("udp"),
        (false, false) => None,
    };
    match (port_set(ports), with_ports) {
        (None, _) if any => vec![String::new()],
        (ports, with_ports) => {
            let ports = ports.map_or_else(String::new, |ports| format!("th dport {ports} "));
            let with_ports = with_ports.map(|protocols| format!("meta l4proto {protocols} {ports}"));
            let icmp = has(Protocol::Icmp).then(|| "meta l4proto icmp ".to_owned());
            with_ports.into_iter().chain(icmp).collect()
        }
    }
}

/// What nft matches addresses against; nothing if all are meant. Its sets take no element twice.
fn address_set(all: &[Addresses]) -> Option<String> {
    let ranges = all.iter().map(|it| match it {
        Addresses::Any => (0, u32::MAX),
        Addresses::Network(network) => (u32::from(network.network()), u32::from(network.broadcast())),
        Addresses::Range(first, last) => (u32::from(*first), u32::from(*last)),
    });
    let merged = merged(ranges.collect());
    let text = |(first, last): &(u32, u32)| {
        let (start, end) = (Ipv4Addr::from(*first), Ipv4Addr::from(*last));
        let size = u64::from(last - first) + 1;
        match size {
            1 => start.to_string(),
            _ if size.is_power_of_two() && u64::from(*first).is_multiple_of(size) => {
                format!("{start}/{}", 32 - size.trailing_zeros())
            }
            _ => format!("{start}-{end}"),
        }
    };
    (merged != [(0, u32::MAX)]).then(|| virtual_switch::set(&merged.iter().map(text).collect::<Vec<_>>()))
}

/// The same for ports.
fn port_set(all: &[Ports]) -> Option<String> {
    let merged = merged(all.iter().map(|it| (u32::from(it.first), u32::from(it.last))).collect());
    let all = (0, u32::from(u16::MAX));
    let text = |(first, last): &(u32, u32)| {
        if first == last { first.to_string() } else { format!("{first}-{last}") }
    };
    (!merged.contains(&all)).then(|| virtual_switch::set(&merged.iter().map(text).collect::<Vec<_>>()))
}

/// The same numbers in ranges apart, ascending.
fn merged(mut ranges: Vec<(u32, u32)>) -> Vec<(u32, u32)> {
    ranges.sort_unstable();
    let mut merged: Vec<(u32, u32)> = vec![];
    for (first, last) in ranges {
        match merged.last_mut() {
            Some((_, before)) if u64::from(first) <= u64::from(*before) + 1 => *before = last.max(*before),
            _ => merged.push((first, last)),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn protocols_without_ports_have_a_line_of_their_own() {
        let ports = |text: &str| -> Vec<Ports> { text.split(',').map(|it| it.parse().unwrap()).collect() };
        use Protocol::{Any, Icmp, Tcp, Udp};
        let lines = |all: &[Protocol], text: &str| protocols(all, &ports(text)).join("|");
        assert_eq!(lines(&[Any], "*"), "");
        assert_eq!(lines(&[Any], "53"), "meta l4proto { tcp, udp } th dport 53 ");
        assert_eq!(lines(&[Tcp], "*"), "meta l4proto tcp ");
        assert_eq!(
            lines(&[Tcp, Icmp], "80,443"),
            "meta l4proto tcp th dport { 80, 443 } |meta l4proto icmp "
        );
        assert_eq!(lines(&[Udp], "53,50-60"), "meta l4proto udp th dport 50-60 ");
        assert_eq!(lines(&[Icmp], "*"), "meta l4proto icmp ");
    }

    #[test]
    fn addresses_that_overlap_are_one_element() {
        let set = |text: &str| {
            let all: Vec<Addresses> = text.split(' ').map(|it| it.parse().unwrap()).collect();
            address_set(&all)
        };
        assert_eq!(set("10.0.0.0/8 10.1.0.0/16 10.2.3.4").as_deref(), Some("10.0.0.0/8"));
        assert_eq!(set("10.0.0.4-10.0.0.9 192.0.2.1").as_deref(), Some("{ 10.0.0.4-10.0.0.9, 192.0.2.1 }"));
        assert_eq!(set("10.0.0.0/8 *"), None);
        assert_eq!(set("0.0.0.0/1 128.0.0.0/1"), None);
    }

    proptest! {
        #[test]
        fn merging_changes_no_membership(
            ranges in proptest::collection::vec((0u32..200, 0u32..30), 1..20), one in 0u32..260,
        ) {
            let ranges: Vec<(u32, u32)> = ranges.into_iter().map(|(first, more)| (first, first + more)).collect();
            let holds = |all: &[(u32, u32)]| all.iter().any(|(first, last)| (*first..=*last).contains(&one));
            let whole = merged(ranges.clone());
            prop_assert_eq!(holds(&whole), holds(&ranges));
            prop_assert!(whole.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0));
        }
    }
}
