//! Addresses of pods: each network plugin takes them from somewhere else.

use std::{collections::BTreeMap, net::Ipv4Addr};

use super::{ManagedCluster, NetworkPlugin, Node, Standing, scheduler::gives, workload::Draft};
use crate::spec::problem::Problem;

/// The last of a node's /24: `.255` is the broadcast address.
const LAST: u8 = 254;

/// The first of a node's /24 that a pod gets. kubenet: `.1` is the bridge `cbr0` (aks-facts 1.4). Overlay
/// has nothing to keep it for.
fn first(plugin: NetworkPlugin) -> u8 {
    if plugin == NetworkPlugin::Kubenet { 2 } else { 1 }
}

/// Whether the pod has its node's network.
pub(super) fn on_host_network(draft: &Draft<'_>) -> bool {
    draft.manifest.spec.as_ref().and_then(|spec| spec.host_network) == Some(true)
}

/// The address of each of `drafts`, all of `cluster`, on the node of `placed` at the same index.
///
/// Pinned ones first, then what pods have in the running lab; the others get the lowest free one, in order. `None` for a pod without a node, or
/// with a problem, or without an address since a plugin of one's own gives it.
pub(super) fn assign(
    cluster: &ManagedCluster,
    drafts: &[&Draft<'_>],
    placed: &[Option<usize>],
    standing: &Standing,
    problems: &mut Vec<Problem>,
) -> Vec<Option<Ipv4Addr>> {
    let mut addresses = vec![None; drafts.len()];
    let mut taken: BTreeMap<Ipv4Addr, &str> = BTreeMap::new();
    for (index, draft) in drafts.iter().enumerate() {
        let (Some((address, span)), Some(_)) = (draft.pinned, placed[index]) else { continue };
        let node = placed[index].map(|node| &cluster.nodes[node]);
        if let Some(help) = node.and_then(|node| unusable(cluster.network_plugin, node, address)) {
            let message = format!("a pod cannot have {address}");
            problems.push(Problem::new(span, message).help(help));
        } else if let Some(other) = taken.get(&address) {
            let message = format!("{address} is taken by the pod `{other}`");
            problems
                .push(Problem::new(span, message).help("choose another address, or remove the annotation"));
        } else {
            taken.insert(address, draft.name());
            addresses[index] = Some(address);
        }
    }
    for (index, draft) in drafts.iter().enumerate() {
        let node = placed[index].map(|node| &cluster.nodes[node]);
        let (Some(node), None, false) = (node, draft.pinned, on_host_network(draft)) else { continue };
        let lease = standing.pod(&cluster.name, &draft.namespace, draft.name());
        let address = lease.filter(|lease| lease.node == node.name).and_then(|lease| lease.address);
        let usable = |address: &Ipv4Addr| {
            gives(node, *address) && unusable(cluster.network_plugin, node, *address).is_none()
        };
        if let Some(address) = address.filter(usable).filter(|it| !taken.contains_key(it)) {
            taken.insert(address, draft.name());
            addresses[index] = Some(address);
        }
    }
    let mut free: Vec<_> = cluster.nodes.iter().map(|node| Free::of(cluster.network_plugin, node)).collect();
    for (index, draft) in drafts.iter().enumerate() {
        let Some(node) = placed[index] else { continue };
        if on_host_network(draft) {
            addresses[index] = Some(cluster.nodes[node].nic.private_ip_address);
        } else if draft.pinned.is_none() && addresses[index].is_none() {
            // At most maxPods pods are on a node, and it has more addresses than that.
            addresses[index] = free[node].next(&taken);
        }
    }
    addresses
}

/// Why no pod can have this address of its node's range.
fn unusable(plugin: NetworkPlugin, node: &Node, address: Ipv4Addr) -> Option<&'static str> {
    if node.nic.secondary_blocks.first().is_some_and(|block| block.network() == address) {
        return Some("the first address of a node's blocks is the node's own");
    }
    let last = address.octets()[3];
    match plugin {
        NetworkPlugin::Kubenet if !(first(plugin)..=LAST).contains(&last) => {
            Some("in a node's /24, .0 is the network, .1 the bridge cbr0, .255 the broadcast address")
        }
        NetworkPlugin::Overlay if !(first(plugin)..=LAST).contains(&last) => {
            Some("take one of .1 to .254 of the node's /24")
        }
        _ => None,
    }
}

/// A node's addresses for pods, of which some may be taken.
struct Free<'a> {
    addresses: Box<dyn Iterator<Item = Ipv4Addr> + 'a>,
    /// With a pod subnet the first free one is the primary address of the batch or of the blocks, which no
    /// pod gets.
    keep_first: bool,
}

impl<'a> Free<'a> {
    fn of(plugin: NetworkPlugin, node: &'a Node) -> Self {
        let addresses: Box<dyn Iterator<Item = Ipv4Addr> + 'a> = match (plugin, node.pod_cidr) {
            (NetworkPlugin::Kubenet | NetworkPlugin::Overlay, Some(pod_cidr)) => {
                let base = u32::from(pod_cidr.network());
                Box::new((first(plugin)..=LAST).map(move |host| Ipv4Addr::from(base + u32::from(host))))
            }
            (NetworkPlugin::None, _) => Box::new(std::iter::empty()),
            _ => Box::new(node.nic.pod_addresses()),
        };
        Self { addresses, keep_first: plugin == NetworkPlugin::PodSubnet }
    }

    fn next(&mut self, taken: &BTreeMap<Ipv4Addr, &str>) -> Option<Ipv4Addr> {
        if std::mem::take(&mut self.keep_first) {
            self.addresses.find(|address| !taken.contains_key(address));
        }
        self.addresses.find(|address| !taken.contains_key(address))
    }
}
