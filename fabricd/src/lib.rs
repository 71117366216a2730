//! The daemon that builds a small Azure out of network namespaces on one host.
//!
//! `main.rs` parses arguments, opens the socket and enters the namespaces; [`run`] does the rest, and
//! tests call it with a kernel of their own.

#![forbid(unsafe_code)]

pub mod events;
pub mod flow_log;
pub mod grpc;
pub mod health_probe;
pub mod lab;
pub mod ledger;
pub mod probe;
pub mod program;
pub mod question;
pub mod responder;
pub mod socket;

use std::{future::Future, path::Path, sync::Arc, time::Duration};

use anyhow::Context;
use fabric_core::kernel::Kernel;
use futures::{Stream, StreamExt};
use tokio::{
    net::{UnixListener, UnixStream},
    sync::Notify,
};
use tokio_stream::wrappers::UnixListenerStream;

use crate::{grpc::About, lab::Registry, ledger::Ledger, program::Shims};

/// How long open calls may take to end once the daemon is asked to.
const GRACE: Duration = Duration::from_millis(300);

/// How long to wait when there is no room for a call.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves `listener` until `shutdown` ends or a client asks for the end. Labs of the ledger are taken
/// over before the first call is answered.
///
/// # Errors
/// If the ledger cannot be read, or the socket fails.
pub async fn run<K: Kernel>(
    kernel: K,
    ledger: Option<&Path>,
    about: About,
    listener: UnixListener,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let ledger = match ledger {
        Some(directory) => Ledger::open(directory)?,
        None => Ledger::none(),
    };
    let launch = Arc::new(Shims { netns_dir: about.netns_dir.clone() });
    let registry = Arc::new(Registry::new(Arc::new(kernel), ledger, launch));
    let recovering = registry.clone();
    tokio::task::spawn_blocking(move || recovering.recover())
        .await
        .context("taking over labs panicked")??;

    let stop = Arc::new(Notify::new());
    let router = grpc::router(registry, about, stop.clone()).await?;
    let ended = Arc::new(Notify::new());
    let graceful = {
        let ended = ended.clone();
        async move { ended.notified().await }
    };
    let serving = router.serve_with_incoming_shutdown(calls(listener), graceful);
    let ending = async {
        tokio::select! {
            () = shutdown => {}
            () = stop.notified() => {}
        }
        ended.notify_one();
        // A capture that runs on would hold the end up for ever.
        tokio::time::sleep(GRACE).await;
    };
    tracing::info!("ready");
    tokio::select! {
        served = serving => served.context("the socket failed")?,
        () = ending => {}
    }
    tracing::info!("ended");
    Ok(())
}

/// Whoever calls. A call that there is no room for is none, and not the daemon's end.
fn calls(listener: UnixListener) -> impl Stream<Item = std::io::Result<UnixStream>> {
    UnixListenerStream::new(listener).filter_map(|call| async {
        if let Err(error) = &call {
            tracing::warn!(%error, "cannot take a call");
            tokio::time::sleep(PAUSE).await;
        }
        call.ok().map(Ok)
    })
}
