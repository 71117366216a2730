//! Tracked connections, and such as are opened on purpose.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use fabric_core::{
    conntrack::{self, Connection, Ends, Filter, NoFilter, Tuple},
    kernel::Kernel,
    place::Place,
    target,
};
use fabric_proto::v1::{
    self, connection_service_server::ConnectionService, connection_tuple, open_connections_request,
    open_connections_response::Message,
};
use futures::{StreamExt, stream};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::{
    Responses,
    ask::ask,
    incoming::{first, forward, or_default},
    snat,
    status::{ToStatus, missing},
};
use crate::{
    lab::Registry,
    probe::connections::{self, Connections, Failure, FailureKind, OpenEvent, Tally, Transport, Wanted},
    question,
};

/// Connections in one message: far below gRPC's usual limit of 4 MiB.
const PART: usize = 1024;

pub struct ConnectionApi<K> {
    pub registry: Arc<Registry<K>>,
    pub netns_dir: PathBuf,
}

#[tonic::async_trait]
impl<K: Kernel> ConnectionService for ConnectionApi<K> {
    type OpenStream = Responses<v1::OpenConnectionsResponse>;
    type SnatStream = Responses<v1::SnatUsage>;
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

    async fn snat(&self, request: Request<v1::SnatRequest>) -> Result<Response<Self::SnatStream>, Status> {
        let target = request.into_inner().target.ok_or_else(|| missing("target"))?;
        let answer = ask(&self.registry, target, |kernel, lab, namespace, name| {
            question::snat(kernel, lab, namespace, name)
        });
        let usage = answer.await?;
        Ok(Response::new(stream::iter(usage.into_iter().map(|usage| Ok(snat::message(usage)))).boxed()))
    }

    async fn open(
        &self,
        request: Request<Streaming<v1::OpenConnectionsRequest>>,
    ) -> Result<Response<Self::OpenStream>, Status> {
        let mut requests = request.into_inner();
        let Some(open_connections_request::Message::Start(start)) = first(&mut requests).await?.message
        else {
            return Err(missing("start"));
        };
        let v1::Target { lab, namespace, name } = start.source.clone().ok_or_else(|| missing("source"))?;
        let namespace = or_default(&namespace);
        let lab = self.registry.select(&lab).map_err(|error| error.to_status())?;
        let place = target::find(&lab.topology, namespace, &name).map_err(|error| error.to_status())?;
        let address = target::address(&lab.topology, namespace, &start.destination)
            .map_err(|error| error.to_status())?;
        let wanted = wanted(place.clone(), address, &start)?;
        let destination = wanted.destination.to_string();
        let Connections { events, close } =
            connections::open(&self.netns_dir, &lab, wanted).map_err(|error| error.to_status())?;
        tokio::spawn(forward(requests, close, |request: v1::OpenConnectionsRequest| {
            match request.message? {
                open_connections_request::Message::Close(v1::CloseConnections {}) => Some(()),
                open_connections_request::Message::Start(_) => None,
            }
        }));
        let responses = ReceiverStream::new(events).map(move |event| {
            let message = match event.map_err(|error| error.to_status())? {
                OpenEvent::Progress(told) => Message::Progress(tally(&destination, told)),
                OpenEvent::Opened(told) => Message::Opened(tally(&destination, told)),
                OpenEvent::Closed { lost, place_gone } => {
                    let place_gone = if place_gone { place.to_string() } else { String::new() };
                    Message::Closed(v1::ConnectionsClosed { lost, place_gone })
                }
            };
            Ok(v1::OpenConnectionsResponse { message: Some(message) })
        });
        Ok(Response::new(responses.boxed()))
    }
}

fn wanted(place: Place, address: IpAddr, start: &v1::OpenConnectionsStart) -> Result<Wanted, Status> {
    let v1::OpenConnectionsStart {
        source: _,
        destination: _,
        port: destination_port,
        transport: _,
        count,
        timeout_milliseconds,
        parallel,
        per_second,
        stop_after_failures,
        source_port,
        reset,
    } = start;
    let port = |number: &u32| conntrack::port(*number).map_err(|error| error.to_status());
    Ok(Wanted {
        place,
        destination: SocketAddr::new(address, port(destination_port)?),
        transport: match start.transport() {
            v1::Transport::Unspecified | v1::Transport::Tcp => Transport::Tcp,
            v1::Transport::Udp => Transport::Udp,
        },
        count: *count,
        timeout: Duration::from_millis(u64::from(*timeout_milliseconds)),
        parallel: *parallel,
        per_second: *per_second,
        stop_after: *stop_after_failures,
        source_port: source_port.as_ref().map(port).transpose()?,
        reset: *reset,
    })
}

fn tally(destination: &str, tally: Tally) -> v1::ConnectionTally {
    let Tally { wanted, opened, timed_out, refused, unreachable, other, first_failure } = tally;
    let failed = |(number, Failure { kind, text }): (u32, Failure)| v1::FailedConnection {
        number,
        failure: match kind {
            FailureKind::TimedOut => v1::ConnectionFailure::TimedOut,
            FailureKind::Refused => v1::ConnectionFailure::Refused,
            FailureKind::Unreachable => v1::ConnectionFailure::Unreachable,
            FailureKind::Other => v1::ConnectionFailure::Other,
        }
        .into(),
        text,
    };
    let first_failure = first_failure.map(failed);
    let destination = destination.to_owned();
    v1::ConnectionTally { destination, wanted, opened, timed_out, refused, unreachable, other, first_failure }
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
