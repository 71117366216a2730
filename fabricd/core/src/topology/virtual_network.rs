//! VNets and subnets: names, address spaces, references to them.

use ipnet::Ipv4Net;

use super::{
    Subnet, SubnetIndex, VirtualNetwork,
    address_range::{overlapping, refused_by_azure},
    derived_name::digits,
    dns, resource_name,
    unique::Names,
};
use crate::spec::{
    LabSpec, lab, network_value::SubnetReference, problem::Problem, suggest::advice, tree::At,
};

/// The subnet that a gateway needs, and that nothing else may be in.
/// Source: Azure "About VPN Gateway configuration settings".
pub(super) const GATEWAY_SUBNET: &str = "GatewaySubnet";

/// The subnet that an Azure Firewall needs, and that nothing else may be in. Source: Azure Firewall FAQ.
pub(super) const FIREWALL_SUBNET: &str = "AzureFirewallSubnet";

/// Subnets of a VNet. Source: Azure subscription limits.
const SUBNETS_MAX: usize = 3_000;

/// Checks the VNets of the file. All of them come back, the wrong ones too, at the index of the file.
pub(super) fn resolve(spec: &LabSpec, problems: &mut Vec<Problem>) -> Vec<VirtualNetwork> {
    let mut names = Names::of("a VNet");
    let at = spec.lab.at().key("virtualNetworks");
    let networks = spec.lab.value.virtual_networks.iter().enumerate();
    networks.map(|(index, network)| virtual_network(network, at.item(index), &mut names, problems)).collect()
}

/// The VNet and subnet that AKS makes if it is given none (aks-facts 2.1).
pub(super) fn managed_default(lab: &str, cluster: &str) -> VirtualNetwork {
    let net = |text: &str| text.parse().unwrap_or_default();
    VirtualNetwork {
        name: format!("aks-vnet-{}", digits(&[lab, cluster])),
        address_prefixes: vec![net("10.224.0.0/12")],
        subnets: vec![Subnet {
            name: "aks-subnet".to_owned(),
            address_prefix: net("10.224.0.0/16"),
            route_table: None,
            nat_gateway: None,
        }],
        peerings: vec![],
        dns_servers: vec![],
    }
}

/// Finds the subnet that is written at `at`; `None`, with a problem unless one is told already, if there
/// is no such subnet or nothing may be put into it.
pub(super) fn find_subnet(
    spec: &LabSpec,
    networks: &[VirtualNetwork],
    reference: &SubnetReference,
    at: At<'_>,
    problems: &mut Vec<Problem>,
) -> Option<SubnetIndex> {
    let written = spec.lab.at().key("virtualNetworks");
    let virtual_network = find(networks, &reference.virtual_network, written, at, problems)?;
    let network = &networks[virtual_network];
    let kept = [(GATEWAY_SUBNET, "gateways"), (FIREWALL_SUBNET, "firewalls")];
    if let Some((_, what)) = kept.into_iter().find(|(name, _)| reference.subnet == *name) {
        problems.push(
            Problem::new(at.span(), format!("`{reference}` is for {what} only"))
                .help("Azure refuses NICs of VMs and AKS nodes there; choose another subnet"),
        );
        return None;
    }
    let subnet = network.subnets.iter().position(|subnet| subnet.name == reference.subnet);
    if subnet.is_none() && !written.item(virtual_network).key("subnets").has_lost(&reference.subnet) {
        let message = format!("the VNet `{}` has no subnet `{}`", network.name, reference.subnet);
        let names = network.subnets.iter().map(|subnet| subnet.name.as_str());
        problems.push(Problem::new(at.span(), message).help(advice(&reference.subnet, "subnets", names)));
    }
    Some(SubnetIndex { virtual_network, subnet: subnet? })
}

/// Finds a VNet by name; a problem at `at` if there is none, unless one is told already.
pub(super) fn find(
    networks: &[VirtualNetwork],
    name: &str,
    written: At<'_>,
    at: At<'_>,
    problems: &mut Vec<Problem>,
) -> Option<usize> {
    let found = networks.iter().position(|network| network.name == name);
    if found.is_none() && !written.has_lost(name) {
        let names = networks.iter().map(|network| network.name.as_str());
        let message = format!("there is no VNet `{name}`");
        problems.push(Problem::new(at.span(), message).help(advice(name, "VNets", names)));
    }
    found
}

fn virtual_network(
    spec: &lab::VirtualNetwork,
    at: At<'_>,
    names: &mut Names,
    problems: &mut Vec<Problem>,
) -> VirtualNetwork {
    let name_span = at.key("name").span();
    names.claim(&spec.name, name_span, problems);
    resource_name::check(&spec.name, 64, at.key("name"), problems);
    if spec.name.len() == 1 {
        problems.push(Problem::new(name_span, "a VNet's name has at least 2 characters"));
    }
    let prefixes: Vec<Ipv4Net> = spec.address_prefixes.iter().map(|cidr| cidr.0).collect();
    let subnets: Vec<Subnet> = spec.subnets.iter().map(subnet).collect();
    let space = Space { at, prefixes: &prefixes, subnets: &subnets };
    space.check(spec, problems);
    let dns_servers = dns::servers(spec.dhcp_options.as_ref(), at, problems);
    VirtualNetwork {
        name: spec.name.clone(),
        address_prefixes: prefixes,
        subnets,
        peerings: vec![],
        dns_servers,
    }
}

fn subnet(spec: &lab::Subnet) -> Subnet {
    Subnet {
        name: spec.name.clone(),
        address_prefix: spec.address_prefix.0,
        route_table: None,
        nat_gateway: None,
    }
}

/// A VNet's address space, for its checks.
struct Space<'a> {
    at: At<'a>,
    prefixes: &'a [Ipv4Net],
    subnets: &'a [Subnet],
}

impl Space<'_> {
    fn check(&self, spec: &lab::VirtualNetwork, problems: &mut Vec<Problem>) {
        if self.prefixes.len() > SUBNETS_MAX || self.subnets.len() > SUBNETS_MAX {
            let message = format!("a VNet has at most {SUBNETS_MAX} prefixes and {SUBNETS_MAX} subnets");
            problems.push(Problem::new(self.at.span(), message));
            return;
        }
        self.prefixes(problems);
        let mut names = Names::of("a subnet in this VNet");
        for (index, subnet) in spec.subnets.iter().enumerate() {
            let at = self.at.key("subnets").item(index);
            names.claim(&subnet.name, at.key("name").span(), problems);
            resource_name::check(&subnet.name, 80, at.key("name"), problems);
            self.subnet(subnet.address_prefix.0, at.key("addressPrefix"), problems);
        }
        let blocks: Vec<Ipv4Net> = self.subnets.iter().map(|subnet| subnet.address_prefix).collect();
        for (first, second) in overlapping(&blocks) {
            let span = self.at.key("subnets").item(second).key("addressPrefix").span();
            let (name, block) = (&self.subnets[first].name, blocks[first]);
            problems.push(
                Problem::new(span, format!("{} overlaps the subnet `{name}` {block}", blocks[second]))
                    .help("subnets of a VNet must not overlap"),
            );
        }
    }

    fn prefixes(&self, problems: &mut Vec<Problem>) {
        let at = self.at.key("addressPrefixes");
        if at.is_unwritten() {
            problems.push(
                Problem::new(at.span(), "a VNet needs at least one address prefix")
                    .help("such as `addressPrefixes: [10.224.0.0/12]`"),
            );
        }
        for (index, prefix) in self.prefixes.iter().enumerate() {
            let span = at.item(index).span();
            if let Some((range, reason)) = refused_by_azure(*prefix) {
                problems.push(
                    Problem::new(
                        span,
                        format!("Azure does not allow {prefix} in a VNet: {range} is for {reason}"),
                    )
                    .help("take a private range: 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16"),
                );
            } else if !sized(*prefix) {
                problems.push(
                    Problem::new(span, format!("{prefix} is not of a size that Azure allows"))
                        .help("a VNet's prefixes are /29 at the smallest and /2 at the largest"),
                );
            }
        }
        for (first, second) in overlapping(self.prefixes) {
            let message =
                format!("{} overlaps {} of the same VNet", self.prefixes[second], self.prefixes[first]);
            problems.push(Problem::new(at.item(second).span(), message).help("remove one of them"));
        }
    }

    fn subnet(&self, block: Ipv4Net, at: At<'_>, problems: &mut Vec<Problem>) {
        if !sized(block) {
            let message = format!("{block} is not of a size that Azure allows");
            let help = "subnets are /29 (three usable addresses) at the smallest and /2 at the largest";
            problems.push(Problem::new(at.span(), message).help(help));
        }
        let inside = self.prefixes.iter().any(|prefix| prefix.contains(&block));
        // A prefix that could not be read may be the one that it is in.
        if !inside && !self.at.key("addressPrefixes").has_lost_any() {
            let prefixes: Vec<String> = self.prefixes.iter().map(Ipv4Net::to_string).collect();
            problems.push(
                Problem::new(at.span(), format!("{block} is not in the address space of the VNet"))
                    .help(format!("which is {}", prefixes.join(", "))),
            );
        }
    }
}

fn sized(net: Ipv4Net) -> bool {
    (2..=29).contains(&net.prefix_len())
}
