//! Addresses of pods on a kubenet node, as the CNI plugin `host-local` gives them.

use std::{collections::BTreeMap, net::Ipv4Addr};

use super::{ManagedCluster, workload::Draft};
use crate::spec::problem::Problem;

/// The first that a pod gets: `.1` is the bridge `cbr0` (aks-facts 1.4).
const FIRST: u8 = 2;

/// The last: `.255` is the broadcast address.
const LAST: u8 = 254;

/// The address of each of `drafts`, all of `cluster`, on the node of `placed` at the same index.
///
/// Pinned ones first; the others get the lowest free one, in order. `None` for a pod without a node, or
/// with a problem.
pub(super) fn assign(
    cluster: &ManagedCluster,
    drafts: &[&Draft<'_>],
    placed: &[Option<usize>],
    problems: &mut Vec<Problem>,
) -> Vec<Option<Ipv4Addr>> {
    let mut addresses = vec![None; drafts.len()];
    let mut taken: BTreeMap<Ipv4Addr, &str> = BTreeMap::new();
    for (index, draft) in drafts.iter().enumerate() {
        let (Some((address, span)), Some(_)) = (draft.pinned, placed[index]) else { continue };
        let last = address.octets()[3];
        if !(FIRST..=LAST).contains(&last) {
            let message = format!("a pod cannot have {address}");
            problems.push(
                Problem::new(span, message).help(
                    "in a node's /24, .0 is the network, .1 the bridge cbr0, .255 the broadcast address",
                ),
            );
        } else if let Some(other) = taken.get(&address) {
            let message = format!("{address} is taken by the pod `{other}`");
            problems
                .push(Problem::new(span, message).help("choose another address, or remove the annotation"));
        } else {
            taken.insert(address, draft.name());
            addresses[index] = Some(address);
        }
    }
    let mut next = vec![FIRST; cluster.nodes.len()];
    for (index, draft) in drafts.iter().enumerate() {
        let Some(node) = placed[index] else { continue };
        if draft.manifest.spec.as_ref().and_then(|spec| spec.host_network) == Some(true) {
            addresses[index] = Some(cluster.nodes[node].nic.private_ip_address);
        } else if draft.pinned.is_none() {
            let base = u32::from(cluster.nodes[node].pod_cidr.network());
            let free = (next[node]..=LAST)
                .find(|&host| !taken.contains_key(&Ipv4Addr::from(base + u32::from(host))));
            // At most 250 pods are on a node, and it has 253 addresses.
            let Some(host) = free else { continue };
            next[node] = host + 1;
            addresses[index] = Some(Ipv4Addr::from(base + u32::from(host)));
        }
    }
    addresses
}
