//! What is connected to what: peers, gateways, the subnets of pods, and every VM with its NIC.

use super::{NetworkInterface, Peering, Subnet, SubnetIndex, Topology};
use crate::place::Place;

impl Topology {
    /// The subnet at `index`.
    pub fn subnet(&self, index: SubnetIndex) -> &Subnet {
        &self.virtual_networks[index.virtual_network].subnets[index.subnet]
    }

    /// The VNets that the VNet of this index is connected to by peering: its own half and the other one's.
    /// Peerings of which the other half is missing (`Initiated`) are left out.
    pub fn peers(&self, virtual_network: usize) -> impl Iterator<Item = (&Peering, &Peering)> {
        self.virtual_networks[virtual_network].peerings.iter().filter_map(|peering| {
            Some((peering, &self.virtual_networks[peering.remote].peerings[peering.opposite?]))
        })
    }

    /// The gateways that the VNet of this index has or may use, as indexes into
    /// [`Topology::virtual_network_gateways`].
    pub fn gateways(&self, virtual_network: usize) -> impl Iterator<Item = usize> {
        let lender = self
            .peers(virtual_network)
            .find(|(own, other)| own.use_remote_gateways && other.allow_gateway_transit)
            .map(|(own, _)| own.remote);
        let all = self.virtual_network_gateways.iter().enumerate();
        let usable = move |place: usize| place == virtual_network || Some(place) == lender;
        all.filter(move |(_, gateway)| usable(gateway.subnet.virtual_network)).map(|(number, _)| number)
    }

    /// The VNets whose packets the gateway of this index carries: its own, then those that use it by peering.
    pub fn networks_behind(&self, gateway: usize) -> Vec<usize> {
        let home = self.virtual_network_gateways[gateway].subnet.virtual_network;
        let borrowers = self
            .peers(home)
            .filter(|(own, other)| own.allow_gateway_transit && other.use_remote_gateways)
            .map(|(own, _)| own.remote);
        std::iter::once(home).chain(borrowers).collect()
    }

    /// The subnet that the pods of the AKS node at `place` are in, if it is not the node's own.
    pub fn pod_subnet(&self, place: &Place) -> Option<SubnetIndex> {
        let Place::Node { name } = place else { return None };
        self.managed_clusters.iter().find_map(|cluster| {
            let node = cluster.nodes.iter().find(|node| node.name == *name)?;
            cluster.agent_pools[node.pool].pod_subnet
        })
    }

    /// Whether the kernel of the VM or AKS node at `place` passes packets on.
    pub fn routes_packets(&self, place: &Place) -> bool {
        match place {
            Place::Node { .. } => true,
            Place::VirtualMachine { name } => {
                self.virtual_machines.iter().any(|vm| vm.name == *name && vm.ip_forward)
            }
            _ => false,
        }
    }

    /// Every VM that hangs on an Azure host, AKS nodes included: place, name and NIC, in the order of
    /// the file, nodes first.
    pub fn azure_vms(&self) -> impl Iterator<Item = (Place, &str, &NetworkInterface)> {
        let nodes = self.managed_clusters.iter().flat_map(|cluster| &cluster.nodes);
        let nodes =
            nodes.map(|node| (Place::Node { name: node.name.clone() }, node.name.as_str(), &node.nic));
        let vms = self.virtual_machines.iter();
        nodes
            .chain(vms.map(|vm| (Place::VirtualMachine { name: vm.name.clone() }, vm.name.as_str(), &vm.nic)))
    }
}
