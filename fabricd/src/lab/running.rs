//! A lab's programs, as its changes begin and end them.

use std::collections::BTreeSet;

use fabric_core::{
    blueprint::Blueprint,
    kernel::Kernel,
    object::Object,
    place::Place,
    plan::{Action, Plan},
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

    /// Ends what runs in places that are not of `blueprint`, and lets things run in those that are.
    pub(super) fn open(&self, blueprint: &Blueprint) {
        let open = places(blueprint);
        self.programs.end_outside(&open);
        self.open_places.send_replace(open);
    }

    /// Runs the programs of `goal`, which has been reached. In the places `made` none can be running yet.
    pub(super) fn run_programs(&self, goal: &Goal, made: &BTreeSet<Place>) {
        self.programs.run(&goal.topology, goal.programs(), made, &self.open_places.subscribe());
    }
}

/// The places that `plan` makes, or makes anew.
pub(super) fn made(plan: &Plan) -> BTreeSet<Place> {
    let steps = plan.steps().filter(|(_, step)| step.action == Action::Create);
    steps.filter(|(_, step)| step.object == Object::Namespace).map(|(place, _)| place.clone()).collect()
}
