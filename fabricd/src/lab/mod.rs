//! Labs while they run: who owns one, and how it gets from what is to what is wanted.

mod actor;
mod change;
mod change_error;
mod condition;
mod edited;
mod fault;
mod goal;
mod presence;
mod reconcile;
mod registry;
mod roll;
mod worker;

use std::{collections::BTreeSet, sync::Arc};

use fabric_core::{
    blueprint::Blueprint,
    fault::Faults,
    place::Place,
    spec::Source,
    topology::{Standing, Topology},
};
use tokio::sync::watch;

pub use actor::LabHandle;
pub use change::{Change, ChangeEvent, DeleteEvent};
pub use change_error::ChangeError;
pub use fault::FaultOutcome;
pub use reconcile::{ReconcileError, reconcile};
pub use registry::{Registry, SelectError};

use crate::{ledger::Design, program::Programs};

/// A lab that is there, whole.
#[derive(Clone, Debug)]
pub struct Lab {
    /// Counts applies, from 1.
    pub generation: u64,
    /// The files it was made from.
    pub sources: Vec<Source>,
    /// What they mean.
    pub topology: Arc<Topology>,
    /// What is broken on purpose.
    pub faults: Faults,
    /// Every object it has in the kernel, as its faults leave them.
    pub blueprint: Arc<Blueprint>,
    /// Every object that it may have made: the blueprint, and what faults have taken from it. The same as
    /// the blueprint if there are none.
    pub owned: Arc<Blueprint>,
    /// The places that programs may run in: those that are about to go are not among them.
    pub open_places: OpenPlaces,
    /// What runs in its places.
    pub programs: Arc<Programs>,
}

impl Lab {
    /// What it is made from.
    pub fn design(&self) -> Design {
        Design {
            sources: self.sources.clone(),
            standing: Standing::of(&self.topology),
            faults: self.faults.clone(),
        }
    }
}

/// The places of a lab that programs may run in, as they change.
pub type OpenPlaces = watch::Receiver<Arc<BTreeSet<Place>>>;
