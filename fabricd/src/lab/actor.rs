//! The owner of one lab: it alone changes it, one change after the other.
//!
//! Looking into a lab does not pass through here: probes take the published [`Lab`] and go.

use std::sync::Arc;

use fabric_core::{fault, kernel::Kernel, name::LabName};
use tokio::sync::{mpsc, oneshot, watch};

use super::{
    Change, ChangeError, ChangeEvent, DeleteEvent, FaultOutcome, Lab,
    goal::Goal,
    worker::{Caller, Worker, places},
};
use crate::{
    events::Events,
    health_probe::{Finding, HealthProbes},
    ledger::Ledger,
    program::{Launch, Programs},
    responder::Responder,
};

/// Changes that may wait for their turn before the next caller has to.
const QUEUE: usize = 8;

enum LabCommand {
    Change {
        change: Change,
        caller: Caller,
    },
    Delete {
        events: mpsc::Sender<DeleteEvent>,
    },
    Fault {
        namespace: String,
        change: fault::Change,
        outcome: oneshot::Sender<Result<FaultOutcome, ChangeError>>,
    },
}

/// How everybody else speaks to the owner of a lab.
#[derive(Clone)]
pub struct LabHandle {
    commands: mpsc::Sender<LabCommand>,
    state: watch::Receiver<Option<Arc<Lab>>>,
}

impl LabHandle {
    /// The lab as it is, if it is there.
    pub fn lab(&self) -> Option<Arc<Lab>> {
        self.state.borrow().clone()
    }

    /// Changes the lab, or makes it.
    pub async fn change(&self, change: Change) -> mpsc::Receiver<ChangeEvent> {
        let (caller, receiver) = mpsc::channel(64);
        // If the owner is gone its end of the channel is too, and the receiver sees the end.
        let _ = self.commands.send(LabCommand::Change { change, caller }).await;
        receiver
    }

    /// Makes a fault or lifts it; a pod's bare name is looked up in `namespace`.
    ///
    /// # Errors
    /// If there is no lab, the change makes no sense, or the kernel refuses.
    pub async fn fault(&self, namespace: String, change: fault::Change) -> Result<FaultOutcome, ChangeError> {
        let (outcome, receiver) = oneshot::channel();
        let _ = self.commands.send(LabCommand::Fault { namespace, change, outcome }).await;
        receiver.await.map_err(|_| ChangeError::Panicked)?
    }

    /// Takes the lab away. Ends with `Deleted` or `Failed`.
    pub async fn delete(&self) -> mpsc::Receiver<DeleteEvent> {
        let (events, receiver) = mpsc::channel(64);
        let _ = self.commands.send(LabCommand::Delete { events }).await;
        receiver
    }
}

/// A lab that is there and has no owner yet.
pub struct Recovered {
    pub generation: u64,
    pub goal: Goal,
}

/// What the owners of all labs share.
pub struct Shared<K> {
    pub kernel: Arc<K>,
    pub ledger: Arc<Ledger>,
    pub events: Arc<Events>,
    pub responder: Arc<Responder>,
    pub launch: Arc<dyn Launch>,
}

/// Reports of probes that may wait.
const REPORTS: usize = 1;

/// Starts the owner of the lab `name`, which has `lab` at the moment, and gives the way to it. Blocking where
/// that lab has programs to be started again.
pub fn start<K: Kernel>(shared: &Shared<K>, name: LabName, lab: Option<Recovered>) -> LabHandle {
    let (commands, receiver) = mpsc::channel(QUEUE);
    let open = lab.as_ref().map(|lab| places(&lab.goal.blueprint)).unwrap_or_default();
    let (open_places, open) = watch::channel(open);
    let programs = Arc::new(Programs::new(shared.launch.clone()));
    let (report, reports) = mpsc::channel(REPORTS);
    let health_probes = HealthProbes::new(report);
    let lab = lab.map(|Recovered { generation, goal }| {
        programs.run(&*shared.kernel, &goal.topology, goal.programs(), &open);
        health_probes.run(&shared.kernel, &goal.topology, &programs, &places(&goal.blueprint));
        Arc::new(goal.reached(generation, open, programs.clone()))
    });
    let (publish, state) = watch::channel(lab);
    let worker = Worker {
        kernel: shared.kernel.clone(),
        ledger: shared.ledger.clone(),
        happened: shared.events.clone(),
        responder: shared.responder.clone(),
        name,
        publish,
        open_places,
        programs,
        health_probes,
    };
    tokio::spawn(run(Arc::new(worker), receiver, reports));
    LabHandle { commands, state }
}

async fn run<K: Kernel>(
    worker: Arc<Worker<K>>,
    mut commands: mpsc::Receiver<LabCommand>,
    mut reports: mpsc::Receiver<Vec<Finding>>,
) {
    loop {
        let command = tokio::select! {
            command = commands.recv() => match command {
                Some(command) => command,
                None => return,
            },
            Some(findings) = reports.recv() => {
                // Nobody waits for what comes of it.
                let (caller, _) = mpsc::channel(1);
                LabCommand::Change { change: Change::Probed { findings }, caller }
            }
        };
        let worker_of_this = worker.clone();
        // The kernel's answers are waited for on a thread outside the runtime's own.
        let work = tokio::task::spawn_blocking(move || carry_out(&worker_of_this, command));
        if let Err(error) = work.await {
            tracing::error!(lab = %worker.name, %error, "a change panicked");
        }
    }
}

fn carry_out<K: Kernel>(worker: &Worker<K>, command: LabCommand) {
    match command {
        LabCommand::Change { change, caller } => {
            let last = worker.change(change, &caller).unwrap_or_else(ChangeEvent::Failed);
            if let ChangeEvent::Failed(error) = &last {
                tracing::warn!(lab = %worker.name, %error, "a change failed");
            }
            let _ = caller.blocking_send(last);
        }
        LabCommand::Fault { namespace, change, outcome } => {
            let result = worker.fault(&namespace, &change);
            if let Err(error) = &result {
                tracing::warn!(lab = %worker.name, %error, "a fault was not changed");
            }
            let _ = outcome.send(result);
        }
        LabCommand::Delete { events } => {
            let last = worker.delete(&events).unwrap_or_else(DeleteEvent::Failed);
            let _ = events.blocking_send(last);
        }
    }
}
