mod choice;

use std::net::IpAddr;

use super::*;
use crate::{
    blueprint,
    effective_routes::next_hop::{self, Answer},
    kernel::{Decision, Machine, Packet, Routing},
    object::{NextHop as KernelHop, Rule},
    spec::{self, Source},
    target,
};

const LABS: [&str; 5] = [
    include_str!("../../../../../labs/route-tables/lab.yaml"),
    include_str!("../../../../../labs/peering-and-hybrid/lab.yaml"),
    include_str!("../../../../../labs/hub-and-spoke/lab.yaml"),
    include_str!("../../../../../labs/kubenet/lab.yaml"),
    include_str!("../../../../../labs/overlay/lab.yaml"),
];

/// A lab with all its objects, as if they were in a kernel.
struct World {
    topology: Topology,
    blueprint: Blueprint,
}

impl World {
    fn of(text: &str) -> Self {
        let source = Source { name: "lab.yaml".to_owned(), text: text.to_owned() };
        let topology = spec::load(&[source]).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
        let blueprint = blueprint::draw(&topology, Machine::COMPLETE);
        Self { topology, blueprint }
    }

    fn routes(&self, host: &Place) -> Vec<Route> {
        let route = |part: &blueprint::Part| match &part.object {
            Object::Route(route) => Some(route.clone()),
            _ => None,
        };
        self.blueprint.places[host].values().filter_map(route).collect()
    }

    /// The rows of a target's NIC after `by_hand`, and where a packet then goes.
    fn ask(
        &self,
        target: &str,
        destination: &str,
        by_hand: impl FnOnce(&mut Vec<Route>),
    ) -> (Vec<Row>, Answer) {
        let behind = target::network_interface(&self.topology, "default", target).unwrap();
        let reader = Reader::new(&self.topology, &self.blueprint, &behind);
        let mut routes = self.routes(reader.host());
        by_hand(&mut routes);
        let destination = target::address(&self.topology, "default", destination).unwrap();
        let packet = next_hop::packet(&behind, destination).unwrap();
        let mut tables = self.tables(reader.host(), &packet).into_iter();
        let decision = tables.find_map(|table| decide(&routes, table, destination));
        let routing = Routing { routes, decisions: vec![decision.unwrap_or(Decision::NoRoute)] };
        (reader.rows(&routing.routes), next_hop::next_hop(&reader, &behind, &routing, &packet))
    }
}

impl World {
    /// The tables that the host's rules have a packet looked up in, in their order.
    fn tables(&self, host: &Place, packet: &Packet) -> Vec<u32> {
        let rule = |part: &blueprint::Part| match &part.object {
            Object::Rule(rule) => Some(rule.clone()),
            _ => None,
        };
        // Keys of rules are in the order of their priority.
        let rules = self.blueprint.places[host].values().filter_map(rule).filter(|rule| {
            rule.mark.is_none()
                && rule.input.as_ref().is_none_or(|input| *input == packet.input)
                && rule.from.is_none_or(|from| from.contains(&IpAddr::V4(packet.source)))
        });
        let (before, behind): (Vec<_>, Vec<_>) = rules.partition(|rule| rule.priority < 32766);
        let table = |rule: Rule| rule.table;
        before.into_iter().map(table).chain([MAIN_TABLE]).chain(behind.into_iter().map(table)).collect()
    }
}

/// As the kernel looks a table up, written without a look at [`next_hop::choose`].
fn decide(routes: &[Route], table: u32, destination: IpAddr) -> Option<Decision> {
    for length in (0..=32).rev() {
        let mut fitting: Vec<&Route> = routes.iter().filter(|route| route.table == table).collect();
        fitting.retain(|route| route.destination.prefix_len() == length);
        fitting.retain(|route| route.destination.contains(&destination));
        fitting.sort_by_key(|route| route.metric);
        match fitting.first() {
            Some(Route { next_hop: KernelHop::Throw, .. }) => return None,
            Some(Route { next_hop: KernelHop::Blackhole, .. }) => return Some(Decision::Dropped),
            Some(route) => return Some(Decision::Route((*route).clone())),
            None => {}
        }
    }
    None
}

/// A row as the model has it.
type Expected = (RouteSource, bool, Ipv4Net, NextHopType, Option<Ipv4Addr>, String);

fn expected(route: &EffectiveRoute) -> Expected {
    let (next_hop_type, address) = match route.next_hop {
        NextHop::VnetLocal => (NextHopType::VnetLocal, None),
        NextHop::VnetPeering(_) => (NextHopType::VNetPeering, None),
        NextHop::Internet => (NextHopType::Internet, None),
        NextHop::None => (NextHopType::None, None),
        NextHop::VirtualNetworkGateway(hop) => {
            (NextHopType::VirtualNetworkGateway, hop.map(|hop| hop.address))
        }
        NextHop::VirtualAppliance(address, _) => (NextHopType::VirtualAppliance, Some(address)),
    };
    (route.source, route.active, route.address_prefix, next_hop_type, address, route.origin.clone())
}

fn found(row: &Row) -> Expected {
    let Row { source, active, address_prefix, next_hop_type, next_hop_ip_address, origin, .. } = row;
    let source = source.expect("nobody has made one by hand");
    (source, *active, *address_prefix, *next_hop_type, *next_hop_ip_address, origin.clone())
}

fn sorted(mut rows: Vec<Expected>) -> Vec<Expected> {
    rows.sort_by_key(|row| (row.2, row.0));
    rows
}

#[test]
fn what_is_drawn_reads_back_as_what_it_was_drawn_for() {
    for lab in LABS {
        let world = World::of(lab);
        for (place, _, nic) in world.topology.azure_vms() {
            let (rows, _) = world.ask(&place.to_string(), "10.0.0.1", |_| {});
            let wanted = effective_routes(&world.topology, nic.subnet);
            let found = sorted(rows.iter().map(found).collect());
            assert_eq!(
                found,
                sorted(wanted.iter().map(expected).collect()),
                "{} {place}",
                world.topology.lab
            );
        }
    }
}

/// A spoke with an appliance, a gateway in its hub, and a route table with whatever routes.
fn lab_with(routes: &str, disable_bgp: bool) -> String {
    format!(
        "\
apiVersion: fabric/v1
kind: Lab
metadata: {{name: random}}
virtualNetworks:
- name: hub
  addressPrefixes: [10.20.0.0/16]
  subnets: [{{name: GatewaySubnet, addressPrefix: 10.20.255.0/27}}, {{name: vms, addressPrefix: 10.20.0.0/24}}]
  virtualNetworkPeerings: [{{name: to-spoke, remoteVirtualNetwork: spoke, allowGatewayTransit: true}}]
- name: spoke
  addressPrefixes: [10.10.0.0/16, 192.168.0.0/16]
  subnets: [{{name: vms, addressPrefix: 10.10.0.0/24, routeTable: table}}]
  virtualNetworkPeerings: [{{name: to-hub, remoteVirtualNetwork: hub, useRemoteGateways: true}}]
routeTables:
- name: table
  disableBgpRoutePropagation: {disable_bgp}
  routes: [{routes}]
virtualMachines:
- {{name: vm, subnet: spoke/vms, privateIPAddress: 10.10.0.4}}
virtualNetworkGateways: [{{name: gateway, virtualNetwork: hub}}]
onPremises: [{{name: site, addressPrefixes: [172.16.0.0/16], virtualNetworkGateway: gateway}}]
"
    )
}

/// Rows as text, those made or changed by hand only.
fn by_hand(rows: &[Row]) -> String {
    let lines = rows.iter().filter(|row| row.origin.contains("by hand")).map(|row| {
        let source = row.source.map_or("Unknown".to_owned(), |source| source.to_string());
        let address = row.next_hop_ip_address.map(|address| format!(" {address}")).unwrap_or_default();
        format!(
            "{source} {} {} {}{address} | {}",
            row.active, row.address_prefix, row.next_hop_type, row.origin
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn what_is_made_by_hand_is_told_as_far_as_azure_has_words() {
    let world = World::of(&lab_with("{name: r, addressPrefix: 0.0.0.0/0, nextHopType: None}", false));
    let route = |prefix: &str, metric, protocol, next_hop| Route {
        table: MAIN_TABLE,
        destination: prefix.parse().unwrap(),
        metric,
        next_hop,
        protocol,
        source: None,
    };
    let via = |link: &LinkRef| KernelHop::Via {
        gateway: "10.10.0.9".parse().unwrap(),
        link: link.clone(),
        onlink: true,
    };
    let vnet = RoutingDomain::VirtualNetwork(1).link();
    let peer = RoutingDomain::PeeredNetwork(0).link();
    let (rows, answer) = world.ask("vm", "10.10.0.200", |routes| {
        routes.extend([
            route("10.10.0.0/16", 0, 3, via(&vnet)),
            route("10.10.0.128/25", 1, 3, via(&vnet)),
            route("10.20.3.0/24", 2, PROTOCOL_BGP, via(&peer)),
            route("10.10.0.4/32", 0, 3, via(&vm_port())),
            route("10.30.0.0/16", 0, 3, KernelHop::Link(peer.clone())),
            route("10.31.0.0/16", 0, 3, KernelHop::LinkGlobal(vnet.clone())),
            route("10.32.0.0/16", 0, 3, KernelHop::Link(LinkRef::fixed("pa0", 2))),
            route("10.33.0.0/16", 0, 3, via(&LinkRef::fixed("pa0", 2))),
            route("10.34.0.0/16", 0, 3, KernelHop::Blackhole),
            route("10.35.0.0/16", 0, 0, KernelHop::Blackhole),
            route("10.36.0.0/16", 0, 3, KernelHop::Throw),
            route("2001:db8::/32", 0, 3, KernelHop::Throw),
        ]);
        for route in routes {
            if route.metric == 1 && route.destination.prefix_len() == 0 {
                route.next_hop = via(&peer);
            }
        }
    });
    insta::assert_snapshot!(by_hand(&rows), @"
    VirtualNetworkGateway true 10.20.3.0/24 VirtualNetworkGateway 10.10.0.9 | by hand: route 10.20.3.0/24 via 10.10.0.9 dev peer0 onlink proto bgp metric 2
    Unknown true 10.31.0.0/16 VnetLocal | by hand: route 10.31.0.0/16 dev vnet
    Unknown true 10.30.0.0/16 VNetPeering | by hand: route 10.30.0.0/16 dev peer0 scope link
    Unknown true 10.36.0.0/16 Internet | by hand: route throw 10.36.0.0/16
    Unknown true 10.34.0.0/16 None | by hand: route blackhole 10.34.0.0/16
    User true 0.0.0.0/0 VirtualAppliance 10.10.0.9 | routeTable/table/r, changed by hand: route default via 10.10.0.9 dev peer0 onlink proto static metric 1
    Unknown true 10.10.0.0/16 VirtualAppliance 10.10.0.9 | by hand: route 10.10.0.0/16 via 10.10.0.9 dev vnet onlink
    User true 10.10.0.128/25 VirtualAppliance 10.10.0.9 | by hand: route 10.10.0.128/25 via 10.10.0.9 dev vnet onlink metric 1
    Unknown true 10.10.0.4/32 VirtualAppliance 10.10.0.9 | by hand: route 10.10.0.4/32 via 10.10.0.9 dev vm0 onlink
    Unknown true 10.32.0.0/16 Unknown | by hand: route 10.32.0.0/16 dev pa0 scope link
    Unknown true 10.33.0.0/16 Unknown | by hand: route 10.33.0.0/16 via 10.10.0.9 dev pa0 onlink
    Unknown true 10.35.0.0/16 Unknown | by hand: of a kind that no lab has
    ");
    let invalid: Vec<_> =
        rows.iter().filter(|row| !row.active).map(|row| row.address_prefix.to_string()).collect();
    assert_eq!(invalid, ["10.10.0.0/16", "0.0.0.0/0"], "what is overridden, by hand or by the user");
    insta::assert_debug_snapshot!(answer, @r#"
    Answer {
        next_hop_type: Effective(
            VirtualAppliance,
        ),
        next_hop_ip_address: Some(
            10.10.0.9,
        ),
        route_table_id: "Unknown",
        address_prefix: Some(
            10.10.0.128/25,
        ),
        origin: "by hand: route 10.10.0.128/25 via 10.10.0.9 dev vnet onlink metric 1",
        notes: [],
    }
    "#);
}

#[test]
fn what_no_effective_route_decides_is_told_apart() {
    let world = World::of(LABS[4]);
    let told = |source: &str, destination: &str| {
        let (_, answer) = world.ask(source, destination, |_| {});
        let Answer { next_hop_type, route_table_id, address_prefix, origin, notes, .. } = answer;
        let prefix = address_prefix.map(|prefix| prefix.to_string()).unwrap_or_default();
        format!("{next_hop_type} | {route_table_id} | {prefix} | {origin}\n{}\n", notes.join("\n"))
    };
    insta::assert_snapshot!(told("client", "web"), @"
    RoutingDomain | Routing Domain | 10.244.0.0/16 | managedCluster/aks/routingDomain
    decided before the NIC's effective routes, which are all that Network Watcher knows: there it is None by 10.0.0.0/8
    ");
    insta::assert_snapshot!(told("client", "nginx"), @"
    RoutingDomain | Routing Domain | 10.244.0.0/16 | managedCluster/aks/routingDomain
    10.244.0.13 is behind the NIC of aks-nodepool1-12345678-vmss000000 itself: packets from there do not leave the VM
    decided before the NIC's effective routes, which are all that Network Watcher knows: there it is None by 10.0.0.0/8
    ");
    insta::assert_snapshot!(told("vm/db", "web"), @"None | System Route | 10.0.0.0/8 | systemRoute/aks-vnet");
    insta::assert_snapshot!(told("vm/db", "168.63.129.16"), @"
    Platform | Platform Route | 168.63.129.16/32 | networkInterface/db
    decided before the NIC's effective routes, which are all that Network Watcher knows: there it is Internet by 0.0.0.0/0
    ");
}

#[test]
fn pods_in_a_subnet_of_their_own_go_by_its_route_table() {
    let text = include_str!("../../../../../labs/pod-subnet/lab.yaml");
    let table = |name: &str| {
        format!(
            "- {{name: {name}, routes: [{{name: r, addressPrefix: 10.243.0.0/24, nextHopType: None}}]}}\n"
        )
    };
    let text = text
        .replace(
            "    addressPrefix: 10.240.0.0/16\n",
            "    addressPrefix: 10.240.0.0/16\n    routeTable: nodes\n",
        )
        .replace(
            "    addressPrefix: 10.241.0.0/16\n",
            "    addressPrefix: 10.241.0.0/16\n    routeTable: pods\n",
        )
        .replacen(
            "managedClusters:\n",
            &format!("routeTables:\n{}{}managedClusters:\n", table("nodes"), table("pods")),
            1,
        );
    let world = World::of(&text);
    let pod = &world.topology.managed_clusters[0].pods[0];
    let node = &world.topology.managed_clusters[0].nodes[pod.node].name;
    for (source, table) in [(&pod.name, "pods"), (node, "nodes")] {
        let (rows, answer) = world.ask(source, "vm/db", |_| {});
        assert_eq!(
            rows.last().map(|row| row.origin.as_str()),
            Some(format!("routeTable/{table}/r").as_str())
        );
        assert!(answer.route_table_id.ends_with(&format!("/routeTables/{table}")), "{answer:?}");
        assert!(rows.iter().all(|row| row.active && row.source.is_some()));
    }
}

#[test]
fn only_what_one_machine_can_have_is_a_destination() {
    let world = World::of(LABS[0]);
    let behind = target::network_interface(&world.topology, "default", "vm/app").unwrap();
    for refused in ["0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255", "::1", "::ffff:10.0.0.1"] {
        assert!(next_hop::packet(&behind, refused.parse().unwrap()).is_err(), "{refused}");
    }
    let packet = next_hop::packet(&behind, "127.0.0.1".parse().unwrap()).unwrap();
    assert_eq!((packet.input.as_str(), packet.source.to_string().as_str()), ("vm0", "10.224.1.4"));
}

#[test]
fn a_target_has_the_nic_of_its_vm() {
    let world = World::of(LABS[0]);
    let nic = |target: &str| {
        target::network_interface(&world.topology, "default", target)
            .map(|behind| {
                let pod = behind.pod.map(|pod| pod.name.clone());
                format!("{} {} {pod:?}", behind.vm, behind.address())
            })
            .unwrap_or_else(|error| error.to_string())
    };
    let node = "aks-nodepool1-12345678-vmss000000";
    assert_eq!(nic("a"), format!("{node} 10.244.0.10 Some(\"a\")"));
    assert_eq!(nic("pod/aks/default/a"), nic("pod/a"));
    assert_eq!(nic(node), format!("{node} 10.224.0.4 None"));
    assert_eq!(nic("app"), nic("vm/app"));
    for without in
        ["server", "host/app", "gateway/vpn-gateway", "onprem/datacenter", "platform/aks-vnet", "underlay"]
    {
        assert!(nic(without).contains("has no Azure network interface"), "{without}: {}", nic(without));
    }
    assert_eq!(nic("b2"), "lab `route-tables` has no `b2`; did you mean `b`?");
    assert!(nic(&"x".repeat(1 << 20)).len() < 300);
}
