//! The kinds of object that can be listed, by the names that kubectl and az users know.

use std::{fmt, str::FromStr};

/// A kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Labs; the daemon lists them itself, since one lab knows nothing of the others.
    Labs,
    /// VNets.
    VirtualNetworks,
    /// Subnets of all VNets.
    Subnets,
    /// VNets' halves of peerings.
    VirtualNetworkPeerings,
    /// Route tables.
    RouteTables,
    /// User-defined routes of all route tables.
    Routes,
    /// Public IP addresses.
    PublicIpAddresses,
    /// NAT gateways.
    NatGateways,
    /// Load balancers of clusters.
    LoadBalancers,
    /// VPN and ExpressRoute gateways.
    VirtualNetworkGateways,
    /// Azure Firewalls.
    AzureFirewalls,
    /// VMs that are no AKS nodes.
    VirtualMachines,
    /// Sites on premises.
    OnPremises,
    /// Machines on premises.
    Machines,
    /// Servers on the internet.
    Servers,
    /// AKS clusters.
    ManagedClusters,
    /// Node pools of all clusters.
    AgentPools,
    /// Kubernetes nodes.
    Nodes,
    /// Kubernetes namespaces.
    Namespaces,
    /// Deployments.
    Deployments,
    /// ReplicaSets, which Deployments make.
    ReplicaSets,
    /// Pods.
    Pods,
    /// Services.
    Services,
    /// EndpointSlices, which Services with a selector have.
    EndpointSlices,
    /// What was broken on purpose.
    Faults,
    /// The kinds that stand for themselves, see [`Kind::in_all`].
    All,
}

/// How a kind is written.
struct Names {
    kind: Kind,
    singular: &'static str,
    /// The canonical name.
    plural: &'static str,
    short: &'static [&'static str],
    /// What its objects say they are.
    type_name: &'static str,
}

const NAMES: [Names; 26] = [
    names(Kind::Labs, "lab", "labs", &[], "Lab"),
    names(
        Kind::VirtualNetworks,
        "virtualnetwork",
        "virtualnetworks",
        &["vnet", "vnets"],
        "Microsoft.Network/virtualNetworks",
    ),
    names(Kind::Subnets, "subnet", "subnets", &[], "Microsoft.Network/virtualNetworks/subnets"),
    names(
        Kind::VirtualNetworkPeerings,
        "virtualnetworkpeering",
        "virtualnetworkpeerings",
        &["peering", "peerings"],
        "Microsoft.Network/virtualNetworks/virtualNetworkPeerings",
    ),
    names(Kind::RouteTables, "routetable", "routetables", &["rt"], "Microsoft.Network/routeTables"),
    names(Kind::Routes, "route", "routes", &[], "Microsoft.Network/routeTables/routes"),
    names(
        Kind::PublicIpAddresses,
        "publicipaddress",
        "publicipaddresses",
        &["pip", "pips"],
        "Microsoft.Network/publicIPAddresses",
    ),
    names(
        Kind::NatGateways,
        "natgateway",
        "natgateways",
        &["natgw", "natgws"],
        "Microsoft.Network/natGateways",
    ),
    names(
        Kind::LoadBalancers,
        "loadbalancer",
        "loadbalancers",
        &["lb", "lbs"],
        "Microsoft.Network/loadBalancers",
    ),
    names(
        Kind::VirtualNetworkGateways,
        "virtualnetworkgateway",
        "virtualnetworkgateways",
        &["vng", "vngs"],
        "Microsoft.Network/virtualNetworkGateways",
    ),
    names(
        Kind::AzureFirewalls,
        "azurefirewall",
        "azurefirewalls",
        &["afw", "firewall", "firewalls"],
        "Microsoft.Network/azureFirewalls",
    ),
    names(
        Kind::VirtualMachines,
        "virtualmachine",
        "virtualmachines",
        &["vm", "vms"],
        "Microsoft.Compute/virtualMachines",
    ),
    names(Kind::OnPremises, "site", "onpremises", &["onprem", "sites"], "Fabric/onPremises"),
    names(Kind::Machines, "machine", "machines", &[], "Fabric/onPremises/machines"),
    names(Kind::Servers, "server", "servers", &[], "Fabric/internet/servers"),
    names(
        Kind::ManagedClusters,
        "managedcluster",
        "managedclusters",
        &["aks", "cluster", "clusters"],
        "Microsoft.ContainerService/managedClusters",
    ),
    names(
        Kind::AgentPools,
        "agentpool",
        "agentpools",
        &["nodepool", "nodepools", "np"],
        "Microsoft.ContainerService/managedClusters/agentPools",
    ),
    names(Kind::Nodes, "node", "nodes", &["no"], "Node"),
    names(Kind::Namespaces, "namespace", "namespaces", &["ns"], "Namespace"),
    names(Kind::Deployments, "deployment", "deployments", &["deploy"], "Deployment"),
    names(Kind::ReplicaSets, "replicaset", "replicasets", &["rs"], "ReplicaSet"),
    names(Kind::Pods, "pod", "pods", &["po"], "Pod"),
    names(Kind::Services, "service", "services", &["svc"], "Service"),
    names(Kind::EndpointSlices, "endpointslice", "endpointslices", &[], "EndpointSlice"),
    names(Kind::Faults, "fault", "faults", &[], "Fault"),
    names(Kind::All, "all", "all", &[], ""),
];

const fn names(
    kind: Kind,
    singular: &'static str,
    plural: &'static str,
    short: &'static [&'static str],
    type_name: &'static str,
) -> Names {
    Names { kind, singular, plural, short, type_name }
}

impl Kind {
    /// Every kind, in the order in which this program shows them.
    pub fn every() -> impl Iterator<Item = Self> {
        NAMES.iter().map(|names| names.kind)
    }

    /// The kinds that `all` stands for: those that are not shown as a part of another.
    pub fn in_all() -> impl Iterator<Item = Self> {
        let apart = |kind: &Self| {
            matches!(
                kind,
                Self::Labs
                    | Self::Subnets
                    | Self::VirtualNetworkPeerings
                    | Self::Routes
                    | Self::Machines
                    | Self::AgentPools
                    | Self::Namespaces
                    | Self::EndpointSlices
                    | Self::All
            )
        };
        Self::every().filter(move |kind| !apart(kind))
    }

    /// The canonical plural name.
    pub fn plural(self) -> &'static str {
        self.names().plural
    }

    /// The singular name, which stands before a slash: `pod/a`.
    pub fn singular(self) -> &'static str {
        self.names().singular
    }

    /// The short names.
    pub fn short_names(self) -> &'static [&'static str] {
        self.names().short
    }

    /// What objects of the kind say they are: `kind` for Kubernetes objects, `type` for Azure ones.
    pub fn type_name(self) -> &'static str {
        self.names().type_name
    }

    /// The kind that says `type_name` of itself.
    pub fn from_type_name(type_name: &str) -> Option<Self> {
        NAMES
            .iter()
            .find(|names| !type_name.is_empty() && names.type_name == type_name)
            .map(|names| names.kind)
    }

    /// Whether its objects are shown as kubectl shows them.
    pub fn is_kubernetes(self) -> bool {
        matches!(self, Self::Labs | Self::Nodes | Self::Namespaces | Self::Faults) || self.is_namespaced()
    }

    /// Whether its objects are in Kubernetes namespaces.
    pub fn is_namespaced(self) -> bool {
        matches!(
            self,
            Self::Deployments | Self::ReplicaSets | Self::Pods | Self::Services | Self::EndpointSlices
        )
    }

    fn names(self) -> &'static Names {
        NAMES.iter().find(|names| names.kind == self).expect("every kind has its row; tested")
    }
}

/// A word that names no kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no kind `{word}`{}", hint(similar.as_ref()))]
pub struct UnknownKind {
    /// As written.
    pub word: String,
    /// The nearest name, if one is near.
    pub similar: Option<&'static str>,
}

fn hint(similar: Option<&&str>) -> String {
    similar.map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(word: &str) -> Result<Self, UnknownKind> {
        let lower = word.to_ascii_lowercase();
        let words = || {
            NAMES.iter().flat_map(|Names { kind, singular, plural, short, .. }| {
                [*singular, *plural].into_iter().chain(short.iter().copied()).map(move |name| (name, *kind))
            })
        };
        words().find(|(name, _)| *name == lower).map(|(_, kind)| kind).ok_or_else(|| {
            let nearest = words().map(|(name, _)| (strsim::damerau_levenshtein(&lower, name), name)).min();
            let similar = nearest.filter(|(distance, _)| *distance <= lower.len() / 3).map(|(_, name)| name);
            UnknownKind { word: word.to_owned(), similar }
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.plural())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_name_means_one_kind_in_any_case() {
        let mut seen = BTreeSet::new();
        for Names { kind, singular, plural, short, .. } in NAMES {
            for name in BTreeSet::from([singular, plural]).into_iter().chain(short.iter().copied()) {
                assert!(seen.insert(name), "{name} means two kinds");
                assert_eq!(name.to_uppercase().parse(), Ok(kind));
            }
            assert_eq!(kind.plural(), plural);
        }
        assert_eq!("routeTables".parse(), Ok(Kind::RouteTables));
    }

    #[test]
    fn a_misspelt_kind_gets_a_hint() {
        let error = |word: &str| word.parse::<Kind>().unwrap_err().to_string();
        assert_eq!(error("podz"), "there is no kind `podz`; did you mean `pod`?");
        assert_eq!(error("ingresses"), "there is no kind `ingresses`");
        assert_eq!(error(""), "there is no kind ``");
    }
}
