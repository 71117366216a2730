//! The door to the machine: to read, to change, to ask. `fabric-kernel` has the real one; tests have a model
//! that can refuse.

use std::{
    collections::BTreeSet,
    io,
    net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream, UdpSocket},
    os::fd::OwnedFd,
    sync::Arc,
};

use crate::{
    conntrack::Connection,
    listener::Listener,
    name::{IfName, LabName},
    object::Route,
    place::Place,
    plan::{Observed, Step, Wave},
};

/// What can be read from and done to a kernel. Blocking: callers give it a thread of its own.
pub trait Kernel: Send + Sync + 'static {
    /// Reads everything that the lab's namespaces hold, in the vocabulary of the blueprint.
    ///
    /// # Errors
    /// If a namespace cannot be entered or read.
    fn observe(&self, lab: &LabName) -> Result<Observed, KernelError>;

    /// Reads some places of a lab, in the same vocabulary, but without veth pairs: their other ends may be
    /// elsewhere. A place that is not there is not in what comes back.
    ///
    /// # Errors
    /// As [`Kernel::observe`].
    fn observe_places(&self, lab: &LabName, places: &BTreeSet<Place>) -> Result<Observed, KernelError>;

    /// Carries out all steps of `wave`, the jobs side by side, each job's steps in order.
    ///
    /// A job ends at its first failed creation; removals go on after a failure. `done` is called
    /// with the number of steps of each finished job.
    ///
    /// # Errors
    /// All failed steps. What was done before them stays done.
    fn execute(
        &self,
        lab: &LabName,
        wave: &Wave,
        done: &(dyn Fn(usize) + Sync),
    ) -> Result<(), Vec<StepError>>;

    /// Reads the routes of one place, and asks its kernel where each of `packets` would go. No packet is sent.
    ///
    /// # Errors
    /// If there is no such place, or it cannot be entered or read.
    fn routing(&self, lab: &LabName, place: &Place, packets: &[Packet]) -> Result<Routing, KernelError>;

    /// Reads the connection tracking table of one place, in no order. A place whose rules track nothing has none.
    ///
    /// # Errors
    /// If there is no such place, or it cannot be entered or read.
    fn connections(&self, lab: &LabName, place: &Place) -> Result<Vec<Connection>, KernelError>;

    /// Reads the elements of a set of a place's nftables rules, those that count packets. A set that is not there
    /// is `None`.
    ///
    /// # Errors
    /// If there is no such place, or its rules cannot be read.
    fn counted_elements(
        &self,
        lab: &LabName,
        place: &Place,
        set: RuleSet,
    ) -> Result<Option<Vec<CountedElement>>, KernelError>;

    /// Opens a socket for each of `listeners` in its place; what comes back is in their order.
    ///
    /// A socket keeps its namespace alive: it must be closed before the place is removed.
    ///
    /// # Errors
    /// For each on its own, if its place is not there or somebody else has the port.
    fn listen(&self, lab: &LabName, listeners: &BTreeSet<Listener>) -> Vec<Result<Listening, KernelError>>;

    /// Begins a TCP connection of `place` for each of `wanted`: from an address of the place, or one that the kernel
    /// chooses, to somebody. They do not block, are on their way when this returns, and end by RST. Each keeps the
    /// namespace alive: it must be closed before the place is removed.
    ///
    /// # Errors
    /// If there is no such place; for each on its own, if it fails at once.
    fn connect(
        &self,
        lab: &LabName,
        place: &Place,
        wanted: &[(Option<Ipv4Addr>, SocketAddrV4)],
    ) -> Result<Vec<io::Result<TcpStream>>, KernelError>;

    /// The namespace that `place` is now, if it is there. One that was made anew is another.
    fn namespace(&self, lab: &LabName, place: &Place) -> Option<NamespaceId>;

    /// What this machine's kernel offers, found out once at start.
    fn machine(&self) -> Machine;
}

/// What differs between kernels, and what a blueprint must be drawn for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    /// IPv6 is built in and not disabled.
    pub ipv6: bool,
    /// `br_netfilter` is there: bridged packets can pass iptables, as on an AKS node.
    pub bridge_netfilter: bool,
    /// `sch_netem` is there: links can be made slow, lossy and narrow.
    pub netem: bool,
}

impl Machine {
    /// A kernel with everything, as snapshots are drawn for.
    pub const COMPLETE: Self = Self { ipv6: true, bridge_netfilter: true, netem: true };
}

/// A packet that a place could have received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The link it comes in by.
    pub input: IfName,
    /// Its source address.
    pub source: Ipv4Addr,
    /// Its destination address.
    pub destination: Ipv4Addr,
}

/// The routes of one place, and where they send packets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routing {
    /// IPv4 routes of all tables but the kernel's own record of its addresses (`local`), whoever made them,
    /// connected ones included. What the blueprint has no words for is a blackhole of protocol 0.
    pub routes: Vec<Route>,
    /// One for each packet that was asked about.
    pub decisions: Vec<Decision>,
}

/// Where the kernel sends a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// By this route, the one that matched.
    Route(Route),
    /// To a program of the place itself.
    Local,
    /// Dropped without a word (`EINVAL`): a blackhole, or addresses that no packet may have.
    Dropped,
    /// Nowhere (`ENETUNREACH`): no table has a route for it that is not `throw`.
    NoRoute,
    /// Refused with a message to the sender (`EHOSTUNREACH`, `EACCES`): `unreachable` or `prohibit`.
    Refused,
}

/// What tells a namespace from all others that exist at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamespaceId(pub u64);

/// An open socket that does not block, and is not inherited by programs.
#[derive(Debug)]
pub struct Listening {
    /// The socket.
    pub socket: ListeningSocket,
    /// Where it was opened.
    pub namespace: NamespaceId,
}

/// The socket of a [`Listening`], by the protocol of its [`Listener`].
#[derive(Debug)]
pub enum ListeningSocket {
    /// TCP.
    Stream(TcpListener),
    /// UDP.
    Datagram(UdpSocket),
    /// TCP from clients, and the way to go on from there.
    Between(TcpListener, Arc<dyn Door>),
    /// UDP from clients, and the way to go on from there.
    DatagramBetween(UdpSocket, Arc<dyn Door>),
    /// What the place's rules log: `fabric_kernel::flow_log` reads it.
    FlowLog(OwnedFd),
}

/// A way into a place for sockets that are opened later. It keeps the place's namespace alive.
pub trait Door: std::fmt::Debug + Send + Sync {
    /// A TCP socket of the place with the source address `from`, or the one of the route if that is 0.0.0.0, not connected, that does not block. Blocking for
    /// some hundred microseconds.
    ///
    /// # Errors
    /// If the place does not have that address, or there is no room for another socket.
    fn stream(&self, from: Ipv4Addr) -> io::Result<TcpStream>;

    /// A UDP socket of the place at a port that nobody has, not connected, that does not block. Blocking for some
    /// hundred microseconds.
    ///
    /// # Errors
    /// If there is no room for another socket.
    fn datagrams(&self) -> io::Result<UdpSocket>;
}

/// A set of nftables rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleSet {
    /// The family of its table, such as `ip`.
    pub family: &'static str,
    /// Its table.
    pub table: &'static str,
    /// Its name.
    pub name: &'static str,
}

/// An element of a set that counts the packets that it fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountedElement {
    /// Its parts, as nft shows them in JSON: `1`, `203.0.113.10`, `tcp`, `80`.
    pub key: Vec<String>,
    /// How many packets.
    pub packets: u64,
}

/// A failed access to the kernel.
#[derive(Debug, thiserror::Error)]
#[error("{operation}")]
pub struct KernelError {
    /// What was tried, with the names of the things it was tried on.
    pub operation: String,
    /// The kernel's answer.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl KernelError {
    /// `operation` failed because of `source`.
    pub fn new(
        operation: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { operation: operation.into(), source: source.into() }
    }
}

/// A step that the kernel refused.
#[derive(Debug, thiserror::Error)]
#[error("{place}: cannot {step}")]
pub struct StepError {
    /// Where.
    pub place: Place,
    /// Which step.
    pub step: Box<Step>,
    /// The kernel's answer, with its extended sentence where it gave one.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}
