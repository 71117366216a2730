//! What of the daemon's own is inside a lab's places: programs that it has started, sockets that it listens
//! at. Both keep a namespace alive, so they leave before its place is removed.

use fabric_core::{
    kernel::{Kernel, KernelError},
    plan::Observed,
};

use super::{
    ChangeError,
    change::{Worker, places},
    goal::Goal,
};

impl<K: Kernel> Worker<K> {
    /// Refuses a lab that wants a program which this machine does not have.
    pub(super) fn check_programs(&self, goal: &Goal) -> Result<(), ChangeError> {
        let wanted = goal.programs();
        self.programs.missing(&wanted).map_or(Ok(()), |program| {
            Err(ChangeError::NotInstalled {
                place: program.place.clone(),
                program: program.command.first().cloned().unwrap_or_default(),
                package: program.package.clone().unwrap_or_default(),
            })
        })
    }

    /// Leaves all places that `goal` has not, and those of its servers that will be others.
    pub(super) fn leave(&self, goal: Option<&Goal>) {
        let open = goal.map(|goal| places(&goal.blueprint)).unwrap_or_default();
        self.health_probes.leave();
        self.programs.end_outside(&open);
        self.open_places.send_replace(open);
        self.responder.keep(&self.name, &goal.map(Goal::listeners).unwrap_or_default());
    }

    /// Answers for all servers of what the lab has become, and runs its programs.
    pub(super) fn answer(&self, goal: &Goal) {
        self.responder.show(&self.name, goal.topology.clone());
        self.responder.answer(&*self.kernel, &self.name, &goal.listeners());
        self.programs.run(&*self.kernel, &goal.topology, goal.programs(), &self.open_places.subscribe());
        self.ask(goal);
    }

    /// Asks from now on what the goal says.
    pub(super) fn ask(&self, goal: &Goal) {
        let open = places(&goal.blueprint);
        self.health_probes.run(&self.kernel, &goal.topology, &self.programs, &open);
    }

    /// What the kernel has of the lab. A place that somebody has removed by hand is left before.
    pub(super) fn observe(&self) -> Result<Observed, KernelError> {
        self.responder.leave_lost_places(&*self.kernel, &self.name);
        self.programs.leave_lost_places(&*self.kernel, &self.name);
        self.kernel.observe(&self.name)
    }
}
