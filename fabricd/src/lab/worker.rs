//! One change of one lab, from what is asked to what came of it.

use std::{collections::BTreeSet, sync::Arc, time::Instant};

use fabric_core::{
    blueprint::Blueprint,
    event::{self, Event, Reason},
    kernel::Kernel,
    name::LabName,
    place::Place,
    plan::{self, Action, Observed, Plan},
    spec::{Diagnostic, Reading, Source},
    topology::{Rollout, Standing},
};
use tokio::sync::{mpsc, watch};

use super::{
    Change, ChangeError, ChangeEvent, DeleteEvent, Lab, ReconcileError,
    goal::Goal,
    reconcile::{self, carry_out, reconcile},
};
use crate::{
    events::Events,
    health_probe::HealthProbes,
    ledger::{Intent, Ledger},
    program::Programs,
    responder::Responder,
};

/// What a plan was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// All that the kernel has.
    All,
    /// What it has if nobody has touched it.
    Nothing,
}

/// What changes one lab, one change after the other.
pub(super) struct Worker<K> {
    pub kernel: Arc<K>,
    pub ledger: Arc<Ledger>,
    /// Where everybody hears what has happened.
    pub happened: Arc<Events>,
    /// Who answers for the lab's servers.
    pub responder: Arc<Responder>,
    pub name: LabName,
    pub publish: watch::Sender<Option<Arc<Lab>>>,
    /// What runs in a place that is not among these ends.
    pub open_places: watch::Sender<Arc<BTreeSet<Place>>>,
    /// What runs in the places as long as the lab does.
    pub programs: Arc<Programs>,
    /// Who asks whether its pods and nodes are well.
    pub health_probes: HealthProbes,
}

/// The way to whoever asked for a change.
pub(super) type Caller = mpsc::Sender<ChangeEvent>;

impl<K: Kernel> Worker<K> {
    /// Carries a change out; the last thing that its caller is to hear comes back.
    pub fn change(&self, change: Change, caller: &Caller) -> Result<ChangeEvent, ChangeError> {
        match change {
            Change::Apply { sources, reading, dry_run } => self.apply(sources, reading, dry_run, caller),
            Change::Verify { repair } => self.verify(repair, caller),
            Change::RestartNode { node } => self.restart_node(&node, caller),
            Change::ScaleAgentPool { agent_pool, count } => self.scale(&agent_pool, count, caller),
            Change::ScaleDeployment { deployment, replicas } => {
                self.scale_deployment(&deployment, replicas, caller)
            }
            Change::Expose { exposure, dry_run } => self.expose(&exposure, dry_run, caller),
            Change::UpgradeAgentPool { agent_pool, kubernetes_version } => {
                self.upgrade(&agent_pool, kubernetes_version.as_deref(), caller)
            }
            Change::SetPodReady { pod, ready } => self.set_pod_ready(&pod, ready),
            Change::Probed { findings } => self.probed(&findings),
        }
    }

    fn apply(
        &self,
        sources: Vec<Source>,
        reading: Option<Box<Reading>>,
        dry_run: bool,
        caller: &Caller,
    ) -> Result<ChangeEvent, ChangeError> {
        let begun = Instant::now();
        let before = self.publish.borrow().clone();
        let goal = match &before {
            // The same files are the same lab, whatever they are called.
            Some(lab) if says_the_same(&lab.sources, &sources) => Goal::of(lab),
            _ => {
                let reading = reading.unwrap_or_else(|| Box::new(Reading::of(&sources)));
                match self.goal((sources, &reading), before.as_deref(), &Rollout::default()) {
                    Ok(goal) => goal,
                    Err(diagnostics) => return Ok(ChangeEvent::Rejected(diagnostics)),
                }
            }
        };
        let nothing = Blueprint::default();
        let (owned, have) =
            before.as_ref().map_or((&nothing, &nothing), |lab| (&*lab.owned, &*lab.blueprint));
        let created = before.is_none();
        let same = before.as_ref().is_some_and(|lab| says_the_same(&lab.sources, &goal.sources));
        // The same files again are a wish to have it mended; other files are a wish for the difference.
        let seen = if same || created || dry_run { Seen::All } else { Seen::Nothing };
        let observed = match seen {
            Seen::All => self.observe()?,
            Seen::Nothing => Observed::of(have),
        };
        let plan = plan::between(&observed, owned, &goal.blueprint);
        let planned = planned(&plan, dry_run);
        if dry_run {
            return Ok(planned);
        }
        let _ = caller.try_send(planned);
        if plan.is_empty() && same {
            self.answer(&goal);
            let generation = before.as_ref().map_or(0, |lab| lab.generation);
            let milliseconds = milliseconds_since(begun);
            return Ok(ChangeEvent::Applied { generation, changed: false, created, milliseconds });
        }
        let generation = self.reach(goal, (plan, seen), before, caller)?;
        Ok(ChangeEvent::Applied {
            generation,
            changed: true,
            created,
            milliseconds: milliseconds_since(begun),
        })
    }

    /// What the files mean for this lab.
    pub(super) fn goal(
        &self,
        (sources, reading): (Vec<Source>, &Reading),
        before: Option<&Lab>,
        rollout: &Rollout,
    ) -> Result<Goal, Vec<Diagnostic>> {
        let standing = before.map(|lab| Standing::of(&lab.topology)).unwrap_or_default();
        let topology = reading.onto(&sources, &standing, rollout)?;
        let faults = before.map(|lab| lab.faults.clone()).unwrap_or_default();
        Ok(Goal::new(sources, Arc::new(topology), faults, self.kernel.machine()))
    }

    /// Makes the lab what `goal` says, by way of `plan`; gives its new generation.
    ///
    /// If the kernel refuses, the lab is brought back to what it was `before`. Everybody hears of either.
    pub(super) fn reach(
        &self,
        goal: Goal,
        plan: (Plan, Seen),
        before: Option<Arc<Lab>>,
        caller: &Caller,
    ) -> Result<u64, ChangeError> {
        let result = self.try_to_reach(goal, plan, before, caller);
        result.inspect_err(|error| self.tell_failure(Reason::ApplyFailed, error))
    }

    fn try_to_reach(
        &self,
        goal: Goal,
        (plan, seen): (Plan, Seen),
        before: Option<Arc<Lab>>,
        caller: &Caller,
    ) -> Result<u64, ChangeError> {
        let begun = Instant::now();
        self.check_programs(&goal)?;
        let nothing = Blueprint::default();
        let owned = before.as_ref().map_or(&nothing, |lab| &*lab.owned);
        let generation = before.as_ref().map_or(0, |lab| lab.generation) + 1;
        let (steps, counts) = (plan.len(), counts(&plan));
        let intent = Intent {
            lab: self.name.clone(),
            generation,
            wanted: Some(goal.design()),
            before: before.as_ref().map(|lab| lab.design()),
        };
        self.ledger.write(&intent)?;
        let progress = |done, total| {
            // A caller who does not listen misses steps, and holds nothing up.
            let _ = caller.try_send(ChangeEvent::Progress(done, total));
        };
        self.leave(Some(&goal));
        let (kernel, wanted) = (&*self.kernel, &*goal.blueprint);
        let result = match seen {
            Seen::All => carry_out(kernel, &self.name, plan, owned, wanted, &progress),
            Seen::Nothing => reconcile::change(kernel, &self.name, &plan, owned, wanted, &progress),
        };
        if let Err(error) = result {
            return Err(self.go_back(&goal.owned, before.as_deref(), error));
        }
        self.answer(&goal);
        self.ledger.write(&Intent { before: None, ..intent })?;
        let milliseconds = milliseconds_since(begun);
        tracing::info!(lab = %self.name, generation, steps, milliseconds, "applied");
        let told = before.as_ref().map(|lab| event::difference(&lab.topology, &goal.topology));
        let counts = counts.map(|count| u64::try_from(count).unwrap_or(u64::MAX));
        let applied = Event::applied(&self.name, before.is_none(), counts, generation, milliseconds);
        let lab = goal.reached(generation, self.open_places.subscribe(), self.programs.clone());
        self.publish.send_replace(Some(Arc::new(lab)));
        self.tell(told.unwrap_or_default().into_iter().chain([applied]));
        Ok(generation)
    }

    /// Brings the lab back to `before` after `error`.
    pub(super) fn go_back(
        &self,
        tried: &Blueprint,
        before: Option<&Lab>,
        error: ReconcileError,
    ) -> ChangeError {
        let nothing = Blueprint::default();
        let wanted = before.map_or(&nothing, |lab| &*lab.blueprint);
        let goal = before.map(Goal::of);
        self.leave(goal.as_ref());
        if let Err(second) = reconcile(&*self.kernel, &self.name, tried, wanted, &|_, _| {}) {
            tracing::error!(lab = %self.name, error = %second, "cannot bring the lab back");
            return ChangeError::Incomplete(error);
        }
        if let Some(goal) = &goal {
            self.answer(goal);
        }
        let written = match before {
            None => self.ledger.remove(&self.name),
            Some(lab) => self.ledger.write(&Intent {
                lab: self.name.clone(),
                generation: lab.generation,
                wanted: Some(lab.design()),
                before: None,
            }),
        };
        match written {
            Ok(()) => ChangeError::Refused(error),
            Err(error) => ChangeError::Ledger(error),
        }
    }

    fn verify(&self, repair: bool, caller: &Caller) -> Result<ChangeEvent, ChangeError> {
        let begun = Instant::now();
        let lab = self.running()?;
        let plan = plan::between(&self.observe()?, &lab.owned, &lab.blueprint);
        let planned = planned(&plan, true);
        if !repair {
            return Ok(planned);
        }
        let _ = caller.blocking_send(planned);
        let changed = !plan.is_empty();
        let generation = lab.generation;
        if changed {
            let progress = |done, total| {
                let _ = caller.try_send(ChangeEvent::Progress(done, total));
            };
            carry_out(&*self.kernel, &self.name, plan, &lab.owned, &lab.blueprint, &progress)
                .map_err(ChangeError::Incomplete)?;
        }
        self.answer(&Goal::of(&lab));
        let milliseconds = milliseconds_since(begun);
        Ok(ChangeEvent::Applied { generation, changed, created: false, milliseconds })
    }

    /// Takes the lab away.
    pub fn delete(&self, events: &mpsc::Sender<DeleteEvent>) -> Result<DeleteEvent, ChangeError> {
        let begun = Instant::now();
        let lab = self.running()?;
        self.ledger.write(&Intent {
            lab: self.name.clone(),
            generation: lab.generation,
            wanted: None,
            before: Some(lab.design()),
        })?;
        let progress = |done, total| {
            let _ = events.try_send(DeleteEvent::Progress(done, total));
        };
        self.leave(None);
        reconcile(&*self.kernel, &self.name, &lab.owned, &Blueprint::default(), &progress)
            .map_err(ChangeError::Incomplete)
            .inspect_err(|error| self.tell_failure(Reason::DeleteFailed, error))?;
        self.ledger.remove(&self.name)?;
        self.publish.send_replace(None);
        let milliseconds = milliseconds_since(begun);
        tracing::info!(lab = %self.name, milliseconds, "deleted");
        self.tell([Event::deleted(&self.name, milliseconds)]);
        Ok(DeleteEvent::Deleted(milliseconds))
    }

    /// Lets everybody hear what has happened.
    pub(super) fn tell(&self, events: impl IntoIterator<Item = Event>) {
        self.happened.publish(&self.name, events);
    }

    fn tell_failure(&self, reason: Reason, error: &ChangeError) {
        self.tell([Event::of_lab(&self.name, reason, error.to_string())]);
    }

    /// The lab, which must be there.
    pub(super) fn running(&self) -> Result<Arc<Lab>, ChangeError> {
        self.publish.borrow().clone().ok_or_else(|| ChangeError::NotFound(self.name.clone()))
    }
}

/// Whether two lists of files have the same texts.
pub(super) fn says_the_same(some: &[Source], others: &[Source]) -> bool {
    some.iter().map(|source| &source.text).eq(others.iter().map(|source| &source.text))
}

/// The places of a blueprint.
pub(super) fn places(blueprint: &Blueprint) -> Arc<BTreeSet<Place>> {
    Arc::new(blueprint.places.keys().cloned().collect())
}

pub(super) fn planned(plan: &Plan, with_text: bool) -> ChangeEvent {
    let [create, change, remove] = counts(plan);
    ChangeEvent::Planned { create, change, remove, text: with_text.then(|| plan.to_string()) }
}

/// Objects to make, to change and to take away.
fn counts(plan: &Plan) -> [usize; 3] {
    [Action::Create, Action::Replace, Action::Remove]
        .map(|action| plan.steps().filter(|(_, step)| step.action == action).count())
}

pub(super) fn milliseconds_since(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX)
}
