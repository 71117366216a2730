//! The way out of an Azure host: what a packet goes by whose effective route is Internet.
//!
//! Such a route is `throw` in the host's tables of effective routes; these tables stand behind them.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use ipnet::{IpNet, Ipv4Net};

use super::{
    Blueprint,
    azure_host::subnet_of_the_pods,
    load_balancer::{ANSWER, FRONTENDS_PRIORITY, FRONTENDS_TABLE, Frontends},
    physical::PhysicalAddresses,
    underlay::{self, Attachment, RoutingDomain},
};
use crate::{
    name::IfName,
    object::{LinkRef, Neighbour, NeighbourKind, NextHop, Object, PROTOCOL_BOOT, Route, Rule},
    place::Place,
    topology::{NetworkInterface, Topology, WayOut},
};

/// What pods of a pod subnet have for a way out, where it is not that of their node.
pub(crate) const OF_THE_PODS: u32 = 7;
/// What everything else has.
pub(crate) const OF_THE_NIC: u32 = 8;

/// The host that is drawn.
pub struct Host<'a> {
    /// Its place.
    pub place: &'a Place,
    /// The VM on it.
    pub vm: &'a Place,
    /// The VM's NIC.
    pub nic: &'a NetworkInterface,
    /// Its link to the underlay.
    pub attachment: &'a Attachment,
    /// Its device of the VNet.
    pub vnet: &'a LinkRef,
    /// Its link to the VM.
    pub vm0: &'a LinkRef,
}

impl Host<'_> {
    /// Draws the tables. `behind_the_pods` is the table in which a look-up ends that left the pods' own table
    /// of effective routes, if they have one; `to_the_vm` the table that leads to the VM.
    pub fn draw(
        &self,
        blueprint: &mut Blueprint,
        (topology, physical): (&Topology, &PhysicalAddresses),
        (behind_the_pods, to_the_vm): (u32, u32),
    ) {
        let Self { vm, nic, .. } = self;
        self.answers(blueprint, topology, physical);
        let of_nic = topology.way_out(vm, nic, nic.subnet);
        self.default_route(blueprint, (topology, physical), OF_THE_NIC, of_nic, false);
        if of_nic.is_some() {
            // Behind the main table's rule, 32766.
            self.rule(blueprint, topology, of_nic, 33_001, None, OF_THE_NIC);
        }
        if let Some(WayOut::PublicAddress(address)) = of_nic {
            self.own_address(blueprint, topology, address, to_the_vm);
        }
        let Some(pods) = topology.pod_subnet(vm) else { return };
        let of_pods = topology.way_out(vm, nic, pods);
        if subnet_of_the_pods(topology, vm, nic).is_some() {
            self.default_route(blueprint, (topology, physical), behind_the_pods, of_pods, true);
        } else if of_pods != of_nic {
            self.default_route(blueprint, (topology, physical), OF_THE_PODS, of_pods, true);
            let from = Some(IpNet::V4(topology.subnet(pods).address_prefix));
            self.rule(blueprint, topology, of_pods, 33_000, from, OF_THE_PODS);
        }
    }

    /// The route to everything in `table`; where there is no way out none, or a `blackhole`.
    fn default_route(
        &self,
        blueprint: &mut Blueprint,
        (topology, physical): (&Topology, &PhysicalAddresses),
        table: u32,
        way_out: Option<WayOut>,
        blackhole: bool,
    ) {
        let via = |place: &Place| self.via(physical, place);
        let next_hop = match way_out {
            Some(WayOut::NatGateway(number)) => {
                via(&Place::NatGateway { name: topology.nat_gateways[number].name.clone() })
            }
            Some(WayOut::LoadBalancer(number)) => {
                via(&Place::LoadBalancer { cluster: topology.managed_clusters[number].name.clone() })
            }
            Some(WayOut::PublicAddress(_)) => NextHop::Link(RoutingDomain::Wan.link()),
            None if blackhole => NextHop::Blackhole,
            None => return,
        };
        let destination = IpNet::V4(Ipv4Net::default());
        let route = Route { table, destination, metric: 0, next_hop, protocol: PROTOCOL_BOOT, source: None };
        blueprint.add(self.place, &cause(topology, way_out), Object::Route(route));
    }

    /// What the VM answers by a frontend of its load balancer goes back to the load balancer, whatever its way
    /// out.
    fn answers(&self, blueprint: &mut Blueprint, topology: &Topology, physical: &PhysicalAddresses) {
        let Some(cluster) = Frontends::of(topology, self.vm).way_back() else { return };
        let cause: Arc<str> = Arc::from(format!("loadBalancer/{}/kubernetes", cluster.name));
        let balancer = Place::LoadBalancer { cluster: cluster.name.clone() };
        let route = Route {
            table: FRONTENDS_TABLE,
            destination: IpNet::V4(Ipv4Net::default()),
            metric: 0,
            next_hop: self.via(physical, &balancer),
            protocol: PROTOCOL_BOOT,
            source: None,
        };
        blueprint.add(self.place, &cause, Object::Route(route));
        let rule = Rule {
            priority: FRONTENDS_PRIORITY,
            input: Some(self.vm0.name.clone()),
            from: None,
            mark: Some(ANSWER),
            table: FRONTENDS_TABLE,
        };
        blueprint.add(self.place, &cause, Object::Rule(rule));
    }

    /// To a device in the VNet, by its physical address.
    fn via(&self, physical: &PhysicalAddresses, place: &Place) -> NextHop {
        let gateway = IpAddr::V4(physical.of(place));
        NextHop::Via { gateway, link: self.vnet.clone(), onlink: true }
    }

    fn rule(
        &self,
        blueprint: &mut Blueprint,
        topology: &Topology,
        way_out: Option<WayOut>,
        priority: u32,
        from: Option<IpNet>,
        table: u32,
    ) {
        let input: Option<IfName> = Some(self.vm0.name.clone());
        blueprint.add(
            self.place,
            &cause(topology, way_out),
            Object::Rule(Rule { priority, input, from, mark: None, table }),
        );
    }

    /// The NIC's public address: the host itself is on the internet and translates.
    fn own_address(&self, blueprint: &mut Blueprint, topology: &Topology, address: Ipv4Addr, to_the_vm: u32) {
        let cause = cause(topology, Some(WayOut::PublicAddress(address)));
        let wan = underlay::tunnel(blueprint, self.place, &cause, self.attachment, RoutingDomain::Wan);
        let answers =
            Neighbour { link: wan.clone(), address: IpAddr::V4(address), kind: NeighbourKind::Proxy };
        blueprint.add(self.place, &cause, Object::Neighbour(answers));
        let rule = Rule { priority: 26, input: Some(wan.name), from: None, mark: None, table: to_the_vm };
        blueprint.add(self.place, &cause, Object::Rule(rule));
    }
}

fn cause(topology: &Topology, way_out: Option<WayOut>) -> Arc<str> {
    let Some(way_out) = way_out else { return Arc::from("noWayOut") };
    let (name, _) = topology.name_of_way_out(way_out);
    Arc::from(match way_out {
        WayOut::LoadBalancer(_) => format!("{name}/aksOutboundRule"),
        WayOut::NatGateway(_) | WayOut::PublicAddress(_) => name,
    })
}
