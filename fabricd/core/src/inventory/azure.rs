//! Networks and machines, in the shape of `az … show`.

use serde_json::{Value, json};

use super::{
    Kind, Resource,
    resource_id::{network_id, public_address_id, resource_id, subnet_id},
};
use crate::{
    fault::Faults,
    place::Place,
    topology::{
        GatewayType, HttpProxyServer, Machine, NetworkInterface, RouteTable, Site, SubnetIndex, Topology,
        UserNextHop, UserRoute, VirtualNetwork,
    },
};

/// `az network vnet show`.
pub(super) fn virtual_networks(topology: &Topology) -> Vec<Resource> {
    let networks = topology.virtual_networks.iter().enumerate().map(|(virtual_network, network)| {
        let subnets = (0..network.subnets.len())
            .map(|subnet| subnet_object(topology, SubnetIndex { virtual_network, subnet }));
        azure(
            &network.name,
            json!({
                "addressSpace": { "addressPrefixes": network.address_prefixes },
                "id": network_id(topology, &["virtualNetworks", &network.name]),
                "name": network.name,
                "subnets": subnets.collect::<Vec<_>>(),
                "type": Kind::VirtualNetworks.type_name(),
                "virtualNetworkPeerings": peerings_of(topology, network).collect::<Vec<_>>(),
            }),
        )
    });
    networks.collect()
}

/// `az network vnet peering show`.
pub(super) fn virtual_network_peerings(topology: &Topology) -> Vec<Resource> {
    let networks = topology.virtual_networks.iter();
    let named = networks.flat_map(|network| {
        let names = network.peerings.iter().map(|peering| format!("{}/{}", network.name, peering.name));
        names.zip(peerings_of(topology, network))
    });
    named.map(|(name, object)| azure(&name, object)).collect()
}

fn peerings_of<'a>(topology: &'a Topology, network: &'a VirtualNetwork) -> impl Iterator<Item = Value> + 'a {
    network.peerings.iter().map(move |peering| {
        let remote = &topology.virtual_networks[peering.remote];
        let path = ["virtualNetworks", &network.name, "virtualNetworkPeerings", &peering.name];
        json!({
            "allowForwardedTraffic": peering.allow_forwarded_traffic,
            "allowGatewayTransit": peering.allow_gateway_transit,
            "allowVirtualNetworkAccess": true,
            "id": network_id(topology, &path),
            "name": peering.name,
            "peeringState": if peering.opposite.is_some() { "Connected" } else { "Initiated" },
            "remoteAddressSpace": { "addressPrefixes": remote.address_prefixes },
            "remoteVirtualNetwork": reference(network_id(topology, &["virtualNetworks", &remote.name])),
            "type": Kind::VirtualNetworkPeerings.type_name(),
            "useRemoteGateways": peering.use_remote_gateways,
        })
    })
}

/// `az network vnet subnet show`.
pub(super) fn subnets(topology: &Topology) -> Vec<Resource> {
    let named = subnet_indexes(topology).map(|index| {
        let network = &topology.virtual_networks[index.virtual_network];
        let name = format!("{}/{}", network.name, topology.subnet(index).name);
        azure(&name, subnet_object(topology, index))
    });
    named.collect()
}

/// `az network route-table show`.
pub(super) fn route_tables(topology: &Topology) -> Vec<Resource> {
    let tables = topology.route_tables.iter().enumerate().map(|(number, table)| {
        let attached = subnet_indexes(topology).filter(|index| topology.subnet(*index).route_table == Some(number));
        let mut object = json!({
            "disableBgpRoutePropagation": table.disable_bgp_route_propagation,
            "id": network_id(topology, &["routeTables", &table.name]),
            "name": table.name,
            "routes": table.routes.iter().map(|route| route_object(topology, table, route)).collect::<Vec<_>>(),
            "subnets": attached.map(|index| reference(subnet_id(topology, index))).collect::<Vec<_>>(),
            "type": Kind::RouteTables.type_name(),
        });
        if let Some(cluster) = &table.managed_by {
            object["managedBy"] = cluster_id(topology, cluster).into();
        }
        azure(&table.name, object)
    });
    tables.collect()
}

/// `az network route-table route show`.
pub(super) fn routes(topology: &Topology) -> Vec<Resource> {
    let tables = topology.route_tables.iter();
    let routes = tables.flat_map(|table| table.routes.iter().map(move |route| (table, route)));
    let named = routes.map(|(table, route)| {
        azure(&format!("{}/{}", table.name, route.name), route_object(topology, table, route))
    });
    named.collect()
}

/// `az network vnet-gateway show`.
pub(super) fn virtual_network_gateways(topology: &Topology) -> Vec<Resource> {
    let gateways = topology.virtual_network_gateways.iter().map(|gateway| {
        let subnet = reference(subnet_id(topology, gateway.subnet));
        let mut object = json!({
            "gatewayType": match gateway.gateway_type {
                GatewayType::Vpn => "Vpn",
                GatewayType::ExpressRoute => "ExpressRoute",
            },
            "id": network_id(topology, &["virtualNetworkGateways", &gateway.name]),
            "ipConfigurations": [{ "privateIPAddress": gateway.private_ip_address, "subnet": subnet }],
            "name": gateway.name,
            "type": Kind::VirtualNetworkGateways.type_name(),
        });
        if let Some(site) = gateway.default_site {
            object["gatewayDefaultSite"] = reference(site_id(topology, &topology.on_premises[site]));
        }
        azure(&gateway.name, object)
    });
    gateways.collect()
}

/// `az vm show --show-details`, with the NIC in place of its id.
pub(super) fn virtual_machines(topology: &Topology, faults: &Faults) -> Vec<Resource> {
    let vms = topology.virtual_machines.iter().map(|vm| {
        let stopped = faults.is_stopped(&Place::VirtualMachine { name: vm.name.clone() });
        let mut object = json!({
            "id": resource_id(topology, "Microsoft.Compute", &["virtualMachines", &vm.name]),
            "name": vm.name,
            "networkProfile": { "networkInterfaces": [interface(topology, &vm.nic)] },
            "powerState": if stopped { "VM stopped" } else { "VM running" },
            "privateIps": vm.nic.private_ip_address,
            "type": Kind::VirtualMachines.type_name(),
        });
        // In the lab file's words: Azure does not know what a VM runs.
        if let Some(HttpProxyServer { port }) = vm.http_proxy {
            object["httpProxy"] = json!({ "port": port });
        }
        if let Some(public) = &vm.nic.public_address {
            object["publicIps"] = public.address.to_string().into();
        }
        azure(&vm.name, object)
    });
    vms.collect()
}

/// Sites on premises, in the lab file's words: Azure does not know them.
pub(super) fn on_premises(topology: &Topology) -> Vec<Resource> {
    let sites = topology.on_premises.iter().map(|site| {
        let gateway = &topology.virtual_network_gateways[site.gateway].name;
        let mut object = json!({
            "addressPrefixes": site.address_prefixes,
            "id": site_id(topology, site),
            "machines": site.machines.iter().map(|machine| machine_object(topology, site, machine)).collect::<Vec<_>>(),
            "name": site.name,
            "type": Kind::OnPremises.type_name(),
            "virtualNetworkGateway": reference(network_id(topology, &["virtualNetworkGateways", gateway])),
        });
        if let Some(address) = site.public_address {
            object["publicIPAddress"] = address.to_string().into();
        }
        azure(&site.name, object)
    });
    sites.collect()
}

/// Machines on premises, in the lab file's words.
pub(super) fn machines(topology: &Topology) -> Vec<Resource> {
    let machines = topology.on_premises.iter().flat_map(|site| {
        site.machines.iter().map(move |machine| azure(&machine.name, machine_object(topology, site, machine)))
    });
    machines.collect()
}

/// The id of an AKS cluster.
pub(super) fn cluster_id(topology: &Topology, cluster: &str) -> String {
    resource_id(topology, "Microsoft.ContainerService", &["managedClusters", cluster])
}

fn site_id(topology: &Topology, site: &Site) -> String {
    resource_id(topology, "Fabric", &["onPremises", &site.name])
}

/// An object that is in no Kubernetes namespace.
pub(super) fn azure(name: &str, object: Value) -> Resource {
    Resource { namespace: None, name: name.to_owned(), object }
}

pub(super) fn subnet_indexes(topology: &Topology) -> impl Iterator<Item = SubnetIndex> {
    let networks = topology.virtual_networks.iter().enumerate();
    networks.flat_map(|(virtual_network, network)| {
        (0..network.subnets.len()).map(move |subnet| SubnetIndex { virtual_network, subnet })
    })
}

fn subnet_object(topology: &Topology, index: SubnetIndex) -> Value {
    let subnet = topology.subnet(index);
    let mut object = json!({
        "addressPrefix": subnet.address_prefix,
        "id": subnet_id(topology, index),
        "name": subnet.name,
    });
    if let Some(gateway) = subnet.nat_gateway {
        let gateway = &topology.nat_gateways[gateway].name;
        object["natGateway"] = reference(network_id(topology, &["natGateways", gateway]));
    }
    if let Some(table) = subnet.route_table {
        let table = &topology.route_tables[table].name;
        object["routeTable"] = reference(network_id(topology, &["routeTables", table]));
    }
    object["type"] = Kind::Subnets.type_name().into();
    object
}

fn route_object(topology: &Topology, table: &RouteTable, route: &UserRoute) -> Value {
    let (next_hop_type, address) = match route.next_hop {
        UserNextHop::VirtualAppliance(address) => ("VirtualAppliance", Some(address)),
        UserNextHop::VnetLocal => ("VnetLocal", None),
        UserNextHop::Internet => ("Internet", None),
        UserNextHop::VirtualNetworkGateway => ("VirtualNetworkGateway", None),
        UserNextHop::None => ("None", None),
    };
    let mut object = json!({
        "addressPrefix": route.address_prefix,
        "id": network_id(topology, &["routeTables", &table.name, "routes", &route.name]),
        "name": route.name,
        "nextHopType": next_hop_type,
        "type": Kind::Routes.type_name(),
    });
    if let Some(address) = address {
        object["nextHopIpAddress"] = address.to_string().into();
    }
    object
}

fn interface(topology: &Topology, nic: &NetworkInterface) -> Value {
    let mut configuration = json!({ "privateIPAddress": nic.private_ip_address });
    if let Some(public) = &nic.public_address {
        configuration["publicIPAddress"] = reference(public_address_id(topology, &public.name));
    }
    configuration["subnet"] = reference(subnet_id(topology, nic.subnet));
    json!({
        "enableIPForwarding": nic.enable_ip_forwarding,
        "ipConfigurations": [configuration],
        "primary": true,
    })
}

fn machine_object(topology: &Topology, site: &Site, machine: &Machine) -> Value {
    json!({
        "id": resource_id(topology, "Fabric", &["onPremises", &site.name, "machines", &machine.name]),
        "name": machine.name,
        "privateIPAddress": machine.address,
        "type": Kind::Machines.type_name(),
    })
}

/// How one object names another.
pub(super) fn reference(id: String) -> Value {
    json!({ "id": id })
}
