//! Any lab can become any other, whatever the two have in common.

use std::fmt::Write;

use crate::fake_kernel::FakeKernel;
use fabric_core::{
    blueprint::{self, Blueprint},
    kernel::{Kernel, Machine},
    plan,
    spec::{self, Source},
    topology::Topology,
};
use fabricd::lab::reconcile;
use proptest::prelude::*;

/// What can differ between two labs.
#[derive(Clone, Debug)]
pub struct Lab {
    nodes: u8,
    /// Pods by number, with the host number of the address that they are pinned to.
    pods: Vec<(u8, u8)>,
    vms: Vec<u8>,
    on_premises: bool,
    ip_forwarding: bool,
}

pub fn lab() -> impl Strategy<Value = Lab> {
    let pods = proptest::collection::btree_map(0..6_u8, 2..40_u8, 0..5);
    let vms = proptest::collection::btree_set(0..4_u8, 0..3);
    (1..4_u8, pods, vms, any::<bool>(), any::<bool>()).prop_map(
        |(nodes, pods, vms, on_premises, ip_forwarding)| {
            let mut taken = std::collections::BTreeSet::new();
            let pods = pods.into_iter().filter(|(_, address)| taken.insert(*address)).collect();
            Lab { nodes, pods, vms: vms.into_iter().collect(), on_premises, ip_forwarding }
        },
    )
}

fn drawn(lab: &Lab) -> Blueprint {
    blueprint::draw(&topology(lab), Machine::COMPLETE)
}

pub fn topology(lab: &Lab) -> Topology {
    let mut text = format!(
        "apiVersion: fabric/v1\nkind: Lab\nmetadata: {{name: any}}\nvirtualNetworks:\n- name: vnet\n  addressPrefixes: [10.224.0.0/12]\n  subnets:\n  - {{name: nodes, addressPrefix: 10.224.0.0/16}}\n  - {{name: GatewaySubnet, addressPrefix: 10.225.0.0/27}}\nmanagedClusters:\n- name: aks\n  networkProfile: {{networkPlugin: kubenet}}\n  agentPoolProfiles:\n  - {{name: pool, count: {}, vnetSubnet: vnet/nodes}}\nvirtualMachines:\n",
        lab.nodes
    );
    for vm in &lab.vms {
        let _ = writeln!(
            text,
            "- {{name: vm{vm}, subnet: vnet/nodes, privateIPAddress: 10.224.1.{}, enableIPForwarding: {}}}",
            10 + vm,
            lab.ip_forwarding
        );
    }
    if lab.vms.is_empty() {
        text = text.replace("virtualMachines:\n", "");
    }
    if lab.on_premises {
        text.push_str("virtualNetworkGateways:\n- {name: vpn, virtualNetwork: vnet}\nonPremises:\n- {name: site, addressPrefixes: [10.1.0.0/16], virtualNetworkGateway: vpn, machines: [{name: server, privateIPAddress: 10.1.2.3}]}\n");
    }
    for (pod, address) in &lab.pods {
        let _ = write!(
            text,
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: p{pod}, annotations: {{fabricd/pod-ip: 10.244.0.{address}}}}}\nspec: {{containers: [{{name: c, image: i}}]}}\n"
        );
    }
    let source = Source { name: "lab.yaml".into(), text };
    spec::load(&[source]).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"))
}

pub fn objects(blueprint: &Blueprint) -> Vec<String> {
    let parts =
        blueprint.places.iter().flat_map(|(place, parts)| parts.values().map(move |part| (place, part)));
    parts
        .filter(|(_, part)| !part.object.is_seed())
        .map(|(place, part)| format!("{place} {}", part.object))
        .collect()
}

pub fn settled(kernel: &FakeKernel) -> Vec<String> {
    let state = kernel.state();
    let objects =
        state.iter().flat_map(|(place, objects)| objects.values().map(move |object| (place, object)));
    objects
        .filter(|(_, object)| !object.is_seed())
        .map(|(place, object)| format!("{place} {object}"))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn any_lab_becomes_any_other(first in lab(), second in lab()) {
        let (kernel, nothing) = (FakeKernel::new(), Blueprint::default());
        let name = fabric_core::name::LabName::new("any").expect("a name");
        let (first, second) = (drawn(&first), drawn(&second));
        reconcile(&kernel, &name, &nothing, &first, &|_, _| {}).expect("from nothing");
        prop_assert_eq!(settled(&kernel), objects(&first));

        // One round is enough: the plan says all that has to be done, in an order that works.
        let plan = plan::between(&kernel.observe(&name).expect("a model"), &first, &second);
        for wave in &plan.waves {
            kernel.execute(&name, wave, &|_| {}).unwrap_or_else(|errors| panic!("{}: {}", errors[0], errors[0].source));
        }
        prop_assert_eq!(settled(&kernel), objects(&second));
        let again = plan::between(&kernel.observe(&name).expect("a model"), &second, &second);
        prop_assert!(again.is_empty(), "{again}");

        // What both have alike is not touched.
        let common = first.places.iter().filter(|(place, parts)| second.places.get(*place) == Some(*parts));
        for (place, _) in common {
            prop_assert!(!plan.steps().any(|(touched, _)| touched == place), "{place} in\n{plan}");
        }
    }
}
