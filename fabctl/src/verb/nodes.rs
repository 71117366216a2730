//! `fabctl upgrade` and `fabctl restart`: what az and VM scale sets do to nodes.

use clap::{Args, Subcommand};
use fabric_proto::v1::{RestartNodeRequest, UpgradeAgentPoolRequest};

use super::scale::end;
use crate::{cli::Global, connection};

/// Replace the nodes of a node pool one after the other
#[derive(Debug, Args)]
#[command(subcommand_value_name = "WHAT", subcommand_help_heading = "What")]
pub struct Upgrade {
    #[command(subcommand)]
    what: Upgraded,
}

#[derive(Debug, Subcommand)]
enum Upgraded {
    /// Replace the nodes of a node pool one after the other
    ///
    /// As AKS does it: surge nodes come in, then each node is drained, made anew and opened again, and at last
    /// the surge nodes go. Pods without `nodeName` move to other nodes and get addresses there.
    #[command(
        visible_alias = "agentpool",
        after_long_help = "\
Examples:
  fabctl upgrade nodepool nodepool1 --kubernetes-version 1.31
  fabctl upgrade nodepool nodepool1                           new nodes of the same version"
    )]
    Nodepool {
        /// The pool, or CLUSTER/POOL
        #[arg(value_name = "POOL")]
        name: String,
        /// Such as 1.31 [default: the one that the pool has]
        #[arg(short, long, value_name = "VERSION")]
        kubernetes_version: Option<String>,
    },
}

/// Start an AKS node again
#[derive(Debug, Args)]
#[command(subcommand_value_name = "WHAT", subcommand_help_heading = "What")]
pub struct Restart {
    #[command(subcommand)]
    what: Restarted,
}

#[derive(Debug, Subcommand)]
enum Restarted {
    /// Start an AKS node again, with its pods
    ///
    /// The node and its pods go and come back with the same names and addresses. What was changed on them by
    /// hand is gone, and so is what ran there.
    #[command(after_long_help = "\
Examples:
  fabctl restart node aks-nodepool1-11743156-vmss000000")]
    Node {
        /// The node's name, or node/NAME
        #[arg(value_name = "NAME")]
        name: String,
    },
}

impl Upgrade {
    /// Asks for it and follows it.
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let Upgraded::Nodepool { name, kubernetes_version } = self.what;
        let connection = connection::open(global).await?;
        let request = UpgradeAgentPoolRequest {
            lab: global.lab(),
            agent_pool: name.clone(),
            kubernetes_version: kubernetes_version.unwrap_or_default(),
        };
        let events = connection.labs().upgrade_agent_pool(request).await?.into_inner();
        end(events, &format!("nodepool/{name} upgraded")).await
    }
}

impl Restart {
    /// Asks for it and follows it.
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let Restarted::Node { name } = self.what;
        let node = name.strip_prefix("node/").unwrap_or(&name).to_owned();
        let connection = connection::open(global).await?;
        let request = RestartNodeRequest { lab: global.lab(), node: node.clone() };
        let events = connection.labs().restart_node(request).await?.into_inner();
        end(events, &format!("node/{node} restarted")).await
    }
}
