//! `/etc/resolv.conf`: whom a place asks for names, and what it puts behind short ones (aks-facts 5.1).

use std::{fmt, net::Ipv4Addr};

use super::{PLACEHOLDER_DOMAIN, cluster::DOMAIN, internal_domain};
use crate::{
    blueprint::PLATFORM_ADDRESS,
    topology::{ManagedCluster, Pod, Site, Topology},
};

/// What glibc takes (`MAXNS`); the kubelet cuts the list as well.
const SERVERS_MAX: usize = 3;

/// What the kubelet allows (`MaxDNSSearchPaths`).
const SEARCH_MAX: usize = 32;

/// The file's content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResolvConf {
    /// Domains.
    pub search: Vec<String>,
    /// Servers, in the order in which they are asked.
    pub nameservers: Vec<Ipv4Addr>,
    /// Such as `ndots:5`.
    pub options: Vec<String>,
    /// Whether the servers stand before the domains, as on a node.
    pub servers_first: bool,
}

impl fmt::Display for ResolvConf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let search = |f: &mut fmt::Formatter<'_>| match &self.search[..] {
            [] => Ok(()),
            domains => writeln!(f, "search {}", domains.join(" ")),
        };
        if !self.servers_first {
            search(f)?;
        }
        for server in &self.nameservers {
            writeln!(f, "nameserver {server}")?;
        }
        if self.servers_first {
            search(f)?;
        }
        if !self.options.is_empty() {
            writeln!(f, "options {}", self.options.join(" "))?;
        }
        Ok(())
    }
}

/// The DNS servers that Azure's DHCP gives to VMs of the VNet of this number.
pub fn servers_of(topology: &Topology, network: usize) -> Vec<Ipv4Addr> {
    match &topology.virtual_networks[network].dns_servers[..] {
        [] => vec![PLATFORM_ADDRESS],
        servers => servers.to_vec(),
    }
}

/// Of a node or VM in the VNet of this number.
pub fn of_vm(topology: &Topology, network: usize) -> ResolvConf {
    let virtual_network = &topology.virtual_networks[network];
    let domain = if virtual_network.dns_servers.is_empty() {
        internal_domain(virtual_network)
    } else {
        PLACEHOLDER_DOMAIN.to_owned()
    };
    let mut nameservers = servers_of(topology, network);
    nameservers.truncate(SERVERS_MAX);
    ResolvConf { search: vec![domain], nameservers, options: vec![], servers_first: true }
}

/// Of a machine at this site: the site's own DNS servers, if it has any.
pub fn of_machine(site: &Site) -> ResolvConf {
    let servers = site.machines.iter().filter(|machine| machine.dns_server.is_some());
    let nameservers = servers.map(|machine| machine.address).take(SERVERS_MAX).collect();
    ResolvConf { nameservers, ..ResolvConf::default() }
}

/// Of a pod, by its `dnsPolicy` and `dnsConfig`, as the kubelet writes it (`pkg/kubelet/network/dns`).
pub fn of_pod(topology: &Topology, cluster: &ManagedCluster, pod: &Pod) -> ResolvConf {
    let network = cluster.nodes[pod.node].nic.subnet.virtual_network;
    let node = ResolvConf { servers_first: false, ..of_vm(topology, network) };
    let spec = pod.manifest.spec.as_ref();
    let policy = spec.and_then(|spec| spec.dns_policy.as_deref()).unwrap_or("ClusterFirst");
    let in_cluster = || {
        let namespace = &pod.namespace;
        let mut search =
            vec![format!("{namespace}.svc.{DOMAIN}"), format!("svc.{DOMAIN}"), DOMAIN.to_owned()];
        search.extend(node.search.iter().cloned());
        ResolvConf {
            search,
            nameservers: vec![cluster.dns_service_ip],
            options: vec!["ndots:5".to_owned()],
            servers_first: false,
        }
    };
    let mut conf = match policy {
        "None" => ResolvConf::default(),
        "ClusterFirstWithHostNet" => in_cluster(),
        "ClusterFirst" if !pod.host_network => in_cluster(),
        _ => node,
    };
    if let Some(written) = spec.and_then(|spec| spec.dns_config.as_ref()) {
        let servers = written.nameservers.iter().flatten().filter_map(|server| server.parse().ok());
        add_new(&mut conf.nameservers, servers, SERVERS_MAX);
        add_new(&mut conf.search, written.searches.iter().flatten().cloned(), SEARCH_MAX);
        for option in written.options.iter().flatten() {
            let Some(name) = &option.name else { continue };
            // One that is written twice is what the pod says.
            conf.options.retain(|known| known.split(':').next() != Some(name));
            let value = option.value.as_ref().map(|value| format!(":{value}"));
            conf.options.push(format!("{name}{}", value.unwrap_or_default()));
        }
    }
    conf
}

fn add_new<T: PartialEq>(known: &mut Vec<T>, more: impl Iterator<Item = T>, max: usize) {
    for one in more {
        if !known.contains(&one) && known.len() < max {
            known.push(one);
        }
    }
}
