//! Which Deployment or pod is meant, and how many pods a Deployment shall have.

use std::{collections::BTreeSet, fmt};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{EditError, set_at, whole};
use crate::{
    spec::{Placed, Source, Workload, suggest::nearest},
    topology::{ManagedCluster, Topology},
};

/// The annotation that says which of several clusters a manifest is of.
const CLUSTER: &str = "fabricd/cluster";

/// Most characters of what a user wrote that are said again.
const TOLD_MAX: usize = 80;

/// A kind of workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkloadKind {
    /// A Deployment.
    Deployment,
    /// One pod.
    Pod,
}

impl fmt::Display for WorkloadKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Deployment => "Deployment",
            Self::Pod => "pod",
        })
    }
}

/// A Deployment or pod as a user names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadName {
    /// What it is.
    pub kind: WorkloadKind,
    /// Its cluster; needed only where several have one.
    pub cluster: Option<String>,
    /// Its Kubernetes namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl WorkloadName {
    /// The cluster that has it.
    ///
    /// # Errors
    /// If none has, or several have.
    pub fn cluster<'a>(&self, topology: &'a Topology) -> Result<&'a ManagedCluster, EditError> {
        let wanted =
            |cluster: &&ManagedCluster| self.cluster.as_ref().is_none_or(|name| *name == cluster.name);
        let clusters = || topology.managed_clusters.iter().filter(wanted);
        let having: Vec<_> =
            clusters().filter(|cluster| self.names(cluster).any(|name| name == self.name)).collect();
        let name = || self.name.chars().take(TOLD_MAX).collect::<String>();
        match having[..] {
            [cluster] => Ok(cluster),
            [] => {
                let known: BTreeSet<&str> = clusters().flat_map(|cluster| self.names(cluster)).collect();
                Err(EditError::NoWorkload {
                    kind: self.kind,
                    namespace: self.namespace.chars().take(TOLD_MAX).collect(),
                    name: name(),
                    similar: nearest(&self.name, known).map(str::to_owned),
                })
            }
            _ => {
                let clusters = having.iter().map(|cluster| cluster.name.clone()).collect();
                Err(EditError::SeveralClusters { kind: self.kind, name: name(), clusters })
            }
        }
    }

    /// The names of its kind in its namespace.
    fn names<'a>(&self, cluster: &'a ManagedCluster) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        let namespace = self.namespace.clone();
        match self.kind {
            WorkloadKind::Pod => {
                let pods = cluster.pods.iter().filter(move |pod| pod.namespace == namespace);
                Box::new(pods.map(|pod| pod.name.as_str()))
            }
            WorkloadKind::Deployment => {
                let all = cluster.deployments.iter().map(|deployment| &deployment.metadata);
                let own = all.filter(move |metadata| in_namespace(metadata, &namespace));
                Box::new(own.filter_map(|metadata| metadata.name.as_deref()))
            }
        }
    }
}

/// Whether an object is in a Kubernetes namespace, which need not be written.
pub(super) fn in_namespace(metadata: &ObjectMeta, namespace: &str) -> bool {
    metadata.namespace.as_deref().unwrap_or("default") == namespace
}

/// Whether an object is of a cluster, which it says only where there are several.
pub(super) fn in_cluster(metadata: &ObjectMeta, cluster: &str) -> bool {
    let written = metadata.annotations.as_ref().and_then(|annotations| annotations.get(CLUSTER));
    written.is_none_or(|written| written == cluster)
}

/// The files with the Deployment's `replicas` set; `topology` is what they mean.
///
/// # Errors
/// If there is no such Deployment, or the text cannot be changed so that it says just that.
pub fn set_replicas(
    sources: &[Source],
    topology: &Topology,
    deployment: &WorkloadName,
    replicas: u32,
) -> Result<Vec<Source>, EditError> {
    let cluster = &deployment.cluster(topology)?.name;
    let unwritable = || EditError::Unwritable("replicas");
    let is_meant = |workload: &Workload| match workload {
        Workload::Deployment(it) => {
            let metadata = &it.value.metadata;
            metadata.name.as_deref() == Some(deployment.name.as_str())
                && in_namespace(metadata, &deployment.namespace)
                && in_cluster(metadata, cluster)
        }
        Workload::Pod(_) => false,
    };
    let spec = whole(sources).ok_or_else(unwritable)?;
    let index = spec.workloads.iter().position(is_meant).ok_or_else(unwritable)?;
    let Workload::Deployment(placed) = &spec.workloads[index] else { return Err(unwritable()) };
    let Placed { value, .. } = &**placed;
    let number = |written: Option<i32>| u32::try_from(written.unwrap_or(1)).ok();
    if number(value.spec.as_ref().and_then(|spec| spec.replicas)) == Some(replicas) {
        return Ok(sources.to_vec());
    }
    let edited = set_at(sources, placed.at().key("spec"), "replicas", &replicas.to_string())?;
    // It must say just that and nothing else.
    let again = whole(&edited).ok_or_else(unwritable)?;
    match again.workloads.get(index) {
        Some(Workload::Deployment(it)) => {
            let mut expected = value.clone();
            expected.spec.get_or_insert_default().replicas = i32::try_from(replicas).ok();
            if it.value == expected { Ok(edited) } else { Err(unwritable()) }
        }
        _ => Err(unwritable()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::load;

    const LAB: &str = "apiVersion: fabric/v1\nkind: Lab\nmetadata: {name: lab}\nmanagedClusters:\n";
    const CLUSTER_A: &str = "- name: a\n  agentPoolProfiles: [{name: one, count: 1}]\n";
    const CLUSTER_B: &str = "- name: b\n  agentPoolProfiles: [{name: two, count: 1}]\n";

    fn deployment(metadata: &str, spec: &str) -> String {
        format!(
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web{metadata}}}\nspec:\n{spec}  \
             selector: {{matchLabels: {{app: web}}}} # its pods\n  template:\n    metadata: {{labels: {{app: web}}}}\n    \
             spec: {{containers: [{{name: web, image: nginx}}]}}\n"
        )
    }

    fn scaled(text: &str, cluster: Option<&str>, name: &str, replicas: u32) -> String {
        let sources = vec![Source { name: "lab.yaml".into(), text: text.to_owned() }];
        let topology = load(&sources).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
        let name = WorkloadName {
            kind: WorkloadKind::Deployment,
            cluster: cluster.map(str::to_owned),
            namespace: "default".into(),
            name: name.into(),
        };
        match set_replicas(&sources, &topology, &name, replicas) {
            Ok(edited) => edited[0].text.clone(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn replicas_are_replaced_or_written_and_all_else_stays() {
        let lab = |spec: &str| format!("{LAB}{CLUSTER_A}{}", deployment("", spec));
        let written = lab("  replicas: 2 # two\n");
        assert_eq!(scaled(&written, None, "web", 10), lab("  replicas: 10 # two\n"));
        assert_eq!(scaled(&written, None, "web", 2), written);
        assert_eq!(scaled(&lab(""), None, "web", 0), lab("  replicas: 0\n"));
        assert_eq!(scaled(&lab(""), None, "web", 1), lab(""));
        assert_eq!(
            scaled(&written, None, "wep", 1),
            "there is no Deployment `wep` in the namespace `default`; did you mean `web`?"
        );
        assert_eq!(
            scaled(&written, Some("b"), "web", 1),
            "there is no Deployment `web` in the namespace `default`"
        );
    }

    #[test]
    fn with_several_clusters_one_must_be_named() {
        let of = |cluster: &str, replicas: &str| {
            deployment(&format!(", annotations: {{fabricd/cluster: {cluster}}}"), replicas)
        };
        let lab =
            |b: &str| format!("{LAB}{CLUSTER_A}{CLUSTER_B}{}{}", of("a", "  replicas: 2\n"), of("b", b));
        let before = lab("  replicas: 3\n");
        assert_eq!(
            scaled(&before, None, "web", 1),
            "the clusters a and b have a Deployment `web`: name one of them"
        );
        assert_eq!(scaled(&before, Some("b"), "web", 1), lab("  replicas: 1\n"));
    }
}
