//! A daemon with one lab of a few canned objects.

use std::{path::PathBuf, pin::Pin};

use crate::{fake_connections::CannedConnections, fake_labs::CannedLabs, fake_probes::CannedProbes};
use fabric_proto::v1::{
    connection_service_server::ConnectionServiceServer,
    daemon_service_server::{DaemonService, DaemonServiceServer},
    fault_service_server::{FaultService, FaultServiceServer},
    lab_service_server::LabServiceServer,
    network_service_server::{NetworkService, NetworkServiceServer},
    probe_service_server::ProbeServiceServer,
    *,
};
use tempfile::TempDir;
use tokio::{net::UnixListener, runtime::Runtime};
use tokio_stream::{Stream, wrappers::UnixListenerStream};
use tonic::{Request, Response, Status, transport::Server};

/// Runs until it is dropped.
pub struct Fake {
    directory: TempDir,
    _runtime: Runtime,
}

impl Fake {
    pub fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let runtime = Runtime::new().unwrap();
        let socket = directory.path().join("fabricd.sock");
        let listener = {
            let _inside = runtime.enter();
            UnixListener::bind(&socket).unwrap()
        };
        runtime.spawn(
            Server::builder()
                .add_service(LabServiceServer::new(CannedLabs))
                .add_service(ProbeServiceServer::new(CannedProbes))
                .add_service(NetworkServiceServer::new(Canned))
                .add_service(DaemonServiceServer::new(Canned))
                .add_service(FaultServiceServer::new(Canned))
                .add_service(ConnectionServiceServer::new(CannedConnections))
                .serve_with_incoming(UnixListenerStream::new(listener)),
        );
        Self { directory, _runtime: runtime }
    }

    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("fabricd.sock")
    }

    /// A new file in a directory of its own.
    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    pub fn path(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().unwrap().to_owned()
    }
}

struct Canned;

pub type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

pub fn answers<T: Send + 'static>(all: Vec<Result<T, Status>>) -> Response<Answers<T>> {
    Response::new(Box::pin(tokio_stream::iter(all)))
}

#[tonic::async_trait]
impl NetworkService for Canned {
    /// Five rows, one of each look; the target is told back.
    async fn effective_routes(
        &self,
        request: Request<EffectiveRoutesRequest>,
    ) -> Result<Response<EffectiveRoutesResponse>, Status> {
        let Target { lab, namespace, name } = request.into_inner().target.unwrap();
        if name == "machine/server" {
            return Err(Status::invalid_argument("`machine/server` has no Azure network interface"));
        }
        let route = |source: &str, state: &str, prefix: &str, hop: [&str; 2], name: &str, origin: &str| {
            let [next_hop_type, next_hop_ip_address] = hop.map(str::to_owned);
            EffectiveRoute {
                source: source.into(),
                state: state.into(),
                address_prefix: prefix.into(),
                next_hop_type,
                next_hop_ip_address,
                name: name.into(),
                disable_bgp_route_propagation: true,
                origin: origin.into(),
            }
        };
        let gateway = ["VirtualNetworkGateway", "10.225.0.4"];
        let routes = vec![
            route("Default", "Active", "10.224.0.0/12", ["VnetLocal", ""], "", "systemRoute/aks-vnet"),
            route(
                "VirtualNetworkGateway",
                "Active",
                "10.1.0.0/16",
                gateway,
                "",
                "virtualNetworkGateway/vpn/site",
            ),
            route("Default", "Invalid", "0.0.0.0/0", ["Internet", ""], "", "systemRoute/aks-vnet"),
            route(
                "User",
                "Active",
                "0.0.0.0/0",
                ["VirtualAppliance", "10.0.1.4"],
                "all",
                "routeTable/rt/all",
            ),
        ];
        let notes = vec![format!("asked about {lab}:{namespace}:{name}")];
        Ok(Response::new(EffectiveRoutesResponse { network_interface: "n0".into(), routes, notes }))
    }

    /// By an appliance; to 8.8.8.8 the system's way.
    async fn next_hop(&self, request: Request<NextHopRequest>) -> Result<Response<NextHopResponse>, Status> {
        let NextHopRequest { source, destination } = request.into_inner();
        let Target { lab, namespace, name } = source.unwrap();
        let notes = vec![format!("asked about {lab}:{namespace}:{name} to {destination}")];
        let answer = |next_hop_type: &str, address: &str, table: &str, prefix: &str, origin: &str, notes| {
            Ok(Response::new(NextHopResponse {
                next_hop_type: next_hop_type.into(),
                next_hop_ip_address: address.into(),
                route_table_id: table.into(),
                address_prefix: prefix.into(),
                origin: origin.into(),
                notes,
            }))
        };
        match destination.as_str() {
            "8.8.8.8" => answer("Internet", "", "System Route", "0.0.0.0/0", "systemRoute/aks-vnet", vec![]),
            "10.9.9.9" => {
                answer("None", "", "System Route", "", "", vec!["no effective route matches".into()])
            }
            _ => answer("VirtualAppliance", "10.0.1.4", "/rt", "10.0.0.0/8", "routeTable/rt/all", notes),
        }
    }
}

#[tonic::async_trait]
impl FaultService for Canned {
    /// Says what it was asked; a target `again` is so already.
    async fn change(
        &self,
        request: Request<ChangeFaultRequest>,
    ) -> Result<Response<ChangeFaultResponse>, Status> {
        let ChangeFaultRequest { target, change } = request.into_inner();
        let Target { lab, namespace, name } = target.unwrap();
        if name == "nowhere" {
            return Err(Status::not_found("lab `kubenet` has no `nowhere`"));
        }
        let notes = if name == "underlay" { vec!["it is below the VNets".into()] } else { vec![] };
        let changed = name != "again";
        let subject = format!("{lab}:{namespace}:{name}");
        Ok(Response::new(ChangeFaultResponse {
            subject,
            state: format!("{:?}", change.unwrap()),
            changed,
            notes,
        }))
    }
}

#[tonic::async_trait]
impl DaemonService for Canned {
    async fn status(&self, _: Request<StatusRequest>) -> Result<Response<StatusResponse>, Status> {
        let labs = vec!["kubenet".into()];
        Ok(Response::new(StatusResponse {
            version: "0.1.0".into(),
            pid: 42,
            mode: DaemonMode::Private.into(),
            labs,
        }))
    }

    async fn doctor(&self, _: Request<DoctorRequest>) -> Result<Response<DoctorResponse>, Status> {
        let check = |name: &str, result: CheckResult, advice: &str| Check {
            name: name.into(),
            result: result.into(),
            found: "something".into(),
            advice: advice.into(),
        };
        let checks =
            vec![check("iptables", CheckResult::Ok, ""), check("ping", CheckResult::Failed, "install it")];
        Ok(Response::new(DoctorResponse { checks }))
    }

    async fn stop(&self, _: Request<StopRequest>) -> Result<Response<StopResponse>, Status> {
        Err(Status::failed_precondition("this is the system daemon; use `systemctl stop fabricd`"))
    }
}
