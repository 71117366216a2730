//! A model of the kernel that can refuse: what depends on a thing needs it, what is there cannot be
//! made again, what is absent cannot be removed, and what hangs on a thing goes with it.

mod objects;

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream, UdpSocket},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU16, AtomicU64, AtomicUsize, Ordering},
    },
};

use fabric_core::{
    conntrack::{CONNECTIONS_MAX, Connection, Ends, Protocol, Status, TcpState, Tuple},
    effective_routes::next_hop::choose,
    kernel::{
        CountedElement, Decision, Door, Kernel, KernelError, Listening, ListeningSocket, Machine,
        NamespaceId, Packet, Routing, RuleSet, StepError,
    },
    listener::{self, Listener},
    name::LabName,
    object::{Key, MAIN_TABLE, NextHop, Object, Route, Rule},
    place::Place,
    plan::{Action, Observed, Step, Wave},
};

use self::objects::{is_up, link_exists, remove_object, remove_place};

/// Never fails by itself.
pub const NEVER: usize = usize::MAX;

pub struct FakeKernel {
    places: Mutex<BTreeMap<Place, BTreeMap<Key, Object>>>,
    /// The namespaces that places have had last.
    namespaces: Mutex<BTreeMap<Place, NamespaceId>>,
    made: AtomicU64,
    /// An address of this machine's loopback that no other model has.
    address: Ipv4Addr,
    /// Sockets that were opened, and where they are on it.
    sockets: Mutex<BTreeMap<Listener, SocketAddr>>,
    executed: AtomicUsize,
    fail_at: AtomicUsize,
}

impl FakeKernel {
    pub fn new() -> Self {
        static MODELS: AtomicU16 = AtomicU16::new(0);
        let [high, low] = MODELS.fetch_add(1, Ordering::SeqCst).to_be_bytes();
        let process = u8::try_from(std::process::id() % 250).expect("less than 250");
        Self {
            address: Ipv4Addr::new(127, 1 + process, high, low),
            places: Mutex::default(),
            namespaces: Mutex::default(),
            made: AtomicU64::new(0),
            sockets: Mutex::default(),
            executed: AtomicUsize::new(0),
            fail_at: AtomicUsize::new(NEVER),
        }
    }

    /// Refuses the step that comes after `steps` more, and only that one.
    pub fn fail_after(&self, steps: usize) {
        self.executed.store(0, Ordering::SeqCst);
        self.fail_at.store(steps, Ordering::SeqCst);
    }

    /// Everything that is there.
    pub fn state(&self) -> BTreeMap<Place, BTreeMap<Key, Object>> {
        self.lock().clone()
    }

    /// Somebody changes something by hand.
    pub fn by_hand(&self, change: impl FnOnce(&mut BTreeMap<Place, BTreeMap<Key, Object>>)) {
        change(&mut self.lock());
    }

    /// The sockets that are open now, and where they can be spoken with.
    pub fn sockets(&self) -> BTreeMap<Listener, SocketAddr> {
        let mut sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        sockets.retain(|listener, address| is_taken(listener, *address));
        sockets.clone()
    }

    /// Somebody removes a place's namespace by hand, and makes another of that name.
    pub fn make_anew(&self, place: &Place) {
        self.name_namespace(place);
    }

    /// Somebody else takes the port, until this is dropped.
    pub fn take(&self, listener: &Listener) -> ListeningSocket {
        let (socket, address) = self.loopback(listener).expect("a socket");
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner).insert(listener.clone(), address);
        socket
    }

    fn loopback(&self, listener: &Listener) -> std::io::Result<(ListeningSocket, SocketAddr)> {
        if listener.protocol.is_datagram() {
            let socket = UdpSocket::bind((self.address, 0))?;
            socket.set_nonblocking(true)?;
            let address = socket.local_addr()?;
            let socket = match listener.protocol {
                listener::Protocol::Dns(_) => ListeningSocket::DatagramBetween(socket, Arc::new(NoDoor)),
                _ => ListeningSocket::Datagram(socket),
            };
            return Ok((socket, address));
        }
        let socket = TcpListener::bind((self.address, 0))?;
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        let socket = match listener.protocol {
            listener::Protocol::Dns(_) => ListeningSocket::Between(socket, Arc::new(NoDoor)),
            _ => ListeningSocket::Stream(socket),
        };
        Ok((socket, address))
    }

    /// To whoever listens in the place that has the address.
    fn connect_to(&self, to: SocketAddrV4) -> io::Result<TcpStream> {
        let has = |object: &Object| matches!(object, Object::Address(it) if it.address.addr() == *to.ip());
        let place = self.lock().iter().find(|(_, it)| it.values().any(has)).map(|(place, _)| place.clone());
        let sockets = self.sockets();
        let mut streams = sockets.iter().filter(|(listener, _)| !listener.protocol.is_datagram());
        let found = streams
            .find(|(listener, _)| Some(&listener.place) == place.as_ref() && listener.port == to.port());
        let (_, address) = found.ok_or(io::ErrorKind::ConnectionRefused)?;
        let stream = TcpStream::connect(address)?;
        stream.set_nonblocking(true)?;
        Ok(stream)
    }

    fn name_namespace(&self, place: &Place) {
        let id = NamespaceId(self.made.fetch_add(1, Ordering::SeqCst));
        self.namespaces.lock().unwrap_or_else(PoisonError::into_inner).insert(place.clone(), id);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Place, BTreeMap<Key, Object>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn step(&self, place: &Place, step: &Step) -> Result<(), String> {
        if self.executed.fetch_add(1, Ordering::SeqCst) == self.fail_at.load(Ordering::SeqCst) {
            return Err("Cannot allocate memory".into());
        }
        let mut places = self.lock();
        let key = step.object.key();
        if step.object == Object::Namespace {
            return match step.action {
                Action::Create if places.contains_key(place) => Err("File exists".into()),
                Action::Create => {
                    places.insert(place.clone(), BTreeMap::from([(key, Object::Namespace)]));
                    self.name_namespace(place);
                    Ok(())
                }
                // The kernel would take the name away, and keep all else.
                Action::Remove if self.sockets().keys().any(|listener| listener.place == *place) => {
                    Err("sockets are open in it".into())
                }
                Action::Remove => remove_place(&mut places, place),
                Action::Replace => Err("a namespace cannot be changed".into()),
            };
        }
        let there = places.get(place).ok_or("No such namespace")?.contains_key(&key);
        match step.action {
            Action::Create if there => return Err("File exists".into()),
            Action::Replace | Action::Remove if !there => return Err("No such object".into()),
            Action::Remove => return remove_object(&mut places, place, &key),
            Action::Create | Action::Replace => {}
        }
        if let Some(link) = step.object.needs_link()
            && !link_exists(&places, place, link)
        {
            return Err(format!("Cannot find device {link}"));
        }
        if let Some(link) = step.object.needs_up()
            && !is_up(&places, place, link)
        {
            return Err("Network is down".into());
        }
        match &step.object {
            Object::Port(port) if !link_exists(&places, place, &port.bridge.name) => {
                return Err("no bridge".into());
            }
            Object::Veth(veth) => {
                if !places.contains_key(&veth.peer.place) {
                    return Err("no namespace for the peer".into());
                }
                if link_exists(&places, &veth.peer.place, &veth.peer.link.name) {
                    return Err("File exists (peer)".into());
                }
            }
            _ => {}
        }
        places.get_mut(place).ok_or("No such namespace")?.insert(key, step.object.clone());
        Ok(())
    }
}

/// Whether somebody still has the socket: its port cannot be had a second time then.
fn is_taken(listener: &Listener, address: SocketAddr) -> bool {
    if listener.protocol.is_datagram() {
        UdpSocket::bind(address).is_err()
    } else {
        TcpListener::bind(address).is_err()
    }
}

/// Rules by priority, then the main table; in a table the longest prefix, then the smallest metric.
fn decide(routes: &[Route], rules: &[&Rule], packet: &Packet) -> Decision {
    let applies = |rule: &&&Rule| {
        rule.input.as_ref().is_none_or(|input| *input == packet.input)
            && rule.from.is_none_or(|from| from.contains(&std::net::IpAddr::V4(packet.source)))
    };
    let tables = rules.iter().filter(applies).map(|rule| rule.table).chain([MAIN_TABLE]);
    for table in tables {
        match choose(routes, table, packet.destination) {
            Some(route) if route.next_hop == NextHop::Blackhole => return Decision::Dropped,
            Some(route) if route.next_hop != NextHop::Throw => return Decision::Route(route.clone()),
            _ => {}
        }
    }
    Decision::NoRoute
}

impl Kernel for FakeKernel {
    fn observe(&self, _lab: &LabName) -> Result<Observed, KernelError> {
        Ok(Observed { places: self.state() })
    }

    fn observe_places(&self, _lab: &LabName, places: &BTreeSet<Place>) -> Result<Observed, KernelError> {
        let mut seen = self.state();
        seen.retain(|place, _| places.contains(place));
        seen.values_mut().for_each(|objects| objects.retain(|_, object| !matches!(object, Object::Veth(_))));
        Ok(Observed { places: seen })
    }

    fn execute(
        &self,
        _lab: &LabName,
        wave: &Wave,
        done: &(dyn Fn(usize) + Sync),
    ) -> Result<(), Vec<StepError>> {
        let mut errors = vec![];
        for job in &wave.jobs {
            for step in &job.steps {
                if let Err(message) = self.step(&job.place, step) {
                    errors.push(StepError {
                        place: job.place.clone(),
                        step: Box::new(step.clone()),
                        source: message.into(),
                    });
                    if step.action != Action::Remove {
                        break;
                    }
                }
            }
            done(job.steps.len());
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    fn routing(&self, _lab: &LabName, place: &Place, packets: &[Packet]) -> Result<Routing, KernelError> {
        let places = self.lock();
        let objects =
            places.get(place).ok_or_else(|| KernelError::new("cannot read", "No such namespace"))?;
        let routes: Vec<Route> = objects
            .values()
            .filter_map(|object| match object {
                Object::Route(route) => Some(route.clone()),
                _ => None,
            })
            .collect();
        // Keys of rules are in the order of their priority.
        let rules: Vec<&Rule> = objects
            .values()
            .filter_map(|object| match object {
                Object::Rule(rule) => Some(rule),
                _ => None,
            })
            .collect();
        let decisions = packets.iter().map(|packet| decide(&routes, &rules, packet)).collect();
        Ok(Routing { routes, decisions })
    }

    /// Ten more than are told of one place, in the wrong order.
    fn connections(&self, _lab: &LabName, place: &Place) -> Result<Vec<Connection>, KernelError> {
        if !self.lock().contains_key(place) {
            return Err(KernelError::new("cannot read", "No such namespace"));
        }
        let there = Ipv4Addr::new(203, 0, 113, 10).into();
        let number = u32::try_from(CONNECTIONS_MAX).expect("not that many") + 10;
        let connection = |number: u32| {
            let ends = Ends::Ports { source: 40_000, destination: 80 };
            let here = Ipv4Addr::from_bits(0x0a00_0000 + number).into();
            Connection {
                protocol: Protocol::TCP,
                original: Tuple { source: here, destination: there, ends },
                reply: Tuple { source: there, destination: here, ends },
                state: Some(TcpState::Established),
                timeout: Some(86_399),
                status: Status::SEEN_REPLY,
                mark: 0,
                zone: 0,
                uses: 1,
            }
        };
        Ok((0..number).rev().map(connection).collect())
    }

    /// Three packets of the first node's that found no port.
    fn counted_elements(
        &self,
        _lab: &LabName,
        _place: &Place,
        _set: RuleSet,
    ) -> Result<Option<Vec<CountedElement>>, KernelError> {
        let key = ["1", "203.0.113.10", "tcp", "80"].map(str::to_owned);
        Ok(Some(vec![CountedElement { key: key.into(), packets: 3 }]))
    }

    fn listen(&self, lab: &LabName, listeners: &BTreeSet<Listener>) -> Vec<Result<Listening, KernelError>> {
        let open = |listener: &Listener| {
            let refused = |why: &str| KernelError::new(format!("cannot listen at {listener}"), why);
            let namespace = self.namespace(lab, &listener.place).ok_or_else(|| refused("no place"))?;
            if self.sockets().contains_key(listener) {
                return Err(refused("Address already in use"));
            }
            let (socket, address) = self.loopback(listener).map_err(|error| refused(&error.to_string()))?;
            let mut sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
            sockets.insert(listener.clone(), address);
            Ok(Listening { socket, namespace })
        };
        listeners.iter().map(open).collect()
    }

    fn connect(
        &self,
        _lab: &LabName,
        place: &Place,
        wanted: &[(Option<Ipv4Addr>, SocketAddrV4)],
    ) -> Result<Vec<io::Result<TcpStream>>, KernelError> {
        if !self.lock().contains_key(place) {
            return Err(KernelError::new("cannot connect", "No such namespace"));
        }
        Ok(wanted.iter().map(|(_, to)| self.connect_to(*to)).collect())
    }

    fn namespace(&self, _lab: &LabName, place: &Place) -> Option<NamespaceId> {
        let is_there = self.lock().contains_key(place);
        let namespaces = self.namespaces.lock().unwrap_or_else(PoisonError::into_inner);
        namespaces.get(place).copied().filter(|_| is_there)
    }

    fn machine(&self) -> Machine {
        Machine::COMPLETE
    }
}

/// A place that nobody goes on from.
#[derive(Debug)]
struct NoDoor;

impl Door for NoDoor {
    fn stream(&self, _: std::net::Ipv4Addr) -> std::io::Result<std::net::TcpStream> {
        Err(std::io::ErrorKind::NetworkUnreachable.into())
    }

    fn datagrams(&self) -> std::io::Result<UdpSocket> {
        Err(std::io::ErrorKind::NetworkUnreachable.into())
    }
}
