//! The only place where an error becomes a gRPC status.

use fabric_core::{
    capture::arguments::ArgumentError, conntrack::NoFilter, fault::FaultError, spec::edit::EditError,
    target::TargetError,
};
use tonic::{Code, Status};

use crate::{
    flow_log,
    lab::{ChangeError, SelectError},
    probe::{CaptureError, connections::OpenError},
    program::LogError,
    question::QuestionError,
};

/// An error that a client can be told.
pub trait ToStatus {
    /// The status for it.
    fn to_status(&self) -> Status;
}

impl ToStatus for SelectError {
    fn to_status(&self) -> Status {
        let code = match self {
            Self::NoLab | Self::NotFound { .. } => Code::NotFound,
            Self::Several(_) => Code::FailedPrecondition,
        };
        Status::new(code, self.to_string())
    }
}

impl ToStatus for TargetError {
    fn to_status(&self) -> Status {
        let code = match self {
            Self::NotFound { .. } => Code::NotFound,
            Self::Ambiguous { .. } | Self::NoAddress(_) | Self::NoNetworkInterface(_) | Self::NotAPod(_) => {
                Code::InvalidArgument
            }
        };
        Status::new(code, self.to_string())
    }
}

impl ToStatus for ChangeError {
    fn to_status(&self) -> Status {
        let code = match self {
            Self::Fault(error) => return error.to_status(),
            Self::NotFound(_)
            | Self::NoNode { .. }
            | Self::NoPod { .. }
            | Self::Edit(EditError::NoPool { .. } | EditError::NoWorkload { .. }) => Code::NotFound,
            Self::Edit(EditError::Taken { .. }) => Code::AlreadyExists,
            Self::Edit(_) | Self::NotInstalled { .. } => Code::FailedPrecondition,
            Self::Refused(_) | Self::Incomplete(_) => Code::Aborted,
            Self::Ledger(_) | Self::Panicked => Code::Internal,
        };
        Status::new(code, chain(self))
    }
}

impl ToStatus for FaultError {
    fn to_status(&self) -> Status {
        let code = match self {
            Self::Target(error) => return error.to_status(),
            Self::Interface { .. } => Code::NotFound,
            Self::NoNetem => Code::FailedPrecondition,
            Self::Loopback(..) | Self::NotAPair(_) | Self::Impairment(_) | Self::NotAMachine(_) => {
                Code::InvalidArgument
            }
        };
        Status::new(code, self.to_string())
    }
}

impl ToStatus for flow_log::SelectError {
    fn to_status(&self) -> Status {
        let code = match self {
            Self::Several(_) => Code::InvalidArgument,
            Self::None | Self::NotFound { .. } => Code::NotFound,
        };
        Status::new(code, self.to_string())
    }
}

impl ToStatus for ArgumentError {
    fn to_status(&self) -> Status {
        Status::invalid_argument(self.to_string())
    }
}

impl ToStatus for NoFilter {
    fn to_status(&self) -> Status {
        Status::invalid_argument(self.to_string())
    }
}

impl ToStatus for CaptureError {
    fn to_status(&self) -> Status {
        match self {
            Self::Arguments(error) => error.to_status(),
            Self::Target(error) => error.to_status(),
            Self::Interface(_) | Self::Places | Self::Format => Status::invalid_argument(self.to_string()),
            Self::Start(_) => Status::internal(chain(self)),
        }
    }
}

impl ToStatus for LogError {
    fn to_status(&self) -> Status {
        let code = match self {
            Self::None(_) | Self::NotFound { .. } => Code::NotFound,
            Self::Several { .. } => Code::InvalidArgument,
        };
        Status::new(code, self.to_string())
    }
}

impl ToStatus for OpenError {
    fn to_status(&self) -> Status {
        let code = match self {
            Self::OutOfRange(_) => Code::InvalidArgument,
            Self::Files { .. } => Code::ResourceExhausted,
            Self::Socket { .. } => Code::Internal,
        };
        Status::new(code, chain(self))
    }
}

impl ToStatus for QuestionError {
    fn to_status(&self) -> Status {
        match self {
            Self::Target(error) => error.to_status(),
            Self::Destination(_) => Status::invalid_argument(self.to_string()),
            Self::Kernel(_) => Status::internal(chain(self)),
        }
    }
}

/// The request lacks its first message, or that message lacks a part.
pub fn missing(what: &str) -> Status {
    Status::invalid_argument(format!("the request has no {what}"))
}

/// A program of the daemon's could not be started.
pub fn not_started(error: &std::io::Error) -> Status {
    Status::internal(format!("cannot start a program: {error}"))
}

/// An error with everything behind it.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        source = error.source();
    }
    text
}
