//! Changes of workloads that are made in the text of the lab's files: other replicas, a Service more.

use std::time::Instant;

use fabric_core::{
    kernel::Kernel,
    plan,
    spec::{
        Reading, Source,
        edit::{self, Exposure, WorkloadName},
    },
    topology::Rollout,
};

use super::{
    ChangeError, ChangeEvent,
    roll::applied,
    worker::{Caller, Worker, planned, says_the_same},
};

impl<K: Kernel> Worker<K> {
    /// Gives a Deployment another number of pods: the lab's file with other `replicas`.
    pub(super) fn scale_deployment(
        &self,
        deployment: &WorkloadName,
        replicas: u32,
        caller: &Caller,
    ) -> Result<ChangeEvent, ChangeError> {
        let begun = Instant::now();
        let lab = self.running()?;
        let sources = edit::set_replicas(&lab.sources, &lab.topology, deployment, replicas)?;
        self.become_edited(sources, begun, caller)
    }

    /// Makes a Service for a Deployment or pod: the lab's file with its manifest behind.
    pub(super) fn expose(
        &self,
        exposure: &Exposure,
        dry_run: bool,
        caller: &Caller,
    ) -> Result<ChangeEvent, ChangeError> {
        let begun = Instant::now();
        let lab = self.running()?;
        let sources = edit::add_service(&lab.sources, &lab.topology, exposure)?;
        if !dry_run {
            return self.become_edited(sources, begun, caller);
        }
        let reading = Reading::of(&sources);
        match self.goal((sources, &reading), Some(&lab), &Rollout::default()) {
            Ok(goal) => {
                let plan = plan::between(&self.observe()?, &lab.owned, &goal.blueprint);
                Ok(planned(&plan, true))
            }
            Err(diagnostics) => Ok(ChangeEvent::Rejected(diagnostics)),
        }
    }

    /// Makes the lab what these files say, by one apply.
    pub(super) fn become_edited(
        &self,
        sources: Vec<Source>,
        begun: Instant,
        caller: &Caller,
    ) -> Result<ChangeEvent, ChangeError> {
        let changed = !says_the_same(&sources, &self.running()?.sources);
        match self.step(sources, &Rollout::default(), caller)? {
            Ok(generation) => Ok(applied(generation, changed, begun)),
            Err(rejected) => Ok(rejected),
        }
    }
}
