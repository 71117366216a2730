//! The canned daemon's connections.

use fabric_proto::v1::{connection_service_server::ConnectionService, *};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::fake::{Answers, answers};

pub struct CannedConnections;

fn tuple(source: &str, destination: &str, ends: connection_tuple::Ends) -> Option<ConnectionTuple> {
    Some(ConnectionTuple { source: source.into(), destination: destination.into(), ends: Some(ends) })
}

fn masqueraded() -> TrackedConnection {
    let ports = |source, destination| connection_tuple::Ends::Ports(Ports { source, destination });
    TrackedConnection {
        protocol: 6,
        original: tuple("10.244.0.15", "203.0.113.10", ports(45512, 80)),
        reply: tuple("203.0.113.10", "10.224.0.4", ports(80, 1027)),
        state: "ESTABLISHED".into(),
        timeout_seconds: Some(86_399),
        status: 0x1e,
        uses: 1,
        ..Default::default()
    }
}

fn ping() -> TrackedConnection {
    let echo = |r#type| connection_tuple::Ends::Icmp(IcmpQuery { r#type, code: 0, id: 41 });
    TrackedConnection {
        protocol: 1,
        original: tuple("10.244.0.15", "10.224.1.2", echo(8)),
        reply: tuple("10.224.1.2", "10.244.0.15", echo(0)),
        timeout_seconds: Some(29),
        status: 8,
        mark: 7,
        uses: 1,
        ..Default::default()
    }
}

#[tonic::async_trait]
impl ConnectionService for CannedConnections {
    type ListStream = Answers<ListConnectionsResponse>;
    type OpenStream = Answers<OpenConnectionsResponse>;
    type SnatStream = Answers<SnatUsage>;

    /// A node of a load balancer, and a NAT gateway; `vm/none` has neither, and of `lb/large` not all is told.
    async fn snat(&self, request: Request<SnatRequest>) -> Result<Response<Self::SnatStream>, Status> {
        let Target { lab, namespace, name } = request.into_inner().target.unwrap();
        if name == "nobody" {
            return Err(Status::not_found(format!("{lab}:{namespace} has no `nobody`")));
        }
        let to = |port, protocol, connections, failed| SnatDestination {
            address: "203.0.113.10".into(),
            port,
            protocol,
            connections,
            failed,
            free: 64 - connections,
        };
        let block = SnatUsage {
            device: "lb/aks".into(),
            node: "aks-nodepool1-12345678-vmss000000".into(),
            address: "198.51.100.14".into(),
            first_port: 1024,
            last_port: 1087,
            allocated: 64,
            used: 64,
            failed: Some(18),
            destinations: vec![to(80, 6, 64, Some(18)), to(53, 17, 2, Some(0))],
            destinations_left_out: u64::from(name == "lb/large"),
            free: 0,
        };
        let shared = SnatUsage {
            device: "natgateway/gateway".into(),
            node: String::new(),
            address: "198.51.100.20".into(),
            last_port: 65_535,
            allocated: 64_512,
            used: 1,
            failed: None,
            destinations: vec![to(443, 6, 1, None)],
            free: 64_511,
            ..block.clone()
        };
        Ok(answers(if name == "vm/none" { vec![] } else { vec![Ok(block), Ok(shared)] }))
    }

    /// Two connections in two parts, and 9 left out; with a filter nothing but the filter, as an error.
    async fn list(
        &self,
        request: Request<ListConnectionsRequest>,
    ) -> Result<Response<Self::ListStream>, Status> {
        let ListConnectionsRequest { target, filter } = request.into_inner();
        let Target { lab, namespace, name } = target.unwrap();
        if filter != Some(ConnectionFilter::default()) {
            return Err(Status::invalid_argument(format!("{lab}:{namespace}:{name} {:?}", filter.unwrap())));
        }
        let mut all = vec![];
        match name.as_str() {
            "a" => {}
            "strange" => {
                let without = TrackedConnection { original: None, ..ping() };
                all.push(Ok(ListConnectionsResponse { connections: vec![without], left_out: 0 }));
            }
            _ => {
                all.push(Ok(ListConnectionsResponse { connections: vec![ping()], left_out: 0 }));
                all.push(Ok(ListConnectionsResponse { connections: vec![masqueraded()], left_out: 9 }));
            }
        }
        Ok(answers(all))
    }

    /// There are 64 ports. From `show` it says what it was asked, from `gone` the place goes by itself, else it
    /// waits until it is asked to close.
    async fn open(
        &self,
        request: Request<Streaming<OpenConnectionsRequest>>,
    ) -> Result<Response<Self::OpenStream>, Status> {
        use open_connections_request::Message as Asked;
        use open_connections_response::Message;
        let mut requests = request.into_inner();
        let Some(Asked::Start(start)) = requests.message().await?.and_then(|one| one.message) else {
            return Err(Status::invalid_argument("no start"));
        };
        let source = start.source.clone().unwrap().name;
        if source == "show" {
            return Err(Status::invalid_argument(format!("{start:?}")));
        }
        let opened = start.count.min(64);
        let timed_out = start.count - opened;
        let failure = ConnectionFailure::TimedOut.into();
        let first_failure = (timed_out > 0).then(|| FailedConnection {
            number: 65,
            failure,
            text: "timed out after 3 s".into(),
        });
        let tally = ConnectionTally {
            destination: format!("{}:{}", start.destination, start.port),
            wanted: start.count,
            opened,
            timed_out,
            first_failure,
            ..Default::default()
        };
        let send = |message| Ok(OpenConnectionsResponse { message: Some(message) });
        let (sender, receiver) = mpsc::channel(8);
        tokio::spawn(async move {
            let _ =
                sender.send(send(Message::Progress(ConnectionTally { opened: 1, ..tally.clone() }))).await;
            let _ = sender.send(send(Message::Opened(tally))).await;
            let mut closed = ConnectionsClosed::default();
            if source == "gone" {
                closed.place_gone = "pod/aks/default/gone".into();
            } else {
                let asked = requests.message().await.unwrap().and_then(|one| one.message);
                assert_eq!(asked, Some(Asked::Close(CloseConnections {})));
            }
            if source == "lossy" {
                closed.lost = 2;
            }
            let _ = sender.send(send(Message::Closed(closed))).await;
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}
