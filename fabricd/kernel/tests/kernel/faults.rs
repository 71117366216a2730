//! What the kernel makes of faults: links that go down, and netem.

use fabric_core::{
    fault::Impairment,
    object::{
        Mac, NETEM_LIMIT, Neighbour, NeighbourKind, Netem, NextHop, NoConnectedRoute, Object, Route, Rule,
        Sysctl, Up,
    },
    place::Place,
};

use crate::{
    lab::{Lab, draw, eth0, node, pod},
    objects::{address, check, connected, route, via},
};

crate::tests!(what_goes_when_a_link_goes_down, qdiscs);

/// A link that is down keeps what [`Object::needs_up`] says, and loses the rest without being told.
fn what_goes_when_a_link_goes_down() {
    let mac = Mac([0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc]);
    let neighbour = |address: &str, kind| {
        Object::Neighbour(Neighbour { link: eth0(), address: address.parse().unwrap(), kind })
    };
    let default = route("0.0.0.0/0", via("10.244.0.1", false));
    let absence = NoConnectedRoute { link: eth0(), address: "10.240.0.4/16".parse().unwrap() };
    let objects = [
        Object::Address(address(eth0(), "10.240.0.4/16")),
        Object::Address(address(eth0(), "fd00::7/64")),
        Object::NoConnectedRoute(absence),
        Object::Route(Route { table: 1000, ..default.clone() }),
        Object::Route(default),
        Object::Route(route("10.9.0.0/16", NextHop::Blackhole)),
        Object::Rule(Rule { priority: 9, input: Some(eth0().name), from: None, mark: None, table: 1000 }),
        Object::Sysctl(Sysctl::of_link("ipv4/conf", &eth0().name, "proxy_arp", "1")),
        neighbour("10.244.0.3", NeighbourKind::Permanent(mac)),
        neighbour("10.99.0.1", NeighbourKind::Proxy),
    ];
    let whole: Vec<_> = connected().into_iter().chain(objects.map(|object| (pod(), object))).collect();
    let mut lab = Lab::new();
    lab.build(draw(whole.clone()));
    let up = Object::Up(Up::plain(eth0()));
    let left = |(place, object): &(Place, Object)| {
        *place != pod() || (*object != up && object.needs_up() != Some(&eth0().name))
    };
    let down: Vec<_> = whole.iter().filter(|one| left(one)).cloned().collect();
    assert_eq!(whole.len() - down.len(), 7);
    let wanted = draw(down);
    assert_eq!(lab.plan(&wanted).to_string(), "- pod/aks/default/web: up eth0  # test\n");
    lab.build(wanted);
    assert_eq!(lab.ip(&pod(), "link show eth0")[0]["operstate"], "DOWN");
    let far = lab.ip(&node(), "link show veth0")[0]["flags"].clone();
    assert!(far.as_array().unwrap().contains(&"NO-CARRIER".into()), "{far}");
    lab.build(draw(whole));
}

/// The only test here that not every kernel can do.
pub const NEEDS_NETEM: &str = "faults::qdiscs";

fn qdiscs() {
    let netem = |impairment| Object::Qdisc(Netem { link: eth0(), limit: NETEM_LIMIT, impairment });
    let slow = Impairment { delay: 50_000, jitter: 5_000, loss: 100_000, rate: 10_000_000 };
    check(connected(), vec![(pod(), netem(slow))], |lab| {
        let shown = lab.inside(&pod(), &["tc", "qdisc", "show", "dev", "eth0"]);
        assert!(shown.contains("limit 1000 delay 50ms  5ms loss 10% rate 10Mbit"), "{shown}");
    });
    let mut lab = Lab::new();
    let with = |impairment| draw(connected().into_iter().chain([(pod(), netem(impairment))]));
    lab.build(with(slow));
    let wide = Impairment { rate: 100_000_000_000, ..Impairment::default() };
    for other in [wide, Impairment { delay: 1, ..Impairment::default() }, Impairment::default()] {
        let plan = lab.plan(&with(other)).to_string();
        assert!(plan.starts_with("~ pod/aks/default/web: qdisc netem dev eth0"), "{plan}");
        lab.build(with(other));
    }
    // It stays while the link is down, and what others make of it is seen.
    lab.inside(&pod(), &["ip", "link", "set", "eth0", "down"]);
    lab.inside(&pod(), &["tc", "qdisc", "change", "dev", "eth0", "root", "netem", "duplicate", "5%"]);
    assert!(lab.plan(&lab.last).to_string().contains("~ pod/aks/default/web: qdisc netem"));
    let wanted = lab.last.clone();
    lab.build(wanted);
    // A queueing discipline of somebody else's is not ours to take away.
    let mut lab = Lab::new();
    lab.build(draw(connected()));
    lab.inside(&pod(), &["tc", "qdisc", "add", "dev", "eth0", "root", "netem", "delay", "1s"]);
    assert!(lab.plan(&lab.last).is_empty());
}
