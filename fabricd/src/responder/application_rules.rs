//! A firewall's application rules: connections that its rules redirect here are taken, and passed on if the name
//! that they ask for may be asked for.
//!
//! Source: Azure Firewall's "transparent proxy", "Azure Firewall SNAT private IP address ranges" and FAQ.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use fabric_core::{
    firewall::{
        Action, ApplicationRule, Collection, Scheme,
        application::{Request, Verdict, decide},
        log::{Decision, Entry, refusal},
    },
    kernel::Door,
    listener::{Listener, Protocol},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf, copy_bidirectional},
    net::TcpSocket,
    time::{sleep, timeout},
};

use super::{
    client::Client,
    greeting::{self, Greeting},
};
use crate::flow_log::FlowLog;

/// How long a client may take to say whom it wants.
const GREETING: Duration = Duration::from_secs(10);

/// How long the way to the server may take.
const CONNECT: Duration = Duration::from_secs(30);

/// After how long without a byte a connection is forgotten: the firewall's own time-out, see its blueprint.
const IDLE: Duration = Duration::from_secs(4 * 60);

/// What all connections of one firewall share.
#[derive(Debug)]
pub struct Firewall {
    /// Its application rules.
    pub rules: Arc<Vec<Collection<ApplicationRule>>>,
    /// Its private address, which the servers would see if nobody translated.
    pub address: Ipv4Addr,
    /// The way into its place.
    pub door: Arc<dyn Door>,
    /// Where decisions are written down.
    pub log: Arc<FlowLog>,
}

impl Firewall {
    /// What the listener is for, if it is one for application rules.
    pub fn of(listener: &Listener, door: Arc<dyn Door>, log: Arc<FlowLog>) -> Option<Self> {
        match (&listener.protocol, listener.address) {
            (Protocol::ApplicationRules(rules), Some(IpAddr::V4(address))) => {
                Some(Self { rules: rules.clone(), address, door, log })
            }
            _ => None,
        }
    }

    /// Decides on one connection, and passes it on until it ends.
    ///
    /// # Errors
    /// If one of both ends fails.
    pub async fn inspect(&self, mut client: Client) -> io::Result<()> {
        let destination = client.redirected_from()?;
        let Some(Greeting { scheme, fqdn, bytes }) = timeout(GREETING, greeting::read(&mut client)).await??
        else {
            // A "TCP ping": it has its answer, and was sent nowhere.
            return client.shutdown().await;
        };
        let SocketAddr::V4(source) = client.address else {
            return Err(io::ErrorKind::AddrNotAvailable.into());
        };
        let request =
            Request { source: *source.ip(), scheme, fqdn: fqdn.as_deref(), port: destination.port() };
        let verdict = decide(&self.rules, &request);
        self.log.write(entry(source, &request, &verdict));
        match (verdict.action, scheme) {
            (Action::Allow, _) => self.pass_on(client, destination, &bytes).await,
            (Action::Deny, Scheme::Http) => {
                let name = fqdn.unwrap_or_else(|| destination.ip().to_string());
                deny(client, &refusal(source, &name, destination.port(), &verdict)).await
            }
            // Dropped, it is reset.
            (Action::Deny, Scheme::Https) => Ok(()),
        }
    }

    async fn pass_on(&self, client: Client, destination: SocketAddrV4, said: &[u8]) -> io::Result<()> {
        let (door, address) = (self.door.clone(), self.address);
        let socket = tokio::task::spawn_blocking(move || door.stream(address)).await??;
        let connecting = TcpSocket::from_std_stream(socket).connect(destination.into());
        let server = timeout(CONNECT, connecting).await??;
        let mut server = Client::new(server, destination.into())?;
        server.write_all(said).await?;
        let moved = AtomicBool::new(false);
        let (mut client, mut server) = (Watched(client, &moved), Watched(server, &moved));
        let mut copying = std::pin::pin!(copy_bidirectional(&mut client, &mut server));
        loop {
            tokio::select! {
                ended = &mut copying => return ended.map(drop),
                () = sleep(IDLE) => if !moved.swap(false, Ordering::Relaxed) {
                    return Err(io::ErrorKind::TimedOut.into());
                }
            }
        }
    }
}

/// Says why, as Azure's firewall does, and ends.
async fn deny(mut client: Client, text: &str) -> io::Result<()> {
    let answer = format!(
        "HTTP/1.1 470 status code 470\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{text}",
        text.len()
    );
    client.write_all(answer.as_bytes()).await?;
    client.shutdown().await
}

fn entry(source: SocketAddrV4, request: &Request<'_>, verdict: &Verdict<'_>) -> Entry {
    Entry {
        source: *source.ip(),
        source_port: Some(source.port()),
        decision: Decision::Application {
            scheme: request.scheme,
            fqdn: request.fqdn.map(str::to_owned),
            destination_port: request.port,
            action: verdict.action,
        },
        rule: verdict.rule.map(|(collection, rule)| (collection.to_owned(), rule.to_owned())),
    }
}

/// A connection, and whether anything has come by it.
struct Watched<'a>(Client, &'a AtomicBool);

impl AsyncRead for Watched<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.0).poll_read(context, buffer);
        if read.is_ready() {
            self.1.store(true, Ordering::Relaxed);
        }
        read
    }
}

impl AsyncWrite for Watched<'_> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
