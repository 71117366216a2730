//! Sockets that are opened in a place.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::fd::AsFd,
};

use fabric_core::{
    blueprint::Blueprint,
    kernel::{Kernel, Listening, ListeningSocket},
    listener::{Listener, Protocol},
    object::{Address, LinkRef, Object, Up},
    place::Place,
};
use fabric_kernel::{NETNS_DIR, socket::in_place};
use nix::{
    fcntl::{FcntlArg, FdFlag, OFlag, fcntl},
    poll::{PollFd, PollFlags, PollTimeout, poll},
};

use crate::lab::{Lab, draw, eth0, kernel, node, pod, veth};

crate::tests!(
    it_is_the_places_own,
    where_there_is_no_place,
    listening_in_several_places,
    a_listener_for_each_that_can_be,
    a_namespace_made_anew_is_another,
    a_closed_socket_lets_its_namespace_go,
    connections_begin_in_their_place_and_leave_nothing,
);

fn lab() -> Lab {
    let mut lab = Lab::new();
    lab.build(draw([(node(), veth())]));
    lab
}

fn namespace() -> io::Result<std::path::PathBuf> {
    fs::read_link("/proc/thread-self/ns/net")
}

fn enter<T: Send>(lab: &Lab, place: &Place, work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    in_place(NETNS_DIR.as_ref(), &lab.name, place, work)
}

fn it_is_the_places_own() {
    let lab = lab();
    let before = namespace().unwrap();
    let (there, first) =
        enter(&lab, &pod(), || Ok((namespace()?, TcpListener::bind("0.0.0.0:80")?))).unwrap();
    assert_ne!(there, before);
    assert_eq!(namespace().unwrap(), before);
    // The port is free elsewhere, and taken there.
    enter(&lab, &node(), || TcpListener::bind("0.0.0.0:80")).unwrap();
    let second = enter(&lab, &pod(), || TcpListener::bind("0.0.0.0:80")).unwrap_err();
    assert_eq!(second.kind(), io::ErrorKind::AddrInUse);
    drop(first);
    enter(&lab, &pod(), || TcpListener::bind("0.0.0.0:80")).unwrap();
}

fn where_there_is_no_place() {
    let lab = lab();
    let place = Place::Machine { name: "absent".into() };
    let error = enter(&lab, &place, || Ok(())).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}

fn listener(place: Place, address: Option<[u8; 4]>, port: u16, protocol: Protocol) -> Listener {
    let address = address.map(|address| IpAddr::V4(Ipv4Addr::from(address)));
    Listener { place, address, port, protocol, name: "server".into(), fqdns: vec![] }
}

/// A pair with an address at either end, both up.
fn addressed() -> Lab {
    let mut lab = Lab::new();
    let near = LinkRef::fixed("veth0", 7);
    let address = |link: &LinkRef, address: &str| {
        let address = address.parse().unwrap();
        let link = link.clone();
        Object::Address(Address { link, address, broadcast: false, metric: 0, no_prefix_route: false })
    };
    let up = |link: &LinkRef| Object::Up(Up::plain(link.clone()));
    lab.build(draw([
        (node(), veth()),
        (node(), address(&near, "10.244.0.1/24")),
        (node(), up(&near)),
        (pod(), address(&eth0(), "10.244.0.15/24")),
        (pod(), up(&eth0())),
    ]));
    lab
}

fn stream(listening: &Listening) -> &TcpListener {
    let ListeningSocket::Stream(socket) = &listening.socket else { panic!("{listening:?}") };
    socket
}

/// Waits until there is something to read: the sockets do not block.
fn wait(socket: &impl AsFd) {
    let mut polled = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
    assert_eq!(poll(&mut polled, PollTimeout::from(20_000_u16)).unwrap(), 1, "nothing came");
}

fn listening_in_several_places() {
    let lab = addressed();
    let wanted = BTreeSet::from([
        listener(node(), None, 80, Protocol::Http),
        listener(pod(), Some([10, 244, 0, 15]), 7, Protocol::UdpEcho),
        listener(pod(), Some([10, 244, 0, 15]), 80, Protocol::TcpEcho),
    ]);
    let opened: Vec<Listening> =
        kernel().listen(&lab.name, &wanted).into_iter().map(Result::unwrap).collect();
    assert_ne!(opened[0].namespace, opened[1].namespace);
    assert_eq!(opened[1].namespace, opened[2].namespace);
    assert_eq!(kernel().namespace(&lab.name, &pod()), Some(opened[1].namespace));

    // From the node to the pod and from the pod to the node.
    for (from, to, socket) in
        [(node(), "10.244.0.15:80", stream(&opened[2])), (pod(), "10.244.0.1:80", stream(&opened[0]))]
    {
        let mut client = enter(&lab, &from, || TcpStream::connect(to)).unwrap();
        wait(socket);
        let (mut server, seen) = socket.accept().unwrap();
        assert_eq!(seen, client.local_addr().unwrap());
        server.write_all(b"x").unwrap();
        drop(server);
        let mut text = String::new();
        client.read_to_string(&mut text).unwrap();
        assert_eq!(text, "x");
    }
    let ListeningSocket::Datagram(server) = &opened[1].socket else { panic!("{opened:?}") };
    let client = enter(&lab, &node(), || UdpSocket::bind("10.244.0.1:0")).unwrap();
    client.send_to(b"ask", "10.244.0.15:7").unwrap();
    wait(server);
    let mut bytes = [0; 8];
    let (length, seen) = server.recv_from(&mut bytes).unwrap();
    assert_eq!((&bytes[..length], seen), (&b"ask"[..], client.local_addr().unwrap()));
    server.send_to(b"answer", seen).unwrap();
    assert_eq!(client.recv_from(&mut bytes).unwrap(), (6, SocketAddr::from(([10, 244, 0, 15], 7))));

    // Not inherited, and never waited for in the kernel.
    for listening in &opened {
        let fd = match &listening.socket {
            ListeningSocket::Stream(socket) => socket.as_fd(),
            ListeningSocket::Datagram(socket) => socket.as_fd(),
            ListeningSocket::Between(socket, _) => socket.as_fd(),
            ListeningSocket::DatagramBetween(socket, _) => socket.as_fd(),
            ListeningSocket::FlowLog(socket) => socket.as_fd(),
        };
        assert_eq!(fcntl(fd, FcntlArg::F_GETFD).unwrap(), FdFlag::FD_CLOEXEC.bits());
        assert!(OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL).unwrap()).contains(OFlag::O_NONBLOCK));
    }
}

fn a_listener_for_each_that_can_be() {
    let lab = lab();
    let absent = Place::Machine { name: "absent".into() };
    let taken = enter(&lab, &pod(), || TcpListener::bind("0.0.0.0:80")).unwrap();
    let wanted = BTreeSet::from([
        listener(absent, None, 80, Protocol::Http),
        // The address is not there yet.
        listener(pod(), Some([10, 244, 0, 15]), 7, Protocol::TcpEcho),
        listener(pod(), None, 80, Protocol::Http),
    ]);
    let opened = kernel().listen(&lab.name, &wanted);
    let sentence = |index: usize| {
        let error = opened[index].as_ref().unwrap_err();
        format!("{error}: {}", error.source)
    };
    let of = |index: usize| wanted.iter().nth(index).unwrap().place.clone();
    assert_eq!(of(0).kind(), "machine");
    assert_eq!(
        sentence(0),
        "cannot listen at machine/absent: TCP *:80: No such file or directory (os error 2)"
    );
    assert!(opened[2].is_ok());
    assert_eq!(
        sentence(1),
        "cannot listen at pod/aks/default/web: TCP *:80: Address already in use (os error 98)"
    );
    drop(taken);
}

fn a_namespace_made_anew_is_another() {
    let mut lab = lab();
    assert_eq!(kernel().namespace(&lab.name, &Place::Machine { name: "absent".into() }), None);
    let before = kernel().namespace(&lab.name, &pod()).unwrap();
    assert_eq!(kernel().namespace(&lab.name, &pod()), Some(before));
    // As long as a socket is open in it, its number is given to no other.
    let socket = enter(&lab, &pod(), || TcpListener::bind("0.0.0.0:80")).unwrap();
    lab.build(Blueprint::default());
    assert_eq!(kernel().namespace(&lab.name, &pod()), None);
    lab.build(draw([(node(), veth())]));
    assert_ne!(kernel().namespace(&lab.name, &pod()), Some(before));
    drop(socket);
}

fn a_closed_socket_lets_its_namespace_go() {
    let lab = addressed();
    let wanted = BTreeSet::from([listener(pod(), None, 80, Protocol::Http)]);
    let listening = kernel().listen(&lab.name, &wanted).remove(0).unwrap();
    // The node's end of the pair tells whether the pod's namespace is still there.
    let links = || lab.ip(&node(), "link show").as_array().unwrap().len();
    assert_eq!(links(), 2);
    crate::lab::run(&["ip", "netns", "del", &pod().netns_name(&lab.name)]);
    assert_eq!(links(), 2, "the socket keeps it");
    drop(listening);
    let begun = std::time::Instant::now();
    while links() == 2 {
        assert!(begun.elapsed().as_secs() < 20, "the namespace is still there");
    }
}

fn connections_begin_in_their_place_and_leave_nothing() {
    let lab = addressed();
    let wanted = BTreeSet::from([listener(pod(), None, 80, Protocol::Http)]);
    let listening = kernel().listen(&lab.name, &wanted).remove(0).unwrap();
    let to = |port| std::net::SocketAddrV4::new(Ipv4Addr::new(10, 244, 0, 15), port);
    let own = Ipv4Addr::new(10, 244, 0, 1);
    let foreign = Ipv4Addr::new(192, 0, 2, 1);
    let ends = [(None, to(80)), (Some(own), to(80)), (Some(own), to(81)), (Some(foreign), to(80))];
    let mut begun = kernel().connect(&lab.name, &node(), &ends).unwrap();
    assert_eq!(begun.len(), 4);
    assert_eq!(begun.pop().unwrap().unwrap_err().kind(), io::ErrorKind::AddrNotAvailable);
    for stream in begun.iter().take(2) {
        let stream = stream.as_ref().unwrap();
        wait(self::stream(&listening));
        let (mut server, seen) = self::stream(&listening).accept().unwrap();
        assert_eq!(seen.ip(), IpAddr::V4(own));
        server.write_all(b"x").unwrap();
        wait(stream);
        assert!(stream.take_error().unwrap().is_none());
    }
    // Who is refused hears of it when there is something to read.
    let refused = begun.pop().unwrap().unwrap();
    wait(&refused);
    assert_eq!(refused.take_error().unwrap().unwrap().kind(), io::ErrorKind::ConnectionRefused);
    drop((begun, refused));
    let left = lab.inside(&node(), &["ss", "-Htan"]);
    assert_eq!(left, "", "no connection is on its way out");
    let absent = Place::Machine { name: "absent".into() };
    kernel().connect(&lab.name, &absent, &ends).unwrap_err();
}
