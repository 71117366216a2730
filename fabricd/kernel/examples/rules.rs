//! `rules SERVICES NODES`: what kube-proxy's rules of so many Services, with two endpoints each, cost on so many
//! nodes: drawn, loaded as a whole, and when one endpoint goes.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use fabric_core::{
    blueprint::{self, Blueprint},
    kernel::{Kernel, Machine},
    name::LabName,
    object::{Object, Program, difference},
    place::Place,
    plan,
    spec::{Source, load},
    topology::{Endpoint, Service, ServicePort, ServiceType, Topology, TrafficPolicy, Transport},
};
use fabric_kernel::{LinuxKernel, NETNS_DIR};

fn main() {
    let numbers: Vec<u16> = std::env::args().skip(1).map(|word| word.parse().expect("a number")).collect();
    let [services, nodes] = numbers[..] else { panic!("rules SERVICES NODES") };
    fabric_kernel::isolation::enter(|| ()).expect("private namespaces can be made");
    let kernel = LinuxKernel::open(NETNS_DIR.into()).expect("the kernel can be used");
    let lab = LabName::new("rules").expect("a name");

    let mut topology = topology(services, nodes);
    let begun = Instant::now();
    let before = rules(&topology);
    println!("{:>8.1?} to draw {nodes} nodes", begun.elapsed());
    topology.managed_clusters[0].services[0].ports[0].endpoints.pop();
    let after = rules(&topology);
    let (old, new) = (text(&before), text(&after));
    println!("a node: {} rules, {} bytes", count(&old), old.len());
    let begun = Instant::now();
    let changes = difference(&old, &new).expect("it is small");
    println!(
        "{:>8.1?} to find the difference: {} rules, {} bytes",
        begun.elapsed(),
        count(&changes),
        changes.len()
    );

    let nothing = Blueprint::default();
    change(&kernel, &lab, "namespaces", &nothing, &without_rules(&before));
    change(&kernel, &lab, "all rules", &without_rules(&before), &before);
    for _ in 0..3 {
        change(&kernel, &lab, "an endpoint less", &before, &after);
        change(&kernel, &lab, "an endpoint more", &after, &before);
    }
    // Somebody looks after a node by hand, or the daemon has been restarted: all is loaded.
    let fresh = LinuxKernel::open(NETNS_DIR.into()).expect("the kernel can be used");
    change(&fresh, &lab, "an endpoint less, nothing known", &before, &after);
    change(&kernel, &lab, "nothing", &after, &nothing);
}

fn change(kernel: &LinuxKernel, lab: &LabName, what: &str, owned: &Blueprint, wanted: &Blueprint) {
    let observed = kernel.observe(lab).expect("the lab can be read");
    let plan = plan::between(&observed, owned, wanted);
    let begun = Instant::now();
    for wave in &plan.waves {
        if let Err(errors) = kernel.execute(lab, wave, &|_| ()) {
            panic!("{}: {}", errors[0], errors[0].source);
        }
    }
    println!("{:>8.1?} {what}, {} steps", begun.elapsed(), plan.len());
}

fn count(text: &str) -> usize {
    text.lines().filter(|line| line.starts_with("-A ")).count()
}

/// The text of a node's rules.
fn text(blueprint: &Blueprint) -> Arc<str> {
    let parts = blueprint.places.values().flat_map(BTreeMap::values);
    let mut texts = parts.filter_map(|part| match &part.object {
        Object::Ruleset(ruleset) => Some(ruleset.text.clone()),
        _ => None,
    });
    texts.next().expect("there is a node")
}

/// The nodes with their rules and nothing else.
fn rules(topology: &Topology) -> Blueprint {
    let mut blueprint = blueprint::draw(topology, Machine::COMPLETE);
    blueprint.places.retain(|place, _| matches!(place, Place::Node { .. }));
    for parts in blueprint.places.values_mut() {
        parts.retain(|_, part| match &part.object {
            Object::Namespace => true,
            Object::Ruleset(ruleset) => ruleset.program == Program::Iptables,
            _ => false,
        });
    }
    blueprint
}

fn without_rules(blueprint: &Blueprint) -> Blueprint {
    let mut blueprint = blueprint.clone();
    for parts in blueprint.places.values_mut() {
        parts.retain(|_, part| matches!(part.object, Object::Namespace));
    }
    blueprint
}

fn topology(services: u16, nodes: u16) -> Topology {
    let text = format!(
        "apiVersion: fabric/v1\nkind: Lab\nmetadata: {{name: rules}}\nvirtualNetworks:\n\
         - name: vnet\n  addressPrefixes: [10.224.0.0/12]\n  \
         subnets: [{{name: nodes, addressPrefix: 10.224.0.0/16}}]\nmanagedClusters:\n\
         - name: aks\n  networkProfile: {{podCidr: 10.128.0.0/13}}\n  \
         agentPoolProfiles: [{{name: a, count: {nodes}}}]\n"
    );
    let mut topology = load(&[Source { name: "lab.yaml".to_owned(), text }]).expect("the lab is well formed");
    topology.managed_clusters[0].services = (0..services).map(|number| service(number, nodes)).collect();
    topology
}

fn service(number: u16, nodes: u16) -> Service {
    let [high, low] = number.to_be_bytes();
    let endpoint = |at: u16| Endpoint {
        address: [10, 128 + u8::from(at % 2 == 1), high, low].into(),
        port: 8080,
        pod: 0,
        node: usize::from((number * 2 + at) % nodes),
        ready: true,
    };
    let port = ServicePort {
        name: None,
        transport: Transport::Tcp,
        port: 80,
        node_port: None,
        app_protocol: None,
        endpoints: vec![endpoint(0), endpoint(1)],
        unhealthy: [].into(),
    };
    Service {
        namespace: "default".to_owned(),
        name: format!("service-{number}"),
        uid: String::new(),
        service_type: ServiceType::ClusterIp,
        cluster_ip: Some([10, 0, high, low].into()),
        ports: vec![port],
        selector: BTreeMap::new(),
        session_affinity: None,
        internal_traffic_policy: TrafficPolicy::Cluster,
        external_traffic_policy: TrafficPolicy::Cluster,
        publish_not_ready_addresses: false,
        frontend: None,
        health_check_node_port: None,
        manifest: Box::default(),
    }
}
