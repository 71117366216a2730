//! How kube-proxy tells packets of the node's own pods from others (`--detect-local-mode`, aks-facts 3.1).

use ipnet::Ipv4Net;

use crate::topology::{ManagedCluster, NetworkPlugin};

/// A way to tell them.
pub enum DetectLocal {
    /// By their source, in `--cluster-cidr`.
    ClusterCidr(Ipv4Net),
    /// By the interface they come in by, `--pod-interface-name-prefix=azv`.
    InterfaceNamePrefix,
}

impl DetectLocal {
    /// What AKS tells kube-proxy of `cluster`. None with a plugin of one's own that has no pod CIDR.
    pub fn of(cluster: &ManagedCluster) -> Option<Self> {
        match cluster.network_plugin {
            NetworkPlugin::NodeSubnet | NetworkPlugin::PodSubnet | NetworkPlugin::Overlay => {
                Some(Self::InterfaceNamePrefix)
            }
            NetworkPlugin::Kubenet | NetworkPlugin::None => cluster.pod_cidr.map(Self::ClusterCidr),
        }
    }

    /// What matches a pod's packet.
    pub fn if_local(&self) -> String {
        match self {
            Self::ClusterCidr(cidr) => format!("-s {cidr}"),
            Self::InterfaceNamePrefix => "-i azv+".to_owned(),
        }
    }

    /// What matches any other packet to `destination`, in the order of `iptables-save`.
    pub fn if_not_local(&self, destination: std::net::Ipv4Addr) -> String {
        match self {
            Self::ClusterCidr(cidr) => format!("! -s {cidr} -d {destination}/32"),
            Self::InterfaceNamePrefix => format!("-d {destination}/32 ! -i azv+"),
        }
    }
}
