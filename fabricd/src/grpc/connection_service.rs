//! Tracked connections.

use std::{pin::Pin, sync::Arc};

use fabric_core::{
    conntrack::{self, Connection, Ends, Filter, NoFilter, Tuple},
    kernel::Kernel,
};
use fabric_proto::v1::{self, connection_service_server::ConnectionService, connection_tuple};
use futures::{Stream, StreamExt, stream};
use tonic::{Request, Response, Status};

use super::{
    ask::ask,
    status::{ToStatus, missing},
};
use crate::{lab::Registry, question};

/// Connections in one message: far below gRPC's usual limit of 4 MiB.
const PART: usize = 1024;

pub struct ConnectionApi<K> {
    pub registry: Arc<Registry<K>>,
}

type Responses<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl<K: Kernel> ConnectionService for ConnectionApi<K> {
    type ListStream = Responses<v1::ListConnectionsResponse>;

    async fn list(
        &self,
        request: Request<v1::ListConnectionsRequest>,
    ) -> Result<Response<Self::ListStream>, Status> {
        let v1::ListConnectionsRequest { target, filter } = request.into_inner();
        let target = target.ok_or_else(|| missing("target"))?;
        let filter = read_filter(filter.unwrap_or_default())?;
        let answer = ask(&self.registry, target, move |kernel, lab, namespace, name| {
            question::connections(kernel, lab, namespace, name, &filter)
        });
        let question::Connections { connections, left_out } = answer.await?;
        let mut connections = connections.into_iter();
        let parts = std::iter::from_fn(move || {
            let part: Vec<_> = connections.by_ref().take(PART).map(tracked).collect();
            let left_out = if connections.len() == 0 { left_out } else { 0 };
            (!part.is_empty()).then_some(Ok(v1::ListConnectionsResponse { connections: part, left_out }))
        });
        Ok(Response::new(stream::iter(parts).boxed()))
    }
}

fn read_filter(filter: v1::ConnectionFilter) -> Result<Filter, Status> {
    let v1::ConnectionFilter { protocol, source, destination, destination_port, source_nat, source_nat_to } =
        filter;
    let said = |text: &String| !text.is_empty();
    let network = |text: String| Some(text).filter(said).map(|text| conntrack::network(&text)).transpose();
    let address = |text: String| Some(text).filter(said).map(|text| conntrack::address(&text)).transpose();
    let read = || -> Result<Filter, NoFilter> {
        Ok(Filter {
            protocol: protocol.map(conntrack::protocol).transpose()?,
            source: network(source)?,
            destination: network(destination)?,
            destination_port: destination_port.map(conntrack::port).transpose()?,
            source_nat,
            source_nat_to: address(source_nat_to)?,
        })
    };
    read().map_err(|error| error.to_status())
}

fn tracked(connection: Connection) -> v1::TrackedConnection {
    let Connection { protocol, original, reply, state, timeout, status, mark, zone, uses } = connection;
    v1::TrackedConnection {
        protocol: protocol.0.into(),
        original: Some(tuple(original)),
        reply: Some(tuple(reply)),
        state: state.map(|state| state.to_string()).unwrap_or_default(),
        timeout_seconds: timeout,
        status: status.0,
        mark,
        zone: zone.into(),
        uses,
    }
}

fn tuple(tuple: Tuple) -> v1::ConnectionTuple {
    let Tuple { source, destination, ends } = tuple;
    let ends = match ends {
        Ends::Ports { source, destination } => Some(connection_tuple::Ends::Ports(v1::Ports {
            source: source.into(),
            destination: destination.into(),
        })),
        Ends::Icmp { kind, code, id } => Some(connection_tuple::Ends::Icmp(v1::IcmpQuery {
            r#type: kind.into(),
            code: code.into(),
            id: id.into(),
        })),
        Ends::Nothing => None,
    };
    v1::ConnectionTuple { source: source.to_string(), destination: destination.to_string(), ends }
}
