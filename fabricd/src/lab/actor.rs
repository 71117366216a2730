//! The owner of one lab: it alone changes it, one change after the other.
//!
//! Looking into a lab does not pass through here: probes take the published [`Lab`] and go.

use std::{collections::BTreeSet, sync::Arc, time::Instant};

use fabric_core::{
    blueprint::{self, Blueprint},
    event::{self, Event, Reason},
    kernel::Kernel,
    name::LabName,
    place::Place,
    plan::{self, Action, Plan},
    spec::Source,
    topology::Topology,
};
use tokio::sync::{mpsc, watch};

use super::{Lab, ReconcileError, reconcile, reconcile::carry_out};
use crate::{
    events::Events,
    ledger::{Intent, Ledger, LedgerError},
};

/// Changes that may wait for their turn before the next caller has to.
const QUEUE: usize = 8;

/// What a caller hears of an apply.
#[derive(Debug)]
pub enum ApplyEvent {
    /// What is to be done; `text` only if it was asked for and is all there is.
    Planned {
        /// Objects to make.
        create: usize,
        /// Objects to change.
        change: usize,
        /// Objects to take away.
        remove: usize,
        /// The plan, a line a step.
        text: Option<String>,
    },
    /// Steps done, and steps in all.
    Progress(usize, usize),
    /// The lab is as wanted.
    Applied {
        /// Its generation now.
        generation: u64,
        /// Whether anything was done.
        changed: bool,
        /// Whether the lab is new.
        created: bool,
        /// How long it took, in milliseconds.
        milliseconds: u64,
    },
    /// It is not, and is again what it was, unless the error says more.
    Failed(ChangeError),
}

/// What a caller hears of a delete.
#[derive(Debug)]
pub enum DeleteEvent {
    /// Steps done, and steps in all.
    Progress(usize, usize),
    /// The lab is gone; the time it took, in milliseconds.
    Deleted(u64),
    /// Parts of it are still there.
    Failed(ChangeError),
}

/// Why a change did not happen.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// There is no such lab.
    #[error("there is no lab `{0}`")]
    NotFound(LabName),
    /// The kernel refused, and the lab was brought back to what it was.
    #[error("nothing was changed: {0}")]
    Refused(ReconcileError),
    /// The kernel refused to take something away, or to bring the lab back.
    #[error("the lab is incomplete now: {0}")]
    Incomplete(ReconcileError),
    /// The intent could not be written down, so nothing was begun.
    #[error("nothing was changed: {0}")]
    Ledger(#[from] LedgerError),
    /// A thread of the daemon has panicked.
    #[error("the daemon has a bug; its log says more")]
    Panicked,
}

enum LabCommand {
    Apply { sources: Vec<Source>, topology: Box<Topology>, dry_run: bool, events: mpsc::Sender<ApplyEvent> },
    Delete { events: mpsc::Sender<DeleteEvent> },
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

    /// Makes the lab what `topology`, resolved from `sources`, says. Ends with `Applied`, `Failed`, or
    /// with `dry_run` after `Planned`.
    pub async fn apply(
        &self,
        sources: Vec<Source>,
        topology: Topology,
        dry_run: bool,
    ) -> mpsc::Receiver<ApplyEvent> {
        let (events, receiver) = mpsc::channel(64);
        let topology = Box::new(topology);
        // If the owner is gone its end of the channel is too, and the receiver sees the end.
        let _ = self.commands.send(LabCommand::Apply { sources, topology, dry_run, events }).await;
        receiver
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
    pub sources: Vec<Source>,
    pub topology: Topology,
    pub blueprint: Blueprint,
}

fn places(blueprint: &Blueprint) -> Arc<BTreeSet<Place>> {
    Arc::new(blueprint.places.keys().cloned().collect())
}

/// Starts the owner of the lab `name`, which has `lab` at the moment, and gives the way to it.
pub fn start<K: Kernel>(
    kernel: Arc<K>,
    ledger: Arc<Ledger>,
    happened: Arc<Events>,
    name: LabName,
    lab: Option<Recovered>,
) -> LabHandle {
    let (commands, receiver) = mpsc::channel(QUEUE);
    let places = lab.as_ref().map(|lab| places(&lab.blueprint)).unwrap_or_default();
    let (open_places, open) = watch::channel(places);
    let lab = lab.map(|recovered| {
        let Recovered { generation, sources, topology, blueprint } = recovered;
        Arc::new(Lab { generation, sources, topology, blueprint, open_places: open })
    });
    let (publish, state) = watch::channel(lab);
    tokio::spawn(LabActor { kernel, ledger, happened, name, publish, open_places }.run(receiver));
    LabHandle { commands, state }
}

struct LabActor<K> {
    kernel: Arc<K>,
    ledger: Arc<Ledger>,
    /// Where everybody hears what has happened.
    happened: Arc<Events>,
    name: LabName,
    publish: watch::Sender<Option<Arc<Lab>>>,
    /// What runs in a place that is not among these ends.
    open_places: watch::Sender<Arc<BTreeSet<Place>>>,
}

impl<K: Kernel> LabActor<K> {
    async fn run(self, mut commands: mpsc::Receiver<LabCommand>) {
        let actor = Arc::new(self);
        while let Some(command) = commands.recv().await {
            let worker = actor.clone();
            // The kernel's answers are waited for on a thread outside the runtime's own.
            let work = tokio::task::spawn_blocking(move || worker.carry_out(command));
            if let Err(error) = work.await {
                tracing::error!(lab = %actor.name, %error, "a change panicked");
            }
        }
    }

    fn carry_out(&self, command: LabCommand) {
        match command {
            LabCommand::Apply { sources, topology, dry_run, events } => {
                let last = self
                    .apply(sources, *topology, dry_run, &events)
                    .unwrap_or_else(|error| Some(ApplyEvent::Failed(error)));
                if let Some(ApplyEvent::Failed(error)) = &last {
                    tracing::warn!(lab = %self.name, %error, "apply failed");
                    if !dry_run {
                        self.tell(Reason::ApplyFailed, error);
                    }
                }
                if let Some(last) = last {
                    let _ = events.blocking_send(last);
                }
            }
            LabCommand::Delete { events } => {
                let last = self.delete(&events).unwrap_or_else(DeleteEvent::Failed);
                if let DeleteEvent::Failed(error @ (ChangeError::Incomplete(_) | ChangeError::Ledger(_))) = &last
                {
                    self.tell(Reason::DeleteFailed, error);
                }
                let _ = events.blocking_send(last);
            }
        }
    }

    fn tell(&self, reason: Reason, error: &ChangeError) {
        self.happened.publish(&self.name, [Event::of_lab(&self.name, reason, error.to_string())]);
    }

    fn apply(
        &self,
        sources: Vec<Source>,
        topology: Topology,
        dry_run: bool,
        events: &mpsc::Sender<ApplyEvent>,
    ) -> Result<Option<ApplyEvent>, ChangeError> {
        let begun = Instant::now();
        let before = self.publish.borrow().clone();
        let nothing = Blueprint::default();
        let owned = before.as_ref().map_or(&nothing, |lab| &lab.blueprint);
        let wanted = blueprint::draw(&topology, self.kernel.machine());
        let observed = self.kernel.observe(&self.name).map_err(|error| ChangeError::Refused(error.into()))?;
        let plan = plan::between(&observed, owned, &wanted);
        let (planned, steps, counts) = (planned(&plan, dry_run), plan.len(), counts(&plan));
        if dry_run {
            return Ok(Some(planned));
        }
        let _ = events.try_send(planned);
        let unchanged = plan.is_empty() && before.as_ref().is_some_and(|lab| lab.sources == sources);
        let generation = before.as_ref().map_or(0, |lab| lab.generation) + u64::from(!unchanged);
        if !unchanged {
            let intent = Intent {
                lab: self.name.clone(),
                generation,
                wanted: Some(sources.clone()),
                before: before.as_ref().map(|lab| lab.sources.clone()),
            };
            self.ledger.write(&intent)?;
            let progress = |done, total| {
                // A caller who does not listen misses steps, and holds nothing up.
                let _ = events.try_send(ApplyEvent::Progress(done, total));
            };
            self.open_places.send_replace(places(&wanted));
            let result = carry_out(&*self.kernel, &self.name, plan, owned, &wanted, &progress);
            if let Err(error) = result {
                return Err(self.go_back(&wanted, before.as_deref(), error));
            }
            self.ledger.write(&Intent { before: None, ..intent })?;
        }
        let created = before.is_none();
        let milliseconds = milliseconds_since(begun);
        tracing::info!(lab = %self.name, generation, steps, milliseconds, "applied");
        if !unchanged {
            let mut told = before.map_or_else(Vec::new, |lab| event::difference(&lab.topology, &topology));
            let counts = counts.map(|count| u64::try_from(count).unwrap_or(u64::MAX));
            told.push(Event::applied(&self.name, created, counts, generation, milliseconds));
            self.happened.publish(&self.name, told);
        }
        let open_places = self.open_places.subscribe();
        let lab = Lab { generation, sources, topology, blueprint: wanted, open_places };
        self.publish.send_replace(Some(Arc::new(lab)));
        Ok(Some(ApplyEvent::Applied { generation, changed: !unchanged, created, milliseconds }))
    }

    /// Brings the lab back to `before` after `error`.
    fn go_back(&self, tried: &Blueprint, before: Option<&Lab>, error: ReconcileError) -> ChangeError {
        let nothing = Blueprint::default();
        let wanted = before.map_or(&nothing, |lab| &lab.blueprint);
        self.open_places.send_replace(places(wanted));
        if let Err(second) = reconcile(&*self.kernel, &self.name, tried, wanted, &|_, _| {}) {
            tracing::error!(lab = %self.name, error = %second, "cannot bring the lab back");
            return ChangeError::Incomplete(error);
        }
        let written = match before {
            None => self.ledger.remove(&self.name),
            Some(lab) => self.ledger.write(&Intent {
                lab: self.name.clone(),
                generation: lab.generation,
                wanted: Some(lab.sources.clone()),
                before: None,
            }),
        };
        match written {
            Ok(()) => ChangeError::Refused(error),
            Err(error) => ChangeError::Ledger(error),
        }
    }

    fn delete(&self, events: &mpsc::Sender<DeleteEvent>) -> Result<DeleteEvent, ChangeError> {
        let begun = Instant::now();
        let Some(lab) = self.publish.borrow().clone() else {
            return Err(ChangeError::NotFound(self.name.clone()));
        };
        self.ledger.write(&Intent {
            lab: self.name.clone(),
            generation: lab.generation,
            wanted: None,
            before: Some(lab.sources.clone()),
        })?;
        let progress = |done, total| {
            let _ = events.try_send(DeleteEvent::Progress(done, total));
        };
        self.open_places.send_replace(Arc::default());
        reconcile(&*self.kernel, &self.name, &lab.blueprint, &Blueprint::default(), &progress)
            .map_err(ChangeError::Incomplete)?;
        self.ledger.remove(&self.name)?;
        self.publish.send_replace(None);
        let milliseconds = milliseconds_since(begun);
        tracing::info!(lab = %self.name, milliseconds, "deleted");
        self.happened.publish(&self.name, [Event::deleted(&self.name, milliseconds)]);
        Ok(DeleteEvent::Deleted(milliseconds))
    }
}

fn planned(plan: &Plan, with_text: bool) -> ApplyEvent {
    let [create, change, remove] = counts(plan);
    ApplyEvent::Planned { create, change, remove, text: with_text.then(|| plan.to_string()) }
}

/// Objects to make, to change and to take away.
fn counts(plan: &Plan) -> [usize; 3] {
    [Action::Create, Action::Replace, Action::Remove]
        .map(|action| plan.steps().filter(|(_, step)| step.action == action).count())
}

fn milliseconds_since(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX)
}
