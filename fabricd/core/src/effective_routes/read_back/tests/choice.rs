//! The kernel's choice by metric against Azure's by source, whatever the routes.

use proptest::prelude::*;

use super::*;
use crate::effective_routes::mark_overridden;

const PREFIXES: [&str; 12] = [
    "0.0.0.0/0",
    "10.0.0.0/8",
    "10.10.0.0/16",
    "10.10.1.0/24",
    "10.10.1.7/32",
    "10.20.0.0/16",
    "10.20.0.0/24",
    "172.16.0.0/12",
    "172.16.0.0/16",
    "172.16.9.0/24",
    "203.0.113.0/24",
    "192.168.0.0/16",
];

const HOPS: [&str; 7] = [
    "VnetLocal",
    "Internet",
    "None",
    "VirtualNetworkGateway",
    "VirtualAppliance, nextHopIpAddress: 10.10.0.4",
    "VirtualAppliance, nextHopIpAddress: 10.20.0.9",
    "VirtualAppliance, nextHopIpAddress: 203.0.113.1",
];

const DESTINATIONS: [&str; 11] = [
    "10.10.0.4",
    "10.10.1.7",
    "10.10.1.8",
    "10.20.0.1",
    "10.20.1.1",
    "10.30.0.1",
    "172.16.9.1",
    "172.16.10.1",
    "172.17.0.1",
    "192.168.1.1",
    "203.0.113.1",
];

/// Azure's rules as the documentation has them: the longest prefix, then the user's before gateways' before
/// the system's ("Virtual network traffic routing", how Azure selects a route).
fn as_azure_selects(routes: &[EffectiveRoute], destination: Ipv4Addr) -> Option<&EffectiveRoute> {
    let fitting: Vec<_> = routes.iter().filter(|route| route.address_prefix.contains(&destination)).collect();
    let longest = fitting.iter().map(|route| route.address_prefix.prefix_len()).max()?;
    [RouteSource::User, RouteSource::VirtualNetworkGateway, RouteSource::Default].into_iter().find_map(
        |source| {
            let same = |route: &&&EffectiveRoute| {
                route.source == source && route.address_prefix.prefix_len() == longest
            };
            fitting.iter().find(same).copied()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 64 } else { 512 }))]

    /// Whatever a route table says and whatever is taken away by hand, the kernel's choice by metric is
    /// Azure's choice by source among the routes that are left, and both are told in the same words.
    #[test]
    fn the_kernels_choice_is_azures(
        hops in proptest::collection::vec(proptest::option::of(0..HOPS.len()), PREFIXES.len()),
        disable_bgp: bool,
        gone in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let routes: Vec<String> = PREFIXES.iter().zip(&hops).enumerate().filter_map(|(number, (prefix, hop))| {
            let hop = HOPS[(*hop)?];
            Some(format!("{{name: r{number}, addressPrefix: {prefix}, nextHopType: {hop}}}"))
        }).collect();
        let world = World::of(&lab_with(&routes.join(", "), disable_bgp));
        let behind = target::network_interface(&world.topology, "default", "vm").unwrap();
        let mut model = effective_routes(&world.topology, behind.nic.subnet);
        for index in gone {
            model.remove(index.index(model.len()));
        }
        mark_overridden(&mut model);
        let left = |routes: &mut Vec<Route>| routes.retain(|route| {
            route.table != MAIN_TABLE || model.iter().any(|it| {
                IpNet::V4(it.address_prefix) == route.destination && it.source.metric() == route.metric
            })
        });
        for destination in DESTINATIONS {
            let (rows, answer) = world.ask("vm", destination, left);
            prop_assert_eq!(
                sorted(rows.iter().map(found).collect()),
                sorted(model.iter().map(expected).collect())
            );
            match as_azure_selects(&model, destination.parse().unwrap()) {
                Some(route) => {
                    let (source, _, prefix, next_hop_type, address, origin) = expected(route);
                    prop_assert!(route.active);
                    prop_assert_eq!(answer.next_hop_type, next_hop::NextHopType::Effective(next_hop_type));
                    prop_assert_eq!(answer.next_hop_ip_address, address);
                    prop_assert_eq!(answer.address_prefix, Some(prefix));
                    prop_assert_eq!(answer.origin, origin);
                    prop_assert_eq!(answer.route_table_id, match source {
                        RouteSource::User => "/labs/random/providers/Microsoft.Network/routeTables/table",
                        RouteSource::VirtualNetworkGateway => "Gateway Route",
                        RouteSource::Default => "System Route",
                    });
                }
                None => {
                    let none = next_hop::NextHopType::Effective(NextHopType::None);
                    prop_assert_eq!((answer.next_hop_type, answer.address_prefix), (none, None));
                }
            }
        }
    }
}
