//! Connections that the daemon itself begins in a place.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream},
    os::fd::AsRawFd,
    path::Path,
};

use fabric_core::{name::LabName, place::Place};
use nix::{
    errno::Errno,
    sys::socket::{
        AddressFamily, SockFlag, SockType, SockaddrIn, SockaddrStorage, bind, connect, setsockopt, socket,
        sockopt,
    },
};

use crate::socket::in_place;

/// Begins a connection for each of `wanted`, by one thread that enters the place.
pub(crate) fn begin(
    directory: &Path,
    lab: &LabName,
    place: &Place,
    wanted: &[(Option<Ipv4Addr>, SocketAddrV4)],
) -> io::Result<Vec<io::Result<TcpStream>>> {
    in_place(directory, lab, place, || Ok(wanted.iter().map(|(from, to)| begin_here(*from, *to)).collect()))
}

fn begin_here(from: Option<Ipv4Addr>, to: SocketAddrV4) -> io::Result<TcpStream> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Inet, SockType::Stream, flags, None)?;
    // Closed it is gone at once, and keeps neither a port nor its namespace.
    setsockopt(&socket, sockopt::Linger, &libc::linger { l_onoff: 1, l_linger: 0 })?;
    if let Some(from) = from {
        // The port is chosen when it is known where to: then a port serves many connections.
        setsockopt(&socket, sockopt::IpBindAddressNoPort, &true)?;
        bind(socket.as_raw_fd(), &SockaddrStorage::from(SocketAddr::from((from, 0))))?;
    }
    match connect(socket.as_raw_fd(), &SockaddrIn::from(to)) {
        Ok(()) | Err(Errno::EINPROGRESS) => Ok(socket.into()),
        Err(error) => Err(error.into()),
    }
}
