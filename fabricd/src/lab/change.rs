//! What can be asked of a lab, and what is heard of it.

use fabric_core::spec::{
    Diagnostic, Reading, Source,
    edit::{Exposure, WorkloadName},
};

use super::ChangeError;
use crate::health_probe::Finding;

/// What can be done to a lab.
#[derive(Debug)]
pub enum Change {
    /// Make it what these files say.
    Apply {
        /// The files.
        sources: Vec<Source>,
        /// The same, if they have been read already.
        reading: Option<Box<Reading>>,
        /// Say what would be done, and do nothing.
        dry_run: bool,
    },
    /// Compare it with what it should be.
    Verify {
        /// And mend what differs.
        repair: bool,
    },
    /// Start an AKS node again, with its pods.
    RestartNode {
        /// Its name.
        node: String,
    },
    /// Give a node pool another size.
    ScaleAgentPool {
        /// `POOL` or `CLUSTER/POOL`.
        agent_pool: String,
        /// Nodes.
        count: u32,
    },
    /// Give a Deployment another number of pods.
    ScaleDeployment {
        /// Which.
        deployment: WorkloadName,
        /// Pods.
        replicas: u32,
    },
    /// Make a Service for a Deployment or pod.
    Expose {
        /// The Service.
        exposure: Exposure,
        /// Say what would be done, and do nothing.
        dry_run: bool,
    },
    /// Replace a node pool's nodes one after the other, by those of a version.
    UpgradeAgentPool {
        /// `POOL` or `CLUSTER/POOL`.
        agent_pool: String,
        /// Such as `1.31`; the one that it has if there is none.
        kubernetes_version: Option<String>,
    },
    /// Switch a pod to not ready, or back.
    SetPodReady {
        /// `CLUSTER/NAMESPACE/NAME`.
        pod: String,
        /// What it shall be.
        ready: bool,
    },
    /// Take what probes have found.
    Probed {
        /// What has become healthy or unhealthy.
        findings: Vec<Finding>,
    },
}

/// What a caller hears of a change. The last one is `Rejected`, `Applied` or `Failed`, or with `dry_run` and
/// without `repair` `Planned`.
#[derive(Debug)]
pub enum ChangeEvent {
    /// The files have mistakes; nothing was done.
    Rejected(Vec<Diagnostic>),
    /// What is to be done.
    Planned {
        /// The plan, if it was asked for and is all there is.
        text: Option<String>,
        /// Objects to make.
        create: usize,
        /// Objects to change.
        change: usize,
        /// Objects to take away.
        remove: usize,
    },
    /// What is being done, of a change with several stages.
    Stage(String),
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
