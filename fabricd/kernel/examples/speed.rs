//! `speed NODES PODS`: how long a lab of so many nodes, and pods on each, takes wave by wave.

use std::{sync::Arc, time::Instant};

use fabric_core::{
    blueprint::Blueprint,
    kernel::Kernel,
    name::LabName,
    object::{
        Address, LinkRef, MAIN_TABLE, Mac, NextHop, Object, PROTOCOL_BOOT, Program, Route, Ruleset, Sysctl,
        Up, Veth, VethPeer,
    },
    place::Place,
    plan,
};
use fabric_kernel::{LinuxKernel, NETNS_DIR};

fn main() {
    let numbers: Vec<u32> = std::env::args().skip(1).map(|word| word.parse().expect("a number")).collect();
    fabric_kernel::isolation::enter(|| ()).expect("private namespaces can be made");
    let kernel = LinuxKernel::open(NETNS_DIR.into()).expect("the kernel can be used");
    let lab = LabName::new("speed").expect("a name");
    let wanted = draw(numbers[0], numbers[1]);
    println!("{} places, {} objects", wanted.places.len(), wanted.len());
    let begun = Instant::now();
    run(&kernel, &lab, &Blueprint::default(), &wanted);
    println!("{:>8.0?} up", begun.elapsed());

    let begun = Instant::now();
    let observed = kernel.observe(&lab).expect("the lab can be read");
    println!("{:>8.0?} observe", begun.elapsed());
    let left = plan::between(&observed, &wanted, &wanted);
    println!("{} steps left", left.len());
    let begun = Instant::now();
    run(&kernel, &lab, &wanted, &Blueprint::default());
    println!("{:>8.0?} down", begun.elapsed());
}

fn run(kernel: &LinuxKernel, lab: &LabName, owned: &Blueprint, wanted: &Blueprint) {
    let observed = kernel.observe(lab).expect("the lab can be read");
    for wave in &plan::between(&observed, owned, wanted).waves {
        let begun = Instant::now();
        if let Err(errors) = kernel.execute(lab, wave, &|_| ()) {
            panic!("{}: {}", errors[0], errors[0].source);
        }
        println!("{:>8.0?} {:?}", begun.elapsed(), wave.kind);
    }
}

fn draw(nodes: u32, pods: u32) -> Blueprint {
    let mut blueprint = Blueprint::default();
    let cause: Arc<str> = "speed".into();
    for node in 0..nodes {
        let place = Place::Node { name: format!("n{node}") };
        blueprint.add(&place, &cause, Object::Namespace);
        blueprint.add(&place, &cause, Object::Sysctl(Sysctl::global("net/ipv4/ip_forward", "1")));
        let text = "*nat\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -j MASQUERADE\nCOMMIT\n*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n";
        let rules = Ruleset { program: Program::Iptables, text: text.into() };
        blueprint.add(&place, &cause, Object::Ruleset(rules));
        for pod in 1..=pods {
            let there =
                Place::Pod { cluster: "c".into(), namespace: "d".into(), name: format!("p{node}-{pod}") };
            let (near, far) = (LinkRef::fixed(&format!("veth{pod}"), 10 + pod), LinkRef::fixed("eth0", 3));
            let mac = Mac::local(&format!("{node}/{pod}"));
            let peer = VethPeer { place: there.clone(), link: far.clone(), mac };
            let veth = Veth { link: near.clone(), mac: Mac::AZURE_SWITCH, mtu: 1500, peer };
            let address = Address {
                link: far.clone(),
                address: format!("10.244.{}.{pod}/24", node % 256).parse().expect("an address"),
                broadcast: true,
                metric: 0,
                no_prefix_route: false,
            };
            let gateway = [10, 244, 0, 254].into();
            let route = Route {
                table: MAIN_TABLE,
                destination: "0.0.0.0/0".parse().expect("a network"),
                metric: 0,
                next_hop: NextHop::Via { gateway, link: far.clone(), onlink: true },
                protocol: PROTOCOL_BOOT,
                source: None,
            };
            blueprint.add(&place, &cause, Object::Veth(veth));
            blueprint.add(&place, &cause, Object::Up(Up::plain(near)));
            blueprint.add(&there, &cause, Object::Namespace);
            blueprint.add(&there, &cause, Object::Up(Up::plain(far)));
            blueprint.add(&there, &cause, Object::Address(address));
            blueprint.add(&there, &cause, Object::Route(route));
        }
    }
    blueprint
}
