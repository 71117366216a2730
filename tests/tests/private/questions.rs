//! `effective-routes` and `next-hop`: what the kernels answer, against what Azure's rules make of the lab file.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use fabric_core::{
    effective_routes::{EffectiveRoute, NextHop, RouteSource, effective_routes},
    spec::{self, Source},
    target,
    topology::Topology,
};
use fabric_tests::{Session, labs};
use serde_json::{Value, json};

pub const TESTS: [(&str, fn()); 7] = [
    ("questions_of_route_tables", || every_answer("route-tables")),
    ("questions_of_peering_and_hybrid", || every_answer("peering-and-hybrid")),
    ("questions_of_hub_and_spoke", || every_answer("hub-and-spoke")),
    ("questions_of_kubenet", || every_answer("kubenet")),
    ("questions_of_overlay", || every_answer("overlay")),
    ("what_is_done_by_hand_shows_until_the_next_apply", what_is_done_by_hand_shows_until_the_next_apply),
    ("what_has_no_nic_is_refused", what_has_no_nic_is_refused),
];

fn topology(lab: &str) -> Topology {
    let path = labs().join(lab).join("lab.yaml");
    let text = std::fs::read_to_string(&path).expect("a lab file");
    spec::load(&[Source { name: lab.to_owned(), text }]).expect("no mistakes")
}

/// The rows of a NIC, as az's JSON has them.
fn rows(topology: &Topology, vm: &str) -> Vec<Value> {
    let behind = target::network_interface(topology, "default", vm).expect("a NIC");
    let table = topology.subnet(behind.nic.subnet).route_table.map(|table| &topology.route_tables[table]);
    let row = |route: EffectiveRoute| {
        let (next_hop_type, address) = hop(&route);
        let user =
            (route.source == RouteSource::User).then(|| route.origin.rsplit('/').next().unwrap_or_default());
        json!({
            "addressPrefix": [route.address_prefix],
            "disableBgpRoutePropagation": table.is_some_and(|table| table.disable_bgp_route_propagation),
            "hasBgpOverride": false,
            "name": user,
            "nextHopIpAddress": address.into_iter().collect::<Vec<_>>(),
            "nextHopType": next_hop_type,
            "source": format!("{:?}", route.source),
            "state": if route.active { "Active" } else { "Invalid" },
        })
    };
    effective_routes(topology, behind.nic.subnet).into_iter().map(row).collect()
}

fn hop(route: &EffectiveRoute) -> (&'static str, Option<Ipv4Addr>) {
    match route.next_hop {
        NextHop::VnetLocal => ("VnetLocal", None),
        NextHop::VnetPeering(_) => ("VNetPeering", None),
        NextHop::Internet => ("Internet", None),
        NextHop::None => ("None", None),
        NextHop::VirtualNetworkGateway(hop) => ("VirtualNetworkGateway", hop.map(|hop| hop.address)),
        NextHop::VirtualAppliance(address, _) => ("VirtualAppliance", Some(address)),
    }
}

/// What Network Watcher would answer, and for what it does not know, what is true.
fn expected(topology: &Topology, source: &str, destination: Ipv4Addr) -> Value {
    let behind = target::network_interface(topology, "default", source).expect("a NIC");
    let answer = |next_hop_type: &str, address: Option<Ipv4Addr>, table: String| json!({ "nextHopIpAddress": address, "nextHopType": next_hop_type, "routeTableId": table });
    if destination == Ipv4Addr::new(168, 63, 129, 16) {
        return answer("Platform", None, "Platform Route".to_owned());
    }
    if behind.nic.overlay.is_some_and(|overlay| overlay.pod_cidr.contains(&destination)) {
        return answer("RoutingDomain", None, "Routing Domain".to_owned());
    }
    // The longest prefix, and of equal ones the user's before gateways' before the system's.
    let mut routes = effective_routes(topology, behind.nic.subnet);
    routes.retain(|route| route.address_prefix.contains(&destination));
    routes.sort_by_key(|route| (route.address_prefix.prefix_len(), route.source));
    let route = routes.last().expect("there is a default route");
    let (next_hop_type, address) = hop(route);
    let table = match route.source {
        RouteSource::Default => "System Route".to_owned(),
        RouteSource::VirtualNetworkGateway => "Gateway Route".to_owned(),
        RouteSource::User => {
            let table = route.origin.split('/').nth(1).unwrap_or_default();
            format!("/labs/{}/providers/Microsoft.Network/routeTables/{table}", topology.lab)
        }
    };
    answer(if next_hop_type == "VNetPeering" { "VnetPeering" } else { next_hop_type }, address, table)
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

/// Every NIC's routes, and the next hop from each VM, node and pod to each of them and to what nobody has.
fn every_answer(lab: &str) {
    let session = Session::new();
    session.ok(&["apply", "-f", lab]);
    let topology = topology(lab);
    for (place, ..) in topology.azure_vms() {
        let target = place.to_string();
        let answer = json_of(&session.ok(&["effective-routes", &target, "-o", "json"]));
        let mut found = answer["value"].as_array().expect("rows").clone();
        let mut wanted = rows(&topology, &target);
        for list in [&mut found, &mut wanted] {
            list.sort_by_key(Value::to_string);
        }
        assert_eq!(found, wanted, "{target}");
    }

    let mut sources: Vec<String> = topology.azure_vms().map(|(place, ..)| place.to_string()).collect();
    for cluster in &topology.managed_clusters {
        sources.extend(cluster.pods.iter().map(|pod| cluster.pod_place(pod).to_string()));
    }
    let mut targets = sources.clone();
    targets.extend(
        topology.on_premises.iter().flat_map(|site| &site.machines).map(|it| format!("machine/{}", it.name)),
    );
    targets.extend(topology.virtual_network_gateways.iter().map(|it| format!("gateway/{}", it.name)));
    targets.extend(
        ["168.63.129.16", "203.0.113.10", "10.99.0.1", "10.244.9.9", "192.168.77.1"].map(str::to_owned),
    );
    let sources: BTreeSet<String> = sources.into_iter().collect();
    let work: Vec<(&String, &String)> =
        sources.iter().flat_map(|from| targets.iter().map(move |to| (from, to))).collect();
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(vec![]));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some((from, to)) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let Ok(IpAddr::V4(address)) = target::address(&topology, "default", to) else {
                        panic!("{to} has no IPv4 address")
                    };
                    let found = json_of(&session.ok(&["next-hop", from, to, "-o", "json"]));
                    let wanted = expected(&topology, from, address);
                    if found != wanted {
                        wrong
                            .lock()
                            .expect("no panic")
                            .push(format!("{from} to {to}: wanted {wanted}, found {found}"));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("no panic");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

fn what_is_done_by_hand_shows_until_the_next_apply() {
    let session = Session::new();
    session.ok(&["apply", "-f", "route-tables"]);
    let by_hand = |words: &str| {
        let command: Vec<_> =
            ["exec", "host/app", "--", "ip", "route"].into_iter().chain(words.split(' ')).collect();
        session.ok(&command);
    };
    let routes = || session.ok(&["effective-routes", "vm/app", "-o", "wide"]);
    let next_hop = |to: &str| session.ok(&["next-hop", "vm/app", to, "-o", "wide"]);
    let before = routes();
    assert!(next_hop("8.8.8.8").contains("routeTable/app-routes/everything-else"));

    // Without the user's route the system's is not overridden any more.
    by_hand("del default metric 1");
    assert!(!routes().contains("everything-else"));
    let default = routes().lines().find(|line| line.contains("0.0.0.0/0")).map(str::to_owned);
    assert!(default.is_some_and(|line| line.contains("Active")), "{}", routes());
    assert!(next_hop("8.8.8.8").contains("Internet"));

    by_hand("add 10.99.0.0/16 via 10.224.2.4 dev vnet onlink");
    assert!(routes().contains("by hand: route 10.99.0.0/16 via 10.224.2.4 dev vnet onlink"));
    let answer = next_hop("10.99.1.1");
    assert!(answer.contains("10.224.2.4") && answer.contains("VirtualAppliance"), "{answer}");

    by_hand("replace 10.224.2.0/24 via 10.224.1.9 dev vnet onlink metric 1");
    assert!(routes().contains("routeTable/app-routes/database-directly, changed by hand"));
    assert!(next_hop("db").contains("10.224.1.9"));

    by_hand("flush table main");
    assert_eq!(routes().lines().count(), 2, "{}", routes());
    let output = session.fabctl(&["next-hop", "vm/app", "db"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("no effective route matches"));

    session.ok(&["apply", "-f", "route-tables"]);
    assert_eq!(routes(), before);
}

fn what_has_no_nic_is_refused() {
    let session = Session::new();
    session.ok(&["apply", "-f", "route-tables"]);
    for target in
        ["machine/server", "server", "gateway/vpn-gateway", "onprem/datacenter", "host/app", "underlay"]
    {
        let error = session.fails(1, &["effective-routes", target]);
        assert!(error.contains("has no Azure network interface"), "{error}");
        session.fails(1, &["next-hop", target, "a"]);
    }
    assert!(session.fails(1, &["effective-routes", "apq"]).contains("did you mean `app`?"));
    assert!(session.fails(1, &["next-hop", "a", "224.0.0.1"]).contains("no address that Azure routes to"));
    assert!(session.fails(1, &["next-hop", "a", "underlay"]).contains("has no address of its own"));
    session.fails(64, &["next-hop", "a"]);
    session.fails(64, &["effective-routes", "a", "-o", "name"]);
}
