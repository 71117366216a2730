//! The floor under fabricd's speed: as many namespaces and veth pairs as a lab has, by bare system
//! calls, with nothing configured, read or compared.
//!
//! `floor NAMESPACES VETHS [THREADS]` prints one line of JSON; nothing stays. The first namespaces are
//! the nodes, one for each thirty; veth i connects node i modulo their number with namespace i.

use std::{
    fs::File,
    io,
    ops::Range,
    os::fd::{AsFd, AsRawFd},
    time::Instant,
};

use netlink_packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, NetlinkMessage};
use netlink_packet_route::{
    RouteNetlinkMessage,
    link::{InfoData, InfoKind, InfoVeth, LinkAttribute, LinkInfo, LinkMessage},
};
use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    sched::{CloneFlags, setns, unshare},
    sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket},
};

fn main() {
    let numbers: Vec<usize> = std::env::args().skip(1).map(|word| word.parse().expect("a number")).collect();
    let (namespaces, veths) = (numbers[0], numbers[1]);
    let threads = numbers.get(2).copied().unwrap_or(2);
    fabric_kernel::isolation::enter(|| ()).expect("private namespaces can be made");
    let nodes = namespaces / 30 + 1;

    let begun = Instant::now();
    side_by_side(threads, namespaces, |part| part.into_iter().try_for_each(create));
    side_by_side(threads, nodes, |part| {
        part.into_iter().try_for_each(|node| connect(node, (node..veths).step_by(nodes), namespaces))
    });
    let up = begun.elapsed().as_secs_f64() * 1e3;
    let begun = Instant::now();
    // Threads that unmount at the same time wait for each other.
    side_by_side(1, namespaces, |part| part.into_iter().try_for_each(remove));
    let down = begun.elapsed().as_secs_f64() * 1e3;
    println!("{{\"namespaces\":{namespaces},\"veths\":{veths},\"up_ms\":{up:.2},\"down_ms\":{down:.2}}}");
}

fn side_by_side(threads: usize, count: usize, work: impl Fn(Range<usize>) -> io::Result<()> + Sync) {
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let part = count * thread / threads..count * (thread + 1) / threads;
            let work = &work;
            scope.spawn(move || work(part).expect("the kernel does what it is told"));
        }
    });
}

fn file(number: usize) -> String {
    format!("/run/netns/floor{number}")
}

fn create(number: usize) -> io::Result<()> {
    unshare(CloneFlags::CLONE_NEWNET)?;
    let file = file(number);
    File::create_new(&file)?;
    let here = Some("/proc/thread-self/ns/net");
    Ok(mount(here, file.as_str(), None::<&str>, MsFlags::MS_BIND, None::<&str>)?)
}

fn remove(number: usize) -> io::Result<()> {
    let file = file(number);
    umount2(file.as_str(), MntFlags::MNT_DETACH)?;
    std::fs::remove_file(file)
}

/// All pairs of one node, in one datagram for each hundred.
fn connect(node: usize, veths: impl Iterator<Item = usize>, namespaces: usize) -> io::Result<()> {
    setns(File::open(file(node))?.as_fd(), CloneFlags::CLONE_NEWNET)?;
    let (family, protocol) = (AddressFamily::Netlink, SockProtocol::NetlinkRoute);
    let socket = socket(family, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)?;
    let veths: Vec<usize> = veths.collect();
    for some in veths.chunks(100) {
        let mut datagram = Vec::new();
        let mut peers = Vec::new();
        for (at, &veth) in some.iter().enumerate() {
            let peer = File::open(file(veth % namespaces))?;
            let last = at + 1 == some.len();
            append(&mut datagram, veth, &peer, if last { NLM_F_ACK } else { 0 });
            peers.push(peer);
        }
        send(socket.as_raw_fd(), &datagram, MsgFlags::empty())?;
        let mut answer = [0; 4096];
        let length = recv(socket.as_raw_fd(), &mut answer, MsgFlags::empty())?;
        let errno =
            answer[..length].get(16..20).and_then(|word| word.try_into().ok()).map(i32::from_ne_bytes);
        if errno != Some(0) {
            return Err(io::Error::from_raw_os_error(errno.map_or(libc::EPROTO, |errno| -errno)));
        }
    }
    Ok(())
}

fn append(datagram: &mut Vec<u8>, veth: usize, peer_namespace: &File, flags: u16) {
    let named = |name: String| {
        let mut message = LinkMessage::default();
        message.attributes =
            vec![LinkAttribute::IfName(name), LinkAttribute::NumTxQueues(1), LinkAttribute::NumRxQueues(1)];
        message
    };
    let mut peer = named(format!("p{veth}"));
    peer.attributes.push(LinkAttribute::NetNsFd(peer_namespace.as_raw_fd()));
    let mut near = named(format!("v{veth}"));
    let data = InfoData::Veth(InfoVeth::Peer(peer));
    let info = vec![LinkInfo::Kind(InfoKind::Veth), LinkInfo::Data(data)];
    near.attributes.push(LinkAttribute::LinkInfo(info));
    let mut message = NetlinkMessage::from(RouteNetlinkMessage::NewLink(near));
    message.header.flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL | flags;
    message.finalize();
    let start = datagram.len();
    let end = start + message.buffer_len();
    datagram.resize(end.next_multiple_of(4), 0);
    message.serialize(&mut datagram[start..end]);
}
