//! What a learner sees inside nodes and pods is what AKS shows: the listings of the case study.

use fabric_tests::Session;

pub const TESTS: [(&str, fn()); 4] = [
    ("node_routes_neighbours_and_addresses", node_routes_neighbours_and_addresses),
    ("node_rules", node_rules),
    ("pod_files_routes_and_addresses", pod_files_routes_and_addresses),
    ("names_are_refused_at_once", names_are_refused_at_once),
];

const NODE_0: &str = "node/aks-nodepool1-11743156-vmss000000";

fn kubenet() -> Session {
    let session = Session::new();
    session.ok(&["apply", "-f", "kubenet"]);
    session
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim_end).collect()
}

fn node_routes_neighbours_and_addresses() {
    let session = kubenet();
    let routes = session.ok(&["exec", NODE_0, "--", "ip", "route", "show"]);
    assert_eq!(
        lines(&routes),
        [
            "default via 10.224.0.1 dev eth0 proto dhcp src 10.224.0.4 metric 100",
            "10.224.0.0/16 dev eth0 proto kernel scope link src 10.224.0.4 metric 100",
            "10.224.0.1 dev eth0 proto dhcp scope link src 10.224.0.4 metric 100",
            "10.244.0.0/24 dev cbr0 proto kernel scope link src 10.244.0.1",
            "168.63.129.16 via 10.224.0.1 dev eth0 proto dhcp src 10.224.0.4 metric 100",
            "169.254.169.254 via 10.224.0.1 dev eth0 proto dhcp src 10.224.0.4 metric 100",
        ]
    );
    let rules = session.ok(&["exec", NODE_0, "--", "ip", "rule"]);
    assert_eq!(
        lines(&rules),
        ["0:\tfrom all lookup local", "32766:\tfrom all lookup main", "32767:\tfrom all lookup default"]
    );

    // What is there from the start; said anew, since other labs of this machine crowd the one table.
    for (from, to) in [("a", "c"), ("b", "c"), (NODE_0, "node/aks-pool2-13111960-vmss000000")] {
        session.ok(&["ping", from, to, "-c", "1"]);
    }
    let neighbours = session.ok(&["exec", NODE_0, "--", "arp", "-a"]);
    let mut neighbours = lines(&neighbours);
    neighbours.sort_unstable();
    let gateway = "? (10.224.0.1) at 12:34:56:78:9a:bc [ether] on eth0";
    let other = "aks-pool2-13111960-vmss000000.internal.cloudapp.net (10.224.0.5) at 12:34:56:78:9a:bc [ether] on eth0";
    assert_eq!(neighbours.len(), 6, "with two pods of CoreDNS: {neighbours:?}");
    assert!(neighbours.contains(&gateway) && neighbours.contains(&other), "{neighbours:?}");
    for pod in ["15", "16"] {
        let begin = format!("? (10.244.0.{pod}) at ");
        assert!(neighbours.iter().any(|line| line.starts_with(&begin) && line.ends_with("[ether] on cbr0")));
    }
    let links = session.ok(&["exec", NODE_0, "--", "ip", "addr", "show", "cbr0"]);
    assert!(
        links.starts_with(
            "4: cbr0: <BROADCAST,MULTICAST,PROMISC,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP"
        )
    );
    assert!(links.contains("inet 10.244.0.1/24 brd 10.244.0.255 scope global cbr0"), "{links}");
    let eth0 = session.fabctl(&["exec", NODE_0, "--", "ip", "addr", "show", "eth0"]);
    assert_eq!(String::from_utf8_lossy(&eth0.stderr), "", "the other end's namespace has a name");
    let eth0 = String::from_utf8_lossy(&eth0.stdout);
    assert!(eth0.contains("inet 10.224.0.4/16 metric 100 brd 10.224.255.255 scope global eth0"), "{eth0}");
    assert!(eth0.contains("link/ether 00:0d:3a:") && eth0.contains("inet6 fe80::20d:3aff:"), "{eth0}");
    assert_eq!(session.ok(&["exec", NODE_0, "--", "hostname"]), "aks-nodepool1-11743156-vmss000000\n");
}

/// Chains and rules in order, without counters: as `iptables-save` of a node prints them.
fn node_rules() {
    let session = kubenet();
    let saved = session.ok(&["exec", NODE_0, "--", "iptables-save"]);
    let rules: Vec<&str> =
        saved.lines().filter(|line| line.starts_with("-A") || line.starts_with('*')).collect();
    let table = |name: &str| -> Vec<&str> {
        let from =
            rules.iter().position(|line| *line == name).unwrap_or_else(|| panic!("no {name} in\n{saved}"));
        rules[from + 1..].iter().take_while(|line| line.starts_with("-A")).copied().collect()
    };
    let nat = table("*nat");
    let masquerade: Vec<&str> = nat
        .iter()
        .filter(|rule| rule.contains("MASQ-AGENT") || rule.contains("-A POSTROUTING"))
        .copied()
        .collect();
    assert_eq!(
        masquerade,
        [
            r#"-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING"#,
            r#"-A POSTROUTING -m comment --comment "\"ip-masq-agent: ensure nat POSTROUTING directs all non-LOCAL destination traffic to our custom IP-MASQ-AGENT chain\"" -m addrtype ! --dst-type LOCAL -j IP-MASQ-AGENT"#,
            r#"-A IP-MASQ-AGENT -d 10.244.0.0/16 -m comment --comment "ip-masq-agent: local traffic is not subject to MASQUERADE" -j RETURN"#,
            r#"-A IP-MASQ-AGENT -m comment --comment "ip-masq-agent: outbound traffic is subject to MASQUERADE (must be last in chain)" -j MASQUERADE"#,
        ]
    );
    let forward: Vec<&str> =
        table("*filter").into_iter().filter(|rule| rule.starts_with("-A FORWARD")).collect();
    assert_eq!(forward.len(), 6, "{forward:?}");
    assert_eq!(forward[5], "-A FORWARD -d 168.63.129.16/32 -p tcp -m tcp --dport 80 -j DROP");
    assert!(saved.contains(":FORWARD ACCEPT ["), "containerd leaves the policy at ACCEPT");
    let mangle = session.ok(&["exec", NODE_0, "--", "iptables", "-t", "mangle", "-S"]);
    assert_eq!(
        lines(&mangle),
        [
            "-P PREROUTING ACCEPT",
            "-P INPUT ACCEPT",
            "-P FORWARD ACCEPT",
            "-P OUTPUT ACCEPT",
            "-P POSTROUTING ACCEPT",
            "-N KUBE-IPTABLES-HINT",
            "-N KUBE-KUBELET-CANARY",
            "-N KUBE-PROXY-CANARY",
        ]
    );
}

fn pod_files_routes_and_addresses() {
    let session = kubenet();
    let routes = session.ok(&["exec", "a", "--", "ip", "route"]);
    assert_eq!(
        lines(&routes),
        ["default via 10.244.0.1 dev eth0", "10.244.0.0/24 dev eth0 proto kernel scope link src 10.244.0.15",]
    );
    let address = session.ok(&["exec", "a", "--", "ip", "addr", "show", "eth0"]);
    assert!(
        address
            .starts_with("3: eth0@if19: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP")
    );
    assert!(address.contains("inet 10.244.0.15/24 brd 10.244.0.255 scope global eth0"), "{address}");
    assert_eq!(session.ok(&["exec", "a", "--", "hostname"]), "a\n");
    let resolv_conf = session.ok(&["exec", "a", "--", "cat", "/etc/resolv.conf"]);
    let resolv_conf = lines(&resolv_conf);
    assert!(resolv_conf[0].starts_with("search default.svc.cluster.local svc.cluster.local cluster.local "));
    assert!(resolv_conf[0].ends_with(".bx.internal.cloudapp.net"));
    assert_eq!(resolv_conf[1..], ["nameserver 10.0.0.10", "options ndots:5"]);
    let hosts = session.ok(&["exec", "c", "--", "tail", "-1", "/etc/hosts"]);
    assert_eq!(hosts, "10.244.1.27\tc\n");
    // The machine's own files are what they were.
    assert_ne!(std::fs::read_to_string("/etc/hostname").unwrap_or_default(), "a\n");

    let hops = |from: &str, to: &str| -> Vec<String> {
        let trace = session.ok(&["exec", from, "--", "traceroute", "-n", "-q", "1", to]);
        trace.lines().skip(1).map(|line| line.split_whitespace().nth(1).unwrap_or("").to_owned()).collect()
    };
    assert_eq!(hops("a", "10.244.0.16"), ["10.244.0.16"]);
    assert_eq!(hops("a", "10.244.1.27"), ["10.244.0.1", "10.224.0.5", "10.244.1.27"]);
    assert_eq!(hops("vm/device", "10.244.1.27"), ["10.224.0.5", "10.244.1.27"]);
    assert_eq!(hops(NODE_0, "10.224.0.5"), ["10.224.0.5"]);
    let ttl = |from: &str, to: &str, ttl: &str| {
        let output = session.ok(&["ping", from, to, "-c", "1"]);
        assert!(output.contains(&format!("ttl={ttl} ")), "{from} to {to}: {output}");
    };
    ttl("a", "b", "64");
    ttl("a", "c", "62");
    ttl(NODE_0, "node/aks-pool2-13111960-vmss000000", "64");
    ttl(NODE_0, "c", "63");
}

/// Nothing answers DNS yet; what asks gives up at once instead of waiting for seconds.
fn names_are_refused_at_once() {
    let session = kubenet();
    for place in ["a", NODE_0, "vm/device"] {
        let begun = std::time::Instant::now();
        session.fails(2, &["exec", place, "--", "getent", "hosts", "web.example"]);
        assert!(begun.elapsed().as_secs() < 4, "{place} waited {:?}", begun.elapsed());
    }
}
