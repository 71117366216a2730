//! Azure resource ids: how one object names another.

use crate::topology::{SubnetIndex, Topology};

/// `/labs/LAB/providers/PROVIDER/TYPE/NAME`, with `/TYPE/NAME` once more for each part of a part;
/// `path` begins with the type.
pub(super) fn resource_id(topology: &Topology, provider: &str, path: &[&str]) -> String {
    format!("/labs/{}/providers/{provider}/{}", topology.lab, path.join("/"))
}

/// The id of an object of `Microsoft.Network`.
pub(crate) fn network_id(topology: &Topology, path: &[&str]) -> String {
    resource_id(topology, "Microsoft.Network", path)
}

/// The id of a public IP address.
pub(super) fn public_address_id(topology: &Topology, name: &str) -> String {
    network_id(topology, &["publicIPAddresses", name])
}

/// The id of a subnet.
pub(super) fn subnet_id(topology: &Topology, index: SubnetIndex) -> String {
    let network = &topology.virtual_networks[index.virtual_network];
    let subnet = &network.subnets[index.subnet];
    network_id(topology, &["virtualNetworks", &network.name, "subnets", &subnet.name])
}
