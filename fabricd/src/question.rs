//! Questions about a running lab that its kernel answers. They do not pass through a lab's owner.

use std::collections::{BTreeMap, BTreeSet};

use fabric_core::{
    blueprint::SNAT_FAILED,
    conntrack::{CONNECTIONS_MAX, Connection, Filter},
    effective_routes::{
        next_hop::{self, Answer, NoDestination},
        read_back::{Reader, Row},
    },
    kernel::{Kernel, KernelError},
    place::Place,
    snat::{
        self,
        usage::{Failed, Seen, Usage, usage},
    },
    target::{self, BehindNic, TargetError},
};

use crate::lab::Lab;

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum QuestionError {
    /// The target means nothing, or has no NIC.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The destination is none.
    #[error(transparent)]
    Destination(#[from] NoDestination),
    /// The kernel did not answer.
    #[error(transparent)]
    Kernel(#[from] KernelError),
}

/// The effective routes of one NIC.
pub struct EffectiveRoutes {
    /// The NIC's name.
    pub network_interface: String,
    /// As the kernel has them.
    pub rows: Vec<Row>,
    /// What a person should know besides.
    pub notes: Vec<String>,
}

/// Reads the effective routes of the NIC that `target` is behind. Blocking.
///
/// # Errors
/// If there is no such NIC, or the kernel does not answer.
pub fn effective_routes(
    kernel: &impl Kernel,
    lab: &Lab,
    namespace: &str,
    target: &str,
) -> Result<EffectiveRoutes, QuestionError> {
    let behind = target::network_interface(&lab.topology, namespace, target)?;
    let reader = Reader::new(&lab.topology, &lab.blueprint, &behind);
    let routing = kernel.routing(&lab.topology.lab, reader.host(), &[])?;
    Ok(EffectiveRoutes {
        network_interface: behind.vm.to_owned(),
        rows: reader.rows(&routing.routes),
        notes: node_of_the_pod(&reader, &behind, "these are the routes").into_iter().collect(),
    })
}

/// Asks where a packet from `source` to `destination`, a target or an address, goes. Blocking.
///
/// # Errors
/// If one of them means nothing, `source` has no NIC, or the kernel does not answer.
pub fn next_hop(
    kernel: &impl Kernel,
    lab: &Lab,
    namespace: &str,
    source: &str,
    destination: &str,
) -> Result<Answer, QuestionError> {
    let behind = target::network_interface(&lab.topology, namespace, source)?;
    let destination = target::address(&lab.topology, namespace, destination)?;
    let packet = next_hop::packet(&behind, destination)?;
    let reader = Reader::new(&lab.topology, &lab.blueprint, &behind);
    let routing = kernel.routing(&lab.topology.lab, reader.host(), std::slice::from_ref(&packet))?;
    let mut answer = next_hop::next_hop(&reader, &behind, &routing, &packet);
    answer.notes.splice(0..0, node_of_the_pod(&reader, &behind, "this is the next hop"));
    Ok(answer)
}

/// The connections that a place tracks.
pub struct Connections {
    /// At most [`CONNECTIONS_MAX`], in their order.
    pub connections: Vec<Connection>,
    /// How many more there are.
    pub left_out: u64,
}

/// Reads the connections of the place `target` that `filter` wants. Blocking.
///
/// # Errors
/// If there is no such place, or the kernel does not answer.
pub fn connections(
    kernel: &impl Kernel,
    lab: &Lab,
    namespace: &str,
    target: &str,
    filter: &Filter,
) -> Result<Connections, QuestionError> {
    let place = target::find(&lab.topology, namespace, target)?;
    let mut connections = kernel.connections(&lab.topology.lab, &place)?;
    connections.retain(|connection| filter.fits(connection));
    connections.sort_by(Connection::order);
    let left_out = connections.len().saturating_sub(CONNECTIONS_MAX) as u64;
    connections.truncate(CONNECTIONS_MAX);
    Ok(Connections { connections, left_out })
}

/// Reads the use of SNAT ports: all of the lab, or those that `target` has to do with. Blocking.
///
/// # Errors
/// If there is no such target, it can have no such ports, or the kernel does not answer.
pub fn snat(
    kernel: &impl Kernel,
    lab: &Lab,
    namespace: &str,
    target: &str,
) -> Result<Vec<Usage>, QuestionError> {
    let Lab { topology, .. } = lab;
    let allocations = match target {
        "" => snat::allocations(topology),
        target => snat::allocations_of(topology, namespace, target)?,
    };
    let devices: BTreeSet<Place> = allocations.iter().map(|allocation| allocation.device.clone()).collect();
    let mut seen = BTreeMap::new();
    for device in devices {
        let connections = kernel.connections(&topology.lab, &device)?;
        let failed = kernel.counted_elements(&topology.lab, &device, SNAT_FAILED)?;
        let failed = failed.map(|elements| elements.iter().filter_map(Failed::read).collect());
        seen.insert(device, Seen { connections, failed });
    }
    Ok(usage(allocations, &seen))
}

fn node_of_the_pod(reader: &Reader<'_>, behind: &BehindNic<'_>, this: &str) -> Option<String> {
    let name = &behind.pod?.name;
    let of = reader.pod_subnet().map_or_else(
        || "that node's NIC".to_owned(),
        |subnet| format!("its pods' subnet {subnet}, which has routes of its own"),
    );
    Some(format!("pod {name} is on node {}; {this} of {of}", behind.vm))
}
