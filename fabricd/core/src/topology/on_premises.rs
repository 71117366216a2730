//! Sites on premises and their machines.

use std::{collections::BTreeMap, net::Ipv4Addr};

use ipnet::Ipv4Net;

use super::{
    DnsServer, VirtualNetwork, VirtualNetworkGateway,
    address_range::{overlap, overlapping, refused_by_azure},
    dns,
    unique::Names,
};
use crate::{
    name::check_label,
    spec::{LabSpec, lab, problem::Problem, suggest::advice, tree::At},
};

/// A site on premises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Unique in the lab.
    pub name: String,
    /// Its networks. The site's router has the first address of each.
    pub address_prefixes: Vec<Ipv4Net>,
    /// The gateway it is connected to, as an index into [`super::Topology::virtual_network_gateways`].
    pub gateway: usize,
    /// Its router's address on the internet.
    pub public_address: Option<Ipv4Addr>,
    /// Its machines.
    pub machines: Vec<Machine>,
}

/// A machine on premises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Unique in the lab.
    pub name: String,
    /// In one of the site's prefixes.
    pub address: Ipv4Addr,
    /// What makes it a DNS server, if it is one.
    pub dns_server: Option<DnsServer>,
}

/// Checks the sites. `gateways` has one entry for each of the file.
///
/// [`Site::gateway`] is an index into the gateways that can be used, in the same order.
pub(super) fn resolve(
    spec: &LabSpec,
    networks: &[VirtualNetwork],
    gateways: &[Option<VirtualNetworkGateway>],
    problems: &mut Vec<Problem>,
) -> Vec<Site> {
    let mut names = Names::of("a site");
    let mut machine_names = Names::of("a machine on premises");
    let mut sites: Vec<Site> = vec![];
    for (index, site) in spec.lab.value.on_premises.iter().enumerate() {
        let at = spec.lab.at().key("onPremises").item(index);
        let name_span = at.key("name").span();
        names.claim(&site.name, name_span, problems);
        if let Err(error) = check_label(&site.name, 63) {
            problems.push(Problem::new(name_span, error.to_string()));
        }
        let prefixes = prefixes(site, at.key("addressPrefixes"), problems);
        let machines = machines(site, &prefixes, at, &mut machine_names, problems);
        let Some(gateway) = find_gateway(spec, site, at.key("virtualNetworkGateway"), problems) else {
            continue;
        };
        let Some(connected) = &gateways[gateway] else { continue };
        let gateway = gateways[..gateway].iter().flatten().count();
        apart_from_network(&prefixes, &networks[connected.subnet.virtual_network], at, problems);
        for other in sites.iter().filter(|other| other.gateway == gateway) {
            apart_from_site(&prefixes, other, at, problems);
        }
        sites.push(Site {
            name: site.name.clone(),
            address_prefixes: prefixes,
            gateway,
            public_address: None,
            machines,
        });
    }
    sites
}

fn find_gateway(spec: &LabSpec, site: &lab::Site, at: At<'_>, problems: &mut Vec<Problem>) -> Option<usize> {
    let gateways = &spec.lab.value.virtual_network_gateways;
    let name = &site.virtual_network_gateway;
    let found = gateways.iter().position(|gateway| gateway.name == *name);
    if found.is_none() && !spec.lab.at().key("virtualNetworkGateways").has_lost(name) {
        let names = gateways.iter().map(|gateway| gateway.name.as_str());
        let message = format!("there is no gateway `{name}`");
        problems.push(Problem::new(at.span(), message).help(advice(name, "gateways", names)));
    }
    found
}

fn prefixes(site: &lab::Site, at: At<'_>, problems: &mut Vec<Problem>) -> Vec<Ipv4Net> {
    let prefixes: Vec<Ipv4Net> = site.address_prefixes.iter().map(|cidr| cidr.0).collect();
    if at.is_unwritten() {
        problems.push(
            Problem::new(at.span(), "a site needs at least one network")
                .help("such as `addressPrefixes: [10.1.0.0/16]`"),
        );
    }
    for (index, prefix) in prefixes.iter().enumerate() {
        if let Some((range, reason)) = refused_by_azure(*prefix) {
            let message = format!("{prefix} cannot be a network on premises: {range} is for {reason}");
            problems.push(Problem::new(at.item(index).span(), message));
        } else if !(2..=30).contains(&prefix.prefix_len()) {
            problems.push(
                Problem::new(
                    at.item(index).span(),
                    format!("{prefix} has no room for a router and a machine"),
                )
                .help("a site's networks are /30 at the smallest and /2 at the largest"),
            );
        }
    }
    for (first, second) in overlapping(&prefixes) {
        let message = format!("{} overlaps {} of the same site", prefixes[second], prefixes[first]);
        problems.push(Problem::new(at.item(second).span(), message).help("remove one of them"));
    }
    prefixes
}

fn machines(
    site: &lab::Site,
    prefixes: &[Ipv4Net],
    at: At<'_>,
    names: &mut Names,
    problems: &mut Vec<Problem>,
) -> Vec<Machine> {
    let mut taken: BTreeMap<Ipv4Addr, &str> = BTreeMap::new();
    let mut machines = vec![];
    for (index, machine) in site.machines.iter().enumerate() {
        let written = at.key("machines").item(index);
        let name_span = written.key("name").span();
        names.claim(&machine.name, name_span, problems);
        if let Err(error) = check_label(&machine.name, 63) {
            problems.push(Problem::new(name_span, error.to_string()));
        }
        let address = machine.private_ip_address.0;
        let span = written.key("privateIPAddress").span();
        match prefixes.iter().find(|prefix| prefix.contains(&address)) {
            None if at.key("addressPrefixes").has_lost_any() => {}
            None => {
                let site_prefixes: Vec<String> = prefixes.iter().map(Ipv4Net::to_string).collect();
                let help = format!("its networks: {}", site_prefixes.join(", "));
                let message = format!("{address} is not in a network of the site `{}`", site.name);
                problems.push(Problem::new(span, message).help(help));
            }
            Some(prefix) if address == prefix.network() || address == prefix.broadcast() => {
                let message = format!("{address} is the network or broadcast address of {prefix}");
                problems.push(Problem::new(span, message).help("choose an address between"));
            }
            Some(prefix) if u32::from(address) == u32::from(prefix.network()) + 1 => {
                let message = format!("{address} is the address of the site's router");
                problems.push(
                    Problem::new(span, message)
                        .help(format!("it has the first address of {prefix}; choose another")),
                );
            }
            Some(_) => {
                if let Some(other) = taken.insert(address, &machine.name) {
                    let message = format!("{address} is taken by the machine `{other}`");
                    problems.push(Problem::new(span, message).help("choose another address"));
                }
            }
        }
        let dns_server =
            machine.dns_server.as_ref().map(|config| dns::server(config, written.key("dnsServer"), problems));
        machines.push(Machine { name: machine.name.clone(), address, dns_server });
    }
    machines
}

fn apart_from_network(
    prefixes: &[Ipv4Net],
    network: &VirtualNetwork,
    at: At<'_>,
    problems: &mut Vec<Problem>,
) {
    for (index, prefix) in prefixes.iter().enumerate() {
        let Some(other) = network.address_prefixes.iter().find(|other| overlap(*prefix, **other)) else {
            continue;
        };
        let span = at.key("addressPrefixes").item(index).span();
        let message = format!("{prefix} overlaps {other} of the VNet `{}`", network.name);
        problems.push(
            Problem::new(span, message).help("a site and the VNet that it is connected to must not overlap"),
        );
    }
}

fn apart_from_site(prefixes: &[Ipv4Net], other: &Site, at: At<'_>, problems: &mut Vec<Problem>) {
    for (index, prefix) in prefixes.iter().enumerate() {
        let Some(taken) = other.address_prefixes.iter().find(|taken| overlap(*prefix, **taken)) else {
            continue;
        };
        let span = at.key("addressPrefixes").item(index).span();
        let message = format!("{prefix} overlaps {taken} of the site `{}`", other.name);
        let help = "the gateway could not tell where to send; sites of one gateway must not overlap";
        problems.push(Problem::new(span, message).help(help));
    }
}
