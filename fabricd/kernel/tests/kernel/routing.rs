//! What the kernel is asked about routes: each of its answers, as `ip route get` gives it too.

use fabric_core::{
    kernel::{Decision, Kernel, Packet},
    object::{
        Address, LinkRef, MAIN_TABLE, NextHop, Object, PROTOCOL_BOOT, PROTOCOL_STATIC, Route, Rule, Sysctl,
        Up,
    },
    place::Place,
};

use crate::lab::{Lab, draw, eth0, kernel, node, pod, veth};

crate::tests!(every_decision, what_is_done_by_hand_shows, places_that_are_not_there);

fn near() -> LinkRef {
    LinkRef::fixed("veth0", 7)
}

fn route(table: u32, destination: &str, metric: u32, next_hop: NextHop) -> Route {
    let destination = destination.parse().unwrap();
    Route { table, destination, metric, next_hop, protocol: PROTOCOL_STATIC, source: None }
}

fn via(gateway: &str) -> NextHop {
    NextHop::Via { gateway: gateway.parse().unwrap(), link: near(), onlink: true }
}

fn routes() -> Vec<Route> {
    vec![
        route(MAIN_TABLE, "0.0.0.0/0", 3, NextHop::Throw),
        route(MAIN_TABLE, "10.0.0.0/8", 3, NextHop::Blackhole),
        route(MAIN_TABLE, "10.1.0.0/16", 3, NextHop::Link(near())),
        route(MAIN_TABLE, "10.1.0.0/16", 1, via("10.9.9.9")),
        route(MAIN_TABLE, "10.1.2.0/24", 2, via("10.9.9.8")),
        route(3, "10.1.2.128/25", 0, NextHop::Link(near())),
    ]
}

/// A router behind `veth0`.
fn router() -> Lab {
    let mut lab = Lab::new();
    let set = |path: &str, value: &str| (node(), Object::Sysctl(Sysctl::global(path, value)));
    let address = Address {
        link: near(),
        address: "100.64.0.1/24".parse().unwrap(),
        broadcast: false,
        metric: 0,
        no_prefix_route: false,
    };
    let rule = Rule { priority: 9, input: Some(near().name), from: None, mark: None, table: 3 };
    let up = |place: Place, link| (place, Object::Up(Up::plain(link)));
    let mut objects = vec![
        set("net/ipv4/ip_forward", "1"),
        set("net/ipv4/conf/all/rp_filter", "0"),
        set("net/ipv4/conf/default/rp_filter", "0"),
        (node(), veth()),
        up(node(), near()),
        up(pod(), eth0()),
        (node(), Object::Address(address)),
        (node(), Object::Rule(rule)),
    ];
    objects.extend(routes().into_iter().map(|route| (node(), Object::Route(route))));
    lab.build(draw(objects));
    lab
}

fn decide(lab: &Lab, destinations: &[&str]) -> Vec<Decision> {
    let packet = |destination: &&str| Packet {
        input: near().name,
        source: "10.244.0.15".parse().unwrap(),
        destination: destination.parse().unwrap(),
    };
    let packets: Vec<_> = destinations.iter().map(packet).collect();
    kernel().routing(&lab.name, &node(), &packets).unwrap().decisions
}

fn every_decision() {
    let lab = router();
    let [default, blackhole, link, preferred, longer, other_table] =
        <[Route; 6]>::try_from(routes()).unwrap();
    let asked = ["203.0.113.1", "10.2.0.1", "10.1.9.9", "10.1.2.1", "10.1.2.200", "100.64.0.1", "100.64.0.9"];
    let connected = Route { protocol: 2, ..route(MAIN_TABLE, "100.64.0.0/24", 0, NextHop::Link(near())) };
    let connected = Route { source: Some("100.64.0.1".parse().unwrap()), ..connected };
    assert_eq!(
        decide(&lab, &asked),
        [
            Decision::NoRoute,
            Decision::Dropped,
            Decision::Route(preferred.clone()),
            Decision::Route(longer.clone()),
            Decision::Route(other_table.clone()),
            Decision::Local,
            Decision::Route(connected.clone()),
        ]
    );
    let mut all = kernel().routing(&lab.name, &node(), &[]).unwrap().routes;
    let mut wanted = vec![default, blackhole, link, preferred, longer, other_table, connected];
    for list in [&mut all, &mut wanted] {
        list.sort_by_key(|route| (route.table, route.destination, route.metric));
    }
    assert_eq!(all, wanted);
    let got = lab.inside(
        &node(),
        &["ip", "-o", "route", "get", "fibmatch", "10.1.9.9", "from", "10.244.0.15", "iif", "veth0"],
    );
    assert!(got.contains("10.1.0.0/16 via 10.9.9.9"), "{got}");
}

fn what_is_done_by_hand_shows() {
    let lab = router();
    let by_hand = |words: &str| {
        lab.inside(&node(), &["ip", "route"].into_iter().chain(words.split(' ')).collect::<Vec<_>>());
    };
    by_hand("del 10.1.0.0/16 metric 1");
    by_hand("add 10.3.0.0/16 dev veth0");
    by_hand("add unreachable 10.4.0.0/16");
    by_hand("add prohibit 10.5.0.0/16");
    let link = route(MAIN_TABLE, "10.1.0.0/16", 3, NextHop::Link(near()));
    let added =
        Route { protocol: PROTOCOL_BOOT, ..route(MAIN_TABLE, "10.3.0.0/16", 0, NextHop::Link(near())) };
    let decisions = decide(&lab, &["10.1.9.9", "10.3.0.1", "10.4.0.1", "10.5.0.1"]);
    assert_eq!(
        decisions,
        [Decision::Route(link), Decision::Route(added), Decision::Refused, Decision::Refused]
    );
    by_hand("flush table main");
    assert_eq!(decide(&lab, &["10.1.9.9", "203.0.113.1"]), [Decision::NoRoute, Decision::NoRoute]);
}

fn places_that_are_not_there() {
    let lab = router();
    let absent = Place::VirtualMachine { name: "absent".into() };
    let error = kernel().routing(&lab.name, &absent, &[]).unwrap_err();
    assert_eq!(error.to_string(), "cannot read the routes of vm/absent");
    let packet = Packet {
        input: LinkRef::fixed("vm0", 3).name,
        source: "10.0.0.1".parse().unwrap(),
        destination: "10.0.0.2".parse().unwrap(),
    };
    let error = kernel().routing(&lab.name, &node(), &[packet]).unwrap_err();
    assert_eq!(error.source.to_string(), "there is no link vm0");
}
