use super::*;
use crate::{
    blueprint,
    fault::{Change, LinkChange, Scene, Settings},
    kernel::Machine,
    spec::{self, Source},
};

/// The kubenet lab with these changes made.
fn broken(changes: &[Change]) -> (Topology, Faults) {
    let text = include_str!("../../../../../labs/kubenet/lab.yaml").to_owned();
    let text = text
        + "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 4, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: nginx}]}}}\n";
    let topology = spec::load(&[Source { name: "lab.yaml".into(), text }]).unwrap();
    let blueprint = blueprint::draw(&topology, Machine::COMPLETE);
    let scene = Scene { topology: &topology, blueprint: &blueprint, machine: Machine::COMPLETE };
    let mut faults = Faults::default();
    for change in changes {
        faults = faults.changed(scene, "default", change).unwrap().faults;
    }
    (topology, faults)
}

fn link(end: &str, change: LinkChange) -> Change {
    Change::Link { end: end.into(), change }
}

const NODE: &str = "aks-nodepool1-11743156-vmss000000";

fn ready(topology: &Topology, faults: &Faults, kind: Kind) -> Vec<String> {
    let words = |resource: Resource| {
        let conditions = resource.object["status"]["conditions"].as_array().unwrap().clone();
        let ready = conditions.iter().find(|condition| condition["type"] == "Ready").unwrap();
        format!("{} {}", resource.name, ready["status"].as_str().unwrap())
    };
    list(topology, faults, kind, Some("default"), None).into_iter().map(words).collect()
}

#[test]
fn a_stopped_node_is_not_ready_and_its_pods_are_lost_to_their_deployment() {
    let (topology, faults) = broken(&[Change::Machine { name: NODE.into(), runs: false }]);
    let node = &list(&topology, &faults, Kind::Nodes, None, Some(NODE))[0].object;
    insta::assert_snapshot!(serde_json::to_string_pretty(&node["spec"]["taints"]).unwrap(), @r#"
    [
      {
        "effect": "NoSchedule",
        "key": "node.kubernetes.io/unreachable"
      },
      {
        "effect": "NoExecute",
        "key": "node.kubernetes.io/unreachable"
      }
    ]
    "#);
    assert_eq!(node["status"]["conditions"][0]["reason"], "NodeStatusUnknown");
    assert_eq!(
        ready(&topology, &faults, Kind::Nodes),
        [format!("{NODE} Unknown"), "aks-pool2-13111960-vmss000000 True".to_owned()]
    );
    let pods = list(&topology, &faults, Kind::Pods, None, None);
    let mut lost = 0;
    for pod in pods {
        let on_it = pod.object["spec"]["nodeName"] == NODE;
        let conditions = pod.object["status"]["conditions"].as_array().unwrap().clone();
        for condition in conditions {
            let expected = if on_it && condition["type"] == "Ready" { "False" } else { "True" };
            assert_eq!(condition["status"], expected, "{}: {condition}", pod.name);
        }
        assert_eq!(pod.object["status"]["phase"], "Running");
        lost += i64::from(on_it && pod.name.starts_with("web-"));
    }
    assert!(lost > 0 && lost < 4);
    let deployment = &list(&topology, &faults, Kind::Deployments, None, None)[0].object;
    assert_eq!(deployment["status"]["readyReplicas"], 4 - lost);
    assert_eq!(deployment["status"]["unavailableReplicas"], lost);
}

#[test]
fn a_node_is_not_ready_if_its_only_way_is_cut() {
    let host = format!("host/{NODE}");
    let lossy = |loss| LinkChange::Set(Settings { loss: Some(loss), ..Settings::default() });
    for (end, change) in [
        (format!("node/{NODE}"), LinkChange::Down),
        (format!("{host}:vm0"), LinkChange::Down),
        (host.clone(), LinkChange::Down),
        (format!("node/{NODE}"), lossy(1_000_000)),
    ] {
        let (topology, faults) = broken(&[link(&end, change)]);
        assert!(ready(&topology, &faults, Kind::Nodes)[0].ends_with(" Unknown"), "{end}");
    }
    for (end, change) in
        [(format!("node/{NODE}:cbr0"), LinkChange::Down), (format!("node/{NODE}"), lossy(999_999))]
    {
        let (topology, faults) = broken(&[link(&end, change)]);
        assert!(ready(&topology, &faults, Kind::Nodes)[0].ends_with(" True"), "{end}");
    }
}

#[test]
fn vms_are_stopped_and_faults_are_listed() {
    let slow = Settings { delay: Some(50_000), jitter: Some(5_000), ..Settings::default() };
    let (topology, faults) = broken(&[
        Change::Machine { name: "vm/device".into(), runs: false },
        link("a", LinkChange::Set(slow)),
        link("b", LinkChange::Down),
        link("a", LinkChange::Down),
    ]);
    let vm = &list(&topology, &faults, Kind::VirtualMachines, None, None)[0].object;
    assert_eq!(vm["powerState"], "VM stopped");
    let shown = list(&topology, &faults, Kind::Faults, None, None);
    let lines = shown.iter().map(|one| format!("{}\n", one.object));
    insta::assert_snapshot!(lines.collect::<String>(), @r#"
    {"apiVersion":"fabric/v1","kind":"Fault","metadata":{"name":"pod/aks/default/a:eth0"},"spec":{"down":true,"delayMicroseconds":50000,"jitterMicroseconds":5000},"status":{"state":"down, delay 50ms 5ms"}}
    {"apiVersion":"fabric/v1","kind":"Fault","metadata":{"name":"pod/aks/default/b:eth0"},"spec":{"down":true},"status":{"state":"down"}}
    {"apiVersion":"fabric/v1","kind":"Fault","metadata":{"name":"vm/device"},"spec":{"stopped":true},"status":{"state":"stopped"}}
    "#);
    assert_eq!(list(&topology, &faults, Kind::Faults, None, Some("a:eth0")).len(), 1);
}
