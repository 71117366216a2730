//! The routes of one place, and where its kernel sends packets.

use std::{collections::HashMap, io, path::Path, thread};

use fabric_core::{
    kernel::{Decision, KernelError, Packet, Routing},
    name::{IfName, LabName},
    place::Place,
};
use netlink_packet_route::RouteNetlinkMessage;
use nix::errno::Errno;

use crate::{
    namespace::Namespace,
    netlink::{Socket, link, route},
};

/// Reads and asks, in `place` of the lab whose namespaces are named in `directory`.
pub(crate) fn read(
    directory: &Path,
    lab: &LabName,
    place: &Place,
    packets: &[Packet],
) -> Result<Routing, KernelError> {
    let path = directory.join(place.netns_name(lab));
    // No thread of the caller's is moved into a namespace.
    let read = thread::scope(|scope| {
        let worker = scope.spawn(|| inside(&path, packets));
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    read.map_err(|error| KernelError::new(format!("cannot read the routes of {place}"), error))
}

fn inside(path: &Path, packets: &[Packet]) -> io::Result<Routing> {
    let namespace = Namespace::open(path)?.ok_or_else(|| io::Error::from_raw_os_error(libc::ENOENT))?;
    namespace.enter()?;
    let socket = Socket::route()?;
    let links: HashMap<u32, IfName> = socket
        .dump(&link::question())?
        .into_iter()
        .filter_map(|answer| match answer {
            RouteNetlinkMessage::NewLink(message) => link::read(message),
            _ => None,
        })
        .map(|seen| (seen.link.index, seen.link.name))
        .collect();
    let name_of = |index| links.get(&index).cloned();
    let routes = socket.dump(&route::question())?.into_iter().filter_map(|answer| match answer {
        RouteNetlinkMessage::NewRoute(message) => route::read_any_v4(message, name_of),
        _ => None,
    });
    let routes = routes.collect();
    let decisions = packets.iter().map(|packet| {
        let found = links.iter().find(|(_, name)| **name == packet.input);
        let (input, _) =
            found.ok_or_else(|| io::Error::other(format!("there is no link {}", packet.input)))?;
        let question = route::decision(*input, packet.source, packet.destination);
        decision(socket.answer(&question)?.map_err(|refusal| refusal.errno()), name_of)
    });
    let decisions = decisions.collect::<io::Result<_>>()?;
    Ok(Routing { routes, decisions })
}

/// Source of the errors: `fib_props` in the kernel's `net/ipv4/fib_semantics.c`.
fn decision(
    answer: Result<RouteNetlinkMessage, i32>,
    name_of: impl Fn(u32) -> Option<IfName>,
) -> io::Result<Decision> {
    let message = match answer {
        Ok(RouteNetlinkMessage::NewRoute(message)) => message,
        Ok(_) => return Err(io::Error::other("the kernel answered something else")),
        Err(errno) => {
            return match Errno::from_raw(errno) {
                Errno::EINVAL => Ok(Decision::Dropped),
                Errno::ENETUNREACH => Ok(Decision::NoRoute),
                Errno::EHOSTUNREACH | Errno::EACCES => Ok(Decision::Refused),
                other => Err(other.into()),
            };
        }
    };
    if route::is_local(&message) {
        return Ok(Decision::Local);
    }
    let route = route::read_any_v4(message, name_of);
    route
        .map(Decision::Route)
        .ok_or_else(|| io::Error::other("the kernel chose a route by the type of service"))
}
