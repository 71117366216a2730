//! The labs of a daemon that is none: one, of a few canned objects.

use fabric_proto::v1::{lab_service_server::LabService, *};
use tonic::{Request, Response, Status};

use crate::fake::{Answers, answers};

pub struct CannedLabs;

fn applied(changed: bool) -> apply_response::Event {
    let lab = "kubenet".to_owned();
    apply_response::Event::Applied(Applied { lab, generation: 2, changed, created: false, milliseconds: 97 })
}

#[tonic::async_trait]
impl LabService for CannedLabs {
    type ApplyStream = Answers<ApplyResponse>;
    type DeleteStream = Answers<DeleteResponse>;
    type EventsStream = Answers<EventsResponse>;
    type VerifyStream = Answers<ApplyResponse>;
    type RestartNodeStream = Answers<ApplyResponse>;
    type ScaleAgentPoolStream = Answers<ApplyResponse>;
    type ScaleDeploymentStream = Answers<ApplyResponse>;
    type ExposeStream = Answers<ApplyResponse>;
    type SetPodReadyStream = Answers<ApplyResponse>;
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

    /// Of the Deployment `web`, which has 2.
    async fn scale_deployment(
        &self,
        request: Request<ScaleDeploymentRequest>,
    ) -> Result<Response<Self::ScaleDeploymentStream>, Status> {
        let ScaleDeploymentRequest { lab, deployment, replicas } = request.into_inner();
        let Workload { cluster, namespace, name } = deployment.unwrap();
        if name != "web" {
            let told =
                format!("there is no Deployment `{lab}:{cluster}:{namespace}:{name}`; did you mean `web`?");
            return Err(Status::not_found(told));
        }
        Ok(answers(vec![Ok(ApplyResponse { event: Some(applied(replicas != 2)) })]))
    }

    /// Says what it was asked, as its plan or as what it is doing.
    async fn expose(&self, request: Request<ExposeRequest>) -> Result<Response<Self::ExposeStream>, Status> {
        let request = request.into_inner();
        if request.name == "taken" {
            return Err(Status::already_exists(
                "a Service `taken` exists already in the namespace `default`",
            ));
        }
        let text = format!("{request:?}\n");
        let event = |event| Ok(ApplyResponse { event: Some(event) });
        if request.dry_run {
            let planned = Planned { lab: "kubenet".into(), text, create: 3, ..Planned::default() };
            return Ok(answers(vec![event(apply_response::Event::Planned(planned))]));
        }
        Ok(answers(vec![event(apply_response::Event::Stage(Stage { text })), event(applied(true))]))
    }

    async fn set_pod_ready(
        &self,
        request: Request<SetPodReadyRequest>,
    ) -> Result<Response<Self::SetPodReadyStream>, Status> {
        let SetPodReadyRequest { pod, ready } = request.into_inner();
        let Target { lab, namespace, name } = pod.unwrap();
        if name == "n0" {
            return Err(Status::invalid_argument(format!("`{lab}:{namespace}:{name}` is no pod")));
        }
        Ok(answers(vec![Ok(ApplyResponse { event: Some(applied(!ready)) })]))
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
