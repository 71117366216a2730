//! A lab with a load balancer, in real namespaces, without kube-proxy: its nodes have the frontends' addresses
//! themselves.

use std::{
    collections::BTreeSet,
    io::{self, BufRead, BufReader, ErrorKind, Write},
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream, UdpSocket},
    thread,
    time::Duration,
};

use fabric_core::{
    blueprint::{self, Blueprint},
    condition::Conditions,
    kernel::Kernel,
    object::{Key, Program},
    place::Place,
    spec::{Source, load_onto},
    topology::{Rollout, Standing, Topology},
};
use fabric_kernel::{NETNS_DIR, socket::in_place};

use crate::lab::{Lab, kernel, sentences};

/// What is dropped must not come for so long.
const SILENCE: Duration = Duration::from_millis(700);
/// What is answered comes sooner.
const PATIENCE: Duration = Duration::from_secs(10);

pub struct World {
    pub lab: Lab,
    pub topology: Topology,
    kube_proxy: bool,
}

impl World {
    /// Makes the lab of a file, without kube-proxy: it would refuse what is for Services without endpoints.
    pub fn of(text: &str) -> Self {
        Self::make(text, false)
    }

    /// Makes the lab of a file.
    pub fn with_kube_proxy(text: &str) -> Self {
        Self::make(text, true)
    }

    fn make(text: &str, kube_proxy: bool) -> Self {
        let topology = resolved(text, &Standing::default());
        let mut lab = Lab::new();
        lab.build(draw(&topology, kube_proxy));
        Self { lab, topology, kube_proxy }
    }

    /// Makes the running lab one of another file.
    pub fn resolve(&mut self, text: &str) {
        self.topology = resolved(text, &Standing::of(&self.topology));
        self.change(&self.topology.clone());
    }

    /// Changes the lab, and sees that nothing is left to do then.
    pub fn change(&mut self, topology: &Topology) {
        let wanted = draw(topology, self.kube_proxy);
        self.lab.apply(wanted.clone()).unwrap_or_else(|errors| panic!("{}", sentences(&errors)));
        let again = self.lab.plan(&wanted);
        assert!(again.is_empty(), "there is more to do: {again}");
    }

    /// Says of which nodes the health probe of one rule, such as `default/web/TCP-80`, fails.
    pub fn unhealthy(&mut self, rule: &str, nodes: &[usize]) {
        let names = nodes.iter().map(|node| self.topology.managed_clusters[0].nodes[*node].name.clone());
        let mut conditions = Conditions::default();
        conditions.unhealthy.insert(format!("aks/{rule}"), names.collect());
        let topology = self.topology.with_conditions(conditions);
        self.change(&topology);
    }

    pub fn node(&self, number: usize) -> Place {
        Place::Node { name: self.topology.managed_clusters[0].nodes[number].name.clone() }
    }

    pub fn node_address(&self, number: usize) -> Ipv4Addr {
        self.topology.managed_clusters[0].nodes[number].nic.private_ip_address
    }

    /// The frontend of a Service in `default`.
    pub fn frontend(&self, service: &str) -> Ipv4Addr {
        let services = &self.topology.managed_clusters[0].services;
        let service = services.iter().find(|it| it.name == service && it.namespace == "default").unwrap();
        service.frontend.as_ref().unwrap().address.address
    }

    /// Gives all nodes the frontend's address, and has them answer there.
    pub fn serve(&self, address: Ipv4Addr, port: u16) {
        for number in 0..self.topology.managed_clusters[0].nodes.len() {
            let node = self.node(number);
            self.lab.inside(&node, &["ip", "address", "replace", &format!("{address}/32"), "dev", "lo"]);
            self.answer(&node, number, SocketAddrV4::new(address, port));
        }
    }

    /// Answers each line and each datagram at `address` with the node's number and the client's address.
    pub fn answer(&self, place: &Place, number: usize, address: SocketAddrV4) {
        let (listener, datagrams) =
            self.inside(place, || Ok((TcpListener::bind(address)?, UdpSocket::bind(address)?))).unwrap();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                thread::spawn(move || converse(&client, number));
            }
        });
        thread::spawn(move || {
            let mut question = [0; 9];
            while let Ok((_, client)) = datagrams.recv_from(&mut question) {
                let _ = datagrams.send_to(format!("{number} {client}").as_bytes(), client);
            }
        });
    }

    pub fn inside<T: Send>(
        &self,
        place: &Place,
        work: impl FnOnce() -> io::Result<T> + Send,
    ) -> io::Result<T> {
        in_place(NETNS_DIR.as_ref(), &self.lab.name, place, work)
    }

    /// Opens a connection; `None` if nothing comes back.
    pub fn connect(&self, from: &Place, to: impl Into<SocketAddr>) -> Option<Connection> {
        self.connect_within(from, to, PATIENCE).ok()
    }

    /// Whether nothing at all comes back from there.
    pub fn is_silent(&self, from: &Place, to: impl Into<SocketAddr>) -> bool {
        self.connect_within(from, to, SILENCE).is_err_and(|error| error.kind() == ErrorKind::TimedOut)
    }

    fn connect_within(
        &self,
        from: &Place,
        to: impl Into<SocketAddr>,
        time: Duration,
    ) -> io::Result<Connection> {
        let to = to.into();
        let stream = self.inside(from, move || TcpStream::connect_timeout(&to, time))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Connection(BufReader::new(stream)))
    }

    /// Which node answers a new connection, and whose address it sees.
    pub fn ask(&self, from: &Place, to: impl Into<SocketAddr>) -> (usize, Ipv4Addr) {
        let to = to.into();
        let mut connection = self.connect(from, to).unwrap_or_else(|| panic!("{from} does not reach {to}"));
        let (node, client) = connection.ask().unwrap_or_else(|error| panic!("{from} to {to}: {error}"));
        (node, *client.ip())
    }

    /// Which nodes answer so many new connections.
    pub fn nodes_of(&self, from: &Place, to: impl Into<SocketAddr>, count: usize) -> BTreeSet<usize> {
        let to = to.into();
        (0..count).map(|_| self.ask(from, to).0).collect()
    }

    /// As [`World::ask`], by a datagram from a port, which two hops are too many for.
    pub fn ask_by_udp(&self, from: &Place, port: u16, to: SocketAddrV4) -> (usize, SocketAddrV4) {
        let answer = self.inside(from, move || {
            let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port))?;
            socket.set_read_timeout(Some(PATIENCE))?;
            socket.set_ttl(2)?;
            socket.connect(to)?;
            socket.send(b"question")?;
            let mut answer = [0; 99];
            let length = socket.recv(&mut answer)?;
            Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
        });
        read(&answer.unwrap_or_else(|error| panic!("{from} to {to}: {error}")))
    }
}

fn draw(topology: &Topology, kube_proxy: bool) -> Blueprint {
    let mut blueprint = blueprint::draw(topology, kernel().machine());
    for (place, parts) in &mut blueprint.places {
        if !kube_proxy && matches!(place, Place::Node { .. }) {
            parts.remove(&Key::Ruleset(Program::Iptables));
        }
    }
    blueprint
}

/// The lab of a file, with all backends healthy: who answers here is no pod, and nobody probes.
fn resolved(text: &str, standing: &Standing) -> Topology {
    let sources = [Source { name: "lab.yaml".into(), text: text.into() }];
    let topology = load_onto(&sources, standing, &Rollout::default()).unwrap_or_else(|mistakes| {
        let sentences = mistakes.iter().map(|mistake| format!("{}: {}", mistake.line, mistake.message));
        panic!("{}", sentences.collect::<Vec<_>>().join("\n"))
    });
    topology.with_conditions(Conditions::default())
}

fn converse(client: &TcpStream, number: usize) {
    let Ok(address) = client.peer_addr() else { return };
    for _ in BufReader::new(client).lines().map_while(Result::ok) {
        if (&mut &*client).write_all(format!("{number} {address}\n").as_bytes()).is_err() {
            return;
        }
    }
}

pub struct Connection(BufReader<TcpStream>);

impl Connection {
    /// Which node answers, and whom it sees.
    pub fn ask(&mut self) -> io::Result<(usize, SocketAddrV4)> {
        self.0.get_mut().write_all(b"question\n")?;
        let mut answer = String::new();
        if self.0.read_line(&mut answer)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(read(answer.trim()))
    }
}

fn read(answer: &str) -> (usize, SocketAddrV4) {
    let (node, client) = answer.split_once(' ').unwrap();
    (node.parse().unwrap(), client.parse().unwrap())
}
