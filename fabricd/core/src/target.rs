//! Which place a user means.

use std::net::{IpAddr, Ipv4Addr};

use crate::{
    blueprint::{PLATFORM_ADDRESS, router_address},
    place::Place,
    topology::{ManagedCluster, NetworkInterface, Pod, Topology},
};

/// Why a target means nothing, or too much.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// There is none; `similar` is the nearest name, if one is near.
    #[error("lab `{lab}` has no `{target}`{}", hint(similar.as_ref()))]
    NotFound {
        /// The lab.
        lab: String,
        /// As the user wrote it.
        target: String,
        /// A name that is there and looks alike.
        similar: Option<String>,
    },
    /// There are several.
    #[error("`{target}` can be {}; write one of them", candidates.join(" or "))]
    Ambiguous {
        /// As the user wrote it.
        target: String,
        /// What it can be.
        candidates: Vec<String>,
    },
    /// It has no address that packets could be sent to.
    #[error("`{0}` has no address of its own")]
    NoAddress(String),
    /// It is no VM, and no pod on one.
    #[error("`{0}` has no Azure network interface; nodes, VMs and pods (by their nodes) have one")]
    NoNetworkInterface(String),
    /// It is something else.
    #[error("`{0}` is no pod")]
    NotAPod(String),
}

fn hint(similar: Option<&String>) -> String {
    similar.map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

/// A place that a user can name.
struct Named {
    /// `pod/a`, `node/NAME` …
    full: String,
    /// The name alone.
    bare: String,
    place: Place,
    address: Option<Ipv4Addr>,
}

/// The place that `text` means; a pod's bare name is looked up in `namespace`.
///
/// # Errors
/// If there is none, or more than one.
pub fn find(topology: &Topology, namespace: &str, text: &str) -> Result<Place, TargetError> {
    named(topology, namespace, text).map(|named| named.place)
}

/// The address that `text` means as a destination: one written out, or a target's own.
///
/// # Errors
/// If there is no such target, or it has no address.
pub fn address(topology: &Topology, namespace: &str, text: &str) -> Result<IpAddr, TargetError> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let named = named(topology, namespace, text)?;
    named.address.map(IpAddr::V4).ok_or(TargetError::NoAddress(named.full))
}

/// A NIC, and what was named that is behind it.
#[derive(Clone, Copy, Debug)]
pub struct BehindNic<'a> {
    /// The name of the VM or AKS node, which is the NIC's too.
    pub vm: &'a str,
    /// The NIC.
    pub nic: &'a NetworkInterface,
    /// The pod that was named, if it was no VM or node.
    pub pod: Option<&'a Pod>,
}

impl BehindNic<'_> {
    /// The address that packets from there have: the pod's own if it has one, else the NIC's.
    pub fn address(&self) -> Ipv4Addr {
        self.pod.and_then(|pod| pod.address).unwrap_or(self.nic.private_ip_address)
    }
}

/// The NIC that packets of `text` leave by: a VM's or node's own, for a pod its node's.
///
/// # Errors
/// If there is no such target, or it is on no Azure VM.
pub fn network_interface<'a>(
    topology: &'a Topology,
    namespace: &str,
    text: &str,
) -> Result<BehindNic<'a>, TargetError> {
    let named = named(topology, namespace, text)?;
    if let Some((cluster, pod)) = pod_of(topology, namespace, &named) {
        let node = &cluster.nodes[pod.node];
        return Ok(BehindNic { vm: &node.name, nic: &node.nic, pod: Some(pod) });
    }
    let found = topology.azure_vms().find(|(place, ..)| *place == named.place);
    let (_, vm, nic) = found.ok_or(TargetError::NoNetworkInterface(named.full))?;
    Ok(BehindNic { vm, nic, pod: None })
}

/// The pod that `text` means, as `CLUSTER/NAMESPACE/NAME`.
///
/// # Errors
/// If there is no such target, or it is something else.
pub fn pod(topology: &Topology, namespace: &str, text: &str) -> Result<String, TargetError> {
    let named = named(topology, namespace, text)?;
    match pod_of(topology, namespace, &named) {
        Some((cluster, pod)) => Ok(format!("{}/{}/{}", cluster.name, pod.namespace, pod.name)),
        None => Err(TargetError::NotAPod(named.full)),
    }
}

fn pod_of<'a>(
    topology: &'a Topology,
    namespace: &str,
    named: &Named,
) -> Option<(&'a ManagedCluster, &'a Pod)> {
    let clusters = topology.managed_clusters.iter();
    let mut pods = clusters.flat_map(|cluster| cluster.pods.iter().map(move |pod| (cluster, pod)));
    pods.find(|(cluster, pod)| {
        let full = named.full == full_pod_name(cluster, pod);
        // One of the host network lives in its node's place.
        let bare = named.full.starts_with("pod/") && cluster.pod_place(pod) == named.place;
        full || bare && pod.namespace == namespace && named.bare == pod.name
    })
}

/// The interface that is looked at in `place` if none is named.
pub fn default_interface(place: &Place) -> &'static str {
    match place {
        Place::Underlay => "br0",
        Place::OnPremises { .. } => "lan0",
        Place::Platform { .. } | Place::Host { .. } | Place::Gateway { .. } => "pa0",
        Place::Internet | Place::LoadBalancer { .. } | Place::NatGateway { .. } | Place::Firewall { .. } => {
            "wan"
        }
        Place::Server { .. }
        | Place::Machine { .. }
        | Place::Node { .. }
        | Place::VirtualMachine { .. }
        | Place::Pod { .. } => "eth0",
    }
}

/// No name is longer: `pod/CLUSTER/NAMESPACE/NAME` has at most 63, 63 and 253 characters behind `pod/`.
const TARGET_MAX: usize = 400;

fn named(topology: &Topology, namespace: &str, text: &str) -> Result<Named, TargetError> {
    if text.len() > TARGET_MAX {
        let target = text.chars().take(64).chain(['…']).collect();
        return Err(TargetError::NotFound { lab: topology.lab.to_string(), target, similar: None });
    }
    let all = all(topology, namespace);
    let by_full: Vec<_> =
        all.iter().filter(|named| named.full == text || named.place.to_string() == text).collect();
    let found = if by_full.is_empty() {
        // Hosts, gateways and the like are asked for by their full names only.
        let plain = |named: &&Named| {
            !text.is_empty()
                && named.bare == text
                && matches!(
                    named.place,
                    Place::Pod { .. }
                        | Place::Node { .. }
                        | Place::VirtualMachine { .. }
                        | Place::Machine { .. }
                        | Place::Server { .. }
                )
        };
        all.iter().filter(plain).collect()
    } else {
        by_full
    };
    let mut found: Vec<&Named> = found;
    found.sort_by(|a, b| a.place.cmp(&b.place));
    found.dedup_by(|a, b| a.place == b.place);
    let index = match found.as_slice() {
        [] => {
            let similar = nearest(text, &all);
            let lab = topology.lab.to_string();
            return Err(TargetError::NotFound { lab, target: text.to_owned(), similar });
        }
        [one] => all.iter().position(|named| std::ptr::eq(named, *one)),
        several => {
            // A bare name means the pod if one has it, as in kubectl.
            let mut pods = several.iter().filter(|named| named.full.starts_with("pod/"));
            match (pods.next(), pods.next()) {
                (Some(pod), None) => all.iter().position(|named| std::ptr::eq(named, *pod)),
                _ => {
                    let candidates = several.iter().map(|named| named.place.to_string()).collect();
                    return Err(TargetError::Ambiguous { target: text.to_owned(), candidates });
                }
            }
        }
    };
    let index = index.unwrap_or_default();
    Ok(all.into_iter().nth(index).expect("the index was found in this list"))
}

fn nearest(text: &str, all: &[Named]) -> Option<String> {
    // Some have a full name only.
    let names = all.iter().flat_map(|named| [&named.bare, &named.full]);
    let candidates = names.filter(|name| !name.is_empty());
    let scored = candidates.map(|name| (strsim::damerau_levenshtein(text, name), name));
    let (distance, name) = scored.min()?;
    // Of two short names all letters may differ.
    let alike = distance <= 2.max(text.len() / 4) && distance < text.len().max(name.len());
    alike.then(|| name.clone())
}

fn all(topology: &Topology, namespace: &str) -> Vec<Named> {
    let mut all = vec![];
    let mut add = |full: String, bare: &str, place: Place, address: Option<Ipv4Addr>| {
        all.push(Named { full, bare: bare.to_owned(), place, address });
    };
    for cluster in &topology.managed_clusters {
        for pod in &cluster.pods {
            let place = cluster.pod_place(pod);
            if pod.namespace == namespace {
                add(format!("pod/{}", pod.name), &pod.name, place.clone(), pod.address);
            }
            if pod.host_network {
                add(full_pod_name(cluster, pod), "", place, pod.address);
            } else {
                add(place.to_string(), "", place, pod.address);
            }
        }
    }
    for (place, name, nic) in topology.azure_vms() {
        add(place.to_string(), name, place.clone(), Some(nic.private_ip_address));
        let host = Place::Host { vm: name.to_owned() };
        add(host.to_string(), name, host, None);
    }
    for site in &topology.on_premises {
        let place = Place::OnPremises { site: site.name.clone() };
        let router = site.address_prefixes.first().map(|prefix| router_address(*prefix));
        add(place.to_string(), &site.name, place, router);
        for machine in &site.machines {
            let place = Place::Machine { name: machine.name.clone() };
            add(place.to_string(), &machine.name, place, Some(machine.address));
        }
    }
    for cluster in topology.managed_clusters.iter().filter(|it| it.outbound.load_balancer.is_some()) {
        let place = Place::LoadBalancer { cluster: cluster.name.clone() };
        add(place.to_string(), "", place, None);
    }
    for gateway in topology.nat_gateways.iter().filter(|it| it.virtual_network.is_some()) {
        let place = Place::NatGateway { name: gateway.name.clone() };
        add(place.to_string(), "", place, None);
    }
    for firewall in &topology.azure_firewalls {
        let place = Place::Firewall { name: firewall.name.clone() };
        add(place.to_string(), &firewall.name, place, Some(firewall.private_ip_address));
    }
    if let Some(internet) = &topology.internet {
        add("internet".into(), "internet", Place::Internet, None);
        for server in &internet.servers {
            let place = Place::Server { name: server.name.clone() };
            add(place.to_string(), &server.name, place, Some(server.address));
        }
    }
    for gateway in &topology.virtual_network_gateways {
        let place = Place::Gateway { name: gateway.name.clone() };
        add(place.to_string(), &gateway.name, place, Some(gateway.private_ip_address));
    }
    for network in &topology.virtual_networks {
        let place = Place::Platform { virtual_network: network.name.clone() };
        add(place.to_string(), &network.name, place, Some(PLATFORM_ADDRESS));
    }
    if !topology.virtual_networks.is_empty() {
        add("underlay".into(), "underlay", Place::Underlay, None);
    }
    all
}

fn full_pod_name(cluster: &ManagedCluster, pod: &Pod) -> String {
    format!("pod/{}/{}/{}", cluster.name, pod.namespace, pod.name)
}
