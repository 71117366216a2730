//! Asking the kernel under a lab.

use std::sync::Arc;

use fabric_core::kernel::Kernel;
use fabric_proto::v1;
use tonic::Status;

use super::{incoming::or_default, status::ToStatus};
use crate::{
    lab::{Lab, Registry},
    question::QuestionError,
};

/// Asks `question` of the target's lab, on a thread that may wait. It is given the kernel, the lab, the Kubernetes
/// namespace and the target's name.
pub async fn ask<K: Kernel, T: Send + 'static>(
    registry: &Arc<Registry<K>>,
    target: v1::Target,
    question: impl FnOnce(&K, &Lab, &str, &str) -> Result<T, QuestionError> + Send + 'static,
) -> Result<T, Status> {
    let v1::Target { lab, namespace, name } = target;
    let lab = registry.select(&lab).map_err(|error| error.to_status())?;
    let registry = registry.clone();
    let answer =
        tokio::task::spawn_blocking(move || question(registry.kernel(), &lab, or_default(&namespace), &name));
    let answer = answer.await.map_err(|_| Status::internal("the question panicked"))?;
    answer.map_err(|error| error.to_status())
}
