//! The Azure host under a VM, with its virtual switch.
//!
//! Its main routing table is the NIC's effective routes and decides what the VM sends; what comes in
//! by a tunnel is for the VM, whatever its destination: in Azure the sending port has already decided.

use std::{net::IpAddr, sync::Arc};

use ipnet::{IpNet, Ipv4Net};

use super::{
    Blueprint, overlay, physical::PhysicalAddresses, platform, sysctls, underlay, virtual_network::Links,
    virtual_switch, way_out,
};
use crate::{
    effective_routes,
    kernel::Machine,
    object::{
        LinkRef, MAIN_TABLE, Mac, Neighbour, NeighbourKind, NextHop, Object, PROTOCOL_BOOT, Route, Rule,
        Sysctl, Up, Veth, VethPeer,
    },
    place::Place,
    topology::{NetworkInterface, SubnetIndex, Topology},
};

/// Everything to the VM.
const TO_THE_VM: u32 = 1;
/// Platform addresses, which are no effective routes and which no user route can change.
pub(crate) const TO_THE_PLATFORM: u32 = 2;
/// Effective routes of the pods' subnet, where it has another route table than the NIC's.
pub(crate) const OF_THE_PODS: u32 = 5;
/// Where a look-up ends that left [`OF_THE_PODS`].
pub(crate) const BEHIND_THE_PODS: u32 = 6;

/// The subnet of the pods on the node at `vm`, where they go by another route table than the NIC (AKS
/// "configure-azure-cni-dynamic-ip-allocation": separate VNet policies for pods).
pub(crate) fn subnet_of_the_pods(
    topology: &Topology,
    vm: &Place,
    nic: &NetworkInterface,
) -> Option<SubnetIndex> {
    let routes_of = |subnet| topology.subnet(subnet).route_table;
    topology.pod_subnet(vm).filter(|pods| routes_of(*pods) != routes_of(nic.subnet))
}

/// Draws the host under the VM `name` at `vm`, and the VM's `eth0`.
pub fn draw(
    blueprint: &mut Blueprint,
    topology: &Topology,
    addresses: &PhysicalAddresses,
    (vm, name, nic): (&Place, &str, &NetworkInterface),
    machine: Machine,
) {
    let place = Place::Host { vm: name.to_owned() };
    let cause: Arc<str> = Arc::from(format!("networkInterface/{name}"));
    blueprint.add(&place, &cause, Object::Namespace);
    sysctls::fabric(blueprint, &place, &cause, machine);
    let home = nic.subnet.virtual_network;
    for rules in virtual_switch::host(topology, vm, name, nic) {
        blueprint.add(&place, &cause, rules);
    }

    let attachment = underlay::attach(blueprint, addresses, &place, &cause);
    let peers = topology.peers(home).map(|(peering, _)| peering.remote);
    let links = Links::draw(blueprint, &place, &cause, &attachment, home, peers);
    let vnet = links.vnet().clone();
    let vm0 = port(blueprint, &place, &cause, vm, name);

    let address = IpAddr::V4(nic.private_ip_address);
    for own in std::iter::once(nic.private_ip_address).chain(nic.pod_addresses()) {
        let own = IpAddr::V4(own);
        let neighbour = Neighbour { link: vnet.clone(), address: own, kind: NeighbourKind::Proxy };
        blueprint.add(&place, &cause, Object::Neighbour(neighbour));
    }
    // The switch asks the VM nothing: a question would show it the host's physical address.
    let known = NeighbourKind::Permanent(super::virtual_machine::nic_mac(name));
    let neighbour = Neighbour { link: vm0.clone(), address, kind: known };
    blueprint.add(&place, &cause, Object::Neighbour(neighbour));
    let everything = IpNet::V4(Ipv4Net::default());
    let to_the_vm = NextHop::Via { gateway: address, link: vm0.clone(), onlink: true };
    route(blueprint, &place, &cause, TO_THE_VM, everything, to_the_vm.clone());
    drop_without_port(blueprint, &place, &cause);
    let rule =
        Rule { priority: 20, input: Some(vnet.name.clone()), from: None, mark: None, table: TO_THE_VM };
    blueprint.add(&place, &cause, Object::Rule(rule));
    let platform_address = IpNet::from(IpAddr::V4(platform::ADDRESS));
    let to_the_platform = NextHop::Link(vnet.clone());
    route(blueprint, &place, &cause, TO_THE_PLATFORM, platform_address, to_the_platform);
    let rule =
        Rule { priority: 21, input: Some(vm0.name.clone()), from: None, mark: None, table: TO_THE_PLATFORM };
    blueprint.add(&place, &cause, Object::Rule(rule));

    overlay::draw(blueprint, topology, &place, &attachment, &vm0, nic);

    let effective = effective_routes::effective_routes(topology, nic.subnet);
    let own = Some((nic.private_ip_address, &to_the_vm));
    links.routes(blueprint, &place, effective.into_iter(), MAIN_TABLE, own);

    if let Some(index) = subnet_of_the_pods(topology, vm, nic) {
        let effective = effective_routes::effective_routes(topology, index);
        links.routes(blueprint, &place, effective.into_iter(), OF_THE_PODS, own);
        let from = Some(IpNet::V4(topology.subnet(index).address_prefix));
        // What their table has no way for must not go by the NIC's: the way out is next, see `way_out`.
        for (priority, table) in [(24, OF_THE_PODS), (25, BEHIND_THE_PODS)] {
            let rule = Rule { priority, input: Some(vm0.name.clone()), from, mark: None, table };
            blueprint.add(&place, &cause, Object::Rule(rule));
        }
    }
    way_out::Host { place: &place, vm, nic, attachment: &attachment, vnet: &vnet, vm0: &vm0 }.draw(
        blueprint,
        (topology, addresses),
        (BEHIND_THE_PODS, TO_THE_VM),
    );
}

/// The host's end of the VM's NIC.
pub(crate) fn vm_port() -> LinkRef {
    LinkRef::fixed("vm0", 3)
}

/// The switch port: it has no address, and answers every ARP question of the VM with one MAC.
fn port(blueprint: &mut Blueprint, place: &Place, cause: &Arc<str>, vm: &Place, name: &str) -> LinkRef {
    let vm0 = vm_port();
    blueprint.add(
        place,
        cause,
        Object::Veth(Veth {
            link: vm0.clone(),
            mac: Mac::AZURE_SWITCH,
            mtu: 1500,
            peer: VethPeer {
                place: vm.clone(),
                link: super::virtual_machine::eth0(),
                mac: super::virtual_machine::nic_mac(name),
            },
        }),
    );
    blueprint.add(place, cause, Object::Up(Up::plain(vm0.clone())));
    for (class, parameter, value) in [
        ("ipv4/conf", "proxy_arp", "1"),
        ("ipv4/conf", "send_redirects", "0"),
        ("ipv4/neigh", "proxy_delay", "0"),
    ] {
        blueprint.add(place, cause, Object::Sysctl(Sysctl::of_link(class, &vm0.name, parameter, value)));
    }
    vm0
}

/// The last route of [`TO_THE_VM`]: while the VM's port is down nobody gets what is for it. Without, the
/// kernel would go on to the effective routes, and the host would forward what its VM should have.
fn drop_without_port(blueprint: &mut Blueprint, place: &Place, cause: &Arc<str>) {
    let route = Route {
        table: TO_THE_VM,
        destination: IpNet::V4(Ipv4Net::default()),
        metric: u32::MAX,
        next_hop: NextHop::Blackhole,
        protocol: PROTOCOL_BOOT,
        source: None,
    };
    blueprint.add(place, cause, Object::Route(route));
}

fn route(
    blueprint: &mut Blueprint,
    place: &Place,
    cause: &Arc<str>,
    table: u32,
    destination: IpNet,
    next_hop: NextHop,
) {
    let route = Route { table, destination, metric: 0, next_hop, protocol: PROTOCOL_BOOT, source: None };
    blueprint.add(place, cause, Object::Route(route));
}
