//! A cluster's network profile: what is built, and the ranges of pods and Services.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::address_range::{overlap, refused_by_aks, refused_by_azure, size};
use crate::spec::{
    managed_cluster::{
        ManagedCluster, NetworkDataplane, NetworkPlugin, NetworkPolicy, NetworkProfile, OutboundType,
    },
    problem::Problem,
    tree::At,
};

/// AKS' default for pods, with kubenet and overlay (aks-facts 2.1).
const POD_CIDR: Ipv4Net = block(10, 244);

/// AKS' default for Services (aks-facts 2.1).
const SERVICE_CIDR: Ipv4Net = block(10, 0);

const fn block(a: u8, b: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, 0, 0), 16)
}

/// Where pods and Services get their addresses from.
pub(super) struct Ranges {
    pub pod_cidr: Ipv4Net,
    pub service_cidr: Ipv4Net,
    pub dns_service_ip: Ipv4Addr,
}

/// Refuses what is not built; gives the ranges, with AKS' defaults, and checks them by themselves.
///
/// `at` is the cluster.
pub(super) fn resolve(cluster: &ManagedCluster, at: At<'_>, problems: &mut Vec<Problem>) -> Ranges {
    let nothing = NetworkProfile::default();
    let profile = cluster.network_profile.as_ref().unwrap_or(&nothing);
    let at = at.key("networkProfile");
    plugin(profile, at, problems);
    features(profile, at, problems);

    let pod_cidr = profile.pod_cidr.map_or(POD_CIDR, |cidr| cidr.0);
    let service_cidr = profile.service_cidr.map_or(SERVICE_CIDR, |cidr| cidr.0);
    for (key, cidr) in [("podCidr", pod_cidr), ("serviceCidr", service_cidr)] {
        let refused = refused_by_aks(cidr).or(refused_by_azure(cidr).map(|(range, _)| range));
        if let Some(range) = refused {
            problems.push(
                Problem::new(at.key(key).span(), format!("AKS does not allow {cidr} as {key}: it overlaps {range}"))
                    .help("take another private range; AKS keeps 169.254.0.0/16, 192.0.2.0/24, 172.30.0.0/16 and 172.31.0.0/16"),
            );
        }
    }
    if overlap(pod_cidr, service_cidr) {
        let key = if profile.service_cidr.is_some() { "serviceCidr" } else { "podCidr" };
        let message = format!("podCidr {pod_cidr} and serviceCidr {service_cidr} overlap");
        problems.push(Problem::new(at.key(key).span(), message).help("take a range of its own for each"));
    }
    let dns_service_ip = dns(profile, service_cidr, at, problems);
    Ranges { pod_cidr, service_cidr, dns_service_ip }
}

fn plugin(profile: &NetworkProfile, at: At<'_>, problems: &mut Vec<Problem>) {
    let at = at.key("networkPlugin");
    let name = match profile.network_plugin {
        Some(NetworkPlugin::Kubenet) => return,
        Some(NetworkPlugin::Azure) => "`networkPlugin: azure` (Azure CNI)",
        Some(NetworkPlugin::None) => "`networkPlugin: none` (a CNI plugin of one's own)",
        None if at.is_lost() => return,
        None => "Azure CNI Overlay, which AKS takes if no networkPlugin is written,",
    };
    let problem = Problem::new(at.span(), format!("{name} is not built yet"));
    problems.push(problem.help("write `networkPlugin: kubenet` in `networkProfile`"));
}

fn features(profile: &NetworkProfile, at: At<'_>, problems: &mut Vec<Problem>) {
    let mut refuse = |key: &str, what: &str, help: &str| {
        problems.push(Problem::new(at.key(key).span(), format!("{what} is not built yet")).help(help));
    };
    if profile.network_plugin_mode.is_some() {
        refuse(
            "networkPluginMode",
            "`networkPluginMode: overlay`",
            "remove it and write `networkPlugin: kubenet`",
        );
    }
    if profile.network_dataplane == Some(NetworkDataplane::Cilium) {
        refuse("networkDataplane", "the Cilium data plane", "remove `networkDataplane`");
    }
    if profile.network_policy.is_some_and(|policy| policy != NetworkPolicy::None) {
        refuse("networkPolicy", "network policy", "remove it, or write `networkPolicy: none`");
    }
    if profile.outbound_type.is_some_and(|outbound| outbound != OutboundType::LoadBalancer) {
        refuse("outboundType", "this outbound type", "remove it, or write `outboundType: loadBalancer`");
    }
}

fn dns(profile: &NetworkProfile, service_cidr: Ipv4Net, at: At<'_>, problems: &mut Vec<Problem>) -> Ipv4Addr {
    let network = u32::from(service_cidr.network());
    // The docs say "smaller than /12"; az refuses prefix lengths below 12.
    if service_cidr.prefix_len() < 12 {
        problems.push(
            Problem::new(
                at.key("serviceCidr").span(),
                format!("the service CIDR {service_cidr} is too large"),
            )
            .help("AKS allows /12 at the most"),
        );
    }
    let Some(dns) = profile.dns_service_ip else {
        if size(service_cidr) <= 11 {
            problems.push(
                Problem::new(
                    at.key("serviceCidr").span(),
                    format!("the service CIDR {service_cidr} is too small"),
                )
                .help("the cluster's DNS server has its tenth address unless `dnsServiceIP` is written"),
            );
        }
        return Ipv4Addr::from(network.saturating_add(10));
    };
    let (dns, at) = (dns.0, at.key("dnsServiceIP"));
    let offset = u32::from(dns).wrapping_sub(network);
    if !service_cidr.contains(&dns) {
        problems.push(
            Problem::new(at.span(), format!("the DNS server's address {dns} is not in the service CIDR"))
                .help(format!(
                    "which is {service_cidr}; AKS takes {} by default",
                    Ipv4Addr::from(network.saturating_add(10))
                )),
        );
    } else if offset <= 1 || dns == service_cidr.broadcast() {
        problems.push(Problem::new(at.span(), format!("the DNS server cannot have {dns}")).help(
            "the first address of the service CIDR is that of the Service `kubernetes`; take the tenth",
        ));
    }
    dns
}
