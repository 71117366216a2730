//! Public addresses with what has them.

use std::{collections::BTreeSet, fmt};

use super::{AzureFirewall, ManagedCluster, NatGateway, PublicAddress, Service, Topology};

/// What has a public address.
#[derive(Clone, Copy, Debug)]
pub enum AddressOwner<'a> {
    /// The outbound rule of the cluster's load balancer.
    OutboundRule(&'a ManagedCluster),
    /// A Service of the cluster, for its frontend. Several may have one address.
    Service(&'a ManagedCluster, &'a Service),
    /// A NAT gateway.
    NatGateway(&'a NatGateway),
    /// An Azure Firewall.
    AzureFirewall(&'a AzureFirewall),
    /// The NIC of the VM or AKS node of this name.
    VirtualMachine(&'a str),
}

/// Such as `natGateway/natgw`; load balancers by their cluster.
impl fmt::Display for AddressOwner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutboundRule(cluster) => write!(f, "loadBalancer/{}", cluster.name),
            Self::Service(_, service) => write!(f, "service/{}", service.namespaced_name()),
            Self::NatGateway(gateway) => write!(f, "natGateway/{}", gateway.name),
            Self::AzureFirewall(firewall) => write!(f, "azureFirewall/{}", firewall.name),
            Self::VirtualMachine(name) => write!(f, "virtualMachine/{name}"),
        }
    }
}

impl Topology {
    /// All public IP addresses of Azure that something has: of load balancers, their outbound rules first, NAT
    /// gateways, firewalls and VMs. What several Services share comes with each of them.
    pub fn owned_public_addresses(&self) -> impl Iterator<Item = (&PublicAddress, AddressOwner<'_>)> {
        let clusters = self.managed_clusters.iter();
        let outbound = clusters.clone().flat_map(|cluster| {
            let own = cluster.outbound.load_balancer.iter().flat_map(|balancer| &balancer.frontends);
            own.map(move |public| (public, AddressOwner::OutboundRule(cluster)))
        });
        let inbound = clusters.flat_map(|cluster| {
            let services = cluster.services.iter();
            services.filter_map(move |service| {
                Some((service.public_address()?, AddressOwner::Service(cluster, service)))
            })
        });
        let gateways = self.nat_gateways.iter().flat_map(|gateway| {
            gateway.public_addresses.iter().map(move |public| (public, AddressOwner::NatGateway(gateway)))
        });
        let firewalls = self.azure_firewalls.iter().flat_map(|firewall| {
            firewall
                .public_addresses
                .iter()
                .map(move |public| (public, AddressOwner::AzureFirewall(firewall)))
        });
        let instances = self.azure_vms().filter_map(|(_, name, nic)| {
            Some((nic.public_address.as_ref()?, AddressOwner::VirtualMachine(name)))
        });
        outbound.chain(inbound).chain(gateways).chain(firewalls).chain(instances)
    }

    /// The same addresses, each once.
    pub fn public_addresses(&self) -> impl Iterator<Item = &PublicAddress> {
        let mut seen = BTreeSet::new();
        let all = self.owned_public_addresses().map(|(public, _)| public);
        all.filter(move |public| seen.insert(public.address))
    }
}
