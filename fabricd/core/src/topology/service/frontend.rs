//! Frontends: the addresses that Services have at the load balancer.

use super::{Frontend, Service, azure::Wish};
use crate::{
    spec::{
        network_value::SubnetReference,
        problem::Problem,
        suggest::{list, quoted},
        tree::At,
    },
    topology::{
        ManagedCluster, PublicAddress, Standing, SubnetIndex, VirtualNetwork,
        address_book::{AddressBook, Refusal},
        public_address::{OF_AZURE, PublicAddresses},
        virtual_machine,
    },
};

/// Rules of a load balancer (aks-facts 3.6).
const RULES_MAX: usize = 250;

/// A wish that is not fulfilled yet.
pub(in crate::topology) struct Open<'a> {
    /// Index of the cluster.
    pub cluster: usize,
    /// Index of the Service in it.
    pub service: usize,
    pub wish: Wish<'a>,
    /// The document.
    pub at: At<'a>,
}

/// Gives internal frontends their addresses.
pub(in crate::topology) fn internal(
    wishes: &[Open<'_>],
    clusters: &mut [ManagedCluster],
    standing: &Standing,
    (networks, book): (&[VirtualNetwork], &mut AddressBook),
    problems: &mut Vec<Problem>,
) {
    // Those in writing come first, then those who have had one.
    let rank = |open: &&Open<'_>| {
        let had = standing.frontend(&clusters[open.cluster], &clusters[open.cluster].services[open.service]);
        (open.wish.address.is_none(), had.is_none())
    };
    let mut all: Vec<&Open<'_>> = wishes.iter().filter(|open| open.wish.internal).collect();
    all.sort_by_key(rank);
    for open in all {
        let cluster = &clusters[open.cluster];
        let service = &cluster.services[open.service];
        let Some(subnet) = subnet(&open.wish, cluster, networks, problems) else { continue };
        let owner = owner(&service.namespaced_name());
        let had = standing.frontend(cluster, service);
        // What it has had was kept for it, see `Ground::keep`.
        let mut take = |address| match book.take(subnet, address, &owner) {
            Err(Refusal::Taken(other)) if other == owner => Ok(()),
            taken => taken,
        };
        let address = match open.wish.address {
            Some((address, at)) => match take(address) {
                Ok(()) => Some(address),
                Err(refusal) => {
                    problems.push(virtual_machine::refused(networks, subnet, address, refusal, at));
                    continue;
                }
            },
            None => had.filter(|had| take(*had).is_ok()).or_else(|| book.take_next(subnet, &owner)),
        };
        let Some(address) = address else {
            let name = &networks[subnet.virtual_network].subnets[subnet.subnet].name;
            let message = format!("the subnet `{name}` has no address left for {owner}");
            problems.push(Problem::new(open.at.key("metadata").span(), message).help("take a larger subnet"));
            continue;
        };
        let address = PublicAddress { name: service.azure_name(), address };
        let frontend = frontend(&open.wish, address, Some(subnet));
        clusters[open.cluster].services[open.service].frontend = Some(frontend);
    }
}

/// Gives public frontends theirs.
pub(in crate::topology) fn public(
    wishes: &[Open<'_>],
    clusters: &mut [ManagedCluster],
    addresses: &mut PublicAddresses<'_>,
    problems: &mut Vec<Problem>,
) {
    let mut all: Vec<&Open<'_>> = wishes.iter().filter(|open| !open.wish.internal).collect();
    all.sort_by_key(|open| open.wish.address.is_none() && open.wish.public_name.is_none());
    for Open { cluster, service, wish, at } in all {
        let service = &mut clusters[*cluster].services[*service];
        let owner = owner(&service.namespaced_name());
        let address = match (&wish.public_name, wish.address) {
            (Some((name, at)), None) => addresses.claim(name, &owner, *at, problems),
            (name, Some((address, at))) => {
                let found = addresses.name_of(address).map(str::to_owned);
                match (name, found) {
                    (Some((name, name_at)), Some(found)) if *name != found => {
                        let message = format!("{address} is not the address of `{name}`");
                        problems
                            .push(Problem::new(name_at.span(), message).help(format!("it is of `{found}`")));
                        None
                    }
                    (_, Some(found)) => addresses.claim(&found, &owner, at, problems),
                    (_, None) => {
                        let message = format!("no public IP address of the lab is {address}");
                        let help = "add one with this `ipAddress` to `publicIPAddresses`";
                        problems.push(Problem::new(at.span(), message).help(help));
                        None
                    }
                }
            }
            (None, None) => {
                let name = format!("kubernetes-{}", service.azure_name());
                addresses.give(&name, &owner, OF_AZURE, *at, problems)
            }
        };
        service.frontend = address.map(|address| frontend(wish, address, None));
    }
}

/// Refuses more rules than a load balancer takes.
pub(in crate::topology) fn check_rules(
    wishes: &[Open<'_>],
    clusters: &[ManagedCluster],
    problems: &mut Vec<Problem>,
) {
    for (index, cluster) in clusters.iter().enumerate() {
        for internal in [false, true] {
            let of = wishes.iter().filter(|open| open.cluster == index && open.wish.internal == internal);
            let mut rules = 0;
            for open in of {
                rules += cluster.services[open.service].ports.len();
                if rules > RULES_MAX {
                    let message =
                        format!("the load balancer of `{}` has more than {RULES_MAX} rules", cluster.name);
                    let help = "each port of a Service of `type: LoadBalancer` is one";
                    problems.push(Problem::new(open.at.key("spec").key("ports").span(), message).help(help));
                    break;
                }
            }
        }
    }
}

/// Who has an address of a subnet, of a Service `NAMESPACE/NAME`.
pub(in crate::topology) fn owner(namespaced_name: &str) -> String {
    format!("the Service `{namespaced_name}`")
}

fn frontend(wish: &Wish<'_>, address: PublicAddress, subnet: Option<SubnetIndex>) -> Frontend {
    Frontend {
        address,
        subnet,
        source_ranges: wish.source_ranges.clone(),
        idle_timeout_minutes: wish.idle_timeout_minutes,
        floating_ip: wish.floating_ip,
    }
}

/// The subnet of an internal frontend: the one of the annotation, in the cluster's VNet, or that of its first
/// node pool.
fn subnet(
    wish: &Wish<'_>,
    cluster: &ManagedCluster,
    networks: &[VirtualNetwork],
    problems: &mut Vec<Problem>,
) -> Option<SubnetIndex> {
    let home = cluster.agent_pools.first()?.subnet;
    let Some((name, at)) = &wish.subnet else { return Some(home) };
    let network = &networks[home.virtual_network];
    // The annotation has the subnet's name only; with its VNet it is understood too.
    let bare = name.parse::<SubnetReference>();
    let bare = match &bare {
        Ok(reference) if reference.virtual_network == network.name => reference.subnet.as_str(),
        _ => name.as_str(),
    };
    let found = network.subnets.iter().position(|subnet| subnet.name == bare);
    if found.is_none() {
        let message = format!("the VNet `{}` has no subnet {}", network.name, quoted(name));
        let names: Vec<&str> = network.subnets.iter().map(|subnet| subnet.name.as_str()).collect();
        let help = format!("it has {}", list(&names));
        problems.push(Problem::new(at.span(), message).help(help));
    }
    Some(SubnetIndex { virtual_network: home.virtual_network, subnet: found? })
}

impl Service {
    /// What the cloud provider calls it: `a` and its UID without dashes, 32 characters (aks-facts 3.6).
    pub fn azure_name(&self) -> String {
        let letters = self.uid.chars().filter(|letter| *letter != '-');
        std::iter::once('a').chain(letters).take(32).collect()
    }
}
