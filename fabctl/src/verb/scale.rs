//! `fabctl scale`: other numbers of nodes and pods.

use clap::{Args, Subcommand};
use fabric_proto::v1::{Applied, ApplyResponse, ScaleAgentPoolRequest, ScaleDeploymentRequest, Workload};
use tonic::Streaming;

use super::apply;
use crate::{
    change::{self, End},
    cli::Global,
    connection, output,
};

/// Most pods of a lab.
const REPLICAS_MAX: u32 = 20_000;

/// Give a Deployment or a node pool another size
#[derive(Debug, Args)]
#[command(subcommand_value_name = "WHAT", subcommand_help_heading = "What")]
#[command(after_long_help = "\
Examples:
  fabctl scale deployment web --replicas 5
  fabctl scale --replicas 0 deployment/web
  fabctl scale nodepool nodepool1 --count 3")]
pub struct Scale {
    #[command(subcommand)]
    what: Scaled,
}

#[derive(Debug, Subcommand)]
enum Scaled {
    /// Give a Deployment another number of pods
    ///
    /// As an apply of the lab's file with other `replicas`: new pods come behind the others, the last ones go, and
    /// the endpoints of Services follow. Applying the file again brings its own number back.
    #[command(
        visible_alias = "deploy",
        aliases = ["deployments", "deployment.apps"],
        after_long_help = "\
Examples:
  fabctl scale deployment web --replicas 5
  fabctl scale deployment/web --replicas 0 -n shop
  fabctl scale deployment web --replicas 2 --cluster blue     where several clusters have one"
    )]
    Deployment {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
        /// Pods
        #[arg(short, long, value_name = "N", allow_negative_numbers = true, value_parser = replicas)]
        replicas: u32,
        /// Its cluster; needed only where several have one of that name
        #[arg(long, value_name = "CLUSTER")]
        cluster: Option<String>,
    },
    /// Give a node pool another size
    ///
    /// As an apply of the lab's file with another `count`: new nodes come behind the others, the last ones go.
    /// Pods of nodes that go move if they can. Applying the file again brings its own count back.
    #[command(
        visible_alias = "agentpool",
        after_long_help = "\
Examples:
  fabctl scale nodepool nodepool1 --count 3
  fabctl scale nodepool aks/nodepool1 --count 1     where several clusters have one"
    )]
    Nodepool {
        /// The pool, or CLUSTER/POOL
        #[arg(value_name = "POOL")]
        name: String,
        /// Nodes
        #[arg(short, long, value_name = "N")]
        count: u32,
    },
}

fn replicas(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| *number <= REPLICAS_MAX);
    number.ok_or_else(|| format!("write a number from 0 to {REPLICAS_MAX}"))
}

impl Scale {
    /// Asks for it and follows it.
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let connection = connection::open(global).await?;
        let mut labs = connection.labs();
        let lab = global.lab();
        let (events, what) = match self.what {
            Scaled::Nodepool { name, count } => {
                let request = ScaleAgentPoolRequest { lab, agent_pool: name.clone(), count };
                (labs.scale_agent_pool(request).await?, format!("nodepool/{name}"))
            }
            Scaled::Deployment { name, replicas, cluster } => {
                let deployment = Workload {
                    cluster: cluster.unwrap_or_default(),
                    namespace: global.namespace(),
                    name: name.clone(),
                };
                let request = ScaleDeploymentRequest { lab, deployment: Some(deployment), replicas };
                (labs.scale_deployment(request).await?, format!("deployment/{name}"))
            }
        };
        end(events.into_inner(), &format!("{what} scaled")).await
    }
}

/// Follows a change to its end, and says that it is `done`.
///
/// # Errors
/// If the daemon refuses it.
pub async fn end(events: Streaming<ApplyResponse>, done: &str) -> anyhow::Result<u8> {
    match change::follow(events, false).await? {
        End::Rejected(rejected) => apply::reject(rejected, None),
        End::Applied(_, Applied { changed, milliseconds, .. }) => {
            let unchanged = if changed { "" } else { ": nothing to do" };
            output::print(&format!("{done}{unchanged} ({milliseconds} ms)\n"))?;
            Ok(0)
        }
        End::Planned(_) => anyhow::bail!("the daemon only planned it"),
    }
}
