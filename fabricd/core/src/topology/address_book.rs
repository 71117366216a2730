//! Which addresses of the subnets are given to whom.

use std::{collections::BTreeMap, net::Ipv4Addr};

use ipnet::Ipv4Net;

use super::{SubnetIndex, VirtualNetwork, address_range::size};

/// Addresses at the beginning of each subnet that Azure keeps: network, gateway, two for Azure DNS.
/// Source: Azure "virtual network FAQ".
pub(super) const RESERVED_FIRST: u32 = 4;

/// Addresses that Azure keeps in each subnet: the first four and the last.
pub(super) const RESERVED: u64 = 5;

/// Why an address cannot be had.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Outside,
    Reserved,
    /// By whom.
    Taken(String),
}

/// All subnets' addresses.
#[derive(Default)]
pub(super) struct AddressBook {
    subnets: BTreeMap<SubnetIndex, Page>,
}

struct Page {
    prefix: Ipv4Net,
    taken: BTreeMap<Ipv4Addr, String>,
    /// Nothing below is free.
    next: u32,
}

impl AddressBook {
    /// Nothing is taken yet.
    pub fn of(networks: &[VirtualNetwork]) -> Self {
        let mut book = Self::default();
        for (virtual_network, network) in networks.iter().enumerate() {
            for (subnet, it) in network.subnets.iter().enumerate() {
                let next = u32::from(it.address_prefix.network()).saturating_add(RESERVED_FIRST);
                let page = Page { prefix: it.address_prefix, taken: BTreeMap::new(), next };
                book.subnets.insert(SubnetIndex { virtual_network, subnet }, page);
            }
        }
        book
    }

    /// Gives `address` to `owner`.
    pub fn take(&mut self, subnet: SubnetIndex, address: Ipv4Addr, owner: &str) -> Result<(), Refusal> {
        let Some(page) = self.subnets.get_mut(&subnet) else { return Err(Refusal::Outside) };
        if !page.prefix.contains(&address) {
            return Err(Refusal::Outside);
        }
        if u32::from(address) - u32::from(page.prefix.network()) < RESERVED_FIRST
            || address == page.prefix.broadcast()
        {
            return Err(Refusal::Reserved);
        }
        if let Some(owner) = page.taken.get(&address) {
            return Err(Refusal::Taken(owner.clone()));
        }
        page.taken.insert(address, owner.to_owned());
        Ok(())
    }

    /// Addresses that are still free.
    pub fn free(&self, subnet: SubnetIndex) -> u64 {
        self.subnets
            .get(&subnet)
            .map_or(0, |page| usable(page.prefix).saturating_sub(page.taken.len() as u64))
    }

    /// Gives the lowest free address to `owner`; `None` if the subnet is full.
    pub fn take_next(&mut self, subnet: SubnetIndex, owner: &str) -> Option<Ipv4Addr> {
        let page = self.subnets.get_mut(&subnet)?;
        let end = u32::from(page.prefix.broadcast());
        while page.next < end && page.taken.contains_key(&Ipv4Addr::from(page.next)) {
            page.next += 1;
        }
        if page.next >= end {
            return None;
        }
        let address = Ipv4Addr::from(page.next);
        page.taken.insert(address, owner.to_owned());
        page.next += 1;
        Some(address)
    }
}

/// Addresses of a subnet that can be given away: `2^(32-p) - 5` (aks-facts 7).
pub(super) fn usable(prefix: Ipv4Net) -> u64 {
    size(prefix).saturating_sub(RESERVED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::Subnet;

    #[test]
    fn the_smallest_subnet_has_three_addresses() {
        let prefix: Ipv4Net = "10.0.0.0/29".parse().unwrap();
        let subnets = vec![Subnet { name: "s".into(), address_prefix: prefix, route_table: None }];
        let networks =
            [VirtualNetwork { name: "v".into(), address_prefixes: vec![prefix], subnets, peerings: vec![] }];
        let at = SubnetIndex { virtual_network: 0, subnet: 0 };
        let mut book = AddressBook::of(&networks);
        let address = |last| Ipv4Addr::new(10, 0, 0, last);
        for reserved in [0, 1, 2, 3, 7] {
            assert_eq!(book.take(at, address(reserved), "x"), Err(Refusal::Reserved));
        }
        assert_eq!(book.take(at, address(8), "x"), Err(Refusal::Outside));
        assert_eq!(book.take(at, address(5), "pinned"), Ok(()));
        assert_eq!(book.take(at, address(5), "x"), Err(Refusal::Taken("pinned".into())));
        assert_eq!(book.take_next(at, "x"), Some(address(4)));
        assert_eq!(book.take_next(at, "x"), Some(address(6)));
        assert_eq!(book.take_next(at, "x"), None);
        assert_eq!(usable(prefix), 3);
    }
}
