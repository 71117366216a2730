//! Labs while they run: who owns one, and how it gets from what is to what is wanted.

mod actor;
mod fault;
mod reconcile;
mod registry;

use std::{collections::BTreeSet, sync::Arc};

use fabric_core::{blueprint::Blueprint, fault::Faults, place::Place, spec::Source, topology::Topology};
use tokio::sync::watch;

pub use actor::{ApplyEvent, ChangeError, DeleteEvent, LabHandle};
pub use fault::FaultOutcome;
pub use reconcile::{ReconcileError, reconcile};
pub use registry::{Registry, SelectError};

/// A lab that is there, whole.
#[derive(Clone, Debug)]
pub struct Lab {
    /// Counts applies, from 1.
    pub generation: u64,
    /// The files it was made from.
    pub sources: Vec<Source>,
    /// What they mean.
    pub topology: Topology,
    /// What was broken on purpose.
    pub faults: Faults,
    /// Every object it has in the kernel, with its faults.
    pub blueprint: Blueprint,
    /// The places that programs may run in: those that are about to go are not among them.
    pub open_places: OpenPlaces,
}

/// The places of a lab that programs may run in, as they change.
pub type OpenPlaces = watch::Receiver<Arc<BTreeSet<Place>>>;
