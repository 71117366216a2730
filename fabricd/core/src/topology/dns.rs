//! What a lab file says of DNS: private zones, servers of VNets, and who is one.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use super::{VirtualNetwork, unique::Names, virtual_network};
use crate::{
    dns::record::{Data, NAME_MAX},
    name::check_label,
    spec::{
        LabSpec,
        dns::{self as spec, RecordType},
        problem::Problem,
        suggest::quoted,
        tree::At,
    },
};

/// DNS servers of a VNet. Source: Azure subscription limits.
const SERVERS_MAX: usize = 20;

/// Record sets of a zone here; Azure takes 25,000.
const RECORD_SETS_MAX: usize = 1_000;

/// Records of a set. Source: Azure DNS limits.
const RECORDS_MAX: usize = 20;

/// Bytes of a text. Source: Azure DNS limits.
const TEXT_MAX: usize = 1024;

/// Zones of one server here.
const ZONES_MAX: usize = 100;

/// How long records hold that say nothing of it, in seconds: the default of `az network private-dns`.
const TTL: u32 = 3600;

/// A private zone, which linked VNets see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivateDnsZone {
    /// In lower case; two labels or more.
    pub name: String,
    /// The VNets that see it.
    pub links: Vec<VirtualNetworkLink>,
    /// As written; VMs that register are not among them.
    pub records: Vec<ZoneRecord>,
}

/// A VNet that sees a private zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VirtualNetworkLink {
    /// An index into [`super::Topology::virtual_networks`].
    pub virtual_network: usize,
    /// Whether its VMs have names in the zone.
    pub registration_enabled: bool,
}

/// A record of a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneRecord {
    /// The whole name, in lower case; its first label may be `*`.
    pub name: String,
    /// In seconds.
    pub ttl: u32,
    /// What it says.
    pub data: Data,
}

/// What makes a VM or machine a DNS server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DnsServer {
    /// Zones that it knows all of.
    pub zones: Vec<DnsZone>,
    /// Whom it asks for other names, in this order. Without any it refuses to answer.
    pub forwarders: Vec<Ipv4Addr>,
}

/// A zone of such a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsZone {
    /// In lower case.
    pub name: String,
    /// Its records.
    pub records: Vec<ZoneRecord>,
}

/// The private zones of the file.
pub(super) fn private_zones(
    spec: &LabSpec,
    networks: &[VirtualNetwork],
    problems: &mut Vec<Problem>,
) -> Vec<PrivateDnsZone> {
    let at = spec.lab.at().key("privateDnsZones");
    let mut names = Names::of("a private zone");
    let mut registering: BTreeSet<usize> = BTreeSet::new();
    let mut zones = vec![];
    for (index, zone) in spec.lab.value.private_dns_zones.iter().enumerate() {
        let at = at.item(index);
        names.claim(&zone.name, at.key("name").span(), problems);
        let name = zone_name(&zone.name, at.key("name"), problems);
        if !name.contains('.') {
            let message = format!("the private zone {} has one label only", quoted(&zone.name));
            let help = "Azure takes two and more, such as corp.internal";
            problems.push(Problem::new(at.key("name").span(), message).help(help));
        }
        let mut links: Vec<VirtualNetworkLink> = vec![];
        for (number, link) in zone.virtual_network_links.iter().enumerate() {
            let at = at.key("virtualNetworkLinks").item(number);
            let written = spec.lab.at().key("virtualNetworks");
            let name_at = at.key("virtualNetwork");
            let found = virtual_network::find(networks, &link.virtual_network, written, name_at, problems);
            let Some(network) = found else { continue };
            if links.iter().any(|known| known.virtual_network == network) {
                let message = format!("the VNet `{}` is linked already", networks[network].name);
                problems.push(Problem::new(name_at.span(), message).help("remove one of the two links"));
            }
            if link.registration_enabled && !registering.insert(network) {
                let message = format!(
                    "the VMs of `{}` register in another private zone already",
                    networks[network].name
                );
                problems.push(
                    Problem::new(at.key("registrationEnabled").span(), message)
                        .help("Azure allows one such zone for each VNet"),
                );
            }
            let registration_enabled = link.registration_enabled;
            links.push(VirtualNetworkLink { virtual_network: network, registration_enabled });
        }
        let records = records(&zone.record_sets, &name, at.key("recordSets"), problems);
        zones.push(PrivateDnsZone { name, links, records });
    }
    zones
}

/// The DNS servers of a VNet; none if Azure's are its own.
pub(super) fn servers(
    options: Option<&spec::DhcpOptions>,
    at: At<'_>,
    problems: &mut Vec<Problem>,
) -> Vec<Ipv4Addr> {
    let servers: Vec<Ipv4Addr> =
        options.iter().flat_map(|options| &options.dns_servers).map(|server| server.0).collect();
    let at = at.key("dhcpOptions").key("dnsServers");
    if servers.len() > SERVERS_MAX {
        problems.push(Problem::new(at.span(), format!("a VNet has at most {SERVERS_MAX} DNS servers")));
    }
    for (index, server) in servers.iter().enumerate() {
        if servers[..index].contains(server) {
            problems.push(Problem::new(at.item(index).span(), format!("{server} is there already")));
        }
        check_server(*server, at.item(index), problems);
    }
    servers
}

/// What makes a VM or machine a DNS server.
pub(super) fn server(config: &spec::DnsServer, at: At<'_>, problems: &mut Vec<Problem>) -> DnsServer {
    let zones_at = at.key("zones");
    if config.zones.len() > ZONES_MAX {
        problems.push(Problem::new(zones_at.span(), format!("a DNS server has at most {ZONES_MAX} zones")));
        return DnsServer::default();
    }
    let mut names = Names::of("a zone of this server");
    let zone = |(index, zone): (usize, &spec::DnsZone)| {
        let at = zones_at.item(index);
        names.claim(&zone.name, at.key("name").span(), problems);
        let name = zone_name(&zone.name, at.key("name"), problems);
        let records = records(&zone.record_sets, &name, at.key("recordSets"), problems);
        DnsZone { name, records }
    };
    let zones = config.zones.iter().enumerate().map(zone).collect();
    let forwarders: Vec<Ipv4Addr> = config.forwarders.iter().map(|server| server.0).collect();
    let at = at.key("forwarders");
    if forwarders.len() > SERVERS_MAX {
        problems.push(Problem::new(at.span(), format!("a DNS server has at most {SERVERS_MAX} forwarders")));
    }
    for (index, server) in forwarders.iter().enumerate() {
        check_server(*server, at.item(index), problems);
    }
    DnsServer { zones, forwarders }
}

fn check_server(server: Ipv4Addr, at: At<'_>, problems: &mut Vec<Problem>) {
    if server.is_unspecified() || server.is_loopback() || server.is_multicast() || server.is_broadcast() {
        let message = format!("{server} cannot be the address of a DNS server");
        problems.push(Problem::new(at.span(), message));
    }
}

fn zone_name(written: &str, at: At<'_>, problems: &mut Vec<Problem>) -> String {
    let name = written.strip_suffix('.').unwrap_or(written).to_ascii_lowercase();
    if !is_name(&name) {
        let message = format!("{} is not a domain name", quoted(written));
        problems.push(Problem::new(at.span(), message).help("write it like corp.internal"));
    }
    name
}

/// Labels of letters, digits, `-` and `_`, with dots between.
fn is_name(name: &str) -> bool {
    let is_label = |label: &str| {
        let bare = label.trim_matches('_').replace('_', "-");
        label.len() <= 63 && check_label(&bare, 63).is_ok()
    };
    name.len() <= NAME_MAX && name.split('.').all(is_label)
}

fn records(sets: &[spec::RecordSet], zone: &str, at: At<'_>, problems: &mut Vec<Problem>) -> Vec<ZoneRecord> {
    if sets.len() > RECORD_SETS_MAX {
        problems.push(Problem::new(at.span(), format!("a zone has at most {RECORD_SETS_MAX} record sets")));
        return vec![];
    }
    let mut seen: BTreeMap<String, Vec<RecordType>> = BTreeMap::new();
    let mut records = vec![];
    for (index, set) in sets.iter().enumerate() {
        let at = at.item(index);
        let name_at = at.key("name");
        let written = set.name.to_ascii_lowercase();
        let name = if written == "@" { zone.to_owned() } else { format!("{written}.{zone}") };
        let plain = name.strip_prefix("*.").unwrap_or(&name);
        if !is_name(plain) {
            let message = format!("{} is not a name in the zone", quoted(&set.name));
            let help = "write it like `db`, `@` for the zone itself, `*` for all others";
            problems.push(Problem::new(name_at.span(), message).help(help));
            continue;
        }
        let types = seen.entry(name.clone()).or_default();
        let alias = |kind: &RecordType| *kind == RecordType::Cname;
        if types.contains(&set.record_type) {
            let message = format!("a second record set {} of {}", set.record_type, quoted(&set.name));
            problems.push(Problem::new(name_at.span(), message).help("put all values into one"));
        } else if !types.is_empty() && (alias(&set.record_type) || types.iter().any(alias)) {
            let message = format!("{} has a CNAME, and then nothing else", quoted(&set.name));
            problems.push(Problem::new(name_at.span(), message).help("RFC 1034, 3.6.2"));
        } else if name == zone && alias(&set.record_type) {
            problems.push(Problem::new(name_at.span(), "the zone itself cannot be a CNAME"));
        }
        types.push(set.record_type);
        let values_at = at.key("values");
        let most = if alias(&set.record_type) { 1 } else { RECORDS_MAX };
        if set.values.is_empty() || set.values.len() > most {
            let message = format!("a record set {} has 1 to {most} values", set.record_type);
            problems.push(Problem::new(values_at.span(), message));
            continue;
        }
        let ttl = set.ttl.unwrap_or(TTL);
        if !(1..=i32::MAX.unsigned_abs()).contains(&ttl) {
            problems.push(Problem::new(at.key("ttl").span(), format!("a TTL is 1 to {} seconds", i32::MAX)));
        }
        for (number, value) in set.values.iter().enumerate() {
            match data(set.record_type, value) {
                Some(data) => records.push(ZoneRecord { name: name.clone(), ttl, data }),
                None => {
                    let message =
                        format!("{} is no value of a record set {}", quoted(value), set.record_type);
                    let example = format!("such as `{}`", set.record_type.example());
                    problems.push(Problem::new(values_at.item(number).span(), message).help(example));
                }
            }
        }
    }
    records
}

fn data(kind: RecordType, value: &str) -> Option<Data> {
    let name = |written: &str| {
        let name = written.strip_suffix('.').unwrap_or(written).to_ascii_lowercase();
        is_name(&name).then_some(name)
    };
    let words: Vec<&str> = value.split_whitespace().collect();
    Some(match (kind, &words[..]) {
        (RecordType::A, [address]) => Data::A(address.parse().ok()?),
        (RecordType::Cname, [target]) => Data::Cname(name(target)?),
        (RecordType::Ptr, [target]) => Data::Ptr(name(target)?),
        (RecordType::Txt, _) if value.len() <= TEXT_MAX && value.is_ascii() => {
            let parts = value.as_bytes().chunks(255).map(|part| String::from_utf8_lossy(part).into_owned());
            Data::Txt(if value.is_empty() { vec![String::new()] } else { parts.collect() })
        }
        (RecordType::Mx, [preference, exchange]) => {
            Data::Mx { preference: preference.parse().ok()?, exchange: name(exchange)? }
        }
        (RecordType::Srv, [priority, weight, port, target]) => Data::Srv {
            priority: priority.parse().ok()?,
            weight: weight.parse().ok()?,
            port: port.parse().ok()?,
            target: name(target)?,
        },
        _ => return None,
    })
}
