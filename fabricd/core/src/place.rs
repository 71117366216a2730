//! The places of the emulated world: each is one network namespace.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::name::LabName;

/// One emulated machine or pod, or a part of Azure under them. Each has a network namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Place {
    /// The datacenter network that carries the tunnels between Azure hosts.
    Underlay,
    /// The internet between Azure, servers and sites.
    Internet,
    /// The platform addresses of one VNet (168.63.129.16).
    Platform {
        /// The VNet's name.
        virtual_network: String,
    },
    /// The Standard Load Balancer of a cluster.
    LoadBalancer {
        /// The cluster's name.
        cluster: String,
    },
    /// A NAT gateway.
    NatGateway {
        /// The NAT gateway's name.
        name: String,
    },
    /// An Azure Firewall.
    Firewall {
        /// The firewall's name.
        name: String,
    },
    /// The Azure host, with its virtual switch, under one VM.
    Host {
        /// The VM's name; for an AKS node the node's name.
        vm: String,
    },
    /// A virtual network gateway.
    Gateway {
        /// The gateway's name.
        name: String,
    },
    /// The VPN device and router of a site on premises.
    OnPremises {
        /// The site's name.
        site: String,
    },
    /// A server on the internet.
    Server {
        /// The server's name.
        name: String,
    },
    /// A machine at a site on premises.
    Machine {
        /// The machine's name, unique in the lab.
        name: String,
    },
    /// An AKS node.
    Node {
        /// The node's name, such as `aks-nodepool1-11743156-vmss000000`.
        name: String,
    },
    /// A VM that is no AKS node.
    VirtualMachine {
        /// The VM's name.
        name: String,
    },
    /// A pod with a network of its own (a `hostNetwork` pod lives in its node's place).
    Pod {
        /// The cluster's name.
        cluster: String,
        /// The Kubernetes namespace.
        namespace: String,
        /// The pod's name.
        name: String,
    },
}

impl Place {
    /// The word that stands for the kind of place in targets and file names.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Underlay => "underlay",
            Self::Internet => "internet",
            Self::Platform { .. } => "platform",
            Self::LoadBalancer { .. } => "lb",
            Self::NatGateway { .. } => "natgateway",
            Self::Firewall { .. } => "firewall",
            Self::Host { .. } => "host",
            Self::Gateway { .. } => "gateway",
            Self::OnPremises { .. } => "onprem",
            Self::Server { .. } => "server",
            Self::Machine { .. } => "machine",
            Self::Node { .. } => "node",
            Self::VirtualMachine { .. } => "vm",
            Self::Pod { .. } => "pod",
        }
    }

    fn parts(&self) -> Vec<&str> {
        match self {
            Self::Underlay | Self::Internet => vec![],
            Self::LoadBalancer { cluster } => vec![cluster],
            Self::Platform { virtual_network } => vec![virtual_network],
            Self::Host { vm } => vec![vm],
            Self::OnPremises { site } => vec![site],
            Self::NatGateway { name }
            | Self::Firewall { name }
            | Self::Gateway { name }
            | Self::Server { name }
            | Self::Machine { name }
            | Self::Node { name }
            | Self::VirtualMachine { name } => vec![name],
            Self::Pod { cluster, namespace, name } => vec![cluster, namespace, name],
        }
    }

    /// The file name of this place's namespace under `/run/netns`: `fabric.LAB.KIND.NAME…`.
    ///
    /// No two places of any labs share one: neither a lab's name nor a cluster's nor a Kubernetes
    /// namespace has a dot, and only the last part may.
    pub fn netns_name(&self, lab: &LabName) -> String {
        let mut name = format!("{NETNS_PREFIX}{lab}.{}", self.kind());
        for part in self.parts() {
            name.push('.');
            name.push_str(part);
        }
        name
    }

    /// Reads back what [`Place::netns_name`] wrote; `None` for a file name that is not of `lab`.
    pub fn from_netns_name(lab: &LabName, file_name: &str) -> Option<Self> {
        let rest = file_name.strip_prefix(NETNS_PREFIX)?.strip_prefix(lab.as_str())?.strip_prefix('.')?;
        let (kind, rest) = rest.split_once('.').unwrap_or((rest, ""));
        Self::from_parts(kind, rest, '.')
    }

    fn from_parts(kind: &str, rest: &str, separator: char) -> Option<Self> {
        let one = || (!rest.is_empty()).then(|| rest.to_owned());
        Some(match kind {
            "underlay" => rest.is_empty().then_some(Self::Underlay)?,
            "internet" => rest.is_empty().then_some(Self::Internet)?,
            "lb" => Self::LoadBalancer { cluster: one()? },
            "natgateway" => Self::NatGateway { name: one()? },
            "firewall" => Self::Firewall { name: one()? },
            "server" => Self::Server { name: one()? },
            "platform" => Self::Platform { virtual_network: one()? },
            "host" => Self::Host { vm: one()? },
            "gateway" => Self::Gateway { name: one()? },
            "onprem" => Self::OnPremises { site: one()? },
            "machine" => Self::Machine { name: one()? },
            "node" => Self::Node { name: one()? },
            "vm" => Self::VirtualMachine { name: one()? },
            "pod" => {
                let mut parts = rest.splitn(3, separator).map(str::to_owned);
                Self::Pod { cluster: parts.next()?, namespace: parts.next()?, name: parts.next()? }
            }
            _ => return None,
        })
    }
}

/// How every namespace of ours begins. What does not begin so is never touched.
pub const NETNS_PREFIX: &str = "fabric.";

impl fmt::Display for Place {
    /// `node/NAME`, `pod/CLUSTER/NAMESPACE/NAME`, `underlay`: the full form of a target.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())?;
        for part in self.parts() {
            write!(f, "/{part}")?;
        }
        Ok(())
    }
}

impl From<Place> for String {
    fn from(place: Place) -> Self {
        place.to_string()
    }
}

impl TryFrom<String> for Place {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map_err(|()| format!("`{text}` is no place"))
    }
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (kind, rest) = text.split_once('/').unwrap_or((text, ""));
        Self::from_parts(kind, rest, '/').ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_read_back_and_keep_labs_apart() {
        let lab = LabName::new("a").unwrap();
        let longer = LabName::new("a-b").unwrap();
        let pod = Place::Pod { cluster: "aks".into(), namespace: "default".into(), name: "web.v2".into() };
        for place in [Place::Underlay, Place::Host { vm: "n.1".into() }, pod] {
            let name = place.netns_name(&lab);
            assert_eq!(Place::from_netns_name(&lab, &name), Some(place.clone()));
            assert_eq!(Place::from_netns_name(&longer, &name), None);
            assert_eq!(place.to_string().parse(), Ok(place));
        }
        assert_eq!(Place::from_netns_name(&lab, "cni-1234"), None);
        assert_eq!(Place::from_netns_name(&lab, "fabric.a.underlay.x"), None);
    }
}
