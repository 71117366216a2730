//! Making, deleting and reading labs.

use std::sync::Arc;

use fabric_core::{
    event::Event,
    graph,
    inventory::{self, Kind},
    kernel::Kernel,
    name::LabName,
    spec::{Diagnostic, Reading, Source},
    target,
    topology::{Rollout, Standing},
};
use fabric_proto::v1::{self, apply_response, delete_response, lab_service_server::LabService};
use futures::{StreamExt, stream};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::{
    Responses,
    incoming::or_default,
    status::{ToStatus, missing},
    workload,
};
use crate::{
    events::{Heard, Occurrence},
    lab::{Change, ChangeError, ChangeEvent, DeleteEvent, Registry},
};

pub struct LabApi<K> {
    pub registry: Arc<Registry<K>>,
}

impl<K: Kernel> LabApi<K> {
    /// Changes the lab of this name, or the only one.
    async fn change(
        &self,
        lab: &str,
        change: Change,
    ) -> Result<Response<Responses<v1::ApplyResponse>>, Status> {
        let lab = self.registry.select(lab).map_err(|error| error.to_status())?;
        Ok(self.change_of(&lab.topology.lab, change).await)
    }

    async fn change_of(&self, lab: &LabName, change: Change) -> Response<Responses<v1::ApplyResponse>> {
        let events = self.registry.handle(lab).change(change).await;
        let lab = lab.clone();
        Response::new(ReceiverStream::new(events).map(move |event| change_event(&lab, event)).boxed())
    }
}

#[tonic::async_trait]
impl<K: Kernel> LabService for LabApi<K> {
    type ApplyStream = Responses<v1::ApplyResponse>;
    type DeleteStream = Responses<v1::DeleteResponse>;
    type EventsStream = Responses<v1::EventsResponse>;
    type VerifyStream = Responses<v1::ApplyResponse>;
    type RestartNodeStream = Responses<v1::ApplyResponse>;
    type ScaleAgentPoolStream = Responses<v1::ApplyResponse>;
    type ScaleDeploymentStream = Responses<v1::ApplyResponse>;
    type ExposeStream = Responses<v1::ApplyResponse>;
    type SetPodReadyStream = Responses<v1::ApplyResponse>;
    type UpgradeAgentPoolStream = Responses<v1::ApplyResponse>;

    async fn apply(&self, request: Request<v1::ApplyRequest>) -> Result<Response<Self::ApplyStream>, Status> {
        let v1::ApplyRequest { files, dry_run } = request.into_inner();
        let sources: Vec<Source> =
            files.into_iter().map(|v1::SourceFile { name, text }| Source { name, text }).collect();
        let (sources, reading, lab) = match self.registry.made_from(&sources) {
            Some(lab) => (sources, None, lab),
            None => {
                let running = self.registry.names();
                // Who has no lab yet gets no owner for one before the files are known to be right.
                let reading = tokio::task::spawn_blocking(move || {
                    let reading = Reading::of(&sources);
                    let lab = match reading.lab().filter(|lab| running.contains(lab)) {
                        Some(lab) => Ok(lab),
                        None => {
                            let new = reading.onto(&sources, &Standing::default(), &Rollout::default());
                            new.map(|topology| topology.lab)
                        }
                    };
                    (sources, reading, lab)
                });
                match reading.await.map_err(|_| ChangeError::Panicked.to_status())? {
                    (sources, reading, Ok(lab)) => (sources, Some(Box::new(reading)), lab),
                    (_, _, Err(mistakes)) => {
                        let response = v1::ApplyResponse { event: Some(rejected(mistakes)) };
                        return Ok(Response::new(stream::iter([Ok(response)]).boxed()));
                    }
                }
            }
        };
        Ok(self.change_of(&lab, Change::Apply { sources, reading, dry_run }).await)
    }

    async fn verify(
        &self,
        request: Request<v1::VerifyRequest>,
    ) -> Result<Response<Self::VerifyStream>, Status> {
        let v1::VerifyRequest { lab, repair } = request.into_inner();
        self.change(&lab, Change::Verify { repair }).await
    }

    async fn restart_node(
        &self,
        request: Request<v1::RestartNodeRequest>,
    ) -> Result<Response<Self::RestartNodeStream>, Status> {
        let v1::RestartNodeRequest { lab, node } = request.into_inner();
        self.change(&lab, Change::RestartNode { node }).await
    }

    async fn scale_agent_pool(
        &self,
        request: Request<v1::ScaleAgentPoolRequest>,
    ) -> Result<Response<Self::ScaleAgentPoolStream>, Status> {
        let v1::ScaleAgentPoolRequest { lab, agent_pool, count } = request.into_inner();
        self.change(&lab, Change::ScaleAgentPool { agent_pool, count }).await
    }

    async fn scale_deployment(
        &self,
        request: Request<v1::ScaleDeploymentRequest>,
    ) -> Result<Response<Self::ScaleDeploymentStream>, Status> {
        let (lab, change) = workload::scaling(request.into_inner())?;
        self.change(&lab, change).await
    }

    async fn expose(
        &self,
        request: Request<v1::ExposeRequest>,
    ) -> Result<Response<Self::ExposeStream>, Status> {
        let (lab, change) = workload::exposing(request.into_inner())?;
        self.change(&lab, change).await
    }

    async fn set_pod_ready(
        &self,
        request: Request<v1::SetPodReadyRequest>,
    ) -> Result<Response<Self::SetPodReadyStream>, Status> {
        let v1::SetPodReadyRequest { pod, ready } = request.into_inner();
        let v1::Target { lab, namespace, name } = pod.ok_or_else(|| missing("pod"))?;
        let lab = self.registry.select(&lab).map_err(|error| error.to_status())?;
        let pod =
            target::pod(&lab.topology, or_default(&namespace), &name).map_err(|error| error.to_status())?;
        Ok(self.change_of(&lab.topology.lab, Change::SetPodReady { pod, ready }).await)
    }

    async fn upgrade_agent_pool(
        &self,
        request: Request<v1::UpgradeAgentPoolRequest>,
    ) -> Result<Response<Self::UpgradeAgentPoolStream>, Status> {
        let v1::UpgradeAgentPoolRequest { lab, agent_pool, kubernetes_version } = request.into_inner();
        let kubernetes_version = (!kubernetes_version.is_empty()).then_some(kubernetes_version);
        self.change(&lab, Change::UpgradeAgentPool { agent_pool, kubernetes_version }).await
    }

    async fn delete(
        &self,
        request: Request<v1::DeleteRequest>,
    ) -> Result<Response<Self::DeleteStream>, Status> {
        let lab = self.registry.select(&request.into_inner().lab).map_err(|error| error.to_status())?;
        let lab = lab.topology.lab.clone();
        let events = self.registry.handle(&lab).delete().await;
        let responses = ReceiverStream::new(events).map(move |event| delete_event(&lab, event));
        Ok(Response::new(responses.boxed()))
    }

    async fn list(&self, request: Request<v1::ListRequest>) -> Result<Response<v1::ListResponse>, Status> {
        let v1::ListRequest { lab, kind, namespace, name } = request.into_inner();
        let kind: Kind = kind
            .parse()
            .map_err(|error: inventory::UnknownKind| Status::invalid_argument(error.to_string()))?;
        let namespace = (!namespace.is_empty()).then_some(namespace.as_str());
        let name = (!name.is_empty()).then_some(name.as_str());
        let resources = if kind == Kind::Labs {
            let labs = self.registry.labs();
            let running = labs.iter().map(|lab| inventory::lab(&lab.topology, lab.generation));
            running.filter(|lab| name.is_none_or(|name| lab.name == name)).collect()
        } else {
            let lab = self.registry.select(&lab).map_err(|error| error.to_status())?;
            inventory::list(&lab.topology, &lab.faults, kind, namespace, name)
        };
        let resources = resources.into_iter().map(|inventory::Resource { namespace, name, object }| {
            v1::Resource { namespace: namespace.unwrap_or_default(), name, json: object.to_string() }
        });
        Ok(Response::new(v1::ListResponse { kind: kind.to_string(), resources: resources.collect() }))
    }

    async fn graph(&self, request: Request<v1::GraphRequest>) -> Result<Response<v1::GraphResponse>, Status> {
        let request = request.into_inner();
        let format = match request.format() {
            v1::GraphFormat::Unspecified | v1::GraphFormat::Svg => graph::Format::Svg,
            v1::GraphFormat::Mermaid => graph::Format::Mermaid,
            v1::GraphFormat::Dot => graph::Format::Dot,
        };
        let lab = self.registry.select(&request.lab).map_err(|error| error.to_status())?;
        let drawing = tokio::task::spawn_blocking(move || graph::draw(&lab.topology, format));
        let text = drawing.await.map_err(|_| ChangeError::Panicked.to_status())?;
        Ok(Response::new(v1::GraphResponse { text }))
    }

    async fn events(
        &self,
        request: Request<v1::EventsRequest>,
    ) -> Result<Response<Self::EventsStream>, Status> {
        let v1::EventsRequest { lab, follow } = request.into_inner();
        let heard = self.registry.events().listen((!lab.is_empty()).then_some(lab), follow);
        Ok(Response::new(heard.map(|heard| Ok(events_response(heard))).boxed()))
    }
}

fn events_response(heard: Heard) -> v1::EventsResponse {
    use v1::events_response::Message;
    let message = match heard {
        Heard::Missed(events) => Message::Missed(v1::Missed { events }),
        Heard::Event(occurrence) => {
            let Occurrence { number, unix_microseconds, lab, event } = &*occurrence;
            let Event { object, reason, message, counts } = event;
            let counts =
                counts.iter().map(|(name, value)| v1::Count { name: (*name).to_owned(), value: *value });
            Message::Event(v1::Event {
                number: *number,
                unix_microseconds: *unix_microseconds,
                lab: lab.to_string(),
                kind: object.kind.singular().to_owned(),
                namespace: object.namespace.clone().unwrap_or_default(),
                name: object.name.clone(),
                reason: reason.to_string(),
                warning: reason.is_warning(),
                message: message.clone(),
                counts: counts.collect(),
            })
        }
    };
    v1::EventsResponse { message: Some(message) }
}

fn diagnostic(diagnostic: Diagnostic) -> v1::Diagnostic {
    let Diagnostic { message, help, file, line, column, length, line_text } = diagnostic;
    v1::Diagnostic { message, help: help.unwrap_or_default(), file, line, column, length, line_text }
}

fn progress(done: usize, total: usize) -> v1::Progress {
    v1::Progress { done: count(done), total: count(total) }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn rejected(mistakes: Vec<Diagnostic>) -> apply_response::Event {
    let diagnostics = mistakes.into_iter().map(diagnostic).collect();
    apply_response::Event::Rejected(v1::Rejected { diagnostics })
}

fn change_event(lab: &LabName, event: ChangeEvent) -> Result<v1::ApplyResponse, Status> {
    let event = match event {
        ChangeEvent::Rejected(mistakes) => rejected(mistakes),
        ChangeEvent::Planned { create, change, remove, text } => {
            apply_response::Event::Planned(v1::Planned {
                lab: lab.to_string(),
                text: text.unwrap_or_default(),
                create: count(create),
                change: count(change),
                remove: count(remove),
            })
        }
        ChangeEvent::Stage(text) => apply_response::Event::Stage(v1::Stage { text }),
        ChangeEvent::Progress(done, total) => apply_response::Event::Progress(progress(done, total)),
        ChangeEvent::Applied { generation, changed, created, milliseconds } => {
            apply_response::Event::Applied(v1::Applied {
                lab: lab.to_string(),
                generation,
                changed,
                created,
                milliseconds,
            })
        }
        ChangeEvent::Failed(error) => return Err(error.to_status()),
    };
    Ok(v1::ApplyResponse { event: Some(event) })
}

fn delete_event(lab: &LabName, event: DeleteEvent) -> Result<v1::DeleteResponse, Status> {
    let event = match event {
        DeleteEvent::Progress(done, total) => delete_response::Event::Progress(progress(done, total)),
        DeleteEvent::Deleted(milliseconds) => {
            delete_response::Event::Deleted(v1::Deleted { lab: lab.to_string(), milliseconds })
        }
        DeleteEvent::Failed(error) => return Err(error.to_status()),
    };
    Ok(v1::DeleteResponse { event: Some(event) })
}
