//! One socket: who comes is taken, answered side by side, and all end together.

use std::{
    io,
    net::{self, SocketAddr},
    pin::Pin,
    sync::Arc,
};

use fabric_core::{
    kernel::ListeningSocket,
    listener::{Listener, Protocol},
};
use tokio::{
    net::{TcpListener, TcpStream, UdpSocket},
    sync::oneshot,
    task::JoinSet,
};

use super::{
    IDLE,
    client::Client,
    echo, http,
    room::{Part, Room},
    tls::Certificate,
};

/// Answers at `socket` until `stopped` ends. All of it is closed when this returns.
pub async fn run(
    room: Arc<Room>,
    listener: Listener,
    socket: ListeningSocket,
    stopped: oneshot::Receiver<()>,
) {
    let name = listener.to_string();
    let served = match socket {
        ListeningSocket::Stream(socket) => take(Clients::new(room, listener), socket, stopped).await,
        ListeningSocket::Datagram(socket) => answer_datagrams(socket, stopped).await,
    };
    if let Err(error) = served {
        tracing::warn!(listener = %name, %error, "nobody answers there");
    }
}

async fn answer_datagrams(socket: net::UdpSocket, stopped: oneshot::Receiver<()>) -> io::Result<()> {
    let socket = UdpSocket::from_std(socket)?;
    tokio::select! {
        _ = stopped => Ok(()),
        failed = echo::datagrams(&socket) => failed,
    }
}

async fn take(
    clients: Clients,
    socket: net::TcpListener,
    mut stopped: oneshot::Receiver<()>,
) -> io::Result<()> {
    let socket = TcpListener::from_std(socket)?;
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
                Err(error) => clients.room.refuse_for(&error, &socket).await,
            }
        }
    }
    connections.shutdown().await;
    Ok(())
}

/// What all clients of one socket share.
struct Clients {
    room: Arc<Room>,
    part: Part,
    listener: Arc<Listener>,
    certificate: Arc<Certificate>,
}

type Conversation = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Clients {
    fn new(room: Arc<Room>, listener: Listener) -> Self {
        Self { room, part: Part::default(), listener: Arc::new(listener), certificate: Arc::default() }
    }

    /// All that will be said with a client; nothing if there is no room for it.
    fn welcome(&self, stream: TcpStream, address: SocketAddr) -> Option<Conversation> {
        let client = Client::new(stream, address).ok()?;
        // Dropped where there is none, it is reset.
        let taken = self.room.take(&self.part, &self.listener)?;
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
