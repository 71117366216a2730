//! Physical addresses: where in the datacenter network a part of Azure stands.
//!
//! Each host, gateway and platform service has one. Tunnels run between them, and no packet of a VM
//! can reach them.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use ipnet::Ipv4Net;

use crate::{place::Place, topology::Topology};

/// The physical addresses of one lab.
#[derive(Debug)]
pub struct PhysicalAddresses {
    by_place: BTreeMap<Place, Ipv4Addr>,
}

impl PhysicalAddresses {
    /// Gives the host of the VM at 10.224.0.4 in the first VNet 100.64.0.4, and so on: the second
    /// number counts the VNets, the last two are the VM's. Where that is taken, the next free one.
    /// So an address stays what it is when VMs come and go. A lab that uses 100.64.0.0/10 itself gets
    /// addresses of 240.0.0.0/10 instead.
    pub fn give(topology: &Topology) -> Self {
        let base = if uses_shared_address_space(topology) {
            Ipv4Addr::new(240, 0, 0, 0)
        } else {
            Ipv4Addr::new(100, 64, 0, 0)
        };
        let mut given = Given { base: u32::from(base), taken: BTreeSet::new(), by_place: BTreeMap::new() };
        for (_, name, nic) in topology.azure_vms() {
            let place = Place::Host { vm: name.to_owned() };
            given.give(place, nic.subnet.virtual_network, nic.private_ip_address);
        }
        for gateway in &topology.virtual_network_gateways {
            let place = Place::Gateway { name: gateway.name.clone() };
            given.give(place, gateway.subnet.virtual_network, gateway.private_ip_address);
        }
        for firewall in &topology.azure_firewalls {
            let place = Place::Firewall { name: firewall.name.clone() };
            given.give(place, firewall.subnet.virtual_network, firewall.private_ip_address);
        }
        for (number, network) in topology.virtual_networks.iter().enumerate() {
            let place = Place::Platform { virtual_network: network.name.clone() };
            given.give(place, number, super::platform::ADDRESS);
        }
        if topology.internet.is_some() {
            given.edge(Place::Internet, 0);
        }
        for (number, cluster) in topology.managed_clusters.iter().enumerate() {
            given.edge(Place::LoadBalancer { cluster: cluster.name.clone() }, 0x1000 + number);
        }
        for (number, gateway) in topology.nat_gateways.iter().enumerate() {
            given.edge(Place::NatGateway { name: gateway.name.clone() }, 0x2000 + number);
        }
        Self { by_place: given.by_place }
    }

    /// The address of `place`.
    ///
    /// # Panics
    /// If the place has no link to the underlay.
    pub fn of(&self, place: &Place) -> Ipv4Addr {
        self.by_place[place]
    }
}

struct Given {
    base: u32,
    taken: BTreeSet<u32>,
    by_place: BTreeMap<Place, Ipv4Addr>,
}

impl Given {
    /// What is of no VNet, or would not have a place of its own in it.
    fn edge(&mut self, place: Place, number: usize) {
        self.give(place, 63, Ipv4Addr::from(u32::try_from(number).unwrap_or(0)));
    }

    fn give(&mut self, place: Place, virtual_network: usize, address: Ipv4Addr) {
        const BITS: u32 = (1 << 22) - 1;
        let number = u32::try_from(virtual_network).unwrap_or(0) % 64;
        let mut wish = (number << 16) | (u32::from(address) & 0xffff);
        while !self.taken.insert(wish) {
            wish = (wish + 1) & BITS;
        }
        self.by_place.insert(place, Ipv4Addr::from(self.base | wish));
    }
}

fn uses_shared_address_space(topology: &Topology) -> bool {
    let shared = Ipv4Net::new_assert(Ipv4Addr::new(100, 64, 0, 0), 10);
    let overlaps = |net: &Ipv4Net| shared.contains(&net.network()) || net.contains(&shared.network());
    let networks = topology.virtual_networks.iter().flat_map(|network| &network.address_prefixes);
    let sites = topology.on_premises.iter().flat_map(|site| &site.address_prefixes);
    let clusters = topology
        .managed_clusters
        .iter()
        .flat_map(|cluster| cluster.pod_cidr.iter().chain([&cluster.service_cidr]));
    networks.chain(sites).chain(clusters).any(overlaps)
}
