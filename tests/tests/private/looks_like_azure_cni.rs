//! What a learner sees inside nodes and pods of Azure CNI: the listings of aks-facts 1.2 and 1.3.

use fabric_tests::{Session, program, wait_until};

pub const TESTS: [(&str, fn()); 7] = [
    ("azure_cni_pod_addresses_routes_and_neighbours", pod),
    ("azure_cni_node_links_routes_and_neighbours", node),
    ("azure_cni_routes_of_each_mode", routes_of_each_mode),
    ("azure_cni_nat_of_each_mode", nat_of_each_mode),
    ("azure_cni_hops", hops),
    ("own_cni_pods_are_empty", own_cni),
    ("azure_cni_static_blocks", static_blocks),
];

const OVERLAY_NODE: &str = "node/aks-nodepool1-12345678-vmss000000";
const NODE_SUBNET_NODE: &str = "node/aks-nodepool1-36884090-vmss000000";

fn running(lab: &str) -> Session {
    let session = Session::new();
    session.ok(&["apply", "-f", lab]);
    session
}

/// The output of a command in a place, without blanks at the ends of lines.
fn shows(session: &Session, place: &str, command: &str) -> Vec<String> {
    let words: Vec<&str> = ["exec", place, "--"].into_iter().chain(command.split(' ')).collect();
    let mut output = session.ok(&words);
    // A new IPv6 address is tentative until a worker of the kernel's has seen that nobody is to be asked.
    wait_until("no address is tentative", || {
        let settled = !output.contains("tentative");
        if !settled {
            output = session.ok(&words);
        }
        settled
    });
    output.lines().map(|line| line.trim_end().to_owned()).collect()
}

fn pod() {
    let session = running("overlay");
    let see = |command: &str| shows(&session, "nginx", command);
    assert_eq!(
        see("ip addr show eth0"),
        [
            "29: eth0@if30: <BROADCAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000",
            "    link/ether 52:78:35:ac:f4:01 brd ff:ff:ff:ff:ff:ff link-netnsid 0",
            "    inet 10.244.0.13/16 scope global eth0",
            "       valid_lft forever preferred_lft forever",
            "    inet6 fe80::5078:35ff:feac:f401/64 scope link",
            "       valid_lft forever preferred_lft forever",
        ]
    );
    let routes =
        ["default via 169.254.1.1 dev eth0 proto static", "169.254.1.1 dev eth0 proto static scope link"];
    assert_eq!(see("ip route"), routes);
    assert_eq!(
        see("route -n"),
        [
            "Kernel IP routing table",
            "Destination     Gateway         Genmask         Flags Metric Ref    Use Iface",
            "0.0.0.0         169.254.1.1     0.0.0.0         UG    0      0        0 eth0",
            "169.254.1.1     0.0.0.0         255.255.255.255 UH    0      0        0 eth0",
        ]
    );
    // CoreDNS asks Azure DNS for the node's name.
    let neighbours = [
        "? (169.254.1.1) at aa:aa:aa:aa:aa:aa [ether] on eth0",
        "aks-nodepool1-12345678-vmss000000.internal.cloudapp.net (10.224.0.4) at aa:aa:aa:aa:aa:aa [ether] on eth0",
    ];
    let arp = || {
        let mut lines = see("arp -a");
        lines.sort_unstable();
        lines
    };
    assert_eq!(arp(), neighbours);
    // After real packets in both directions it is the same table, and no route has come.
    session.ok(&["ping", "nginx", "web", "-c", "1"]);
    session.ok(&["ping", OVERLAY_NODE, "nginx", "-c", "1"]);
    assert_eq!(arp(), neighbours);
    assert_eq!(see("ip route"), routes);
    // The other modes differ in the mask's owner only.
    let session = running("pod-subnet");
    assert!(
        shows(&session, "c", "ip addr show eth0")
            .contains(&"    inet 10.241.0.30/16 scope global eth0".into())
    );
    assert_eq!(shows(&session, "c", "ip route"), routes);
}

fn node() {
    let session = running("overlay");
    let see = |command: &str| shows(&session, OVERLAY_NODE, command);
    let link = see("ip addr show azvc440f455693");
    assert_eq!(
        link[0],
        "30: azvc440f455693@if29: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default qlen 1000"
    );
    assert!(
        link[1].starts_with("    link/ether aa:aa:aa:aa:aa:aa brd ff:ff:ff:ff:ff:ff link-netns"),
        "{link:?}"
    );
    assert_eq!(
        link[2..],
        [
            "    inet6 fe80::a8aa:aaff:feaa:aaaa/64 scope link",
            "       valid_lft forever preferred_lft forever"
        ]
    );
    assert_eq!(
        but_coredns(&session, see("route -n")),
        [
            "Kernel IP routing table",
            "Destination     Gateway         Genmask         Flags Metric Ref    Use Iface",
            "0.0.0.0         10.224.0.1      0.0.0.0         UG    100    0        0 eth0",
            "10.224.0.0      0.0.0.0         255.255.0.0     U     100    0        0 eth0",
            "10.224.0.1      0.0.0.0         255.255.255.255 UH    100    0        0 eth0",
            "10.244.0.13     0.0.0.0         255.255.255.255 UH    0      0        0 azvc440f455693",
            "10.244.0.21     0.0.0.0         255.255.255.255 UH    0      0        0 azva7a3e029a7b",
            "168.63.129.16   10.224.0.1      255.255.255.255 UGH   100    0        0 eth0",
            "169.254.169.254 10.224.0.1      255.255.255.255 UGH   100    0        0 eth0",
        ]
    );
    session.ok(&["ping", OVERLAY_NODE, "nginx", "-c", "1"]);
    session.ok(&["ping", "nginx", "web", "-c", "1"]);
    let neighbours = see("arp -a");
    for wanted in [
        "? (10.244.0.13) at 52:78:35:ac:f4:01 [ether] on azvc440f455693",
        "? (10.224.0.1) at 12:34:56:78:9a:bc [ether] on eth0",
    ] {
        assert!(neighbours.iter().any(|line| line == wanted), "{neighbours:?}");
    }
    // In the nodes' subnet each pod of another node is a neighbour, with the switch's address.
    let session = running("azure-cni");
    session.ok(&["ping", "a", "c", "-c", "1"]);
    let neighbours = shows(&session, NODE_SUBNET_NODE, "arp -a");
    let wanted = "? (10.224.0.34) at 12:34:56:78:9a:bc [ether] on eth0";
    assert!(neighbours.iter().any(|line| line == wanted), "{neighbours:?}");
}

/// Lines that do not begin with the address of a pod of CoreDNS.
fn but_coredns(session: &Session, mut lines: Vec<String>) -> Vec<String> {
    let pods = session.ok(&["get", "pods", "-n", "kube-system", "-o", "json"]);
    let pods: serde_json::Value = serde_json::from_str(&pods).expect("JSON");
    let address = |pod: &serde_json::Value| pod["status"]["podIP"].as_str().map(|it| format!("{it} "));
    let addresses: Vec<String> =
        pods["items"].as_array().expect("a list").iter().filter_map(address).collect();
    lines.retain(|line| !addresses.iter().any(|address| line.starts_with(address)));
    lines
}

/// `ip route` on a node of a lab, without the pods of CoreDNS.
fn routes(lab: &str, node: &str) -> Vec<String> {
    let session = running(lab);
    but_coredns(&session, shows(&session, node, "ip route"))
}

fn routes_of_each_mode() {
    let base =
        |node: &str, subnet: &str, gateway: &str, own: &[&str]| -> Vec<String> {
            let mut lines = vec![
                format!("default via {gateway} dev eth0 proto dhcp src {node} metric 100"),
                format!("{subnet} dev eth0 proto kernel scope link src {node} metric 100"),
                format!("{gateway} dev eth0 proto dhcp scope link src {node} metric 100"),
            ];
            lines.extend(own.iter().map(|line| (*line).to_owned()));
            lines.extend(["168.63.129.16", "169.254.169.254"].map(|platform| {
                format!("{platform} via {gateway} dev eth0 proto dhcp src {node} metric 100")
            }));
            lines
        };
    let overlay =
        ["10.244.0.13 dev azvc440f455693 proto static", "10.244.0.21 dev azva7a3e029a7b proto static"];
    assert_eq!(routes("overlay", OVERLAY_NODE), base("10.224.0.4", "10.224.0.0/16", "10.224.0.1", &overlay));
    let node_subnet =
        ["10.224.0.11 dev azvacd53aa4120 proto static", "10.224.0.12 dev azvff6fc35a693 proto static"];
    assert_eq!(
        routes("azure-cni", NODE_SUBNET_NODE),
        base("10.224.0.4", "10.224.0.0/16", "10.224.0.1", &node_subnet)
    );
    let pod_subnet = [
        "10.241.0.0/16 via 10.240.0.1 dev eth0 proto static",
        "10.241.0.13 dev azvacd53aa4120 proto static",
        "10.241.0.14 dev azvff6fc35a693 proto static",
    ];
    assert_eq!(
        routes("pod-subnet", OVERLAY_NODE),
        base("10.240.0.4", "10.240.0.0/16", "10.240.0.1", &pod_subnet)
    );
    assert_eq!(
        shows(&running("byo-cni"), OVERLAY_NODE, "ip route"),
        base("10.224.0.4", "10.224.0.0/16", "10.224.0.1", &[])
    );
}

fn nat_of_each_mode() {
    let nat = |lab: &str, node: &str| -> Vec<String> {
        let rules = shows(&running(lab), node, "iptables -t nat -S");
        rules.into_iter().filter(|rule| rule.contains("MASQ-AGENT") || rule.contains("SWIFT")).collect()
    };
    let agent = |cidrs: &[&str]| -> Vec<String> {
        let mut rules = vec![
            "-N IP-MASQ-AGENT".to_owned(),
            r#"-A POSTROUTING -m comment --comment "\"ip-masq-agent: ensure nat POSTROUTING directs all non-LOCAL destination traffic to our custom IP-MASQ-AGENT chain\"" -m addrtype ! --dst-type LOCAL -j IP-MASQ-AGENT"#.to_owned(),
        ];
        rules.extend(cidrs.iter().map(|cidr| {
            format!(r#"-A IP-MASQ-AGENT -d {cidr} -m comment --comment "ip-masq-agent: local traffic is not subject to MASQUERADE" -j RETURN"#)
        }));
        rules.push(r#"-A IP-MASQ-AGENT -m comment --comment "ip-masq-agent: outbound traffic is subject to MASQUERADE (must be last in chain)" -j MASQUERADE"#.to_owned());
        rules
    };
    assert_eq!(nat("overlay", OVERLAY_NODE), agent(&["10.244.0.0/16"]));
    assert_eq!(nat("azure-cni", NODE_SUBNET_NODE), agent(&["10.224.0.0/16", "10.0.0.0/16", "10.224.0.0/12"]));
    assert_eq!(
        nat("pod-subnet", OVERLAY_NODE),
        [
            "-N SWIFT-POSTROUTING",
            "-A POSTROUTING -j SWIFT-POSTROUTING",
            "-A SWIFT-POSTROUTING -s 10.241.0.0/16 -d 168.63.129.16/32 -p udp -m addrtype ! --dst-type LOCAL -m udp --dport 53 -j SNAT --to-source 10.240.0.4",
            "-A SWIFT-POSTROUTING -s 10.241.0.0/16 -d 168.63.129.16/32 -p tcp -m addrtype ! --dst-type LOCAL -m tcp --dport 53 -j SNAT --to-source 10.240.0.4",
            "-A SWIFT-POSTROUTING -s 10.241.0.0/16 -d 169.254.169.254/32 -p tcp -m addrtype ! --dst-type LOCAL -m tcp --dport 80 -j SNAT --to-source 10.240.0.4",
        ]
    );
    assert_eq!(nat("byo-cni", OVERLAY_NODE), [""; 0]);
}

/// Same node 63, other node 62; between nodes nothing takes a hop.
fn hops() {
    let hops = |session: &Session, from: &str, to: &str| -> Vec<String> {
        let trace = shows(session, from, &format!("traceroute -n -q 1 {to}"));
        trace[1..].iter().map(|line| line.split_whitespace().nth(1).unwrap_or("").to_owned()).collect()
    };
    let ttl = |session: &Session, from: &str, to: &str, ttl: u8| {
        let output = session.ok(&["ping", from, to, "-c", "1"]);
        assert!(output.contains(&format!("ttl={ttl} ")), "{from} to {to}: {output}");
    };
    let session = running("azure-cni");
    assert_eq!(hops(&session, "a", "10.224.0.12"), ["10.224.0.4", "10.224.0.12"]);
    assert_eq!(hops(&session, "a", "10.224.0.34"), ["10.224.0.4", "10.224.0.33", "10.224.0.34"]);
    assert_eq!(hops(&session, "vm/db", "10.224.0.34"), ["10.224.0.33", "10.224.0.34"]);
    ttl(&session, "a", "b", 63);
    ttl(&session, "a", "c", 62);
    ttl(&session, NODE_SUBNET_NODE, "c", 63);
    ttl(&session, "vm/device", "c", 63);
    let session = running("overlay");
    assert_eq!(hops(&session, "nginx", "10.244.1.7"), ["10.224.0.4", "10.224.0.5", "10.244.1.7"]);
    ttl(&session, "nginx", "client", 63);
    ttl(&session, "nginx", "web", 62);
    ttl(&session, OVERLAY_NODE, "web", 63);
    let session = running("pod-subnet");
    assert_eq!(hops(&session, "a", "10.241.0.45"), ["10.240.0.4", "10.240.0.6", "10.241.0.45"]);
    ttl(&session, "a", "d", 62);
}

fn own_cni() {
    let session = running("byo-cni");
    assert_eq!(shows(&session, "a", "ip -o link").len(), 1, "lo only");
    assert_eq!(shows(&session, "a", "ip route"), [""; 0]);
    let refused = session.fails(1, &["ping", "a", "b", "-c", "1"]);
    assert!(refused.contains("`pod/b` has no address of its own"), "{refused}");
    let pods = session.ok(&["get", "pods", "-o", "wide"]);
    let b = pods.lines().find(|line| line.starts_with("b ")).expect("a row");
    assert!(b.contains(" <none> "), "{pods}");
}

/// A node with blocks looks like one with batches; its switch knows the blocks.
fn static_blocks() {
    let session = Session::new();
    let file = session.folder().join("lab.yaml");
    let text = include_str!("../../../fabricd/core/tests/labs/static-block.yaml");
    std::fs::write(&file, text).expect("a lab file");
    session.ok(&["apply", "-f", file.to_str().expect("UTF-8")]);
    let node = "node/aks-blocks-12345678-vmss000000";
    assert_eq!(
        but_coredns(&session, shows(&session, node, "ip route show root 10.241.0.0/16")),
        ["10.241.0.0/25 via 10.240.0.1 dev eth0 proto static", "10.241.0.17 dev azvacd53aa4120 proto static"]
    );
    assert!(
        shows(&session, "a", "ip addr show eth0")
            .contains(&"    inet 10.241.0.17/25 scope global eth0".into())
    );
    let host = "host/aks-blocks-12345678-vmss000000";
    let rules = shows(&session, host, "nft list table ip host").join("\n");
    assert!(rules.contains("{ 10.240.0.4, 10.241.0.16"), "{rules}");
    let nat = shows(&session, node, "iptables -t nat -S SWIFT-POSTROUTING");
    assert!(
        nat[1].starts_with("-A SWIFT-POSTROUTING -s 10.241.0.0/25 -d 168.63.129.16/32 -p udp"),
        "{nat:?}"
    );
    // Blocks, batches and ranges of them reach each other, and the VNet reaches them, untranslated.
    for (from, to, source) in [
        ("a", "b", "10.241.0.17"),
        ("b", "c", "10.241.0.63"),
        ("c", "a", "10.242.0.129"),
        ("a", "vm/device", "10.241.0.17"),
    ] {
        let see = format!(
            "{} icmp[icmptype] == icmp-echo and src host {source}",
            if to.contains('/') { to.to_owned() } else { format!("pod/{to}") }
        );
        session.ok(&[
            "expect",
            "--see",
            &see,
            "--",
            program("fabctl").to_str().expect("UTF-8"),
            "ping",
            from,
            to,
            "-c",
            "1",
        ]);
    }
    session.ok(&["ping", "vm/device", "b", "-c", "1"]);
}
