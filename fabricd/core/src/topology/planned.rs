//! What a lab's node pools want, for the address planner.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::Ipv4Net;

use super::{
    ManagedCluster, Rollout, Standing, SubnetIndex,
    address_book::AddressBook,
    agent_pool::Draft,
    ground::Ground,
    managed_cluster::{Drafted, Unpopulated},
    network_profile::POD_CIDR,
    pod_address::on_host_network,
    resolve::{AZURE_VMS_MAX, check_sizes, lab_name},
    route_table::ROUTES_MAX,
    scheduler,
    standing::Course,
    workload,
};
use crate::{
    address_plan::{
        AddressPlan, Cluster, Demands, Each, Mode, Pool, Share, Supply, SupplyKind, Unit, WholeSubnet,
        formula::{POD_CIDR_PREFIX, size, usable_in, whole_blocks},
    },
    spec::{LabSpec, problem::Problem},
};

/// Pods on each node of each pool.
type Pods = Vec<Vec<u32>>;

/// Counts the addresses that the lab needs. It need not fit.
///
/// Gives the lab's name too.
///
/// # Errors
/// Every mistake that was found, but none of size.
pub fn plan_addresses(spec: &LabSpec) -> Result<(String, AddressPlan), Vec<Problem>> {
    let mut problems = vec![];
    let plan = try_plan(spec, &mut problems);
    plan.filter(|_| problems.is_empty()).ok_or(problems)
}

fn try_plan(spec: &LabSpec, problems: &mut Vec<Problem>) -> Option<(String, AddressPlan)> {
    check_sizes(spec, problems)?;
    let name = lab_name(spec, problems)?;
    let ground = Ground::of(spec, name.as_str(), problems);
    let (standing, rollout, kept) = (Standing::default(), Rollout::default(), BTreeMap::new());
    let new = Course { standing: &standing, rollout: &rollout, kept: &kept };
    // Pods are placed on nodes whose addresses mean nothing; in a lab that is too large, on none.
    let too_large = ground.ports() > AZURE_VMS_MAX as u64;
    let mut endless = AddressBook::endless(&ground.networks);
    let counted: Vec<Unpopulated> = ground
        .clusters
        .iter()
        .map(|cluster| {
            let mut cluster = cluster.clone();
            cluster.complete &= !too_large;
            cluster.make(&ground.networks, new, &mut endless, &mut vec![])
        })
        .collect();
    let pods = pods(spec, name.as_str(), &counted, new, problems);
    Some((name.as_str().to_owned(), ground.demands(&pods).plan()))
}

/// Schedules the pods of the lab on nodes of which only the names mean anything, and counts them.
///
/// Addresses that pods have in writing decide nothing here; so with kubenet, overlay and node subnet a pod
/// may be counted on another node than its own, where it makes no difference.
fn pods(
    spec: &LabSpec,
    lab: &str,
    clusters: &[Unpopulated],
    new: Course<'_>,
    problems: &mut Vec<Problem>,
) -> Vec<Pods> {
    let borrowed: Vec<&ManagedCluster> = clusters.iter().map(|it| &it.cluster).collect();
    let namespaces = workload::namespaces(spec, &borrowed, problems);
    let surroundings = workload::Surroundings { spec, lab, clusters: &borrowed, namespaces };
    let (mut drafts, _) = workload::drafts(&surroundings, problems);
    drafts.iter_mut().for_each(|draft| draft.pinned = None);
    let of_cluster = |(index, cluster): (usize, &&ManagedCluster)| {
        let drafts: Vec<&workload::Draft<'_>> =
            drafts.iter().filter(|draft| draft.cluster == index && clusters[index].complete).collect();
        let placed = scheduler::place(cluster, &drafts, new, &mut vec![]);
        let mut on_node = vec![0_u32; cluster.nodes.len()];
        for (draft, node) in drafts.iter().zip(placed) {
            if let (Some(node), false) = (node, on_host_network(draft)) {
                on_node[node] += 1;
            }
        }
        let mut pods: Pods = vec![vec![]; cluster.agent_pools.len()];
        for (node, number) in cluster.nodes.iter().zip(on_node) {
            pods[node.pool].push(number);
        }
        pods
    };
    borrowed.iter().enumerate().map(of_cluster).collect()
}

/// What addresses are taken from. In this order they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    /// A subnet, or the part of it that one pool has.
    Subnet(SubnetIndex, Option<Ipv4Net>),
    /// The pod CIDR of the cluster of this index, or the part of it that one pool has.
    PodCidr(usize, Option<Ipv4Net>),
    /// The route table of the cluster of this index.
    Routes(usize),
}

impl Ground<'_> {
    /// The demands of the clusters that are complete; `pods` has an entry for each cluster, or none at all.
    pub fn demands(&self, pods: &[Pods]) -> Demands {
        let mut sources: BTreeMap<Source, usize> = BTreeMap::new();
        let mut subnets: BTreeMap<SubnetIndex, usize> = BTreeMap::new();
        for (cluster, draft) in self.drafts() {
            sources.extend(wants(cluster.index, draft).map(|(source, _)| (source, 0)));
            subnets.extend(draft.subnet.into_iter().chain(draft.pod_subnet).map(|subnet| (subnet, 0)));
        }
        // A range is shown under the subnet or pod CIDR that it is a part of.
        for source in sources.keys().copied().collect::<Vec<_>>() {
            match source {
                Source::Subnet(subnet, Some(_)) => sources.entry(Source::Subnet(subnet, None)).or_default(),
                Source::PodCidr(cluster, Some(_)) => {
                    sources.entry(Source::PodCidr(cluster, None)).or_default()
                }
                _ => continue,
            };
        }
        sources.values_mut().enumerate().for_each(|(index, place)| *place = index);
        subnets.values_mut().enumerate().for_each(|(index, place)| *place = index);
        let around = self.around(&subnets);
        let supplies = sources.keys().map(|source| self.supply(*source, &sources, &around)).collect();
        let pool = |(cluster, number, draft): (&Drafted<'_>, usize, &Draft<'_>)| {
            let subnet = |at: Option<SubnetIndex>| at.and_then(|at| subnets.get(&at).copied());
            let shares = wants(cluster.index, draft);
            Pool {
                cluster: cluster.index,
                number,
                name: format!("{}/{}", cluster.cluster.name, draft.name),
                mode: draft.mode,
                count: draft.count,
                max_count: draft.auto_scaling.map(|limits| limits.max_count),
                max_surge: draft.max_surge,
                max_pods: draft.max_pods,
                node_subnet: subnet(draft.subnet).unwrap_or_default(),
                pod_subnet: subnet(draft.pod_subnet),
                shares: shares.map(|(source, each)| Share { supply: sources[&source], each }).collect(),
                pods: pods
                    .get(cluster.index)
                    .and_then(|pools| pools.get(number))
                    .cloned()
                    .unwrap_or_default(),
            }
        };
        let clusters = self.clusters.iter().map(|cluster| Cluster {
            name: cluster.cluster.name.clone(),
            pod_cidr: cluster.network.pod_cidr.unwrap_or(POD_CIDR),
        });
        let whole = subnets.keys().map(|subnet| WholeSubnet {
            name: self.name(*subnet),
            address_prefix: self.prefix(*subnet),
            others: around.whole.get(subnet).map_or(0, |others| others.told().iter().map(|(_, it)| it).sum()),
        });
        Demands {
            clusters: clusters.collect(),
            pools: self.numbered().map(pool).collect(),
            supplies,
            subnets: whole.collect(),
        }
    }

    fn numbered(&self) -> impl Iterator<Item = (&Drafted<'_>, usize, &Draft<'_>)> {
        let complete = self.clusters.iter().filter(|cluster| cluster.complete);
        complete.flat_map(|cluster| {
            cluster.drafts.iter().enumerate().map(move |(number, draft)| (cluster, number, draft))
        })
    }

    fn drafts(&self) -> impl Iterator<Item = (&Drafted<'_>, &Draft<'_>)> {
        self.numbered().map(|(cluster, _, draft)| (cluster, draft))
    }

    fn supply(&self, source: Source, sources: &BTreeMap<Source, usize>, around: &Around) -> Supply {
        match source {
            Source::Subnet(subnet, range) => {
                let prefix = self.prefix(subnet);
                let in_blocks = around.in_blocks.contains(&subnet);
                let amount = |part: Ipv4Net| {
                    if in_blocks { whole_blocks(prefix, part) } else { usable_in(prefix, part) }
                };
                let in_ranges =
                    if range.is_some() { 0 } else { ranges_of(source, sources).map(amount).sum() };
                let name = self.name(subnet);
                Supply {
                    name: range.map_or(name.clone(), |_| format!("{name} (range)")),
                    kind: range.map_or(SupplyKind::Subnet, |_| SupplyKind::SubnetRange),
                    address_prefix: Some(range.unwrap_or(prefix)),
                    unit: if in_blocks { Unit::Slash28 } else { Unit::Address },
                    has: match range {
                        Some(range) => amount(range),
                        None => amount(prefix).saturating_sub(in_ranges),
                    },
                    in_ranges,
                    others: around.others.get(&source).map(Others::told).unwrap_or_default(),
                }
            }
            Source::PodCidr(cluster, range) => {
                let Drafted { network, cluster: written, .. } = &self.clusters[cluster];
                let pod_cidr = network.pod_cidr.unwrap_or(POD_CIDR);
                let blocks = |net: Ipv4Net| size(net) >> (32 - POD_CIDR_PREFIX);
                let in_ranges =
                    if range.is_some() { 0 } else { ranges_of(source, sources).map(blocks).sum() };
                let name = format!("{} podCidr", written.name);
                Supply {
                    name: range.map_or(name.clone(), |_| format!("{name} (range)")),
                    kind: range.map_or(SupplyKind::PodCidr, |_| SupplyKind::PodCidrRange),
                    address_prefix: Some(range.unwrap_or(pod_cidr)),
                    unit: Unit::Slash24,
                    has: range.map_or_else(|| blocks(pod_cidr).saturating_sub(in_ranges), blocks),
                    in_ranges,
                    others: vec![],
                }
            }
            Source::Routes(cluster) => Supply {
                name: format!("{} route table", self.clusters[cluster].cluster.name),
                kind: SupplyKind::RouteTable,
                address_prefix: None,
                unit: Unit::Route,
                has: ROUTES_MAX as u64,
                in_ranges: 0,
                others: vec![],
            },
        }
    }

    fn around(&self, subnets: &BTreeMap<SubnetIndex, usize>) -> Around {
        let mut around = Around::default();
        for (_, draft) in self.drafts().filter(|(_, draft)| draft.mode == Mode::StaticBlock) {
            around.in_blocks.extend(draft.pod_subnet);
        }
        for subnet in subnets.keys() {
            for (range, taken) in self.book.taken(*subnet) {
                around.others.entry(Source::Subnet(*subnet, range)).or_default().taken += taken;
                around.whole.entry(*subnet).or_default().taken += taken;
            }
        }
        for vm in &self.vm_drafts {
            let range = vm.address.and_then(|address| self.book.range_of(vm.subnet, address));
            let part = around.others.entry(Source::Subnet(vm.subnet, range)).or_default();
            for others in [part, around.whole.entry(vm.subnet).or_default()] {
                others.vms += 1;
                others.pinned_vms += u64::from(vm.address.is_some());
            }
        }
        around
    }

    fn prefix(&self, subnet: SubnetIndex) -> Ipv4Net {
        self.networks[subnet.virtual_network].subnets[subnet.subnet].address_prefix
    }

    fn name(&self, subnet: SubnetIndex) -> String {
        let network = &self.networks[subnet.virtual_network];
        format!("{}/{}", network.name, network.subnets[subnet.subnet].name)
    }
}

/// What is in subnets beside nodes.
#[derive(Default)]
struct Around {
    /// Subnets of which nodes get blocks.
    in_blocks: BTreeSet<SubnetIndex>,
    /// By range, and outside of all of them.
    others: BTreeMap<Source, Others>,
    /// In whole subnets.
    whole: BTreeMap<SubnetIndex, Others>,
}

/// VMs and gateways.
#[derive(Default)]
struct Others {
    vms: u64,
    /// Those whose addresses are in writing, and so among those that are taken.
    pinned_vms: u64,
    taken: u64,
}

impl Others {
    fn told(&self) -> Vec<(String, u64)> {
        let plural = if self.vms == 1 { "" } else { "s" };
        let gateways = self.taken.saturating_sub(self.pinned_vms);
        let all = [(format!("{} VM{plural}", self.vms), self.vms), ("gateways".to_owned(), gateways)];
        all.into_iter().filter(|(_, amount)| *amount > 0).collect()
    }
}

/// The ranges of a whole subnet or pod CIDR that pools have.
fn ranges_of(whole: Source, sources: &BTreeMap<Source, usize>) -> impl Iterator<Item = Ipv4Net> {
    let range = move |source: &Source| match (whole, *source) {
        (Source::Subnet(whole, _), Source::Subnet(subnet, range)) => (whole == subnet).then_some(range),
        (Source::PodCidr(whole, _), Source::PodCidr(cluster, range)) => (whole == cluster).then_some(range),
        _ => None,
    };
    sources.range(whole..).map_while(move |(source, _)| range(source)).flatten()
}

/// What each node of a pool takes, and where.
fn wants(cluster: usize, draft: &Draft<'_>) -> impl Iterator<Item = (Source, Each)> + use<> {
    let nodes = draft.subnet.map(|subnet| Source::Subnet(subnet, draft.node_range));
    let pods_in_nodes = draft.subnet.map(|subnet| Source::Subnet(subnet, draft.pod_range));
    let pods = draft.pod_subnet.map(|subnet| Source::Subnet(subnet, draft.pod_range));
    let pod_cidr = Some(Source::PodCidr(cluster, draft.pod_range));
    let max_pods = draft.max_pods;
    let all = match draft.mode {
        Mode::NodeSubnet if nodes == pods_in_nodes => vec![(nodes, Each::NodeAndPods(max_pods))],
        Mode::NodeSubnet => vec![(nodes, Each::One), (pods_in_nodes, Each::Pods(max_pods))],
        Mode::PodSubnet => vec![(nodes, Each::One), (pods, Each::Batches)],
        Mode::StaticBlock => vec![(nodes, Each::One), (pods, Each::Blocks(max_pods))],
        Mode::Overlay | Mode::None => vec![(nodes, Each::One), (pod_cidr, Each::One)],
        Mode::Kubenet => {
            vec![(nodes, Each::One), (pod_cidr, Each::One), (Some(Source::Routes(cluster)), Each::One)]
        }
    };
    all.into_iter().filter_map(|(source, each)| Some((source?, each)))
}
