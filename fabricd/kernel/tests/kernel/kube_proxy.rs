//! kube-proxy's rules on a node: the kernel has what was written, and a change writes what differs.

use std::collections::BTreeMap;

use fabric_core::{
    blueprint,
    kernel::Machine,
    object::{Object, Program, Ruleset},
    place::Place,
    spec::{Source, load},
    topology::{
        Endpoint, Frontend, PublicAddress, Service, ServicePort, ServiceType, Topology, TrafficPolicy,
        Transport,
    },
};

use crate::lab::{Lab, draw, node};

crate::tests!(
    rules_are_read_back_as_they_were_written,
    a_change_leaves_the_other_chains_alone,
    what_somebody_has_changed_is_loaded_as_a_whole,
    a_difference_that_is_refused,
    more_than_fits_into_one_message
);

fn topology(network_plugin: &str) -> Topology {
    let text = format!(
        "apiVersion: fabric/v1\nkind: Lab\nmetadata: {{name: rules}}\nvirtualNetworks:\n\
         - name: vnet\n  addressPrefixes: [10.224.0.0/12]\n  \
         subnets: [{{name: nodes, addressPrefix: 10.224.0.0/16}}]\nmanagedClusters:\n\
         - name: aks\n  networkProfile: {{{network_plugin}}}\n  \
         agentPoolProfiles: [{{name: a, count: 3}}]\n"
    );
    let mut topology = load(&[Source { name: "lab.yaml".to_owned(), text }]).unwrap();
    topology.managed_clusters[0].services = services();
    topology
}

/// Two endpoints, on the first two of three nodes.
fn service(name: &str, number: u8) -> Service {
    let endpoint = |node: u8| Endpoint {
        address: [10, 244, node, number].into(),
        port: 8080,
        pod: 0,
        node: usize::from(node),
        ready: true,
    };
    let port = ServicePort {
        name: Some("http".to_owned()),
        transport: Transport::Tcp,
        port: 80,
        node_port: Some(30000 + u16::from(number)),
        app_protocol: None,
        endpoints: vec![endpoint(0), endpoint(1)],
        unhealthy: [].into(),
    };
    Service {
        namespace: "default".to_owned(),
        name: name.to_owned(),
        uid: String::new(),
        service_type: ServiceType::LoadBalancer,
        cluster_ip: Some([10, 0, 1, number].into()),
        ports: vec![port],
        selector: BTreeMap::new(),
        session_affinity: None,
        internal_traffic_policy: TrafficPolicy::Cluster,
        external_traffic_policy: TrafficPolicy::Cluster,
        publish_not_ready_addresses: false,
        frontend: Some(Frontend {
            address: PublicAddress { name: name.to_owned(), address: [20, 1, 2, number].into() },
            subnet: None,
            source_ranges: vec![],
            idle_timeout_minutes: 4,
            floating_ip: true,
        }),
        health_check_node_port: None,
        manifest: Box::default(),
    }
}

/// One of each kind.
fn services() -> Vec<Service> {
    let mut local = service("local", 2);
    local.external_traffic_policy = TrafficPolicy::Local;
    local.health_check_node_port = Some(32017);
    let mut inside = service("inside", 3);
    inside.internal_traffic_policy = TrafficPolicy::Local;
    let mut sticky = service("sticky", 4);
    sticky.session_affinity = Some(10800);
    let mut guarded = service("guarded", 5);
    let ranges = ["192.0.2.0/24", "198.51.100.7/32", "10.224.0.0/12", "0.0.0.0/0"];
    guarded.frontend.as_mut().unwrap().source_ranges = ranges.map(|range| range.parse().unwrap()).to_vec();
    let mut empty = service("empty", 6);
    empty.ports[0].endpoints.clear();
    let mut udp = service("udp", 7);
    udp.ports[0].transport = Transport::Udp;
    let mut many = service("many", 8);
    // Each number of endpoints has a probability that the kernel rounds in its own way.
    let more = (10..50).map(|host| Endpoint {
        address: [10, 244, 2, host].into(),
        port: 80,
        pod: 0,
        node: 2,
        ready: true,
    });
    many.ports[0].endpoints.extend(more);
    vec![service("plain", 1), local, inside, sticky, guarded, empty, udp, many]
}

/// The rules of the node of this number.
fn rules(topology: &Topology, number: usize) -> Ruleset {
    let place = Place::Node { name: topology.managed_clusters[0].nodes[number].name.clone() };
    let blueprint = blueprint::draw(topology, Machine::COMPLETE);
    let mut objects = blueprint.places[&place].values().map(|part| &part.object);
    let rules = objects.find_map(|object| match object {
        Object::Ruleset(ruleset) if ruleset.program == Program::Iptables => Some(ruleset.clone()),
        _ => None,
    });
    rules.unwrap()
}

/// The tables of a text by their names, without counts and comments.
fn tables(text: &str) -> BTreeMap<String, Vec<String>> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut name = String::new();
    for line in lines {
        if let Some(table) = line.strip_prefix('*') {
            table.clone_into(&mut name);
        }
        let without_counts = if line.starts_with(':') { line.split(" [").next().unwrap() } else { line };
        tables.entry(name.clone()).or_default().push(without_counts.to_owned());
    }
    tables
}

fn assert_has(lab: &Lab, ruleset: &Ruleset) {
    let (has, wanted) = (tables(&lab.inside(&node(), &["iptables-save"])), tables(&ruleset.text));
    assert_eq!(has.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>());
    for (table, lines) in wanted {
        for (has, wanted) in has[&table].iter().zip(&lines) {
            assert_eq!(has, wanted);
        }
        assert_eq!(has[&table].len(), lines.len());
    }
}

fn build(lab: &mut Lab, ruleset: &Ruleset) {
    lab.build(draw([(node(), Object::Ruleset(ruleset.clone()))]));
    assert_has(lab, ruleset);
}

fn rules_are_read_back_as_they_were_written() {
    let mut lab = Lab::new();
    for network_plugin in ["networkPlugin: kubenet", "networkPlugin: azure, networkPluginMode: overlay"] {
        let topology = topology(network_plugin);
        for number in [0, 2] {
            build(&mut lab, &rules(&topology, number));
        }
    }
}

/// The numbers that the kernel has given to the rules of the table nat, by chain.
fn handles(lab: &Lab) -> BTreeMap<String, Vec<String>> {
    let listing = lab.inside(&node(), &["nft", "-a", "list", "table", "ip", "nat"]);
    let (mut chain, mut handles) = (String::new(), BTreeMap::<String, Vec<String>>::new());
    for line in listing.lines().map(str::trim) {
        let Some((rule, handle)) = line.rsplit_once(" # handle ") else { continue };
        if let Some(name) = rule.strip_prefix("chain ") {
            name.trim_end_matches([' ', '{']).clone_into(&mut chain);
        } else if !rule.starts_with("table ") {
            handles.entry(chain.clone()).or_default().push(handle.to_owned());
        }
    }
    handles
}

fn a_change_leaves_the_other_chains_alone() {
    let mut lab = Lab::new();
    let mut topology = topology("networkPlugin: azure, networkPluginMode: overlay");
    build(&mut lab, &rules(&topology, 0));
    let before = handles(&lab);

    let change = |topology: &mut Topology, ready: bool| {
        let service = &mut topology.managed_clusters[0].services[0];
        service.ports[0].endpoints[1].ready = ready;
    };
    change(&mut topology, false);
    build(&mut lab, &rules(&topology, 0));
    let less = handles(&lab);
    let changed = |one: &BTreeMap<String, Vec<String>>, other: &BTreeMap<String, Vec<String>>| {
        let differs = |chain: &&String| one.get(*chain) != other.get(*chain);
        one.keys().filter(differs).cloned().collect::<Vec<_>>()
    };
    let of_service = |chains: &[String]| {
        chains.iter().map(|chain| chain.split_at("KUBE-SVC-".len()).0.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(of_service(&changed(&before, &less)), ["KUBE-SEP-", "KUBE-SVC-"]);

    change(&mut topology, true);
    build(&mut lab, &rules(&topology, 0));
    assert_eq!(of_service(&changed(&handles(&lab), &less)), ["KUBE-SEP-", "KUBE-SVC-"]);

    // A whole Service less, which other chains lead to; and one that loses all its endpoints.
    let services = &mut topology.managed_clusters[0].services;
    services.remove(1);
    services[0].ports[0].endpoints.clear();
    build(&mut lab, &rules(&topology, 0));
    assert!(changed(&before, &handles(&lab)).len() < before.len() / 2);
}

fn what_somebody_has_changed_is_loaded_as_a_whole() {
    let mut lab = Lab::new();
    let mut topology = topology("networkPlugin: kubenet");
    build(&mut lab, &rules(&topology, 0));
    lab.inside(&node(), &["iptables", "-t", "nat", "-I", "KUBE-SERVICES", "-j", "RETURN"]);
    topology.managed_clusters[0].services[0].ports[0].endpoints.pop();
    build(&mut lab, &rules(&topology, 0));
}

/// An ordinary user's socket has room for some 400 rules.
fn more_than_fits_into_one_message() {
    let mut lab = Lab::new();
    let mut topology = topology("networkPlugin: kubenet");
    topology.managed_clusters[0].services = (0..200).map(|n| service(&format!("s{n}"), n)).collect();
    let whole = rules(&topology, 0);
    assert!(whole.text.lines().count() > 2000);
    build(&mut lab, &whole);
    topology.managed_clusters[0].services[100].ports[0].endpoints.pop();
    build(&mut lab, &rules(&topology, 0));
    // A large chain, with all of its rules.
    topology.managed_clusters[0].services.retain(|service| service.name != "s7");
    build(&mut lab, &rules(&topology, 0));
}

/// A difference is no worse than the whole: what the kernel does not take is told, and nothing is half done.
fn a_difference_that_is_refused() {
    let mut lab = Lab::new();
    let ruleset = rules(&topology("networkPlugin: kubenet"), 0);
    build(&mut lab, &ruleset);
    let text = ruleset.text.replace("--to-destination 10.244.0.1:8080", "--to-destination nowhere");
    assert_ne!(*text, *ruleset.text);
    let broken = Ruleset { program: Program::Iptables, text: text.into() };
    let errors = lab.apply(draw([(node(), Object::Ruleset(broken))])).unwrap_err();
    assert!(errors[0].source.to_string().contains("nowhere"), "{}", errors[0].source);
    assert_has(&lab, &ruleset);
    build(&mut lab, &ruleset);
}
