//! The gRPC face of the daemon: it converts, asks, and converts back. No logic is in here, and no
//! generated type leaves.

mod ask;
mod connection_service;
mod daemon_service;
mod fault_service;
mod firewall_service;
mod incoming;
mod lab_service;
mod network_service;
mod probe_service;
mod snat;
mod status;
mod workload;

use std::{path::PathBuf, pin::Pin, sync::Arc};

use fabric_core::kernel::Kernel;
use fabric_proto::v1::{
    connection_service_server::ConnectionServiceServer, daemon_service_server::DaemonServiceServer,
    fault_service_server::FaultServiceServer, firewall_service_server::FirewallServiceServer,
    lab_service_server::LabServiceServer, network_service_server::NetworkServiceServer,
    probe_service_server::ProbeServiceServer,
};
use futures::Stream;
use tokio::sync::Notify;
use tonic::{
    Status,
    transport::{Server, server::Router},
};

use crate::lab::Registry;

/// Largest message that is taken, in bytes: lab files of 16 MiB and what gRPC puts around them.
const MESSAGE_MAX: usize = 17 * 1024 * 1024;

/// What a call answers bit by bit.
type Responses<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// What the services know of the daemon around them.
#[derive(Clone, Debug)]
pub struct About {
    /// Whether it is a private daemon, which ends when it is asked to.
    pub private: bool,
    /// Its process id as the machine sees it.
    pub pid: u32,
    /// The machine's limit of learned neighbours (`gc_thresh3`), where it is known.
    pub neighbour_limit: Option<u32>,
    /// Where its named namespaces are.
    pub netns_dir: PathBuf,
}

/// All services, health and reflection included. `stop` is notified when a client asks for the end.
///
/// # Errors
/// If the descriptors of the interface are broken, which a test would have seen.
pub async fn router<K: Kernel>(
    registry: Arc<Registry<K>>,
    about: About,
    stop: Arc<Notify>,
) -> Result<Router, tonic_reflection::server::Error> {
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<LabServiceServer<lab_service::LabApi<K>>>().await;
    health.set_serving::<ProbeServiceServer<probe_service::ProbeApi<K>>>().await;
    health.set_serving::<NetworkServiceServer<network_service::NetworkApi<K>>>().await;
    health.set_serving::<ConnectionServiceServer<connection_service::ConnectionApi<K>>>().await;
    health.set_serving::<FaultServiceServer<fault_service::FaultApi<K>>>().await;
    health.set_serving::<FirewallServiceServer<firewall_service::FirewallApi<K>>>().await;
    health.set_serving::<DaemonServiceServer<daemon_service::DaemonApi<K>>>().await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(fabric_proto::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()?;
    let labs = LabServiceServer::new(lab_service::LabApi { registry: registry.clone() });
    let probes = ProbeServiceServer::new(probe_service::ProbeApi {
        registry: registry.clone(),
        netns_dir: about.netns_dir.clone(),
    });
    let network = NetworkServiceServer::new(network_service::NetworkApi { registry: registry.clone() });
    let connections = ConnectionServiceServer::new(connection_service::ConnectionApi {
        registry: registry.clone(),
        netns_dir: about.netns_dir.clone(),
    });
    let faults = FaultServiceServer::new(fault_service::FaultApi { registry: registry.clone() });
    let firewalls = FirewallServiceServer::new(firewall_service::FirewallApi { registry: registry.clone() });
    let daemon = DaemonServiceServer::new(daemon_service::DaemonApi { registry, about, stop });
    Ok(Server::builder()
        .add_service(health_service)
        .add_service(reflection)
        .add_service(labs.max_decoding_message_size(MESSAGE_MAX).max_encoding_message_size(usize::MAX))
        .add_service(probes)
        .add_service(network)
        .add_service(connections)
        .add_service(faults)
        .add_service(firewalls)
        .add_service(daemon))
}
