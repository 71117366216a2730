//! Making, deleting and reading labs.

use std::{pin::Pin, sync::Arc};

use fabric_core::{
    inventory::{self, Kind},
    kernel::Kernel,
    name::LabName,
    spec::{self, Diagnostic, Source},
};
use fabric_proto::v1::{self, apply_response, delete_response, lab_service_server::LabService};
use futures::{Stream, StreamExt, stream};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::status::ToStatus;
use crate::lab::{ApplyEvent, ChangeError, DeleteEvent, Registry};

pub struct LabApi<K> {
    pub registry: Arc<Registry<K>>,
}

type Responses<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl<K: Kernel> LabService for LabApi<K> {
    type ApplyStream = Responses<v1::ApplyResponse>;
    type DeleteStream = Responses<v1::DeleteResponse>;

    async fn apply(&self, request: Request<v1::ApplyRequest>) -> Result<Response<Self::ApplyStream>, Status> {
        let v1::ApplyRequest { files, dry_run } = request.into_inner();
        let sources: Vec<Source> =
            files.into_iter().map(|v1::SourceFile { name, text }| Source { name, text }).collect();
        let loading = tokio::task::spawn_blocking(move || (spec::load(&sources), sources));
        let (loaded, sources) = loading.await.map_err(|_| ChangeError::Panicked.to_status())?;
        let topology = match loaded {
            Ok(topology) => topology,
            Err(diagnostics) => {
                let event = apply_response::Event::Rejected(v1::Rejected {
                    diagnostics: diagnostics.into_iter().map(diagnostic).collect(),
                });
                let response = v1::ApplyResponse { event: Some(event) };
                return Ok(Response::new(stream::iter([Ok(response)]).boxed()));
            }
        };
        let lab = topology.lab.clone();
        let events = self.registry.handle(&lab).apply(sources, topology, dry_run).await;
        let responses = ReceiverStream::new(events).map(move |event| apply_event(&lab, event));
        Ok(Response::new(responses.boxed()))
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

fn apply_event(lab: &LabName, event: ApplyEvent) -> Result<v1::ApplyResponse, Status> {
    let event = match event {
        ApplyEvent::Planned { create, change, remove, text } => apply_response::Event::Planned(v1::Planned {
            lab: lab.to_string(),
            text: text.unwrap_or_default(),
            create: count(create),
            change: count(change),
            remove: count(remove),
        }),
        ApplyEvent::Progress(done, total) => apply_response::Event::Progress(progress(done, total)),
        ApplyEvent::Applied { generation, changed, created, milliseconds } => {
            apply_response::Event::Applied(v1::Applied {
                lab: lab.to_string(),
                generation,
                changed,
                created,
                milliseconds,
            })
        }
        ApplyEvent::Failed(error) => return Err(error.to_status()),
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
