//! What a running lab is like now, for those who answer in it.

use std::sync::{Arc, PoisonError, RwLock};

use fabric_core::topology::Topology;

/// The topology of one lab, shared by all of its sockets and replaced after each change.
#[derive(Clone, Debug, Default)]
pub struct Live(Arc<RwLock<Option<Arc<Topology>>>>);

impl Live {
    /// The lab now; `None` before the first change has ended.
    pub fn topology(&self) -> Option<Arc<Topology>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// It is this one from now on.
    pub fn show(&self, topology: Arc<Topology>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(topology);
    }
}
