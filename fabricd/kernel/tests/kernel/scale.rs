//! As many places as a middle-sized cluster has.

use fabric_core::{
    object::{Address, LinkRef, MAIN_TABLE, Mac, NextHop, Object, PROTOCOL_BOOT, Route, Up, Veth, VethPeer},
    place::Place,
};

use crate::lab::{Lab, draw};

crate::tests!(ten_nodes_of_thirty_pods);

fn ten_nodes_of_thirty_pods() {
    let mut lab = Lab::new();
    lab.build(draw((0..10).flat_map(node)));
    // Half of the pods go, and come back.
    lab.build(draw((0..5).flat_map(node)));
    lab.build(draw((0..10).flat_map(node)));
}

fn node(number: u32) -> Vec<(Place, Object)> {
    let place = Place::Node { name: format!("n{number}") };
    let pods = (1..=30).flat_map(|index| pod(&place, number, index));
    pods.collect()
}

fn pod(node: &Place, number: u32, index: u32) -> Vec<(Place, Object)> {
    let pod = Place::Pod { cluster: "c".into(), namespace: "d".into(), name: format!("p{number}-{index}") };
    let near = LinkRef::fixed(&format!("veth{index}"), 10 + index);
    let far = LinkRef::fixed("eth0", 3);
    let mac = Mac::local(&format!("{number}/{index}"));
    let peer = VethPeer { place: pod.clone(), link: far.clone(), mac };
    let address = Address {
        link: far.clone(),
        address: format!("10.244.{number}.{index}/24").parse().unwrap(),
        broadcast: true,
        metric: 0,
        no_prefix_route: false,
    };
    let next_hop = NextHop::Via { gateway: [10, 244, 0, 254].into(), link: far.clone(), onlink: true };
    let route = Route {
        table: MAIN_TABLE,
        destination: "0.0.0.0/0".parse().unwrap(),
        metric: 0,
        next_hop,
        protocol: PROTOCOL_BOOT,
        source: None,
    };
    vec![
        (node.clone(), Object::Veth(Veth { link: near.clone(), mac: Mac::AZURE_SWITCH, mtu: 1500, peer })),
        (node.clone(), Object::Up(Up::plain(near))),
        (pod.clone(), Object::Up(Up::plain(far))),
        (pod.clone(), Object::Address(address)),
        (pod, Object::Route(route)),
    ]
}
