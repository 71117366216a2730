//! What Azure and Kubernetes have and fabricd has not yet: refused by name, so that nobody looks for a
//! spelling mistake.

use super::{
    problem::Problem,
    suggest::{list, nearest, quoted},
    typed::UnknownField,
};

/// Sections of a lab that come later.
const LAB_SECTIONS: [&str; 3] = ["networkSecurityGroups", "loadBalancers", "privateEndpoints"];

/// Kinds that are read.
pub(super) const BUILT_KINDS: [&str; 6] = ["Lab", "Pod", "Deployment", "Service", "Namespace", "ConfigMap"];

/// Kinds of Kubernetes that come later or never.
pub(super) const OTHER_KINDS: [&str; 24] = [
    "Ingress",
    "IngressClass",
    "NetworkPolicy",
    "Secret",
    "ServiceAccount",
    "ReplicaSet",
    "StatefulSet",
    "DaemonSet",
    "Job",
    "CronJob",
    "Endpoints",
    "EndpointSlice",
    "Node",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "StorageClass",
    "Role",
    "RoleBinding",
    "ClusterRole",
    "ClusterRoleBinding",
    "HorizontalPodAutoscaler",
    "PodDisruptionBudget",
    "CustomResourceDefinition",
    "ReplicationController",
];

/// Says what is wrong with a field that its object does not have.
pub(super) fn unknown_field(field: &UnknownField<'_>) -> Problem {
    let later = field.owner == "Lab" && LAB_SECTIONS.contains(&field.key);
    if later {
        let message = format!("`{}` is not built yet", field.key);
        return Problem::new(field.span, message).help("remove this section");
    }
    if field.owner == "Lab" && field.key == "virtualNetworkPeerings" {
        let message = "`virtualNetworkPeerings` stands in a VNet";
        return Problem::new(field.span, message)
            .help("write each half of a peering in the VNet that it is of");
    }
    if field.key == "<<" {
        return Problem::new(field.span, "merge keys (`<<`) are not part of YAML 1.2")
            .help("write the fields out");
    }
    let help = match nearest(field.key, field.fields.iter().copied()) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("fields that are valid here: {}", list(field.fields)),
    };
    Problem::new(field.span, format!("unknown field {}", quoted(field.key))).help(help)
}
