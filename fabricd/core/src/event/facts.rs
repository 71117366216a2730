//! What can be told about each object of a lab: a list of facts, which are compared one by one.

mod egress;
pub(super) mod service;

use super::{Object, Reason};
use crate::{
    inventory::Kind,
    topology::{ManagedCluster, NetworkInterface, SubnetIndex, Topology, UserNextHop},
};

/// One thing about an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fact {
    /// What it is, in front of the value: `address`.
    pub what: &'static str,
    /// None if the object has none at the moment.
    pub value: Option<String>,
    /// What it means if it becomes another.
    pub change: Change,
}

/// What the change of a fact is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// By the same word whatever it becomes.
    As(Reason),
    /// It is attached and detached.
    Attachment,
    /// It is the state of a peering, and called by its name.
    State,
}

/// An object with its facts. `within` tells apart what has the same name in two clusters.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub within: String,
    pub object: Object,
    pub facts: Vec<Fact>,
}

fn fact(what: &'static str, value: impl ToString) -> Fact {
    Fact { what, value: Some(value.to_string()), change: Change::As(Reason::Changed) }
}

fn moving(what: &'static str, value: impl ToString) -> Fact {
    Fact { change: Change::As(Reason::Moved), ..fact(what, value) }
}

fn optional(what: &'static str, value: Option<impl ToString>) -> Fact {
    Fact { what, value: value.map(|value| value.to_string()), change: Change::As(Reason::Changed) }
}

fn list<T: ToString>(values: &[T]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Every object of the lab that is told about, in the order in which it is told.
pub(super) fn of(topology: &Topology) -> Vec<Facts> {
    let mut all = vec![];
    let mut tell = |kind, name: String, facts| {
        all.push(Facts { within: String::new(), object: Object { kind, namespace: None, name }, facts });
    };
    for network in &topology.virtual_networks {
        tell(
            Kind::VirtualNetworks,
            network.name.clone(),
            vec![fact("address space", list(&network.address_prefixes))],
        );
        for subnet in &network.subnets {
            let table = subnet.route_table.map(|table| topology.route_tables[table].name.clone());
            let table = Fact { what: "route table", value: table, change: Change::Attachment };
            let gateway = subnet.nat_gateway.map(|gateway| topology.nat_gateways[gateway].name.clone());
            let gateway = Fact { what: "NAT gateway", value: gateway, change: Change::Attachment };
            let facts = vec![fact("address prefix", subnet.address_prefix), table, gateway];
            tell(Kind::Subnets, format!("{}/{}", network.name, subnet.name), facts);
        }
        for peering in &network.peerings {
            let state = if peering.opposite.is_some() { "Connected" } else { "Initiated" };
            let facts = vec![
                Fact { what: "state", value: Some(state.to_owned()), change: Change::State },
                fact("remote VNet", &topology.virtual_networks[peering.remote].name),
                fact("allowForwardedTraffic", peering.allow_forwarded_traffic),
                fact("allowGatewayTransit", peering.allow_gateway_transit),
                fact("useRemoteGateways", peering.use_remote_gateways),
            ];
            tell(Kind::VirtualNetworkPeerings, format!("{}/{}", network.name, peering.name), facts);
        }
    }
    for table in &topology.route_tables {
        let propagation = fact("disableBgpRoutePropagation", table.disable_bgp_route_propagation);
        tell(Kind::RouteTables, table.name.clone(), vec![propagation]);
        for route in &table.routes {
            let facts = vec![
                fact("address prefix", route.address_prefix),
                fact("next hop", next_hop(route.next_hop)),
            ];
            tell(Kind::Routes, format!("{}/{}", table.name, route.name), facts);
        }
    }
    egress::of(topology, &mut tell);
    for gateway in &topology.virtual_network_gateways {
        let network = &topology.virtual_networks[gateway.subnet.virtual_network].name;
        let facts = vec![
            fact("type", format!("{:?}", gateway.gateway_type)),
            moving("VNet", network),
            fact("address", gateway.private_ip_address),
            optional("default site", gateway.default_site.map(|site| &topology.on_premises[site].name)),
        ];
        tell(Kind::VirtualNetworkGateways, gateway.name.clone(), facts);
    }
    for firewall in &topology.azure_firewalls {
        let network = &topology.virtual_networks[firewall.subnet.virtual_network].name;
        let public: Vec<_> = firewall.public_addresses.iter().map(|public| public.address).collect();
        let rules = &firewall.rules;
        let facts = vec![
            moving("VNet", network),
            fact("address", firewall.private_ip_address),
            fact("public addresses", list(&public)),
            fact("NAT rules", list(&rules.nat)),
            fact("network rules", list(&rules.network)),
            fact("application rules", list(&rules.application)),
        ];
        tell(Kind::AzureFirewalls, firewall.name.clone(), facts);
    }
    for site in &topology.on_premises {
        let facts = vec![
            fact("address prefixes", list(&site.address_prefixes)),
            fact("gateway", &topology.virtual_network_gateways[site.gateway].name),
            optional("public address", site.public_address),
        ];
        tell(Kind::OnPremises, site.name.clone(), facts);
        for machine in &site.machines {
            let facts = vec![moving("site", &site.name), fact("address", machine.address)];
            tell(Kind::Machines, machine.name.clone(), facts);
        }
    }
    for vm in &topology.virtual_machines {
        let mut facts = nic(topology, &vm.nic);
        facts.push(optional("public address", vm.nic.public_address.as_ref().map(|public| public.address)));
        facts.push(fact("enableIPForwarding", vm.nic.enable_ip_forwarding));
        facts.push(fact("net.ipv4.ip_forward", u8::from(vm.ip_forward)));
        facts.push(optional("httpProxy port", vm.http_proxy.map(|proxy| proxy.port)));
        tell(Kind::VirtualMachines, vm.name.clone(), facts);
    }
    topology.managed_clusters.iter().for_each(|one| cluster(topology, one, &mut all));
    all
}

fn nic(topology: &Topology, nic: &NetworkInterface) -> Vec<Fact> {
    vec![moving("subnet", subnet(topology, nic.subnet)), fact("address", nic.private_ip_address)]
}

fn subnet(topology: &Topology, index: SubnetIndex) -> String {
    format!("{}/{}", topology.virtual_networks[index.virtual_network].name, topology.subnet(index).name)
}

fn next_hop(next_hop: UserNextHop) -> String {
    match next_hop {
        UserNextHop::VirtualAppliance(address) => format!("VirtualAppliance {address}"),
        other => format!("{other:?}"),
    }
}

fn cluster(topology: &Topology, cluster: &ManagedCluster, all: &mut Vec<Facts>) {
    let mut tell = |kind, namespace: Option<&str>, name: String, mut facts: Vec<Fact>| {
        if topology.managed_clusters.len() > 1 && kind != Kind::ManagedClusters && kind != Kind::AgentPools {
            facts.push(fact("cluster", &cluster.name));
        }
        let object = Object { kind, namespace: namespace.map(str::to_owned), name };
        all.push(Facts { within: cluster.name.clone(), object, facts });
    };
    let facts = vec![
        fact("Kubernetes", &cluster.kubernetes_version),
        fact("network plugin", format!("{:?}", cluster.network_plugin)),
        optional("podCidr", cluster.pod_cidr),
        fact("serviceCidr", cluster.service_cidr),
        fact("dnsServiceIP", cluster.dns_service_ip),
        fact("outboundType", cluster.outbound.outbound_type),
        optional(
            "nonMasqueradeCIDRs",
            Some(list(&cluster.non_masquerade_cidrs)).filter(|cidrs| !cidrs.is_empty()),
        ),
        optional("httpProxy", cluster.http_proxy.as_ref().and_then(|proxy| proxy.http_proxy.as_ref())),
        optional("httpsProxy", cluster.http_proxy.as_ref().and_then(|proxy| proxy.https_proxy.as_ref())),
        optional("noProxy", cluster.http_proxy.as_ref().map(|proxy| list(&proxy.effective_no_proxy))),
    ];
    tell(Kind::ManagedClusters, None, cluster.name.clone(), facts);
    for pool in &cluster.agent_pools {
        let facts = vec![
            fact("nodes", pool.count),
            fact("maxPods", pool.max_pods),
            moving("subnet", subnet(topology, pool.subnet)),
            optional("pod subnet", pool.pod_subnet.map(|index| subnet(topology, index))),
        ];
        tell(Kind::AgentPools, None, format!("{}/{}", cluster.name, pool.name), facts);
    }
    for node in &cluster.nodes {
        let mut facts = nic(topology, &node.nic);
        facts.push(optional("podCIDR", node.pod_cidr));
        facts.push(fact("Kubernetes", &node.kubernetes_version));
        tell(Kind::Nodes, None, node.name.clone(), facts);
    }
    for deployment in &cluster.deployments {
        let metadata = &deployment.metadata;
        let replicas = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
        let namespace = metadata.namespace.as_deref().unwrap_or("default");
        let name = metadata.name.clone().unwrap_or_default();
        let scaling = Change::As(Reason::ScalingReplicaSet);
        let facts = vec![Fact { change: scaling, ..fact("replicas", replicas) }];
        tell(Kind::Deployments, Some(namespace), name, facts);
    }
    for pod in &cluster.pods {
        let facts = vec![
            moving("node", &cluster.nodes[pod.node].name),
            optional("address", pod.address),
            fact("hostNetwork", pod.host_network),
        ];
        tell(Kind::Pods, Some(&pod.namespace), pod.name.clone(), facts);
    }
    for service in &cluster.services {
        tell(Kind::Services, Some(&service.namespace), service.name.clone(), service::facts(service));
    }
}
