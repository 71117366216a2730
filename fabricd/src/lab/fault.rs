//! Making faults and lifting them: the same files, drawn with other faults.

use fabric_core::{
    fault::{Change, Changed, Scene},
    kernel::Kernel,
    plan::{self, Observed},
};
use tokio::sync::mpsc;

use super::{
    ChangeError,
    goal::Goal,
    worker::{Seen, Worker},
};

/// What came of a change of a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultOutcome {
    /// The full name of the link's end, or of the machine.
    pub subject: String,
    /// How it is now, see [`Changed::state`].
    pub state: String,
    /// Whether anything had to be done.
    pub changed: bool,
    /// What else the user should know.
    pub notes: Vec<String>,
}

impl<K: Kernel> Worker<K> {
    /// Makes a fault or lifts it; a pod's bare name is looked up in `namespace`.
    pub(super) fn fault(&self, namespace: &str, change: &Change) -> Result<FaultOutcome, ChangeError> {
        let lab = self.running()?;
        let machine = self.kernel.machine();
        let scene = Scene { topology: &lab.topology, blueprint: &lab.blueprint, machine };
        let Changed { faults, subject, state, notes } = lab.faults.changed(scene, namespace, change)?;
        let same = faults == lab.faults;
        let goal = if same {
            Goal::of(&lab)
        } else {
            Goal::new(lab.sources.clone(), lab.topology.clone(), faults, machine)
        };
        // The same fault again is a wish to have it mended, as with an apply.
        let (seen, observed) =
            if same { (Seen::All, self.observe()?) } else { (Seen::Nothing, Observed::of(&lab.blueprint)) };
        let plan = plan::between(&observed, &lab.owned, &goal.blueprint);
        let changed = !same || !plan.is_empty();
        if changed {
            // Nobody listens to the steps.
            let (caller, _) = mpsc::channel(1);
            self.reach(goal, (plan, seen), Some(lab), &caller)?;
        }
        Ok(FaultOutcome { subject, state, changed, notes })
    }
}
