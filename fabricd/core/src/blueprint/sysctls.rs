//! Kernel parameters that several kinds of place share.
//!
//! All that matter are set, since a new namespace takes IPv4's from the machine's own, which differ
//! between distributions.

use std::sync::Arc;

use super::Blueprint;
use crate::{
    kernel::Machine,
    object::{LinkRef, Object, Sysctl},
    place::Place,
};

fn set(blueprint: &mut Blueprint, place: &Place, cause: &Arc<str>, path: &str, value: &str) {
    blueprint.add(place, cause, Object::Sysctl(Sysctl::global(path, value)));
}

/// No IPv6 at all: nothing of the kind is emulated there, and its announcements would disturb
/// captures.
pub fn no_ipv6(blueprint: &mut Blueprint, place: &Place, cause: &Arc<str>, machine: Machine) {
    if machine.ipv6 {
        set(blueprint, place, cause, "net/ipv6/conf/all/disable_ipv6", "1");
        set(blueprint, place, cause, "net/ipv6/conf/default/disable_ipv6", "1");
    }
}

/// IPv6 on one link of a place that has it switched off by default: its link-local address is there at once,
/// and asks nobody for more.
pub fn link_local_ipv6(
    blueprint: &mut Blueprint,
    place: &Place,
    cause: &Arc<str>,
    link: &LinkRef,
    machine: Machine,
) {
    if machine.ipv6 {
        for (name, value) in
            [("accept_dad", "0"), ("accept_ra", "0"), ("disable_ipv6", "0"), ("router_solicitations", "0")]
        {
            let sysctl = Sysctl::of_link("ipv6/conf", &link.name, name, value);
            blueprint.add(place, cause, Object::Sysctl(sysctl));
        }
    }
}

/// New links that have IPv6 get their link-local address at once, and ask nobody for more. For many links it
/// is set once for all: setting a parameter costs more than making a route.
pub fn quiet_ipv6(blueprint: &mut Blueprint, place: &Place, cause: &Arc<str>, machine: Machine) {
    if machine.ipv6 {
        for name in ["accept_dad", "accept_ra", "router_solicitations"] {
            set(blueprint, place, cause, &format!("net/ipv6/conf/default/{name}"), "0");
        }
    }
}

/// Whether bridged packets pass iptables.
pub fn bridge_netfilter(
    blueprint: &mut Blueprint,
    place: &Place,
    cause: &Arc<str>,
    machine: Machine,
    on: bool,
) {
    if machine.bridge_netfilter {
        let value = if on { "1" } else { "0" };
        set(blueprint, place, cause, "net/bridge/bridge-nf-call-iptables", value);
    }
}

/// A part of Azure's fabric that passes packets on: it trusts their addresses, and sends no advice.
pub fn fabric(blueprint: &mut Blueprint, place: &Place, cause: &Arc<str>, machine: Machine) {
    set(blueprint, place, cause, "net/ipv4/ip_forward", "1");
    for class in ["all", "default"] {
        set(blueprint, place, cause, &format!("net/ipv4/conf/{class}/rp_filter"), "0");
        set(blueprint, place, cause, &format!("net/ipv4/conf/{class}/send_redirects"), "0");
    }
    no_ipv6(blueprint, place, cause, machine);
}

/// A pod. Of IPv4's parameters none matters to a namespace with one link, so it keeps the machine's, as a
/// pod on AKS keeps its node's: setting one costs more than a route. `lo` came before and keeps `::1`.
pub fn pod(blueprint: &mut Blueprint, place: &Place, cause: &Arc<str>, machine: Machine) {
    if machine.ipv6 {
        set(blueprint, place, cause, "net/ipv6/conf/default/disable_ipv6", "1");
    }
}

/// A machine that is an end of the network: a computer on premises, or a platform service.
pub fn endpoint(blueprint: &mut Blueprint, place: &Place, cause: &Arc<str>, machine: Machine) {
    set(blueprint, place, cause, "net/ipv4/ip_forward", "0");
    for class in ["all", "default"] {
        set(blueprint, place, cause, &format!("net/ipv4/conf/{class}/rp_filter"), "0");
    }
    no_ipv6(blueprint, place, cause, machine);
}

/// An Ubuntu VM; `node` if AKS' bootstrap has been over it (aks-facts 1.1), `ip_forward` if its kernel passes
/// packets on. New links have no IPv6,
/// as in captures of nodes; `eth0` gets its link-local address back, see
/// [`super::virtual_machine`].
pub fn ubuntu(
    blueprint: &mut Blueprint,
    place: &Place,
    cause: &Arc<str>,
    machine: Machine,
    (node, ip_forward): (bool, bool),
) {
    set(blueprint, place, cause, "net/ipv4/ip_forward", if ip_forward { "1" } else { "0" });
    for class in ["all", "default"] {
        set(blueprint, place, cause, &format!("net/ipv4/conf/{class}/rp_filter"), "2");
        if node {
            set(blueprint, place, cause, &format!("net/ipv4/conf/{class}/send_redirects"), "0");
            set(blueprint, place, cause, &format!("net/ipv4/conf/{class}/accept_redirects"), "0");
        }
    }
    if machine.ipv6 {
        set(blueprint, place, cause, "net/ipv6/conf/default/disable_ipv6", "1");
    }
    if node {
        // kube-proxy, so that node ports answer at 127.0.0.1 too (aks-facts 3.5).
        set(blueprint, place, cause, "net/ipv4/conf/all/route_localnet", "1");
        bridge_netfilter(blueprint, place, cause, machine, true);
    }
}
