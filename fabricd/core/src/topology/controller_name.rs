//! Names of what Kubernetes' controllers make for an object: ReplicaSets and EndpointSlices.

use k8s_openapi::api::apps::v1::Deployment;

use super::{
    Service,
    deployment::{GENERATE_NAME_MAX, hash_of_template},
    derived_name::{suffix, uid},
};

/// The name and the identity of an object that a controller has made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Its name, in the form that Kubernetes gives it.
    pub name: String,
    /// Its UID. Like the name it is derived, so that the same lab has the same one each time.
    pub uid: String,
}

/// The ReplicaSet of a Deployment in `cluster`, and the hash of its template.
pub fn replica_set(lab: &str, cluster: &str, deployment: &Deployment) -> (Made, String) {
    let metadata = &deployment.metadata;
    let hash = hash_of_template(deployment);
    let name = format!("{}-{hash}", metadata.name.as_deref().unwrap_or_default());
    let namespace = metadata.namespace.as_deref().unwrap_or("default");
    (Made { uid: uid(&[lab, cluster, namespace, &name]), name }, hash)
}

/// The EndpointSlice of a Service in `cluster` that comes at `number`, from 0: most have one only.
///
/// The EndpointSlice controller asks for `SERVICE-` with five characters behind.
pub fn endpoint_slice(lab: &str, cluster: &str, service: &Service, number: usize) -> Made {
    let parts = [lab, cluster, &service.namespace, "endpointslice", &service.name, &number.to_string()];
    let base: String = format!("{}-", service.name).chars().take(GENERATE_NAME_MAX).collect();
    Made { name: base + &suffix(&parts), uid: uid(&parts) }
}
