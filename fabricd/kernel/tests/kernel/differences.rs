//! What changes behind fabricd's back is seen and mended; what the kernel refuses is told.

use fabric_core::{
    object::{
        Address, Key, LinkRef, MAIN_TABLE, Mac, Neighbour, NeighbourKind, NextHop, Object, PROTOCOL_BOOT,
        Program, Route, Ruleset, Sysctl, Up, Veth, VethPeer,
    },
    place::Place,
    plan::{Action, Observed},
};

use crate::{
    lab::{Lab, draw, eth0, kernel, node, objects, pod, run, sentences, veth},
    objects::IPTABLES,
};

crate::tests!(
    a_deleted_route,
    a_changed_route,
    an_inexpressible_route,
    flushed_rules,
    read_rules,
    a_link_set_down,
    a_forgotten_neighbour,
    pairs_made_anew_crosswise,
    a_failing_step,
    a_failing_removal,
    an_existing_namespace,
    a_leftover_file,
    a_namespace_that_is_gone,
    what_is_left_out,
    after_a_restart,
    rules_that_do_not_parse
);

fn default_route(gateway: &str) -> Object {
    Object::Route(Route {
        table: MAIN_TABLE,
        destination: "0.0.0.0/0".parse().unwrap(),
        metric: 0,
        next_hop: NextHop::Via { gateway: gateway.parse().unwrap(), link: eth0(), onlink: false },
        protocol: PROTOCOL_BOOT,
        source: None,
    })
}

fn frame() -> Vec<(Place, Object)> {
    let address = Address {
        link: eth0(),
        address: "10.244.0.15/24".parse().unwrap(),
        broadcast: true,
        metric: 0,
        no_prefix_route: false,
    };
    let near = LinkRef::fixed("veth0", 7);
    let objects = [Object::Up(Up::plain(eth0())), Object::Address(address), default_route("10.244.0.1")];
    let mut frame = vec![(node(), veth()), (node(), Object::Up(Up::plain(near)))];
    frame.extend(objects.map(|object| (pod(), object)));
    frame
}

/// Builds the frame, lets `command` change it in the pod, and expects this plan, and that it helps.
fn mended(command: &[&str], expected: &str) {
    let mut lab = Lab::new();
    lab.build(draw(frame()));
    lab.inside(&pod(), command);
    assert_eq!(lab.plan(&lab.last).to_string(), expected);
    let wanted = lab.last.clone();
    lab.build(wanted);
}

fn a_deleted_route() {
    let plan = "+ pod/aks/default/web: route default via 10.244.0.1 dev eth0  # test\n";
    mended(&["ip", "route", "del", "default"], plan);
}

fn a_changed_route() {
    let plan = "~ pod/aks/default/web: route default via 10.244.0.1 dev eth0  # test\n";
    mended(&["ip", "route", "change", "default", "via", "10.244.0.9"], plan);
    let mut lab = Lab::new();
    lab.build(draw(frame()));
    let mut changed = frame();
    changed.pop();
    changed.push((pod(), default_route("10.244.0.7")));
    lab.build(draw(changed));
    assert_eq!(lab.ip(&pod(), "route show default").as_array().unwrap().len(), 1);
}

fn an_inexpressible_route() {
    let plan = "~ pod/aks/default/web: route default via 10.244.0.1 dev eth0  # test\n";
    let hops = "nexthop via 10.244.0.8 nexthop via 10.244.0.9".split(' ');
    mended(&["ip", "route", "replace", "default"].into_iter().chain(hops).collect::<Vec<_>>(), plan);
    mended(&["ip", "route", "replace", "unreachable", "default"], plan);
}

fn rules() -> (Place, Object) {
    (pod(), Object::Ruleset(Ruleset { program: Program::Iptables, text: IPTABLES.into() }))
}

fn flushed_rules() {
    let mut lab = Lab::new();
    lab.build(draw(frame().into_iter().chain([rules()])));
    lab.inside(&pod(), &["iptables", "-t", "nat", "-F"]);
    assert_eq!(lab.plan(&lab.last).to_string(), "+ pod/aks/default/web: iptables rules, 15 lines  # test\n");
    let wanted = lab.last.clone();
    lab.build(wanted);
    assert!(lab.inside(&pod(), &["iptables-save"]).contains("MASQUERADE"));
}

fn read_rules() {
    let mut lab = Lab::new();
    let nft = "table ip fabric\ndelete table ip fabric\ntable ip fabric { }\n";
    let nft = (pod(), Object::Ruleset(Ruleset { program: Program::Nft, text: nft.into() }));
    lab.build(draw(frame().into_iter().chain([rules(), nft])));
    lab.inside(&pod(), &["iptables", "-L"]);
    lab.inside(&pod(), &["iptables-save", "-c"]);
    lab.inside(&pod(), &["nft", "list", "ruleset"]);
    assert!(lab.plan(&lab.last).is_empty(), "reading is no change");
}

fn a_link_set_down() {
    let mut lab = Lab::new();
    lab.build(draw(frame()));
    lab.inside(&pod(), &["ip", "link", "set", "eth0", "down"]);
    let wanted = lab.last.clone();
    lab.build(wanted);
}

fn a_forgotten_neighbour() {
    let mac = Mac::local("neighbour");
    let address = "10.244.0.9".parse().unwrap();
    let of = |place: Place, link| {
        let neighbour = Neighbour { link, address, kind: NeighbourKind::Permanent(mac) };
        (place, Object::Neighbour(neighbour))
    };
    let near = LinkRef::fixed("veth0", 7);
    for (place, link) in [(pod(), eth0()), (node(), near)] {
        let mut lab = Lab::new();
        lab.build(draw(frame().into_iter().chain([of(place.clone(), link.clone())])));
        let dev = link.name.to_string();
        let gone = ["ip", "neigh", "del", "10.244.0.9", "dev", &dev];
        let other = ["ip", "neigh", "change", "10.244.0.9", "lladdr", "02:00:00:00:00:09", "dev", &dev];
        for (command, sign) in [(&gone[..], '+'), (&other[..], '~')] {
            lab.inside(&place, command);
            let plan = lab.plan(&lab.last).to_string();
            assert!(plan.starts_with(sign) && plan.lines().count() == 1, "{place}: {plan}");
            let wanted = lab.last.clone();
            lab.build(wanted);
        }
    }
}

fn pairs_made_anew_crosswise() {
    let place = |name: &str| Place::Node { name: name.to_owned() };
    let pair = |near: &str, far: &str| {
        let mac = |end| Mac::local(&format!("{near}{end}"));
        let peer = VethPeer { place: place(far), link: eth0(), mac: mac("far") };
        let link = LinkRef::fixed("veth0", 7);
        (place(near), Object::Veth(Veth { link, mac: mac("near"), mtu: 1500, peer }))
    };
    let mut lab = Lab::new();
    lab.build(draw([pair("a", "c"), pair("b", "d")]));
    for near in ["a", "b"] {
        lab.inside(&place(near), &["ip", "link", "del", "veth0"]);
    }
    for (near, far) in [("a", "d"), ("b", "c")] {
        let netns = place(far).netns_name(&lab.name);
        let words = format!("ip link add veth0 index 7 type veth peer name eth0 index 3 netns {netns}");
        lab.inside(&place(near), &words.split(' ').collect::<Vec<_>>());
    }
    let observed = lab.observe();
    for (near, far) in [("a", "d"), ("b", "c")] {
        let seen = observed.places[&place(near)].values().find_map(|object| match object {
            Object::Veth(veth) => Some(&veth.peer.place),
            _ => None,
        });
        assert_eq!(seen, Some(&place(far)));
    }
    let wanted = lab.last.clone();
    lab.build(wanted);
}

fn a_failing_step() {
    let mut lab = Lab::new();
    let mut wanted = frame();
    wanted.pop();
    wanted.push((pod(), default_route("192.0.2.1")));
    let errors = lab.apply(draw(wanted)).unwrap_err();
    assert_eq!(
        sentences(&errors),
        "pod/aks/default/web: cannot create route default via 192.0.2.1 dev eth0: \
         Nexthop has invalid gateway (Network is unreachable)\n"
    );
    assert_eq!(errors[0].step.action, Action::Create);
    assert_eq!(errors[0].place, pod());
}

fn a_failing_removal() {
    let mut lab = Lab::new();
    lab.build(draw(frame()));
    let stale = lab.plan(&draw([(pod(), Object::Up(Up::plain(eth0()))), (node(), veth())]));
    lab.inside(&pod(), &["ip", "route", "del", "default"]);
    let errors: Vec<_> = stale
        .waves
        .iter()
        .filter_map(|wave| fabric_core::kernel::Kernel::execute(kernel(), &lab.name, wave, &|_| ()).err())
        .flatten()
        .collect();
    assert_eq!(errors.len(), 1, "{}", sentences(&errors));
    assert!(sentences(&errors).contains("cannot remove route default"), "{}", sentences(&errors));
    assert_eq!(lab.ip(&pod(), "-4 addr show dev eth0"), serde_json::json!([]), "removal went on");
}

fn an_existing_namespace() {
    let mut lab = Lab::new();
    let plan = lab.plan(&draw(frame()));
    lab.build(draw(frame()));
    let errors =
        fabric_core::kernel::Kernel::execute(kernel(), &lab.name, &plan.waves[0], &|_| ()).unwrap_err();
    assert!(sentences(&errors).contains("pod/aks/default/web: cannot create namespace: File exists"));
    assert_eq!(errors.len(), 2);
    assert!(lab.plan(&lab.last).is_empty(), "what was there is untouched");
}

fn a_leftover_file() {
    let mut lab = Lab::new();
    let file = format!("/run/netns/{}", pod().netns_name(&lab.name));
    std::fs::write(&file, "").unwrap();
    assert!(lab.observe().places[&pod()].is_empty());
    lab.build(draw(frame()));
    lab.build(draw([]));
    std::fs::write(&file, "").unwrap();
}

fn a_namespace_that_is_gone() {
    let mut lab = Lab::new();
    lab.build(draw(frame()));
    run(&["ip", "netns", "del", &pod().netns_name(&lab.name)]);
    assert_eq!(lab.observe().places.get(&pod()), None);
    // The kernel ends the namespace in its own time, and its veth with it.
    while lab.observe().places[&node()].contains_key(&Key::Up(LinkRef::fixed("veth0", 7).name)) {
        std::thread::yield_now();
    }
    let wanted = lab.last.clone();
    lab.build(wanted);
}

fn what_is_left_out() {
    let mut lab = Lab::new();
    lab.build(draw(frame()));
    let before = lab.observe();
    lab.inside(
        &pod(),
        &["ip", "neigh", "add", "10.244.0.77", "lladdr", "02:00:00:00:00:01", "dev", "eth0", "nud", "noarp"],
    );
    lab.inside(&pod(), &["ip", "rule", "add", "priority", "9", "fwmark", "1/0xff", "table", "9"]);
    lab.inside(&pod(), &["ip", "addr", "add", "fe80::77/64", "dev", "eth0"]);
    assert_eq!(lab.observe(), before);
}

fn after_a_restart() {
    let mut lab = Lab::new();
    let sysctl = Sysctl::global("net/ipv4/ip_forward", "1");
    lab.build(draw(frame().into_iter().chain([rules(), (pod(), Object::Sysctl(sysctl))])));
    let fresh = fabric_kernel::LinuxKernel::open("/run/netns".into()).unwrap();
    let seen = fabric_core::kernel::Kernel::observe(&fresh, &lab.name).unwrap();
    let mut expected = Observed { places: objects(&lab.last) };
    let not_remembered = |key: &Key| matches!(key, Key::Sysctl(_) | Key::Ruleset(_));
    expected.places.values_mut().for_each(|objects| objects.retain(|key, _| !not_remembered(key)));
    assert_eq!(seen, expected);
}

fn rules_that_do_not_parse() {
    for (program, text, sentence) in [
        (
            Program::Nft,
            "table ip a {\n  chain b { nonsense }\n}\n",
            "nft: /dev/stdin:2:22-22: Error: syntax error",
        ),
        (Program::Iptables, "*filter\n-A NOWHERE -j ACCEPT\nCOMMIT\n", "iptables-nft-restore: "),
    ] {
        let mut lab = Lab::new();
        let rules = Object::Ruleset(Ruleset { program, text: text.into() });
        let errors = lab.apply(draw([(node(), rules)])).unwrap_err();
        assert!(sentences(&errors).contains(sentence), "{}", sentences(&errors));
        assert_eq!(errors.len(), 1);
    }
}
