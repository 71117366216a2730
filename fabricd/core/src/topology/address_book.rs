//! Which addresses of the subnets are given to whom.

use std::{collections::BTreeMap, net::Ipv4Addr};

use ipnet::Ipv4Net;

use super::{SubnetIndex, VirtualNetwork};
pub(super) use crate::address_plan::formula::usable;
use crate::address_plan::formula::{BLOCK, BLOCK_PREFIX, RESERVED_FIRST};

/// Why an address cannot be had.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Outside,
    Reserved,
    /// By whom.
    Taken(String),
    /// It is in this range, which is for something else.
    Kept(Ipv4Net),
}

/// All subnets' addresses.
#[derive(Default)]
pub(super) struct AddressBook {
    subnets: BTreeMap<SubnetIndex, Page>,
}

struct Page {
    prefix: Ipv4Net,
    taken: BTreeMap<Ipv4Addr, String>,
    /// Ranges that are kept for someone, by their first address.
    ranges: BTreeMap<Ipv4Addr, Ipv4Net>,
    /// Nothing below is free, in a range and outside of all of them.
    next: BTreeMap<Option<Ipv4Net>, u32>,
}

impl Page {
    fn of(prefix: Ipv4Net) -> Self {
        Self { prefix, taken: BTreeMap::new(), ranges: BTreeMap::new(), next: BTreeMap::new() }
    }

    fn is_reserved(&self, address: Ipv4Addr) -> bool {
        u32::from(address) - u32::from(self.prefix.network()) < RESERVED_FIRST
            || address == self.prefix.broadcast()
    }

    /// The range that keeps `address`.
    fn range_of(&self, address: Ipv4Addr) -> Option<Ipv4Net> {
        self.ranges.range(..=address).next_back().map(|(_, range)| *range).filter(|it| it.contains(&address))
    }

    /// The lowest address of `range`, or outside of all ranges, from which on `length` addresses, aligned,
    /// are free.
    fn find(&mut self, range: Option<Ipv4Net>, length: u32) -> Option<u32> {
        let whole = range.unwrap_or(self.prefix);
        let end = u64::from(u32::from(whole.broadcast()));
        let first = self.next.get(&range).copied().unwrap_or(u32::from(whole.network()));
        let mut candidate = u64::from(first).next_multiple_of(length.into());
        while candidate + u64::from(length) - 1 <= end {
            let begin = u32::try_from(candidate).ok()?;
            let mut addresses = (begin..=begin + (length - 1)).map(Ipv4Addr::from);
            let blocked = addresses.find(|address| {
                self.is_reserved(*address)
                    || self.taken.contains_key(address)
                    || range.is_none() && self.range_of(*address).is_some()
            });
            let Some(blocked) = blocked else { return Some(begin) };
            let behind = match self.range_of(blocked).filter(|_| range.is_none()) {
                Some(other) => other.broadcast(),
                None => blocked,
            };
            candidate = (u64::from(u32::from(behind)) + 1).next_multiple_of(length.into());
        }
        None
    }
}

impl AddressBook {
    /// Nothing is taken yet.
    pub fn of(networks: &[VirtualNetwork]) -> Self {
        Self::with(networks, |prefix| prefix)
    }

    /// One that never ends. Its addresses mean nothing: it is for counting.
    pub fn endless(networks: &[VirtualNetwork]) -> Self {
        Self::with(networks, |_| Ipv4Net::default())
    }

    fn with(networks: &[VirtualNetwork], prefix: impl Fn(Ipv4Net) -> Ipv4Net) -> Self {
        let mut book = Self::default();
        for (virtual_network, network) in networks.iter().enumerate() {
            for (subnet, it) in network.subnets.iter().enumerate() {
                let page = Page::of(prefix(it.address_prefix));
                book.subnets.insert(SubnetIndex { virtual_network, subnet }, page);
            }
        }
        book
    }

    /// Keeps `range` of the subnet for those who name it. Ranges must not overlap.
    pub fn keep(&mut self, subnet: SubnetIndex, range: Ipv4Net) {
        if let Some(page) = self.subnets.get_mut(&subnet) {
            page.ranges.insert(range.network(), range);
        }
    }

    /// Gives `address` to `owner`, outside of all ranges.
    pub fn take(&mut self, subnet: SubnetIndex, address: Ipv4Addr, owner: &str) -> Result<(), Refusal> {
        self.take_in(subnet, None, address, owner)
    }

    /// The same for one who may have addresses of `range` only, if there is one.
    pub fn take_in(
        &mut self,
        subnet: SubnetIndex,
        range: Option<Ipv4Net>,
        address: Ipv4Addr,
        owner: &str,
    ) -> Result<(), Refusal> {
        let Some(page) = self.subnets.get_mut(&subnet) else { return Err(Refusal::Outside) };
        if !page.prefix.contains(&address) {
            return Err(Refusal::Outside);
        }
        if page.is_reserved(address) {
            return Err(Refusal::Reserved);
        }
        match (page.range_of(address), range) {
            (Some(kept), range) if range != Some(kept) => return Err(Refusal::Kept(kept)),
            (None, Some(_)) => return Err(Refusal::Outside),
            _ => {}
        }
        if let Some(owner) = page.taken.get(&address) {
            return Err(Refusal::Taken(owner.clone()));
        }
        page.taken.insert(address, owner.to_owned());
        Ok(())
    }

    /// The range of the subnet that keeps `address`.
    pub fn range_of(&self, subnet: SubnetIndex, address: Ipv4Addr) -> Option<Ipv4Net> {
        self.subnets.get(&subnet)?.range_of(address)
    }

    /// How many addresses of the subnet are taken in each range, and outside of all of them.
    pub fn taken(&self, subnet: SubnetIndex) -> BTreeMap<Option<Ipv4Net>, u64> {
        let mut taken = BTreeMap::new();
        let page = self.subnets.get(&subnet);
        for (page, address) in page.into_iter().flat_map(|page| page.taken.keys().map(move |it| (page, it))) {
            *taken.entry(page.range_of(*address)).or_default() += 1;
        }
        taken
    }

    /// Gives the lowest free address, outside of all ranges, to `owner`; `None` if the subnet is full.
    pub fn take_next(&mut self, subnet: SubnetIndex, owner: &str) -> Option<Ipv4Addr> {
        self.take_next_in(subnet, None, owner)
    }

    /// The same of `range`, if there is one.
    pub fn take_next_in(
        &mut self,
        subnet: SubnetIndex,
        range: Option<Ipv4Net>,
        owner: &str,
    ) -> Option<Ipv4Addr> {
        let page = self.subnets.get_mut(&subnet)?;
        let address = page.find(range, 1)?;
        page.next.insert(range, address);
        page.taken.insert(Ipv4Addr::from(address), owner.to_owned());
        Some(Ipv4Addr::from(address))
    }

    /// Gives this very block, if it is one that [`Self::take_block`] could give and none of it is taken.
    pub fn take_this_block(&mut self, subnet: SubnetIndex, range: Option<Ipv4Net>, block: Ipv4Net) -> bool {
        let Some(page) = self.subnets.get_mut(&subnet) else { return false };
        let addresses = u32::from(block.network())..=u32::from(block.broadcast());
        let is_free = |address: Ipv4Addr| {
            page.prefix.contains(&address)
                && !page.is_reserved(address)
                && !page.taken.contains_key(&address)
                && page.range_of(address) == range
        };
        let free = block.prefix_len() == BLOCK_PREFIX && addresses.clone().map(Ipv4Addr::from).all(is_free);
        if free {
            page.taken
                .extend(addresses.map(|address| (Ipv4Addr::from(address), "a node, for pods".to_owned())));
        }
        free
    }

    /// The same with a whole block for static block allocation. It is taken as one: a subnet gives either
    /// blocks or addresses.
    pub fn take_block(&mut self, subnet: SubnetIndex, range: Option<Ipv4Net>) -> Option<Ipv4Net> {
        let page = self.subnets.get_mut(&subnet)?;
        let first = page.find(range, BLOCK)?;
        page.next.insert(range, first.checked_add(BLOCK)?);
        Ipv4Net::new(Ipv4Addr::from(first), BLOCK_PREFIX).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::Subnet;

    const AT: SubnetIndex = SubnetIndex { virtual_network: 0, subnet: 0 };

    fn book(prefix: &str) -> AddressBook {
        let prefix: Ipv4Net = prefix.parse().unwrap();
        let subnets =
            vec![Subnet { name: "s".into(), address_prefix: prefix, route_table: None, nat_gateway: None }];
        let name = "v".into();
        AddressBook::of(&[VirtualNetwork {
            name,
            address_prefixes: vec![prefix],
            subnets,
            peerings: vec![],
            dns_servers: vec![],
        }])
    }

    fn address(last: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 0, 0, last)
    }

    #[test]
    fn the_smallest_subnet_has_three_addresses() {
        let mut book = book("10.0.0.0/29");
        for reserved in [0, 1, 2, 3, 7] {
            assert_eq!(book.take(AT, address(reserved), "x"), Err(Refusal::Reserved));
        }
        assert_eq!(book.take(AT, address(8), "x"), Err(Refusal::Outside));
        assert_eq!(book.take(AT, address(5), "pinned"), Ok(()));
        assert_eq!(book.take(AT, address(5), "x"), Err(Refusal::Taken("pinned".into())));
        assert_eq!(book.take_next(AT, "x"), Some(address(4)));
        assert_eq!(book.take_next(AT, "x"), Some(address(6)));
        assert_eq!(book.take_next(AT, "x"), None);
    }

    #[test]
    fn a_range_is_for_those_who_name_it() {
        let mut book = book("10.0.0.0/28");
        let range: Option<Ipv4Net> = "10.0.0.4/30".parse().ok();
        book.keep(AT, range.unwrap());
        assert_eq!(book.take_next(AT, "x"), Some(address(8)));
        assert_eq!(book.take(AT, address(5), "x"), Err(Refusal::Kept(range.unwrap())));
        assert_eq!(book.take_in(AT, range, address(9), "x"), Err(Refusal::Outside));
        assert_eq!(book.take_in(AT, range, address(5), "x"), Ok(()));
        let given: Vec<_> = (0..4).map(|_| book.take_next_in(AT, range, "x")).collect();
        assert_eq!(given, [Some(address(4)), Some(address(6)), Some(address(7)), None]);
        assert_eq!(book.taken(AT), [(None, 1), (range, 4)].into());
    }

    #[test]
    fn blocks_are_aligned_and_have_no_address_that_azure_keeps() {
        let blocks = |prefix: &str| {
            let mut book = book(prefix);
            let blocks: Vec<_> = std::iter::from_fn(|| book.take_block(AT, None)).collect();
            blocks.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert!(blocks("10.0.0.0/27").is_empty() && blocks("10.0.0.0/29").is_empty());
        assert_eq!(blocks("10.0.0.0/26"), ["10.0.0.16/28", "10.0.0.32/28"]);
        let mut book = book("10.0.0.0/25");
        let range: Option<Ipv4Net> = "10.0.0.32/27".parse().ok();
        book.keep(AT, range.unwrap());
        let some = |range, book: &mut AddressBook| book.take_block(AT, range).map(|it| it.addr().octets()[3]);
        assert_eq!(
            [None, None, None, range, range, range].map(|range| some(range, &mut book)),
            [Some(16), Some(64), Some(80), Some(32), Some(48), None]
        );
    }
}
