//! What changing a running lab costs: one pod, one node, one route more, in a small lab and in a large one.

use std::path::Path;

use super::{
    Bench,
    daemon::Daemon,
    settle,
    table::{Group, Row, Target},
};
use crate::run::Result;

/// The lab's name, whatever its size.
const NAME: &str = "changing";

/// A lab to change: an overlay cluster whose subnet has a route table.
#[derive(Clone, Copy)]
pub struct Changing {
    nodes: usize,
    pods: usize,
}

/// The same at two sizes: what a change costs should go with the change.
pub const SIZES: [Changing; 2] = [Changing { nodes: 5, pods: 100 }, Changing { nodes: 50, pods: 1000 }];

impl Changing {
    /// Each change from the same lab, and an apply that changes nothing.
    pub fn measure(self, bench: &Bench, daemon: &Daemon, rounds: usize) -> Result<Group> {
        let Self { nodes, pods } = self;
        let folder = bench.folder.join(format!("changing-{nodes}"));
        std::fs::create_dir(&folder).map_err(|error| error.to_string())?;
        let write = |nodes, pods, routes| {
            let file = folder.join("lab.yaml");
            std::fs::write(&file, lab(nodes, pods, routes))
                .map_err(|error| format!("cannot write the lab: {error}"))
        };
        let changes = [
            ("one pod more", nodes, pods + 1, 1),
            ("one node more", nodes + 1, pods, 1),
            ("one route more", nodes, pods, 2),
        ];
        let mut group = Group::new(format!("changing an overlay cluster of {nodes} nodes, {pods} pods"));
        write(nodes, pods, 1)?;
        daemon.apply(&folder)?;
        for (name, nodes_then, pods_then, routes_then) in changes {
            let (mut samples, mut objects) = (vec![], 0);
            for _ in bench.rounds(rounds) {
                settle::wait(&bench.folder)?;
                write(nodes_then, pods_then, routes_then)?;
                let change = daemon.apply(&folder)?;
                (samples, objects) = ([samples, vec![change.reported]].concat(), change.objects);
                write(nodes, pods, 1)?;
                daemon.apply(&folder)?;
            }
            group.push(Row::new(format!("{name}, {objects} objects"), samples));
        }
        let mut unchanged = vec![];
        for _ in bench.rounds(rounds) {
            settle::wait(&bench.folder)?;
            unchanged.push(daemon.apply(Path::new(&folder))?.reported);
        }
        group.push(Row::new("apply again, unchanged", unchanged).target(Target::Below(100.0)));
        daemon.delete(NAME)?;
        Ok(group)
    }
}

fn lab(nodes: usize, pods: usize, routes: usize) -> String {
    let routes: String = (0..routes)
        .map(|number| {
            format!("  - {{name: route{number}, addressPrefix: 172.20.{number}.0/24, nextHopType: None}}\n")
        })
        .collect();
    format!(
        "\
apiVersion: fabric/v1
kind: Lab
metadata: {{name: {NAME}}}
virtualNetworks:
- name: vnet
  addressPrefixes: [10.224.0.0/12]
  subnets: [{{name: nodes, addressPrefix: 10.224.0.0/16, routeTable: table}}]
routeTables:
- name: table
  routes:
{routes}managedClusters:
- name: aks
  networkProfile: {{networkPlugin: azure, networkPluginMode: overlay}}
  agentPoolProfiles: [{{name: nodepool1, count: {nodes}, vnetSubnet: vnet/nodes}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: {pods}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{containers: [{{name: web, image: nginx}}]}}
"
    )
}
