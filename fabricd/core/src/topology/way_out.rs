//! By what a packet leaves for the internet whose effective route says so.

use std::net::Ipv4Addr;

use super::{ManagedCluster, NetworkInterface, SubnetIndex, Topology};
use crate::place::Place;

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

impl Topology {
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
