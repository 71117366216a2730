//! One socket: who comes is taken, answered side by side, and all end together.

use std::{io, net::SocketAddr, pin::Pin, sync::Arc};

use fabric_core::{
    kernel::ListeningSocket,
    listener::{Listener, Protocol},
};
use tokio::{
    net::{TcpListener, TcpStream, UdpSocket},
    sync::{Semaphore, oneshot},
    task::JoinSet,
};

use super::{
    IDLE,
    client::Client,
    echo, http,
    room::{LISTENER_CONNECTIONS_MAX, Room},
    tls::Certificate,
};

/// Answers at `socket` until `stopped` ends. All of it is closed when this returns.
pub async fn run(
    room: Arc<Room>,
    listener: Listener,
    socket: ListeningSocket,
    stopped: oneshot::Receiver<()>,
) {
    let ended = match socket {
        ListeningSocket::Stream(socket) => match TcpListener::from_std(socket) {
            Ok(socket) => Ok(take(Clients::new(room, listener), &socket, stopped).await),
            Err(error) => Err((listener, error)),
        },
        ListeningSocket::Datagram(socket) => match UdpSocket::from_std(socket) {
            Ok(socket) => Ok(tokio::select! {
                _ = stopped => {}
                () = echo::datagrams(&socket) => {}
            }),
            Err(error) => Err((listener, error)),
        },
    };
    if let Err((listener, error)) = ended {
        tracing::warn!(%listener, %error, "nobody answers there");
    }
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
    here: Arc<Semaphore>,
    listener: Arc<Listener>,
    certificate: Arc<Certificate>,
}

type Conversation = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Clients {
    fn new(room: Arc<Room>, listener: Listener) -> Self {
        Self {
            room,
            here: Arc::new(Semaphore::new(LISTENER_CONNECTIONS_MAX)),
            listener: Arc::new(listener),
            certificate: Arc::default(),
        }
    }

    /// All that will be said with a client; nothing if there is no room for it.
    fn welcome(&self, stream: TcpStream, address: SocketAddr) -> Option<Conversation> {
        let client = Client::new(stream, address).ok()?;
        // Dropped where there is none, it is reset.
        let taken = self.room.take(&self.here)?;
        let (listener, certificate) = (self.listener.clone(), self.certificate.clone());
        Some(Box::pin(async move {
            let protocol = listener.protocol;
            let result: io::Result<()> = match protocol {
                Protocol::Http => http::plain(listener, client).await,
                Protocol::Https => http::encrypted(listener, certificate, client).await,
                // No stream is one of datagrams.
                Protocol::TcpEcho | Protocol::UdpEcho => echo::stream(client, IDLE).await,
            };
            if let Err(error) = result {
                tracing::debug!(client = %address, %error, "a client has gone");
            }
            drop(taken);
        }))
    }
}
