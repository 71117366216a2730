//! VNets in a picture: their subnets, and what is in those.

use std::{collections::BTreeMap, net::Ipv4Addr};

use super::{
    cluster::{self, Shown},
    picture::{Figure, FigureKind, Numbers},
    way_out::{self, Departures},
};
use crate::topology::{
    GatewayType, NetworkPlugin, RouteTable, SubnetIndex, Topology, UserNextHop, VirtualMachine,
};

/// Most subnets of a VNet, VMs of a subnet and routes of a table that are shown.
const SUBNETS: usize = 24;
const VIRTUAL_MACHINES: usize = 24;
const ROUTES: usize = 8;
/// Most prefixes that are written out.
const PREFIXES: usize = 4;

/// All VNets, in the order of the lab, and behind them the route tables that no subnet uses.
pub(super) fn figures(
    topology: &Topology,
    shown: Shown,
    departures: &Departures,
    numbers: &mut Numbers,
) -> Vec<Figure> {
    let mut first_use = BTreeMap::new();
    let networks = topology.virtual_networks.iter().enumerate().map(|(virtual_network, network)| {
        let mut figure = numbers.figure(FigureKind::VirtualNetwork, &network.name, "VNet");
        figure.details.push(prefixes(&network.address_prefixes));
        let subnets = (0..network.subnets.len()).map(|subnet| SubnetIndex { virtual_network, subnet });
        let all: Vec<Figure> = subnets
            .map(|index| subnet(topology, index, (shown, departures), &mut first_use, numbers))
            .collect();
        figure.figures = fewer(all, numbers);
        figure
    });
    let mut figures: Vec<Figure> = networks.collect();
    for (number, table) in topology.route_tables.iter().enumerate() {
        if !first_use.contains_key(&number) {
            let mut figure = route_table(topology, table, numbers);
            figure.details.insert(0, "attached to no subnet".to_owned());
            figures.push(figure);
        }
    }
    figures
}

/// `10.0.0.0/16, 10.1.0.0/16`.
pub(super) fn prefixes(prefixes: &[ipnet::Ipv4Net]) -> String {
    let mut words: Vec<String> = prefixes.iter().take(PREFIXES).map(ToString::to_string).collect();
    if prefixes.len() > PREFIXES {
        words.push(format!("+ {} more", prefixes.len() - PREFIXES));
    }
    words.join(", ")
}

/// Leaves empty subnets out, then the last ones, until the rest can be read.
fn fewer(mut subnets: Vec<Figure>, numbers: &mut Numbers) -> Vec<Figure> {
    if subnets.len() <= SUBNETS {
        return subnets;
    }
    let all = subnets.len();
    let mut superfluous = all - (SUBNETS - 1);
    subnets.retain(|subnet| {
        let stays = superfluous == 0 || !subnet.figures.is_empty();
        superfluous -= usize::from(!stays);
        stays
    });
    subnets.truncate(SUBNETS - 1);
    subnets.push(numbers.more(all - subnets.len(), "subnets"));
    subnets
}

fn subnet(
    topology: &Topology,
    index: SubnetIndex,
    (shown, departures): (Shown, &Departures),
    first_use: &mut BTreeMap<usize, String>,
    numbers: &mut Numbers,
) -> Figure {
    let subnet = topology.subnet(index);
    let mut figure = numbers.figure(FigureKind::Subnet, &subnet.name, "subnet");
    figure.details.push(subnet.address_prefix.to_string());
    figure.way_out = way_out::words(topology, departures, index);
    let clusters = topology.managed_clusters.iter();
    figure.figures.extend(clusters.filter_map(|one| cluster::figure(topology, one, index, shown, numbers)));
    figure.figures.extend(gateways(topology, index, numbers));
    figure.figures.extend(pod_addresses(topology, index, numbers));
    figure.figures.extend(virtual_machines(topology, departures, index, numbers));
    if let Some(number) = subnet.route_table {
        let network = &topology.virtual_networks[index.virtual_network].name;
        let table = &topology.route_tables[number];
        let figure_of_table = match first_use.get(&number) {
            None => {
                first_use.insert(number, format!("{network}/{}", subnet.name));
                route_table(topology, table, numbers)
            }
            Some(first) => {
                let mut again = numbers.figure(FigureKind::RouteTable, &table.name, "route table");
                again.details.push(format!("the same as at {first}"));
                again
            }
        };
        figure.figures.push(figure_of_table);
    }
    figure
}

fn gateways(topology: &Topology, index: SubnetIndex, numbers: &mut Numbers) -> Vec<Figure> {
    let here = topology.virtual_network_gateways.iter().filter(|gateway| gateway.subnet == index);
    let gateway = |gateway: &crate::topology::VirtualNetworkGateway| {
        let note = match gateway.gateway_type {
            GatewayType::Vpn => "VPN gateway",
            GatewayType::ExpressRoute => "ExpressRoute gateway",
        };
        let mut figure = numbers.figure(FigureKind::Gateway, &gateway.name, note);
        figure.details.push(gateway.private_ip_address.to_string());
        figure
    };
    let gateways: Vec<Figure> = here.map(gateway).collect();
    let firewall =
        topology.azure_firewalls.iter().filter(|firewall| firewall.subnet == index).map(|firewall| {
            let mut figure = numbers.figure(FigureKind::Appliance, &firewall.name, "Azure Firewall");
            figure.details.push(firewall.private_ip_address.to_string());
            match firewall.public_addresses.as_slice() {
                few @ ([] | [_] | [_, _]) => {
                    figure.details.extend(few.iter().map(|it| it.address.to_string()))
                }
                many => figure.details.push(format!("{} public addresses", many.len())),
            }
            figure
        });
    gateways.into_iter().chain(firewall).collect()
}

/// Whose pods have addresses of this subnet without being behind NICs in it.
fn pod_addresses(topology: &Topology, index: SubnetIndex, numbers: &mut Numbers) -> Vec<Figure> {
    let clusters =
        topology.managed_clusters.iter().filter(|one| one.network_plugin == NetworkPlugin::PodSubnet);
    let mut figures = vec![];
    for cluster in clusters {
        let pools = cluster.agent_pools.iter().filter(|pool| pool.pod_subnet == Some(index));
        let names: Vec<&str> = pools.map(|pool| pool.name.as_str()).collect();
        if names.is_empty() {
            continue;
        }
        let title = format!("Pods of {}", cluster.name);
        let mut figure = numbers.figure(FigureKind::PodAddresses, title, "addresses of this subnet");
        figure.details.push(format!("on the nodes of {}", names.join(", ")));
        figures.push(figure);
    }
    figures
}

fn virtual_machines(
    topology: &Topology,
    departures: &Departures,
    index: SubnetIndex,
    numbers: &mut Numbers,
) -> Vec<Figure> {
    let here: Vec<&VirtualMachine> =
        topology.virtual_machines.iter().filter(|vm| vm.nic.subnet == index).collect();
    let fit = if here.len() <= VIRTUAL_MACHINES { here.len() } else { VIRTUAL_MACHINES - 1 };
    let mut figures: Vec<Figure> =
        here[..fit].iter().map(|vm| virtual_machine(topology, departures, vm, numbers)).collect();
    if fit < here.len() {
        figures.push(numbers.more(here.len() - fit, "VMs"));
    }
    figures
}

fn virtual_machine(
    topology: &Topology,
    departures: &Departures,
    vm: &VirtualMachine,
    numbers: &mut Numbers,
) -> Figure {
    // An appliance needs both switches, and a lab may show what one of them alone is worth.
    let forwarding = match (vm.nic.enable_ip_forwarding, vm.ip_forward) {
        (true, true) => Some("forwards: NIC and kernel"),
        (true, false) => Some("forwards: NIC, not kernel"),
        (false, true) => Some("forwards: kernel, not NIC"),
        (false, false) => None,
    };
    let (kind, note) = match forwarding {
        Some(_) => (FigureKind::Appliance, "appliance"),
        None => (FigureKind::VirtualMachine, "VM"),
    };
    let mut figure = numbers.figure(kind, &vm.name, note);
    figure.details.push(vm.nic.private_ip_address.to_string());
    figure.details.extend(vm.nic.public_address.as_ref().map(|public| format!("public {}", public.address)));
    figure.details.extend(way_out::missing(topology, departures, vm).map(str::to_owned));
    figure.details.extend(forwarding.map(str::to_owned));
    figure
}

fn route_table(topology: &Topology, table: &RouteTable, numbers: &mut Numbers) -> Figure {
    let mut figure = numbers.figure(FigureKind::RouteTable, &table.name, "route table");
    if let Some(cluster) = &table.managed_by {
        figure.details.push(format!("kept by the cluster {cluster}"));
    }
    if table.disable_bgp_route_propagation {
        figure.details.push("no gateway routes".to_owned());
    }
    let fit = if table.routes.len() <= ROUTES { table.routes.len() } else { ROUTES - 1 };
    for route in &table.routes[..fit] {
        figure.routes.push([route.address_prefix.to_string(), next_hop(topology, route.next_hop)]);
    }
    if fit < table.routes.len() {
        figure.routes.push([format!("+ {} more", table.routes.len() - fit), String::new()]);
    }
    figure
}

/// In Azure's words; an appliance by its address, and its name if a VM has it.
fn next_hop(topology: &Topology, next_hop: UserNextHop) -> String {
    match next_hop {
        UserNextHop::VirtualAppliance(address) => address_of(topology, address),
        UserNextHop::VnetLocal => "VnetLocal".to_owned(),
        UserNextHop::Internet => "Internet".to_owned(),
        UserNextHop::VirtualNetworkGateway => "VirtualNetworkGateway".to_owned(),
        UserNextHop::None => "None (dropped)".to_owned(),
    }
}

/// An address, and behind it the name of the VM or firewall that has it.
pub(super) fn address_of(topology: &Topology, address: Ipv4Addr) -> String {
    let vm = topology.virtual_machines.iter().find(|vm| vm.nic.private_ip_address == address);
    let firewall = topology.azure_firewalls.iter().find(|it| it.private_ip_address == address);
    let name = vm.map(|vm| &vm.name).or(firewall.map(|firewall| &firewall.name));
    name.map_or_else(|| address.to_string(), |name| format!("{address} {name}"))
}
