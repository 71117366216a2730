//! A daemon with one lab, of which nothing is left when it ends.

use anyhow::Context;
use fabric_core::spec::Source;
use fabric_proto::v1::{ApplyRequest, apply_response::Event};
use tempfile::TempDir;

use crate::{
    connection::{self, Connection},
    private_daemon::{self, Own},
    socket::Socket,
    source,
};

/// A temporary folder with a daemon's socket.
pub struct Room {
    /// The way to its daemon.
    pub connection: Connection,
    // Dropped in this order: the daemon, then the folder.
    daemon: Own,
    _folder: TempDir,
}

impl Room {
    /// Makes one, without a lab yet.
    ///
    /// # Errors
    /// If the folder or the daemon cannot be made.
    pub async fn open() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("fabctl-").tempdir().context("no temporary folder")?;
        let socket = Socket { path: folder.path().join("fabricd.sock"), named: true };
        let daemon = private_daemon::start_own(&socket, false).await?;
        let connection = connection::to(&socket.path).await?;
        Ok(Self { connection, daemon, _folder: folder })
    }

    /// Makes the lab.
    ///
    /// # Errors
    /// If the daemon or the kernel refuses it.
    pub async fn apply(&self, sources: Vec<Source>) -> anyhow::Result<()> {
        let request = ApplyRequest { files: source::to_wire(sources), dry_run: false };
        let mut events = self.connection.labs().apply(request).await?.into_inner();
        while let Some(answer) = events.message().await? {
            match answer.event {
                Some(Event::Applied(_)) => return Ok(()),
                Some(Event::Rejected(rejected)) => {
                    let first = rejected.diagnostics.into_iter().next().unwrap_or_default();
                    anyhow::bail!("{}:{}: {}", first.file, first.line, first.message);
                }
                _ => {}
            }
        }
        anyhow::bail!("the daemon did not say how it ended")
    }

    /// Ends the daemon and takes the folder away, while other tasks go on.
    pub async fn close(self) {
        self.daemon.end().await;
    }
}
