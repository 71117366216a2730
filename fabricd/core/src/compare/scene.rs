//! Who takes part in one lab: both ends, what is on the way between them, who else may ask.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
};

use super::{
    owner::{Owner, Owners, networks, owners},
    reach::{Asker, askers},
};
use crate::{
    place::Place,
    target::{self, TargetError},
    topology::{ManagedCluster, Topology},
};

/// Longer names are not repeated in cells: they would be all that there is room for.
const LABEL_MAX: usize = 15;
/// What to do about a place that is no end.
const ENDS: &str = "take a pod, a node, a VM or a machine on premises";
/// Names that an error lists of each kind.
const NAMES_MAX: usize = 12;

/// What a comparison needs to know of one lab.
#[derive(Clone, Debug)]
pub struct Scene {
    /// Who sends.
    pub source: End,
    /// Who answers.
    pub destination: End,
    /// Others that the lab has, one of each relation to the destination.
    pub askers: Vec<Asker>,
    owners: Owners,
    networks: BTreeMap<u32, String>,
}

/// One end of the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Where its programs run.
    pub place: Place,
    /// How cells call it.
    pub label: String,
    /// What packets are sent to: its own address, or the one that was written.
    pub address: Ipv4Addr,
    /// The node that it is behind, if it is a pod with a network of its own.
    pub node: Option<Place>,
    /// The Azure host under it; none on premises.
    pub host: Option<Place>,
}

/// Where to capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// Which station of the way.
    pub kind: PointKind,
    /// Where.
    pub place: Place,
    /// At which of its interfaces.
    pub interface: &'static str,
}

/// Stations of the way, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointKind {
    /// All interfaces of the source.
    Source,
    /// Where the source's node has Azure before it.
    SourceNode,
    /// The underlay's side of the Azure host under the source.
    SourceHost,
    /// The same of the destination.
    DestinationHost,
    /// Where the destination's node has Azure before it.
    DestinationNode,
    /// All interfaces of the destination.
    Destination,
}

/// Why there is nothing to compare in a lab.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompareError {
    /// There is no such target, or several; what there is instead.
    #[error("{target}; it has {there}")]
    NoTarget {
        /// What was wrong with it.
        target: TargetError,
        /// What can be compared.
        there: String,
    },
    /// There is one, and it can be no end.
    #[error("lab `{lab}`: {problem}")]
    NoEnd {
        /// The lab.
        lab: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl Scene {
    /// Looks up both ends; pods' bare names in `namespace`. An end may be an address that exactly one
    /// place has.
    ///
    /// # Errors
    /// If one of them is not there, or sends and answers nothing.
    pub fn of(
        topology: &Topology,
        namespace: &str,
        source: &str,
        destination: &str,
    ) -> Result<Self, CompareError> {
        let owners = owners(topology);
        let find = |text: &str| find(topology, &owners, namespace, text);
        let source = End::new(topology, find(source)?, "source");
        let destination = End::new(topology, find(destination)?, "destination");
        let askers = askers(topology, &destination);
        Ok(Self { source, destination, askers, owners, networks: networks(topology) })
    }

    /// Where to capture, in the order of the way; no place twice at the same interface.
    pub fn points(&self) -> Vec<Point> {
        let point = |kind, place: &Place, interface| Point { kind, place: place.clone(), interface };
        let at_hosts = |kind, end: &End| {
            end.host.as_ref().map(|host| point(kind, host, target::default_interface(host)))
        };
        let at_nodes = |kind, end: &End| end.node.as_ref().map(|node| point(kind, node, "eth0"));
        let mut points = vec![point(PointKind::Source, &self.source.place, "any")];
        let between = [
            at_nodes(PointKind::SourceNode, &self.source),
            at_hosts(PointKind::SourceHost, &self.source),
            at_hosts(PointKind::DestinationHost, &self.destination),
            at_nodes(PointKind::DestinationNode, &self.destination),
            Some(point(PointKind::Destination, &self.destination.place, "any")),
        ];
        for point in between.into_iter().flatten() {
            let known = |other: &Point| (&other.place, other.interface) == (&point.place, point.interface);
            if !points.iter().any(known) {
                points.push(point);
            }
        }
        points
    }

    /// Whose `address` is. Of several that have it, the one nearest to the ends.
    pub fn owner(&self, address: Ipv4Addr) -> Owner {
        let owners = self.owners.get(&address).map_or(&[][..], Vec::as_slice);
        let ends = [
            Some(&self.source.place),
            self.source.node.as_ref(),
            Some(&self.destination.place),
            self.destination.node.as_ref(),
        ];
        let near = ends.into_iter().flatten().find(|place| owners.contains(place));
        let place = near.or_else(|| owners.first());
        Owner {
            address,
            place: place.map(Place::to_string),
            role: place.map_or_else(|| "nobody".to_owned(), |place| self.role(place)),
        }
    }

    /// What `place` is to the ends: `client`, `client's node`, `their node`, `another node`; else its
    /// own name.
    pub fn role(&self, place: &Place) -> String {
        let Self { source, destination, .. } = self;
        let has = |end: &End| end.node.as_ref() == Some(place) || end.place == *place;
        if source.place == *place {
            source.label.clone()
        } else if destination.place == *place {
            destination.label.clone()
        } else if has(source) && has(destination) {
            "their node".to_owned()
        } else if has(source) {
            format!("{}'s node", source.label)
        } else if has(destination) {
            format!("{}'s node", destination.label)
        } else {
            match place {
                Place::Node { .. } => "another node".to_owned(),
                Place::Pod { name, .. } => format!("pod/{name}"),
                other => other.to_string(),
            }
        }
    }

    /// What a capture point is called in a sentence.
    pub fn name(&self, point: &Point) -> String {
        let of = |end: &End| end.node.as_ref().map_or_else(|| end.label.clone(), |node| self.role(node));
        match point.kind {
            PointKind::SourceHost => format!("the Azure host under {}", of(&self.source)),
            PointKind::DestinationHost => format!("the Azure host under {}", of(&self.destination)),
            _ => self.role(&point.place),
        }
    }

    /// The network whose tunnels between Azure hosts have this VNI.
    pub fn network(&self, vni: u32) -> Option<&str> {
        self.networks.get(&vni).map(String::as_str)
    }
}

impl End {
    fn new(topology: &Topology, (place, address): (Place, Ipv4Addr), otherwise: &str) -> Self {
        let text = place.to_string();
        let bare = text.rsplit('/').next().unwrap_or_default();
        let label = if bare.len() > LABEL_MAX { otherwise } else { bare };
        let node = match &place {
            Place::Pod { .. } => node_of(topology, &place),
            _ => None,
        };
        let host = match node.as_ref().unwrap_or(&place) {
            Place::Node { name } | Place::VirtualMachine { name } => Some(Place::Host { vm: name.clone() }),
            _ => None,
        };
        Self { label: label.to_owned(), address, node, host, place }
    }
}

/// The cluster that a pod or node is in.
pub(super) fn cluster_of<'a>(topology: &'a Topology, place: &Place) -> Option<&'a ManagedCluster> {
    topology.managed_clusters.iter().find(|cluster| match place {
        Place::Pod { cluster: name, .. } => cluster.name == *name,
        Place::Node { name } => cluster.nodes.iter().any(|node| node.name == *name),
        _ => false,
    })
}

/// The node of a pod.
pub(super) fn node_of(topology: &Topology, pod: &Place) -> Option<Place> {
    let cluster = cluster_of(topology, pod)?;
    let pod = cluster.pods.iter().find(|it| cluster.pod_place(it) == *pod)?;
    Some(Place::Node { name: cluster.nodes[pod.node].name.clone() })
}

fn is_end(place: &Place) -> bool {
    matches!(
        place,
        Place::Pod { .. } | Place::Node { .. } | Place::VirtualMachine { .. } | Place::Machine { .. }
    )
}

/// The place that `text` means, and the address that it is sent to.
fn find(
    topology: &Topology,
    owners: &Owners,
    namespace: &str,
    text: &str,
) -> Result<(Place, Ipv4Addr), CompareError> {
    let found = match text.parse::<Ipv4Addr>() {
        Ok(address) => of_address(topology, owners, address, text).map(|place| (place, address)),
        Err(_) => of_name(topology, namespace, text),
    };
    let no_end = |problem| CompareError::NoEnd { lab: topology.lab.to_string(), problem };
    match found {
        Ok((place, address)) if is_end(&place) => Ok((place, address)),
        Ok((place, _)) => Err(no_end(format!("`{place}` is on the way, not at its end; {ENDS}"))),
        Err(target @ TargetError::NotFound { .. }) => {
            Err(CompareError::NoTarget { target, there: there(topology, namespace) })
        }
        Err(other) => Err(no_end(other.to_string())),
    }
}

fn of_name(topology: &Topology, namespace: &str, text: &str) -> Result<(Place, Ipv4Addr), TargetError> {
    let place = target::find(topology, namespace, text)?;
    match target::address(topology, namespace, text)? {
        IpAddr::V4(address) => Ok((place, address)),
        IpAddr::V6(_) => Err(TargetError::NoAddress(place.to_string())),
    }
}

fn of_address(
    topology: &Topology,
    owners: &Owners,
    address: Ipv4Addr,
    text: &str,
) -> Result<Place, TargetError> {
    let target = || text.to_owned();
    let ends: Vec<&Place> = owners.get(&address).into_iter().flatten().filter(|it| is_end(it)).collect();
    match ends.as_slice() {
        [] => Err(TargetError::NotFound { lab: topology.lab.to_string(), target: target(), similar: None }),
        [one] => Ok((*one).clone()),
        several => Err(TargetError::Ambiguous {
            target: target(),
            candidates: several.iter().map(|place| place.to_string()).collect(),
        }),
    }
}

/// What can be an end, by kind.
fn there(topology: &Topology, namespace: &str) -> String {
    let clusters = &topology.managed_clusters;
    let pods = clusters.iter().flat_map(|cluster| &cluster.pods).filter(|pod| pod.namespace == namespace);
    let machines = topology.on_premises.iter().flat_map(|site| &site.machines);
    let nodes = clusters.iter().flat_map(|cluster| &cluster.nodes);
    let kinds: [Vec<String>; 4] = [
        pods.map(|pod| format!("pod/{}", pod.name)).collect(),
        topology.virtual_machines.iter().map(|vm| format!("vm/{}", vm.name)).collect(),
        machines.map(|machine| format!("machine/{}", machine.name)).collect(),
        nodes.map(|node| format!("node/{}", node.name)).collect(),
    ];
    let some = kinds.into_iter().flat_map(|mut names| {
        let more = names.len().saturating_sub(NAMES_MAX);
        names.truncate(NAMES_MAX);
        names.extend((more > 0).then(|| format!("{more} more")));
        names
    });
    let some: Vec<String> = some.collect();
    if some.is_empty() { "no pods, VMs, machines or nodes".to_owned() } else { some.join(", ") }
}
