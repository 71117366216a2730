//! Whose an address is.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
};

use serde::Serialize;

use crate::{
    blueprint::{self, RoutingDomain},
    kernel::Machine,
    object::Object,
    place::Place,
    topology::{NetworkPlugin, Topology},
};

/// An address that was seen, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Owner {
    /// The address.
    pub address: Ipv4Addr,
    /// The place that has it; none if nothing in the lab has.
    pub place: Option<String>,
    /// The place as a reader of a comparison knows it: `client`, `client's node`.
    pub role: String,
}

/// The places that have an address, interfaces beside `eth0` included: a node is `cbr0`'s too.
pub(super) type Owners = BTreeMap<Ipv4Addr, Vec<Place>>;

/// Who has which address, by the kernel objects that the lab is made of.
pub(super) fn owners(topology: &Topology) -> Owners {
    let mut owners = Owners::new();
    for (place, parts) in blueprint::draw(topology, Machine::COMPLETE).places {
        for part in parts.into_values() {
            if let Object::Address(address) = part.object
                && let IpAddr::V4(address) = address.address.addr()
            {
                owners.entry(address).or_default().push(place.clone());
            }
        }
    }
    owners
}

/// The network of each VNI that tunnels between Azure hosts can have.
pub(super) fn networks(topology: &Topology) -> BTreeMap<u32, String> {
    let networks = topology.virtual_networks.iter().enumerate();
    let networks = networks
        .map(|(number, network)| (RoutingDomain::VirtualNetwork(number), format!("VNet {}", network.name)));
    let clusters = topology.managed_clusters.iter().enumerate();
    let overlays = clusters
        .filter(|(_, cluster)| cluster.network_plugin == NetworkPlugin::Overlay)
        .map(|(number, cluster)| (RoutingDomain::Overlay(number), format!("overlay of {}", cluster.name)));
    networks.chain(overlays).map(|(domain, name)| (domain.vni(), name)).collect()
}
