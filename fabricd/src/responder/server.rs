//! One socket: who comes is taken, answered side by side, and all end together.

use std::{io, net::SocketAddr, pin::Pin, sync::Arc};

use fabric_core::{
    kernel::ListeningSocket,
    listener::{Listener, Protocol, image::Speech},
};
use tokio::{
    net::{TcpListener, TcpStream, UdpSocket},
    sync::oneshot,
    task::JoinSet,
};

use super::{
    IDLE, Live,
    application_rules::Firewall,
    client::Client,
    dns::{self, Dns, Resolver},
    echo, flow_log, http,
    room::{Part, Room},
    tls::Certificate,
};
use crate::flow_log::FlowLog;

/// What a server knows of its lab, beside what it listens at.
#[derive(Debug, Default)]
pub struct More {
    /// What its lab is like now.
    pub live: Live,
    /// Where a firewall writes down its decisions.
    pub log: Option<Arc<FlowLog>>,
    /// What names there are.
    pub resolver: Arc<Resolver>,
}

/// Where a connection may go on to.
#[derive(Clone, Debug)]
enum Beyond {
    Nothing,
    Firewall(Arc<Firewall>),
    Dns(Arc<Dns>),
}

/// Answers at `socket` until `stopped` ends. All of it is closed when this returns.
pub async fn run(
    room: Arc<Room>,
    listener: Listener,
    socket: ListeningSocket,
    more: More,
    stopped: oneshot::Receiver<()>,
) {
    let listener = Arc::new(listener);
    if let Err(error) = serve(room, &listener, socket, more, stopped).await {
        tracing::warn!(%listener, %error, "nobody answers there");
    }
}

async fn serve(
    room: Arc<Room>,
    listener: &Arc<Listener>,
    socket: ListeningSocket,
    more: More,
    stopped: oneshot::Receiver<()>,
) -> io::Result<()> {
    let live = more.live;
    match socket {
        ListeningSocket::Stream(socket) => {
            let socket = TcpListener::from_std(socket)?;
            take(Clients::new(room, live, listener.clone(), Beyond::Nothing), &socket, stopped).await;
        }
        ListeningSocket::Between(socket, door) => {
            let socket = TcpListener::from_std(socket)?;
            let beyond = match &listener.protocol {
                Protocol::Dns(_) => {
                    Beyond::Dns(Arc::new(Dns::new(listener.clone(), more.resolver, door, room.clone())))
                }
                _ => Firewall::of(listener, door, more.log.unwrap_or_default())
                    .map_or(Beyond::Nothing, |firewall| Beyond::Firewall(Arc::new(firewall))),
            };
            take(Clients::new(room, live, listener.clone(), beyond), &socket, stopped).await;
        }
        ListeningSocket::DatagramBetween(socket, door) => {
            let socket = UdpSocket::from_std(socket)?;
            let dns = Dns::new(listener.clone(), more.resolver, door, room);
            dns::datagrams(Arc::new(dns), socket, stopped).await;
        }
        ListeningSocket::Datagram(socket) => {
            let socket = UdpSocket::from_std(socket)?;
            tokio::select! {
                _ = stopped => {}
                failed = echo::datagrams(listener, &socket) => failed?,
            }
        }
        ListeningSocket::FlowLog(socket) => {
            let log = more.log.unwrap_or_default();
            tokio::select! {
                _ = stopped => {}
                ended = flow_log::write_down(socket, &log) => ended?,
            }
        }
    }
    Ok(())
}

async fn take(clients: Clients, socket: &TcpListener, mut stopped: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            // Only to forget those that have ended.
            Some(_) = connections.join_next() => {}
            accepted = socket.accept() => match accepted {
                Ok((stream, address)) => {
                    if let Some(conversation) = clients.welcome(stream, address) {
                        connections.spawn(conversation);
                    }
                }
                Err(error) => clients.room.refuse_for(&error, socket).await,
            }
        }
    }
    connections.shutdown().await;
}

/// What all clients of one socket share.
struct Clients {
    room: Arc<Room>,
    live: Live,
    part: Part,
    listener: Arc<Listener>,
    certificate: Arc<Certificate>,
    beyond: Beyond,
}

type Conversation = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Clients {
    fn new(room: Arc<Room>, live: Live, listener: Arc<Listener>, beyond: Beyond) -> Self {
        Self { room, live, part: Part::default(), listener, certificate: Arc::default(), beyond }
    }

    /// All that will be said with a client; nothing if there is no room for it.
    fn welcome(&self, stream: TcpStream, address: SocketAddr) -> Option<Conversation> {
        let client = Client::new(stream, address).ok()?;
        // Dropped where there is none, it is reset.
        let taken = self.room.take(&self.part, &self.listener)?;
        // Who is passed on has a connection on both sides.
        let taken = match &self.beyond {
            Beyond::Firewall(_) => (taken, Some(self.room.take(&self.part, &self.listener)?)),
            Beyond::Nothing | Beyond::Dns(_) => (taken, None),
        };
        let (live, beyond) = (self.live.clone(), self.beyond.clone());
        let (listener, certificate) = (self.listener.clone(), self.certificate.clone());
        Some(Box::pin(async move {
            let result: io::Result<()> = match (&listener.protocol, beyond) {
                (Protocol::Pod(server), _) if server.speech == Speech::Https => {
                    http::encrypted(listener, live, certificate, client).await
                }
                (Protocol::Http | Protocol::Pod(_) | Protocol::Health(_), _) => {
                    http::plain(listener, live, client).await
                }
                (Protocol::Https, _) => http::encrypted(listener, live, certificate, client).await,
                (Protocol::ApplicationRules(_), Beyond::Firewall(firewall)) => firewall.inspect(client).await,
                (Protocol::Dns(_), Beyond::Dns(dns)) => dns::stream(&dns, client).await,
                // No stream is one of datagrams.
                _ => echo::stream(client, IDLE).await,
            };
            if let Err(error) = result {
                tracing::debug!(client = %address, %error, "a client has gone");
            }
            drop(taken);
        }))
    }
}
