//! The way to the daemon.

use std::path::{Path, PathBuf};

use anyhow::Context;
use fabric_proto::v1::{
    connection_service_client::ConnectionServiceClient, daemon_service_client::DaemonServiceClient,
    fault_service_client::FaultServiceClient, firewall_service_client::FirewallServiceClient,
    lab_service_client::LabServiceClient, network_service_client::NetworkServiceClient,
    probe_service_client::ProbeServiceClient,
};
use tonic::transport::{Channel, Endpoint};

use crate::{cli::Global, exit::Failure, output, private_daemon, socket::Socket};

/// A list of 12,000 pods is larger than gRPC's usual 4 MiB.
const ANSWER_MAX: usize = 256 << 20;

/// A connection that stands.
pub struct Connection {
    channel: Channel,
    /// Where the daemon listens.
    pub socket: PathBuf,
}

/// Connects to the daemon, and starts a private one if none was named and none is there.
///
/// # Errors
/// If no daemon can be reached.
pub async fn open_or_start(global: &Global) -> anyhow::Result<Connection> {
    let socket = Socket::choose(global.socket.as_deref());
    if !socket.answers()? && !socket.named {
        private_daemon::start(&socket).await?.announce();
    }
    connect(global, socket).await
}

/// Connects to the daemon that is there.
///
/// # Errors
/// If none is: a fresh one would have no lab to look at.
pub async fn open(global: &Global) -> anyhow::Result<Connection> {
    open_if_running(global).await?.ok_or_else(|| not_running(global))
}

/// Connects to the daemon; `None` if there is none.
///
/// # Errors
/// If one is there and cannot be used.
pub async fn open_if_running(global: &Global) -> anyhow::Result<Option<Connection>> {
    let socket = Socket::choose(global.socket.as_deref());
    if socket.answers()? { connect(global, socket).await.map(Some) } else { Ok(None) }
}

/// What is said when no daemon is there.
pub fn not_running(global: &Global) -> anyhow::Error {
    match &global.socket {
        Some(path) => Failure::unreachable(format!("no daemon answers at {}", path.display())),
        None => Failure::unreachable("no daemon is running; `fabctl apply -f FILE` starts one"),
    }
}

async fn connect(global: &Global, socket: Socket) -> anyhow::Result<Connection> {
    let path = socket.path;
    if global.verbose > 0 {
        output::say(&format!("socket: {}", path.display()));
    }
    let channel = endpoint(&path)?.connect().await.map_err(|_| not_running(global))?;
    Ok(Connection { channel, socket: path })
}

/// Connects to the daemon that listens at `socket`.
///
/// # Errors
/// If none does.
pub async fn to(socket: &Path) -> anyhow::Result<Connection> {
    let gone = || Failure::unreachable(format!("no daemon answers at {}", socket.display()));
    let channel = endpoint(socket)?.connect().await.map_err(|_| gone())?;
    Ok(Connection { channel, socket: socket.to_owned() })
}

fn endpoint(socket: &Path) -> anyhow::Result<Endpoint> {
    let text = socket.to_str().context("the socket's path is not UTF-8")?;
    Ok(Endpoint::from_shared(format!("unix://{text}"))?)
}

impl Connection {
    /// Asks about labs.
    pub fn labs(&self) -> LabServiceClient<Channel> {
        LabServiceClient::new(self.channel.clone()).max_decoding_message_size(ANSWER_MAX)
    }

    /// Runs programs in labs.
    pub fn probes(&self) -> ProbeServiceClient<Channel> {
        ProbeServiceClient::new(self.channel.clone()).max_decoding_message_size(ANSWER_MAX)
    }

    /// Asks about the network.
    pub fn network(&self) -> NetworkServiceClient<Channel> {
        NetworkServiceClient::new(self.channel.clone())
    }

    /// Shows and opens connections.
    pub fn connections(&self) -> ConnectionServiceClient<Channel> {
        ConnectionServiceClient::new(self.channel.clone())
    }

    /// Makes faults and lifts them.
    pub fn faults(&self) -> FaultServiceClient<Channel> {
        FaultServiceClient::new(self.channel.clone())
    }

    /// What firewalls do.
    pub fn firewalls(&self) -> FirewallServiceClient<Channel> {
        FirewallServiceClient::new(self.channel.clone())
    }

    /// Asks about the daemon itself.
    pub fn daemon(&self) -> DaemonServiceClient<Channel> {
        DaemonServiceClient::new(self.channel.clone())
    }
}
