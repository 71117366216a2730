//! Azure Firewalls: where they are, and which addresses they have.

use std::{collections::BTreeMap, net::Ipv4Addr};

use super::{
    RouteTable, SubnetIndex, UserNextHop, VirtualNetwork,
    address_book::AddressBook,
    firewall_rules,
    public_address::{PublicAddress, PublicAddresses},
    resource_name,
    unique::Names,
    virtual_machine::full,
    virtual_network::{FIREWALL_SUBNET, find},
};
use crate::{
    firewall::Rules,
    spec::{LabSpec, azure_firewall as spec, problem::Problem, tree::At},
};

/// Public addresses of a firewall. Source: Azure subscription limits.
const ADDRESSES_MAX: usize = 250;

/// The smallest subnet of a firewall. Source: Azure Firewall FAQ, "Why does Azure Firewall need a /26 subnet".
const PREFIX_LENGTH: u8 = 26;

/// An Azure Firewall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AzureFirewall {
    /// Unique in the lab.
    pub name: String,
    /// Its place: always the subnet `AzureFirewallSubnet`.
    pub subnet: SubnetIndex,
    /// Its private address there, the first usable one: what route tables name.
    pub private_ip_address: Ipv4Addr,
    /// 1 to 250.
    pub public_addresses: Vec<PublicAddress>,
    /// What it lets through.
    pub rules: Rules,
}

/// Where a firewall is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    subnet: SubnetIndex,
    private_ip_address: Ipv4Addr,
}

/// Checks where the firewalls are, and gives each its private address.
///
/// One entry for each firewall of the file, `None` for what cannot be used.
pub(super) fn place(
    spec: &LabSpec,
    networks: &[VirtualNetwork],
    route_tables: &[RouteTable],
    book: &mut AddressBook,
    problems: &mut Vec<Problem>,
) -> Vec<Option<Place>> {
    let mut names = Names::of("an Azure Firewall");
    let mut of_network = BTreeMap::new();
    let mut places = vec![];
    for (index, firewall) in spec.lab.value.azure_firewalls.iter().enumerate() {
        let at = spec.lab.at().key("azureFirewalls").item(index);
        names.claim(&firewall.name, at.key("name").span(), problems);
        resource_name::check(&firewall.name, 56, at.key("name"), problems);
        let place = subnet(spec, networks, route_tables, firewall, at, problems).and_then(|subnet| {
            let at = at.key("virtualNetwork");
            if let Some(other) = of_network.insert(subnet.virtual_network, &firewall.name) {
                let message =
                    format!("the VNet `{}` has the firewall `{other}` already", firewall.virtual_network);
                problems.push(Problem::new(at.span(), message).help("a VNet has one AzureFirewallSubnet"));
                return None;
            }
            let address = book.take_next(subnet, &format!("the firewall `{}`", firewall.name));
            if address.is_none() {
                problems.push(full(networks, subnet, at));
            }
            Some(Place { subnet, private_ip_address: address? })
        });
        places.push(place);
    }
    places
}

fn subnet(
    spec: &LabSpec,
    networks: &[VirtualNetwork],
    route_tables: &[RouteTable],
    firewall: &spec::AzureFirewall,
    at: At<'_>,
    problems: &mut Vec<Problem>,
) -> Option<SubnetIndex> {
    let written = spec.lab.at().key("virtualNetworks");
    let at = at.key("virtualNetwork");
    let virtual_network = find(networks, &firewall.virtual_network, written, at, problems)?;
    let subnets = &networks[virtual_network].subnets;
    let written = written.item(virtual_network).key("subnets");
    let Some(subnet) = subnets.iter().position(|subnet| subnet.name == FIREWALL_SUBNET) else {
        if !written.has_lost(FIREWALL_SUBNET) {
            let message =
                format!("the VNet `{}` has no subnet `{FIREWALL_SUBNET}`", firewall.virtual_network);
            problems.push(Problem::new(at.span(), message).help(format!(
                "a firewall needs one with exactly that name, /26 or larger: `- name: {FIREWALL_SUBNET}`"
            )));
        }
        return None;
    };
    let written = written.item(subnet);
    let prefix = subnets[subnet].address_prefix;
    if prefix.prefix_len() > PREFIX_LENGTH {
        let message = format!("{prefix} is too small for {FIREWALL_SUBNET}");
        let help = "Azure wants a /26 or larger, to have room for more instances";
        problems.push(Problem::new(written.key("addressPrefix").span(), message).help(help));
        return None;
    }
    let way_out = subnets[subnet].route_table.and_then(|table| {
        let routes = &route_tables[table].routes;
        routes.iter().find(|route| route.address_prefix.prefix_len() == 0)
    });
    if way_out.is_some_and(|route| route.next_hop != UserNextHop::Internet) {
        let message = format!("{FIREWALL_SUBNET} needs its default route to the Internet");
        let help =
            "a firewall that is itself tunnelled elsewhere is not built; remove the route for 0.0.0.0/0";
        problems.push(Problem::new(written.key("routeTable").span(), message).help(help));
    }
    Some(SubnetIndex { virtual_network, subnet })
}

/// Gives the firewalls their public addresses, and checks their rules.
pub(super) fn resolve(
    spec: &LabSpec,
    places: &[Option<Place>],
    addresses: &mut PublicAddresses<'_>,
    problems: &mut Vec<Problem>,
) -> Vec<AzureFirewall> {
    let mut firewalls = vec![];
    for (index, firewall) in spec.lab.value.azure_firewalls.iter().enumerate() {
        let at = spec.lab.at().key("azureFirewalls").item(index);
        let written = at.key("publicIPAddresses");
        let count = firewall.public_ip_addresses.len();
        if count == 0 && !written.is_lost() && !written.has_lost_any() || count > ADDRESSES_MAX {
            let message = format!("a firewall has 1 to {ADDRESSES_MAX} public IP addresses");
            problems.push(Problem::new(written.span(), message));
        }
        let owner = format!("the firewall `{}`", firewall.name);
        let claimed = firewall.public_ip_addresses.iter().enumerate();
        let public_addresses: Vec<PublicAddress> = claimed
            .filter_map(|(number, name)| addresses.claim(name, &owner, written.item(number), problems))
            .collect();
        let place = places.get(index).copied().flatten();
        let own = public_addresses.iter().map(|it| it.address);
        let own: Vec<Ipv4Addr> = own.chain(place.map(|place| place.private_ip_address)).collect();
        // What is missing may be the address that a rule names.
        let all_known = public_addresses.len() == count && place.is_some() && !written.has_lost_any();
        let rules = firewall_rules::resolve(firewall, all_known.then_some(&own), at, problems);
        if let Some(Place { subnet, private_ip_address }) = place {
            let name = firewall.name.clone();
            firewalls.push(AzureFirewall { name, subnet, private_ip_address, public_addresses, rules });
        }
    }
    firewalls
}
