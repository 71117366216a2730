//! What kube-proxy's rules cost: of a thousand Services, and of one endpoint less among them.

use super::{
    Bench,
    daemon::Daemon,
    settle,
    table::{Group, Row},
};
use crate::run::Result;

const NAME: &str = "services";
const NODES: usize = 20;
const SERVICES: usize = 1000;

/// Makes a cluster with so many Services, each with two endpoints; takes an endpoint of one away and gives it back.
pub fn measure(bench: &Bench, daemon: &Daemon, rounds: usize) -> Result<Group> {
    let folder = bench.folder.join(NAME);
    std::fs::create_dir(&folder).map_err(|error| error.to_string())?;
    let write = |services, replicas| {
        std::fs::write(folder.join("lab.yaml"), lab(services, replicas))
            .map_err(|error| format!("cannot write the lab: {error}"))
    };
    write(SERVICES, 2)?;
    let plan = daemon.plan(&folder)?;
    let lines = plan.lines().filter_map(|line| line.split_once(": iptables rules, ")?.1.split(' ').next());
    let lines = lines.filter_map(|number| number.parse::<usize>().ok()).max().unwrap_or_default();
    let mut group =
        Group::new(format!("{SERVICES} Services on {NODES} nodes, {lines} lines of rules on each"));
    let [mut without, mut with, mut less, mut more] = [const { vec![] }; 4];
    for _ in bench.rounds(rounds) {
        settle::wait(&bench.folder)?;
        write(1, 2)?;
        without.push(daemon.apply(&folder)?.reported);
        daemon.delete(NAME)?;
        settle::wait(&bench.folder)?;
        write(SERVICES, 2)?;
        with.push(daemon.apply(&folder)?.reported);
        write(SERVICES, 1)?;
        less.push(daemon.apply(&folder)?.reported);
        write(SERVICES, 2)?;
        more.push(daemon.apply(&folder)?.reported);
        daemon.delete(NAME)?;
    }
    group.push(Row::new("apply with one Service", without));
    group.push(Row::new(format!("apply with {SERVICES}"), with));
    group.push(Row::new("a pod with one of them less", less));
    group.push(Row::new("a pod with one of them more", more));
    Ok(group)
}

/// The first Service has pods of its own, `replicas` of them; all others have the same two.
fn lab(services: usize, replicas: usize) -> String {
    let deployment = |name: &str, replicas: usize| {
        format!(
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  replicas: {replicas}\n  \
             selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    \
             spec: {{containers: [{{name: web, image: nginx}}]}}\n"
        )
    };
    let service = |number: usize| {
        let app = if number == 0 { "one" } else { "all" };
        format!(
            "---\napiVersion: v1\nkind: Service\nmetadata: {{name: service-{number}}}\n\
             spec: {{selector: {{app: {app}}}, ports: [{{port: 80}}]}}\n"
        )
    };
    let services: String = (0..services).map(service).collect();
    format!(
        "\
apiVersion: fabric/v1
kind: Lab
metadata: {{name: {NAME}}}
virtualNetworks:
- name: vnet
  addressPrefixes: [10.224.0.0/12]
  subnets: [{{name: nodes, addressPrefix: 10.224.0.0/16}}]
managedClusters:
- name: aks
  networkProfile: {{networkPlugin: azure, networkPluginMode: overlay}}
  agentPoolProfiles: [{{name: nodepool1, count: {NODES}, vnetSubnet: vnet/nodes}}]
{}{}{services}",
        deployment("one", replicas),
        deployment("all", 2),
    )
}
