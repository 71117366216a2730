//! A NAT gateway: 64,512 ports of each address, shared by all of its subnets (aks-facts 4.4).

use std::{fmt::Write, net::Ipv4Addr, sync::Arc};

use super::{Blueprint, edge, load_balancer::TABLE, physical::PhysicalAddresses, virtual_switch};
use crate::{
    kernel::Machine,
    place::Place,
    snat::FIRST_PORT,
    topology::{NatGateway, Topology},
};

/// Draws the NAT gateway of this number, if a subnet has it.
pub fn draw(
    blueprint: &mut Blueprint,
    topology: &Topology,
    physical: &PhysicalAddresses,
    number: usize,
    machine: Machine,
) {
    let gateway = &topology.nat_gateways[number];
    let Some(home) = gateway.virtual_network.filter(|_| !gateway.public_addresses.is_empty()) else { return };
    let place = Place::NatGateway { name: gateway.name.clone() };
    let cause: Arc<str> = Arc::from(format!("natGateway/{}", gateway.name));
    let addresses: Vec<Ipv4Addr> = gateway.public_addresses.iter().map(|it| it.address).collect();
    let subnets = &topology.virtual_networks[home].subnets;
    let attached = subnets.iter().filter(|subnet| subnet.nat_gateway == Some(number));
    let sources: Vec<String> = attached.map(|subnet| subnet.address_prefix.to_string()).collect();
    let rules = rules(gateway, &addresses, &sources);
    edge::draw(blueprint, topology, physical, (&place, &cause), (home, &addresses), rules, machine);
}

fn rules(gateway: &NatGateway, addresses: &[Ipv4Addr], sources: &[String]) -> String {
    let mut text = virtual_switch::table_head(TABLE);
    // How long a port cools down after FIN, RST and an attempt.
    edge::timeouts(&mut text, gateway.idle_timeout_minutes, "time_wait : 65, close : 16, syn_sent : 30");
    let choice = edge::one_of(addresses, Some(&format!("{FIRST_PORT}-65535")));
    let _ = write!(
        text,
        "  chain forward {{\n    type filter hook forward priority filter; policy drop;\n{}    \
         ip saddr != {{ {} }} drop comment \"not of its subnets\"\n    \
         ip protocol tcp tcp flags & (fin | syn | rst | ack) != syn reject with tcp reset\n    accept\n  }}\n  \
         chain postrouting {{\n    type nat hook postrouting priority srcnat; policy accept;\n    \
         oifname \"wan\" meta l4proto {{ tcp, udp }} snat ip to {choice} comment \"natGateway:{}\"\n  }}\n",
        edge::NOT_TRANSLATED,
        sources.join(", "),
        gateway.name
    );
    virtual_switch::push_input(&mut text, "");
    text.push_str("}\n");
    text
}
