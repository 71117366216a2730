//! Everything by which a lab leaves for the internet: public addresses, NAT gateways, load balancers, sites.

use super::{
    AzureFirewall, Internet, ManagedCluster, NatGateway, PublicAddress, RouteTable, Site, Standing,
    VirtualMachine, VirtualNetwork, VirtualNetworkGateway, azure_firewall, internet, nat_gateway,
    outbound::Egress,
    public_address::{OF_SITES, PublicAddresses},
    service::{self, frontend::Open},
    standing::site_key,
};
use crate::spec::{LabSpec, lab::GatewayType, problem::Problem, suggest::advice};

/// What the ways out are given to.
pub(super) struct Lab<'a> {
    pub networks: &'a mut [VirtualNetwork],
    pub route_tables: &'a [RouteTable],
    pub virtual_machines: &'a mut [VirtualMachine],
    pub clusters: &'a mut [ManagedCluster],
    pub gateways: &'a mut [VirtualNetworkGateway],
    pub sites: &'a mut [Site],
    pub firewalls: &'a [Option<azure_firewall::Place>],
    /// What Services ask of load balancers.
    pub frontends: &'a [Open<'a>],
}

/// The ways out.
pub(super) struct WaysOut {
    pub nat_gateways: Vec<NatGateway>,
    pub azure_firewalls: Vec<AzureFirewall>,
    /// Public addresses of the file that nothing has.
    pub unassociated_addresses: Vec<PublicAddress>,
    /// What they lead to.
    pub internet: Option<Internet>,
}

/// Gives every way out its addresses, and checks what AKS and Azure check of them.
pub(super) fn resolve(
    spec: &LabSpec,
    standing: &Standing,
    lab: Lab<'_>,
    problems: &mut Vec<Problem>,
) -> WaysOut {
    let Lab { networks, route_tables, virtual_machines, clusters, gateways, sites, firewalls, frontends } =
        lab;
    let mut addresses = PublicAddresses::of(spec, standing, networks, problems);
    written_for_sites(spec, sites, &mut addresses, problems);
    // What is written comes before what is given.
    let internet = internet::resolve(spec, &mut addresses, problems);
    let mut nat_gateways = nat_gateway::resolve(spec, networks, &mut addresses, problems);
    let azure_firewalls = azure_firewall::resolve(spec, firewalls, &mut addresses, problems);
    instances(spec, virtual_machines, &mut addresses, problems);
    default_sites(spec, gateways, sites, problems);
    let mut egress = Egress {
        spec,
        standing,
        networks,
        route_tables,
        nat_gateways: &mut nat_gateways,
        addresses: &mut addresses,
    };
    for (index, cluster) in clusters.iter_mut().enumerate() {
        cluster.outbound = egress.resolve(index, cluster, problems);
    }
    service::frontend::public(frontends, clusters, &mut addresses, problems);
    let published = frontends.iter().any(|open| !open.wish.internal);
    let unassociated = addresses.unclaimed();
    let reaches = spec.lab.value.internet.is_some()
        || published
        || clusters.iter().any(|cluster| cluster.outbound.load_balancer.is_some())
        || nat_gateways.iter().any(|gateway| gateway.virtual_network.is_some())
        || !azure_firewalls.is_empty()
        || virtual_machines.iter().any(|vm| vm.nic.public_address.is_some())
        || gateways.iter().any(|gateway| gateway.default_site.is_some());
    if !reaches {
        return WaysOut {
            nat_gateways,
            azure_firewalls,
            unassociated_addresses: unassociated,
            internet: None,
        };
    }
    for site in sites.iter_mut().filter(|site| site.public_address.is_none()) {
        let owner = format!("the site `{}`", site.name);
        let at = spec.lab.at().key("onPremises");
        let given = addresses.give(&site_key(&site.name), &owner, OF_SITES, at, problems);
        site.public_address = given.map(|given| given.address);
    }
    WaysOut { nat_gateways, azure_firewalls, unassociated_addresses: unassociated, internet: Some(internet) }
}

fn written_for_sites(
    spec: &LabSpec,
    sites: &mut [Site],
    addresses: &mut PublicAddresses<'_>,
    problems: &mut Vec<Problem>,
) {
    for (index, written) in spec.lab.value.on_premises.iter().enumerate() {
        let Some(address) = written.public_ip_address.map(|address| address.0) else { continue };
        let at = spec.lab.at().key("onPremises").item(index).key("publicIPAddress");
        addresses.take(address, &format!("the site `{}`", written.name), at, problems);
        let site = sites.iter_mut().find(|site| site.name == written.name);
        if let Some(site) = site {
            site.public_address = Some(address);
        }
    }
}

fn instances(
    spec: &LabSpec,
    machines: &mut [VirtualMachine],
    addresses: &mut PublicAddresses<'_>,
    problems: &mut Vec<Problem>,
) {
    for (index, written) in spec.lab.value.virtual_machines.iter().enumerate() {
        let Some(name) = &written.public_ip_address else { continue };
        let at = spec.lab.at().key("virtualMachines").item(index).key("publicIPAddress");
        let claimed = addresses.claim(name, &format!("the VM `{}`", written.name), at, problems);
        if let Some(vm) = machines.iter_mut().find(|vm| vm.name == written.name) {
            vm.nic.public_address = claimed;
        }
    }
}

/// Source: "About forced tunneling": a VPN gateway's default site.
fn default_sites(
    spec: &LabSpec,
    gateways: &mut [VirtualNetworkGateway],
    sites: &[Site],
    problems: &mut Vec<Problem>,
) {
    for (index, written) in spec.lab.value.virtual_network_gateways.iter().enumerate() {
        let Some(name) = &written.gateway_default_site else { continue };
        let at = spec.lab.at().key("virtualNetworkGateways").item(index).key("gatewayDefaultSite");
        let Some(number) = gateways.iter().position(|gateway| gateway.name == written.name) else { continue };
        if gateways[number].gateway_type == GatewayType::ExpressRoute {
            let message = "an ExpressRoute gateway has no default site";
            let help = "it learns a default route by BGP, which is not built; take a Vpn gateway";
            problems.push(Problem::new(at.span(), message).help(help));
            continue;
        }
        let connected = sites.iter().position(|site| site.name == *name && site.gateway == number);
        if connected.is_none() && !spec.lab.at().key("onPremises").has_lost(name) {
            let message = format!("the gateway `{}` has no site `{name}`", written.name);
            let own = sites.iter().filter(|site| site.gateway == number);
            let help = advice(name, "sites", own.map(|site| site.name.as_str()));
            problems.push(Problem::new(at.span(), message).help(help));
        }
        gateways[number].default_site = connected;
    }
}
