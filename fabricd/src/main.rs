//! `fabricd`: arguments, logging, socket, namespaces; then [`fabricd::run`].

#![forbid(unsafe_code)]

use std::{os::unix::net::UnixListener, path::PathBuf, process::ExitCode};

use anyhow::Context;
use clap::Parser;
use fabric_kernel::{LinuxKernel, isolation, open_files, process};
use fabricd::{
    grpc::About,
    socket::{Access, Socket},
};
use tokio::signal::unix::{SignalKind, signal};

/// Builds a small Azure out of network namespaces, and answers fabctl.
///
/// Without --system it keeps everything in namespaces of its own: it needs no root, and leaves nothing
/// when it ends, however it ends.
#[derive(Debug, Parser)]
#[command(name = "fabricd", version)]
struct Arguments {
    /// Socket to serve; by default $XDG_RUNTIME_DIR/fabricd/fabricd.sock or
    /// /tmp/fabricd-UID/fabricd.sock, with --system /run/fabricd/fabricd.sock
    #[arg(long, env = "FABRIC_SOCKET", value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Pin namespaces in /run/netns, so that labs outlive the daemon (root only)
    #[arg(long)]
    system: bool,
    /// Where a system daemon writes down what is wanted
    #[arg(long, default_value = "/run/fabricd/labs", value_name = "DIR", requires = "system")]
    ledger: PathBuf,
    /// Log as JSON lines
    #[arg(long)]
    log_json: bool,
}

fn main() -> ExitCode {
    // A child that is on its way into a place; it does not come back.
    process::run_if_asked();
    let arguments = Arguments::parse();
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(
        tracing_subscriber::EnvFilter::try_from_env("FABRIC_LOG").unwrap_or_else(|_| "info".into()),
    );
    if arguments.log_json {
        log.json().init();
    } else {
        log.with_target(false).init();
    }
    match start(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fabricd: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: Arguments) -> anyhow::Result<()> {
    let private = !arguments.system;
    if arguments.system && !nix::unistd::geteuid().is_root() {
        anyhow::bail!("--system needs root; without it fabricd runs for anyone");
    }
    let path = arguments.socket.unwrap_or_else(|| default_socket(private));
    let access = if private { Access::Private } else { Access::System };
    let socket = Socket::bind(&path, access)?;
    let pid = std::process::id();
    tracing::info!(socket = %path.display(), pid, private, "fabricd {}", env!("CARGO_PKG_VERSION"));

    if let Err(error) = open_files::raise() {
        tracing::warn!(%error, "cannot have more files open");
    }
    let remains = socket.remains().context("cannot keep the socket's directory")?;
    let last = socket.remains().context("cannot keep the socket's directory")?;
    let (listener, lock) = socket.into_parts();
    let neighbour_limit = if private {
        // Two processes from here on: this one is the daemon, its parent waits and clears up.
        let isolated = isolation::enter(move || last.remove());
        isolated.context("cannot enter namespaces of its own")?.neighbour_limit
    } else {
        isolation::neighbour_limit()
    };
    let netns_dir = PathBuf::from("/run/netns");
    let kernel = LinuxKernel::open(netns_dir.clone()).context("cannot use this kernel")?;
    let about = About { private, pid, neighbour_limit, netns_dir };
    let ledger = arguments.system.then_some(arguments.ledger);
    let runtime = tokio::runtime::Runtime::new().context("cannot start threads")?;
    let ended = runtime.block_on(serve(kernel, ledger, about, listener));
    remains.remove();
    drop(lock);
    runtime.shutdown_background();
    ended
}

async fn serve(
    kernel: LinuxKernel,
    ledger: Option<PathBuf>,
    about: About,
    listener: UnixListener,
) -> anyhow::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::UnixListener::from_std(listener)?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let shutdown = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    if !about.private {
        // Without a service manager there is nobody to tell.
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    }
    fabricd::run(kernel, ledger.as_deref(), about, listener, shutdown).await
}

fn default_socket(private: bool) -> PathBuf {
    if private {
        let runtime_dir = std::env::var_os("XDG_RUNTIME_DIR");
        fabric_core::socket::private_path(runtime_dir.as_deref(), nix::unistd::getuid().as_raw())
    } else {
        PathBuf::from(fabric_core::socket::SYSTEM_PATH)
    }
}
