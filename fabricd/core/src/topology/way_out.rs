//! By what a packet leaves for the internet whose effective route says so.

use std::net::Ipv4Addr;

use super::{ManagedCluster, NetworkInterface, PublicAddress, SubnetIndex, Topology};
use crate::{
    effective_routes::{NextHop, effective_routes},
    place::Place,
};

/// What a packet of a NIC goes by whose effective route is Internet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WayOut {
    /// The NAT gateway of this index in [`Topology::nat_gateways`].
    NatGateway(usize),
    /// The NIC's own public address.
    PublicAddress(Ipv4Addr),
    /// The load balancer of the cluster of this index.
    LoadBalancer(usize),
}

/// How packets to the internet leave a NIC: by what its route for everything says, and if that is Internet by its
/// way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    /// The route is Internet, and this takes the packets.
    WayOut(WayOut),
    /// The route is to an appliance with this address.
    VirtualAppliance(Ipv4Addr),
    /// The route is to the VNet's gateway.
    VirtualNetworkGateway,
    /// Not at all: nothing takes them, or the route is to nowhere.
    Nowhere,
}

impl Topology {
    /// How packets to the internet leave the NIC of `vm`, from its own address in `subnet` or from pods behind it
    /// that are in `subnet`. Routes for a part of the internet only are not looked at.
    pub fn departure(&self, vm: &Place, nic: &NetworkInterface, subnet: SubnetIndex) -> Departure {
        let routes = effective_routes(self, subnet);
        let everything = routes.iter().find(|route| route.active && route.address_prefix.prefix_len() == 0);
        match everything.map(|route| route.next_hop) {
            Some(NextHop::Internet) => {
                self.way_out(vm, nic, subnet).map_or(Departure::Nowhere, Departure::WayOut)
            }
            Some(NextHop::VirtualAppliance(address, _)) => Departure::VirtualAppliance(address),
            Some(NextHop::VirtualNetworkGateway(_)) => Departure::VirtualNetworkGateway,
            Some(NextHop::VnetLocal | NextHop::VnetPeering(_) | NextHop::None) | None => Departure::Nowhere,
        }
    }

    /// What a way out is called, such as `natGateway/natgw`, and the addresses that it gives to packets.
    pub fn name_of_way_out(&self, way_out: WayOut) -> (String, Vec<Ipv4Addr>) {
        let all = |addresses: &[PublicAddress]| addresses.iter().map(|it| it.address).collect();
        match way_out {
            WayOut::NatGateway(number) => {
                let gateway = &self.nat_gateways[number];
                (format!("natGateway/{}", gateway.name), all(&gateway.public_addresses))
            }
            WayOut::PublicAddress(address) => {
                let public = self.public_addresses().find(|it| it.address == address);
                let name = public.map_or("", |public| public.name.as_str());
                (format!("publicIPAddress/{name}"), vec![address])
            }
            WayOut::LoadBalancer(number) => {
                let cluster = &self.managed_clusters[number];
                let frontends = cluster.outbound.load_balancer.iter().flat_map(|it| &it.frontends);
                (format!("loadBalancer/{}", cluster.name), frontends.map(|it| it.address).collect())
            }
        }
    }

    /// The way out of the NIC of `vm`, for packets from its own address in `subnet`, or from pods behind it
    /// that are in `subnet`: NAT gateway before instance address before load balancer (aks-facts 4.2).
    ///
    /// `None` where there is none: Azure's default outbound access is not emulated.
    pub fn way_out(&self, vm: &Place, nic: &NetworkInterface, subnet: SubnetIndex) -> Option<WayOut> {
        if let Some(gateway) = self.subnet(subnet).nat_gateway {
            return Some(WayOut::NatGateway(gateway));
        }
        // It is translated for the NIC's own address only.
        if let Some(public) = nic.public_address.as_ref().filter(|_| subnet == nic.subnet) {
            return Some(WayOut::PublicAddress(public.address));
        }
        let Place::Node { name } = vm else { return None };
        let has = |cluster: &ManagedCluster| cluster.nodes.iter().any(|node| node.name == *name);
        let cluster = self.managed_clusters.iter().position(has)?;
        self.managed_clusters[cluster].outbound.load_balancer.as_ref()?;
        Some(WayOut::LoadBalancer(cluster))
    }
}
