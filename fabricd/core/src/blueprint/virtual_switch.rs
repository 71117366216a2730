//! The nft rules that make a Linux router look like Azure's switch: invisible to traceroute, silent,
//! and not to be reached itself.
//!
//! Sources: aks-facts 2.2 (no router hop), 2.3 (MSS 1410, nothing answers for the gateway, IP-in-IP
//! and GRE blocked).

use std::{collections::BTreeSet, fmt::Write, net::Ipv4Addr, sync::Arc};

use super::load_balancer::Frontends;
use crate::{
    object::{Object, Program, Ruleset},
    place::Place,
    topology::{NetworkInterface, Topology, WayOut},
};

/// The rules of the host under a VM with this NIC. `name` is the VM's, checked before.
pub fn host(topology: &Topology, vm: &Place, name: &str, nic: &NetworkInterface) -> [Object; 2] {
    let frontends = Frontends::of(topology, vm);
    let mut forward = String::new();
    if !nic.enable_ip_forwarding {
        let own = addresses(nic, frontends.floating());
        let _ = writeln!(
            forward,
            "    iifname \"vm0\" ip saddr != {own} drop comment \"nic:{name} enableIPForwarding=false\"\n    \
             oifname \"vm0\" ip daddr != {own} drop comment \"nic:{name} enableIPForwarding=false\""
        );
    }
    forwarded_traffic(&mut forward, topology, nic.subnet.virtual_network);
    forward.push_str("    ip protocol { ipencap, gre } drop comment \"platform: no IP-in-IP, no GRE\"\n");
    forward.push_str(
        "    tcp flags syn tcp option maxseg size > 1410 tcp option maxseg size set 1410 comment \"platform: MSS 1410\"\n",
    );
    let mut links = vec!["vm0", "vnet"];
    links.extend(nic.overlay.map(|_| "ovl"));
    let mut nat = frontends.chains(nic);
    if let Some(WayOut::PublicAddress(address)) = topology.way_out(vm, nic, nic.subnet) {
        links.push("wan");
        instance_address(&mut forward, &mut nat, nic.private_ip_address, address);
    }
    [filter("host", &forward, &nat), no_router_hop(&links)]
}

/// The NIC's public address, translated for its own private one only. A Standard public address lets nothing
/// in that a network security group does not allow, and there is none (Azure "Public IP addresses", SKU).
fn instance_address(forward: &mut String, nat: &mut String, private: Ipv4Addr, public: Ipv4Addr) {
    let _ = writeln!(
        forward,
        "    iifname \"wan\" ct state != {{ established, related }} drop comment \"publicIPAddress: closed without a network security group\"\n    \
         oifname \"wan\" ip saddr != {private} drop comment \"publicIPAddress: for {private} only\""
    );
    nat.push_str(UNTRACKED_TUNNELS);
    let _ = writeln!(
        nat,
        "  chain postrouting {{\n    type nat hook postrouting priority srcnat; policy accept;\n    \
         oifname \"wan\" snat to {public} comment \"publicIPAddress\"\n  }}"
    );
}

/// What did not begin in this VNet goes to a peered one only if that lets it in (aks-facts 2.6). In Azure the
/// receiver decides; here the sender, who knows what comes from where.
pub(super) fn forwarded_traffic(forward: &mut String, topology: &Topology, home: usize) {
    let own: Vec<String> =
        topology.virtual_networks[home].address_prefixes.iter().map(ToString::to_string).collect();
    let own = set(&own);
    for (peering, opposite) in topology.peers(home).filter(|(_, opposite)| !opposite.allow_forwarded_traffic)
    {
        let _ = writeln!(
            forward,
            "    oifname \"peer{}\" ip saddr != {own} drop comment \"peering:{} allowForwardedTraffic=false\"",
            peering.remote, opposite.name
        );
    }
}

/// All addresses that are the NIC's own, its blocks, what is behind it in an overlay, and the load balancer's
/// `frontends`: one address, or an nft set of ranges and blocks.
fn addresses(nic: &NetworkInterface, frontends: BTreeSet<Ipv4Addr>) -> String {
    let mut own: Vec<Ipv4Addr> = nic.secondary_addresses.clone();
    own.push(nic.private_ip_address);
    own.extend(frontends);
    own.sort_unstable();
    let mut ranges: Vec<(Ipv4Addr, Ipv4Addr)> = vec![];
    for address in own {
        match ranges.last_mut() {
            Some((_, last)) if u32::from(*last) + 1 == u32::from(address) => *last = address,
            _ => ranges.push((address, address)),
        }
    }
    let ranges = ranges
        .into_iter()
        .map(|(first, last)| if first == last { first.to_string() } else { format!("{first}-{last}") });
    let blocks = nic.secondary_blocks.iter().copied();
    let behind = blocks.chain(nic.overlay.map(|overlay| overlay.node_pod_cidr));
    let all: Vec<String> = ranges.chain(behind.map(|block| block.to_string())).collect();
    set(&all)
}

/// What nft matches against: one element, or a set.
pub(super) fn set(elements: &[String]) -> String {
    match elements {
        [one] => one.clone(),
        several => format!("{{ {} }}", several.join(", ")),
    }
}

/// The rules of a gateway.
pub fn gateway() -> [Object; 2] {
    [filter("gateway", "", ""), no_router_hop(&["vnet", "vpn+", "er+"])]
}

/// The rules of the internet's router: to Azure it is no hop, since nobody outside sees Azure's own.
pub fn internet() -> [Object; 2] {
    [filter("internet", "", ""), no_router_hop(&["wan"])]
}

/// Tunnels are no connections: nothing tracks their outer packets, nor how they join their groups.
pub(super) const UNTRACKED_TUNNELS: &str = "  chain tunnels_in {\n    type filter hook prerouting priority raw; policy accept;\n    \
     iifname \"pa0\" notrack\n  }\n  chain tunnels_out {\n    type filter hook output priority raw; policy accept;\n    \
     oifname \"pa0\" notrack\n  }\n";

/// The rules of a site's router: what goes out by `isp0` carries its address, and nothing comes in by itself.
pub fn site(address: Ipv4Addr) -> Object {
    let mut text = table_head("site");
    let _ = write!(
        text,
        "  chain forward {{\n    type filter hook forward priority filter; policy accept;\n    \
         iifname \"isp0\" ct state != {{ established, related }} drop\n    \
         oifname \"isp0\" ip daddr {{ 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 }} reject with icmp type net-unreachable \
         comment \"private addresses are not for the internet\"\n  }}\n  \
         chain postrouting {{\n    type nat hook postrouting priority srcnat; policy accept;\n    \
         oifname \"isp0\" snat to {address}\n  }}\n  \
         chain input {{\n    type filter hook input priority filter; policy accept;\n    \
         iifname \"isp0\" ct state != {{ established, related }} drop\n  }}\n}}\n"
    );
    nft(text)
}

/// The rules of the platform addresses: what is not served there is refused for DNS, so that
/// resolvers give up at once, and ignored for the rest.
pub fn platform(address: Ipv4Addr) -> Object {
    let input = format!(
        "    iifname \"vnet\" ct state { established, related } accept comment \"answers to health probes\"\n    \
         iifname \"vnet\" ip daddr {address} meta l4proto {{ tcp, udp }} th dport 53 accept comment \"Azure DNS\"\n"
    );
    let mut text = table_head("platform");
    text.push_str(UNTRACKED_TUNNELS);
    push_input(&mut text, &input);
    text.push_str("}\n");
    nft(text)
}

/// Gives back the hop that forwarding takes, to what comes in by `links`. It is iptables, since nft
/// can set a TTL but not add to it.
pub(super) fn no_router_hop(links: &[&str]) -> Object {
    let mut text = String::from("*mangle\n:PREROUTING ACCEPT [0:0]\n");
    for link in links {
        let _ = writeln!(text, "-A PREROUTING -i {link} -j TTL --ttl-inc 1");
    }
    text.push_str("COMMIT\n");
    Object::Ruleset(Ruleset { program: Program::Iptables, text: Arc::from(text) })
}

fn filter(table: &str, forward: &str, nat: &str) -> Object {
    let mut text = table_head(table);
    if !forward.is_empty() {
        let _ = write!(
            text,
            "  chain forward {{\n    type filter hook forward priority filter; policy accept;\n{forward}  }}\n"
        );
    }
    text.push_str(nat);
    push_input(&mut text, "");
    text.push_str(SILENT);
    text.push_str("}\n");
    nft(text)
}

/// No advice about packets that are lost.
pub(super) const SILENT: &str = "  chain output {\n    type filter hook output priority filter; policy accept;\n    \
     ip protocol icmp drop comment \"platform: the switch is silent\"\n  }\n";

/// Empties and defines the table in one transaction.
pub(super) fn table_head(table: &str) -> String {
    format!("table ip {table}\ndelete table ip {table}\ntable ip {table} {{\n")
}

/// Takes the table away, if it is there.
pub(super) fn no_table(table: &str) -> String {
    format!("table ip {table}\ndelete table ip {table}\n")
}

pub(super) fn push_input(text: &mut String, input: &str) {
    let _ = write!(
        text,
        "  chain input {{\n    type filter hook input priority filter; policy drop;\n    \
         iifname \"pa0\" udp dport 4789 accept comment \"tunnels of the underlay\"\n{input}  }}\n"
    );
}

pub(super) fn nft(text: String) -> Object {
    Object::Ruleset(Ruleset { program: Program::Nft, text: Arc::from(text) })
}
