//! What `fabctl plan addresses` prints. It needs no daemon.

use crate::{fake::Fake, run, run_with_stdin};

/// A node subnet that an upgrade of both pools overfills, and a pool of an overlay in it.
const LAB: &str = "\
apiVersion: fabric/v1
kind: Lab
metadata: {name: tight}
virtualNetworks:
- name: vnet
  addressPrefixes: [10.224.0.0/12]
  subnets: [{name: nodes, addressPrefix: 10.224.0.0/25}, {name: pods, addressPrefix: 10.225.0.0/26}]
virtualMachines: [{name: jumpbox, subnet: vnet/nodes}]
managedClusters:
- name: aks
  networkProfile: {networkPlugin: azure}
  agentPoolProfiles:
  - {name: system, count: 2, maxPods: 30, vnetSubnet: vnet/nodes}
  - {name: user, count: 1, maxPods: 30, vnetSubnet: vnet/nodes, upgradeSettings: {maxSurge: 50%}}
- name: swift
  networkProfile: {networkPlugin: azure}
  agentPoolProfiles:
  - name: user
    count: 1
    vnetSubnet: vnet/nodes
    podSubnet: vnet/pods
    enableAutoScaling: true
    minCount: 1
    maxCount: 3
";

#[test]
fn a_plan_says_who_takes_what_and_where_it_ends() {
    let fake = Fake::start();
    let file = fake.file("lab.yaml", LAB);
    insta::assert_snapshot!(run(&fake, &format!("plan addresses -f {file}")));
    assert_eq!(
        run_with_stdin(&fake, "plan addresses -f -", LAB),
        run(&fake, &format!("plan addresses -f {file}"))
    );
}

#[test]
fn a_plan_is_also_for_programs() {
    let fake = Fake::start();
    let file = fake.file("lab.yaml", &LAB.replace("count: 2", "count: 7"));
    let json: serde_json::Value = {
        let text = run(&fake, &format!("plan addresses -o json -f {file}"));
        serde_json::from_str(text.strip_suffix("[0]\n").unwrap()).unwrap()
    };
    assert_eq!(json["lab"], "tight");
    assert_eq!(json["supplies"][0]["fits"]["now"], false);
    assert_eq!(json["supplies"][0]["takers"][1]["takes"]["now"], 7 * 31);
    insta::assert_snapshot!(run(&fake, &format!("plan addresses -o yaml -f {file}")));
    // What the planner shows is why the lab is refused.
    assert!(run(&fake, &format!("validate -f {file}")).contains("it needs 7 × (1 + 30) = 217 addresses"));
}

#[test]
fn a_lab_with_other_mistakes_is_not_planned() {
    let fake = Fake::start();
    let file = fake.file("lab.yaml", &LAB.replace("vnet/pods", "vnet/pod"));
    let told = run(&fake, &format!("plan addresses -f {file}"));
    assert!(told.contains("has no subnet `pod`") && told.ends_with("[65]\n"), "{told}");
    assert!(run(&fake, "plan").ends_with("[64]\n"));
    assert!(run(&fake, "plan addresses").ends_with("[64]\n"));
    assert!(run(&fake, "plan addresses --help").contains("fabctl plan addresses -f lab.yaml"));
}
