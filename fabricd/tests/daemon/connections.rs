//! Connections by gRPC, with a model of the kernel.

use fabric_proto::v1::{self, connection_service_client::ConnectionServiceClient};
use futures::stream;
use tonic::Code;

use crate::service::{apply, with_daemon};

fn of(name: &str, filter: Option<v1::ConnectionFilter>) -> v1::ListConnectionsRequest {
    let target = v1::Target { name: name.to_owned(), ..Default::default() };
    v1::ListConnectionsRequest { target: Some(target), filter }
}

#[tokio::test]
async fn tables_come_sorted_in_parts_and_not_without_end() {
    with_daemon(|channel| async move {
        apply(channel.clone(), include_str!("../../../labs/kubenet/lab.yaml")).await;
        let mut connections = ConnectionServiceClient::new(channel);
        let mut answers = connections.list(of("vm/device", None)).await.expect("an answer").into_inner();
        let (mut sources, mut left_out) = (vec![], vec![]);
        while let Some(part) = answers.message().await.expect("no error") {
            assert!(part.connections.len() <= 1024);
            let source = |it: v1::TrackedConnection| it.original.expect("a tuple").source;
            sources.extend(part.connections.into_iter().map(source));
            left_out.push(part.left_out);
        }
        assert_eq!(sources.len(), 65_536);
        assert_eq!((sources[0].as_str(), sources[65_535].as_str()), ("10.0.0.0", "10.0.255.255"));
        assert_eq!((left_out.len(), left_out.pop()), (64, Some(10)));
        assert!(left_out.iter().all(|number| *number == 0));

        // What is left out otherwise comes if a filter asks for it.
        let last = v1::ConnectionFilter { source: "10.1.0.0/16".to_owned(), ..Default::default() };
        let mut answers =
            connections.list(of("vm/device", Some(last))).await.expect("an answer").into_inner();
        let part = answers.message().await.expect("no error").expect("a part");
        assert_eq!((part.connections.len(), part.left_out), (10, 0));
        assert!(answers.message().await.expect("no error").is_none());
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_listed_is_refused() {
    with_daemon(|channel| async move {
        let mut connections = ConnectionServiceClient::new(channel.clone());
        let error = connections.list(of("vm/device", None)).await.expect_err("no lab");
        assert_eq!(error.code(), Code::NotFound);
        apply(channel, include_str!("../../../labs/kubenet/lab.yaml")).await;
        let nothing = v1::ListConnectionsRequest { target: None, filter: None };
        let error = connections.list(nothing).await.expect_err("no target");
        assert_eq!(error.code(), Code::InvalidArgument);
        assert_eq!(connections.list(of("nobody", None)).await.expect_err("nobody").code(), Code::NotFound);
        let filter = v1::ConnectionFilter::default;
        for filter in [
            v1::ConnectionFilter { protocol: Some(256), ..filter() },
            v1::ConnectionFilter { destination_port: Some(65_536), ..filter() },
            v1::ConnectionFilter { source: "10.0.0.0/33".to_owned(), ..filter() },
            v1::ConnectionFilter { destination: "x".repeat(1 << 20), ..filter() },
            v1::ConnectionFilter { source_nat_to: "10.0.0.0/8".to_owned(), ..filter() },
        ] {
            let error = connections.list(of("vm/device", Some(filter))).await.expect_err("no filter");
            assert_eq!((error.code(), error.message().len() < 200), (Code::InvalidArgument, true), "{error}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_opened_is_refused() {
    with_daemon(|channel| async move {
        apply(channel.clone(), include_str!("../../../labs/kubenet/lab.yaml")).await;
        let mut connections = ConnectionServiceClient::new(channel);
        let good = || v1::OpenConnectionsStart {
            source: Some(v1::Target { name: "a".to_owned(), ..Default::default() }),
            destination: "c".to_owned(),
            port: 80,
            count: 1,
            timeout_milliseconds: 3000,
            parallel: 1,
            ..Default::default()
        };
        let source = |name: &str| Some(v1::Target { name: name.to_owned(), ..Default::default() });
        for (start, code, reason) in [
            (v1::OpenConnectionsStart { source: None, ..good() }, Code::InvalidArgument, "source"),
            (v1::OpenConnectionsStart { source: source("nobody"), ..good() }, Code::NotFound, "nobody"),
            (v1::OpenConnectionsStart { destination: "x".repeat(1 << 20), ..good() }, Code::NotFound, "xxx"),
            (v1::OpenConnectionsStart { port: 0, ..good() }, Code::InvalidArgument, "port"),
            (v1::OpenConnectionsStart { port: 65_536, ..good() }, Code::InvalidArgument, "port"),
            (v1::OpenConnectionsStart { count: 0, ..good() }, Code::InvalidArgument, "1 to 16384, not 0"),
            (v1::OpenConnectionsStart { count: 16_385, ..good() }, Code::InvalidArgument, "not 16385"),
            (v1::OpenConnectionsStart { parallel: 0, ..good() }, Code::InvalidArgument, "1 to 1024"),
            (
                v1::OpenConnectionsStart { per_second: Some(0), ..good() },
                Code::InvalidArgument,
                "1 to 100000",
            ),
            (v1::OpenConnectionsStart { timeout_milliseconds: 0, ..good() }, Code::InvalidArgument, "300 s"),
            (
                v1::OpenConnectionsStart { timeout_milliseconds: 300_001, ..good() },
                Code::InvalidArgument,
                "300 s",
            ),
            (
                v1::OpenConnectionsStart { source_port: Some(65_535), count: 2, ..good() },
                Code::InvalidArgument,
                "source ports",
            ),
            (
                v1::OpenConnectionsStart { source_port: Some(0), ..good() },
                Code::InvalidArgument,
                "source ports",
            ),
        ] {
            let message = Some(v1::open_connections_request::Message::Start(start.clone()));
            let request = stream::iter([v1::OpenConnectionsRequest { message }]);
            let error = connections.open(request).await.expect_err("refused");
            assert_eq!(error.code(), code, "{start:?}");
            assert!(error.message().contains(reason) && error.message().len() < 300, "{error}");
        }
        let nothing = connections.open(stream::iter([v1::OpenConnectionsRequest { message: None }])).await;
        assert_eq!(nothing.expect_err("no start").code(), Code::InvalidArgument);
    })
    .await;
}

#[tokio::test]
async fn snat_ports_are_joined_with_what_devices_track() {
    with_daemon(|channel| async move {
        apply(channel.clone(), include_str!("../../../tests/egress/load-balancer.yaml")).await;
        let mut connections = ConnectionServiceClient::new(channel);
        let of = |name: &str| v1::SnatRequest {
            target: Some(v1::Target { name: name.to_owned(), ..Default::default() }),
        };
        let mut answers = connections.snat(of("lb/overlay")).await.expect("an answer").into_inner();
        let first = answers.message().await.expect("no error").expect("a node");
        assert_eq!((first.device.as_str(), first.address.as_str()), ("lb/overlay", "198.51.100.14"));
        assert_eq!((first.first_port, first.last_port, first.allocated, first.free), (1024, 1087, 64, 64));
        assert_eq!(first.failed, Some(3));
        let [to] = first.destinations.as_slice() else { panic!("{first:?}") };
        assert_eq!((to.address.as_str(), to.port, to.protocol), ("203.0.113.10", 80, 6));
        assert_eq!((to.connections, to.free, to.failed), (0, 64, Some(3)));
        let second = answers.message().await.expect("no error").expect("the other node");
        assert_eq!((second.failed, second.destinations.len()), (Some(0), 0));
        assert!(answers.message().await.expect("no error").is_none());

        let mut answers = connections.snat(of("")).await.expect("an answer").into_inner();
        let mut count = 0;
        while answers.message().await.expect("no error").is_some() {
            count += 1;
        }
        assert_eq!(count, 8, "four clusters of two nodes");
        for (name, code) in [("nobody", Code::NotFound), ("machine/server", Code::InvalidArgument)] {
            assert_eq!(connections.snat(of(name)).await.expect_err("none").code(), code, "{name}");
        }
        let nothing = connections.snat(v1::SnatRequest { target: None }).await;
        assert_eq!(nothing.expect_err("no target").code(), Code::InvalidArgument);
    })
    .await;
}
