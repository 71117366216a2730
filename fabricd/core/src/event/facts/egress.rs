//! What is told about ways out: public addresses, NAT gateways, load balancers, and servers on the internet.

use std::net::Ipv4Addr;

use super::{Fact, fact, list, optional};
use crate::{
    inventory::Kind,
    topology::{PublicAddress, Topology},
};

/// Tells everything, whoever has an address after the address itself.
pub(super) fn of(topology: &Topology, tell: &mut impl FnMut(Kind, String, Vec<Fact>)) {
    for (public, owner) in owners(topology) {
        let facts = vec![fact("address", public.address), optional("associated with", owner)];
        tell(Kind::PublicIpAddresses, public.name.clone(), facts);
    }
    for gateway in &topology.nat_gateways {
        let facts = vec![
            fact("public addresses", addresses(&gateway.public_addresses)),
            fact("idle timeout in minutes", gateway.idle_timeout_minutes),
        ];
        tell(Kind::NatGateways, gateway.name.clone(), facts);
    }
    for cluster in &topology.managed_clusters {
        let Some(balancer) = &cluster.outbound.load_balancer else { continue };
        let facts = vec![
            fact("public addresses", addresses(&balancer.frontends)),
            fact("SNAT ports of each node", balancer.ports),
            fact("idle timeout in minutes", balancer.idle_timeout_minutes),
        ];
        tell(Kind::LoadBalancers, format!("{}/kubernetes", cluster.name), facts);
    }
    for server in topology.internet.iter().flat_map(|internet| &internet.servers) {
        let names = Some(list(&server.fqdns)).filter(|names| !names.is_empty());
        let facts = vec![fact("address", server.address), optional("fqdns", names)];
        tell(Kind::Servers, server.name.clone(), facts);
    }
}

fn addresses(all: &[PublicAddress]) -> String {
    list(&all.iter().map(|public| public.address).collect::<Vec<Ipv4Addr>>())
}

/// Every public address, and what has it.
fn owners(topology: &Topology) -> Vec<(&PublicAddress, Option<String>)> {
    let mut all = vec![];
    for cluster in &topology.managed_clusters {
        let frontends = cluster.outbound.load_balancer.iter().flat_map(|balancer| &balancer.frontends);
        all.extend(frontends.map(|public| (public, Some(format!("loadBalancer/{}", cluster.name)))));
    }
    for gateway in &topology.nat_gateways {
        let own = gateway.public_addresses.iter();
        all.extend(own.map(|public| (public, Some(format!("natGateway/{}", gateway.name)))));
    }
    for firewall in &topology.azure_firewalls {
        let own = firewall.public_addresses.iter();
        all.extend(own.map(|public| (public, Some(format!("azureFirewall/{}", firewall.name)))));
    }
    for (_, name, nic) in topology.azure_vms() {
        all.extend(nic.public_address.iter().map(|public| (public, Some(format!("virtualMachine/{name}")))));
    }
    all.extend(topology.unassociated_addresses.iter().map(|public| (public, None)));
    all
}
