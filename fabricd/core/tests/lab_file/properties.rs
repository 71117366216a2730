//! Whatever is in a file, it is read or explained.

use std::collections::BTreeSet;

use fabric_core::spec::{load, plan_addresses};
use proptest::prelude::*;

use crate::text::source;

const LABS: [&str; 2] = [include_str!("../../../../labs/kubenet/lab.yaml"), include_str!("rich_lab.yaml")];

/// Never panics, says the same twice, and marks what is there.
fn check(text: &str) {
    let plan = || plan_addresses(&source(text));
    assert_eq!(plan(), plan());
    assert!(plan().is_ok() || load(&source(text)).is_err(), "what can be made can be planned");
    match (load(&source(text)), load(&source(text))) {
        (Ok(first), Ok(second)) => {
            assert_eq!(format!("{first:?}"), format!("{second:?}"));
            let nics: Vec<_> =
                first.azure_vms().map(|(_, _, nic)| (nic.subnet, nic.private_ip_address)).collect();
            assert_eq!(nics.iter().collect::<BTreeSet<_>>().len(), nics.len());
            crate::well_formed::check(&first);
            for cluster in &first.managed_clusters {
                let pods: Vec<_> =
                    cluster.pods.iter().filter(|pod| !pod.host_network).map(|pod| pod.address).collect();
                assert_eq!(pods.iter().collect::<BTreeSet<_>>().len(), pods.len());
            }
        }
        (Err(first), Err(second)) => {
            assert_eq!(first, second);
            assert!(!first.is_empty());
            for it in &first {
                let width = it.line_text.chars().count();
                assert!(it.length >= 1 && it.column >= 1, "{it:?}");
                assert!(width >= 1000 || (it.column + it.length - 1) as usize <= width + 1, "{it:?}");
            }
            let order: Vec<_> = first.iter().map(|it| (it.line, it.column)).collect();
            assert!(order.is_sorted(), "{first:?}");
        }
        (first, second) => panic!("{first:?} and then {second:?}"),
    }
}

#[test]
fn the_labs_that_are_mutated_are_valid() {
    for lab in LABS {
        assert!(load(&source(lab)).is_ok(), "{}", crate::text::mistakes(lab));
    }
}

/// A change of one line: gone, twice, elsewhere, or with another value.
#[derive(Clone, Debug)]
enum Change {
    Drop(usize),
    Repeat(usize),
    Move(usize, usize),
    Indent(usize, usize),
    Value(usize, String),
    Insert(usize, char),
}

fn change() -> impl Strategy<Value = Change> {
    let line = 0..200_usize;
    let value = prop_oneof![
        Just("10.224.0.0/16".to_owned()),
        Just("10.244.0.15".to_owned()),
        Just("255.255.255.252/30".to_owned()),
        Just("0.0.0.0/0".to_owned()),
        Just("4294967295".to_owned()),
        Just("-1".to_owned()),
        Just("[]".to_owned()),
        Just("{}".to_owned()),
        Just("null".to_owned()),
        Just("*a".to_owned()),
        Just("aks-vnet/aks-subnet".to_owned()),
        "[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}/[0-9]{1,2}",
        "[a-zA-Z0-9./ä -]{0,20}",
    ];
    prop_oneof![
        line.clone().prop_map(Change::Drop),
        line.clone().prop_map(Change::Repeat),
        (line.clone(), line.clone()).prop_map(|(from, to)| Change::Move(from, to)),
        (line.clone(), 0..8_usize).prop_map(|(line, by)| Change::Indent(line, by)),
        (line.clone(), value).prop_map(|(line, value)| Change::Value(line, value)),
        (0..4000_usize, any::<char>()).prop_map(|(at, c)| Change::Insert(at, c)),
    ]
}

fn changed(text: &str, changes: &[Change]) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for change in changes {
        let last = lines.len().max(1);
        match change {
            Change::Drop(line) if lines.len() > 1 => {
                lines.remove(line % last);
            }
            Change::Drop(_) => {}
            Change::Repeat(line) => lines.insert(line % last, lines[line % last].clone()),
            Change::Move(from, to) => {
                let line = lines.remove(from % last);
                lines.insert(to % last, line);
            }
            Change::Indent(line, by) => {
                let line = &mut lines[line % last];
                *line = " ".repeat(*by) + line.trim_start();
            }
            Change::Value(line, value) => {
                let line = &mut lines[line % last];
                if let Some((key, _)) = line.clone().split_once(": ") {
                    *line = format!("{key}: {value}");
                }
            }
            Change::Insert(at, c) => {
                let mut text: Vec<char> = lines.join("\n").chars().collect();
                text.insert(at % text.len().max(1), *c);
                lines = text.into_iter().collect::<String>().lines().map(str::to_owned).collect();
            }
        }
    }
    lines.join("\n")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn any_bytes_are_read_or_explained(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        check(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_yaml_is_read_or_explained(text in "[-a-c:{}\\[\\],&*!|>'\"#%?\n \t0-9./]{0,120}") {
        check(&text);
        check(&format!("apiVersion: fabric/v1\nkind: Lab\nmetadata:\n  name: x\n{text}"));
    }

    #[test]
    fn a_good_lab_is_resolved_the_same_way_each_time(
        pools in prop::collection::vec(1..30_u32, 1..4),
        pinned in prop::collection::btree_set(4..200_u8, 0..20),
        free in 0..20_usize,
        replicas in 0..100_u32,
        pods in prop::collection::btree_set(2..255_u8, 0..10),
    ) {
        let mut text = "apiVersion: fabric/v1\nkind: Lab\nmetadata: {name: good}\nvirtualNetworks:\n\
            - {name: vnet, addressPrefixes: [10.1.0.0/16], subnets: [{name: s, addressPrefix: 10.1.0.0/24}]}\n\
            virtualMachines:\n".to_owned();
        for address in &pinned {
            text += &format!("- {{name: p{address}, subnet: vnet/s, privateIPAddress: 10.1.0.{address}}}\n");
        }
        for vm in 0..free {
            text += &format!("- {{name: f{vm}, subnet: vnet/s}}\n");
        }
        text += "managedClusters:\n- name: aks\n  networkProfile: {networkPlugin: kubenet}\n  agentPoolProfiles:\n";
        for (index, count) in pools.iter().enumerate() {
            text += &format!("  - {{name: pool{index}, count: {count}}}\n");
        }
        for host in &pods {
            text += &format!("---\napiVersion: v1\nkind: Pod\nmetadata: {{name: p{host}, annotations: {{fabricd/pod-ip: 10.244.0.{host}}}}}\n\
                spec: {{containers: [{{name: a, image: a}}]}}\n");
        }
        text += &format!("---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  replicas: {replicas}\n  \
            selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    \
            spec: {{containers: [{{name: a, image: a}}]}}\n");
        prop_assert!(load(&source(&text)).is_ok(), "{}", crate::text::mistakes(&text));
        check(&text);
    }

    #[test]
    fn a_changed_lab_is_read_or_explained(
        lab in 0..2_usize,
        changes in prop::collection::vec(change(), 1..6),
    ) {
        check(&changed(LABS[lab], &changes));
    }
}
