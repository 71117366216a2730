//! Public addresses and ways out, in the shape of `az network … show`, and the servers that they lead to.

use serde_json::{Value, json};

use super::{
    Kind, Resource,
    azure::{azure, cluster_id, reference, subnet_indexes},
    load_balancer::{PUBLIC, frontend_name, part_id},
    resource_id::{network_id, public_address_id, resource_id, subnet_id},
};
use crate::topology::{AddressOwner, PublicAddress, Service, Topology};

/// `az network public-ip show`, also of those that nothing has.
pub(super) fn public_ip_addresses(topology: &Topology) -> Vec<Resource> {
    let owned = topology.owned_public_addresses();
    let owned =
        owned.filter_map(|(public, owner)| Some(azure(&public.name, of_owner(topology, public, owner)?)));
    let idle = topology.unassociated_addresses.iter();
    owned.chain(idle.map(|public| azure(&public.name, public_ip_address(topology, public)))).collect()
}

/// The address and what it belongs to; `None` for a Service that shares it with one before.
fn of_owner(topology: &Topology, public: &PublicAddress, owner: AddressOwner<'_>) -> Option<Value> {
    let mut object = public_ip_address(topology, public);
    let managed_by = |cluster: &str| cluster_id(topology, cluster).into();
    match owner {
        AddressOwner::OutboundRule(cluster) => {
            let part = part_id(topology, cluster, PUBLIC, "frontendIPConfigurations", &public.name);
            object["ipConfiguration"] = reference(part);
            if cluster.outbound.load_balancer.as_ref().is_some_and(|balancer| balancer.managed_addresses) {
                object["managedBy"] = managed_by(&cluster.name);
            }
        }
        AddressOwner::Service(cluster, service) => {
            let shares = |it: &&Service| it.public_address().is_some_and(|own| own.name == public.name);
            let mut sharing = cluster.services.iter().filter(shares).map(Service::namespaced_name).peekable();
            if sharing.peek() != Some(&service.namespaced_name()) {
                return None;
            }
            let part = frontend_name(service);
            let part = part_id(topology, cluster, PUBLIC, "frontendIPConfigurations", &part);
            object["ipConfiguration"] = reference(part);
            // The cloud provider's tag.
            object["tags"] = json!({ "k8s-azure-service": sharing.collect::<Vec<_>>().join(",") });
        }
        AddressOwner::NatGateway(gateway) => {
            object["natGateway"] = reference(network_id(topology, &["natGateways", &gateway.name]));
            if let Some(cluster) = &gateway.managed_by {
                object["managedBy"] = managed_by(cluster);
            }
        }
        AddressOwner::AzureFirewall(firewall) => {
            let part = ["azureFirewalls", &firewall.name, "azureFirewallIpConfigurations", &public.name];
            object["ipConfiguration"] = reference(network_id(topology, &part));
        }
        AddressOwner::VirtualMachine(name) => {
            let part = ["networkInterfaces", name, "ipConfigurations", "ipconfig1"];
            object["ipConfiguration"] = reference(network_id(topology, &part));
        }
    }
    Some(object)
}

fn public_ip_address(topology: &Topology, public: &PublicAddress) -> Value {
    json!({
        "id": public_address_id(topology, &public.name),
        "ipAddress": public.address,
        "name": public.name,
        "publicIPAddressVersion": "IPv4",
        "publicIPAllocationMethod": "Static",
        "sku": { "name": "Standard" },
        "type": Kind::PublicIpAddresses.type_name(),
    })
}

/// `az network nat gateway show`, with the addresses beside their ids.
pub(super) fn nat_gateways(topology: &Topology) -> Vec<Resource> {
    let gateways = topology.nat_gateways.iter().enumerate().map(|(number, gateway)| {
        let attached =
            subnet_indexes(topology).filter(|index| topology.subnet(*index).nat_gateway == Some(number));
        let mut object = json!({
            "id": network_id(topology, &["natGateways", &gateway.name]),
            "idleTimeoutInMinutes": gateway.idle_timeout_minutes,
            "name": gateway.name,
            "publicIpAddresses": with_addresses(topology, &gateway.public_addresses),
            "sku": { "name": "Standard" },
            "subnets": attached.map(|index| reference(subnet_id(topology, index))).collect::<Vec<_>>(),
            "type": Kind::NatGateways.type_name(),
        });
        if let Some(cluster) = &gateway.managed_by {
            object["managedBy"] = cluster_id(topology, cluster).into();
        }
        azure(&gateway.name, object)
    });
    gateways.collect()
}

fn with_addresses(topology: &Topology, addresses: &[PublicAddress]) -> Vec<Value> {
    let one = |public: &PublicAddress| {
        let id = public_address_id(topology, &public.name);
        json!({ "id": id, "ipAddress": public.address, "name": public.name })
    };
    addresses.iter().map(one).collect()
}

/// Servers on the internet, in the lab file's words: Azure does not know them.
pub(super) fn servers(topology: &Topology) -> Vec<Resource> {
    let servers = topology.internet.iter().flat_map(|internet| &internet.servers).map(|server| {
        let object = json!({
            "fqdns": server.fqdns,
            "id": resource_id(topology, "Fabric", &["internet", "servers", &server.name]),
            "ipAddress": server.address,
            "name": server.name,
            "type": Kind::Servers.type_name(),
        });
        azure(&server.name, object)
    });
    servers.collect()
}
