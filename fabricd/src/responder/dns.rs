//! DNS: questions from the sockets of a place, by the lab's zones, and on to other servers from the same place.

use std::{
    io,
    net::{Ipv4Addr, SocketAddrV4},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use fabric_core::{
    dns::{
        Forward, Pending, Policy, Server, Step, Zones,
        record::{Answer, Code},
        wire::{self, Carrier, DATAGRAM_MAX, MESSAGE_MAX, Query},
    },
    kernel::Door,
    listener::Listener,
    place::Place,
    topology::Topology,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, UdpSocket},
    sync::{Semaphore, oneshot},
    task::JoinSet,
    time::timeout,
};

use super::{
    client::Client,
    room::{Part, Room},
};

/// How long one server may take: CoreDNS' read timeout (`plugin/pkg/proxy`).
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a connection is kept on which nothing is asked: that of CoreDNS (`core/dnsserver`).
const IDLE: Duration = Duration::from_secs(10);

/// Questions of one socket that wait for other servers. CoreDNS has no limit; AKS' LocalDNS has this one
/// (aks-facts 5.3).
const WAITING_MAX: usize = 1_000;

/// What names one lab has now.
#[derive(Debug, Default)]
pub struct Resolver(Mutex<Arc<Names>>);

/// The names of a lab, found when the first question comes: a change costs nothing here.
#[derive(Debug, Default)]
struct Names {
    topology: Option<Arc<Topology>>,
    zones: OnceLock<Zones>,
}

impl Resolver {
    /// From now on those of this lab. No socket is touched.
    pub fn show(&self, topology: Arc<Topology>) {
        let names = Names { topology: Some(topology), zones: OnceLock::new() };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(names);
    }

    fn server(&self, place: &Place) -> Option<Arc<Server>> {
        let names = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let zones = || names.topology.as_deref().map(Zones::of).unwrap_or_default();
        names.zones.get_or_init(zones).server(place).cloned()
    }
}

/// What all questions at one socket share.
#[derive(Debug)]
pub struct Dns {
    listener: Arc<Listener>,
    resolver: Arc<Resolver>,
    door: Arc<dyn Door>,
    room: Arc<Room>,
    part: Part,
    waiting: Semaphore,
    /// Whose turn it is, of the servers that are asked.
    turn: AtomicUsize,
}

/// What is to be done with a question.
enum Begun {
    /// This is the answer; nothing if silence is.
    Reply(Option<Vec<u8>>),
    /// Others are to be asked.
    Ask(Box<(Query, Forward, Pending)>),
}

impl Dns {
    /// The server at `listener`.
    pub fn new(
        listener: Arc<Listener>,
        resolver: Arc<Resolver>,
        door: Arc<dyn Door>,
        room: Arc<Room>,
    ) -> Self {
        let (part, waiting) = (Part::default(), Semaphore::new(WAITING_MAX));
        Self { listener, resolver, door, room, part, waiting, turn: AtomicUsize::new(0) }
    }

    fn begin(&self, bytes: &[u8], carrier: Carrier) -> Begun {
        let query = match Query::read(bytes) {
            Ok(query) => query,
            Err(reply) => return Begun::Reply(reply),
        };
        let server = self.resolver.server(&self.listener.place);
        let refused = || Step::Done(Answer::code(Code::Refused));
        match server.map_or_else(refused, |server| server.resolve(query.question())) {
            Step::Done(answer) => Begun::Reply(Some(query.reply(&answer, carrier))),
            Step::Ask(forward, pending) => Begun::Ask(Box::new((query, forward, pending))),
        }
    }

    /// Asks others.
    async fn go_on(
        &self,
        query: &Query,
        asked: &[u8],
        forward: &Forward,
        pending: Pending,
        carrier: Carrier,
    ) -> Vec<u8> {
        let room = self.waiting.try_acquire().ok().zip(self.room.take(&self.part, &self.listener));
        if room.is_none() {
            return query.reply(&Answer::code(Code::ServFail), carrier);
        }
        let said = if pending.is_plain() {
            // As it was asked: with the client's EDNS options.
            match self.ask(forward, asked, query.id(), carrier).await {
                Some(said) => return said,
                None => None,
            }
        } else {
            match wire::question(query.id(), pending.question()) {
                Some(question) => self.ask(forward, &question, query.id(), carrier).await,
                None => None,
            }
        };
        let answer = said.and_then(|said| wire::read_answer(&said));
        query.reply(&pending.answered(answer), carrier)
    }

    /// What the first of the servers says that says anything.
    async fn ask(&self, forward: &Forward, question: &[u8], id: u16, carrier: Carrier) -> Option<Vec<u8>> {
        let servers = &forward.to;
        let first = match forward.policy {
            Policy::Sequential => 0,
            Policy::RoundRobin => self.turn.fetch_add(1, Ordering::Relaxed),
        };
        for number in 0..servers.len() {
            let server = servers[(first % servers.len() + number) % servers.len()];
            let asking = async {
                match carrier {
                    Carrier::Datagram => self.by_datagram(server, question, id).await,
                    Carrier::Stream => self.by_stream(server, question).await,
                }
            };
            match timeout(PATIENCE, asking).await {
                Ok(Ok(said)) if wire::is_answer(&said, id) => return Some(said),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => tracing::debug!(listener = %self.listener, %server, %error, "no answer"),
                Err(_) => tracing::debug!(listener = %self.listener, %server, "no answer in time"),
            }
        }
        None
    }

    async fn by_datagram(&self, server: SocketAddrV4, question: &[u8], id: u16) -> io::Result<Vec<u8>> {
        let door = self.door.clone();
        let socket = tokio::task::spawn_blocking(move || door.datagrams()).await??;
        let socket = UdpSocket::from_std(socket)?;
        // From nobody else is anything heard then.
        socket.connect(server).await?;
        socket.send(question).await?;
        let mut said = vec![0; DATAGRAM_MAX];
        loop {
            let length = socket.recv(&mut said).await?;
            if wire::is_answer(&said[..length], id) {
                said.truncate(length);
                return Ok(said);
            }
        }
    }

    async fn by_stream(&self, server: SocketAddrV4, question: &[u8]) -> io::Result<Vec<u8>> {
        let door = self.door.clone();
        let socket = tokio::task::spawn_blocking(move || door.stream(Ipv4Addr::UNSPECIFIED)).await??;
        let stream = TcpSocket::from_std_stream(socket).connect(server.into()).await?;
        let mut server = Client::new(stream, server.into())?;
        server.write_all(&framed(question)).await?;
        let length = server.read_u16().await?;
        let mut said = vec![0; usize::from(length)];
        server.read_exact(&mut said).await?;
        server.shutdown().await?;
        Ok(said)
    }
}

/// Answers datagrams until `stopped` ends.
pub async fn datagrams(dns: Arc<Dns>, socket: UdpSocket, mut stopped: oneshot::Receiver<()>) {
    let socket = Arc::new(socket);
    let mut waiting = JoinSet::new();
    let mut bytes = vec![0; DATAGRAM_MAX];
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            // Only to forget those that have ended.
            Some(_) = waiting.join_next() => {}
            received = socket.recv_from(&mut bytes) => {
                // Told of an earlier answer that nobody has taken; datagrams may get lost.
                let Ok((length, client)) = received else { continue };
                let asked = &bytes[..length];
                match dns.begin(asked, Carrier::Datagram) {
                    Begun::Reply(None) => {}
                    Begun::Reply(Some(reply)) => drop(socket.try_send_to(&reply, client)),
                    Begun::Ask(it) => {
                        let (dns, socket, asked) = (dns.clone(), socket.clone(), asked.to_vec());
                        waiting.spawn(async move {
                            let (query, forward, pending) = *it;
                            let reply = dns.go_on(&query, &asked, &forward, pending, Carrier::Datagram).await;
                            let _ = socket.try_send_to(&reply, client);
                        });
                    }
                }
            }
        }
    }
    waiting.shutdown().await;
}

/// Answers one question after the other on a connection (RFC 7766), until it ends or nothing is asked.
///
/// # Errors
/// If the connection fails or is idle.
pub async fn stream(dns: &Dns, mut client: Client) -> io::Result<()> {
    loop {
        let length = match timeout(IDLE, client.read_u16()).await {
            Ok(Ok(length)) => length,
            // It has gone, or has nothing more to ask.
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => return client.shutdown().await,
            Err(_) => return client.shutdown().await,
            Ok(Err(error)) => return Err(error),
        };
        let mut asked = vec![0; usize::from(length)];
        timeout(IDLE, client.read_exact(&mut asked)).await??;
        let reply = match dns.begin(&asked, Carrier::Stream) {
            Begun::Reply(None) => return Ok(()),
            Begun::Reply(Some(reply)) => reply,
            Begun::Ask(it) => {
                let (query, forward, pending) = *it;
                dns.go_on(&query, &asked, &forward, pending, Carrier::Stream).await
            }
        };
        timeout(IDLE, client.write_all(&framed(&reply))).await??;
    }
}

/// A message with its length before it (RFC 1035, 4.2.2).
fn framed(message: &[u8]) -> Vec<u8> {
    let message = &message[..message.len().min(MESSAGE_MAX)];
    let mut framed = u16::try_from(message.len()).unwrap_or(u16::MAX).to_be_bytes().to_vec();
    framed.extend_from_slice(message);
    framed
}
