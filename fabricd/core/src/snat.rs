//! Source NAT of load balancers and NAT gateways: which ports are whose, and which are in use.

mod selection;
pub mod usage;

use std::net::Ipv4Addr;

use crate::{
    place::Place,
    topology::{LoadBalancer, ManagedCluster, Node, Topology},
};

pub use selection::allocations_of;

/// SNAT ports of one outbound address of a load balancer. Source: aks-facts 4.3.
pub const PORTS_OF_A_FRONTEND: u32 = 64_000;

/// The first port that is given away.
pub const FIRST_PORT: u16 = 1024;

/// SNAT ports of each node with automatic allocation, by the number of nodes. Source: aks-facts 4.3.
pub fn default_ports(nodes: usize) -> u32 {
    match nodes {
        0..=50 => 1024,
        51..=100 => 512,
        101..=200 => 256,
        201..=400 => 128,
        401..=800 => 64,
        _ => 32,
    }
}

/// Ports of one outbound address that a device may use for somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allocation {
    /// The load balancer or NAT gateway.
    pub device: Place,
    /// The node whose ports they are; `None` where all of the subnets share them.
    pub node: Option<String>,
    /// The number that the device's rules know the node by, from 1; 0 without a node.
    pub mark: u32,
    /// The outbound address.
    pub address: Ipv4Addr,
    /// The first port.
    pub first: u16,
    /// The last port.
    pub last: u16,
}

impl Allocation {
    /// How many ports.
    pub fn ports(&self) -> u32 {
        u32::from(self.last) - u32::from(self.first) + 1
    }
}

/// All ports that the lab's devices have given away: clusters in the order of the file, their nodes in the
/// order of the cluster, then NAT gateways.
pub fn allocations(topology: &Topology) -> Vec<Allocation> {
    let mut all: Vec<Allocation> = topology.managed_clusters.iter().flat_map(of_load_balancer).collect();
    for gateway in topology.nat_gateways.iter().filter(|gateway| gateway.virtual_network.is_some()) {
        let device = Place::NatGateway { name: gateway.name.clone() };
        all.extend(gateway.public_addresses.iter().map(|public| Allocation {
            device: device.clone(),
            node: None,
            mark: 0,
            address: public.address,
            first: FIRST_PORT,
            last: u16::MAX,
        }));
    }
    all
}

/// Those of the cluster's load balancer, if it has an outbound rule: one of each node, in their order.
pub fn of_load_balancer(cluster: &ManagedCluster) -> Vec<Allocation> {
    let Some(balancer) = &cluster.outbound.load_balancer else { return vec![] };
    let of_node = |(node, block): (&Node, &u32)| {
        let (address, first, last) = ports_of_block(balancer, *block);
        let device = Place::LoadBalancer { cluster: cluster.name.clone() };
        let node = Some(node.name.clone());
        Allocation { device, node, mark: block + 1, address, first, last }
    };
    cluster.nodes.iter().zip(&balancer.blocks).map(of_node).collect()
}

/// The outbound address, the first and the last port of a block. Blocks fill the first address, then the
/// second: more addresses make room for more nodes, and give no node more ports.
fn ports_of_block(balancer: &LoadBalancer, block: u32) -> (Ipv4Addr, u16, u16) {
    let on_each = PORTS_OF_A_FRONTEND / balancer.ports;
    let frontend = &balancer.frontends[(block / on_each) as usize];
    let first = u32::from(FIRST_PORT) + block % on_each * balancer.ports;
    let port = |number: u32| u16::try_from(number).expect("64,000 ports from 1024 end below 65,536");
    (frontend.address, port(first), port(first + balancer.ports - 1))
}
