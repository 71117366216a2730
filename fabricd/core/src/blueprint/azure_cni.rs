//! Azure CNI on a node, in transparent mode: a veth pair and a route for each pod (aks-facts 1.2, 1.3).
//!
//! Node subnet, pod subnet and overlay differ in where addresses come from, not in how a pod is plumbed.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use ipnet::{IpNet, Ipv4Net};
use sha1::{Digest, Sha1};

use super::{
    Blueprint, sysctls,
    virtual_machine::{self, seed},
};
use crate::{
    kernel::Machine,
    name::IfName,
    object::{
        Address, LinkRef, MAIN_TABLE, Mac, NextHop, NoConnectedRoute, Object, PROTOCOL_STATIC, Route, Sysctl,
        Up, Veth, VethPeer,
    },
    place::Place,
    topology::{ManagedCluster, Pod, Topology},
};

/// The pods' gateway: an address that nothing has, and that each node answers for.
const GATEWAY: Ipv4Addr = Ipv4Addr::new(169, 254, 1, 1);

/// What a node's end of a pod's pair is called: `azv` and the beginning of a hash of namespace and name.
fn veth_name(pod: &Pod) -> IfName {
    let hash = Sha1::digest(format!("{}.{}", pod.namespace, pod.name).as_bytes());
    let hex: String = hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    IfName::fixed(&format!("azv{}", &hex[..11]))
}

/// Draws what Azure CNI makes on the node of this number, and its pods.
pub fn draw(
    blueprint: &mut Blueprint,
    topology: &Topology,
    cluster: &ManagedCluster,
    number: usize,
    machine: Machine,
) {
    let node = &cluster.nodes[number];
    let place = Place::Node { name: node.name.clone() };
    let pool = &cluster.agent_pools[node.pool];
    let subnet = |index| topology.subnet(index);
    let cause: Arc<str> = Arc::from(format!("managedCluster/{}/azureCni", cluster.name));
    sysctls::quiet_ipv6(blueprint, &place, &cause, machine);
    if let Some(pods) = pool.pod_subnet {
        let gateway = IpAddr::V4(subnet(node.nic.subnet).gateway());
        let next_hop = NextHop::Via { gateway, link: virtual_machine::eth0(), onlink: false };
        route(blueprint, &place, &cause, subnet(pods).address_prefix, next_hop);
    }
    // The mask is that of all that pods' addresses are taken from.
    let range = cluster.pod_cidr.unwrap_or(subnet(pool.pod_subnet.unwrap_or(pool.subnet)).address_prefix);
    // What the interface indexes count from.
    let first = node.pod_cidr.unwrap_or(range).network();
    for pod in cluster.pods.iter().filter(|pod| pod.node == number && !pod.host_network) {
        let Some(address) = pod.address else { continue };
        let plumbing = Plumbing {
            node: &place,
            node_address: node.nic.private_ip_address,
            pod: cluster.pod_place(pod),
            veth: veth_name(pod),
            address: Ipv4Net::new_assert(address, range.prefix_len()),
            number: (u32::from(address) - u32::from(first)) & 0x0fff_ffff,
        };
        draw_pod(blueprint, plumbing, machine);
    }
}

/// One pod and its link.
struct Plumbing<'a> {
    node: &'a Place,
    node_address: Ipv4Addr,
    pod: Place,
    veth: IfName,
    address: Ipv4Net,
    /// Of the address within its range.
    number: u32,
}

fn draw_pod(blueprint: &mut Blueprint, plumbing: Plumbing<'_>, machine: Machine) {
    let Plumbing { node, node_address, pod, veth, address, number } = plumbing;
    let cause: Arc<str> = Arc::from(pod.to_string());
    blueprint.add(&pod, &cause, Object::Namespace);
    sysctls::quiet_ipv6(blueprint, &pod, &cause, machine);

    // The plugin makes both ends on the node, one after the other; 3 is the accelerated NIC.
    let eth0 = LinkRef::fixed("eth0", 3 + 2 * number);
    let veth = LinkRef { name: veth, index: 4 + 2 * number };
    let pod_mac = Mac::local(&format!("{pod}/eth0"));
    blueprint.add(
        node,
        &cause,
        Object::Veth(Veth {
            link: veth.clone(),
            mac: Mac::AZURE_CNI,
            mtu: 1500,
            peer: VethPeer { place: pod.clone(), link: eth0.clone(), mac: pod_mac },
        }),
    );
    let ipv6 = machine.ipv6.then_some(("ipv6/conf", "disable_ipv6", "0"));
    let parameters = [("ipv4/conf", "proxy_arp", "1"), ("ipv4/neigh", "proxy_delay", "0")];
    for (class, parameter, value) in parameters.into_iter().chain(ipv6) {
        blueprint.add(node, &cause, Object::Sysctl(Sysctl::of_link(class, &veth.name, parameter, value)));
    }
    blueprint.add(node, &cause, Object::Up(Up::plain(veth.clone())));
    route(blueprint, node, &cause, address.addr().into(), NextHop::LinkGlobal(veth.clone()));

    blueprint.add(
        &pod,
        &cause,
        Object::Address(Address {
            link: eth0.clone(),
            address: IpNet::V4(address),
            broadcast: false,
            metric: 0,
            no_prefix_route: false,
        }),
    );
    blueprint.add(&pod, &cause, Object::Up(Up { link: eth0.clone(), promiscuous: false, multicast: false }));
    // Everything goes by the node, so the plugin removes the route that came with the address.
    if address.prefix_len() < 32 {
        let absence = NoConnectedRoute { link: eth0.clone(), address: IpNet::V4(address) };
        blueprint.add(&pod, &cause, Object::NoConnectedRoute(absence));
    }
    route(blueprint, &pod, &cause, GATEWAY.into(), NextHop::Link(eth0.clone()));
    let by_gateway = NextHop::Via { gateway: IpAddr::V4(GATEWAY), link: eth0.clone(), onlink: false };
    route(blueprint, &pod, &cause, Ipv4Net::default(), by_gateway);

    // The kubelet has probed the pod, so both know each other.
    seed(blueprint, node, &cause, veth, IpAddr::V4(address.addr()), pod_mac);
    for known in [GATEWAY, node_address] {
        seed(blueprint, &pod, &cause, eth0.clone(), IpAddr::V4(known), Mac::AZURE_CNI);
    }
}

fn route(
    blueprint: &mut Blueprint,
    place: &Place,
    cause: &Arc<str>,
    destination: Ipv4Net,
    next_hop: NextHop,
) {
    let route = Route {
        table: MAIN_TABLE,
        destination: IpNet::V4(destination),
        metric: 0,
        next_hop,
        protocol: PROTOCOL_STATIC,
        source: None,
    };
    blueprint.add(place, cause, Object::Route(route));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of aks-facts 1.2; the first is of a capture.
    #[test]
    fn veths_are_called_as_azure_cni_calls_them() {
        let name = |namespace: &str, name: &str| {
            let manifest = Box::default();
            let (namespace, name) = (namespace.to_owned(), name.to_owned());
            veth_name(&Pod {
                namespace,
                name,
                node: 0,
                address: None,
                host_network: false,
                ready: true,
                manifest,
            })
            .to_string()
        };
        assert_eq!(name("default", "nginx"), "azvc440f455693");
        assert_eq!(name("default", "client"), "azva7a3e029a7b");
        assert_eq!(name("default", "web-7c5ddbdf54-2xk9p"), "azv2286a009025");
        assert_eq!(name("default", "web-7c5ddbdf54-8m4qz"), "azvec874cb4f8d");
        assert_eq!(name("kube-system", "coredns-6c8b9f5d7d-abcde"), "azvbb6bfe5c2fe");
    }
}
