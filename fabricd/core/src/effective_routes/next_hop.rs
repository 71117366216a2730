//! Where a packet goes from a NIC, as `az network watcher show-next-hop` says it, by the kernel's own decision.
//!
//! Source of the words: "Next hop overview" (network-watcher) and the REST interface's `NextHopType`; captures
//! show `System Route` and `Gateway Route` where no route table is behind the decision.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
};

use ipnet::{IpNet, Ipv4Net};

use super::{
    RouteSource,
    read_back::{self, Reader, Row},
};
use crate::{
    blueprint::{
        PLATFORM_ADDRESS,
        azure_host::{BEHIND_THE_PODS, TO_THE_PLATFORM, vm_port},
        overlay::TO_THE_PODS,
        way_out,
    },
    inventory::resource_id::network_id,
    kernel::{Decision, Packet, Routing},
    object::{NextHop, Route},
    target::BehindNic,
    topology::Topology,
};

/// The answer for one packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What kind of thing it goes to.
    pub next_hop_type: NextHopType,
    /// The address of an appliance or gateway.
    pub next_hop_ip_address: Option<Ipv4Addr>,
    /// The resource id of the route table that decided; `System Route` or `Gateway Route` if none did.
    pub route_table_id: String,
    /// The prefix that matched; `None` if none did.
    pub address_prefix: Option<Ipv4Net>,
    /// The Azure object that the decisive route comes from.
    pub origin: String,
    /// What a person should know besides: sentences.
    pub notes: Vec<String>,
}

/// What kind of thing a packet goes to, in Network Watcher's words and, for what those cannot say, in our own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextHopType {
    /// In the words of an effective route.
    Effective(read_back::NextHopType),
    /// Ours: to a pod of the same overlay, by a routing domain beside the VNet.
    RoutingDomain,
    /// Ours: to an address of the platform, which no route changes.
    Platform,
}

impl fmt::Display for NextHopType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Network Watcher writes it otherwise than the table of effective routes.
            Self::Effective(read_back::NextHopType::VNetPeering) => f.write_str("VnetPeering"),
            Self::Effective(other) => other.fmt(f),
            Self::RoutingDomain => f.write_str("RoutingDomain"),
            Self::Platform => f.write_str("Platform"),
        }
    }
}

/// Why a destination cannot be asked about.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address that Azure routes to; name an IPv4 address of one machine, or a target")]
pub struct NoDestination(IpAddr);

/// The packet to ask the host about.
///
/// # Errors
/// If no single IPv4 machine can have `destination`.
pub fn packet(source: &BehindNic<'_>, destination: IpAddr) -> Result<Packet, NoDestination> {
    match destination {
        IpAddr::V4(to) if to.octets()[0] != 0 && !to.is_multicast() && !to.is_broadcast() => {
            Ok(Packet { input: vm_port().name, source: source.address(), destination: to })
        }
        _ => Err(NoDestination(destination)),
    }
}

/// The route of one table that the kernel takes: the longest prefix, and of equal ones the smallest metric.
pub fn choose(routes: &[Route], table: u32, destination: Ipv4Addr) -> Option<&Route> {
    let fits = |route: &&Route| route.table == table && route.destination.contains(&IpAddr::V4(destination));
    let order = |route: &&Route| (route.destination.prefix_len(), std::cmp::Reverse(route.metric));
    routes.iter().filter(fits).max_by_key(order)
}

/// What the kernel's decision means. `routing` holds the host's routes with the decision for `packet` alone.
pub fn next_hop(reader: &Reader<'_>, source: &BehindNic<'_>, routing: &Routing, packet: &Packet) -> Answer {
    let effective = choose(&routing.routes, reader.number, packet.destination);
    let mut answer = match routing.decisions.first() {
        Some(Decision::Route(route)) if route.table == reader.number => of_row(reader, route),
        Some(Decision::Route(route)) if is_behind_the_routes(route.table) => match effective {
            Some(internet) if internet.next_hop == NextHop::Throw => {
                let mut answer = of_row(reader, internet);
                answer.notes.push(format!("the way out is {}", reader.origin(route)));
                answer
            }
            _ => of_other_table(reader, route, effective),
        },
        Some(Decision::Route(route)) => of_other_table(reader, route, effective),
        // For these the kernel names no route. The one that it found says the same: a pod subnet that has no
        // way out has a blackhole behind its table.
        Some(Decision::Dropped | Decision::Refused) => match effective {
            Some(route) if route.next_hop == NextHop::Blackhole => of_row(reader, route),
            Some(route) if route.next_hop == NextHop::Throw => without_a_way_out(reader, route),
            _ => lost("the host drops such packets for another reason than a route"),
        },
        Some(Decision::NoRoute) => match effective {
            Some(route) if route.next_hop == NextHop::Throw => without_a_way_out(reader, route),
            _ => lost("no effective route matches"),
        },
        Some(Decision::Local) => {
            let mut answer = match effective {
                Some(route) if route.next_hop == NextHop::Blackhole => of_row(reader, route),
                _ => lost("no effective route counts"),
            };
            let note = "this is an address of the Azure host itself, which takes nothing from VMs";
            answer.notes.push(note.to_owned());
            answer
        }
        None => lost("the host did not decide"),
    };
    if is_behind(reader.topology, source, packet.destination) {
        answer.notes.insert(
            0,
            format!(
                "{} is behind the NIC of {} itself: packets from there do not leave the VM",
                packet.destination, source.vm
            ),
        );
    }
    answer
}

fn of_row(reader: &Reader<'_>, route: &Route) -> Answer {
    let Some(row) = reader.row(route, true) else { return lost("an IPv6 route decides") };
    let Row { source, address_prefix, next_hop_type, next_hop_ip_address, name, origin, .. } = row;
    let route_table_id = match (source, reader.table) {
        (Some(RouteSource::User), Some(table)) if name.is_some() => {
            network_id(reader.topology, &["routeTables", &table.name])
        }
        (Some(RouteSource::User) | None, _) => "Unknown".to_owned(),
        (Some(RouteSource::VirtualNetworkGateway), _) => "Gateway Route".to_owned(),
        (Some(RouteSource::Default), _) => "System Route".to_owned(),
    };
    Answer {
        next_hop_type: NextHopType::Effective(next_hop_type),
        next_hop_ip_address,
        route_table_id,
        address_prefix: Some(address_prefix),
        origin,
        notes: vec![],
    }
}

/// The route is Internet, and nothing takes the packet there.
fn without_a_way_out(reader: &Reader<'_>, internet: &Route) -> Answer {
    let mut answer = of_row(reader, internet);
    let note =
        "nothing takes it out of Azure: no load balancer's outbound rule, NAT gateway or public address";
    answer.notes.push(note.to_owned());
    answer
}

/// Tables in which a look-up ends that was sent out of Azure.
fn is_behind_the_routes(table: u32) -> bool {
    [BEHIND_THE_PODS, way_out::OF_THE_PODS, way_out::OF_THE_NIC].contains(&table)
}

/// Tables that come before the effective routes, and that Azure shows nobody.
fn of_other_table(reader: &Reader<'_>, route: &Route, effective: Option<&Route>) -> Answer {
    let (next_hop_type, route_table_id) = match route.table {
        TO_THE_PODS => (NextHopType::RoutingDomain, "Routing Domain"),
        TO_THE_PLATFORM => (NextHopType::Platform, "Platform Route"),
        _ => (NextHopType::Effective(read_back::NextHopType::Unknown), "Unknown"),
    };
    let watcher = effective.and_then(|route| reader.row(route, true));
    let watcher = watcher.map_or_else(
        || "none matches".to_owned(),
        |row| format!("there it is {} by {}", row.next_hop_type, row.address_prefix),
    );
    let address_prefix = match route.destination {
        IpNet::V4(prefix) => Some(prefix),
        IpNet::V6(_) => None,
    };
    Answer {
        next_hop_type,
        next_hop_ip_address: None,
        route_table_id: route_table_id.to_owned(),
        address_prefix,
        origin: reader.origin(route),
        notes: vec![match next_hop_type {
            NextHopType::Effective(_) => {
                format!("table {} of the host decides, no effective route", route.table)
            }
            NextHopType::RoutingDomain | NextHopType::Platform => format!(
                "decided before the NIC's effective routes, which are all that Network Watcher knows: {watcher}"
            ),
        }],
    }
}

fn lost(note: &str) -> Answer {
    Answer {
        next_hop_type: NextHopType::Effective(read_back::NextHopType::None),
        next_hop_ip_address: None,
        route_table_id: "System Route".to_owned(),
        address_prefix: None,
        origin: String::new(),
        notes: vec![note.to_owned()],
    }
}

/// Whether the VM has the address itself, or a pod on it has.
fn is_behind(topology: &Topology, source: &BehindNic<'_>, address: Ipv4Addr) -> bool {
    let clusters = topology.managed_clusters.iter();
    let mut pods = clusters
        .flat_map(|cluster| cluster.pods.iter().filter(|pod| cluster.nodes[pod.node].name == source.vm));
    let own = || std::iter::once(&source.nic.private_ip_address).chain(&source.nic.secondary_addresses);
    address != PLATFORM_ADDRESS
        && (own().any(|it| *it == address) || pods.any(|pod| pod.address == Some(address)))
}
