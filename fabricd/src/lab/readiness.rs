//! Switching by hand whether a pod is ready: the same files, with other endpoints of Services.

use std::{sync::Arc, time::Instant};

use fabric_core::{
    kernel::Kernel,
    plan::{self, Observed},
};

use super::{
    ChangeError, ChangeEvent,
    change::{Caller, Seen, Worker},
    goal::Goal,
    roll::applied,
};

impl<K: Kernel> Worker<K> {
    /// Switches whether the pod `CLUSTER/NAMESPACE/NAME` is ready.
    pub(super) fn set_pod_ready(
        &self,
        pod: &str,
        ready: bool,
        caller: &Caller,
    ) -> Result<ChangeEvent, ChangeError> {
        let begun = Instant::now();
        let lab = self.running()?;
        let clusters = lab.topology.managed_clusters.iter();
        let mut pods = clusters.flat_map(|cluster| cluster.pods.iter().map(move |pod| (&cluster.name, pod)));
        if !pods.any(|(cluster, it)| pod == format!("{cluster}/{}/{}", it.namespace, it.name)) {
            let pod = pod.chars().take(400).collect();
            return Err(ChangeError::NoPod { lab: self.name.clone(), pod });
        }
        let mut conditions = lab.topology.conditions.clone();
        let changed = if ready {
            conditions.switched_off.remove(pod)
        } else {
            conditions.switched_off.insert(pod.to_owned())
        };
        if !changed {
            return Ok(applied(lab.generation, false, begun));
        }
        let topology = Arc::new(lab.topology.with_conditions(conditions));
        let goal = Goal::new(lab.sources.clone(), topology, lab.faults.clone(), self.kernel.machine());
        let plan = plan::between(&Observed::of(&lab.blueprint), &lab.owned, &goal.blueprint);
        // A pod of no Service changes nothing in the kernel, and is switched all the same.
        let generation = self.reach(goal, (plan, Seen::Nothing), Some(lab), caller)?;
        Ok(applied(generation, true, begun))
    }
}
