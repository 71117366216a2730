//! Network interfaces of VMs and AKS nodes.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::{PublicAddress, SubnetIndex};

/// A network interface of a VM or node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkInterface {
    /// Where it is attached.
    pub subnet: SubnetIndex,
    /// Its address, one of the subnet's.
    pub private_ip_address: Ipv4Addr,
    /// Whether it may send and receive packets that are not its own (`enableIPForwarding`).
    pub enable_ip_forwarding: bool,
    /// Addresses beside the first that Azure brings to this NIC, ascending: those for a node's pods.
    /// With a pod subnet they are of that subnet, and the first of them is nobody's but the batch's.
    pub secondary_addresses: Vec<Ipv4Addr>,
    /// The same in whole blocks, ascending, with static block allocation. The first address of the first is
    /// nobody's but the node's.
    pub secondary_blocks: Vec<Ipv4Net>,
    /// The pods behind it in a routing domain of their own, if the cluster is an overlay.
    pub overlay: Option<Overlay>,
    /// A public address of its own (instance-level public IP).
    pub public_address: Option<PublicAddress>,
}

impl NetworkInterface {
    /// All addresses beside the first, ascending.
    pub fn pod_addresses(&self) -> impl Iterator<Item = Ipv4Addr> {
        let blocks = self.secondary_blocks.iter().flat_map(|block| {
            (u32::from(block.network())..=u32::from(block.broadcast())).map(Ipv4Addr::from)
        });
        self.secondary_addresses.iter().copied().chain(blocks)
    }
}

/// A node's part of its cluster's overlay: a routing domain beside the VNet (aks-facts 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overlay {
    /// The cluster, as an index into [`super::Topology::managed_clusters`]: each is a domain of its own.
    pub cluster: usize,
    /// All of the domain.
    pub pod_cidr: Ipv4Net,
    /// What of it is behind this NIC.
    pub node_pod_cidr: Ipv4Net,
}
