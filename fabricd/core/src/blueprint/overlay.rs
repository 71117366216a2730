//! Azure CNI Overlay in the Azure hosts: a routing domain for the pods of each cluster (aks-facts 2.2).
//!
//! Its routes are no effective routes of the NIC, so they have tables of their own. They come before:
//! no user route changes where a packet for the pod CIDR goes.

use std::{net::IpAddr, sync::Arc};

use ipnet::{IpNet, Ipv4Net};

use super::{
    Blueprint,
    underlay::{self, Attachment, RoutingDomain},
};
use crate::{
    object::{LinkRef, NextHop, Object, PROTOCOL_BOOT, Route, Rule, Sysctl},
    place::Place,
    topology::{NetworkInterface, Overlay, Topology},
};

/// What the VM sends to pods of its cluster.
pub(crate) const TO_THE_PODS: u32 = 3;
/// What comes for the pods behind this VM.
const FROM_THE_PODS: u32 = 4;

/// Draws the cluster's domain in the host at `place`, if there is one behind this NIC.
pub fn draw(
    blueprint: &mut Blueprint,
    topology: &Topology,
    place: &Place,
    attachment: &Attachment,
    vm0: &LinkRef,
    nic: &NetworkInterface,
) {
    let Some(Overlay { cluster, pod_cidr, node_pod_cidr }) = nic.overlay else { return };
    let name = &topology.managed_clusters[cluster].name;
    let cause: Arc<str> = Arc::from(format!("managedCluster/{name}/routingDomain"));
    let ovl = underlay::tunnel(blueprint, place, &cause, attachment, RoutingDomain::Overlay(cluster));
    // The host answers for what it has a route to the VM for: the node's own share.
    let proxy = Sysctl::of_link("ipv4/conf", &ovl.name, "proxy_arp", "1");
    blueprint.add(place, &cause, Object::Sysctl(proxy));

    let to_the_vm =
        NextHop::Via { gateway: IpAddr::V4(nic.private_ip_address), link: vm0.clone(), onlink: true };
    route(blueprint, place, &cause, TO_THE_PODS, pod_cidr, NextHop::Link(ovl.clone()));
    route(blueprint, place, &cause, FROM_THE_PODS, node_pod_cidr, to_the_vm);
    // Nothing leaves the domain by another node.
    route(blueprint, place, &cause, FROM_THE_PODS, Ipv4Net::default(), NextHop::Blackhole);
    for (priority, input, table) in [(22, vm0, TO_THE_PODS), (23, &ovl, FROM_THE_PODS)] {
        let rule = Rule { priority, input: Some(input.name.clone()), from: None, mark: None, table };
        blueprint.add(place, &cause, Object::Rule(rule));
    }
}

fn route(
    blueprint: &mut Blueprint,
    place: &Place,
    cause: &Arc<str>,
    table: u32,
    destination: Ipv4Net,
    next_hop: NextHop,
) {
    let destination = IpNet::V4(destination);
    let route = Route { table, destination, metric: 0, next_hop, protocol: PROTOCOL_BOOT, source: None };
    blueprint.add(place, cause, Object::Route(route));
}
