//! The real kernel.

use std::{
    collections::BTreeSet,
    io,
    net::{Ipv4Addr, SocketAddrV4, TcpStream},
    path::{Path, PathBuf},
    thread,
};

use fabric_core::{
    conntrack::Connection,
    kernel::{
        CountedElement, Kernel, KernelError, Listening, Machine, NamespaceId, Packet, Routing, RuleSet,
        StepError,
    },
    listener::Listener,
    name::LabName,
    place::Place,
    plan::{Observed, Wave},
};

use crate::{
    connecting, conntrack, execute, listener,
    memory::Memory,
    namespace::{self, Namespace},
    netlink::qdisc,
    observe,
    procfs::Procfs,
    routing, rule_set,
    ruleset::Loaders,
};

/// The kernel of this machine, with the namespaces that are named in one directory.
#[derive(Debug)]
pub struct LinuxKernel {
    pub(crate) directory: PathBuf,
    pub(crate) loaders: Loaders,
    pub(crate) memory: Memory,
    pub(crate) procfs: Procfs,
    pub(crate) machine: Machine,
}

/// Where `ip netns` keeps its names too.
pub const NETNS_DIR: &str = "/run/netns";

impl LinuxKernel {
    /// Makes `netns_dir` a directory that namespaces can be mounted in, and finds out what the kernel
    /// offers. Most callers want [`NETNS_DIR`].
    ///
    /// # Errors
    /// Without the right to mount or to make namespaces.
    pub fn open(netns_dir: PathBuf) -> Result<Self, KernelError> {
        namespace::prepare_directory(&netns_dir)
            .map_err(|e| KernelError::new(format!("cannot prepare {}", netns_dir.display()), e))?;
        let machine = in_new_namespace(|| Ok(probe()))
            .map_err(|e| KernelError::new("cannot make a network namespace", e))?;
        let procfs = Procfs::open().map_err(|e| KernelError::new("cannot open /proc", e))?;
        let (loaders, memory) = (Loaders::find(), Memory::default());
        Ok(Self { directory: netns_dir, loaders, memory, procfs, machine })
    }
}

impl Kernel for LinuxKernel {
    fn observe(&self, lab: &LabName) -> Result<Observed, KernelError> {
        observe::lab(self, lab)
    }

    fn observe_places(&self, lab: &LabName, places: &BTreeSet<Place>) -> Result<Observed, KernelError> {
        observe::places(self, lab, places)
    }

    fn execute(
        &self,
        lab: &LabName,
        wave: &Wave,
        done: &(dyn Fn(usize) + Sync),
    ) -> Result<(), Vec<StepError>> {
        execute::wave(self, lab, wave, done)
    }

    fn routing(&self, lab: &LabName, place: &Place, packets: &[Packet]) -> Result<Routing, KernelError> {
        routing::read(&self.directory, lab, place, packets)
    }

    fn connections(&self, lab: &LabName, place: &Place) -> Result<Vec<Connection>, KernelError> {
        conntrack::read(&self.directory, lab, place)
    }

    fn counted_elements(
        &self,
        lab: &LabName,
        place: &Place,
        set: RuleSet,
    ) -> Result<Option<Vec<CountedElement>>, KernelError> {
        rule_set::read(&self.directory, &self.loaders, (lab, place), set)
    }

    fn listen(&self, lab: &LabName, listeners: &BTreeSet<Listener>) -> Vec<Result<Listening, KernelError>> {
        listener::open(&self.directory, lab, listeners)
    }

    fn connect(
        &self,
        lab: &LabName,
        place: &Place,
        wanted: &[(Option<Ipv4Addr>, SocketAddrV4)],
    ) -> Result<Vec<io::Result<TcpStream>>, KernelError> {
        connecting::begin(&self.directory, lab, place, wanted)
            .map_err(|error| KernelError::new(format!("cannot open connections in {place}"), error))
    }

    fn namespace(&self, lab: &LabName, place: &Place) -> Option<NamespaceId> {
        let namespace = Namespace::open(&self.directory.join(place.netns_name(lab)));
        Some(namespace.ok()??.identity().into())
    }

    fn machine(&self) -> Machine {
        self.machine
    }
}

/// Runs `work` on a thread of its own, in a namespace of its own that ends with it.
pub(crate) fn in_new_namespace<T: Send>(work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let worker = scope.spawn(|| {
            namespace::enter_new()?;
            work()
        });
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// The number of threads that make the machine's cores busy.
pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(2, usize::from)
}

fn probe() -> Machine {
    // Both are parameters of a namespace: the machine's own may be set otherwise.
    let disabled = std::fs::read_to_string("/proc/sys/net/ipv6/conf/all/disable_ipv6");
    Machine {
        ipv6: disabled.is_ok_and(|value| value.trim() == "0"),
        bridge_netfilter: Path::new("/proc/sys/net/bridge/bridge-nf-call-iptables").exists(),
        netem: qdisc::is_there(),
    }
}
