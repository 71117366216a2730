//! What the planner says, and that it is what resolving finds.

use std::fmt::Write;

use fabric_core::{
    address_plan::{AddressPlan, Mode, SupplyKind, Unit, WhatIf},
    spec::{load, plan_addresses},
    topology::Topology,
};
use proptest::prelude::*;

use crate::text::{mistakes, rendered, source};

const HEAD: &str = "apiVersion: fabric/v1\nkind: Lab\nmetadata: {name: lab}\n";

fn plan(text: &str) -> AddressPlan {
    plan_addresses(&source(text)).unwrap_or_else(|told| panic!("{}", rendered(&told))).1
}

/// A lab of one subnet and one cluster in it.
fn cluster(prefix: &str, profile: &str, pools: &str) -> String {
    format!(
        "{HEAD}virtualNetworks:\n- {{name: net, addressPrefixes: [10.224.0.0/12], subnets: [\
         {{name: s, addressPrefix: {prefix}}}, {{name: p, addressPrefix: 10.232.0.0/24}}]}}\n\
         managedClusters:\n- {{name: aks, networkProfile: {{{profile}}}, agentPoolProfiles: [{pools}]}}\n"
    )
}

fn row(plan: &AddressPlan, mode: Mode, full: bool) -> &WhatIf {
    plan.what_if.iter().find(|row| (row.mode, row.full) == (mode, full)).unwrap()
}

/// The examples of AKS "concepts-network-ip-address-planning".
#[test]
fn the_documented_clusters_are_planned_as_documented() {
    let fifty =
        plan(&cluster("10.224.0.0/16", "networkPlugin: azure", "{name: a, count: 50, vnetSubnet: net/s}"));
    assert_eq!(
        (fifty.supplies[0].takers[0].takes.now, fifty.supplies[0].takers[0].takes.upgrade),
        (1_550, 1_581)
    );
    let need = row(&fifty, Mode::NodeSubnet, false).node_subnet;
    assert_eq!((need.addresses, need.smallest_prefix), (1_581, Some(21)));

    let sixty = "{name: a, count: 50, vnetSubnet: net/s, enableAutoScaling: true, minCount: 1, maxCount: 60}";
    let sixty = plan(&cluster("10.224.0.0/16", "networkPlugin: azure", sixty));
    let takes = sixty.supplies[0].takers[0].takes;
    assert_eq!((takes.upgrade, takes.maximum, takes.maximum_upgrade), (1_581, 1_860, 1_891));

    // aks-facts 7: a /24 is enough for 8 nodes of 30 pods, for 251 nodes of an overlay.
    let small =
        plan(&cluster("10.224.0.0/24", "networkPlugin: azure", "{name: a, count: 1, vnetSubnet: net/s}"));
    let end = &small.supplies[0].runs_out[0];
    assert_eq!((end.pool.as_str(), end.node, end.needs), ("aks/a", 9, 279));
    let overlay = plan(&cluster("10.224.0.0/24", "", "{name: a, count: 1, vnetSubnet: net/s}"));
    let ends: Vec<_> = overlay.supplies.iter().map(|it| (it.has, it.runs_out[0].node)).collect();
    assert_eq!(ends, [(251, 252), (256, 257)]);
    let kubenet = plan(&cluster(
        "10.224.0.0/16",
        "networkPlugin: kubenet, podCidr: 100.64.0.0/10",
        "{name: a, vnetSubnet: net/s}",
    ));
    let routes = kubenet.supplies.last().unwrap();
    assert_eq!((routes.kind, routes.runs_out[0].node), (SupplyKind::RouteTable, 401));
}

#[test]
fn a_plan_says_who_takes_what_of_what() {
    let text = format!(
        "{HEAD}virtualNetworks:\n- {{name: net, addressPrefixes: [10.224.0.0/12], subnets: [\
         {{name: s, addressPrefix: 10.224.0.0/24}}, {{name: p, addressPrefix: 10.225.0.0/25}}, \
         {{name: b, addressPrefix: 10.226.0.0/24}}]}}\n\
         virtualMachines:\n- {{name: vm, subnet: net/s}}\n- {{name: pinned, subnet: net/s, privateIPAddress: 10.224.0.70}}\n\
         managedClusters:\n\
         - {{name: node, networkProfile: {{networkPlugin: azure}}, agentPoolProfiles: [\
         {{name: a, count: 3, maxPods: 20, vnetSubnet: net/s, upgradeSettings: {{maxSurge: 33%}}, \
         enableAutoScaling: true, minCount: 1, maxCount: 7, nodeAddressRange: 10.224.0.64/28}}]}}\n\
         - {{name: pods, networkProfile: {{networkPlugin: azure}}, agentPoolProfiles: [\
         {{name: a, count: 2, maxPods: 30, vnetSubnet: net/s, podSubnet: net/p}}, \
         {{name: b, count: 5, maxPods: 32, vnetSubnet: net/s, podSubnet: net/b, podIPAllocationMode: StaticBlock}}]}}\n\
         ---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, annotations: {{fabricd/cluster: pods}}}}\n\
         spec: {{replicas: 20, selector: {{matchLabels: {{a: b}}}}, template: {{metadata: {{labels: {{a: b}}}}, \
         spec: {{nodeSelector: {{agentpool: a}}, containers: [{{name: a, image: a}}]}}}}}}\n"
    );
    insta::assert_snapshot!(serde_json::to_string_pretty(&plan(&text)).unwrap());
}

#[test]
fn numbers_that_no_pool_can_have_are_refused_and_not_reckoned_with() {
    let huge = "{name: a, vnetSubnet: net/s, count: 4294967295, maxPods: 4294967295}, \
                {name: b, vnetSubnet: net/s, count: 4294967295, maxPods: 4294967295}";
    let text = cluster("10.224.0.0/16", "networkPlugin: azure", huge);
    let told = plan_addresses(&source(&text)).map(|_| ()).unwrap_err();
    assert!(told.iter().any(|it| it.message.starts_with("AKS does not allow 4294967295 pods")), "{told:?}");
}

#[test]
fn a_lab_with_other_mistakes_is_not_planned() {
    let text = cluster("10.224.0.0/16", "networkPlugin: azure", "{name: a, vnetSubnet: net/t}");
    assert!(rendered(&plan_addresses(&source(&text)).unwrap_err()).contains("no subnet `t`"));
    let huge =
        cluster("10.224.0.0/24", "networkPlugin: azure", "{name: a, count: 4294967295, vnetSubnet: net/s}");
    assert_eq!(plan(&huge).supplies[0].takers[0].takes.now, 4_294_967_295 * 31);
}

/// Ten thousand pools, each with a range: nothing compares all with all.
#[test]
fn many_pools_are_planned() {
    let mut text = format!(
        "{HEAD}virtualNetworks:\n- {{name: net, addressPrefixes: [10.224.0.0/12], subnets: [\
         {{name: s, addressPrefix: 10.224.0.0/12}}]}}\nmanagedClusters:\n"
    );
    for cluster in 0..100 {
        let _ = writeln!(
            text,
            "- name: c{cluster}\n  networkProfile: {{networkPlugin: azure}}\n  agentPoolProfiles:"
        );
        for pool in 0..100 {
            let range = format!("10.{}.{cluster}.{}/30", 224 + pool / 50, 4 * (pool % 50));
            let _ = writeln!(
                text,
                "  - {{name: p{pool}, vnetSubnet: net/s, nodeAddressRange: {range}, scaleSet: s{cluster}-{pool}}}"
            );
        }
    }
    let plan = plan(&text);
    assert_eq!(plan.supplies.len(), 10_001);
    assert_eq!(plan.supplies[0].takers.iter().map(|taker| taker.takes.now).sum::<u64>(), 10_000 * 3 * 30);
    assert!(mistakes(&text).contains("30000 VMs, nodes and gateways"));
}

/// Whether the lab fits as far as AKS looks: pods' subnets and routes for the nodes that there are, all else
/// for the autoscaler's maximum.
fn fits(plan: &AddressPlan) -> bool {
    plan.supplies.iter().all(|it| {
        let is_pods = |each: &str| each.contains("ceil");
        let now = it.unit == Unit::Slash28
            || it.kind == SupplyKind::RouteTable
            || it.takers.iter().any(|taker| taker.each_node.as_deref().is_some_and(is_pods));
        if now { it.fits.now } else { it.fits.maximum }
    })
}

/// Addresses of subnets that nodes and VMs have, with all that is behind their NICs.
fn given(topology: &Topology) -> u64 {
    topology.azure_vms().map(|(_, _, nic)| 1 + nic.pod_addresses().count() as u64).sum()
}

fn planned(plan: &AddressPlan) -> u64 {
    let subnets =
        plan.supplies.iter().filter(|it| matches!(it.kind, SupplyKind::Subnet | SupplyKind::SubnetRange));
    subnets
        .map(|it| {
            let units = if it.unit == Unit::Slash28 { 16 } else { 1 };
            it.takers.iter().map(|taker| taker.takes.now).sum::<u64>() * units
        })
        .sum()
}

#[derive(Clone, Debug)]
struct Pool {
    count: u32,
    more: u32,
    max_pods: u32,
    node_range: Option<u8>,
    pod_range: Option<u8>,
}

#[derive(Clone, Debug)]
struct Lab {
    /// Prefix lengths of the nodes' subnet, the pods' subnet and the pod CIDR.
    prefixes: (u8, u8, u8),
    /// The mode and the pools of each cluster.
    clusters: Vec<(usize, Vec<Pool>)>,
    vms: u32,
    pods: u32,
}

const PROFILES: [&str; 6] = [
    "networkPlugin: kubenet",
    "networkPlugin: azure",
    "networkPlugin: azure",
    "networkPlugin: azure",
    "networkPlugin: azure, networkPluginMode: overlay",
    "networkPlugin: none",
];

fn text(lab: &Lab) -> String {
    let (nodes, pods, pod_cidr) = lab.prefixes;
    let mut text = format!(
        "{HEAD}virtualNetworks:\n- {{name: net, addressPrefixes: [10.224.0.0/12], subnets: [\
         {{name: s, addressPrefix: 10.224.0.0/{nodes}}}, {{name: p, addressPrefix: 10.232.0.0/{pods}}}]}}\n\
         virtualMachines:\n"
    );
    for vm in 0..lab.vms {
        let _ = writeln!(text, "- {{name: vm{vm}, subnet: net/s}}");
    }
    text += "managedClusters:\n";
    for (index, (mode, pools)) in lab.clusters.iter().enumerate() {
        let pod_cidr = if [0, 4, 5].contains(mode) {
            format!(", podCidr: 172.16.0.0/{pod_cidr}")
        } else {
            String::new()
        };
        let _ = writeln!(
            text,
            "- name: c{index}\n  networkProfile: {{{}{pod_cidr}}}\n  agentPoolProfiles:",
            PROFILES[*mode]
        );
        for (number, pool) in pools.iter().enumerate() {
            let Pool { count, more, max_pods, .. } = pool;
            let _ =
                write!(text, "  - {{name: p{number}, count: {count}, maxPods: {max_pods}, vnetSubnet: net/s");
            if *more > 0 {
                let _ = write!(text, ", enableAutoScaling: true, minCount: 1, maxCount: {}", count + more);
            }
            if [2, 3].contains(mode) {
                text += ", podSubnet: net/p";
            }
            if *mode == 3 {
                text += ", podIPAllocationMode: StaticBlock";
            }
            // Ranges of /28 and /26, each pool's in a place of its own; they may be outside of a small subnet.
            if let Some(place) = pool.node_range {
                let _ = write!(
                    text,
                    ", nodeAddressRange: 10.224.{}.{}/28",
                    index,
                    16 * (u32::from(place % 2) + 2 * number as u32)
                );
            }
            if let Some(place) = pool.pod_range {
                let range = match mode {
                    1 => format!("10.224.{}.{}/26", 8 + index, 64 * number),
                    2 | 3 => format!("10.232.{}.{}/26", index, 64 * number),
                    _ => format!("172.16.{}.0/{}", 4 * number, 22 + place % 3),
                };
                let _ = write!(text, ", podAddressRange: {range}");
            }
            text += "}\n";
        }
    }
    let _ = write!(
        text,
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, annotations: {{fabricd/cluster: c0}}}}\n\
         spec: {{replicas: {}, selector: {{matchLabels: {{a: b}}}}, template: {{metadata: {{labels: {{a: b}}}}, \
         spec: {{containers: [{{name: a, image: a}}]}}}}}}\n",
        lab.pods
    );
    text
}

fn pool() -> impl Strategy<Value = Pool> {
    let range = || prop::option::weighted(0.12, any::<u8>());
    (1..6_u32, prop_oneof![3 => Just(0), 1 => 1..8_u32], 10..60_u32, range(), range()).prop_map(
        |(count, more, max_pods, node_range, pod_range)| Pool {
            count,
            more,
            max_pods,
            node_range,
            pod_range,
        },
    )
}

fn lab() -> impl Strategy<Value = Lab> {
    let modes = prop_oneof![
        // kubenet shares a subnet with no other cluster; the two modes of a pod subnet share none either.
        (0..6_usize).prop_map(|mode| vec![mode]),
        prop::collection::vec(prop_oneof![Just(1_usize), Just(2), Just(4), Just(5)], 2..4),
        prop::collection::vec(prop_oneof![Just(1_usize), Just(3), Just(4)], 2..4),
    ];
    let clusters = modes.prop_flat_map(|modes| {
        modes.into_iter().map(|mode| (Just(mode), prop::collection::vec(pool(), 1..4))).collect::<Vec<_>>()
    });
    ((22..29_u8, 22..29_u8, 20..25_u8), clusters, 0..6_u32, 0..30_u32)
        .prop_map(|(prefixes, clusters, vms, pods)| Lab { prefixes, clusters, vms, pods })
}

/// Mistakes that are about size.
fn is_about_size(told: &str) -> bool {
    ["too small for the node pool", "is exhausted", "is full: it has"]
        .iter()
        .any(|words| told.contains(words))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, max_global_rejects: 10_000, ..ProptestConfig::with_cases(512) })]

    /// The planner and AKS' refusals come from the same numbers, and they are those of what is made.
    #[test]
    fn what_the_planner_says_fits_is_what_can_be_made(lab in lab()) {
        let text = text(&lab);
        let plan = plan_addresses(&source(&text));
        // A range may lie outside of its subnet; then the lab is refused for that.
        prop_assert!(plan.is_ok() || load(&source(&text)).is_err(), "{}", text);
        prop_assume!(plan.is_ok());
        let plan = plan.unwrap().1;
        let told = mistakes(&text);
        prop_assert_eq!(fits(&plan), !is_about_size(&told), "{}\n{}", text, told);
        if let Ok(topology) = load(&source(&text)) {
            prop_assert_eq!(planned(&plan), given(&topology), "{}", text);
            for account in &plan.supplies {
                for end in &account.runs_out {
                    prop_assert!(end.needs > account.has);
                }
            }
        }
    }

    /// Each stage needs at least as much as the one before; nothing is taken twice.
    #[test]
    fn more_nodes_need_more(lab in lab()) {
        let Ok((_, plan)) = plan_addresses(&source(&text(&lab))) else { return Ok(()) };
        for account in &plan.supplies {
            for taker in &account.takers {
                let [now, upgrade, maximum, maximum_upgrade, full] = taker.takes.all();
                prop_assert!(now <= upgrade && upgrade <= maximum_upgrade && now <= maximum);
                prop_assert!(maximum <= maximum_upgrade && maximum_upgrade <= full);
            }
            let taken: u64 = account.takers.iter().map(|taker| taker.takes.now).sum();
            prop_assert_eq!(account.has as i64 - taken as i64, account.free.now);
        }
    }
}
