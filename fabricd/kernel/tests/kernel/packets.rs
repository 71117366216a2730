//! A small lab drawn by hand carries packets.

use fabric_core::{
    object::{Address, Bridge, LinkRef, Mac, Object, Port, Up, Veth, VethPeer},
    place::Place,
};

use crate::lab::{Lab, draw};

crate::tests!(two_pods_on_a_bridge);

fn two_pods_on_a_bridge() {
    let node = Place::Node { name: "n".into() };
    let pod =
        |number: u32| Place::Pod { cluster: "c".into(), namespace: "d".into(), name: format!("p{number}") };
    let bridge = LinkRef::fixed("cbr0", 2);
    let up = |place: &Place, link: &LinkRef| (place.clone(), Object::Up(Up::plain(link.clone())));
    let cbr0 = Bridge { link: bridge.clone(), mac: Mac::local("cbr0"), mtu: 1500, multicast_snooping: true };
    let mut objects = vec![(node.clone(), Object::Bridge(cbr0)), up(&node, &bridge)];
    for number in 1..=2 {
        let near = LinkRef::fixed(&format!("veth{number}"), 10 + number);
        let far = LinkRef::fixed("eth0", 2);
        let peer =
            VethPeer { place: pod(number), link: far.clone(), mac: Mac::local(&format!("far{number}")) };
        let mac = Mac::local(&format!("near{number}"));
        let veth = Veth { link: near.clone(), mac, mtu: 1500, peer };
        let address = Address {
            link: far.clone(),
            address: format!("10.244.0.{number}/24").parse().unwrap(),
            broadcast: true,
            metric: 0,
            no_prefix_route: false,
        };
        objects.extend([
            (node.clone(), Object::Veth(veth)),
            (node.clone(), Object::Port(Port { link: near.clone(), bridge: bridge.clone(), hairpin: false })),
            up(&node, &near),
            up(&pod(number), &far),
            (pod(number), Object::Address(address)),
        ]);
    }
    let mut lab = Lab::new();
    lab.build(draw(objects));
    let answer = lab.inside(&pod(1), &["ping", "-c", "1", "-W", "5", "10.244.0.2"]);
    assert!(answer.contains("ttl=64"), "{answer}");
}
