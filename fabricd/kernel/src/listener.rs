//! Listening sockets, opened in the places that they belong to.

use std::{
    collections::BTreeSet,
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket},
    os::fd::{AsRawFd, OwnedFd},
    path::Path,
    sync::Arc,
    thread,
};

use fabric_core::{
    kernel::{Door, KernelError, Listening, ListeningSocket},
    listener::{Listener, Protocol},
    name::LabName,
    place::Place,
};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage, bind, listen, setsockopt, socket, sockopt,
};

use crate::{flow_log, namespace::Namespace, socket::in_place};

/// Connections that may wait to be taken, for each socket.
const BACKLOG: i32 = 1024;

/// Opens a socket for each of `listeners`, by one thread for each place.
pub(crate) fn open(
    directory: &Path,
    lab: &LabName,
    listeners: &BTreeSet<Listener>,
) -> Vec<Result<Listening, KernelError>> {
    let mut opened = Vec::with_capacity(listeners.len());
    let all: Vec<&Listener> = listeners.iter().collect();
    for of_place in all.chunk_by(|one, other| one.place == other.place) {
        let cannot =
            |listener: &Listener, error| KernelError::new(format!("cannot listen at {listener}"), error);
        match in_this_place(directory, lab, &of_place[0].place, of_place) {
            Ok(sockets) => opened.extend(
                sockets
                    .into_iter()
                    .zip(of_place)
                    .map(|(socket, listener)| socket.map_err(|error| cannot(listener, error))),
            ),
            Err(error) => {
                let again = || io::Error::new(error.kind(), error.to_string());
                opened.extend(of_place.iter().map(|listener| Err(cannot(listener, again()))));
            }
        }
    }
    opened
}

fn in_this_place(
    directory: &Path,
    lab: &LabName,
    place: &Place,
    listeners: &[&Listener],
) -> io::Result<Vec<io::Result<Listening>>> {
    in_place(directory, lab, place, || {
        let namespace = Namespace::current()?.identity().into();
        let open = |listener: &&Listener| Ok(Listening { socket: open_here(listener)?, namespace });
        Ok(listeners.iter().map(open).collect())
    })
}

fn open_here(listener: &Listener) -> io::Result<ListeningSocket> {
    if listener.protocol == Protocol::FlowLog {
        return Ok(ListeningSocket::FlowLog(flow_log::open(listener.port)?));
    }
    let address = listener.address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let datagram = listener.protocol.is_datagram();
    let kind = if datagram { SockType::Datagram } else { SockType::Stream };
    let socket = socket(family, kind, SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK, None)?;
    // The address may come and go: a link that is down takes IPv6 addresses with it.
    setsockopt(&socket, sockopt::IpFreebind, &true)?;
    if !datagram {
        // Connections of the daemon before this one may still be on their way out.
        setsockopt(&socket, sockopt::ReuseAddr, &true)?;
    }
    bind(socket.as_raw_fd(), &SockaddrStorage::from(SocketAddr::new(address, listener.port)))?;
    if !datagram {
        listen(&socket, Backlog::new(BACKLOG)?)?;
    }
    let door = || Ok::<_, io::Error>(Arc::new(DoorTo(Namespace::current()?)));
    Ok(match listener.protocol {
        Protocol::Dns(_) if datagram => ListeningSocket::DatagramBetween(socket.into(), door()?),
        _ if datagram => ListeningSocket::Datagram(socket.into()),
        Protocol::ApplicationRules(_) | Protocol::Dns(_) => ListeningSocket::Between(socket.into(), door()?),
        _ => ListeningSocket::Stream(socket.into()),
    })
}

/// The way into a namespace for sockets that are opened later.
#[derive(Debug)]
struct DoorTo(Namespace);

impl Door for DoorTo {
    fn stream(&self, from: Ipv4Addr) -> io::Result<TcpStream> {
        self.inside(|| open_at(SockType::Stream, from)).map(Into::into)
    }

    fn datagrams(&self) -> io::Result<UdpSocket> {
        self.inside(|| open_at(SockType::Datagram, Ipv4Addr::UNSPECIFIED)).map(Into::into)
    }
}

impl DoorTo {
    fn inside<T: Send>(&self, work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
        thread::scope(|scope| {
            let worker = thread::Builder::new().spawn_scoped(scope, || {
                self.0.enter()?;
                work()
            })?;
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

fn open_at(kind: SockType, from: Ipv4Addr) -> io::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Inet, kind, flags, None)?;
    if kind == SockType::Stream {
        // The port is chosen when it is known where to: then a port serves many connections.
        setsockopt(&socket, sockopt::IpBindAddressNoPort, &true)?;
    }
    bind(socket.as_raw_fd(), &SockaddrStorage::from(SocketAddr::from((from, 0))))?;
    Ok(socket)
}
