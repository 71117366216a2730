//! `fabctl daemon`.

use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use fabric_proto::v1::{DaemonMode, StatusRequest, StatusResponse, StopRequest};
use serde_json::json;

use crate::{
    cli::Global,
    connection,
    exit::{self, Failure},
    output::{self, json},
    private_daemon::{self, Started},
    socket::Socket,
};

/// Start, stop or ask about the daemon
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  fabctl daemon start
  fabctl daemon status -o json
  fabctl daemon stop            the private daemon, with all its labs")]
pub struct Daemon {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Start a private daemon, unless one answers
    Start,
    /// End the private daemon; its labs go with it
    Stop,
    /// Say who it is; ends with 69 if there is none
    Status {
        /// Print JSON
        #[arg(short, long, value_name = "FORMAT", value_parser = ["json"])]
        output: Option<String>,
    },
}

/// How long a daemon may take to take its labs away.
const STOP_DEADLINE: Duration = Duration::from_secs(60);

impl Daemon {
    /// Does one of the three.
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        match self.action {
            Action::Start => start(global).await,
            Action::Stop => stop(global).await,
            Action::Status { output } => status(global, output.is_some()).await,
        }
    }
}

async fn start(global: &Global) -> anyhow::Result<u8> {
    let socket = Socket::choose(global.socket.as_deref());
    let started = if socket.answers()? { Started::Already } else { private_daemon::start(&socket).await? };
    let path = socket.path.display();
    output::print(&match started {
        Started::Now(pid) => format!("fabricd started (pid {pid}, {path})\n"),
        Started::Already => format!("fabricd is running already ({path})\n"),
    })?;
    Ok(0)
}

async fn stop(global: &Global) -> anyhow::Result<u8> {
    let connection = connection::open(global).await?;
    connection.daemon().stop(StopRequest {}).await?;
    let socket = Socket { path: connection.socket.clone(), named: true };
    drop(connection);
    let begin = Instant::now();
    while socket.answers().unwrap_or(false) {
        if begin.elapsed() > STOP_DEADLINE {
            return Err(Failure::unreachable("fabricd was told to stop, but still listens"));
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    output::print("fabricd stopped\n")?;
    Ok(0)
}

async fn status(global: &Global, as_json: bool) -> anyhow::Result<u8> {
    let Some(connection) = connection::open_if_running(global).await? else {
        if as_json {
            output::print(&json::render(&json!({ "running": false }), 2)?)?;
            return Ok(exit::UNREACHABLE);
        }
        return Err(connection::not_running(global));
    };
    let status = connection.daemon().status(StatusRequest {}).await?.into_inner();
    let mode = match status.mode() {
        DaemonMode::Private => "private",
        DaemonMode::System => "system",
        DaemonMode::Unspecified => "unknown",
    };
    let StatusResponse { version, pid, labs, .. } = status;
    let socket = connection.socket.display();
    output::print(&if as_json {
        let socket = socket.to_string();
        let all = json!({
            "running": true, "version": version, "pid": pid, "mode": mode, "socket": socket, "labs": labs,
        });
        json::render(&all, 2)?
    } else {
        let labs = if labs.is_empty() { "<none>".to_owned() } else { labs.join(", ") };
        format!(
            "Version:  {version}\nMode:     {mode}\nPID:      {pid}\nSocket:   {socket}\nLabs:     {labs}\n"
        )
    })?;
    Ok(0)
}
