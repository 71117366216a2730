//! Address ranges that the lab file gives to a node pool: for its nodes and for its pods.

use std::{collections::BTreeMap, net::Ipv4Addr};

use ipnet::Ipv4Net;

use super::{
    SubnetIndex, VirtualNetwork, address_book::AddressBook, address_range::overlap, agent_pool::Draft,
    managed_cluster::Drafted,
};
use crate::{
    address_plan::{
        Mode,
        formula::{BLOCK_PREFIX, POD_CIDR_PREFIX},
    },
    spec::{
        managed_cluster::AgentPoolProfile,
        problem::{Problem, Span},
    },
};

const NODES: &str = "nodeAddressRange";
const PODS: &str = "podAddressRange";

/// What a pool's pods have their addresses of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Whole {
    Subnet(SubnetIndex),
    /// The pod CIDR of the cluster of this index.
    PodCidr(usize),
}

/// Takes over the ranges that are written, if they lie in what they are ranges of.
pub(super) fn read(
    pool: &AgentPoolProfile,
    draft: &mut Draft<'_>,
    networks: &[VirtualNetwork],
    pod_cidr: Option<Ipv4Net>,
    problems: &mut Vec<Problem>,
) {
    let prefix = |at: SubnetIndex| networks[at.virtual_network].subnets[at.subnet].address_prefix;
    let nodes_in = draft.subnet.map(prefix);
    draft.node_range = pool
        .node_address_range
        .map(|range| range.0)
        .filter(|range| inside(*range, nodes_in, "the pool's subnet", draft.at.key(NODES).span(), problems));
    let (pods_in, what, smallest) = match draft.mode {
        Mode::Kubenet | Mode::Overlay | Mode::None => (pod_cidr, "the pod CIDR", POD_CIDR_PREFIX),
        Mode::NodeSubnet => (nodes_in, "the pool's subnet", 32),
        Mode::PodSubnet => (draft.pod_subnet.map(prefix), "the pod subnet", 32),
        Mode::StaticBlock => (draft.pod_subnet.map(prefix), "the pod subnet", BLOCK_PREFIX),
    };
    let span = draft.at.key(PODS).span();
    draft.pod_range = pool
        .pod_address_range
        .map(|range| range.0)
        .filter(|range| inside(*range, pods_in, what, span, problems));
    if let Some(range) = draft.pod_range.filter(|range| range.prefix_len() > smallest) {
        let message = format!("{range} is too small: each node takes a /{smallest} of it");
        problems.push(Problem::new(span, message).help(format!("take a /{smallest} at the smallest")));
        draft.pod_range = None;
    }
}

fn inside(
    range: Ipv4Net,
    whole: Option<Ipv4Net>,
    what: &str,
    span: Span,
    problems: &mut Vec<Problem>,
) -> bool {
    // Without the whole there is another mistake, which is told.
    let Some(whole) = whole else { return false };
    if !whole.contains(&range) {
        let message = format!("{range} is not in {what}");
        problems.push(Problem::new(span, message).help(format!("which is {whole}")));
    }
    whole.contains(&range)
}

/// Keeps the ranges of all pools apart, and keeps everything else out of them.
pub(super) fn keep(clusters: &[Drafted<'_>], book: &mut AddressBook, problems: &mut Vec<Problem>) {
    // Those of one whole do not overlap, so only its neighbours can overlap a new one.
    let mut kept: BTreeMap<(Whole, Ipv4Addr), (Ipv4Net, &str)> = BTreeMap::new();
    for (index, cluster) in clusters.iter().enumerate() {
        for draft in &cluster.drafts {
            let pods_of = match draft.mode {
                Mode::Kubenet | Mode::Overlay | Mode::None => Some(Whole::PodCidr(index)),
                Mode::NodeSubnet => draft.subnet.map(Whole::Subnet),
                Mode::PodSubnet | Mode::StaticBlock => draft.pod_subnet.map(Whole::Subnet),
            };
            let ranges = [
                (NODES, draft.subnet.map(Whole::Subnet), draft.node_range),
                (PODS, pods_of, draft.pod_range),
            ];
            for (key, whole, range) in ranges {
                let (Some(whole), Some(range)) = (whole, range) else { continue };
                let span = draft.at.key(key).span();
                let before = kept.range(..=(whole, range.network())).next_back();
                let behind = kept.range((whole, range.network())..).next();
                let mut neighbours = before.into_iter().chain(behind);
                let other = neighbours.find(|((of, _), (other, _))| *of == whole && overlap(*other, range));
                if let Some((_, (other, pool))) = other {
                    let message = format!("{range} overlaps {other} of the node pool `{pool}`");
                    problems.push(Problem::new(span, message).help("give each a range of its own"));
                    continue;
                }
                kept.insert((whole, range.network()), (range, &draft.name));
                if let Whole::Subnet(subnet) = whole {
                    book.keep(subnet, range);
                }
            }
        }
    }
}
