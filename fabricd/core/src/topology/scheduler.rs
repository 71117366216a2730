//! Which node each pod gets.
//!
//! Much simpler than Kubernetes' scheduler: the node with the fewest pods takes the next one. Pods whose
//! node is written come first, so that the others spread around them.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use k8s_openapi::api::core::v1::PodSpec;

use super::{
    ManagedCluster, NetworkPlugin, Node, container_port, pod_address::on_host_network, service::Transport,
    standing::Course, workload::Draft,
};
use crate::{
    address_plan::Mode,
    spec::{
        limits::DIAGNOSTICS_MAX,
        problem::Problem,
        suggest::{advice, quoted},
    },
};

/// The index of a node for each of `drafts`, all of `cluster`; `None`, with a problem, if there is none.
pub(super) fn place(
    cluster: &ManagedCluster,
    drafts: &[&Draft<'_>],
    course: Course<'_>,
    problems: &mut Vec<Problem>,
) -> Vec<Option<usize>> {
    let drained: Vec<bool> =
        cluster.nodes.iter().map(|node| course.rollout.drained.contains(&node.name)).collect();
    let mut load = vec![0_u32; cluster.nodes.len()];
    let mut ports = NodePorts::default();
    let by_name: BTreeMap<&str, usize> =
        cluster.nodes.iter().enumerate().map(|(index, node)| (node.name.as_str(), index)).collect();
    let mut placed = vec![None; drafts.len()];
    let mut open = vec![];
    for (index, draft) in drafts.iter().enumerate() {
        if problems.len() > DIAGNOSTICS_MAX {
            return placed;
        }
        match wish(cluster, draft, &by_name) {
            Ok(None) => open.push(index),
            // It has no other place to go to.
            Ok(Some(node)) if drained[node] => {}
            Ok(Some(node)) => match admit(cluster, draft, node, (&mut load, &mut ports)) {
                Ok(()) => placed[index] = Some(node),
                Err(problem) => problems.push(problem),
            },
            Err(problem) => problems.push(problem),
        }
    }
    open.retain(|&index| {
        let stays = stays(cluster, drafts[index], course, &by_name).filter(|&node| !drained[node]);
        let draft = drafts[index];
        let room =
            stays.filter(|&node| load[node] < max_pods(cluster, node) && ports.taken(draft, node).is_none());
        if let Some(node) = room {
            ports.take(draft, node);
            load[node] += 1;
            placed[index] = Some(node);
        }
        room.is_none()
    });
    for index in open {
        if problems.len() > DIAGNOSTICS_MAX {
            break;
        }
        match choose(cluster, drafts[index], &drained, (&load, &ports)) {
            Ok(node) => {
                ports.take(drafts[index], node);
                load[node] += 1;
                placed[index] = Some(node);
            }
            Err(problem) => problems.push(problem),
        }
    }
    placed
}

/// Ports of nodes that pods of the host network have.
#[derive(Default)]
struct NodePorts(BTreeSet<(usize, Transport, u16)>);

impl NodePorts {
    fn wanted(draft: &Draft<'_>) -> Vec<(Transport, u16)> {
        let spec = draft.manifest.spec.as_ref().filter(|_| on_host_network(draft));
        spec.map(container_port::on_the_node).unwrap_or_default()
    }

    fn taken(&self, draft: &Draft<'_>, node: usize) -> Option<(Transport, u16)> {
        let is_taken = |(transport, port): &(Transport, u16)| self.0.contains(&(node, *transport, *port));
        Self::wanted(draft).into_iter().find(is_taken)
    }

    fn take(&mut self, draft: &Draft<'_>, node: usize) {
        self.0.extend(Self::wanted(draft).into_iter().map(|(transport, port)| (node, transport, port)));
    }
}

/// The node that the pod's name of a node or its pinned address asks for.
fn wish(
    cluster: &ManagedCluster,
    draft: &Draft<'_>,
    by_name: &BTreeMap<&str, usize>,
) -> Result<Option<usize>, Problem> {
    let spec = draft.manifest.spec.as_ref();
    let named = match spec.and_then(|spec| spec.node_name.as_deref()) {
        None => None,
        Some(name) => {
            let found = by_name.get(name).copied();
            Some(found.ok_or_else(|| {
                let span = draft.pod_at.key("spec").key("nodeName").span();
                let names = cluster.nodes.iter().map(|node| node.name.as_str());
                Problem::new(span, format!("the cluster `{}` has no node {}", cluster.name, quoted(name)))
                    .help(advice(name, "nodes", names))
            })?)
        }
    };
    let Some((address, span)) = draft.pinned else { return Ok(named) };
    if spec.and_then(|spec| spec.host_network) == Some(true) {
        let message = "a pod with `hostNetwork: true` has its node's address";
        return Err(Problem::new(span, message).help("remove the annotation"));
    }
    let home = cluster.nodes.iter().position(|node| gives(node, address));
    let anywhere = match cluster.network_plugin {
        // A plugin of one's own may do what it likes.
        NetworkPlugin::None => true,
        // In batches any node gets any address.
        NetworkPlugin::PodSubnet if home.is_none() => match named {
            Some(node) => takes_any(cluster, node),
            None => (0..cluster.nodes.len()).any(|node| takes_any(cluster, node)),
        },
        _ => false,
    };
    if anywhere {
        return Ok(named);
    }
    let Some(home) = home else {
        let help = match (cluster.nodes.first(), cluster.nodes.last()) {
            (Some(first), Some(last)) => format!("its nodes have {} to {}", given(first), given(last)),
            _ => "it has no nodes".to_owned(),
        };
        let message = format!("no node of the cluster `{}` gives {address} to pods", cluster.name);
        return Err(Problem::new(span, message).help(help));
    };
    match named {
        Some(node) if node != home => {
            let name = &cluster.nodes[node].name;
            let message = format!("{address} is not an address of the pod's node `{name}`");
            let other = &cluster.nodes[home].name;
            Err(Problem::new(span, message).help(format!(
                "its pods are in {}; the address belongs to `{other}`",
                given(&cluster.nodes[node])
            )))
        }
        _ => Ok(Some(home)),
    }
}

/// Whether the node gives `address` to a pod.
pub(super) fn gives(node: &Node, address: Ipv4Addr) -> bool {
    let nic = &node.nic;
    match node.pod_cidr {
        Some(pod_cidr) => pod_cidr.contains(&address),
        None => {
            nic.secondary_addresses.binary_search(&address).is_ok()
                || nic.secondary_blocks.iter().any(|block| block.contains(&address))
        }
    }
}

/// Whether the node gets the addresses that its pods want: it has neither reserved any nor blocks.
fn takes_any(cluster: &ManagedCluster, node: usize) -> bool {
    cluster.agent_pools[cluster.nodes[node].pool].mode == Mode::PodSubnet
}

/// Whether the address that is in writing for the pod, if there is one, can be on the node.
fn can_have(cluster: &ManagedCluster, draft: &Draft<'_>, node: usize) -> bool {
    let Some((address, _)) = draft.pinned else { return true };
    cluster.network_plugin != NetworkPlugin::PodSubnet
        || takes_any(cluster, node)
        || gives(&cluster.nodes[node], address)
}

/// The addresses that the node gives to pods, for messages.
fn given(node: &Node) -> String {
    let mut addresses = node.nic.pod_addresses();
    let first = addresses.next();
    match (node.pod_cidr, first, addresses.last().or(first)) {
        (Some(pod_cidr), ..) => pod_cidr.to_string(),
        (None, Some(first), Some(last)) => format!("{first}–{last}"),
        _ => "none".to_owned(),
    }
}

/// What the kubelet checks: room, and the pod's node selector.
fn admit(
    cluster: &ManagedCluster,
    draft: &Draft<'_>,
    node: usize,
    (load, ports): (&mut [u32], &mut NodePorts),
) -> Result<(), Problem> {
    let Node { name, .. } = &cluster.nodes[node];
    if !fits(cluster, draft, node) {
        let span = draft.pod_at.key("spec").key("nodeSelector").span();
        return Err(Problem::new(span, format!("the pod's node `{name}` does not fit its node selector")));
    }
    let max_pods = max_pods(cluster, node);
    if load[node] >= max_pods {
        let message = format!("the node `{name}` takes {max_pods} pods, and this is one more");
        return Err(Problem::new(draft.at.key("metadata").key("name").span(), message)
            .help("raise `maxPods` of its pool (up to 250), or place the pod elsewhere"));
    }
    if let Some((transport, port)) = ports.taken(draft, node) {
        let message =
            format!("another pod of the host network has {transport} port {port} of the node `{name}`");
        return Err(Problem::new(draft.at.key("metadata").key("name").span(), message)
            .help("use another port, or another node"));
    }
    ports.take(draft, node);
    load[node] += 1;
    Ok(())
}

/// The node that the pod is on in the running lab, if it is still one for it.
fn stays(
    cluster: &ManagedCluster,
    draft: &Draft<'_>,
    course: Course<'_>,
    by_name: &BTreeMap<&str, usize>,
) -> Option<usize> {
    let lease = course.standing.pod(&cluster.name, &draft.namespace, draft.name())?;
    by_name.get(lease.node.as_str()).copied().filter(|&node| fits(cluster, draft, node))
}

fn choose(
    cluster: &ManagedCluster,
    draft: &Draft<'_>,
    drained: &[bool],
    (load, ports): (&[u32], &NodePorts),
) -> Result<usize, Problem> {
    let open = (0..cluster.nodes.len()).filter(|&node| !drained[node]);
    let fitting: Vec<usize> = open.filter(|&node| fits(cluster, draft, node)).collect();
    if fitting.is_empty() {
        let span = draft.pod_at.key("spec").key("nodeSelector").span();
        return Err(Problem::new(span, format!("no node of the cluster `{}` fits the node selector", cluster.name))
            .help("labels that nodes have: kubernetes.io/hostname, kubernetes.io/os, kubernetes.io/arch, agentpool, kubernetes.azure.com/agentpool"));
    }
    let free: Vec<usize> = fitting
        .iter()
        .copied()
        .filter(|&node| load[node] < max_pods(cluster, node) && can_have(cluster, draft, node))
        .collect();
    let apart = free.iter().copied().filter(|&node| ports.taken(draft, node).is_none());
    apart.min_by_key(|&node| (load[node], node)).ok_or_else(|| {
        if let Some((transport, port)) = free.first().and_then(|&node| ports.taken(draft, node)) {
            let message =
                format!("no node has {transport} port {port} free for one more pod of the host network");
            return Problem::new(draft.at.key("metadata").key("name").span(), message)
                .help("a node has one pod of the host network on each port: add nodes, or use another port");
        }
        let room: u64 = fitting.iter().map(|&node| u64::from(max_pods(cluster, node))).sum();
        let message = format!("there is no room for the pod: nodes that it fits take {room} pods in all");
        Problem::new(draft.at.key("metadata").key("name").span(), message)
            .help("add nodes (`count`), or raise `maxPods` (up to 250)")
    })
}

fn max_pods(cluster: &ManagedCluster, node: usize) -> u32 {
    cluster.agent_pools[cluster.nodes[node].pool].max_pods
}

fn fits(cluster: &ManagedCluster, draft: &Draft<'_>, node: usize) -> bool {
    let selector = draft.manifest.spec.as_ref().and_then(|spec: &PodSpec| spec.node_selector.as_ref());
    let node = &cluster.nodes[node];
    let pool = &cluster.agent_pools[node.pool].name;
    selector.is_none_or(|selector| {
        selector.iter().all(|(label, value)| match label.as_str() {
            "kubernetes.io/hostname" => *value == node.name,
            "agentpool" | "kubernetes.azure.com/agentpool" => value == pool,
            "kubernetes.io/os" => value == "linux",
            "kubernetes.io/arch" => value == "amd64",
            _ => false,
        })
    })
}
