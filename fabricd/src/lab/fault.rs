//! Making faults and lifting them: the same files, drawn with other faults.

use fabric_core::{
    blueprint::{self, Blueprint},
    fault::{Change, Changed, Faults, Scene},
    kernel::Machine,
};

use super::Lab;

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

impl Lab {
    /// What `change` makes of this lab's faults.
    ///
    /// # Errors
    /// As [`Faults::changed`].
    pub(super) fn with_fault(
        &self,
        machine: Machine,
        namespace: &str,
        change: &Change,
    ) -> Result<Changed, fabric_core::fault::FaultError> {
        let scene = Scene { topology: &self.topology, blueprint: &self.blueprint, machine };
        self.faults.changed(scene, namespace, change)
    }

    /// Everything that the lab may have made: its blueprint, and what its faults have taken from that.
    /// A learner who sets up by hand a link that is down on purpose has changed something of the lab's.
    pub(super) fn owned(&self, machine: Machine) -> Blueprint {
        owned(&self.blueprint, &self.faults, || blueprint::draw(&self.topology, machine))
    }
}

/// As [`Lab::owned`]; `whole` draws without faults, and is asked only if there are some.
pub(super) fn owned(faulty: &Blueprint, faults: &Faults, whole: impl FnOnce() -> Blueprint) -> Blueprint {
    if faults.is_empty() { faulty.clone() } else { Faults::owned(faulty, whole()) }
}
