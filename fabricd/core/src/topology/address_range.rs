//! Ranges that Azure or AKS keeps for itself, and ranges that overlap.

use ipnet::Ipv4Net;

pub(super) use crate::address_plan::formula::size;

/// A range, and why it cannot be taken.
pub(super) struct Reserved {
    range: &'static str,
    reason: &'static str,
}

/// Not allowed in a VNet's address space. Source: Azure "virtual network FAQ".
const NOT_IN_A_VNET: [Reserved; 5] = [
    Reserved { range: "224.0.0.0/4", reason: "multicast" },
    Reserved { range: "255.255.255.255/32", reason: "broadcast" },
    Reserved { range: "127.0.0.0/8", reason: "loopback" },
    Reserved { range: "169.254.0.0/16", reason: "link-local" },
    Reserved { range: "168.63.129.16/32", reason: "Azure's internal DNS and health probes" },
];

/// Not allowed for pods, Services and the VNets of a cluster. Source: AKS "concepts-network-cni-overview".
const NOT_IN_AKS: [&str; 4] = ["169.254.0.0/16", "192.0.2.0/24", "172.30.0.0/16", "172.31.0.0/16"];

/// What no VNet and no site may use: the range, and why.
pub(super) fn refused_by_azure(net: Ipv4Net) -> Option<(&'static str, &'static str)> {
    let refused = NOT_IN_A_VNET.iter().find(|reserved| overlaps_text(net, reserved.range));
    refused.map(|reserved| (reserved.range, reserved.reason))
}

/// What AKS refuses for pods, Services and its VNets.
pub(super) fn refused_by_aks(net: Ipv4Net) -> Option<&'static str> {
    NOT_IN_AKS.into_iter().find(|range| overlaps_text(net, range))
}

fn overlaps_text(net: Ipv4Net, range: &str) -> bool {
    range.parse().is_ok_and(|range| overlap(net, range))
}

/// Whether an address is in both.
pub(super) fn overlap(a: Ipv4Net, b: Ipv4Net) -> bool {
    a.contains(&b) || b.contains(&a)
}

/// Pairs of `nets` that overlap, as indexes, the earlier one first. Of many that lie in one another only
/// so many pairs as show each of them.
pub(super) fn overlapping(nets: &[Ipv4Net]) -> Vec<(usize, usize)> {
    let mut order: Vec<usize> = (0..nets.len()).collect();
    order.sort_by_key(|&index| (nets[index].network(), nets[index].prefix_len(), index));
    let mut pairs = vec![];
    let mut cover: Option<usize> = None;
    for index in order {
        match cover {
            // CIDR blocks lie in one another or apart; so the widest that began before is enough.
            Some(wide) if nets[wide].contains(&nets[index]) => {
                pairs.push((wide.min(index), wide.max(index)));
            }
            _ => cover = Some(index),
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> Ipv4Net {
        text.parse().unwrap()
    }

    #[test]
    fn ranges_of_azure_are_found_from_both_sides() {
        assert_eq!(refused_by_azure(net("168.63.0.0/16")).map(|(range, _)| range), Some("168.63.129.16/32"));
        assert_eq!(refused_by_azure(net("10.0.0.0/8")), None);
        assert_eq!(refused_by_aks(net("172.16.0.0/12")), Some("172.30.0.0/16"));
        assert_eq!(refused_by_aks(net("172.16.0.0/13")), None);
    }

    #[test]
    fn the_constants_are_blocks() {
        for range in NOT_IN_A_VNET.iter().map(|reserved| reserved.range).chain(NOT_IN_AKS) {
            assert_eq!(net(range), net(range).trunc());
        }
    }

    #[test]
    fn overlaps_are_found_whatever_the_order() {
        let nets = [
            net("10.1.0.0/16"),
            net("10.2.0.0/16"),
            net("10.0.0.0/8"),
            net("10.1.2.0/24"),
            net("11.0.0.0/8"),
        ];
        assert_eq!(overlapping(&nets), [(0, 2), (2, 3), (1, 2)]);
    }
}
