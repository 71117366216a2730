//! Ranges of addresses that meet by peerings and gateways, and must not overlap.
//!
//! Pods may have addresses of a site: they are their nodes to it, and reach only one of the two
//! (AKS "configure-kubenet" and "azure-cni-overlay", IP address planning).

use ipnet::Ipv4Net;

use super::{Topology, address_range::overlap};
use crate::spec::{LabSpec, problem::Problem, tree::At};

/// Checks the ranges of clusters and sites against everything that they are connected to.
pub(super) fn check(spec: &LabSpec, topology: &Topology, problems: &mut Vec<Problem>) {
    for (index, cluster) in topology.managed_clusters.iter().enumerate() {
        let Some(home) = cluster.agent_pools.first().map(|pool| pool.subnet.virtual_network) else {
            continue;
        };
        let at = spec.lab.at().key("managedClusters").item(index).key("networkProfile");
        let peers: Vec<_> = peers(topology, home);
        let sites: Vec<_> = topology.gateways(home).flat_map(|gateway| sites(topology, gateway)).collect();
        let service = ("serviceCidr", cluster.service_cidr);
        for other in peers.iter().chain(&sites) {
            let help = "pods could not reach it; take a range that no connected network uses";
            apart(at, service, other, help, problems);
        }
        for (pod_cidr, other) in
            cluster.pod_cidr.iter().flat_map(|it| peers.iter().map(move |peer| (it, peer)))
        {
            let help = "pods could not reach it; take a range outside it";
            apart(at, ("podCidr", *pod_cidr), other, help, problems);
        }
    }
    for (index, site) in topology.on_premises.iter().enumerate() {
        let at = on_premises(spec, &site.name);
        let home = topology.virtual_network_gateways[site.gateway].subnet.virtual_network;
        for other in peers(topology, home) {
            for prefix in &site.address_prefixes {
                let help = "Azure would send to the peered VNet, and the site would be out of reach";
                apart(at, ("addressPrefixes", *prefix), &other, help, problems);
            }
        }
        // Another gateway of the same VNet: sites of one and the same are compared already.
        let near = topology.on_premises[..index].iter().filter(|other| {
            other.gateway != site.gateway
                && topology.virtual_network_gateways[other.gateway].subnet.virtual_network == home
        });
        for other in near {
            let other = Connected { what: "site", name: &other.name, prefixes: &other.address_prefixes };
            for prefix in &site.address_prefixes {
                let help = "one network by two gateways of a VNet is not built yet";
                apart(at, ("addressPrefixes", *prefix), &other, help, problems);
            }
        }
    }
}

/// Where the site of this name is written.
fn on_premises<'a>(spec: &'a LabSpec, name: &str) -> At<'a> {
    let index = spec.lab.value.on_premises.iter().position(|site| site.name == name);
    spec.lab.at().key("onPremises").item(index.unwrap_or(0))
}

/// A network that something is connected to.
struct Connected<'a> {
    what: &'static str,
    name: &'a str,
    prefixes: &'a [Ipv4Net],
}

fn peers(topology: &Topology, home: usize) -> Vec<Connected<'_>> {
    let networks = topology.peers(home).map(|(own, _)| &topology.virtual_networks[own.remote]);
    let connected = networks.map(|network| Connected {
        what: "peered VNet",
        name: &network.name,
        prefixes: &network.address_prefixes,
    });
    connected.collect()
}

fn sites(topology: &Topology, gateway: usize) -> impl Iterator<Item = Connected<'_>> {
    let sites = topology.on_premises.iter().filter(move |site| site.gateway == gateway);
    sites.map(|site| Connected { what: "site", name: &site.name, prefixes: &site.address_prefixes })
}

fn apart(
    at: At<'_>,
    (key, range): (&str, Ipv4Net),
    other: &Connected<'_>,
    help: &str,
    problems: &mut Vec<Problem>,
) {
    let Some(prefix) = other.prefixes.iter().find(|prefix| overlap(range, **prefix)) else { return };
    let message = format!("{key} {range} overlaps {prefix} of the {} `{}`", other.what, other.name);
    problems.push(Problem::new(at.key(key).span(), message).help(help.to_owned()));
}
