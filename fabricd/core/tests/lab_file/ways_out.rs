//! Ways out of a lab: who gets which ports and addresses, and what comes before what.

use fabric_core::{
    place::Place,
    snat::{Allocation, allocations, default_ports},
    spec::load_onto,
    topology::{Departure, Rollout, Standing, Topology, WayOut},
};

use crate::text::{rendered, source, topology};

fn lab(nodes: u32, profile: &str) -> String {
    format!(
        "apiVersion: fabric/v1\nkind: Lab\nmetadata: {{name: l}}\nmanagedClusters:\n- name: aks\n  \
         networkProfile: {{networkPlugin: kubenet{profile}}}\n  \
         agentPoolProfiles: [{{name: one, count: {nodes}}}, {{name: two, count: 1}}]\n"
    )
}

fn blocks(topology: &Topology) -> Vec<(String, String)> {
    let told =
        |it: Allocation| (it.node.unwrap_or_default(), format!("{}:{}-{}", it.address, it.first, it.last));
    allocations(topology).into_iter().map(told).collect()
}

fn again(text: &str, before: &Topology) -> Result<Topology, String> {
    load_onto(&source(text), &Standing::of(before), &Rollout::default()).map_err(|it| rendered(&it))
}

/// aks-facts 4.3.
#[test]
fn ports_go_by_the_number_of_nodes() {
    let table = [1, 50, 51, 100, 101, 200, 201, 400, 401, 800, 801, 1000].map(default_ports);
    assert_eq!(table, [1024, 1024, 512, 512, 256, 256, 128, 128, 64, 64, 32, 32]);
    let ports = |nodes| allocations(&topology(&lab(nodes, "")))[0].ports();
    assert_eq!((ports(49), ports(50)), (1024, 512), "the 51st node halves every block");
}

#[test]
fn blocks_are_apart_and_fill_one_address_after_the_other() {
    let profile = ", loadBalancerProfile: {allocatedOutboundPorts: 32000, managedOutboundIPs: {count: 3}}";
    let topology = topology(&lab(4, profile));
    let ports: Vec<String> = blocks(&topology).into_iter().map(|(_, ports)| ports).collect();
    assert_eq!(
        ports,
        [
            "198.51.100.1:1024-33023",
            "198.51.100.1:33024-65023",
            "198.51.100.2:1024-33023",
            "198.51.100.2:33024-65023",
            "198.51.100.3:1024-33023",
        ]
    );
}

/// A node of another pool goes on with its connections when a pool grows or shrinks.
#[test]
fn a_node_keeps_its_ports() {
    let small = topology(&lab(1, ""));
    let large = again(&lab(3, ""), &small).unwrap();
    let smaller = again(&lab(2, ""), &large).unwrap();
    for (node, ports) in blocks(&small) {
        assert!(blocks(&large).contains(&(node.clone(), ports.clone())), "{node} {ports}");
        assert!(blocks(&smaller).contains(&(node, ports)));
    }
}

#[test]
fn a_nat_gateway_comes_before_a_public_address_and_that_before_a_load_balancer() {
    let text = "apiVersion: fabric/v1\nkind: Lab\nmetadata: {name: l}\n\
        publicIPAddresses: [{name: a}, {name: b, ipAddress: 198.51.100.1}, {name: c}]\n\
        natGateways: [{name: natgw, publicIPAddresses: [a]}]\n\
        virtualNetworks:\n- name: vnet\n  addressPrefixes: [10.224.0.0/12]\n  subnets:\n  \
        - {name: nodes, addressPrefix: 10.224.0.0/24}\n  - {name: pods, addressPrefix: 10.225.0.0/24, natGateway: natgw}\n  \
        - {name: nat, addressPrefix: 10.226.0.0/24, natGateway: natgw}\n\
        managedClusters:\n- name: aks\n  networkProfile: {networkPlugin: azure}\n  \
        agentPoolProfiles: [{name: np, count: 1, vnetSubnet: vnet/nodes, podSubnet: vnet/pods}]\n\
        virtualMachines:\n- {name: both, subnet: vnet/nat, publicIPAddress: b}\n\
        - {name: own, subnet: vnet/nodes, publicIPAddress: c}\n- {name: none, subnet: vnet/nodes}\n";
    let topology = topology(text);
    let ways: Vec<Option<WayOut>> =
        topology.azure_vms().map(|(vm, _, nic)| topology.way_out(&vm, nic, nic.subnet)).collect();
    let own = WayOut::PublicAddress("198.51.100.3".parse().unwrap());
    assert_eq!(ways, [Some(WayOut::LoadBalancer(0)), Some(WayOut::NatGateway(0)), Some(own), None]);
    // Pods have the way out of their own subnet.
    let node = &topology.managed_clusters[0].nodes[0];
    let place = Place::Node { name: node.name.clone() };
    let pods = topology.pod_subnet(&place).unwrap();
    assert_eq!(topology.way_out(&place, &node.nic, pods), Some(WayOut::NatGateway(0)));
}

/// What a gateway announces counts too: a default site takes everything that has no route of the user's own.
#[test]
fn a_default_site_takes_what_has_no_other_route() {
    let text = "apiVersion: fabric/v1\nkind: Lab\nmetadata: {name: l}\n\
        publicIPAddresses: [{name: a}, {name: b}]\n\
        routeTables:\n- name: own\n  routes: [{name: r, addressPrefix: 0.0.0.0/0, nextHopType: Internet}]\n\
        - {name: deaf, disableBgpRoutePropagation: true}\n\
        virtualNetworks:\n- name: vnet\n  addressPrefixes: [10.224.0.0/12]\n  subnets:\n  \
        - {name: GatewaySubnet, addressPrefix: 10.225.0.0/24}\n  - {name: plain, addressPrefix: 10.224.0.0/24}\n  \
        - {name: routed, addressPrefix: 10.224.1.0/24, routeTable: own}\n  \
        - {name: deaf, addressPrefix: 10.224.2.0/24, routeTable: deaf}\n\
        virtualMachines:\n- {name: one, subnet: vnet/plain, publicIPAddress: a}\n\
        - {name: two, subnet: vnet/routed, publicIPAddress: b}\n- {name: three, subnet: vnet/deaf}\n\
        virtualNetworkGateways: [{name: vpn, virtualNetwork: vnet, gatewayDefaultSite: dc}]\n\
        onPremises: [{name: dc, addressPrefixes: [10.1.0.0/16], virtualNetworkGateway: vpn}]\n";
    let topology = topology(text);
    let departures: Vec<Departure> =
        topology.azure_vms().map(|(vm, _, nic)| topology.departure(&vm, nic, nic.subnet)).collect();
    let own = Departure::WayOut(WayOut::PublicAddress("198.51.100.2".parse().unwrap()));
    assert_eq!(departures, [Departure::VirtualNetworkGateway, own, Departure::Nowhere]);
}

#[test]
fn aks_changes_some_outbound_types_only() {
    let of = |outbound: &str| lab(1, &format!(", outboundType: {outbound}"));
    let nat = topology(&of("managedNATGateway"));
    let told = again(&of("loadBalancer"), &nat).unwrap_err();
    assert!(told.contains("from `managedNATGateway` to `loadBalancer`"), "{told}");
    assert!(again(&of("none"), &nat).is_ok());
    let balancer = topology(&of("loadBalancer"));
    for other in ["managedNATGateway", "none", "loadBalancer"] {
        assert!(again(&of(other), &balancer).is_ok(), "{other}");
    }
}

#[test]
fn without_a_way_out_there_is_no_internet() {
    assert!(topology(&lab(1, ", outboundType: none")).internet.is_none());
    assert_eq!(topology(&lab(1, "")).internet.unwrap().servers.len(), 2);
}

/// As in Azure, where it is given when it is made, and not when something gets it.
#[test]
fn an_address_that_nothing_has_is_there_and_stays() {
    let text = |names: &str| {
        format!(
            "apiVersion: fabric/v1\nkind: Lab\nmetadata: {{name: l}}\npublicIPAddresses: [{names}]\n{TWO_NODES}"
        )
    };
    let before = topology(&text("{name: a}, {name: b}"));
    let idle = |topology: &Topology| {
        let all = topology.unassociated_addresses.iter();
        all.map(|it| format!("{} {}", it.name, it.address)).collect::<Vec<_>>()
    };
    assert_eq!(idle(&before), ["a 198.51.100.1", "b 198.51.100.2"]);
    let after = again(&text("{name: c}, {name: b}"), &before).unwrap();
    assert_eq!(idle(&after), ["c 198.51.100.4", "b 198.51.100.2"]);
}

const TWO_NODES: &str = "managedClusters: [{name: aks, agentPoolProfiles: [{name: one, count: 2}]}]\n";
