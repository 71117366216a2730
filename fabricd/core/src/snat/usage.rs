//! Which SNAT ports are in use: allocations joined with what their devices track.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use super::Allocation;
use crate::{
    conntrack::{Connection, Ends, Protocol},
    kernel::CountedElement,
    place::Place,
};

/// What a device's kernel says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The connections that it tracks.
    pub connections: Vec<Connection>,
    /// Packets for which it had no port; `None` if it does not count them.
    pub failed: Option<Vec<Failed>>,
}

/// Packets that were dropped since no port was left. TCP repeats its SYN, and each one counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// As in [`Allocation::mark`].
    pub mark: u32,
    /// Where they should have gone.
    pub destination: Destination,
    /// How many.
    pub packets: u64,
}

/// What a port can be used for once: another destination may use it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Destination {
    /// Its address.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
    /// TCP or UDP.
    pub protocol: Protocol,
}

/// The use that is made of one allocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Whose ports.
    pub allocation: Allocation,
    /// How many of them some connection has that is not closed.
    pub used: u32,
    /// Packets for which there was none, where the device counts them.
    pub failed: Option<u64>,
    /// By destination, in their order.
    pub destinations: BTreeMap<Destination, UsedFor>,
}

/// The use that is made of one allocation for one destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UsedFor {
    /// Connections that are not closed; each has a port of its own.
    pub connections: u32,
    /// Packets for which there was no port, where the device counts them.
    pub failed: Option<u64>,
}

impl Usage {
    /// How many ports nobody uses.
    pub fn free(&self) -> u32 {
        self.allocation.ports().saturating_sub(self.used)
    }

    /// How many more connections there can be to a destination that has `used` ports already.
    pub fn free_for(&self, used: UsedFor) -> u32 {
        self.allocation.ports().saturating_sub(used.connections)
    }
}

impl Failed {
    /// Reads an element of the set `failed`: mark, address, protocol and port. `None` for another's set.
    pub fn read(element: &CountedElement) -> Option<Self> {
        let [mark, address, protocol, port] = element.key.as_slice() else { return None };
        let destination = Destination {
            address: address.parse().ok()?,
            port: port.parse().ok()?,
            protocol: protocol.parse().ok()?,
        };
        Some(Self { mark: mark.parse().ok()?, destination, packets: element.packets })
    }
}

/// Joins `allocations` with what was seen at their devices. A device that was not looked at has nothing in use.
pub fn usage(allocations: Vec<Allocation>, seen: &BTreeMap<Place, Seen>) -> Vec<Usage> {
    let mut all: Vec<Usage> = allocations.into_iter().map(unused).collect();
    // The blocks of an address do not overlap: the one that a port is in begins last before it.
    let blocks: BTreeMap<(Place, IpAddr, u16), usize> = all
        .iter()
        .enumerate()
        .map(|(index, Usage { allocation: it, .. })| {
            ((it.device.clone(), it.address.into(), it.first), index)
        })
        .collect();
    let mut ports: Vec<BTreeSet<u16>> = vec![BTreeSet::new(); all.len()];
    for (device, seen) in seen {
        for connection in seen.connections.iter().filter(|connection| !connection.is_closed()) {
            let Some((address, port, destination)) = translated(connection) else { continue };
            let mut before = blocks.range(..=(device.clone(), address, port));
            let Some(((of, at, _), &index)) = before.next_back() else { continue };
            let usage = &mut all[index];
            if of != device || *at != address || port > usage.allocation.last {
                continue;
            }
            ports[index].insert(port);
            usage.destinations.entry(destination).or_default().connections += 1;
        }
        let Some(failed) = &seen.failed else { continue };
        for usage in all.iter_mut().filter(|usage| usage.allocation.device == *device) {
            usage.failed = Some(0);
            for failed in failed.iter().filter(|failed| failed.mark == usage.allocation.mark) {
                *usage.failed.get_or_insert(0) += failed.packets;
                let used = usage.destinations.entry(failed.destination).or_default();
                *used.failed.get_or_insert(0) += failed.packets;
            }
            usage.destinations.values_mut().for_each(|used| used.failed = used.failed.or(Some(0)));
        }
    }
    for (usage, ports) in all.iter_mut().zip(ports) {
        usage.used = u32::try_from(ports.len()).unwrap_or(u32::MAX);
    }
    all
}

fn unused(allocation: Allocation) -> Usage {
    Usage { allocation, used: 0, failed: None, destinations: BTreeMap::new() }
}

/// The outbound address and port of a connection, if it has one, and where it goes.
fn translated(connection: &Connection) -> Option<(IpAddr, u16, Destination)> {
    let Connection { protocol, original, reply, .. } = connection;
    let (Ends::Ports { destination: port, .. }, Ends::Ports { destination: outbound, .. }) =
        (original.ends, reply.ends)
    else {
        return None;
    };
    let destination = Destination { address: original.destination, port, protocol: *protocol };
    Some((reply.destination, outbound, destination))
}

#[cfg(test)]
mod tests;
