//! Azure DNS at 168.63.129.16: each VNet has its own view (aks-facts 2.7, 5.4).

use std::{collections::BTreeMap, net::Ipv4Addr, sync::Arc};

use sha2::{Digest, Sha256};

use super::{
    Server,
    block::Block,
    record::{Code, Data, Record, reverse_name},
    zone::Zone,
};
use crate::topology::{Topology, VirtualNetwork};

/// How long names of VMs hold, in seconds.
const VM_TTL: u32 = 10;

/// How long public names hold, in seconds.
const PUBLIC_TTL: u32 = 300;

/// How long it holds that there is no such public name, in seconds, as the root says.
const ROOT_MINIMUM: u32 = 86_400;

/// How long it holds that a private zone has no such name, in seconds: the SOA's minimum
/// (Azure Private DNS, `soaRecord.minimumTtl`).
const PRIVATE_MINIMUM: u32 = 10;

/// The search domain that Azure gives to VMs of a VNet with DNS servers of its own: a placeholder in which
/// there are no names. Source: Azure "name resolution for resources in Azure virtual networks".
pub const PLACEHOLDER_DOMAIN: &str = "reddog.microsoft.com";

/// The DNS suffix that Azure gives a VNet: 26 characters, two to four more, and
/// `internal.cloudapp.net` (aks-facts 1.1); here derived from the VNet's name.
pub fn internal_domain(network: &VirtualNetwork) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz012345";
    let hash = Sha256::digest(network.name.as_bytes());
    let id: String = hash.iter().take(26).map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect();
    format!("{id}.bx.internal.cloudapp.net")
}

/// What Azure DNS answers in the VNet of this number.
pub fn server(topology: &Topology, number: usize) -> Server {
    let domain = internal_domain(&topology.virtual_networks[number]);
    let mut internal = Zone::new(&domain, soa(VM_TTL), VM_TTL, false);
    let mut reverse: BTreeMap<String, Vec<Record>> = BTreeMap::new();
    let vms: Vec<(String, Ipv4Addr)> = topology
        .azure_vms()
        .filter(|(.., nic)| nic.subnet.virtual_network == number)
        .map(|(_, name, nic)| (name.to_ascii_lowercase(), nic.private_ip_address))
        .collect();
    for (name, address) in &vms {
        internal.add(&format!("{name}.{domain}"), VM_TTL, Data::A(*address));
        // Without the VNet's part (aks-facts 1.1, node reverse DNS).
        let data = Data::Ptr(format!("{name}.internal.cloudapp.net"));
        let owner = reverse_name(*address);
        reverse.insert(owner.clone(), vec![Record { name: owner, ttl: VM_TTL, data }]);
    }
    let mut zones = vec![Arc::new(internal)];
    for zone in &topology.private_dns_zones {
        let Some(link) = zone.links.iter().find(|link| link.virtual_network == number) else { continue };
        let mut known = Zone::new(&zone.name, soa(PRIVATE_MINIMUM), 3600, false);
        for record in &zone.records {
            known.add(&record.name, record.ttl, record.data.clone());
        }
        // A zone that VMs register in has those of all VNets that say so.
        let registering: Vec<usize> =
            zone.links.iter().filter(|link| link.registration_enabled).map(|it| it.virtual_network).collect();
        for (_, name, nic) in topology.azure_vms() {
            if registering.contains(&nic.subnet.virtual_network) {
                let name = format!("{}.{}", name.to_ascii_lowercase(), zone.name);
                known.add(&name, VM_TTL, Data::A(nic.private_ip_address));
            }
        }
        if link.registration_enabled {
            for (name, address) in &vms {
                let owner = reverse_name(*address);
                let data = Data::Ptr(format!("{name}.{}", zone.name));
                reverse.insert(owner.clone(), vec![Record { name: owner, ttl: VM_TTL, data }]);
            }
        }
        zones.push(Arc::new(known));
    }
    zones.extend(public(topology).map(Arc::new));
    let block = Block { zones, reverse, otherwise: Some(Code::NxDomain), ..Block::default() };
    Server { blocks: vec![block] }
}

/// Names of the emulated internet: all that is beyond what the VNet knows.
fn public(topology: &Topology) -> Option<Zone> {
    let internet = topology.internet.as_ref()?;
    let soa = Data::Soa {
        server: "a.root-servers.net".to_owned(),
        mailbox: "nstld.verisign-grs.com".to_owned(),
        minimum: ROOT_MINIMUM,
    };
    let mut root = Zone::new("", soa, ROOT_MINIMUM, false);
    for server in &internet.servers {
        for fqdn in &server.fqdns {
            root.add(fqdn, PUBLIC_TTL, Data::A(server.address));
        }
    }
    Some(root)
}

fn soa(minimum: u32) -> Data {
    Data::Soa {
        server: "azureprivatedns.net".to_owned(),
        mailbox: "azureprivatedns-host.microsoft.com".to_owned(),
        minimum,
    }
}
