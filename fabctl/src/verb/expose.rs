//! `fabctl expose`.

use clap::{Args, ValueEnum};
use fabric_proto::v1::{
    ExposeRequest, ServiceProtocol, ServiceType, Workload, expose_request::Workload as Exposed,
};

use super::{apply, scale::end};
use crate::{
    change::{self, End},
    cli::Global,
    connection, output,
};

/// Make a Service for a Deployment or a pod, as `kubectl expose` does
///
/// The Service finds its pods by the Deployment's selector, or by the pod's labels. As an apply of the lab's file
/// with the manifest of the Service behind: applying the file again takes it away.
#[derive(Debug, Args)]
#[command(
    override_usage = "fabctl expose KIND NAME --port PORT [OPTIONS]\n       fabctl expose KIND/NAME --port PORT [OPTIONS]"
)]
#[command(after_long_help = "\
Examples:
  fabctl expose deployment web --port 80
  fabctl expose deployment/web --port 80 --target-port 8080 --type LoadBalancer
  fabctl expose pod a --port 53 --protocol UDP --name dns
  fabctl expose deployment web --port 80 --type NodePort --dry-run")]
pub struct Expose {
    /// What it is
    #[arg(value_enum)]
    kind: ExposedKind,
    /// Its name
    name: String,
    /// The Service's port
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
    /// The pods' port, or the name that a container gives it [default: the same]
    #[arg(long, value_name = "PORT")]
    target_port: Option<String>,
    /// The Service's name [default: that of what it is for]
    #[arg(long = "name", value_name = "NAME")]
    service: Option<String>,
    /// How it can be reached
    #[arg(long = "type", value_enum, ignore_case = true, default_value_t = ExposedType::ClusterIp)]
    service_type: ExposedType,
    /// The transport
    #[arg(long, value_enum, ignore_case = true, default_value_t = Protocol::Tcp)]
    protocol: Protocol,
    /// The cluster; needed only where several have one of that name
    #[arg(long, value_name = "CLUSTER")]
    cluster: Option<String>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

/// What can have a Service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ExposedKind {
    /// A Deployment
    #[value(aliases = ["deploy", "deployments", "deployment.apps"])]
    Deployment,
    /// One pod
    #[value(aliases = ["po", "pods"])]
    Pod,
}

/// How a Service can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ExposedType {
    /// From inside the cluster
    #[value(name = "ClusterIP")]
    ClusterIp,
    /// And by a port of every node
    #[value(name = "NodePort")]
    NodePort,
    /// And by an address of the cluster's load balancer
    #[value(name = "LoadBalancer")]
    LoadBalancer,
}

/// A transport protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Protocol {
    /// TCP
    #[value(name = "TCP")]
    Tcp,
    /// UDP
    #[value(name = "UDP")]
    Udp,
}

impl Expose {
    /// Asks for it and follows it.
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let connection = connection::open(global).await?;
        let service = self.service.clone().unwrap_or_else(|| self.name.clone());
        let workload = Workload {
            cluster: self.cluster.unwrap_or_default(),
            namespace: global.namespace(),
            name: self.name,
        };
        let service_type = match self.service_type {
            ExposedType::ClusterIp => ServiceType::ClusterIp,
            ExposedType::NodePort => ServiceType::NodePort,
            ExposedType::LoadBalancer => ServiceType::LoadBalancer,
        };
        let protocol = match self.protocol {
            Protocol::Tcp => ServiceProtocol::Tcp,
            Protocol::Udp => ServiceProtocol::Udp,
        };
        let request = ExposeRequest {
            lab: global.lab(),
            workload: Some(match self.kind {
                ExposedKind::Deployment => Exposed::Deployment(workload),
                ExposedKind::Pod => Exposed::Pod(workload),
            }),
            name: service.clone(),
            port: self.port.into(),
            target_port: self.target_port.unwrap_or_default(),
            r#type: service_type.into(),
            protocol: protocol.into(),
            dry_run: self.dry_run,
        };
        let events = connection.labs().expose(request).await?.into_inner();
        if !self.dry_run {
            return end(events, &format!("service/{service} exposed")).await;
        }
        match change::follow(events, true).await? {
            End::Rejected(rejected) => apply::reject(rejected, None),
            End::Planned(planned) => {
                output::print(&apply::plan(&planned, &format!("service/{service}")))?;
                Ok(0)
            }
            End::Applied(..) => anyhow::bail!("the daemon did more than to plan it"),
        }
    }
}
