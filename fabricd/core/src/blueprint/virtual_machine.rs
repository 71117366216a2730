//! What every Ubuntu VM on Azure shows: `eth0` and the routes that DHCP gave it (aks-facts 1.1).

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use ipnet::{IpNet, Ipv4Net};

use super::{Blueprint, platform, sysctls};
use crate::{
    kernel::Machine,
    object::{
        Address, LinkRef, MAIN_TABLE, Mac, Neighbour, NeighbourKind, NextHop, Object, PROTOCOL_DHCP, Route,
        Up,
    },
    place::Place,
    topology::{NetworkInterface, Topology},
};

/// Metric of everything on a VM's primary NIC.
const PRIMARY_METRIC: u32 = 100;
/// The instance metadata service.
const IMDS: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

/// The VM's only NIC.
pub fn eth0() -> LinkRef {
    LinkRef::fixed("eth0", 2)
}

/// Its MAC, derived from the VM's name.
pub fn nic_mac(name: &str) -> Mac {
    Mac::azure_nic(&format!("networkInterface/{name}"))
}

/// Draws a VM or an AKS node, without what makes it a node.
pub fn draw(
    blueprint: &mut Blueprint,
    topology: &Topology,
    (place, nic): (&Place, &NetworkInterface),
    ip_forward: bool,
    machine: Machine,
) {
    let cause: Arc<str> = Arc::from(place.to_string());
    let node = matches!(place, Place::Node { .. });
    blueprint.add(place, &cause, Object::Namespace);
    sysctls::ubuntu(blueprint, place, &cause, machine, (node, ip_forward));
    let subnet = topology.subnet(nic.subnet);
    let link = eth0();
    sysctls::link_local_ipv6(blueprint, place, &cause, &link, machine);
    let prefix_len = subnet.address_prefix.prefix_len();
    let interface = Ipv4Net::new_assert(nic.private_ip_address, prefix_len);
    blueprint.add(
        place,
        &cause,
        Object::Address(Address {
            link: link.clone(),
            address: IpNet::V4(interface),
            broadcast: true,
            metric: PRIMARY_METRIC,
            no_prefix_route: false,
        }),
    );
    blueprint.add(place, &cause, Object::Up(Up::plain(link.clone())));

    let gateway = IpAddr::V4(subnet.gateway());
    let via = NextHop::Via { gateway, link: link.clone(), onlink: false };
    let single = |address: Ipv4Addr| Ipv4Net::from(address);
    for (destination, next_hop) in [
        (Ipv4Net::default(), via.clone()),
        (single(subnet.gateway()), NextHop::Link(link.clone())),
        (single(platform::ADDRESS), via.clone()),
        (single(IMDS), via),
    ] {
        let route = Route {
            table: MAIN_TABLE,
            destination: IpNet::V4(destination),
            metric: PRIMARY_METRIC,
            next_hop,
            protocol: PROTOCOL_DHCP,
            source: Some(IpAddr::V4(nic.private_ip_address)),
        };
        blueprint.add(place, &cause, Object::Route(route));
    }
    seed(blueprint, place, &cause, link, gateway, Mac::AZURE_SWITCH);
}

/// A neighbour that such a place would have talked to by now.
pub fn seed(
    blueprint: &mut Blueprint,
    place: &Place,
    cause: &Arc<str>,
    link: LinkRef,
    address: IpAddr,
    mac: Mac,
) {
    let neighbour = Neighbour { link, address, kind: NeighbourKind::Learned(mac) };
    blueprint.add(place, cause, Object::Neighbour(neighbour));
}
