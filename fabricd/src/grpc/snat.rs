//! SNAT ports as messages.

use std::cmp::Reverse;

use fabric_core::snat::usage::{Destination, Usage, UsedFor};
use fabric_proto::v1;

/// Most destinations of one message, for its size.
const DESTINATIONS_MAX: usize = 4_096;

/// The use of one allocation.
pub fn message(usage: Usage) -> v1::SnatUsage {
    let (allocated, free) = (usage.allocation.ports(), usage.free());
    let mut destinations: Vec<_> =
        usage.destinations.iter().map(|(to, used)| (*to, *used, usage.free_for(*used))).collect();
    let Usage { allocation, used, failed, destinations: _ } = usage;
    // Those that are alike stay in the order of their addresses.
    destinations.sort_by_key(|(_, used, _)| Reverse((used.connections, used.failed)));
    let left_out = destinations.len().saturating_sub(DESTINATIONS_MAX);
    destinations.truncate(DESTINATIONS_MAX);
    v1::SnatUsage {
        device: allocation.device.to_string(),
        node: allocation.node.unwrap_or_default(),
        address: allocation.address.to_string(),
        first_port: allocation.first.into(),
        last_port: allocation.last.into(),
        allocated,
        used,
        failed,
        destinations: destinations.into_iter().map(destination).collect(),
        destinations_left_out: left_out as u64,
        free,
    }
}

fn destination((destination, used, free): (Destination, UsedFor, u32)) -> v1::SnatDestination {
    let Destination { address, port, protocol } = destination;
    let UsedFor { connections, failed } = used;
    let (address, port, protocol) = (address.to_string(), port.into(), protocol.0.into());
    v1::SnatDestination { address, port, protocol, connections, failed, free }
}
