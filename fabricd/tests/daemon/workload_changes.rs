//! Deployments are scaled and exposed, and pods switched to not ready, through the gRPC face.

use fabric_proto::v1::{
    self, ApplyResponse, apply_response::Event, expose_request, lab_service_client::LabServiceClient,
};
use serde_json::Value;
use tonic::{Code, Response, Status, Streaming, transport::Channel};

use crate::service::{apply, with_daemon};

const LAB: &str = "\
apiVersion: fabric/v1
kind: Lab
metadata: {name: shop}
managedClusters:
- name: aks
  agentPoolProfiles: [{name: pool, count: 2}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web} # what is sold
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: nginx}]}
---
apiVersion: v1
kind: Pod
metadata: {name: bare}
spec: {containers: [{name: shell, image: busybox}]}
";

type Labs = LabServiceClient<Channel>;

/// The last event of a change.
async fn end(events: Result<Response<Streaming<ApplyResponse>>, Status>) -> Result<Event, Status> {
    let mut events = events?.into_inner();
    let mut last = None;
    while let Some(event) = events.message().await? {
        last = event.event;
    }
    Ok(last.expect("an event"))
}

async fn list(labs: &mut Labs, kind: &str, name: &str) -> Vec<Value> {
    let request = v1::ListRequest {
        kind: kind.to_owned(),
        namespace: "default".to_owned(),
        name: name.to_owned(),
        ..Default::default()
    };
    let answer = labs.list(request).await.expect("an answer").into_inner();
    answer.resources.iter().map(|one| serde_json::from_str(&one.json).expect("JSON")).collect()
}

fn workload(name: &str) -> v1::Workload {
    v1::Workload { name: name.to_owned(), ..Default::default() }
}

async fn scale(labs: &mut Labs, name: &str, replicas: u32) -> Result<Event, Status> {
    let deployment = Some(workload(name));
    end(labs
        .scale_deployment(v1::ScaleDeploymentRequest { deployment, replicas, ..Default::default() })
        .await)
    .await
}

async fn expose(labs: &mut Labs, request: v1::ExposeRequest) -> Result<Event, Status> {
    end(labs.expose(request).await).await
}

async fn set_ready(labs: &mut Labs, name: &str, ready: bool) -> Result<Event, Status> {
    let pod = Some(v1::Target { name: name.to_owned(), ..Default::default() });
    end(labs.set_pod_ready(v1::SetPodReadyRequest { pod, ready }).await).await
}

fn changed(event: Result<Event, Status>) -> bool {
    match event.expect("no refusal") {
        Event::Applied(applied) => applied.changed,
        other => panic!("{other:?}"),
    }
}

fn refusal(event: Result<Event, Status>) -> (Code, String) {
    let status = event.expect_err("a refusal");
    (status.code(), status.message().to_owned())
}

/// Of a Service `web`, the addresses of its endpoints, and which of them are ready.
async fn endpoints(labs: &mut Labs) -> (usize, usize) {
    let slices = list(labs, "endpointslices", "").await;
    let all = slices.iter().flat_map(|slice| slice["endpoints"].as_array().expect("a list"));
    let ready: Vec<bool> =
        all.map(|endpoint| endpoint["conditions"]["ready"].as_bool().expect("a word")).collect();
    (ready.len(), ready.iter().filter(|ready| **ready).count())
}

#[tokio::test]
async fn a_deployment_is_exposed_and_scaled_and_its_pods_switched() {
    with_daemon(|channel| async move {
        apply(channel.clone(), LAB).await;
        let mut labs = LabServiceClient::new(channel);
        let of_web = |dry_run: bool| v1::ExposeRequest {
            workload: Some(expose_request::Workload::Deployment(workload("web"))),
            port: 80,
            target_port: "8080".to_owned(),
            r#type: v1::ServiceType::NodePort.into(),
            dry_run,
            ..Default::default()
        };
        let planned = expose(&mut labs, of_web(true)).await.expect("a plan");
        assert!(matches!(planned, Event::Planned(_)), "{planned:?}");
        assert_eq!(list(&mut labs, "services", "web").await.len(), 0);
        assert!(changed(expose(&mut labs, of_web(false)).await));
        let service = list(&mut labs, "services", "web").await.remove(0);
        assert_eq!(service["spec"]["type"], "NodePort");
        assert_eq!(service["spec"]["ports"][0]["targetPort"], 8080);
        assert_eq!(service["spec"]["selector"]["app"], "web");
        assert_eq!(
            refusal(expose(&mut labs, of_web(false)).await),
            (
                Code::AlreadyExists,
                "a Service `web` exists already in the namespace `default`; choose another name".to_owned()
            )
        );

        assert_eq!(endpoints(&mut labs).await, (1, 1));
        assert!(changed(scale(&mut labs, "web", 5).await));
        assert!(!changed(scale(&mut labs, "web", 5).await));
        assert_eq!(endpoints(&mut labs).await, (5, 5));
        let pod = list(&mut labs, "pods", "").await.remove(1);
        let pod = pod["metadata"]["name"].as_str().expect("a name").to_owned();
        assert!(changed(set_ready(&mut labs, &pod, false).await));
        assert!(!changed(set_ready(&mut labs, &format!("pod/aks/default/{pod}"), false).await));
        assert_eq!(endpoints(&mut labs).await, (5, 4));
        let deployment = list(&mut labs, "deployments", "web").await.remove(0);
        assert_eq!(deployment["status"]["readyReplicas"], 4);
        // It stays so when something else changes.
        assert!(changed(scale(&mut labs, "web", 6).await));
        assert_eq!(endpoints(&mut labs).await, (6, 5));
        assert!(changed(set_ready(&mut labs, &pod, true).await));
        assert_eq!(endpoints(&mut labs).await, (6, 6));
        // A pod of no Service is switched all the same.
        assert!(changed(set_ready(&mut labs, "bare", false).await));
        let bare = list(&mut labs, "pods", "bare").await.remove(0);
        assert_eq!(bare["status"]["containerStatuses"][0]["ready"], false);
        assert!(changed(scale(&mut labs, "web", 0).await));
        assert_eq!(endpoints(&mut labs).await, (0, 0));

        // What the events call it.
        let events = v1::EventsRequest { lab: "shop".to_owned(), follow: false };
        let mut events = labs.events(events).await.expect("an answer").into_inner();
        let mut told = vec![];
        while let Some(event) = events.message().await.expect("an event") {
            if let Some(v1::events_response::Message::Event(event)) = event.message {
                told.push(format!("{}/{} {}: {}", event.kind, event.name, event.reason, event.message));
            }
        }
        for expected in [
            "deployment/web ScalingReplicaSet: replicas 1 → 5".to_owned(),
            "service/web EndpointsChanged: endpoints 1 ready of 1 → 5 ready of 5".to_owned(),
            "service/web EndpointsChanged: endpoints 5 ready of 5 → 4 ready of 5".to_owned(),
            format!("pod/{pod} Unhealthy: switched to not ready"),
            format!("pod/{pod} Ready: switched back to ready"),
        ] {
            assert!(told.contains(&expected), "{expected} is not in {told:#?}");
        }
    })
    .await;
}

#[tokio::test]
async fn workloads_that_are_not_there_are_named() {
    with_daemon(|channel| async move {
        let mut labs = LabServiceClient::new(channel.clone());
        assert_eq!(refusal(scale(&mut labs, "web", 1).await).0, Code::NotFound);
        apply(channel, LAB).await;
        assert_eq!(
            refusal(scale(&mut labs, "wep", 1).await),
            (
                Code::NotFound,
                "there is no Deployment `wep` in the namespace `default`; did you mean `web`?".to_owned()
            )
        );
        let of_pod = |name: &str, port| v1::ExposeRequest {
            workload: Some(expose_request::Workload::Pod(workload(name))),
            port,
            ..Default::default()
        };
        assert_eq!(
            refusal(expose(&mut labs, of_pod("bare", 80)).await),
            (
                Code::FailedPrecondition,
                "the pod `bare` has no labels by which a Service could find its pods".to_owned()
            )
        );
        assert_eq!(refusal(expose(&mut labs, of_pod("nobody", 80)).await).0, Code::NotFound);
        for port in [0, 65_536] {
            assert_eq!(refusal(expose(&mut labs, of_pod("bare", port)).await).0, Code::InvalidArgument);
        }
        assert_eq!(refusal(expose(&mut labs, v1::ExposeRequest::default()).await).0, Code::InvalidArgument);
        // A name that no Service can have is a mistake in the file that would come of it.
        let strange = v1::ExposeRequest {
            workload: Some(expose_request::Workload::Deployment(workload("web"))),
            port: 80,
            name: "a\nkind: Lab".to_owned(),
            ..Default::default()
        };
        let Event::Rejected(rejected) = expose(&mut labs, strange).await.expect("an answer") else {
            panic!("it is no name")
        };
        assert!(!rejected.diagnostics.is_empty());
        assert!(list(&mut labs, "services", "").await.len() <= 1, "the cluster's own is there");

        let node = list(&mut labs, "nodes", "").await.remove(0);
        let node = node["metadata"]["name"].as_str().expect("a name").to_owned();
        assert_eq!(refusal(set_ready(&mut labs, &node, false).await).0, Code::InvalidArgument);
        assert_eq!(refusal(set_ready(&mut labs, "nobody", false).await).0, Code::NotFound);
        // More pods than the nodes take: nothing is changed.
        let full = scale(&mut labs, "web", 5_000).await.expect("an answer");
        assert!(matches!(full, Event::Rejected(_)), "{full:?}");
        assert_eq!(list(&mut labs, "deployments", "web").await[0]["spec"]["replicas"], 1);
    })
    .await;
}
