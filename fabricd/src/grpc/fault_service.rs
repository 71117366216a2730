//! Making faults and lifting them.

use std::sync::Arc;

use fabric_core::{
    fault::{Change, LinkChange, Settings},
    kernel::Kernel,
};
use fabric_proto::v1::{self, change_fault_request, fault_service_server::FaultService};
use tonic::{Request, Response, Status};

use super::status::{ToStatus, missing};
use crate::lab::{FaultOutcome, Registry};

pub struct FaultApi<K> {
    pub registry: Arc<Registry<K>>,
}

#[tonic::async_trait]
impl<K: Kernel> FaultService for FaultApi<K> {
    async fn change(
        &self,
        request: Request<v1::ChangeFaultRequest>,
    ) -> Result<Response<v1::ChangeFaultResponse>, Status> {
        let v1::ChangeFaultRequest { target, change } = request.into_inner();
        let v1::Target { lab, namespace, name } = target.ok_or_else(|| missing("target"))?;
        let change = wanted(name, change.ok_or_else(|| missing("change"))?);
        let namespace = if namespace.is_empty() { "default".to_owned() } else { namespace };
        let lab = self.registry.select(&lab).map_err(|error| error.to_status())?;
        let handle = self.registry.handle(&lab.topology.lab);
        let outcome = handle.fault(namespace, change).await.map_err(|error| error.to_status())?;
        let FaultOutcome { subject, state, changed, notes } = outcome;
        Ok(Response::new(v1::ChangeFaultResponse { subject, state, changed, notes }))
    }
}

fn wanted(name: String, change: change_fault_request::Change) -> Change {
    use change_fault_request::Change as Asked;
    let change = match change {
        Asked::MachineStop(v1::MachineStop {}) => return Change::Machine { name, runs: false },
        Asked::MachineStart(v1::MachineStart {}) => return Change::Machine { name, runs: true },
        Asked::LinkDown(v1::LinkDown {}) => LinkChange::Down,
        Asked::LinkUp(v1::LinkUp {}) => LinkChange::Up,
        Asked::LinkClear(v1::LinkClear {}) => LinkChange::Clear,
        Asked::LinkSet(set) => {
            let v1::LinkSet {
                delay_microseconds,
                jitter_microseconds,
                loss_per_million,
                rate_bits_per_second,
            } = set;
            LinkChange::Set(Settings {
                delay: delay_microseconds,
                jitter: jitter_microseconds,
                loss: loss_per_million,
                rate: rate_bits_per_second,
            })
        }
    };
    Change::Link { end: name, change }
}
