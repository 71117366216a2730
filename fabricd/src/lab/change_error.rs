//! Why a lab was not changed.

use fabric_core::{
    fault::FaultError, kernel::KernelError, name::LabName, place::Place, spec::edit::EditError,
};

use super::ReconcileError;
use crate::ledger::LedgerError;

/// Why a change did not happen.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// There is no such lab.
    #[error("there is no lab `{0}`")]
    NotFound(LabName),
    /// There is no such node.
    #[error("lab `{lab}` has no AKS node `{node}`")]
    NoNode {
        /// The lab.
        lab: LabName,
        /// As the user wrote it.
        node: String,
    },
    /// There is no such pod.
    #[error("lab `{lab}` has no pod `{pod}`")]
    NoPod {
        /// The lab.
        lab: LabName,
        /// `CLUSTER/NAMESPACE/NAME`, as it was asked for.
        pod: String,
    },
    /// The lab's file cannot be changed so.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// The fault makes no sense.
    #[error(transparent)]
    Fault(#[from] FaultError),
    /// A program of the lab's is not on this machine.
    #[error(
        "nothing was changed: {place} runs {program}, which is not installed; \
         `apt-get install -y --no-install-recommends {package}` installs it"
    )]
    NotInstalled {
        /// Where it would run.
        place: Place,
        /// Its name.
        program: String,
        /// The Debian package that has it.
        package: String,
    },
    /// The kernel refused, and the lab was brought back to what it was.
    #[error("nothing was changed: {0}")]
    Refused(ReconcileError),
    /// The kernel refused to take something away, or to bring the lab back.
    #[error("the lab is incomplete now: {0}")]
    Incomplete(ReconcileError),
    /// The intent could not be written down, so nothing was begun.
    #[error("nothing was changed: {0}")]
    Ledger(#[from] LedgerError),
    /// A thread of the daemon has panicked.
    #[error("the daemon has a bug; its log says more")]
    Panicked,
}

impl From<KernelError> for ChangeError {
    fn from(error: KernelError) -> Self {
        Self::Refused(error.into())
    }
}
