//! Labs while they run: who owns one, and how it gets from what is to what is wanted.

mod actor;
mod reconcile;
mod registry;

use fabric_core::{blueprint::Blueprint, spec::Source, topology::Topology};

pub use actor::{ApplyEvent, ChangeError, DeleteEvent, LabHandle};
pub use reconcile::{ReconcileError, reconcile};
pub use registry::{Registry, SelectError};

/// A lab that is there, whole.
#[derive(Debug)]
pub struct Lab {
    /// Counts applies, from 1.
    pub generation: u64,
    /// The files it was made from.
    pub sources: Vec<Source>,
    /// What they mean.
    pub topology: Topology,
    /// Every object it has in the kernel.
    pub blueprint: Blueprint,
}
