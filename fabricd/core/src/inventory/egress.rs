//! Ways out, in the shape of `az network … show`, and the servers that they lead to.

use serde_json::{Value, json};

use super::{
    Kind, Resource,
    azure::{azure, cluster_id, reference, subnet_indexes},
    resource_id::{network_id, public_address_id, resource_id, subnet_id},
};
use crate::topology::{LoadBalancer, ManagedCluster, PublicAddress, Topology};

/// What AKS calls each cluster's load balancer, its outbound rule, and the pool of that.
const LOAD_BALANCER: &str = "kubernetes";
const OUTBOUND_RULE: &str = "aksOutboundRule";
const OUTBOUND_POOL: &str = "aksOutboundBackendPool";

/// `az network public-ip show`, also of those that nothing has.
pub(super) fn public_ip_addresses(topology: &Topology) -> Vec<Resource> {
    let mut all = vec![];
    for cluster in &topology.managed_clusters {
        let Some(balancer) = &cluster.outbound.load_balancer else { continue };
        for public in &balancer.frontends {
            let mut object = public_ip_address(topology, public);
            let part = part_id(topology, cluster, "frontendIPConfigurations", &public.name);
            object["ipConfiguration"] = reference(part);
            if balancer.managed_addresses {
                object["managedBy"] = cluster_id(topology, &cluster.name).into();
            }
            all.push(azure(&public.name, object));
        }
    }
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

/// `az network lb show`. Each cluster's is called `kubernetes`, in a resource group of its own; here it is found
/// by the cluster's name.
pub(super) fn load_balancers(topology: &Topology) -> Vec<Resource> {
    let balancers = topology.managed_clusters.iter().filter_map(|cluster| {
        let balancer = cluster.outbound.load_balancer.as_ref()?;
        let name = format!("{}/{LOAD_BALANCER}", cluster.name);
        Some(azure(&name, load_balancer(topology, cluster, balancer)))
    });
    balancers.collect()
}

fn load_balancer(topology: &Topology, cluster: &ManagedCluster, balancer: &LoadBalancer) -> Value {
    let part = |kind: &str, name: &str| part_id(topology, cluster, kind, name);
    let frontend = |public: &PublicAddress| {
        let id = part("frontendIPConfigurations", &public.name);
        let address = public_address_id(topology, &public.name);
        json!({
            "id": id,
            "name": public.name,
            "publicIPAddress": { "id": address, "ipAddress": public.address },
        })
    };
    let members = cluster.nodes.iter();
    let members = members.map(|node| json!({ "ipAddress": node.nic.private_ip_address, "name": node.name }));
    let frontends = balancer.frontends.iter();
    let frontends = frontends.map(|public| reference(part("frontendIPConfigurations", &public.name)));
    json!({
        "backendAddressPools": [{
            "id": part("backendAddressPools", OUTBOUND_POOL),
            "loadBalancerBackendAddresses": members.collect::<Vec<_>>(),
            "name": OUTBOUND_POOL,
        }],
        "frontendIPConfigurations": balancer.frontends.iter().map(frontend).collect::<Vec<_>>(),
        "id": load_balancer_id(topology, cluster),
        "name": LOAD_BALANCER,
        "outboundRules": [{
            "allocatedOutboundPorts": balancer.allocated_outbound_ports,
            "backendAddressPool": reference(part("backendAddressPools", OUTBOUND_POOL)),
            "enableTcpReset": true,
            "frontendIPConfigurations": frontends.collect::<Vec<_>>(),
            "id": part("outboundRules", OUTBOUND_RULE),
            "idleTimeoutInMinutes": balancer.idle_timeout_minutes,
            "name": OUTBOUND_RULE,
            "protocol": "All",
        }],
        "sku": { "name": "Standard" },
        "type": Kind::LoadBalancers.type_name(),
    })
}

/// As if the load balancer were a part of its cluster, in the place of the node resource group.
fn load_balancer_id(topology: &Topology, cluster: &ManagedCluster) -> String {
    format!("{}/loadBalancers/{LOAD_BALANCER}", cluster_id(topology, &cluster.name))
}

fn part_id(topology: &Topology, cluster: &ManagedCluster, kind: &str, name: &str) -> String {
    format!("{}/{kind}/{name}", load_balancer_id(topology, cluster))
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
