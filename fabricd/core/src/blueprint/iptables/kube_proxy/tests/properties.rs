//! What holds for any Services.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::fixture::{cluster, endpoint, load_balanced, port, service, texts};
use crate::topology::{NetworkPlugin, Service, TrafficPolicy, Transport};

fn policy() -> impl Strategy<Value = TrafficPolicy> {
    prop_oneof![Just(TrafficPolicy::Cluster), Just(TrafficPolicy::Local)]
}

prop_compose! {
    fn any_service(number: usize)(
        endpoints in prop::collection::vec((0u8..3, 1u8..40, any::<bool>()), 0..6),
        (balanced, udp, named) in any::<(bool, bool, bool)>(),
        node_port in any::<bool>(),
        (internal, external) in (policy(), policy()),
        affinity in prop::option::of(1u32..86400),
        ranges in prop::collection::vec((any::<[u8; 4]>(), 0u8..=32), 0..3),
    ) -> Service {
        let mut port = port(if named { "http" } else { "" }, 80, &[]);
        port.transport = if udp { Transport::Udp } else { Transport::Tcp };
        for (node, host, ready) in endpoints {
            let mut endpoint = endpoint(&format!("10.244.{node}.{host}"), 8080);
            endpoint.ready = ready;
            port.endpoints.push(endpoint);
        }
        let number = u16::try_from(number).unwrap();
        port.node_port = node_port.then_some(30000 + number);
        let mut service = service(&format!("default/s{number}"), &format!("10.0.1.{number}"), vec![port]);
        if balanced {
            service = load_balanced(service, &format!("20.0.0.{number}"), 30000 + number);
            let ranges = ranges.into_iter().map(|(address, length)| {
                ipnet::Ipv4Net::new(address.into(), length).unwrap()
            });
            service.frontend.as_mut().unwrap().source_ranges = ranges.collect();
        }
        service.session_affinity = affinity;
        service.internal_traffic_policy = internal;
        service.external_traffic_policy = external;
        service
    }
}

fn services() -> impl Strategy<Value = Vec<Service>> {
    (0usize..8).prop_flat_map(|count| (0..count).map(any_service).collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_services_make_sound_rules(
        services in services(),
        plugin in prop_oneof![
            Just(NetworkPlugin::Kubenet), Just(NetworkPlugin::Overlay), Just(NetworkPlugin::None),
        ],
    ) {
        let cluster = cluster(plugin, services);
        for text in texts(&cluster) {
            for table in text.split_terminator("COMMIT\n") {
                sound(table);
            }
        }
    }
}

const TARGETS: [&str; 8] = ["ACCEPT", "DROP", "REJECT", "RETURN", "MARK", "MASQUERADE", "DNAT", "SNAT"];

fn sound(table: &str) {
    let defined: Vec<&str> =
        table.lines().filter_map(|line| line.strip_prefix(':')?.split(' ').next()).collect();
    let chains: BTreeSet<&str> = defined.iter().copied().collect();
    assert_eq!(chains.len(), defined.len(), "each chain is defined once: {defined:?}");
    let mut used = BTreeSet::new();
    let mut choices: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for rule in table.lines().filter(|line| line.starts_with("-A ")) {
        let words: Vec<&str> = rule.split(' ').collect();
        assert!(chains.contains(words[1]), "{rule}");
        assert!(words[1].len() <= 28, "{rule}");
        let after = |option: &str| words.iter().position(|word| *word == option).map(|at| words[at + 1]);
        let target = after("-j").unwrap_or_default();
        assert!(chains.contains(target) || TARGETS.contains(&target) || target.is_empty(), "{rule}");
        used.insert(target);
        if target.starts_with("KUBE-SEP-") && !rule.contains("--rcheck") {
            let probability = after("--probability").map_or(1.0, |text| text.parse().unwrap());
            choices.entry(words[1]).or_default().push(probability);
        }
    }
    for chain in chains.iter().filter(|chain| chain.starts_with("KUBE-") && chain.contains("-S")) {
        let named_by_hash = chain.len() == "KUBE-SVC-".len() + 16;
        assert!(!named_by_hash || used.contains(*chain), "nothing leads to {chain}");
    }
    for (chain, choices) in choices {
        let uniform = 1.0 / choices.len() as f64;
        let mut left = 1.0;
        for probability in choices {
            assert!((left * probability - uniform).abs() < 1e-8, "{chain} is not fair");
            left *= 1.0 - probability;
        }
        assert!(left == 0.0, "{chain} may choose nothing");
    }
}
