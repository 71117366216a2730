//! DNS servers of one's own: VMs, and machines on premises.

use std::{net::SocketAddrV4, sync::Arc};

use super::{
    PORT, Server,
    block::{Block, Forward, Policy},
    record::{Code, Data},
    zone::Zone,
};
use crate::{
    place::Place,
    topology::{DnsServer, Topology},
};

/// How long it holds that a zone has no such name, in seconds.
const MINIMUM: u32 = 300;

/// All of a lab, with their places.
pub fn servers(topology: &Topology) -> impl Iterator<Item = (Place, Arc<Server>)> {
    places(topology).map(|(place, config)| (place, Arc::new(server(config))))
}

/// Where they are.
pub fn places(topology: &Topology) -> impl Iterator<Item = (Place, &DnsServer)> {
    let vms = topology
        .virtual_machines
        .iter()
        .filter_map(|vm| Some((Place::VirtualMachine { name: vm.name.clone() }, vm.dns_server.as_ref()?)));
    let machines = topology.on_premises.iter().flat_map(|site| &site.machines).filter_map(|machine| {
        Some((Place::Machine { name: machine.name.clone() }, machine.dns_server.as_ref()?))
    });
    vms.chain(machines)
}

fn server(config: &DnsServer) -> Server {
    let zones = config.zones.iter().map(|zone| {
        let soa = Data::Soa {
            server: format!("ns.{}", zone.name),
            mailbox: format!("hostmaster.{}", zone.name),
            minimum: MINIMUM,
        };
        let mut known = Zone::new(&zone.name, soa, MINIMUM, true);
        for record in &zone.records {
            known.add(&record.name, record.ttl, record.data.clone());
        }
        Arc::new(known)
    });
    let mut block = Block { zones: zones.collect(), otherwise: Some(Code::Refused), ..Block::default() };
    if !config.forwarders.is_empty() {
        let to = config.forwarders.iter().map(|server| SocketAddrV4::new(*server, PORT)).collect();
        block.forwards.push(Forward {
            from: String::new(),
            to,
            node_servers: false,
            policy: Policy::Sequential,
        });
    }
    Server { blocks: vec![block] }
}
