//! `fabctl pod`.

use clap::{ArgAction, Args};
use fabric_proto::v1::{SetPodReadyRequest, Target};

use super::scale::end;
use crate::{cli::Global, connection};

/// Switch whether a pod is ready, and so whether it gets packets of Services
///
/// What a readiness probe does, by hand: the pod runs on and can be reached by its own address, and its endpoints
/// are taken out of every Service until it is ready again. It stays so whatever is applied to the lab.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  fabctl pod a --ready=false
  fabctl get endpointslices
  fabctl pod a --ready=true
  fabctl pod pod/aks/shop/web-1 --ready=false       where several clusters have one")]
pub struct Pod {
    /// The pod: a, pod/a, pod/CLUSTER/NAMESPACE/NAME
    #[arg(value_name = "POD")]
    name: String,
    /// Whether it is
    #[arg(long, value_name = "true|false", required = true, action = ArgAction::Set)]
    ready: bool,
}

impl Pod {
    /// Asks for it and follows it.
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let connection = connection::open(global).await?;
        let bare = self.name.strip_prefix("pod/").unwrap_or(&self.name).to_owned();
        let pod = Target { lab: global.lab(), namespace: global.namespace(), name: self.name };
        let request = SetPodReadyRequest { pod: Some(pod), ready: self.ready };
        let events = connection.labs().set_pod_ready(request).await?.into_inner();
        end(events, &format!("pod/{bare} {}", if self.ready { "ready" } else { "not ready" })).await
    }
}
