//! From what the kernel has to what is wanted: the one path for apply, change, delete and recovery.

use std::{fmt, time::Instant};

use fabric_core::{
    blueprint::Blueprint,
    kernel::{Kernel, KernelError, StepError},
    name::{IfName, LabName},
    object::{Key, Object},
    place::Place,
    plan::{self, Action, Observed, Plan, Step},
};

/// Rounds of looking and doing. One does; the others are for what changed meanwhile.
const ROUNDS: usize = 3;

/// Why the kernel does not have what is wanted.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// It could not be read.
    #[error("cannot see what the kernel has")]
    Observe(#[from] KernelError),
    /// It refused steps.
    #[error("{}", Refused(.0))]
    Execute(Vec<StepError>),
    /// It took all steps, and still has something else.
    #[error("the kernel took every step, and still this differs:\n{0}")]
    StillDiffers(Plan),
}

/// The first refused steps, with what the kernel said.
struct Refused<'a>(&'a [StepError]);

impl fmt::Display for Refused<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 5;
        for (number, error) in self.0.iter().take(SHOWN).enumerate() {
            let separator = if number == 0 { "" } else { "\n" };
            write!(f, "{separator}{error}: {}", error.source)?;
        }
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

/// Turns what the kernel has of `lab` into `wanted`. `owned` holds all that this lab may have made;
/// see [`plan::between`]. `progress` is called with the steps done and the steps in all, once for each
/// percent at most: whoever listens takes a core from those who work.
///
/// Blocking, so for a thread of its own. Gives back the number of steps that were needed.
///
/// # Errors
/// If the kernel refuses, or is changed by somebody else all the while. What was done stays done.
pub fn reconcile<K: Kernel>(
    kernel: &K,
    lab: &LabName,
    owned: &Blueprint,
    wanted: &Blueprint,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<usize, ReconcileError> {
    let plan = plan::between(&kernel.observe(lab)?, owned, wanted);
    carry_out(kernel, lab, plan, owned, wanted, progress)
}

/// Turns `owned` into `wanted`, where the kernel has what `owned` says as far as is known: only the places that
/// change are looked at, and only afterwards. If something else is there than was thought, in them or in the
/// way of a step, it ends in a whole [`reconcile`]. `plan` leads from `owned` to `wanted`.
///
/// # Errors
/// As [`reconcile`].
pub fn change<K: Kernel>(
    kernel: &K,
    lab: &LabName,
    plan: &Plan,
    owned: &Blueprint,
    wanted: &Blueprint,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<usize, ReconcileError> {
    match execute(kernel, lab, plan, progress) {
        Ok(()) => {
            let changed = plan::changed_places(owned, wanted);
            if kernel.observe_places(lab, &changed)?.agrees(wanted, &changed) {
                return Ok(plan.len());
            }
        }
        Err(ReconcileError::Execute(refused)) => {
            let observed = kernel.observe(lab)?;
            if !refused.iter().any(|error| is_news(error, &observed)) {
                return Err(ReconcileError::Execute(refused));
            }
        }
        Err(other) => return Err(other),
    }
    tracing::debug!(%lab, "something else is there than was thought: all of it is looked at");
    Ok(plan.len() + reconcile(kernel, lab, owned, wanted, progress)?)
}

/// Whether a step was refused since the kernel has something else than was thought.
fn is_news(error: &StepError, observed: &Observed) -> bool {
    let Step { action, object, .. } = &*error.step;
    let Some(have) = observed.places.get(&error.place) else { return true };
    let is_there = have.contains_key(&object.key());
    let needs = object.needs_link().is_some_and(|link| !has_link(observed, &error.place, link));
    needs || is_there == (*action == Action::Create)
}

/// Whether the place has the link, as its own or as the far end of a pair.
fn has_link(observed: &Observed, place: &Place, link: &IfName) -> bool {
    let own = link.as_str() == "lo"
        || observed.places.get(place).is_some_and(|have| have.contains_key(&Key::Link(link.clone())));
    let is_far_end = |object: &Object| matches!(object, Object::Veth(veth) if veth.peer.place == *place && veth.peer.link.name == *link);
    own || observed.places.values().flat_map(|have| have.values()).any(is_far_end)
}

/// As [`reconcile`], with the first `plan` already made.
///
/// # Errors
/// As [`reconcile`].
pub fn carry_out<K: Kernel>(
    kernel: &K,
    lab: &LabName,
    mut plan: Plan,
    owned: &Blueprint,
    wanted: &Blueprint,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<usize, ReconcileError> {
    let mut steps = 0;
    let mut rounds = 0;
    loop {
        if plan.is_empty() {
            return Ok(steps);
        }
        if rounds == ROUNDS {
            return Err(ReconcileError::StillDiffers(plan));
        }
        steps += plan.len();
        execute(kernel, lab, &plan, progress)?;
        plan = plan::between(&kernel.observe(lab)?, owned, wanted);
        rounds += 1;
    }
}

fn execute<K: Kernel>(
    kernel: &K,
    lab: &LabName,
    plan: &Plan,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<(), ReconcileError> {
    let total = plan.len();
    let done = std::sync::atomic::AtomicUsize::new(0);
    let step_done = |steps| {
        let before = done.fetch_add(steps, std::sync::atomic::Ordering::Relaxed);
        let percent = |steps: usize| steps * 100 / total;
        if percent(before + steps) > percent(before) {
            progress(before + steps, total);
        }
    };
    let mut refused = vec![];
    for wave in &plan.waves {
        let begun = Instant::now();
        let removes = matches!(wave.kind, plan::WaveKind::Remove | plan::WaveKind::RemoveNamespaces);
        let result = kernel.execute(lab, wave, &step_done);
        tracing::debug!(%lab, wave = ?wave.kind, jobs = wave.jobs.len(), time = ?begun.elapsed(), "done");
        match result {
            Ok(()) => {}
            // Removing goes on and reports all; making stops.
            Err(errors) if removes => refused.extend(errors),
            Err(errors) => {
                refused.extend(errors);
                break;
            }
        }
    }
    if refused.is_empty() { Ok(()) } else { Err(ReconcileError::Execute(refused)) }
}
