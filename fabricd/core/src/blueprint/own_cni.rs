//! Bring your own CNI: AKS makes no pod networking, so a pod has a namespace and nothing in it.

use std::sync::Arc;

use super::{Blueprint, sysctls};
use crate::{kernel::Machine, object::Object, topology::ManagedCluster};

/// Draws the pods of the node of this number.
pub fn draw(blueprint: &mut Blueprint, cluster: &ManagedCluster, number: usize, machine: Machine) {
    for pod in cluster.pods.iter().filter(|pod| pod.node == number && !pod.host_network) {
        let place = cluster.pod_place(pod);
        let cause: Arc<str> = Arc::from(place.to_string());
        blueprint.add(&place, &cause, Object::Namespace);
        sysctls::pod(blueprint, &place, &cause, machine);
    }
}
