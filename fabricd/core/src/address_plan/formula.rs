//! How many addresses there are, and how many a node takes. Everything that counts addresses counts here.
//!
//! Sources: aks-facts 7, AKS "concepts-network-ip-address-planning" and "configure-azure-cni-*".

use std::fmt;

use ipnet::Ipv4Net;

/// Addresses at the beginning of each subnet that Azure keeps: network, gateway, two for Azure DNS.
/// Source: Azure "virtual network FAQ".
pub const RESERVED_FIRST: u32 = 4;

/// Addresses that Azure keeps in each subnet: the first four and the last.
pub const RESERVED: u64 = 5;

/// Addresses that a node with a pod subnet gets at a time (dynamic allocation).
pub const BATCH: u32 = 16;

/// Addresses of a block of a pod subnet (static block allocation): a /28.
pub const BLOCK: u32 = 16;

/// Prefix length of such a block.
pub const BLOCK_PREFIX: u8 = 28;

/// Prefix length of a node's share of the pod CIDR: kubenet, overlay, one's own plugin.
pub const POD_CIDR_PREFIX: u8 = 24;

/// The smallest subnet of Azure.
const SUBNET_PREFIX_MAX: u8 = 29;

/// Addresses of a block.
pub fn size(net: Ipv4Net) -> u64 {
    1 << (32 - net.prefix_len())
}

/// Addresses of a subnet that can be given away: `2^(32-p) - 5`.
pub fn usable(subnet: Ipv4Net) -> u64 {
    size(subnet).saturating_sub(RESERVED)
}

/// Addresses of `part` that can be given away, as a part of `subnet`.
pub fn usable_in(subnet: Ipv4Net, part: Ipv4Net) -> u64 {
    let (first, last) = (u64::from(u32::from(part.network())), u64::from(u32::from(part.broadcast())));
    let begin = u64::from(u32::from(subnet.network())) + u64::from(RESERVED_FIRST);
    let end = u64::from(u32::from(subnet.broadcast())).saturating_sub(1);
    (last.min(end) + 1).saturating_sub(first.max(begin))
}

/// Blocks of /28 in `part` of `subnet` that a node can get: aligned, and without an address that Azure
/// keeps. That costs a subnet its first block and its last.
pub fn whole_blocks(subnet: Ipv4Net, part: Ipv4Net) -> u64 {
    if part.prefix_len() > BLOCK_PREFIX {
        return 0;
    }
    let block = |address| u32::from(address) / BLOCK;
    let kept = [block(subnet.network()), block(subnet.broadcast())];
    let (first, last) = (block(part.network()), block(part.broadcast()));
    let lost = if kept[0] == kept[1] { &kept[..1] } else { &kept[..] };
    let lost = lost.iter().filter(|kept| (first..=last).contains(kept)).count();
    (u64::from(last - first) + 1).saturating_sub(lost as u64)
}

/// Addresses that a node with so many pods has from a pod subnet, with dynamic allocation.
///
/// A node asks for `16 × ceil(0.5 + used / 16)`, so that at least half a batch is free; one address is the
/// batch's own (azure-container-networking, `cns/ipampool`).
pub fn batches(pods: u32) -> u32 {
    BATCH * (pods + BATCH / 2).div_ceil(BATCH).max(1)
}

/// Blocks of /28 that a node gets with static block allocation: one address is the node's own.
pub fn blocks(max_pods: u32) -> u32 {
    (max_pods + 1).div_ceil(BLOCK)
}

/// Prefix length of the smallest subnet with so many addresses to give; `None` if no subnet has.
pub fn smallest_subnet(addresses: u64) -> Option<u8> {
    (2..=SUBNET_PREFIX_MAX).rev().find(|length| (1 << (32 - length)) >= addresses + RESERVED)
}

/// Prefix length of the smallest range with so many addresses; `None` if no range has.
pub fn smallest_range(addresses: u64) -> Option<u8> {
    (0..=32).rev().find(|length| (1 << (32 - length)) >= addresses)
}

/// As [`smallest_subnet`] for whole blocks of /28.
pub fn smallest_block_subnet(blocks: u64) -> Option<u8> {
    if blocks == 0 {
        return Some(SUBNET_PREFIX_MAX);
    }
    (2..BLOCK_PREFIX).rev().find(|length| (1 << (BLOCK_PREFIX - length)) >= blocks + 2)
}

/// Prefix length of the smallest pod CIDR for so many nodes, each with a /24.
pub fn smallest_pod_cidr(nodes: u64) -> Option<u8> {
    (0..=POD_CIDR_PREFIX).rev().find(|length| (1 << (POD_CIDR_PREFIX - length)) >= nodes)
}

/// Nodes that an upgrade adds for a while (`upgradeSettings.maxSurge`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaxSurge {
    /// So many, from 1.
    Nodes(u32),
    /// So many of a hundred nodes, 1 to 100.
    Percent(u32),
}

impl Default for MaxSurge {
    fn default() -> Self {
        Self::Nodes(1)
    }
}

impl MaxSurge {
    /// For a pool of so many nodes: a percentage is rounded up, and there are no more than nodes to be
    /// upgraded. Source: AKS "upgrade-cluster", node surge.
    pub fn nodes(self, count: u32) -> u32 {
        match self {
            Self::Nodes(nodes) => nodes.min(count),
            Self::Percent(percent) => {
                let nodes = (u64::from(count) * u64::from(percent)).div_ceil(100);
                u32::try_from(nodes).unwrap_or(count).min(count)
            }
        }
    }
}

impl fmt::Display for MaxSurge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nodes(nodes) => write!(f, "{nodes}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> Ipv4Net {
        text.parse().unwrap()
    }

    /// The examples of AKS "concepts-network-ip-address-planning".
    #[test]
    fn the_documented_clusters_need_what_the_documentation_says() {
        let nodes = |count: u64| count * (1 + 30);
        assert_eq!((nodes(50 + 1), smallest_subnet(nodes(50 + 1))), (1_581, Some(21)));
        assert_eq!((nodes(60 + 1), smallest_subnet(nodes(60 + 1))), (1_891, Some(21)));
        let subnet = usable(net("10.0.0.0/24"));
        assert_eq!((subnet, subnet / (1 + 30), subnet / (1 + 30) * 30), (251, 8, 240));
    }

    #[test]
    fn addresses_come_in_batches_of_16_with_half_a_batch_free() {
        let pods = [0, 1, 8, 9, 15, 16, 24, 25, 110, 250];
        assert_eq!(pods.map(batches), [16, 16, 16, 32, 32, 32, 32, 48, 128, 272]);
    }

    /// The table of AKS "configure-azure-cni-static-block-allocation": 30 and 31 pods take two blocks, 32
    /// take three.
    #[test]
    fn one_address_of_a_nodes_blocks_is_its_own() {
        assert_eq!([10, 15, 16, 30, 31, 32, 110, 250].map(blocks), [1, 1, 2, 2, 2, 3, 7, 16]);
    }

    #[test]
    fn a_subnet_keeps_five_addresses_and_two_blocks() {
        let blocks = |text| whole_blocks(net(text), net(text));
        assert_eq!(["10.0.0.0/29", "10.0.0.16/28", "10.0.0.0/27"].map(blocks), [0, 0, 0]);
        assert_eq!(["10.0.0.0/26", "10.0.0.0/24", "10.0.0.0/12"].map(blocks), [2, 14, 65_534]);
        let subnet = net("10.0.0.0/24");
        assert_eq!(whole_blocks(subnet, net("10.0.0.0/26")), 3);
        assert_eq!(whole_blocks(subnet, net("10.0.0.64/26")), 4);
        assert_eq!(whole_blocks(subnet, net("10.0.0.64/29")), 0);
        assert_eq!(usable_in(subnet, subnet), usable(subnet));
        assert_eq!(usable_in(subnet, net("10.0.0.0/30")), 0);
        assert_eq!(usable_in(subnet, net("10.0.0.0/29")), 4);
        assert_eq!(usable_in(subnet, net("10.0.0.64/26")), 64);
        assert_eq!(usable_in(subnet, net("10.0.0.255/32")), 0);
        assert_eq!(usable_in(net("10.0.0.0/31"), net("10.0.0.0/31")), 0);
    }

    #[test]
    fn the_smallest_is_enough_and_the_next_is_not() {
        for needed in [0, 1, 3, 4, 59, 60, 251, 252, 1_581, 65_531, 65_532] {
            let length = smallest_subnet(needed).unwrap();
            let prefix = |length| Ipv4Net::new_assert([0, 0, 0, 0].into(), length);
            assert!(usable(prefix(length)) >= needed);
            assert!(length == 29 || usable(prefix(length + 1)) < needed, "{needed}");
        }
        for needed in [1, 2, 3, 14, 15, 65_534] {
            let length = smallest_block_subnet(needed).unwrap();
            let prefix = |length| Ipv4Net::new_assert([0, 0, 0, 0].into(), length);
            assert!(whole_blocks(prefix(length), prefix(length)) >= needed);
            assert!(whole_blocks(prefix(length + 1), prefix(length + 1)) < needed, "{needed}");
        }
        // aks-facts 7: /16 holds 256 nodes, /15 512, /14 1024, /12 4096.
        assert_eq!([1, 2, 256, 257, 1024, 4096].map(smallest_pod_cidr), [24, 23, 16, 15, 14, 12].map(Some));
        assert_eq!([0, 1, 2, 65, 1 << 32].map(smallest_range), [32, 32, 31, 25, 0].map(Some));
        assert_eq!((smallest_subnet(u64::from(u32::MAX)), smallest_pod_cidr(1 << 25)), (None, None));
    }

    #[test]
    fn a_surge_is_rounded_up_and_never_more_than_the_pool() {
        assert_eq!([0, 1, 3, 50].map(|count| MaxSurge::default().nodes(count)), [0, 1, 1, 1]);
        assert_eq!([0, 1, 3, 4, 100].map(|count| MaxSurge::Percent(33).nodes(count)), [0, 1, 1, 2, 33]);
        assert_eq!(MaxSurge::Nodes(5).nodes(3), 3);
        assert_eq!(MaxSurge::Percent(100).nodes(u32::MAX), u32::MAX);
    }
}
