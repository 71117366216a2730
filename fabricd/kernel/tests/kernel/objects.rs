//! Each kind of object: made, read back as it was made, seen by the usual tools, and removed.

use fabric_core::object::{
    Address, Bridge, LinkRef, MAIN_TABLE, Mac, Neighbour, NeighbourKind, NextHop, NoConnectedRoute, Object,
    PROTOCOL_BOOT, PROTOCOL_STATIC, Port, Program, Route, Rule, Ruleset, Sysctl, Up, Vxlan,
};
use fabric_core::{name::IfName, place::Place};
use serde_json::Value;

use crate::lab::{Lab, draw, eth0, node, pod, veth};

crate::tests!(
    namespaces,
    veths,
    bridges,
    ports,
    vxlans,
    ups,
    addresses,
    connected_routes,
    routes,
    ipv6,
    rules,
    neighbours,
    sysctls,
    nft_rules,
    iptables_rules,
    alike_pairs,
    pair_within_a_place
);

/// Builds `frame` and `objects`, then `frame` alone, then nothing. `seen` asks the usual tools.
pub fn check(frame: Vec<(Place, Object)>, objects: Vec<(Place, Object)>, seen: impl Fn(&Lab)) {
    let mut lab = Lab::new();
    lab.build(draw(frame.iter().chain(&objects).cloned()));
    seen(&lab);
    lab.build(draw(frame.clone()));
    lab.build(draw(frame.into_iter().chain(objects)));
}

fn up(place: Place, link: LinkRef) -> (Place, Object) {
    (place, Object::Up(Up::plain(link)))
}

pub fn address(link: LinkRef, address: &str) -> Address {
    Address { link, address: address.parse().unwrap(), broadcast: false, metric: 0, no_prefix_route: false }
}

/// A pair with both ends up and an address at the pod's.
pub fn connected() -> Vec<(Place, Object)> {
    let near = LinkRef::fixed("veth0", 7);
    let at = |text| (pod(), Object::Address(address(eth0(), text)));
    vec![(node(), veth()), up(node(), near), up(pod(), eth0()), at("10.244.0.15/24")]
}

fn namespaces() {
    let mut lab = Lab::new();
    let frame = [(node(), Object::Sysctl(Sysctl::global("net/ipv4/ip_forward", "0")))];
    lab.build(draw(frame));
    let lo = &lab.ip(&node(), "link")[0];
    assert_eq!(lo["ifname"], "lo");
    assert!(lo["flags"].as_array().unwrap().contains(&"UP".into()));
    assert_eq!(lab.ip(&node(), "link").as_array().unwrap().len(), 1);
}

fn veths() {
    let forward = (pod(), Object::Sysctl(Sysctl::global("net/ipv4/ip_forward", "0")));
    let frame = vec![(node(), forward.1.clone()), forward];
    check(frame, vec![(node(), veth())], |lab| {
        let near = &lab.ip(&node(), "link show veth0")[0];
        let far = &lab.ip(&pod(), "link show eth0")[0];
        assert_eq!(near["ifindex"], 7);
        assert_eq!(near["address"], Mac::local("near").to_string());
        assert_eq!((&near["mtu"], &far["mtu"]), (&1450.into(), &1450.into()));
        assert_eq!(far["ifindex"], 3);
        assert_eq!(far["link_index"], 7);
        assert_eq!(far["num_tx_queues"], 1);
    });
}

fn bridge(mtu: u32) -> Bridge {
    Bridge { link: LinkRef::fixed("cbr0", 9), mac: Mac::local("cbr0"), mtu, multicast_snooping: false }
}

fn bridges() {
    for mtu in [1500, 1600] {
        // A port with another MTU must change neither the bridge's MTU nor its address.
        let port = Port { link: LinkRef::fixed("veth0", 7), bridge: bridge(mtu).link, hairpin: false };
        check(
            vec![(node(), veth())],
            vec![(node(), Object::Bridge(bridge(mtu))), (node(), Object::Port(port))],
            |lab| {
                let cbr0 = &lab.ip(&node(), "link show cbr0")[0];
                assert_eq!(cbr0["mtu"], mtu);
                assert_eq!(cbr0["address"], Mac::local("cbr0").to_string());
                assert_eq!(cbr0["linkinfo"]["info_data"]["stp_state"], 0);
                assert_eq!(cbr0["linkinfo"]["info_data"]["mcast_snooping"], 0);
            },
        );
    }
}

fn ports() {
    let frame = vec![(node(), veth()), (node(), Object::Bridge(bridge(1500)))];
    for hairpin in [false, true] {
        let port = Port { link: LinkRef::fixed("veth0", 7), bridge: bridge(1500).link, hairpin };
        check(frame.clone(), vec![(node(), Object::Port(port))], |lab| {
            let veth0 = &lab.ip(&node(), "link show veth0")[0];
            assert_eq!(veth0["master"], "cbr0");
            assert_eq!(veth0["linkinfo"]["info_slave_data"]["hairpin"], hairpin);
        });
    }
}

fn vxlans() {
    let mut frame = connected();
    frame.push((node(), Object::Address(address(LinkRef::fixed("veth0", 7), "100.64.0.1/24"))));
    let vxlan = Vxlan {
        link: LinkRef::fixed("vnet", 12),
        mac: Mac::local("vnet"),
        mtu: 1400,
        vni: 1000,
        local: "100.64.0.1".parse().unwrap(),
        group: "239.1.0.1".parse().unwrap(),
        lower: LinkRef::fixed("veth0", 7),
    };
    let link = vxlan.link.clone();
    check(frame, vec![(node(), Object::Vxlan(vxlan)), up(node(), link)], |lab| {
        let data = &lab.ip(&node(), "link show vnet")[0]["linkinfo"]["info_data"];
        assert_eq!(data["id"], 1000);
        assert_eq!(data["group"], "239.1.0.1");
        assert_eq!(data["local"], "100.64.0.1");
        assert_eq!(data["link"], "veth0");
        assert_eq!(data["port"], 4789);
    });
}

fn ups() {
    let quiet = Up { link: LinkRef::fixed("veth0", 7), promiscuous: true, multicast: false };
    check(vec![(node(), veth())], vec![(node(), Object::Up(quiet)), up(pod(), eth0())], |lab| {
        let near = lab.ip(&node(), "link show veth0")[0]["flags"].clone();
        let near = near.as_array().unwrap();
        assert!(near.contains(&"UP".into()) && near.contains(&"PROMISC".into()));
        assert!(!near.contains(&"MULTICAST".into()));
    });
}

fn addresses() {
    let plain = address(eth0(), "10.240.0.4/16");
    let with_all = Address { broadcast: true, metric: 100, ..address(eth0(), "10.241.0.4/16") };
    let alone = Address { no_prefix_route: true, ..address(eth0(), "10.242.0.4/16") };
    let on_lo = address(LinkRef::fixed("lo", 1), "168.63.129.16/32");
    let objects = [plain, with_all, alone, on_lo].map(|address| (pod(), Object::Address(address)));
    check(vec![(node(), veth()), up(pod(), eth0())], objects.to_vec(), |lab| {
        let shown = lab.ip(&pod(), "-4 addr show dev eth0");
        let shown = shown[0]["addr_info"].as_array().unwrap().clone();
        let of = |local: &str| shown.iter().find(|address| address["local"] == local).unwrap().clone();
        assert_eq!(of("10.240.0.4").get("broadcast"), None);
        assert_eq!(of("10.240.0.4")["scope"], "global");
        assert_eq!(of("10.241.0.4")["broadcast"], "10.241.255.255");
        assert_eq!(of("10.241.0.4")["metric"], 100);
        assert_eq!(of("10.242.0.4")["noprefixroute"], true);
        let routes = lab.ip(&pod(), "route");
        let routes: Vec<_> = routes.as_array().unwrap().iter().map(|route| route["dst"].clone()).collect();
        assert_eq!(routes, ["10.240.0.0/16", "10.241.0.0/16"]);
    });
}

pub fn route(destination: &str, next_hop: NextHop) -> Route {
    let destination = destination.parse().unwrap();
    let (table, metric, protocol) = (MAIN_TABLE, 0, PROTOCOL_BOOT);
    Route { table, destination, metric, next_hop, protocol, source: None }
}

pub fn via(gateway: &str, onlink: bool) -> NextHop {
    NextHop::Via { gateway: gateway.parse().unwrap(), link: eth0(), onlink }
}

/// As in a pod of Azure CNI: the address has its prefix length, and no route comes of it.
fn connected_routes() {
    let absence = NoConnectedRoute { link: eth0(), address: "10.244.0.15/24".parse().unwrap() };
    let global = Route {
        table: MAIN_TABLE,
        destination: "10.224.0.9/32".parse().unwrap(),
        metric: 0,
        next_hop: NextHop::LinkGlobal(eth0()),
        protocol: PROTOCOL_STATIC,
        source: None,
    };
    let objects = vec![(pod(), Object::NoConnectedRoute(absence)), (pod(), Object::Route(global))];
    check(connected(), objects, |lab| {
        let routes = lab.inside(&pod(), &["ip", "route"]);
        assert_eq!(routes.trim_end(), "10.224.0.9 dev eth0 proto static");
        let address = lab.inside(&pod(), &["ip", "address", "show", "eth0"]);
        assert!(address.contains("inet 10.244.0.15/24 scope global eth0"), "{address}");
    });
}

fn routes() {
    let objects = vec![
        Route {
            source: Some("10.244.0.15".parse().unwrap()),
            ..route("0.0.0.0/0", via("10.244.0.1", false))
        },
        Route { metric: 77, protocol: 16, ..route("0.0.0.0/0", via("10.244.0.2", false)) },
        Route { protocol: PROTOCOL_STATIC, ..route("169.254.1.1/32", NextHop::Link(eth0())) },
        route("10.0.0.0/8", via("172.16.0.1", true)),
        Route { table: 1000, ..route("10.1.0.0/16", via("10.244.0.1", false)) },
        Route { table: 100, ..route("10.2.0.0/16", NextHop::Blackhole) },
        Route { metric: 5, ..route("10.3.0.0/16", NextHop::Blackhole) },
    ];
    let objects = objects.into_iter().map(|route| (pod(), Object::Route(route))).collect();
    check(connected(), objects, |lab| {
        let main = lab.ip(&pod(), "route");
        let find = |routes: &Value, destination: &str| {
            let routes = routes.as_array().unwrap().clone();
            routes.into_iter().find(|route| route["dst"] == destination).unwrap()
        };
        let default = find(&main, "default");
        assert_eq!((&default["gateway"], &default["dev"]), (&"10.244.0.1".into(), &"eth0".into()));
        assert_eq!((&default["prefsrc"], &default["protocol"]), (&"10.244.0.15".into(), &"boot".into()));
        assert_eq!(default.get("metric"), None);
        let link = find(&main, "169.254.1.1");
        assert_eq!((&link["scope"], &link["protocol"]), (&"link".into(), &"static".into()));
        assert_eq!(find(&main, "10.0.0.0/8")["flags"][0], "onlink");
        assert_eq!(find(&main, "10.3.0.0/16")["type"], "blackhole");
        assert_eq!(find(&lab.ip(&pod(), "route show table 1000"), "10.1.0.0/16")["gateway"], "10.244.0.1");
        assert_eq!(find(&lab.ip(&pod(), "route show table 100"), "10.2.0.0/16")["type"], "blackhole");
    });
}

fn ipv6() {
    // The kernel takes 1024 where an IPv6 route has no metric, so a blueprint says it.
    let default = Route { metric: 1024, ..route("::/0", via("fd00::1", false)) };
    let link = Route { metric: 7, ..route("fd01::/64", NextHop::Link(eth0())) };
    let hole = Route { metric: 9, ..route("fd02::/64", NextHop::Blackhole) };
    let objects = [
        Object::Address(address(eth0(), "fd00::7/64")),
        Object::Route(default),
        Object::Route(link),
        Object::Route(hole),
        Object::Rule(Rule {
            priority: 9,
            input: None,
            from: Some("fd00::/64".parse().unwrap()),
            mark: None,
            table: 9,
        }),
    ];
    check(connected(), objects.map(|object| (pod(), object)).to_vec(), |lab| {
        let default = &lab.ip(&pod(), "-6 route show default")[0];
        assert_eq!((&default["gateway"], &default["metric"]), (&"fd00::1".into(), &1024.into()));
    });
}

fn rules() {
    let rule = |priority, input: Option<&str>, from: Option<&str>, table| {
        let from = from.map(|from| from.parse().unwrap());
        (pod(), Object::Rule(Rule { priority, input: input.map(IfName::fixed), from, mark: None, table }))
    };
    let objects = vec![
        rule(1, Some("eth0"), Some("10.1.0.0/16"), 1000),
        rule(2, Some("lo"), None, 254),
        rule(32765, None, Some("10.9.0.7/32"), 70000),
        rule(3, None, None, 7),
        (
            pod(),
            Object::Rule(Rule {
                priority: 4,
                input: None,
                from: None,
                mark: Some(0x0ae0_0004),
                table: 0x0ae0_0004,
            }),
        ),
    ];
    check(connected(), objects, |lab| {
        let rules = lab.ip(&pod(), "rule");
        let first = &rules.as_array().unwrap()[1];
        assert_eq!((&first["priority"], &first["iif"]), (&1.into(), &"eth0".into()));
        assert_eq!((&first["src"], &first["srclen"]), (&"10.1.0.0".into(), &16.into()));
        assert_eq!(first["table"], "1000");
        assert_eq!(rules.as_array().unwrap().len(), 8);
    });
}

fn neighbours() {
    let mac = Mac([0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc]);
    let of = |address: &str, kind| {
        let address = address.parse().unwrap();
        (pod(), Object::Neighbour(Neighbour { link: eth0(), address, kind }))
    };
    let objects = vec![
        of("10.244.0.1", NeighbourKind::Learned(mac)),
        of("10.244.0.2", NeighbourKind::LearnedExternally(mac)),
        of("10.244.0.3", NeighbourKind::Permanent(mac)),
        of("10.99.0.1", NeighbourKind::Proxy),
    ];
    let mut lab = Lab::new();
    lab.build(draw(connected().into_iter().chain(objects)));
    let shown = lab.ip(&pod(), "-4 neigh");
    let of = |dst: &str| shown.as_array().unwrap().iter().find(|entry| entry["dst"] == dst).unwrap();
    assert_eq!(
        (&of("10.244.0.1")["lladdr"], &of("10.244.0.1")["state"][0]),
        (&mac.to_string().into(), &"STALE".into())
    );
    assert!(of("10.244.0.2").get("extern_learn").is_some(), "{shown}");
    assert_eq!(of("10.244.0.3")["state"][0], "PERMANENT");
    assert_eq!(lab.ip(&pod(), "neigh show proxy")[0]["dst"], "10.99.0.1");
    lab.build(draw(connected()));
}

fn sysctls() {
    let link = IfName::fixed("eth0");
    let objects = vec![
        (pod(), Object::Sysctl(Sysctl::global("net/ipv4/ip_forward", "1"))),
        (pod(), Object::Sysctl(Sysctl::global("net/ipv4/conf/all/rp_filter", "2"))),
        (pod(), Object::Sysctl(Sysctl::of_link("ipv4/conf", &link, "proxy_arp", "1"))),
        (pod(), Object::Sysctl(Sysctl::of_link("ipv4/neigh", &link, "proxy_delay", "0"))),
    ];
    let mut lab = Lab::new();
    lab.build(draw(connected().into_iter().chain(objects)));
    let value = lab.inside(&pod(), &["sysctl", "-n", "net.ipv4.conf.eth0.proxy_arp", "net.ipv4.ip_forward"]);
    assert_eq!(value, "1\n1\n");
    lab.inside(&pod(), &["sysctl", "-qw", "net.ipv4.ip_forward=0"]);
    let plan = lab.plan(&lab.last);
    assert_eq!(plan.to_string(), "~ pod/aks/default/web: sysctl net.ipv4.ip_forward=1  # test\n");
    let wanted = lab.last.clone();
    lab.build(wanted);
}

fn nft_rules() {
    let text = "table ip fabric\ndelete table ip fabric\ntable ip fabric {\n  map block { type ipv4_addr : ipv4_addr; elements = { 10.0.0.4 : 198.51.100.5 } }\n  chain post { type nat hook postrouting priority 100; snat to ip saddr map @block comment \"outbound\"\n  }\n}\n";
    let rules = |text: &str| (node(), Object::Ruleset(Ruleset { program: Program::Nft, text: text.into() }));
    let frame = vec![(node(), Object::Sysctl(Sysctl::global("net/ipv4/ip_forward", "1")))];
    check(frame.clone(), vec![rules(text)], |lab| {
        let listed = lab.inside(&node(), &["nft", "list", "ruleset"]);
        assert!(listed.contains("comment \"outbound\""), "{listed}");
    });
    let mut lab = Lab::new();
    lab.build(draw(frame.iter().cloned().chain([rules(text)])));
    lab.build(draw(frame.iter().cloned().chain([rules(&text.replace("outbound", "changed"))])));
    let listed = lab.inside(&node(), &["nft", "list", "ruleset"]);
    assert!(listed.contains("changed") && !listed.contains("outbound"), "{listed}");
    lab.build(draw(frame));
    assert_eq!(lab.inside(&node(), &["nft", "list", "ruleset"]), "");
}

pub const IPTABLES: &str = "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n:IP-MASQ-AGENT - [0:0]\n-A POSTROUTING -m comment --comment \"masquerade what leaves\" -m addrtype ! --dst-type LOCAL -j IP-MASQ-AGENT\n-A IP-MASQ-AGENT -d 10.0.0.0/8 -j RETURN\n-A IP-MASQ-AGENT -j MASQUERADE\nCOMMIT\n*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n";

fn iptables_rules() {
    let ruleset = Ruleset { program: Program::Iptables, text: IPTABLES.into() };
    let frame = vec![(node(), Object::Sysctl(Sysctl::global("net/ipv4/ip_forward", "1")))];
    check(frame.clone(), vec![(node(), Object::Ruleset(ruleset.clone()))], |lab| {
        let saved = lab.inside(&node(), &["iptables-save"]);
        assert!(saved.contains("--comment \"masquerade what leaves\""), "{saved}");
        assert!(saved.contains(":FORWARD DROP"), "{saved}");
    });
    let mut lab = Lab::new();
    lab.build(draw(frame.iter().cloned().chain([(node(), Object::Ruleset(ruleset))])));
    lab.build(draw(frame));
    let saved = lab.inside(&node(), &["iptables-save"]);
    assert!(!saved.contains("MASQ") && saved.contains(":FORWARD ACCEPT"), "{saved}");
}

/// Pods of one pattern have links of the same indexes: only the kernel knows which is whose.
fn alike_pairs() {
    let mut lab = Lab::new();
    let place = |kind: &str, number: u32| match kind {
        "node" => Place::Node { name: format!("n{number}") },
        _ => Place::Pod { cluster: "c".into(), namespace: "d".into(), name: format!("p{number}") },
    };
    let objects = (0..20).flat_map(|number| {
        let Object::Veth(mut veth) = veth() else { unreachable!() };
        veth.peer.place = place("pod", number * 7 % 20);
        let quiet = Object::Sysctl(Sysctl::global("net/ipv4/ip_forward", "0"));
        [(place("node", number), Object::Veth(veth)), (place("pod", number), quiet)]
    });
    lab.build(draw(objects));
}

fn pair_within_a_place() {
    let mut lab = Lab::new();
    let Object::Veth(mut veth) = veth() else { unreachable!() };
    veth.link.index = 2;
    veth.peer.place = node();
    lab.build(draw([(node(), Object::Veth(veth))]));
}
