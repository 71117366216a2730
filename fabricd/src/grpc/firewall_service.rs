//! What firewalls have decided.

use std::{pin::Pin, sync::Arc};

use fabric_core::kernel::Kernel;
use fabric_proto::v1::{self, firewall_logs_response::Message, firewall_service_server::FirewallService};
use futures::{Stream, StreamExt};
use tonic::{Request, Response, Status};

use super::status::ToStatus;
use crate::{
    flow_log::{self, Heard},
    lab::Registry,
};

pub struct FirewallApi<K> {
    pub registry: Arc<Registry<K>>,
}

#[tonic::async_trait]
impl<K: Kernel> FirewallService for FirewallApi<K> {
    type LogsStream = Pin<Box<dyn Stream<Item = Result<v1::FirewallLogsResponse, Status>> + Send>>;

    async fn logs(
        &self,
        request: Request<v1::FirewallLogsRequest>,
    ) -> Result<Response<Self::LogsStream>, Status> {
        let v1::FirewallLogsRequest { lab, name, follow, tail } = request.into_inner();
        let lab = self.registry.select(&lab).map_err(|error| error.to_status())?;
        let firewall = flow_log::select(&lab.topology, &name).map_err(|error| error.to_status())?;
        let log = self.registry.responder().logs().of(&lab.topology.lab, firewall);
        let tail = tail.map_or(usize::MAX, |tail| tail as usize);
        Ok(Response::new(log.read(tail, follow).map(|heard| Ok(response(heard))).boxed()))
    }
}

fn response(heard: Heard) -> v1::FirewallLogsResponse {
    let message = match heard {
        Heard::Record(record) => Message::Entry(v1::FirewallLogEntry {
            unix_microseconds: record.unix_microseconds,
            row_json: record.entry.columns().to_string(),
        }),
        Heard::Missed(missed) => Message::Missed(missed),
    };
    v1::FirewallLogsResponse { message: Some(message) }
}
