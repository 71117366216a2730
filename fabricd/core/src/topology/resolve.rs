//! From what the user wrote to what it means, in the order in which things depend on each other.

use std::{collections::BTreeSet, net::Ipv4Addr};

use super::{
    ManagedCluster, NetworkPlugin, Pod, SubnetIndex, Topology, VirtualNetwork,
    address_book::AddressBook,
    connected_ranges, gateway, ip_masq_agent,
    managed_cluster::{Clusters, Unpopulated},
    on_premises, peering, pod_address,
    pod_subnet::Placed,
    route_table, scheduler, virtual_machine, virtual_network,
    workload::{self, Draft},
};
use crate::{
    name::LabName,
    place::Place,
    spec::{LabSpec, limits::DIAGNOSTICS_MAX, problem::Problem, tree::At},
};

/// VMs, nodes and gateways of a lab: each is a port of the bridge under all Azure hosts, and Linux allows
/// a bridge 1,023 (`BR_MAX_PORTS`).
pub const AZURE_VMS_MAX: usize = 1_000;

/// Entries of any list in the lab document; subnets have a limit of their own.
const ENTRIES_MAX: usize = 1_000;

/// Longest file name.
const FILE_NAME_MAX: usize = 255;

/// Looks up every reference, gives every address, and checks what belongs together.
///
/// # Errors
/// Every mistake that was found. An object whose own mistake was noted by [`crate::spec::read`] causes no
/// further ones.
pub fn resolve(spec: &LabSpec, standing: &Standing, rollout: &Rollout) -> Result<Topology, Vec<Problem>> {
    let mut problems = vec![];
    let topology = try_resolve(spec, (standing, rollout), &mut problems);
    match topology {
        Some(topology) if problems.is_empty() => Ok(topology),
        _ => Err(problems),
    }
}

fn try_resolve(
    spec: &LabSpec,
    (standing, rollout): (&Standing, &Rollout),
    problems: &mut Vec<Problem>,
) -> Option<Topology> {
    check_sizes(spec, problems)?;
    let name = lab_name(spec, problems);
    let lab = name.as_ref().map_or("lab", LabName::as_str);

    let mut networks = virtual_network::resolve(spec, problems);
    let mut route_tables = route_table::resolve(spec, &mut networks, problems);
    peering::resolve(spec, &mut networks, problems);
    let managed_subnets = add_managed_networks(spec, lab, &mut networks);
    let mut book = AddressBook::of(&networks);
    let vm_drafts = virtual_machine::draft(spec, &networks, &mut book, problems);
    let gateways = gateway::resolve(spec, &networks, &mut book, problems);
    let sites = on_premises::resolve(spec, &networks, &gateways, problems);

    let mut rules = Clusters::of(spec, lab);
    let clusters: Vec<Unpopulated> = (0..spec.lab.value.managed_clusters.len())
        .map(|index| {
            rules.resolve(index, &networks, managed_subnets.get(index).copied(), &mut book, problems)
        })
        .collect();
    let node_names: BTreeSet<String> =
        clusters.iter().flat_map(|it| &it.cluster.nodes).map(|node| node.name.to_ascii_lowercase()).collect();
    let is_node = |name: &str| node_names.contains(&name.to_ascii_lowercase());
    let pools = clusters.iter().flat_map(|it| &it.cluster.agent_pools);
    let pod_subnets: BTreeSet<SubnetIndex> = pools.clone().filter_map(|pool| pool.pod_subnet).collect();
    check_pod_subnets(spec, &networks, &clusters, &pod_subnets, problems);
    let virtual_machines =
        virtual_machine::settle(vm_drafts, &networks, is_node, &pod_subnets, &mut book, problems);
    let gateways: Vec<_> = gateways.into_iter().flatten().collect();
    peering::check_gateways(spec, &networks, &gateways, problems);
    check_ports(spec, virtual_machines.len() + node_names.len() + gateways.len(), problems);

    let managed_clusters = populate(spec, lab, name.as_ref(), clusters, (&networks, &mut book), problems);
    if problems.is_empty() {
        route_table::serve_kubenet(spec, lab, &managed_clusters, &mut networks, &mut route_tables, problems);
    }
    let topology = Topology {
        lab: name?,
        virtual_networks: networks,
        route_tables,
        virtual_network_gateways: gateways,
        on_premises: sites,
        virtual_machines,
        managed_clusters,
    };
    connected_ranges::check(spec, &topology, problems);
    Some(topology)
}

fn lab_name(spec: &LabSpec, problems: &mut Vec<Problem>) -> Option<LabName> {
    let at = spec.lab.at().key("metadata").key("name");
    let Some(name) = spec.lab.value.metadata.as_ref().and_then(|metadata| metadata.name.as_ref()) else {
        if !at.is_lost() {
            let problem = Problem::new(at.span(), "a lab needs `metadata.name`");
            problems.push(problem.help("lower case letters, digits and `-`, at most 32"));
        }
        return None;
    };
    LabName::new(name.as_str())
        .map_err(|error| problems.push(Problem::new(at.span(), error.to_string())))
        .ok()
}

/// Keeps the work bounded: what follows compares some entries with all others.
fn check_sizes(spec: &LabSpec, problems: &mut Vec<Problem>) -> Option<()> {
    let (lab, at) = (&spec.lab.value, spec.lab.at());
    let sections = [
        ("virtualNetworks", lab.virtual_networks.len()),
        ("routeTables", lab.route_tables.len()),
        ("managedClusters", lab.managed_clusters.len()),
        ("virtualMachines", lab.virtual_machines.len()),
        ("virtualNetworkGateways", lab.virtual_network_gateways.len()),
        ("onPremises", lab.on_premises.len()),
    ];
    let before = problems.len();
    let mut limit = |at: At<'_>, length: usize| {
        if length > ENTRIES_MAX {
            let message = format!("{length} entries; a lab has at most {ENTRIES_MAX} of them");
            problems.push(Problem::new(at.span(), message));
        }
    };
    for (key, length) in sections {
        limit(at.key(key), length);
    }
    for (index, site) in lab.on_premises.iter().enumerate() {
        let at = at.key("onPremises").item(index);
        limit(at.key("machines"), site.machines.len());
        limit(at.key("addressPrefixes"), site.address_prefixes.len());
    }
    (problems.len() == before).then_some(())
}

/// Without any VNet in the file, each cluster gets the one that AKS would make.
fn add_managed_networks(spec: &LabSpec, lab: &str, networks: &mut Vec<VirtualNetwork>) -> Vec<SubnetIndex> {
    if !spec.lab.at().key("virtualNetworks").is_unwritten() {
        return vec![];
    }
    let clusters = &spec.lab.value.managed_clusters;
    networks.extend(clusters.iter().map(|cluster| virtual_network::managed_default(lab, &cluster.name)));
    (0..networks.len()).map(|virtual_network| SubnetIndex { virtual_network, subnet: 0 }).collect()
}

/// A pod subnet has pods only: AKS delegates it to itself.
fn check_pod_subnets(
    spec: &LabSpec,
    networks: &[VirtualNetwork],
    clusters: &[Unpopulated],
    pod_subnets: &BTreeSet<SubnetIndex>,
    problems: &mut Vec<Problem>,
) {
    for (index, it) in clusters.iter().enumerate() {
        let at = spec.lab.at().key("managedClusters").item(index).key("agentPoolProfiles");
        for (number, pool) in it.cluster.agent_pools.iter().enumerate() {
            if pod_subnets.contains(&pool.subnet) {
                let name = &networks[pool.subnet.virtual_network].subnets[pool.subnet.subnet].name;
                let message = format!("the subnet `{name}` is a pod subnet: nodes cannot be in it");
                problems.push(
                    Problem::new(at.item(number).key("vnetSubnet").span(), message)
                        .help("give nodes and pods a subnet each"),
                );
            }
        }
    }
}

fn check_ports(spec: &LabSpec, ports: usize, problems: &mut Vec<Problem>) {
    if ports > AZURE_VMS_MAX {
        let message = format!("{ports} VMs, nodes and gateways; a lab has at most {AZURE_VMS_MAX}");
        let span = spec.lab.at().key("kind").span();
        let help = "each is a port of one Linux bridge, and a bridge has 1,023";
        problems.push(Problem::new(span, message).help(help));
    }
}

/// Places the pods, and gives them addresses.
fn populate(
    spec: &LabSpec,
    lab: &str,
    name: Option<&LabName>,
    clusters: Vec<Unpopulated>,
    (networks, book): (&[VirtualNetwork], &mut AddressBook),
    problems: &mut Vec<Problem>,
) -> Vec<ManagedCluster> {
    let borrowed: Vec<&ManagedCluster> = clusters.iter().map(|it| &it.cluster).collect();
    let namespaces = workload::namespaces(spec, &borrowed, problems);
    let surroundings = workload::Surroundings { spec, lab, clusters: &borrowed, namespaces };
    let (drafts, deployments) = workload::drafts(&surroundings, problems);
    let namespaces = surroundings.namespaces;
    let non_masquerade_cidrs = ip_masq_agent::resolve(spec, &borrowed, problems);
    let drafts_of = |index: usize| -> Vec<&Draft<'_>> {
        drafts.iter().filter(|draft| draft.cluster == index && clusters[index].complete).collect()
    };
    let drafts: Vec<Vec<&Draft<'_>>> = (0..clusters.len()).map(drafts_of).collect();
    let placed: Vec<Vec<Option<usize>>> = borrowed
        .iter()
        .zip(&drafts)
        .map(|(cluster, drafts)| scheduler::place(cluster, drafts, problems))
        .collect();
    let batches = batches(spec, &borrowed, &drafts, &placed, (networks, book), problems);

    let mut clusters: Vec<ManagedCluster> = clusters.into_iter().map(|it| it.cluster).collect();
    for (cluster, batches) in clusters.iter_mut().zip(batches) {
        for (node, addresses) in cluster.nodes.iter_mut().zip(batches) {
            node.nic.secondary_addresses = addresses;
        }
    }
    let namespaces = namespaces.into_iter().zip(non_masquerade_cidrs);
    let populations = drafts.iter().zip(placed);
    for ((cluster, (drafts, placed)), (namespaces, cidrs)) in
        clusters.iter_mut().zip(populations).zip(namespaces)
    {
        cluster.pods = pods(cluster, name, drafts, &placed, problems);
        cluster.namespaces = namespaces.into_iter().collect();
        cluster.non_masquerade_cidrs = cidrs;
    }
    for (cluster, deployment) in deployments {
        clusters[cluster].deployments.push(deployment);
    }
    clusters
}

/// The batches of all nodes with a pod subnet, which clusters may share: so all that the lab file gives to
/// pods is taken first.
fn batches(
    spec: &LabSpec,
    clusters: &[&ManagedCluster],
    drafts: &[Vec<&Draft<'_>>],
    placed: &[Vec<Option<usize>>],
    (networks, book): (&[VirtualNetwork], &mut AddressBook),
    problems: &mut Vec<Problem>,
) -> Vec<Vec<Vec<Ipv4Addr>>> {
    let all = clusters.iter().zip(drafts).zip(placed).enumerate();
    let all: Vec<Placed<'_>> =
        all.map(|(index, ((cluster, drafts), placed))| Placed { index, cluster, drafts, placed }).collect();
    for cluster in &all {
        cluster.pin(networks, book, problems);
    }
    all.iter().map(|cluster| cluster.give(spec, networks, book, problems)).collect()
}

fn pods(
    cluster: &ManagedCluster,
    lab: Option<&LabName>,
    drafts: &[&Draft<'_>],
    placed: &[Option<usize>],
    problems: &mut Vec<Problem>,
) -> Vec<Pod> {
    let addresses = pod_address::assign(cluster, drafts, placed, problems);
    let may_have_none = cluster.network_plugin == NetworkPlugin::None;
    let mut pods = vec![];
    for ((draft, node), address) in drafts.iter().zip(placed).zip(addresses) {
        let Some(node) = *node else { continue };
        if address.is_none() && !may_have_none {
            continue;
        }
        let host_network = pod_address::on_host_network(draft);
        let pod = Pod {
            namespace: draft.namespace.clone(),
            name: draft.name().to_owned(),
            node,
            address,
            host_network,
            manifest: draft.manifest.clone(),
        };
        let place = cluster.pod_place(&pod);
        if lab.is_some_and(|lab| place.netns_name(lab).len() > FILE_NAME_MAX)
            && problems.len() < DIAGNOSTICS_MAX
        {
            problems.push(too_long(draft, &place));
        }
        pods.push(pod);
    }
    pods
}

fn too_long(draft: &Draft<'_>, place: &Place) -> Problem {
    let message = format!(
        "the names of lab, cluster, namespace and pod are too long together: {} characters",
        place.to_string().len()
    );
    Problem::new(draft.at.key("metadata").key("name").span(), message)
        .help("they make up a file name, which has at most 255; shorten one of them")
}
