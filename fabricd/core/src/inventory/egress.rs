//! Public addresses and ways out, in the shape of `az network … show`, and the servers that they lead to.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    Kind, Resource,
    azure::{azure, cluster_id, reference, subnet_indexes},
    load_balancer::{PUBLIC, frontend_name, part_id},
    resource_id::{network_id, public_address_id, resource_id, subnet_id},
};
use crate::topology::{PublicAddress, Service, Topology};

/// `az network public-ip show`, also of those that nothing has.
pub(super) fn public_ip_addresses(topology: &Topology) -> Vec<Resource> {
    let mut all = vec![];
    for cluster in &topology.managed_clusters {
        let Some(balancer) = &cluster.outbound.load_balancer else { continue };
        for public in &balancer.frontends {
            let mut object = public_ip_address(topology, public);
            let part = part_id(topology, cluster, PUBLIC, "frontendIPConfigurations", &public.name);
            object["ipConfiguration"] = reference(part);
            if balancer.managed_addresses {
                object["managedBy"] = cluster_id(topology, &cluster.name).into();
            }
            all.push(azure(&public.name, object));
        }
    }
    all.extend(of_services(topology));
    for gateway in &topology.nat_gateways {
        for public in &gateway.public_addresses {
            let mut object = public_ip_address(topology, public);
            object["natGateway"] = reference(network_id(topology, &["natGateways", &gateway.name]));
            if let Some(cluster) = &gateway.managed_by {
                object["managedBy"] = cluster_id(topology, cluster).into();
            }
            all.push(azure(&public.name, object));
        }
    }
    for firewall in &topology.azure_firewalls {
        for public in &firewall.public_addresses {
            let mut object = public_ip_address(topology, public);
            let part = ["azureFirewalls", &firewall.name, "azureFirewallIpConfigurations", &public.name];
            object["ipConfiguration"] = reference(network_id(topology, &part));
            all.push(azure(&public.name, object));
        }
    }
    for (_, name, nic) in topology.azure_vms() {
        let Some(public) = &nic.public_address else { continue };
        let mut object = public_ip_address(topology, public);
        let part = ["networkInterfaces", name, "ipConfigurations", "ipconfig1"];
        object["ipConfiguration"] = reference(network_id(topology, &part));
        all.push(azure(&public.name, object));
    }
    let idle = topology.unassociated_addresses.iter();
    all.extend(idle.map(|public| azure(&public.name, public_ip_address(topology, public))));
    all
}

/// Those of Services, which are tagged with their names; several may share one.
fn of_services(topology: &Topology) -> Vec<Resource> {
    let mut all = vec![];
    for cluster in &topology.managed_clusters {
        let mut owners: BTreeMap<&str, (&PublicAddress, Vec<&Service>)> = BTreeMap::new();
        for service in &cluster.services {
            let Some(frontend) = service.frontend.as_ref().filter(|it| it.subnet.is_none()) else { continue };
            let public = &frontend.address;
            owners.entry(&public.name).or_insert((public, vec![])).1.push(service);
        }
        for (public, services) in owners.into_values() {
            let mut object = public_ip_address(topology, public);
            let part = frontend_name(services[0]);
            let part = part_id(topology, cluster, PUBLIC, "frontendIPConfigurations", &part);
            object["ipConfiguration"] = reference(part);
            let names: Vec<String> = services.iter().map(|service| service.namespaced_name()).collect();
            // The cloud provider's tag.
            object["tags"] = json!({ "k8s-azure-service": names.join(",") });
            all.push(azure(&public.name, object));
        }
    }
    all
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
