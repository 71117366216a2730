//! The daemon itself: status, doctor, stop.

use std::sync::Arc;

use fabric_core::kernel::Kernel;
use fabric_kernel::doctor;
use fabric_proto::v1::{self, daemon_service_server::DaemonService};
use tokio::sync::Notify;
use tonic::{Request, Response, Status};

use super::About;
use crate::lab::Registry;

pub struct DaemonApi<K> {
    pub registry: Arc<Registry<K>>,
    pub about: About,
    pub stop: Arc<Notify>,
}

#[tonic::async_trait]
impl<K: Kernel> DaemonService for DaemonApi<K> {
    async fn status(
        &self,
        _request: Request<v1::StatusRequest>,
    ) -> Result<Response<v1::StatusResponse>, Status> {
        let mode = if self.about.private { v1::DaemonMode::Private } else { v1::DaemonMode::System };
        Ok(Response::new(v1::StatusResponse {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: self.about.pid,
            mode: mode.into(),
            labs: self.registry.labs().iter().map(|lab| lab.topology.lab.to_string()).collect(),
        }))
    }

    async fn doctor(
        &self,
        _request: Request<v1::DoctorRequest>,
    ) -> Result<Response<v1::DoctorResponse>, Status> {
        let neighbour_limit = self.about.neighbour_limit;
        let checks = tokio::task::spawn_blocking(move || doctor::examine(neighbour_limit));
        let checks = checks.await.map_err(|_| Status::internal("the examination panicked"))?;
        let checks = checks.into_iter().map(|check| v1::Check {
            name: check.name.to_owned(),
            result: match check.result {
                doctor::CheckResult::Ok => v1::CheckResult::Ok,
                doctor::CheckResult::Warning => v1::CheckResult::Warning,
                doctor::CheckResult::Failed => v1::CheckResult::Failed,
            }
            .into(),
            found: check.found,
            advice: check.advice,
        });
        Ok(Response::new(v1::DoctorResponse { checks: checks.collect() }))
    }

    async fn stop(&self, _request: Request<v1::StopRequest>) -> Result<Response<v1::StopResponse>, Status> {
        if !self.about.private {
            return Err(Status::failed_precondition(
                "this is the system's daemon; `systemctl stop fabricd` stops it, and its labs stay",
            ));
        }
        self.stop.notify_one();
        Ok(Response::new(v1::StopResponse {}))
    }
}
