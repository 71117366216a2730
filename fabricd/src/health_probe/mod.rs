//! The kubelets and load balancers of a lab, as far as they ask who is healthy.
//!
//! Whom is asked says [`fabric_core::health_probe`]. One task a lab asks all of it, by sockets that it opens in the
//! places of those who ask, a few at a time; what crosses its threshold is reported to the lab's owner, who alone
//! changes the lab. It holds no socket and no thread while the lab is changed.

mod asking;
mod prober;
mod tally;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use fabric_core::{health_probe::health_probes, kernel::Kernel, place::Place, topology::Topology};
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use self::{prober::Prober, tally::Health};
use crate::program::Programs;

/// Something that has become healthy or unhealthy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub subject: Subject,
    /// Whether it is healthy now.
    pub healthy: bool,
    /// Why, for people: `Readiness probe failed: …`.
    pub reason: String,
}

/// What probes are about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A pod, as `CLUSTER/NAMESPACE/NAME`.
    Pod(String),
    /// A node, for one rule of a load balancer.
    Backend {
        /// `CLUSTER/NAMESPACE/SERVICE/TCP-80`.
        rule: String,
        /// The node's name.
        node: String,
    },
}

/// Where findings go.
pub type Report = mpsc::Sender<Vec<Finding>>;

/// What is asked of one lab. It ends with this value.
#[derive(Debug)]
pub struct HealthProbes {
    report: Report,
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    /// Dropped to end it.
    stop: oneshot::Sender<()>,
    task: JoinHandle<Health>,
}

impl HealthProbes {
    /// Nothing is asked yet. What is found goes to `report`.
    pub fn new(report: Report) -> Self {
        Self { report, running: Mutex::default() }
    }

    /// Asks no more, and returns when no socket is open. Blocking.
    ///
    /// What was counted comes back, for [`HealthProbes::run`].
    fn stop(&self) -> Option<Health> {
        let running = self.lock().take()?;
        drop(running.stop);
        Handle::current().block_on(running.task).ok()
    }

    /// Leaves all places. Blocking.
    pub fn leave(&self) {
        if let Some(health) = self.stop() {
            *self.lock() = Some(Running::idle(health));
        }
    }

    /// Asks what `topology` says from the places that are `open`. Probes that were asked before go on counting
    /// where they were. Blocking; to be called from a thread that belongs to the runtime.
    pub fn run<K: Kernel>(
        &self,
        kernel: &Arc<K>,
        topology: &Topology,
        programs: &Arc<Programs>,
        open: &BTreeSet<Place>,
    ) {
        let before = self.stop().unwrap_or_default();
        let mut probes = health_probes(topology);
        probes.retain(|probe| open.contains(&probe.from));
        let mut health = Health::new(probes, &topology.conditions, before);
        health.programs(programs.down());
        if health.is_empty() && !programs.has_containers() {
            return;
        }
        let (stop, stopped) = oneshot::channel();
        let prober = Prober {
            kernel: kernel.clone(),
            lab: topology.lab.clone(),
            programs: programs.clone(),
            health,
            report: self.report.clone(),
        };
        *self.lock() = Some(Running { stop, task: tokio::spawn(prober.run(stopped)) });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Running>> {
        // It is whole between any two lines, whatever panicked.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    /// Only keeps what was counted.
    fn idle(health: Health) -> Self {
        let (stop, _) = oneshot::channel();
        Self { stop, task: tokio::spawn(async { health }) }
    }
}
