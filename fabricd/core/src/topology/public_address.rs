//! Public IP addresses: who has which.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use ipnet::Ipv4Net;

use super::{Standing, VirtualNetwork, resource_name, unique::Names};
use crate::spec::{LabSpec, problem::Problem, suggest::advice, tree::At};

/// Where Azure's public addresses come from here (TEST-NET-2, RFC 5737).
pub(super) const OF_AZURE: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(198, 51, 100, 0), 24);
/// Where those of sites on premises come from (TEST-NET-1).
pub(super) const OF_SITES: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(192, 0, 2, 0), 24);

/// A public IP address and its name in Azure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicAddress {
    /// Unique in the lab.
    pub name: String,
    /// The address.
    pub address: Ipv4Addr,
}

/// All public addresses of a lab while they are given away.
pub(super) struct PublicAddresses<'a> {
    spec: &'a LabSpec,
    standing: &'a Standing,
    networks: Vec<Ipv4Net>,
    /// Those of the file, with who has them.
    named: BTreeMap<&'a str, (Ipv4Addr, Option<String>)>,
    owners: BTreeMap<Ipv4Addr, String>,
    /// What the running lab has given away, to whom is asked later.
    kept: BTreeSet<Ipv4Addr>,
}

impl<'a> PublicAddresses<'a> {
    /// Takes the addresses of the section `publicIPAddresses`: those in writing first.
    pub fn of(
        spec: &'a LabSpec,
        standing: &'a Standing,
        networks: &[VirtualNetwork],
        problems: &mut Vec<Problem>,
    ) -> Self {
        let networks = networks.iter().flat_map(|network| network.address_prefixes.iter().copied()).collect();
        let kept = standing.public_ip_addresses.values().copied().collect();
        let (named, owners) = (BTreeMap::new(), BTreeMap::new());
        let mut addresses = Self { spec, standing, networks, named, owners, kept };
        let at = spec.lab.at().key("publicIPAddresses");
        let mut names = Names::of("a public IP address");
        let all = || spec.lab.value.public_ip_addresses.iter().enumerate();
        for (index, it) in all() {
            let at = at.item(index);
            names.claim(&it.name, at.key("name").span(), problems);
            resource_name::check(&it.name, 80, at.key("name"), problems);
            if let Some(address) = it.ip_address.map(|address| address.0) {
                let owner = format!("the public IP address `{}`", it.name);
                addresses.take(address, &owner, at.key("ipAddress"), problems);
                addresses.named.insert(&it.name, (address, None));
            }
        }
        for (index, it) in all().filter(|(_, it)| it.ip_address.is_none()) {
            let owner = format!("the public IP address `{}`", it.name);
            let given = addresses.give(&it.name, &owner, OF_AZURE, at.item(index), problems);
            addresses.named.extend(given.map(|given| (it.name.as_str(), (given.address, None))));
        }
        addresses
    }

    /// The address called `name`, for `owner` alone.
    pub fn claim(
        &mut self,
        name: &str,
        owner: &str,
        at: At<'_>,
        problems: &mut Vec<Problem>,
    ) -> Option<PublicAddress> {
        let Some((address, owned)) = self.named.get_mut(name) else {
            if !self.spec.lab.at().key("publicIPAddresses").has_lost(name) {
                let message = format!("there is no public IP address `{name}`");
                let all = self.spec.lab.value.public_ip_addresses.iter().map(|it| it.name.as_str());
                problems.push(Problem::new(at.span(), message).help(advice(
                    name,
                    "public IP addresses",
                    all,
                )));
            }
            return None;
        };
        if let Some(other) = owned {
            let message = format!("the public IP address `{name}` belongs to {other}");
            problems.push(Problem::new(at.span(), message).help("an address has one owner: add another one"));
            return None;
        }
        *owned = Some(owner.to_owned());
        Some(PublicAddress { name: name.to_owned(), address: *address })
    }

    /// What `address` is called in the file, if it is there.
    pub fn name_of(&self, address: Ipv4Addr) -> Option<&'a str> {
        self.named.iter().find(|(_, (known, _))| *known == address).map(|(name, _)| *name)
    }

    /// Those of the file that nobody has claimed, in its order.
    pub fn unclaimed(&self) -> Vec<PublicAddress> {
        let all = self.spec.lab.value.public_ip_addresses.iter();
        let unclaimed = all.filter_map(|it| match self.named.get(it.name.as_str()) {
            Some((address, None)) => Some(PublicAddress { name: it.name.clone(), address: *address }),
            _ => None,
        });
        unclaimed.collect()
    }

    /// An address of `range` that nobody has, or the one that `name` has in the running lab.
    pub fn give(
        &mut self,
        name: &str,
        owner: &str,
        range: Ipv4Net,
        at: At<'_>,
        problems: &mut Vec<Problem>,
    ) -> Option<PublicAddress> {
        let free = |address: &Ipv4Addr| !self.owners.contains_key(address);
        let had = self.standing.public_ip_addresses.get(name).copied().filter(free);
        let mut fresh = range.hosts().filter(|address| free(address) && !self.kept.contains(address));
        let Some(address) = had.or_else(|| fresh.next()) else {
            let message = format!("{range} has no public address left for {owner}");
            problems.push(Problem::new(at.span(), message).help("write an address of another range for it"));
            return None;
        };
        self.owners.insert(address, owner.to_owned());
        Some(PublicAddress { name: name.to_owned(), address })
    }

    /// Takes the address that is written at `at`.
    pub fn take(&mut self, address: Ipv4Addr, owner: &str, at: At<'_>, problems: &mut Vec<Problem>) {
        let mut refuse = |message: String, help: &str| {
            problems.push(Problem::new(at.span(), message).help(help.to_owned()));
        };
        if let Some(network) = self.networks.iter().find(|network| network.contains(&address)) {
            refuse(format!("{address} is an address of a VNet: {network}"), "take one outside");
        } else if !is_public(address) {
            let help = "such as one of 198.51.100.0/24 in Azure, and of 203.0.113.0/24 for servers";
            refuse(format!("{address} is no public address"), help);
        } else if let Some(other) = self.owners.get(&address) {
            refuse(format!("{address} belongs to {other} already"), "choose another address");
        } else {
            self.owners.insert(address, owner.to_owned());
        }
    }

    /// The same where nobody has written it; false if it is taken.
    pub fn take_silently(&mut self, address: Ipv4Addr) -> bool {
        let in_a_network = self.networks.iter().any(|network| network.contains(&address));
        !in_a_network && self.owners.insert(address, "a server".to_owned()).is_none()
    }
}

/// Not for private, local or special use (RFC 6890), documentation excepted: nothing here is the real internet.
fn is_public(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    let shared = first == 100 && second & 0xc0 == 64;
    let azure = address == crate::blueprint::PLATFORM_ADDRESS;
    !(address.is_private() || address.is_loopback() || address.is_link_local() || shared || azure)
        && (1..224).contains(&first)
}
