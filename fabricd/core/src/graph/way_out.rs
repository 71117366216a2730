//! What leads out of VNets in a picture: the internet with its servers, the devices between it and VNets, and the
//! words that say which of them a subnet leaves by.
//!
//! To add a kind of device: its figure in [`devices`], its name in [`words`].

use std::{collections::BTreeMap, net::Ipv4Addr};

use super::{
    picture::{Device, Figure, FigureKind, Line, LineKind, Numbers},
    virtual_network::address_of,
};
use crate::{
    place::Place,
    topology::{AzureFirewall, Departure, ManagedCluster, SubnetIndex, Topology, VirtualMachine, WayOut},
};

/// Most servers, addresses of one device, devices of a VNet, and VMs with an address of their own that are shown.
const SERVERS: usize = 8;
const ADDRESSES: usize = 3;
const DEVICES: usize = 10;
const OWN_ADDRESSES: usize = 4;
/// Most ways that are named at one subnet.
const WAYS: usize = 3;

/// Where nothing takes packets to the internet.
pub(super) const NO_WAY_OUT: &str = "no way out";

/// How whatever is in each subnet leaves, each way once.
pub(super) struct Departures(BTreeMap<SubnetIndex, Vec<Departure>>);

impl Departures {
    /// Of all subnets that a NIC or pods are in.
    pub fn of(topology: &Topology) -> Self {
        let mut all: BTreeMap<SubnetIndex, Vec<Departure>> = BTreeMap::new();
        for (place, _, nic) in topology.azure_vms() {
            for index in [Some(nic.subnet), topology.pod_subnet(&place)].into_iter().flatten() {
                let departure = topology.departure(&place, nic, index);
                let here = all.entry(index).or_default();
                if !here.contains(&departure) {
                    here.push(departure);
                }
            }
        }
        Self(all)
    }

    fn from(&self, index: SubnetIndex) -> &[Departure] {
        self.0.get(&index).map_or(&[], Vec::as_slice)
    }

    /// The subnets of the VNet from which something leaves by `way_out`.
    fn by(&self, network: usize, way_out: WayOut) -> Vec<SubnetIndex> {
        let wanted = Departure::WayOut(way_out);
        let here =
            self.0.iter().filter(|(index, all)| index.virtual_network == network && all.contains(&wanted));
        here.map(|(index, _)| *index).collect()
    }
}

/// The internet, if something of the lab leads there.
pub(super) fn internet(topology: &Topology, numbers: &mut Numbers) -> Option<Figure> {
    let internet = topology.internet.as_ref()?;
    let mut figure = numbers.figure(FigureKind::Internet, "Internet", "emulated");
    let all = &internet.servers;
    let fit = if all.len() <= SERVERS { all.len() } else { SERVERS - 1 };
    for server in &all[..fit] {
        let mut chip = numbers.figure(FigureKind::Server, &server.name, "server");
        chip.details.push(server.address.to_string());
        chip.details.extend(server.fqdns.first().cloned());
        figure.figures.push(chip);
    }
    if fit < all.len() {
        figure.figures.push(numbers.more(all.len() - fit, "servers"));
    }
    Some(figure)
}

/// The devices of all VNets, VNet after VNet; `networks` are the figures of those.
pub(super) fn devices(
    topology: &Topology,
    departures: &Departures,
    networks: &[usize],
    numbers: &mut Numbers,
) -> Vec<Device> {
    let mut devices = vec![];
    for (number, &network) in networks.iter().enumerate() {
        let mut here = translators(topology, departures, number, numbers);
        if here.len() > DEVICES {
            let hidden = here.split_off(DEVICES - 1).len();
            here.push((numbers.more(hidden, "ways out"), vec![]));
        }
        here.extend(of_firewalls(topology, number, numbers));
        here.extend(own_addresses(topology, departures, number, numbers));
        devices.extend(here.into_iter().map(|(figure, subnets)| Device { figure, network, subnets }));
    }
    devices
}

/// Load balancers and NAT gateways of a VNet, each with the subnets that leave by it.
fn translators(
    topology: &Topology,
    departures: &Departures,
    network: usize,
    numbers: &mut Numbers,
) -> Vec<(Figure, Vec<SubnetIndex>)> {
    let mut found = vec![];
    for (number, cluster) in topology.managed_clusters.iter().enumerate() {
        let published = published(cluster);
        let outbound = cluster.outbound.load_balancer.as_ref();
        let Some(first) = cluster.agent_pools.first() else { continue };
        if first.subnet.virtual_network != network || outbound.is_none() && published.is_empty() {
            continue;
        }
        let note = format!("load balancer of {}", cluster.name);
        let mut figure = numbers.figure(FigureKind::Device, "kubernetes", note);
        if let Some(balancer) = outbound {
            let all: Vec<Ipv4Addr> = balancer.frontends.iter().map(|it| it.address).collect();
            figure.details = addresses(&all);
            figure.details.push(format!("{} SNAT ports a node", balancer.ports));
        }
        figure.details.extend(published);
        found.push((figure, departures.by(network, WayOut::LoadBalancer(number))));
    }
    for (number, gateway) in topology.nat_gateways.iter().enumerate() {
        if gateway.virtual_network != Some(network) {
            continue;
        }
        let mut figure = numbers.figure(FigureKind::Device, &gateway.name, "NAT gateway");
        let all: Vec<Ipv4Addr> = gateway.public_addresses.iter().map(|it| it.address).collect();
        figure.details = addresses(&all);
        found.push((figure, departures.by(network, WayOut::NatGateway(number))));
    }
    found
}

/// `198.51.100.2 for web`: the public frontends of a cluster's Services.
fn published(cluster: &ManagedCluster) -> Vec<String> {
    let services = cluster
        .services
        .iter()
        .filter_map(|service| Some(format!("{} for {}", service.public_address()?.address, service.name)));
    shortened(services.collect())
}

/// The public addresses of firewalls, which stand in subnets themselves.
fn of_firewalls(
    topology: &Topology,
    network: usize,
    numbers: &mut Numbers,
) -> Vec<(Figure, Vec<SubnetIndex>)> {
    let here = topology.azure_firewalls.iter().filter(|it| it.subnet.virtual_network == network);
    let figure = |firewall: &AzureFirewall| {
        let all: Vec<Ipv4Addr> = firewall.public_addresses.iter().map(|it| it.address).collect();
        let title = match firewall.public_addresses.as_slice() {
            [one] => one.name.clone(),
            several => format!("{} addresses", several.len()),
        };
        let mut figure = numbers.figure(FigureKind::PublicAddress, title, format!("of {}", firewall.name));
        figure.details = addresses(&all);
        (figure, vec![firewall.subnet])
    };
    here.map(figure).collect()
}

/// VMs' own public addresses.
fn own_addresses(
    topology: &Topology,
    departures: &Departures,
    network: usize,
    numbers: &mut Numbers,
) -> Vec<(Figure, Vec<SubnetIndex>)> {
    let here = topology.azure_vms().filter(|(_, _, nic)| nic.subnet.virtual_network == network);
    let all: Vec<_> =
        here.filter_map(|(_, name, nic)| Some((name, nic, nic.public_address.as_ref()?))).collect();
    let fit = if all.len() <= OWN_ADDRESSES { all.len() } else { OWN_ADDRESSES - 1 };
    let mut found = vec![];
    for (name, nic, public) in &all[..fit] {
        let note = format!("of {name}");
        let mut figure = numbers.figure(FigureKind::PublicAddress, &public.name, note);
        figure.details.push(public.address.to_string());
        let way_out = WayOut::PublicAddress(public.address);
        let uses = departures.by(network, way_out).contains(&nic.subnet);
        found.push((figure, if uses { vec![nic.subnet] } else { vec![] }));
    }
    if fit < all.len() {
        found.push((numbers.more(all.len() - fit, "public addresses of VMs"), vec![]));
    }
    found
}

fn addresses(all: &[Ipv4Addr]) -> Vec<String> {
    shortened(all.iter().map(ToString::to_string).collect())
}

fn shortened(mut lines: Vec<String>) -> Vec<String> {
    if lines.len() > ADDRESSES {
        let hidden = lines.split_off(ADDRESSES - 1).len();
        lines.push(format!("+ {hidden} more"));
    }
    lines
}

/// `out by natgw`: how whatever is in the subnet leaves. `None` if nothing is in it, or if the lab has no internet.
pub(super) fn words(topology: &Topology, departures: &Departures, index: SubnetIndex) -> Option<String> {
    topology.internet.as_ref()?;
    let departures = departures.from(index);
    let mut own = topology.azure_firewalls.iter().filter(|firewall| firewall.subnet == index).count();
    let mut names: Vec<String> = vec![];
    for departure in departures {
        match *departure {
            Departure::WayOut(WayOut::NatGateway(number)) => {
                names.push(topology.nat_gateways[number].name.clone());
            }
            Departure::WayOut(WayOut::LoadBalancer(number)) => {
                names.push(format!("load balancer of {}", topology.managed_clusters[number].name));
            }
            Departure::WayOut(WayOut::PublicAddress(_)) => own += 1,
            Departure::VirtualAppliance(address) => names.push(address_of(topology, address)),
            Departure::VirtualNetworkGateway => names.extend(by_the_gateway(topology, index)),
            Departure::Nowhere => {}
        }
    }
    match own {
        0 => {}
        1 => names.push("own address".to_owned()),
        _ => names.push("own addresses".to_owned()),
    }
    if names.len() > WAYS {
        let hidden = names.split_off(WAYS - 1).len();
        names.push(format!("{hidden} more"));
    }
    match (names.is_empty(), departures.is_empty()) {
        (false, _) => Some(format!("out by {}", names.join(", "))),
        (true, false) => Some(NO_WAY_OUT.to_owned()),
        // Whatever comes there will have it.
        (true, true) => {
            let gateway = topology.subnet(index).nat_gateway?;
            Some(format!("out by {}", topology.nat_gateways[gateway].name))
        }
    }
}

/// Said of a VM that has no way out in a subnet from which others leave.
pub(super) fn missing(
    topology: &Topology,
    departures: &Departures,
    vm: &VirtualMachine,
) -> Option<&'static str> {
    let index = vm.nic.subnet;
    let place = Place::VirtualMachine { name: vm.name.clone() };
    let nowhere = topology.departure(&place, &vm.nic, index) == Departure::Nowhere;
    (nowhere && departures.from(index).len() > 1).then_some(NO_WAY_OUT)
}

/// The gateway and its default site; without such a site it drops what is for the internet.
fn by_the_gateway(topology: &Topology, index: SubnetIndex) -> Option<String> {
    let number = topology.gateways(index.virtual_network).next()?;
    let gateway = &topology.virtual_network_gateways[number];
    Some(format!("{} and {}", gateway.name, topology.on_premises[gateway.default_site?].name))
}

/// From devices and sites to the internet, and from subnets to devices; `subnets` gives the figure of a subnet that
/// is shown.
pub(super) fn lines(
    internet: &Figure,
    devices: &[Device],
    sites: &[Figure],
    subnet: impl Fn(SubnetIndex) -> Option<usize>,
) -> Vec<Line> {
    let line = |from, to, kind| Line { from, to, kind, label: vec![] };
    let mut lines = vec![];
    for device in devices {
        let leaving = device.subnets.iter().filter_map(|index| subnet(*index));
        lines.extend(leaving.map(|from| line(from, device.figure.id, LineKind::Leaving)));
        lines.push(line(device.figure.id, internet.id, LineKind::WayOut));
    }
    lines.extend(sites.iter().map(|site| line(site.id, internet.id, LineKind::WayOut)));
    lines
}
