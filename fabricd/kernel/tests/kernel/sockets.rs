//! Sockets that are opened in a place.

use std::{fs, io, net::TcpListener};

use fabric_core::place::Place;
use fabric_kernel::{NETNS_DIR, socket::in_place};

use crate::lab::{Lab, draw, node, pod, veth};

crate::tests!(it_is_the_places_own, where_there_is_no_place);

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
