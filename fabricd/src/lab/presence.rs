//! What of the daemon's own is inside a lab's places: programs that it has started, sockets that it listens
//! at. Both keep a namespace alive, so they leave before its place is removed.

use fabric_core::{
    kernel::{Kernel, KernelError},
    plan::Observed,
};

use super::{
    change::{Worker, places},
    goal::Goal,
};

impl<K: Kernel> Worker<K> {
    /// Leaves all places that `goal` has not, and those of its servers that will be others.
    pub(super) fn leave(&self, goal: Option<&Goal>) {
        self.open_places.send_replace(goal.map(|goal| places(&goal.blueprint)).unwrap_or_default());
        self.responder.keep(&self.name, &goal.map(Goal::listeners).unwrap_or_default());
    }

    /// Answers for all servers of what the lab has become.
    pub(super) fn answer(&self, goal: &Goal) {
        self.responder.answer(&*self.kernel, &self.name, &goal.listeners());
    }

    /// What the kernel has of the lab. A place that somebody has removed by hand is left before.
    pub(super) fn observe(&self) -> Result<Observed, KernelError> {
        self.responder.leave_lost_places(&*self.kernel, &self.name);
        self.kernel.observe(&self.name)
    }
}
