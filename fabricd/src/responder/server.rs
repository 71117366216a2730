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
    echo, flow_log, http,
    room::{Part, Room},
    tls::Certificate,
};
use crate::flow_log::FlowLog;

/// Answers at `socket` until `stopped` ends. All of it is closed when this returns.
pub async fn run(
    (room, live): (Arc<Room>, Live),
    listener: Listener,
    socket: ListeningSocket,
    log: Option<Arc<FlowLog>>,
    stopped: oneshot::Receiver<()>,
) {
    let listener = Arc::new(listener);
    if let Err(error) = serve((room, live), &listener, socket, log, stopped).await {
        tracing::warn!(%listener, %error, "nobody answers there");
    }
}

async fn serve(
    (room, live): (Arc<Room>, Live),
    listener: &Arc<Listener>,
    socket: ListeningSocket,
    log: Option<Arc<FlowLog>>,
    stopped: oneshot::Receiver<()>,
) -> io::Result<()> {
    match socket {
        ListeningSocket::Stream(socket) => {
            let socket = TcpListener::from_std(socket)?;
            take(Clients::new((room, live), listener.clone(), None), &socket, stopped).await;
        }
        ListeningSocket::Between(socket, door) => {
            let socket = TcpListener::from_std(socket)?;
            let firewall = Firewall::of(listener, door, log.unwrap_or_default());
            take(Clients::new((room, live), listener.clone(), firewall.map(Arc::new)), &socket, stopped)
                .await;
        }
        ListeningSocket::Datagram(socket) => {
            let socket = UdpSocket::from_std(socket)?;
            tokio::select! {
                _ = stopped => {}
                failed = echo::datagrams(listener, &socket) => failed?,
            }
        }
        ListeningSocket::FlowLog(socket) => {
            let log = log.unwrap_or_default();
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
    firewall: Option<Arc<Firewall>>,
}

type Conversation = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Clients {
    fn new(
        (room, live): (Arc<Room>, Live),
        listener: Arc<Listener>,
        firewall: Option<Arc<Firewall>>,
    ) -> Self {
        Self { room, live, part: Part::default(), listener, certificate: Arc::default(), firewall }
    }

    /// All that will be said with a client; nothing if there is no room for it.
    fn welcome(&self, stream: TcpStream, address: SocketAddr) -> Option<Conversation> {
        let client = Client::new(stream, address).ok()?;
        // Dropped where there is none, it is reset.
        let taken = self.room.take(&self.part, &self.listener)?;
        // Who is passed on has a connection on both sides.
        let taken = match &self.firewall {
            Some(_) => (taken, Some(self.room.take(&self.part, &self.listener)?)),
            None => (taken, None),
        };
        let (live, firewall) = (self.live.clone(), self.firewall.clone());
        let (listener, certificate) = (self.listener.clone(), self.certificate.clone());
        Some(Box::pin(async move {
            let result: io::Result<()> = match (&listener.protocol, firewall) {
                (Protocol::Pod(server), _) if server.speech == Speech::Https => {
                    http::encrypted(listener, live, certificate, client).await
                }
                (Protocol::Http | Protocol::Pod(_) | Protocol::Health(_), _) => {
                    http::plain(listener, live, client).await
                }
                (Protocol::Https, _) => http::encrypted(listener, live, certificate, client).await,
                (Protocol::ApplicationRules(_), Some(firewall)) => firewall.inspect(client).await,
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
