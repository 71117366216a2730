//! The kubenet case study, address by address.

use std::collections::BTreeSet;

use fabric_core::{place::Place, topology::UserNextHop};

use crate::text::{topology, written};

const LAB: &str = include_str!("../../../../labs/kubenet/lab.yaml");

#[test]
fn addresses_are_those_of_the_case_study() {
    let topology = topology(LAB);
    let vms: Vec<String> = topology
        .azure_vms()
        .map(|(place, _, nic)| format!("{place} {} {}", nic.private_ip_address, nic.enable_ip_forwarding))
        .collect();
    assert_eq!(
        vms,
        [
            "node/aks-nodepool1-11743156-vmss000000 10.224.0.4 true",
            "node/aks-pool2-13111960-vmss000000 10.224.0.5 true",
            "vm/device 10.224.1.2 false",
        ]
    );
    let cluster = &topology.managed_clusters[0];
    let pods: Vec<String> = written(cluster)
        .map(|pod| format!("{} {} {}", cluster.pod_place(pod), pod.node, pod.address.unwrap()))
        .collect();
    assert_eq!(
        pods,
        [
            "pod/aks/default/a 0 10.244.0.15",
            "pod/aks/default/b 0 10.244.0.16",
            "pod/aks/default/c 1 10.244.1.27",
        ]
    );
    let gateway = &topology.virtual_network_gateways[0];
    assert_eq!(gateway.private_ip_address.to_string(), "10.225.0.4");
    assert_eq!(topology.subnet(gateway.subnet).name, "GatewaySubnet");
    assert_eq!(topology.on_premises[0].machines[0].address.to_string(), "10.1.2.3");
    assert_eq!(cluster.dns_service_ip.to_string(), "10.0.0.10");
    assert_eq!(cluster.kubernetes_version, "1.30");
}

#[test]
fn the_route_table_has_a_route_for_each_node() {
    let topology = topology(LAB);
    let [table] = &topology.route_tables[..] else { panic!("{:?}", topology.route_tables) };
    assert!(
        table.name.starts_with("aks-agentpool-") && table.name.ends_with("-routetable"),
        "{}",
        table.name
    );
    let routes: Vec<String> = table
        .routes
        .iter()
        .map(|route| {
            let UserNextHop::VirtualAppliance(address) = route.next_hop else { panic!("{route:?}") };
            format!("{} {} {address}", route.name, route.address_prefix)
        })
        .collect();
    assert_eq!(
        routes,
        [
            "aks-nodepool1-11743156-vmss000000____102440024 10.244.0.0/24 10.224.0.4",
            "aks-pool2-13111960-vmss000000____102441024 10.244.1.0/24 10.224.0.5",
        ]
    );
    let attached: Vec<_> =
        topology.virtual_networks[0].subnets.iter().map(|subnet| subnet.route_table).collect();
    assert_eq!(attached, [Some(0), None]);
}

#[test]
fn every_place_has_a_file_name_of_its_own() {
    let topology = topology(LAB);
    let cluster = &topology.managed_clusters[0];
    let places = topology.azure_vms().map(|(place, ..)| place);
    let places: Vec<_> = places.chain(cluster.pods.iter().map(|pod| cluster.pod_place(pod))).collect();
    let names: BTreeSet<String> = places.iter().map(|place| place.netns_name(&topology.lab)).collect();
    assert_eq!(names.len(), 8, "CoreDNS has two pods");
    for place in &places {
        let name = place.netns_name(&topology.lab);
        assert_eq!(Place::from_netns_name(&topology.lab, &name).as_ref(), Some(place));
    }
}
