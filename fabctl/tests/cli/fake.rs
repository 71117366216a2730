//! A daemon with one lab of a few canned objects.

use std::{path::PathBuf, pin::Pin};

use crate::fake_connections::CannedConnections;
use fabric_proto::v1::{
    connection_service_server::ConnectionServiceServer,
    daemon_service_server::{DaemonService, DaemonServiceServer},
    fault_service_server::{FaultService, FaultServiceServer},
    lab_service_server::{LabService, LabServiceServer},
    network_service_server::{NetworkService, NetworkServiceServer},
    probe_service_server::{ProbeService, ProbeServiceServer},
    *,
};
use tempfile::TempDir;
use tokio::{net::UnixListener, runtime::Runtime, sync::mpsc};
use tokio_stream::{
    Stream,
    wrappers::{ReceiverStream, UnixListenerStream},
};
use tonic::{Request, Response, Status, Streaming, transport::Server};

/// What a terminal sends for Ctrl-D; the canned command ends at it.
const CONTROL_D: u8 = 4;

/// Runs until it is dropped.
pub struct Fake {
    directory: TempDir,
    _runtime: Runtime,
}

impl Fake {
    pub fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let runtime = Runtime::new().unwrap();
        let socket = directory.path().join("fabricd.sock");
        let listener = {
            let _inside = runtime.enter();
            UnixListener::bind(&socket).unwrap()
        };
        runtime.spawn(
            Server::builder()
                .add_service(LabServiceServer::new(Canned))
                .add_service(ProbeServiceServer::new(Canned))
                .add_service(NetworkServiceServer::new(Canned))
                .add_service(DaemonServiceServer::new(Canned))
                .add_service(FaultServiceServer::new(Canned))
                .add_service(ConnectionServiceServer::new(CannedConnections))
                .serve_with_incoming(UnixListenerStream::new(listener)),
        );
        Self { directory, _runtime: runtime }
    }

    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("fabricd.sock")
    }

    /// A new file in a directory of its own.
    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    pub fn path(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().unwrap().to_owned()
    }
}

struct Canned;

pub type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

pub fn answers<T: Send + 'static>(all: Vec<Result<T, Status>>) -> Response<Answers<T>> {
    Response::new(Box::pin(tokio_stream::iter(all)))
}

fn applied(changed: bool) -> apply_response::Event {
    let lab = "kubenet".to_owned();
    apply_response::Event::Applied(Applied { lab, generation: 2, changed, created: false, milliseconds: 97 })
}

#[tonic::async_trait]
impl LabService for Canned {
    type ApplyStream = Answers<ApplyResponse>;
    type DeleteStream = Answers<DeleteResponse>;
    type EventsStream = Answers<EventsResponse>;
    type VerifyStream = Answers<ApplyResponse>;
    type RestartNodeStream = Answers<ApplyResponse>;
    type ScaleAgentPoolStream = Answers<ApplyResponse>;
    type UpgradeAgentPoolStream = Answers<ApplyResponse>;

    async fn verify(&self, request: Request<VerifyRequest>) -> Result<Response<Self::VerifyStream>, Status> {
        let VerifyRequest { lab, repair } = request.into_inner();
        let text = if lab == "whole" {
            String::new()
        } else {
            "+ host/n: route 10.244.1.0/24 via 10.224.0.5 dev vnet  # routeTable/rt/n\n~ node/n: sysctl net/ipv4/ip_forward = 1\n".to_owned()
        };
        let changed = !text.is_empty();
        let planned = Planned { lab: "kubenet".into(), text, ..Planned::default() };
        let event = |event| Ok(ApplyResponse { event: Some(event) });
        let mut events = vec![event(apply_response::Event::Planned(planned))];
        if repair {
            events.push(event(applied(changed)));
        }
        Ok(answers(events))
    }

    async fn restart_node(
        &self,
        request: Request<RestartNodeRequest>,
    ) -> Result<Response<Self::RestartNodeStream>, Status> {
        let node = request.into_inner().node;
        if node != "n" {
            return Err(Status::not_found(format!("lab `kubenet` has no AKS node `{node}`")));
        }
        let stage = apply_response::Event::Stage(Stage { text: "n goes down".into() });
        let event = |event| Ok(ApplyResponse { event: Some(event) });
        Ok(answers(vec![event(stage), event(applied(true))]))
    }

    async fn scale_agent_pool(
        &self,
        request: Request<ScaleAgentPoolRequest>,
    ) -> Result<Response<Self::ScaleAgentPoolStream>, Status> {
        let changed = request.into_inner().count != 2;
        Ok(answers(vec![Ok(ApplyResponse { event: Some(applied(changed)) })]))
    }

    async fn upgrade_agent_pool(
        &self,
        request: Request<UpgradeAgentPoolRequest>,
    ) -> Result<Response<Self::UpgradeAgentPoolStream>, Status> {
        let version = request.into_inner().kubernetes_version;
        let stage = apply_response::Event::Stage(Stage { text: format!("n is made anew {version}") });
        let event = |event| Ok(ApplyResponse { event: Some(event) });
        Ok(answers(vec![event(stage), event(applied(true))]))
    }

    async fn apply(&self, request: Request<ApplyRequest>) -> Result<Response<Self::ApplyStream>, Status> {
        use apply_response::Event;
        let ApplyRequest { files, dry_run } = request.into_inner();
        let event = |event| Ok(ApplyResponse { event: Some(event) });
        let text = &files[0].text;
        if let Some(column) = text.find("mistake") {
            let diagnostic = |message: &str, help: &str| Diagnostic {
                message: message.into(),
                help: help.into(),
                file: "lab.yaml".into(),
                line: 1,
                column: column as u32 + 1,
                length: 7,
                line_text: text.trim_end().to_owned(),
            };
            let diagnostics = vec![diagnostic("it is wrong", "make it right"), diagnostic("it is ugly", "")];
            return Ok(answers(vec![event(Event::Rejected(Rejected { diagnostics }))]));
        }
        if text.contains("refuse") {
            return Ok(answers(vec![Err(Status::aborted(
                "the kernel refused veth `x`; the lab is as it was",
            ))]));
        }
        let text_of_plan = if dry_run { "+ node/n  veth eth0  node n\n".to_owned() } else { String::new() };
        let create = if text.contains("again") { 0 } else { 43 };
        let planned = Planned { lab: "kubenet".into(), text: text_of_plan, create, change: 0, remove: 0 };
        let mut events = vec![event(Event::Planned(planned))];
        if !dry_run {
            events.push(event(Event::Progress(Progress { done: 1, total: 43 })));
            events.push(event(Event::Applied(Applied {
                lab: "kubenet".into(),
                generation: 1,
                changed: create > 0,
                created: text.contains("new"),
                milliseconds: 97,
            })));
        }
        Ok(answers(events))
    }

    async fn delete(&self, request: Request<DeleteRequest>) -> Result<Response<Self::DeleteStream>, Status> {
        let lab = request.into_inner().lab;
        if lab != "kubenet" {
            return Err(Status::not_found(format!("there is no lab `{lab}`; did you mean `kubenet`?")));
        }
        let event = Some(delete_response::Event::Deleted(Deleted { lab, milliseconds: 12 }));
        Ok(answers(vec![Ok(DeleteResponse { event })]))
    }

    async fn list(&self, request: Request<ListRequest>) -> Result<Response<ListResponse>, Status> {
        let ListRequest { lab, kind, namespace, name } = request.into_inner();
        if !lab.is_empty() && lab != "kubenet" {
            return Err(Status::not_found(format!("there is no lab `{lab}`")));
        }
        let resource = |namespace: &str, name: &str, json: &str| Resource {
            namespace: namespace.into(),
            name: name.into(),
            json: json.into(),
        };
        let pod = |namespace: &str, name: &str, address: &str| {
            let json = format!(
                r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{name}","namespace":"{namespace}"}},
                "spec":{{"containers":[{{"image":"busybox","name":"shell"}}],"nodeName":"n0"}},
                "status":{{"conditions":[{{"status":"True","type":"ContainersReady"}}],"hostIP":"10.224.0.4",
                "phase":"Running","podIP":"{address}"}}}}"#
            );
            resource(namespace, name, &json)
        };
        let network = resource(
            "",
            "aks-vnet",
            r#"{"addressSpace":{"addressPrefixes":["10.224.0.0/12"]},"name":"aks-vnet","subnets":[{}],
            "type":"Microsoft.Network/virtualNetworks"}"#,
        );
        let pods = [
            pod("default", "a", "10.244.0.15"),
            pod("default", "b", "10.244.0.16"),
            pod("web", "c", "10.244.0.17"),
        ];
        let mut resources = match kind.as_str() {
            "pods" => pods.to_vec(),
            "virtualnetworks" => vec![network],
            "all" => [vec![network], pods.to_vec()].concat(),
            _ => vec![],
        };
        resources.retain(|one| {
            let wanted = |own: &str, wanted: &str| wanted.is_empty() || own.is_empty() || own == wanted;
            wanted(&one.namespace, &namespace) && wanted(&one.name, &name)
        });
        Ok(Response::new(ListResponse { kind, resources }))
    }

    async fn graph(&self, request: Request<GraphRequest>) -> Result<Response<GraphResponse>, Status> {
        let request = request.into_inner();
        if !request.lab.is_empty() && request.lab != "kubenet" {
            return Err(Status::not_found(format!("there is no lab `{}`", request.lab)));
        }
        Ok(Response::new(GraphResponse { text: format!("a picture as {:?}\n", request.format()) }))
    }

    async fn events(&self, request: Request<EventsRequest>) -> Result<Response<Self::EventsStream>, Status> {
        use events_response::Message;
        let EventsRequest { lab, follow } = request.into_inner();
        let mut all = crate::sight::events();
        if follow {
            all.push(Message::Missed(Missed { events: 12 }));
        }
        if !lab.is_empty() && lab != "kubenet" {
            all.clear();
        }
        Ok(answers(all.into_iter().map(|message| Ok(EventsResponse { message: Some(message) })).collect()))
    }
}

async fn next(requests: &mut Streaming<ExecRequest>, stdin: bool) -> Option<exec_request::Message> {
    if stdin { requests.message().await.unwrap()?.message } else { None }
}

#[tonic::async_trait]
impl ProbeService for Canned {
    type ExecStream = Answers<ExecResponse>;
    type PingStream = Answers<PingResponse>;
    type TcpdumpStream = Answers<TcpdumpResponse>;
    type LogsStream = Answers<LogsResponse>;

    /// Says what it was asked, and with `-f` that the client was too slow.
    async fn logs(&self, request: Request<LogsRequest>) -> Result<Response<Self::LogsStream>, Status> {
        use logs_response::Message;
        let LogsRequest { target, program, follow, tail } = request.into_inner();
        let Target { lab, namespace, name } = target.unwrap();
        let text = format!("{lab}:{namespace}:{name} {program:?} {tail:?}");
        let mut all = vec![Message::Line(LogLine { unix_microseconds: 1_700_000_000_000_001, text })];
        if follow {
            all.push(Message::Missed(MissedLines { lines: 12 }));
        }
        Ok(answers(all.into_iter().map(|message| Ok(LogsResponse { message: Some(message) })).collect()))
    }

    /// Says what it was asked, gives back the input, and ends with 7.
    async fn exec(
        &self,
        request: Request<Streaming<ExecRequest>>,
    ) -> Result<Response<Self::ExecStream>, Status> {
        let mut requests = request.into_inner();
        let Some(exec_request::Message::Start(start)) = requests.message().await?.and_then(|one| one.message)
        else {
            return Err(Status::invalid_argument("no start"));
        };
        let (sender, receiver) = mpsc::channel(8);
        let send = |message| Ok(ExecResponse { message: Some(message) });
        tokio::spawn(async move {
            use exec_response::Message;
            let target = start.target.unwrap();
            let size = start.terminal.map(|size| format!(" {} {}x{}", start.term, size.rows, size.columns));
            let size = size.unwrap_or_default();
            let asked = format!("{} {:?} stdin={}{size}\n", target.name, start.command, start.stdin);
            let _ = sender.send(send(Message::Stdout(asked.into_bytes()))).await;
            while let Some(message) = next(&mut requests, start.stdin).await {
                match message {
                    exec_request::Message::Stdin(bytes) if bytes == [CONTROL_D] => break,
                    exec_request::Message::Stdin(bytes) => {
                        let _ = sender.send(send(Message::Stdout(bytes))).await;
                    }
                    exec_request::Message::Resize(size) => {
                        let text = format!("{}x{}\n", size.rows, size.columns);
                        let _ = sender.send(send(Message::Stdout(text.into_bytes()))).await;
                    }
                    _ => break,
                }
            }
            let _ = sender.send(send(Message::Stderr(b"done\n".to_vec()))).await;
            let _ = sender.send(send(Message::Exited(Exited { code: 7 }))).await;
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    /// Says what it was asked; with `-c` ends with 1, without waits for a signal.
    async fn ping(
        &self,
        request: Request<Streaming<PingRequest>>,
    ) -> Result<Response<Self::PingStream>, Status> {
        let mut requests = request.into_inner();
        let Some(ping_request::Message::Start(start)) = requests.message().await?.and_then(|one| one.message)
        else {
            return Err(Status::invalid_argument("no start"));
        };
        let (sender, receiver) = mpsc::channel(8);
        let send = |message| Ok(PingResponse { message: Some(message) });
        tokio::spawn(async move {
            use ping_response::Message;
            let PingStart { source, destination, arguments } = start;
            let Target { lab, namespace, name } = source.unwrap();
            let asked = format!("PING from {lab}:{namespace}:{name} to {destination} {arguments:?}\n");
            let _ = sender.send(send(Message::Stdout(asked.into_bytes()))).await;
            if !arguments.contains(&"-c".to_owned()) {
                let signal = requests.message().await.unwrap();
                let _ =
                    sender.send(send(Message::Stdout(format!("{:?}\n", signal.unwrap()).into_bytes()))).await;
            }
            let _ = sender.send(send(Message::Exited(Exited { code: 1 }))).await;
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    /// Gives back what it was asked as the capture.
    async fn tcpdump(
        &self,
        request: Request<Streaming<TcpdumpRequest>>,
    ) -> Result<Response<Self::TcpdumpStream>, Status> {
        use tcpdump_response::Message;
        let first = request.into_inner().message().await?.and_then(|one| one.message);
        let Some(tcpdump_request::Message::Start(start)) = first else {
            return Err(Status::invalid_argument("no start"));
        };
        if start.places.iter().any(|place| place.starts_with("nowhere")) {
            return Err(Status::not_found("lab `kubenet` has no `nowhere`"));
        }
        let send = |message| Ok(TcpdumpResponse { message: Some(message) });
        Ok(answers(vec![
            send(Message::Stderr(b"listening on eth0\n".to_vec())),
            send(Message::Listening(Listening {})),
            send(Message::Stdout(format!("{start:?}\n").into_bytes())),
            send(Message::Exited(Exited { code: 0 })),
        ]))
    }
}

#[tonic::async_trait]
impl NetworkService for Canned {
    /// Five rows, one of each look; the target is told back.
    async fn effective_routes(
        &self,
        request: Request<EffectiveRoutesRequest>,
    ) -> Result<Response<EffectiveRoutesResponse>, Status> {
        let Target { lab, namespace, name } = request.into_inner().target.unwrap();
        if name == "machine/server" {
            return Err(Status::invalid_argument("`machine/server` has no Azure network interface"));
        }
        let route = |source: &str, state: &str, prefix: &str, hop: [&str; 2], name: &str, origin: &str| {
            let [next_hop_type, next_hop_ip_address] = hop.map(str::to_owned);
            EffectiveRoute {
                source: source.into(),
                state: state.into(),
                address_prefix: prefix.into(),
                next_hop_type,
                next_hop_ip_address,
                name: name.into(),
                disable_bgp_route_propagation: true,
                origin: origin.into(),
            }
        };
        let gateway = ["VirtualNetworkGateway", "10.225.0.4"];
        let routes = vec![
            route("Default", "Active", "10.224.0.0/12", ["VnetLocal", ""], "", "systemRoute/aks-vnet"),
            route(
                "VirtualNetworkGateway",
                "Active",
                "10.1.0.0/16",
                gateway,
                "",
                "virtualNetworkGateway/vpn/site",
            ),
            route("Default", "Invalid", "0.0.0.0/0", ["Internet", ""], "", "systemRoute/aks-vnet"),
            route(
                "User",
                "Active",
                "0.0.0.0/0",
                ["VirtualAppliance", "10.0.1.4"],
                "all",
                "routeTable/rt/all",
            ),
        ];
        let notes = vec![format!("asked about {lab}:{namespace}:{name}")];
        Ok(Response::new(EffectiveRoutesResponse { network_interface: "n0".into(), routes, notes }))
    }

    /// By an appliance; to 8.8.8.8 the system's way.
    async fn next_hop(&self, request: Request<NextHopRequest>) -> Result<Response<NextHopResponse>, Status> {
        let NextHopRequest { source, destination } = request.into_inner();
        let Target { lab, namespace, name } = source.unwrap();
        let notes = vec![format!("asked about {lab}:{namespace}:{name} to {destination}")];
        let answer = |next_hop_type: &str, address: &str, table: &str, prefix: &str, origin: &str, notes| {
            Ok(Response::new(NextHopResponse {
                next_hop_type: next_hop_type.into(),
                next_hop_ip_address: address.into(),
                route_table_id: table.into(),
                address_prefix: prefix.into(),
                origin: origin.into(),
                notes,
            }))
        };
        match destination.as_str() {
            "8.8.8.8" => answer("Internet", "", "System Route", "0.0.0.0/0", "systemRoute/aks-vnet", vec![]),
            "10.9.9.9" => {
                answer("None", "", "System Route", "", "", vec!["no effective route matches".into()])
            }
            _ => answer("VirtualAppliance", "10.0.1.4", "/rt", "10.0.0.0/8", "routeTable/rt/all", notes),
        }
    }
}

#[tonic::async_trait]
impl FaultService for Canned {
    /// Says what it was asked; a target `again` is so already.
    async fn change(
        &self,
        request: Request<ChangeFaultRequest>,
    ) -> Result<Response<ChangeFaultResponse>, Status> {
        let ChangeFaultRequest { target, change } = request.into_inner();
        let Target { lab, namespace, name } = target.unwrap();
        if name == "nowhere" {
            return Err(Status::not_found("lab `kubenet` has no `nowhere`"));
        }
        let notes = if name == "underlay" { vec!["it is below the VNets".into()] } else { vec![] };
        let changed = name != "again";
        let subject = format!("{lab}:{namespace}:{name}");
        Ok(Response::new(ChangeFaultResponse {
            subject,
            state: format!("{:?}", change.unwrap()),
            changed,
            notes,
        }))
    }
}

#[tonic::async_trait]
impl DaemonService for Canned {
    async fn status(&self, _: Request<StatusRequest>) -> Result<Response<StatusResponse>, Status> {
        let labs = vec!["kubenet".into()];
        Ok(Response::new(StatusResponse {
            version: "0.1.0".into(),
            pid: 42,
            mode: DaemonMode::Private.into(),
            labs,
        }))
    }

    async fn doctor(&self, _: Request<DoctorRequest>) -> Result<Response<DoctorResponse>, Status> {
        let check = |name: &str, result: CheckResult, advice: &str| Check {
            name: name.into(),
            result: result.into(),
            found: "something".into(),
            advice: advice.into(),
        };
        let checks =
            vec![check("iptables", CheckResult::Ok, ""), check("ping", CheckResult::Failed, "install it")];
        Ok(Response::new(DoctorResponse { checks }))
    }

    async fn stop(&self, _: Request<StopRequest>) -> Result<Response<StopResponse>, Status> {
        Err(Status::failed_precondition("this is the system daemon; use `systemctl stop fabricd`"))
    }
}
