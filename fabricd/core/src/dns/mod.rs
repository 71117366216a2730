//! DNS: who answers for which names, and what.
//!
//! [`Zones`] has a [`Server`] for each place of a lab where somebody answers on port 53: CoreDNS in its pods,
//! Azure DNS at 168.63.129.16, VMs and machines that the lab file makes DNS servers. All are one engine with
//! different content. It decides what is answered and who is asked instead; sockets are the daemon's.
//!
//! Sources: aks-facts 5; CoreDNS 1.11 (plugins kubernetes, template, hosts, rewrite, forward); the Kubernetes
//! "DNS-Based Service Discovery" specification; Azure "name resolution for resources in Azure virtual networks".

mod azure;
mod block;
mod cluster;
pub mod corefile;
mod machine;
pub mod record;
mod resolution;
mod resolv_conf;
#[cfg(test)]
mod tests;
pub mod wire;
mod zone;

use std::{collections::BTreeMap, sync::Arc};

pub use self::{
    azure::{PLACEHOLDER_DOMAIN, internal_domain},
    block::{Forward, Policy},
    resolution::{Pending, Step},
    resolv_conf::{ResolvConf, of_machine, of_pod, of_vm},
};
use self::{block::Block, record::within};
use crate::{
    place::Place,
    topology::{ManagedCluster, Pod, Topology, VirtualNetwork},
};

/// The port of DNS.
pub const PORT: u16 = 53;

/// CNAMEs that are followed for one question, as CoreDNS does (`plugin/pkg/upstream`).
pub const CHAIN_MAX: usize = 8;

/// All DNS servers of a lab.
#[derive(Clone, Debug, Default)]
pub struct Zones {
    servers: BTreeMap<Place, Arc<Server>>,
}

/// One DNS server: what it answers, and whom it asks.
#[derive(Clone, Debug)]
pub struct Server {
    /// As in the Corefile: the one with the longest zone that a name is in answers for it.
    blocks: Vec<Block>,
}

impl Zones {
    /// The servers of this lab as it is now.
    pub fn of(topology: &Topology) -> Self {
        let mut servers = BTreeMap::new();
        for (number, network) in topology.virtual_networks.iter().enumerate() {
            servers.insert(platform(network), Arc::new(azure::server(topology, number)));
        }
        for cluster in &topology.managed_clusters {
            let pods: Vec<Place> = coredns_pods(cluster).map(|(_, pod)| cluster.pod_place(pod)).collect();
            if !pods.is_empty() {
                let server = Arc::new(cluster::server(topology, cluster));
                servers.extend(pods.into_iter().map(|place| (place, server.clone())));
            }
        }
        servers.extend(machine::servers(topology));
        Self { servers }
    }

    /// The server at `place`, if somebody answers there.
    pub fn server(&self, place: &Place) -> Option<&Arc<Server>> {
        self.servers.get(place)
    }

    /// Where somebody answers.
    pub fn places(&self) -> impl Iterator<Item = &Place> {
        self.servers.keys()
    }
}

impl Server {
    /// The block that answers for `name`.
    fn block(&self, name: &str) -> Option<&Block> {
        let inside = self.blocks.iter().filter(|block| within(name, &block.zone));
        inside.max_by_key(|block| block.zone.len())
    }
}

/// Where somebody answers on port 53, and what it is called.
pub fn places(topology: &Topology) -> impl Iterator<Item = (Place, String)> {
    let azure = topology.virtual_networks.iter().map(|network| (platform(network), network.name.clone()));
    let clusters = topology
        .managed_clusters
        .iter()
        .flat_map(|cluster| coredns_pods(cluster).map(|(_, pod)| (cluster.pod_place(pod), pod.name.clone())));
    let own = machine::places(topology).map(|(place, _)| {
        let name = place.to_string().rsplit('/').next().unwrap_or_default().to_owned();
        (place, name)
    });
    azure.chain(clusters).chain(own)
}

/// The place of Azure DNS in a VNet.
pub fn platform(network: &VirtualNetwork) -> Place {
    Place::Platform { virtual_network: network.name.clone() }
}

/// The pods of the Service `kube-dns` that have a network of their own, with their numbers in
/// [`ManagedCluster::pods`].
pub fn coredns_pods(cluster: &ManagedCluster) -> impl Iterator<Item = (usize, &Pod)> {
    let answers = |pod: &Pod| is_coredns(pod) && !pod.host_network && pod.address.is_some();
    cluster.pods.iter().enumerate().filter(move |(_, pod)| answers(pod))
}

/// Whether the Service `kube-dns` selects the pod.
pub fn is_coredns(pod: &Pod) -> bool {
    let labels = pod.manifest.metadata.labels.as_ref();
    let label = labels.and_then(|labels| labels.get(LABEL.0)).map(String::as_str);
    pod.namespace == NAMESPACE && label == Some(LABEL.1)
}

/// The namespace of CoreDNS.
pub const NAMESPACE: &str = "kube-system";

/// The label of CoreDNS' pods, by which the Service `kube-dns` selects them.
pub const LABEL: (&str, &str) = ("k8s-app", "kube-dns");
