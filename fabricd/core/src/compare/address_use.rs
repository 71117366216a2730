//! What a cluster takes of the VNet.

use std::{collections::BTreeSet, net::Ipv4Addr};

use serde::Serialize;

use super::scene::{Scene, cluster_of};
use crate::topology::{ManagedCluster, NetworkPlugin, Topology};

/// How a cluster connects its pods, in the words of `az aks create`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Network {
    /// Which cluster.
    pub cluster: String,
    /// `--network-plugin`.
    pub network_plugin: &'static str,
    /// Where Azure CNI takes pods' addresses from; nothing for other plugins.
    pub mode: Option<&'static str>,
    /// What it takes of the VNet.
    pub vnet_addresses: AddressUse,
}

/// Addresses of the VNet's subnets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AddressUse {
    /// One for each node.
    pub nodes: usize,
    /// Kept for pods on the NICs of nodes, whether a pod has them or not (aks-facts 7).
    pub reserved_for_pods: usize,
    /// Those of them that a pod has.
    pub pods: usize,
}

impl Network {
    /// How pods are connected in the cluster of the ends: the source's, else the destination's; in the
    /// lab's only cluster if there are no ends or they are in none.
    pub fn choose(topology: &Topology, scene: Option<&Scene>) -> Option<Self> {
        let ends = scene.map(|scene| [&scene.source.place, &scene.destination.place]);
        let own = ends.into_iter().flatten().find_map(|place| cluster_of(topology, place));
        let only = match topology.managed_clusters.as_slice() {
            [only] => Some(only),
            _ => None,
        };
        own.or(only).map(Self::of)
    }

    fn of(cluster: &ManagedCluster) -> Self {
        let (network_plugin, mode) = match cluster.network_plugin {
            NetworkPlugin::Kubenet => ("kubenet", None),
            NetworkPlugin::NodeSubnet => ("azure", Some("node subnet")),
            NetworkPlugin::PodSubnet => ("azure", Some("pod subnet")),
            NetworkPlugin::Overlay => ("azure", Some("overlay")),
            NetworkPlugin::None => ("none", None),
        };
        let reserved: BTreeSet<Ipv4Addr> =
            cluster.nodes.iter().flat_map(|node| node.nic.secondary_addresses.iter().copied()).collect();
        let own = cluster.pods.iter().filter(|pod| !pod.host_network).filter_map(|pod| pod.address);
        Self {
            cluster: cluster.name.clone(),
            network_plugin,
            mode,
            vnet_addresses: AddressUse {
                nodes: cluster.nodes.len(),
                reserved_for_pods: reserved.len(),
                pods: own.filter(|address| reserved.contains(address)).count(),
            },
        }
    }
}
