//! What is told about ways out: public addresses, NAT gateways, load balancers, and servers on the internet.

use std::net::Ipv4Addr;

use super::{Fact, fact, list, optional};
use crate::{
    inventory::Kind,
    topology::{AddressOwner, PublicAddress, Topology},
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

/// Every public address, and what has it; Services tell of theirs themselves.
fn owners(topology: &Topology) -> impl Iterator<Item = (&PublicAddress, Option<AddressOwner<'_>>)> {
    let owned = topology.owned_public_addresses();
    let owned = owned.filter(|(_, owner)| !matches!(owner, AddressOwner::Service(..)));
    let idle = topology.unassociated_addresses.iter().map(|public| (public, None));
    owned.map(|(public, owner)| (public, Some(owner))).chain(idle)
}
