//! ConfigMaps of `kube-system` that mean something: which clusters one is for.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{
    ManagedCluster,
    workload::{CLUSTER, annotations, written_cluster},
};
use crate::spec::{LabSpec, problem::Problem, tree::At};

/// The clusters that the ConfigMap at `at` is for, as indexes: the one that it names, or all. `None` if there is
/// none of that name.
pub(super) fn clusters_of(
    metadata: &ObjectMeta,
    at: At<'_>,
    clusters: &[&ManagedCluster],
    spec: &LabSpec,
    problems: &mut Vec<Problem>,
) -> Option<Vec<usize>> {
    annotations(metadata, at, &[CLUSTER], problems);
    let only = written_cluster(metadata, at.key("metadata"), clusters, spec, problems);
    let named = metadata.annotations.as_ref().is_some_and(|it| it.contains_key(CLUSTER));
    if named && only.is_none() {
        return None;
    }
    Some((0..clusters.len()).filter(|index| only.is_none_or(|only| only == *index)).collect())
}

/// Adds the clusters `meant` to those of which the ConfigMap `name` is `written`; false if it is a second one.
pub(super) fn claim(
    name: &str,
    meant: &[usize],
    written: &mut BTreeSet<usize>,
    at: At<'_>,
    problems: &mut Vec<Problem>,
) -> bool {
    let first = meant.iter().all(|index| written.insert(*index));
    if !first {
        let message = format!("a second ConfigMap `{name}`");
        let help = "put everything into one, or give each the annotation `fabricd/cluster`";
        problems.push(Problem::new(at.key("metadata").key("name").span(), message).help(help));
    }
    first
}
