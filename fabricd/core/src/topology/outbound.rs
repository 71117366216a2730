//! How clusters leave for the internet: what AKS makes for each outbound type, and what it asks for.
//!
//! Source: aks-facts 4.2 to 4.4 (AKS "Customize cluster egress with outbound types").

use super::{
    ManagedCluster, NatGateway, RouteTable, Standing, SubnetIndex, UserNextHop, VirtualNetwork,
    nat_gateway::{ADDRESSES_MAX, idle_timeout},
    public_address::{OF_AZURE, PublicAddress, PublicAddresses},
};
use crate::{
    snat::{PORTS_OF_A_FRONTEND, default_ports},
    spec::{
        LabSpec, managed_cluster as spec,
        outbound::{LoadBalancerProfile, OutboundType},
        problem::Problem,
        tree::At,
    },
};

/// How a cluster's nodes leave for the internet, where no route and no NAT gateway says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outbound {
    /// As the user wrote it.
    pub outbound_type: OutboundType,
    /// With [`OutboundType::LoadBalancer`].
    pub load_balancer: Option<LoadBalancer>,
}

impl Outbound {
    /// Nothing that AKS makes.
    pub const NOTHING: Self = Self { outbound_type: OutboundType::None, load_balancer: None };
}

/// The outbound rule of a cluster's load balancer (`aksOutboundRule`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadBalancer {
    /// At least one.
    pub frontends: Vec<PublicAddress>,
    /// Whether AKS made the frontends' addresses (`managedOutboundIPs`).
    pub managed_addresses: bool,
    /// As written: 0 for automatic.
    pub allocated_outbound_ports: u32,
    /// SNAT ports of each node.
    pub ports: u32,
    /// 4 to 120.
    pub idle_timeout_minutes: u32,
    /// Which block of ports each node has, from 0, by its place in [`ManagedCluster::nodes`].
    pub blocks: Vec<u32>,
}

/// What all clusters have in common while their way out is resolved.
pub(super) struct Egress<'a, 'b> {
    pub spec: &'a LabSpec,
    pub standing: &'a Standing,
    pub networks: &'b mut [VirtualNetwork],
    pub route_tables: &'b [RouteTable],
    pub nat_gateways: &'b mut Vec<NatGateway>,
    pub addresses: &'b mut PublicAddresses<'a>,
}

impl Egress<'_, '_> {
    /// Checks and makes what belongs to the outbound type of the cluster at `index` of the file.
    pub fn resolve(
        &mut self,
        index: usize,
        cluster: &ManagedCluster,
        problems: &mut Vec<Problem>,
    ) -> Outbound {
        let at = self.spec.lab.at().key("managedClusters").item(index).key("networkProfile");
        let nothing = spec::NetworkProfile::default();
        let profile =
            self.spec.lab.value.managed_clusters[index].network_profile.as_ref().unwrap_or(&nothing);
        let outbound_type = profile.outbound_type.unwrap_or_default();
        let managed_network = self.spec.lab.at().key("virtualNetworks").is_unwritten();
        let before = self.standing.outbound_types.get(&cluster.name).copied();
        match refused(outbound_type, managed_network).or_else(|| unchangeable(before, outbound_type)) {
            Some((message, help)) if !at.key("outboundType").is_lost() => {
                problems.push(Problem::new(at.key("outboundType").span(), message).help(help));
            }
            _ => {}
        }
        only_for(
            &profile.load_balancer_profile,
            outbound_type == OutboundType::LoadBalancer,
            problems,
            || (at.key("loadBalancerProfile"), "outboundType: loadBalancer"),
        );
        only_for(
            &profile.nat_gateway_profile,
            outbound_type == OutboundType::ManagedNATGateway,
            problems,
            || (at.key("natGatewayProfile"), "outboundType: managedNATGateway"),
        );
        let mut load_balancer = None;
        match outbound_type {
            OutboundType::LoadBalancer => {
                let nothing = LoadBalancerProfile::default();
                let written = profile.load_balancer_profile.as_ref().unwrap_or(&nothing);
                load_balancer = self.load_balancer(written, cluster, at.key("loadBalancerProfile"), problems);
            }
            OutboundType::ManagedNATGateway if managed_network => {
                self.managed_nat_gateway(profile, cluster, at.key("natGatewayProfile"), problems);
            }
            OutboundType::UserAssignedNATGateway | OutboundType::UserDefinedRouting => {
                self.check_subnets(outbound_type, cluster, at.key("outboundType"), problems);
            }
            _ => {}
        }
        Outbound { outbound_type, load_balancer }
    }

    fn load_balancer(
        &mut self,
        written: &LoadBalancerProfile,
        cluster: &ManagedCluster,
        at: At<'_>,
        problems: &mut Vec<Problem>,
    ) -> Option<LoadBalancer> {
        let frontends = self.frontends(written, cluster, at, problems);
        let nodes = cluster.nodes.len();
        let allocated_outbound_ports = written.allocated_outbound_ports.unwrap_or(0);
        let ports = match allocated_outbound_ports {
            0 => default_ports(nodes),
            written => written,
        };
        let ports_at = at.key("allocatedOutboundPorts");
        if !ports.is_multiple_of(8) || ports > PORTS_OF_A_FRONTEND {
            let message = format!("{ports} SNAT ports cannot be allocated to a node");
            let help = "Azure allocates multiples of 8, up to 64,000; 0 is automatic";
            problems.push(Problem::new(ports_at.span(), message).help(help));
            return None;
        }
        let blocks = blocks(self.standing, cluster);
        let most = u32::try_from(frontends.len()).unwrap_or(0) * (PORTS_OF_A_FRONTEND / ports);
        if !frontends.is_empty() && blocks.iter().any(|block| *block >= most) {
            let message = format!(
                "{nodes} nodes with {ports} SNAT ports each do not fit on {}",
                count(frontends.len(), "outbound address", "outbound addresses")
            );
            let help = format!(
                "64,000 ports an address are enough for {}: add addresses, or take fewer ports",
                count(most as usize, "node", "nodes")
            );
            problems.push(Problem::new(ports_at.span(), message).help(help));
            return None;
        }
        let idle_timeout_minutes = idle_timeout(written.idle_timeout_in_minutes, 30, at, problems);
        (!frontends.is_empty()).then_some(LoadBalancer {
            frontends,
            managed_addresses: written.outbound_ips.is_none(),
            allocated_outbound_ports,
            ports,
            idle_timeout_minutes,
            blocks,
        })
    }

    fn frontends(
        &mut self,
        written: &LoadBalancerProfile,
        cluster: &ManagedCluster,
        at: At<'_>,
        problems: &mut Vec<Problem>,
    ) -> Vec<PublicAddress> {
        let owner = format!("the load balancer of `{}`", cluster.name);
        let managed = at.key("managedOutboundIPs");
        if let Some(own) = &written.outbound_ips {
            let at = at.key("outboundIPs").key("publicIPs");
            if written.managed_outbound_ips.is_some() {
                let message = "`managedOutboundIPs` and `outboundIPs` exclude each other";
                problems.push(Problem::new(managed.span(), message).help("remove one of them"));
            }
            if own.public_ips.is_empty() && !at.is_lost() {
                problems.push(Problem::new(at.span(), "a load balancer needs an outbound address"));
            }
            let names = own.public_ips.iter().enumerate();
            return names
                .filter_map(|(number, name)| self.addresses.claim(name, &owner, at.item(number), problems))
                .collect();
        }
        let count = written.managed_outbound_ips.and_then(|managed| managed.count).unwrap_or(1);
        if !(1..=100).contains(&count) {
            problems.push(Problem::new(managed.key("count").span(), "AKS makes 1 to 100 outbound addresses"));
            return vec![];
        }
        self.make_addresses(count, &format!("{}-outbound", cluster.name), &owner, managed, problems)
    }

    fn make_addresses(
        &mut self,
        count: u32,
        name: &str,
        owner: &str,
        at: At<'_>,
        problems: &mut Vec<Problem>,
    ) -> Vec<PublicAddress> {
        let give = |number| self.addresses.give(&format!("{name}-{number}"), owner, OF_AZURE, at, problems);
        (1..=count).filter_map(give).collect()
    }

    /// AKS makes it in the node resource group and attaches it to the subnet that it made.
    fn managed_nat_gateway(
        &mut self,
        profile: &spec::NetworkProfile,
        cluster: &ManagedCluster,
        at: At<'_>,
        problems: &mut Vec<Problem>,
    ) {
        let written = profile.nat_gateway_profile.as_ref();
        let addresses = at.key("managedOutboundIPProfile");
        let count = written.and_then(|it| it.managed_outbound_ip_profile?.count).unwrap_or(1);
        if !(1..=ADDRESSES_MAX).contains(&(count as usize)) {
            let message = format!("a NAT gateway has 1 to {ADDRESSES_MAX} public IP addresses");
            problems.push(Problem::new(addresses.key("count").span(), message));
            return;
        }
        let minutes = written.and_then(|it| it.idle_timeout_in_minutes);
        let name = format!("{}-natgateway", cluster.name);
        let owner = format!("the NAT gateway of `{}`", cluster.name);
        let Some(subnet) = cluster.agent_pools.first().map(|pool| pool.subnet) else { return };
        let gateway = NatGateway {
            virtual_network: Some(subnet.virtual_network),
            public_addresses: self.make_addresses(count, &name, &owner, addresses, problems),
            idle_timeout_minutes: idle_timeout(minutes, 4, at, problems),
            managed_by: Some(cluster.name.clone()),
            name,
        };
        self.networks[subnet.virtual_network].subnets[subnet.subnet].nat_gateway =
            Some(self.nat_gateways.len());
        self.nat_gateways.push(gateway);
    }

    /// AKS looks whether the subnets of the node pools have what the outbound type is about.
    fn check_subnets(
        &self,
        outbound_type: OutboundType,
        cluster: &ManagedCluster,
        at: At<'_>,
        problems: &mut Vec<Problem>,
    ) {
        for SubnetIndex { virtual_network, subnet } in cluster.agent_pools.iter().map(|pool| pool.subnet) {
            let subnet = &self.networks[virtual_network].subnets[subnet];
            let table = subnet.route_table.map(|table| &self.route_tables[table]);
            let (fits, needs, help) = if outbound_type == OutboundType::UserAssignedNATGateway {
                (subnet.nat_gateway.is_some(), "a NAT gateway", "write `natGateway:` at the subnet")
            } else {
                (
                    table.is_some_and(has_way_out),
                    "a route table with a route for 0.0.0.0/0 to a VirtualAppliance or the VirtualNetworkGateway",
                    "AKS refuses the cluster without: attach such a table to the subnet",
                )
            };
            if !fits {
                let message = format!("the subnet `{}` needs {needs} for this outbound type", subnet.name);
                problems.push(Problem::new(at.span(), message).help(help));
                return;
            }
        }
    }
}

fn count(number: usize, one: &str, several: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { several })
}

fn has_way_out(table: &RouteTable) -> bool {
    table.routes.iter().any(|route| {
        route.address_prefix.prefix_len() == 0
            && matches!(route.next_hop, UserNextHop::VirtualAppliance(_) | UserNextHop::VirtualNetworkGateway)
    })
}

fn refused(outbound_type: OutboundType, managed_network: bool) -> Option<(&'static str, &'static str)> {
    match outbound_type {
        OutboundType::Block => Some((
            "`outboundType: block` is not built yet",
            "it needs network security groups; `none` has no way out either, but leaves other ways open",
        )),
        OutboundType::ManagedNATGateway if !managed_network => Some((
            "`managedNATGateway` is for a VNet that AKS makes",
            "in a VNet of your own write `userAssignedNATGateway`, and `natGateway:` at the subnet",
        )),
        OutboundType::UserAssignedNATGateway if managed_network => Some((
            "`userAssignedNATGateway` is for a VNet of your own",
            "write the VNet under `virtualNetworks`, or take `managedNATGateway`",
        )),
        OutboundType::UserDefinedRouting if managed_network => Some((
            "`userDefinedRouting` is for a VNet of your own",
            "write the VNet under `virtualNetworks`, with a route table for its subnet",
        )),
        _ => None,
    }
}

/// What AKS does not change on a running cluster (aks-facts 4.2, migration in a managed VNet).
fn unchangeable(before: Option<OutboundType>, now: OutboundType) -> Option<(&'static str, &'static str)> {
    use OutboundType::{LoadBalancer, ManagedNATGateway};
    (before == Some(ManagedNATGateway) && now == LoadBalancer).then_some((
        "AKS does not change a running cluster from `managedNATGateway` to `loadBalancer`",
        "it can become `none` or `block`; delete the lab to make it anew",
    ))
}

fn only_for<'a, T>(
    profile: &Option<T>,
    fits: bool,
    problems: &mut Vec<Problem>,
    written: impl FnOnce() -> (At<'a>, &'static str),
) {
    if profile.is_some() && !fits {
        let (at, outbound_type) = written();
        let message = format!("this profile is for `{outbound_type}`");
        problems.push(Problem::new(at.span(), message).help("remove it, or change the outbound type"));
    }
}

/// A node keeps its block as long as it lives; a new one gets the first that is free.
fn blocks(standing: &Standing, cluster: &ManagedCluster) -> Vec<u32> {
    let kept: Vec<Option<u32>> =
        cluster.nodes.iter().map(|node| standing.nodes.get(&node.name)?.snat_block).collect();
    let taken: std::collections::BTreeSet<u32> = kept.iter().copied().flatten().collect();
    let mut free = (0..).filter(|block| !taken.contains(block));
    kept.into_iter()
        .map(|kept| kept.unwrap_or_else(|| free.next().expect("there are enough numbers")))
        .collect()
}
