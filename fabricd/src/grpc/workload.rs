//! Deployments and pods that shall change, from the wire.

use fabric_core::{
    spec::edit::{Exposure, WorkloadKind, WorkloadName},
    topology::{ServiceType, Transport},
};
use fabric_proto::v1;
use tonic::Status;

use super::{incoming::or_default, status::missing};
use crate::lab::Change;

/// A workload that a client names.
fn named(kind: WorkloadKind, workload: v1::Workload) -> WorkloadName {
    let v1::Workload { cluster, namespace, name } = workload;
    let cluster = Some(cluster).filter(|cluster| !cluster.is_empty());
    WorkloadName { kind, cluster, namespace: or_default(&namespace).to_owned(), name }
}

/// The lab, and the change of it.
pub fn scaling(request: v1::ScaleDeploymentRequest) -> Result<(String, Change), Status> {
    let v1::ScaleDeploymentRequest { lab, deployment, replicas } = request;
    let deployment = named(WorkloadKind::Deployment, deployment.ok_or_else(|| missing("deployment"))?);
    Ok((lab, Change::ScaleDeployment { deployment, replicas }))
}

/// The lab, and the change of it.
pub fn exposing(request: v1::ExposeRequest) -> Result<(String, Change), Status> {
    use v1::expose_request::Workload;
    let (service_type, transport) = (request.r#type(), request.protocol());
    let v1::ExposeRequest { lab, workload, name, port, target_port, dry_run, .. } = request;
    let workload = match workload.ok_or_else(|| missing("workload"))? {
        Workload::Deployment(it) => named(WorkloadKind::Deployment, it),
        Workload::Pod(it) => named(WorkloadKind::Pod, it),
    };
    let port = u16::try_from(port).ok().filter(|port| *port > 0);
    let exposure = Exposure {
        workload,
        name: Some(name).filter(|name| !name.is_empty()),
        port: port.ok_or_else(|| Status::invalid_argument("a port is a number from 1 to 65535"))?,
        target_port: Some(target_port).filter(|port| !port.is_empty()),
        service_type: match service_type {
            v1::ServiceType::Unspecified | v1::ServiceType::ClusterIp => ServiceType::ClusterIp,
            v1::ServiceType::NodePort => ServiceType::NodePort,
            v1::ServiceType::LoadBalancer => ServiceType::LoadBalancer,
        },
        transport: match transport {
            v1::ServiceProtocol::Unspecified | v1::ServiceProtocol::Tcp => Transport::Tcp,
            v1::ServiceProtocol::Udp => Transport::Udp,
        },
    };
    Ok((lab, Change::Expose { exposure, dry_run }))
}
