//! kubenet on a node: the bridge `cbr0` and a veth pair for each pod (aks-facts 1.4).

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use ipnet::{IpNet, Ipv4Net};
use sha2::{Digest, Sha256};

use super::{Blueprint, sysctls, virtual_machine::seed};
use crate::{
    kernel::Machine,
    name::IfName,
    object::{
        Address, Bridge, LinkRef, MAIN_TABLE, Mac, NextHop, Object, PROTOCOL_BOOT, Port, Route, Up, Veth,
        VethPeer,
    },
    place::Place,
    topology::ManagedCluster,
};

/// The bridge. Index 3 is the accelerated NIC's on a real node.
fn cbr0() -> LinkRef {
    LinkRef::fixed("cbr0", 4)
}

/// The first address of a node's pod range: the bridge, and the pods' gateway.
fn bridge_address(pod_cidr: Ipv4Net) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(pod_cidr.network()) + 1)
}

/// Draws what kubenet makes on the node of this number, and its pods.
pub fn draw(blueprint: &mut Blueprint, cluster: &ManagedCluster, number: usize, machine: Machine) {
    let node = &cluster.nodes[number];
    let Some(pod_cidr) = node.pod_cidr else { return };
    let place = Place::Node { name: node.name.clone() };
    let cause: Arc<str> = Arc::from(format!("managedCluster/{}/kubenet", cluster.name));
    let bridge_mac = Mac::local(&format!("{place}/cbr0"));
    let bridge = Bridge { link: cbr0(), mac: bridge_mac, mtu: 1500, multicast_snooping: true };
    blueprint.add(&place, &cause, Object::Bridge(bridge));
    let address = Ipv4Net::new_assert(bridge_address(pod_cidr), pod_cidr.prefix_len());
    blueprint.add(
        &place,
        &cause,
        Object::Address(Address {
            link: cbr0(),
            address: IpNet::V4(address),
            broadcast: true,
            metric: 0,
            no_prefix_route: false,
        }),
    );
    // promiscMode of the CNI configuration that AKS writes.
    blueprint.add(&place, &cause, Object::Up(Up { link: cbr0(), promiscuous: true, multicast: true }));

    let mut names = VethNames::default();
    for pod in cluster.pods.iter().filter(|pod| pod.node == number && !pod.host_network) {
        let Some(address) = pod.address else { continue };
        let pod_place = cluster.pod_place(pod);
        draw_pod(
            blueprint,
            pod_cidr,
            &place,
            bridge_mac,
            Plumbing { name: names.next(&pod_place), pod: pod_place, address },
            machine,
        );
    }
}

struct Plumbing {
    name: IfName,
    pod: Place,
    address: Ipv4Addr,
}

fn draw_pod(
    blueprint: &mut Blueprint,
    pod_cidr: Ipv4Net,
    node_place: &Place,
    bridge_mac: Mac,
    plumbing: Plumbing,
    machine: Machine,
) {
    let Plumbing { name, pod, address } = plumbing;
    let cause: Arc<str> = Arc::from(pod.to_string());
    blueprint.add(&pod, &cause, Object::Namespace);
    sysctls::pod(blueprint, &pod, &cause, machine);

    let host_number = u32::from(address) - u32::from(pod_cidr.network());
    let port = LinkRef { name, index: 4 + host_number };
    let eth0 = LinkRef::fixed("eth0", 3);
    let pod_mac = Mac::local(&format!("{pod}/eth0"));
    blueprint.add(
        node_place,
        &cause,
        Object::Veth(Veth {
            link: port.clone(),
            mac: Mac::local(&format!("{pod}/veth")),
            mtu: 1500,
            peer: VethPeer { place: pod.clone(), link: eth0.clone(), mac: pod_mac },
        }),
    );
    // AKS has hairpinMode off: the bridge is promiscuous, so a pod that gets itself by a Service has its packet
    // routed back by the node. Kernels from about 6.8 on do not track that copy, and kube-proxy drops it as
    // invalid. For them AKS means to set hairpinMode (Azure/AKS#5669, Azure/AgentBaker#8426).
    let membership = Port { link: port.clone(), bridge: cbr0(), hairpin: true };
    blueprint.add(node_place, &cause, Object::Port(membership));
    blueprint.add(node_place, &cause, Object::Up(Up::plain(port)));

    let gateway = IpAddr::V4(bridge_address(pod_cidr));
    let own = Ipv4Net::new_assert(address, pod_cidr.prefix_len());
    blueprint.add(
        &pod,
        &cause,
        Object::Address(Address {
            link: eth0.clone(),
            address: IpNet::V4(own),
            broadcast: true,
            metric: 0,
            no_prefix_route: false,
        }),
    );
    blueprint.add(&pod, &cause, Object::Up(Up::plain(eth0.clone())));
    let next_hop = NextHop::Via { gateway, link: eth0.clone(), onlink: false };
    let default = Route {
        table: MAIN_TABLE,
        destination: IpNet::V4(Ipv4Net::default()),
        metric: 0,
        next_hop,
        protocol: PROTOCOL_BOOT,
        source: None,
    };
    blueprint.add(&pod, &cause, Object::Route(default));
    // The kubelet has probed the pod.
    seed(blueprint, node_place, &cause, cbr0(), IpAddr::V4(address), pod_mac);
    seed(blueprint, &pod, &cause, eth0, gateway, bridge_mac);
}

/// Names of the nodes' ends, `veth` and eight hexadecimal digits, as the CNI bridge plugin's random
/// ones; derived from the pod and, should two pods of a node ever meet, the next try.
#[derive(Default)]
struct VethNames {
    given: std::collections::BTreeSet<IfName>,
}

impl VethNames {
    fn next(&mut self, pod: &Place) -> IfName {
        let mut tries = 0_u32;
        loop {
            let hash = Sha256::digest(format!("{pod}/{tries}").as_bytes());
            let [a, b, c, d] = [hash[0], hash[1], hash[2], hash[3]];
            let name = IfName::fixed(&format!("veth{a:02x}{b:02x}{c:02x}{d:02x}"));
            if self.given.insert(name.clone()) {
                return name;
            }
            tries += 1;
        }
    }
}
