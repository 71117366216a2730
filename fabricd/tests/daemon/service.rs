//! The gRPC face, in process, with a model of the kernel: health, reflection, and answers to bad calls.

use std::{future::Future, path::PathBuf};

use crate::fake_kernel::FakeKernel;
use fabric_proto::v1::{
    self, daemon_service_client::DaemonServiceClient, lab_service_client::LabServiceClient,
    network_service_client::NetworkServiceClient, probe_service_client::ProbeServiceClient,
};
use fabricd::grpc::About;
use futures::stream;
use tokio::{net::UnixListener, sync::oneshot};
use tonic::{
    Code,
    transport::{Channel, Endpoint},
};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

pub async fn with_daemon<F: Future<Output = ()>>(test: impl FnOnce(Channel) -> F) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("socket");
    let listener = UnixListener::bind(&path).expect("a socket");
    let (end, ended) = oneshot::channel();
    let about =
        About { private: true, pid: 1, neighbour_limit: None, netns_dir: PathBuf::from("/run/netns") };
    let daemon = tokio::spawn(async move {
        let shutdown = async {
            let _ = ended.await;
        };
        fabricd::run(FakeKernel::new(), None, about, listener, shutdown).await
    });
    let endpoint = Endpoint::try_from(format!("unix://{}", path.display())).expect("a path");
    test(endpoint.connect().await.expect("it listens")).await;
    end.send(()).expect("it runs");
    daemon.await.expect("no panic").expect("no error");
}

/// Makes the lab that `text` describes.
pub async fn apply(channel: Channel, text: &str) {
    let files = vec![v1::SourceFile { name: "lab.yaml".to_owned(), text: text.to_owned() }];
    let mut labs = LabServiceClient::new(channel);
    let events = labs.apply(v1::ApplyRequest { files, dry_run: false }).await;
    let mut events = events.expect("an answer").into_inner();
    while events.message().await.expect("no refusal").is_some() {}
}

#[tokio::test]
async fn health_and_reflection_know_every_service() {
    with_daemon(|channel| async move {
        let mut health = HealthClient::new(channel.clone());
        let services = [
            "LabService",
            "ProbeService",
            "NetworkService",
            "ConnectionService",
            "FaultService",
            "DaemonService",
        ];
        let services = services.map(|name| format!("fabric.v1.{name}"));
        for service in &services {
            let request = HealthCheckRequest { service: service.clone() };
            let status = health.check(request).await.expect("an answer").into_inner().status();
            assert_eq!(status, ServingStatus::Serving, "{service}");
        }
        let mut reflection = ServerReflectionClient::new(channel);
        let message = MessageRequest::ListServices(String::new());
        let request = ServerReflectionRequest { host: String::new(), message_request: Some(message) };
        let answers = reflection.server_reflection_info(stream::iter([request])).await.expect("an answer");
        let answer = answers.into_inner().message().await.expect("a message").expect("one");
        let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
            panic!("{answer:?}")
        };
        for service in services {
            assert!(list.service.iter().any(|listed| listed.name == service), "{service}");
        }
    })
    .await;
}

#[tokio::test]
async fn bad_calls_get_a_reason() {
    with_daemon(|channel| async move {
        let mut labs = LabServiceClient::new(channel.clone());
        let list = |kind: &str| v1::ListRequest { kind: kind.to_owned(), ..Default::default() };
        assert_eq!(labs.list(list("pods")).await.expect_err("no lab").code(), Code::NotFound);
        assert_eq!(labs.list(list("podz")).await.expect_err("no kind").code(), Code::InvalidArgument);
        assert!(labs.list(list("labs")).await.expect("none").into_inner().resources.is_empty());
        let delete = v1::DeleteRequest { lab: "../../etc".to_owned() };
        assert_eq!(labs.delete(delete).await.expect_err("no lab").code(), Code::NotFound);

        let graph = |lab: &str, format: i32| v1::GraphRequest { lab: lab.to_owned(), format };
        assert_eq!(labs.graph(graph("nowhere", 1)).await.expect_err("no lab").code(), Code::NotFound);
        assert_eq!(labs.graph(graph("", 77)).await.expect_err("no lab").code(), Code::NotFound);
        let nothing = v1::EventsRequest { lab: "\0".repeat(1 << 20), follow: false };
        let mut nothing = labs.events(nothing).await.expect("an answer").into_inner();
        assert!(nothing.message().await.expect("an end").is_none(), "nothing has happened");

        // No file, an empty one, one that is no YAML: told, never a crash.
        for files in
            [vec![], vec![String::new()], vec!["\0\u{1}{{{".to_owned()], vec!["a: &a [*a]".to_owned()]]
        {
            let files = files.into_iter().map(|text| v1::SourceFile { name: "x".to_owned(), text }).collect();
            let events = labs.apply(v1::ApplyRequest { files, dry_run: false }).await.expect("an answer");
            let event = events.into_inner().message().await.expect("an event").expect("one").event;
            let Some(v1::apply_response::Event::Rejected(rejected)) = event else { panic!("{event:?}") };
            assert!(!rejected.diagnostics.is_empty());
        }

        let mut probes = ProbeServiceClient::new(channel.clone());
        let nothing = probes.exec(stream::iter([v1::ExecRequest { message: None }])).await;
        assert_eq!(nothing.expect_err("no start").code(), Code::InvalidArgument);
        let closed = probes.ping(stream::iter(Vec::<v1::PingRequest>::new())).await;
        assert_eq!(closed.expect_err("no message").code(), Code::InvalidArgument);

        let status = DaemonServiceClient::new(channel).status(v1::StatusRequest {}).await.expect("an answer");
        assert_eq!(status.into_inner().mode(), v1::DaemonMode::Private);
    })
    .await;
}

#[tokio::test]
async fn questions_are_answered_from_the_kernels_routes() {
    with_daemon(|channel| async move {
        let mut network = NetworkServiceClient::new(channel.clone());
        let target = |name: &str| Some(v1::Target { name: name.to_owned(), ..Default::default() });
        let routes = |name: &str| v1::EffectiveRoutesRequest { target: target(name) };
        let hop =
            |from: &str, to: &str| v1::NextHopRequest { source: target(from), destination: to.to_owned() };
        let nothing = network.effective_routes(v1::EffectiveRoutesRequest { target: None }).await;
        assert_eq!(nothing.expect_err("no target").code(), Code::InvalidArgument);
        assert_eq!(network.effective_routes(routes("a")).await.expect_err("no lab").code(), Code::NotFound);

        apply(channel, include_str!("../../../labs/route-tables/lab.yaml")).await;

        let answer = network.effective_routes(routes("a")).await.expect("an answer").into_inner();
        let node = "aks-nodepool1-12345678-vmss000000";
        assert_eq!(answer.network_interface, node);
        assert_eq!(
            answer.notes,
            [format!("pod a is on node {node}; these are the routes of that node's NIC")]
        );
        let to_b =
            answer.routes.iter().find(|route| route.address_prefix == "10.244.1.0/24").expect("a route");
        assert_eq!((to_b.source.as_str(), to_b.next_hop_ip_address.as_str()), ("User", "10.224.0.5"));
        assert_eq!(to_b.name, "aks-nodepool1-12345678-vmss000001____102441024");

        let answer = network.next_hop(hop("vm/app", "printer")).await.expect("an answer").into_inner();
        assert_eq!((answer.next_hop_type.as_str(), answer.address_prefix.as_str()), ("None", "0.0.0.0/0"));
        assert!(answer.route_table_id.ends_with("/routeTables/app-routes"));
        assert!(answer.notes.is_empty());

        for (from, to, code) in [
            ("machine/server", "a", Code::InvalidArgument),
            ("a", "224.0.0.1", Code::InvalidArgument),
            ("a", "::1", Code::InvalidArgument),
            ("a", "10.0.0.0/8", Code::NotFound),
            ("a", "host/app", Code::InvalidArgument),
            ("nobody", "a", Code::NotFound),
            ("", "", Code::NotFound),
        ] {
            assert_eq!(
                network.next_hop(hop(from, to)).await.expect_err("no answer").code(),
                code,
                "{from} {to}"
            );
        }
        let long = "x".repeat(1 << 20);
        let refused = network.next_hop(hop("a", &long)).await.expect_err("no answer");
        assert_eq!((refused.code(), refused.message().len() < 300), (Code::NotFound, true));
    })
    .await;
}
