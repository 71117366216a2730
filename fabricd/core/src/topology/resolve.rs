//! From what the user wrote to what it means, in the order in which things depend on each other.

use std::{collections::BTreeSet, net::Ipv4Addr};

use super::{
    ManagedCluster, NetworkPlugin, Pod, Rollout, Standing, SubnetIndex, Topology, VirtualNetwork,
    address_book::AddressBook,
    connected_ranges, coredns, dns, egress,
    ground::Ground,
    ip_masq_agent,
    managed_cluster::Unpopulated,
    node, peering, pod_address,
    pod_subnet::Placed,
    route_table, scheduler,
    service::{
        self,
        frontend::{self, Open},
        manifest,
    },
    shortage,
    standing::{Course, pod_key},
    virtual_machine,
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

    let mut ground = Ground::of(spec, lab, problems);
    ground.surge(rollout);
    for cluster in &mut ground.clusters {
        cluster.complete &= node::limits(cluster, problems);
    }
    // Before nodes are made: there could be very many.
    if !check_ports(spec, ground.ports(), problems) {
        ground.clusters.iter_mut().for_each(|cluster| cluster.complete = false);
    }
    let demands = ground.demands(&[]);
    shortage::tell(&demands, &mut ground.clusters, problems);
    let kept = ground.keep(standing);
    let course = Course { standing, rollout, kept: &kept };
    let Ground {
        mut networks,
        mut route_tables,
        mut book,
        vm_drafts,
        gateways,
        mut sites,
        firewalls,
        clusters,
        ..
    } = ground;
    let clusters: Vec<Unpopulated> =
        clusters.into_iter().map(|cluster| cluster.make(&networks, course, &mut book, problems)).collect();
    let node_names: BTreeSet<String> =
        clusters.iter().flat_map(|it| &it.cluster.nodes).map(|node| node.name.to_ascii_lowercase()).collect();
    let is_node = |name: &str| node_names.contains(&name.to_ascii_lowercase());
    let pools = clusters.iter().flat_map(|it| &it.cluster.agent_pools);
    let pod_subnets: BTreeSet<SubnetIndex> = pools.clone().filter_map(|pool| pool.pod_subnet).collect();
    check_pod_subnets(spec, &networks, &clusters, &pod_subnets, problems);
    let mut virtual_machines =
        virtual_machine::settle(vm_drafts, &networks, is_node, &pod_subnets, &mut book, problems);
    let mut gateways: Vec<_> = gateways.into_iter().flatten().collect();
    peering::check_gateways(spec, &networks, &gateways, problems);
    let (mut managed_clusters, frontends) =
        populate(spec, (lab, name.as_ref()), clusters, course, (&networks, &mut book), problems);
    let lab_of_egress = egress::Lab {
        networks: &mut networks,
        route_tables: &route_tables,
        virtual_machines: &mut virtual_machines,
        clusters: &mut managed_clusters,
        gateways: &mut gateways,
        sites: &mut sites,
        firewalls: &firewalls,
        frontends: &frontends,
    };
    let egress::WaysOut { nat_gateways, azure_firewalls, unassociated_addresses, internet } =
        egress::resolve(spec, standing, lab_of_egress, problems);
    let balancers =
        managed_clusters.iter().filter(|cluster| cluster.outbound.load_balancer.is_some()).count();
    let gateways_of_all_kinds = gateways.len() + nat_gateways.len() + azure_firewalls.len();
    let ports = virtual_machines.len() + node_names.len() + balancers + gateways_of_all_kinds;
    check_ports(spec, ports as u64, problems);
    if problems.is_empty() {
        route_table::serve_kubenet(spec, lab, &managed_clusters, &mut networks, &mut route_tables, problems);
    }
    let private_dns_zones = dns::private_zones(spec, &networks, problems);
    let mut topology = Topology {
        lab: name?,
        virtual_networks: networks,
        route_tables,
        virtual_network_gateways: gateways,
        on_premises: sites,
        virtual_machines,
        managed_clusters,
        nat_gateways,
        unassociated_addresses,
        private_dns_zones,
        azure_firewalls,
        internet,
        conditions: standing.conditions.clone(),
    };
    topology.follow_conditions();
    topology.expect_first_probes(standing);
    topology.follow_conditions();
    connected_ranges::check(spec, &topology, problems);
    Some(topology)
}

pub(super) fn lab_name(spec: &LabSpec, problems: &mut Vec<Problem>) -> Option<LabName> {
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
pub(super) fn check_sizes(spec: &LabSpec, problems: &mut Vec<Problem>) -> Option<()> {
    let (lab, at) = (&spec.lab.value, spec.lab.at());
    let sections = [
        ("virtualNetworks", lab.virtual_networks.len()),
        ("routeTables", lab.route_tables.len()),
        ("managedClusters", lab.managed_clusters.len()),
        ("virtualMachines", lab.virtual_machines.len()),
        ("virtualNetworkGateways", lab.virtual_network_gateways.len()),
        ("onPremises", lab.on_premises.len()),
        ("natGateways", lab.nat_gateways.len()),
        ("azureFirewalls", lab.azure_firewalls.len()),
        ("publicIPAddresses", lab.public_ip_addresses.len()),
        ("privateDnsZones", lab.private_dns_zones.len()),
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
    limit(at.key("internet").key("servers"), lab.internet.as_ref().map_or(0, |it| it.servers.len()));
    for (index, site) in lab.on_premises.iter().enumerate() {
        let at = at.key("onPremises").item(index);
        limit(at.key("machines"), site.machines.len());
        limit(at.key("addressPrefixes"), site.address_prefixes.len());
    }
    (problems.len() == before).then_some(())
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

/// Whether all VMs, nodes and gateways can be ports of one bridge.
fn check_ports(spec: &LabSpec, ports: u64, problems: &mut Vec<Problem>) -> bool {
    if ports <= AZURE_VMS_MAX as u64 {
        return true;
    }
    let message = format!("{ports} VMs, nodes and gateways; a lab has at most {AZURE_VMS_MAX}");
    let help = "each is a port of one Linux bridge, and a bridge has 1,023";
    problems.push(Problem::new(spec.lab.at().key("kind").span(), message).help(help));
    false
}

/// Places the pods, and gives them addresses.
fn populate<'a>(
    spec: &'a LabSpec,
    (lab, name): (&str, Option<&LabName>),
    clusters: Vec<Unpopulated>,
    course: Course<'_>,
    (networks, book): (&[VirtualNetwork], &mut AddressBook),
    problems: &mut Vec<Problem>,
) -> (Vec<ManagedCluster>, Vec<Open<'a>>) {
    let borrowed: Vec<&ManagedCluster> = clusters.iter().map(|it| &it.cluster).collect();
    let namespaces = workload::namespaces(spec, &borrowed, problems);
    let surroundings = workload::Surroundings { spec, lab, clusters: &borrowed, namespaces };
    let (drafts, deployments) = workload::drafts(&surroundings, problems);
    let services = manifest::drafts(&surroundings, problems);
    let namespaces = surroundings.namespaces;
    let non_masquerade_cidrs = ip_masq_agent::resolve(spec, &borrowed, problems);
    let drafts_of = |index: usize| -> Vec<&Draft<'_>> {
        drafts.iter().filter(|draft| draft.cluster == index && clusters[index].complete).collect()
    };
    let drafts: Vec<Vec<&Draft<'_>>> = (0..clusters.len()).map(drafts_of).collect();
    let placed: Vec<Vec<Option<usize>>> = borrowed
        .iter()
        .zip(&drafts)
        .map(|(cluster, drafts)| scheduler::place(cluster, drafts, course, problems))
        .collect();
    let coredns: Vec<_> = borrowed
        .iter()
        .enumerate()
        .map(|cluster| coredns::drafts(spec, lab, (cluster.0, cluster.1), &deployments))
        .collect();
    let (mut drafts, mut placed) = (drafts, placed);
    for (index, (pods, _)) in coredns.iter().enumerate() {
        if clusters[index].complete {
            let nodes = coredns::place(borrowed[index], (&drafts[index], &placed[index]), pods, course);
            drafts[index].extend(pods);
            placed[index].extend(nodes);
        }
    }
    let customs = coredns::custom(spec, &borrowed, problems);
    let batches = batches(spec, &borrowed, &drafts, &placed, course, (networks, book), problems);

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
        cluster.pods = pods(cluster, name, (drafts, &placed), course.standing, problems);
        cluster.namespaces = namespaces.into_iter().collect();
        cluster.non_masquerade_cidrs = cidrs;
    }
    for (cluster, deployment) in deployments {
        clusters[cluster].deployments.push(deployment);
    }
    for ((cluster, (_, deployment)), custom) in clusters.iter_mut().zip(&coredns).zip(customs) {
        cluster.deployments.extend(deployment.clone());
        cluster.coredns_custom = custom;
    }
    let frontends = service::settle(lab, services, &mut clusters, course.standing, problems);
    frontend::check_rules(&frontends, &clusters, problems);
    frontend::internal(&frontends, &mut clusters, course.standing, (networks, book), problems);
    (clusters, frontends)
}

/// The batches of all nodes with a pod subnet, which clusters may share: so all that the lab file gives to
/// pods is taken first.
fn batches(
    spec: &LabSpec,
    clusters: &[&ManagedCluster],
    drafts: &[Vec<&Draft<'_>>],
    placed: &[Vec<Option<usize>>],
    course: Course<'_>,
    (networks, book): (&[VirtualNetwork], &mut AddressBook),
    problems: &mut Vec<Problem>,
) -> Vec<Vec<Vec<Ipv4Addr>>> {
    let all = clusters.iter().zip(drafts).zip(placed).enumerate();
    let all: Vec<Placed<'_>> =
        all.map(|(index, ((cluster, drafts), placed))| Placed { index, cluster, drafts, placed }).collect();
    for cluster in &all {
        cluster.pin(networks, book, problems);
    }
    let kept: Vec<_> = all.iter().map(|cluster| cluster.keep(course.standing, book)).collect();
    let both = all.iter().zip(kept);
    both.map(|(cluster, kept)| cluster.give(spec, kept, (networks, book), problems)).collect()
}

fn pods(
    cluster: &ManagedCluster,
    lab: Option<&LabName>,
    (drafts, placed): (&[&Draft<'_>], &[Option<usize>]),
    standing: &Standing,
    problems: &mut Vec<Problem>,
) -> Vec<Pod> {
    let addresses = pod_address::assign(cluster, drafts, placed, standing, problems);
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
            ready: standing.conditions.is_ready(&pod_key(&cluster.name, &draft.namespace, draft.name())),
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
