//! A cluster's network profile: the network plugin, and the ranges of pods and Services.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::{
    NetworkPlugin,
    address_range::{overlap, refused_by_aks, refused_by_azure, size},
    kube_proxy,
};
use crate::spec::{
    managed_cluster::{
        self as spec, ManagedCluster, NetworkDataplane, NetworkPluginMode, NetworkPolicy, NetworkProfile,
    },
    problem::Problem,
    tree::At,
};

/// AKS' default for pods, with kubenet and overlay (aks-facts 2.1).
pub(super) const POD_CIDR: Ipv4Net = block(10, 244);

/// AKS' default for Services (aks-facts 2.1).
const SERVICE_CIDR: Ipv4Net = block(10, 0);

const fn block(a: u8, b: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, 0, 0), 16)
}

/// How pods are connected, and where pods and Services get their addresses from.
#[derive(Clone)]
pub(super) struct Network {
    pub plugin: NetworkPlugin,
    /// None where pods get addresses of a subnet.
    pub pod_cidr: Option<Ipv4Net>,
    pub service_cidr: Ipv4Net,
    pub dns_service_ip: Ipv4Addr,
}

/// Refuses what is not built; gives the ranges, with AKS' defaults, and checks them by themselves.
///
/// `at` is the cluster.
pub(super) fn resolve(cluster: &ManagedCluster, at: At<'_>, problems: &mut Vec<Problem>) -> Network {
    let nothing = NetworkProfile::default();
    let profile = cluster.network_profile.as_ref().unwrap_or(&nothing);
    let at = at.key("networkProfile");
    let plugin = plugin(cluster, profile, at, problems);
    features(profile, at, problems);
    kube_proxy::check(profile, at, problems);

    let pod_cidr = match plugin {
        NetworkPlugin::NodeSubnet | NetworkPlugin::PodSubnet => None,
        NetworkPlugin::Kubenet | NetworkPlugin::Overlay | NetworkPlugin::None => {
            Some(profile.pod_cidr.map_or(POD_CIDR, |cidr| cidr.0))
        }
    };
    if pod_cidr.is_none() && profile.pod_cidr.is_some() {
        let message = "Azure CNI without overlay has no podCidr: pods get addresses of a subnet";
        problems.push(
            Problem::new(at.key("podCidr").span(), message)
                .help("remove it, or write `networkPluginMode: overlay`"),
        );
    }
    let service_cidr = profile.service_cidr.map_or(SERVICE_CIDR, |cidr| cidr.0);
    for (key, cidr) in
        pod_cidr.map(|cidr| ("podCidr", cidr)).into_iter().chain([("serviceCidr", service_cidr)])
    {
        let refused = refused_by_aks(cidr).or(refused_by_azure(cidr).map(|(range, _)| range));
        if let Some(range) = refused {
            problems.push(
                Problem::new(at.key(key).span(), format!("AKS does not allow {cidr} as {key}: it overlaps {range}"))
                    .help("take another private range; AKS keeps 169.254.0.0/16, 192.0.2.0/24, 172.30.0.0/16 and 172.31.0.0/16"),
            );
        }
    }
    if let Some(pod_cidr) = pod_cidr.filter(|pod_cidr| overlap(*pod_cidr, service_cidr)) {
        let key = if profile.service_cidr.is_some() { "serviceCidr" } else { "podCidr" };
        let message = format!("podCidr {pod_cidr} and serviceCidr {service_cidr} overlap");
        problems.push(Problem::new(at.key(key).span(), message).help("take a range of its own for each"));
    }
    let dns_service_ip = dns(profile, service_cidr, at, problems);
    Network { plugin, pod_cidr, service_cidr, dns_service_ip }
}

/// AKS takes Azure CNI Overlay if nothing is written, and node subnet for `networkPlugin: azure` alone
/// (aks-facts 7).
fn plugin(
    cluster: &ManagedCluster,
    profile: &NetworkProfile,
    at: At<'_>,
    problems: &mut Vec<Problem>,
) -> NetworkPlugin {
    let overlay = profile.network_plugin_mode == Some(NetworkPluginMode::Overlay);
    let mode = at.key("networkPluginMode");
    let pods_in_subnets = cluster.agent_pool_profiles.iter().any(|pool| pool.pod_subnet.is_some());
    let plugin = match profile.network_plugin {
        Some(spec::NetworkPlugin::Kubenet) => NetworkPlugin::Kubenet,
        Some(spec::NetworkPlugin::None) => NetworkPlugin::None,
        Some(spec::NetworkPlugin::Azure) if overlay || mode.is_lost() => NetworkPlugin::Overlay,
        Some(spec::NetworkPlugin::Azure) if pods_in_subnets => NetworkPlugin::PodSubnet,
        Some(spec::NetworkPlugin::Azure) => NetworkPlugin::NodeSubnet,
        None => NetworkPlugin::Overlay,
    };
    if overlay && matches!(plugin, NetworkPlugin::Kubenet | NetworkPlugin::None) {
        let message = "`networkPluginMode: overlay` is a mode of Azure CNI";
        problems.push(Problem::new(mode.span(), message).help("remove it, or write `networkPlugin: azure`"));
    }
    plugin
}

fn features(profile: &NetworkProfile, at: At<'_>, problems: &mut Vec<Problem>) {
    let mut refuse = |key: &str, what: &str, help: &str| {
        problems.push(Problem::new(at.key(key).span(), format!("{what} is not built yet")).help(help));
    };
    if profile.network_dataplane == Some(NetworkDataplane::Cilium) {
        refuse("networkDataplane", "the Cilium data plane", "remove `networkDataplane`");
    }
    if profile.network_policy.is_some_and(|policy| policy != NetworkPolicy::None) {
        refuse("networkPolicy", "network policy", "remove it, or write `networkPolicy: none`");
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
