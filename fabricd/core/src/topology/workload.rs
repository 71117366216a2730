//! From manifests to pods that look for a node: names, namespaces, what is not built.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use k8s_openapi::{
    api::{apps::v1::Deployment, core::v1::Pod},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};

use super::{ManagedCluster, deployment, pod_spec};
use crate::{
    name::{check_label, check_subdomain},
    program::{CONTAINER_PROGRAMS_MAX, container},
    spec::{
        LabSpec, Workload,
        limits::OBJECTS_MAX,
        problem::{Problem, Span},
        suggest::{advice, list, nearest, quoted},
        tree::At,
    },
};

/// Namespaces that every cluster has.
const NAMESPACES: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

/// Annotation: the pod's address.
pub(super) const POD_IP: &str = "fabricd/pod-ip";

/// Annotation: the cluster of a manifest, needed where the lab has several.
pub(super) const CLUSTER: &str = "fabricd/cluster";

/// A pod without a node.
pub(super) struct Draft<'a> {
    /// Index of its cluster.
    pub cluster: usize,
    pub namespace: String,
    pub manifest: Box<Pod>,
    /// The address that its annotation wants.
    pub pinned: Option<(Ipv4Addr, Span)>,
    /// The object in the file: a Pod, or the Deployment.
    pub at: At<'a>,
    /// Where `spec` of the pod is: the object, or the template in it.
    pub pod_at: At<'a>,
}

impl Draft<'_> {
    /// The pod's name.
    pub fn name(&self) -> &str {
        self.manifest.metadata.name.as_deref().unwrap_or_default()
    }
}

/// What manifests refer to.
pub(super) struct Surroundings<'a, 'c> {
    pub spec: &'a LabSpec,
    pub lab: &'c str,
    pub clusters: &'c [&'c ManagedCluster],
    /// Kubernetes namespaces of each cluster.
    pub namespaces: Vec<BTreeSet<String>>,
}

/// The pods of all manifests, in the order of the file, and the Deployments with the index of their
/// cluster.
pub(super) fn drafts<'a>(
    surroundings: &Surroundings<'a, '_>,
    problems: &mut Vec<Problem>,
) -> (Vec<Draft<'a>>, Vec<(usize, Deployment)>) {
    let mut drafts: Vec<Draft<'a>> = vec![];
    let mut deployments = vec![];
    let mut names = Taken::default();
    for workload in &surroundings.spec.workloads {
        match workload {
            Workload::Pod(pod) => {
                let at = pod.at();
                let found = surroundings.object(&pod.value.metadata, at, &mut names, "Pod", problems);
                pod_spec::check(pod.value.spec.as_ref(), at.key("spec"), problems);
                annotations(&pod.value.metadata, at, &[POD_IP, CLUSTER], problems);
                let pinned = pinned(&pod.value.metadata, at, problems);
                let Some((cluster, namespace)) = found else { continue };
                let mut manifest = Box::new(pod.value.clone());
                manifest.metadata.namespace = Some(namespace.clone());
                drafts.push(Draft { cluster, namespace, manifest, pinned, at, pod_at: at });
            }
            Workload::Deployment(it) => {
                let at = it.at();
                let found = surroundings.object(&it.value.metadata, at, &mut names, "Deployment", problems);
                let usable = deployment::check(&it.value, at, problems);
                let template = at.key("spec").key("template");
                let template_metadata =
                    it.value.spec.as_ref().and_then(|spec| spec.template.metadata.as_ref());
                annotations(&it.value.metadata, at, &[CLUSTER], problems);
                let pinned = template_metadata.and_then(|metadata| {
                    annotations(metadata, template, &[POD_IP], problems);
                    pinned(metadata, template, problems)
                });
                let Some((cluster, namespace)) = found.filter(|_| usable) else { continue };
                let replicas = deployment::replicas(&it.value);
                if drafts.len() + replicas > OBJECTS_MAX {
                    let span = at.key("spec").key("replicas").span();
                    problems.push(Problem::new(span, format!("a lab has at most {OBJECTS_MAX} pods")));
                    continue;
                }
                let cluster_name = &surroundings.clusters[cluster].name;
                for pod in deployment::pods(surroundings.lab, cluster_name, &namespace, &it.value) {
                    let manifest = Box::new(pod);
                    let namespace = namespace.clone();
                    drafts.push(Draft { cluster, namespace, manifest, pinned, at, pod_at: template });
                }
                let mut deployment = it.value.clone();
                deployment.metadata.namespace = Some(namespace);
                deployments.push((cluster, deployment));
            }
        }
    }
    check_programs(&drafts, problems);
    (drafts, deployments)
}

/// Processes are not as cheap as namespaces.
fn check_programs(drafts: &[Draft<'_>], problems: &mut Vec<Problem>) {
    let mut programs = 0;
    for draft in drafts {
        let containers = draft.manifest.spec.iter().flat_map(|spec| &spec.containers);
        programs += containers.filter(|container| container::runs(container)).count();
        if programs > CONTAINER_PROGRAMS_MAX {
            let message =
                format!("the containers of a lab run at most {CONTAINER_PROGRAMS_MAX} programs (`command`)");
            let help = "a container without `command` is answered for without a process, and one that only sleeps has none";
            problems.push(Problem::new(draft.at.key("metadata").key("name").span(), message).help(help));
            return;
        }
    }
}

/// Namespaces of each of `clusters`, those of the file included.
pub(super) fn namespaces(
    spec: &LabSpec,
    clusters: &[&ManagedCluster],
    problems: &mut Vec<Problem>,
) -> Vec<BTreeSet<String>> {
    let built_in: BTreeSet<String> = NAMESPACES.into_iter().map(str::to_owned).collect();
    let mut namespaces = vec![built_in; clusters.len()];
    let mut taken: BTreeMap<(usize, &str), Span> = BTreeMap::new();
    for namespace in &spec.namespaces {
        let at = namespace.at().key("metadata");
        let Some(name) = named(&namespace.value.metadata, at, "Namespace", problems) else { continue };
        if let Err(error) = check_label(name, 63) {
            problems.push(Problem::new(at.key("name").span(), error.to_string()));
        }
        annotations(&namespace.value.metadata, namespace.at(), &[CLUSTER], problems);
        let only = written_cluster(&namespace.value.metadata, at, clusters, spec, problems);
        for (index, names) in namespaces.iter_mut().enumerate() {
            if only.is_some_and(|only| only != index) {
                continue;
            }
            let span = at.key("name").span();
            if let Some(first) = taken.insert((index, name), span) {
                let message = format!("a Namespace called `{name}` exists already");
                problems.push(
                    Problem::new(span, message).help(format!("the first is in {}", first.seen_from(span))),
                );
                break;
            }
            names.insert(name.to_owned());
        }
    }
    namespaces
}

/// Names that are taken: kind, cluster, namespace, name, with the place.
pub(super) type Taken = BTreeMap<(&'static str, usize, String, String), Span>;

impl Surroundings<'_, '_> {
    /// Checks what every manifest has; gives its cluster and namespace.
    pub(super) fn object(
        &self,
        metadata: &ObjectMeta,
        object: At<'_>,
        taken: &mut Taken,
        kind: &'static str,
        problems: &mut Vec<Problem>,
    ) -> Option<(usize, String)> {
        let at = object.key("metadata");
        let name = named(metadata, at, kind, problems);
        let name_span = at.key("name").span();
        if let Some(Err(error)) = name.map(|name| check_subdomain(name, 253)) {
            problems.push(Problem::new(name_span, error.to_string()));
        }
        let cluster = self.cluster(metadata, at, problems)?;
        let namespace = metadata.namespace.as_deref().unwrap_or("default");
        if !self.namespaces[cluster].contains(namespace) {
            let lost = |lost: &Option<String>| lost.as_deref().is_none_or(|lost| lost == namespace);
            if !self.spec.namespaces_lost.iter().any(lost) {
                let names: Vec<&str> = self.namespaces[cluster].iter().map(String::as_str).collect();
                let help = match nearest(namespace, names.iter().copied()) {
                    Some(name) => format!("did you mean `{name}`?"),
                    None => "add a document of `kind: Namespace`".to_owned(),
                };
                let message = format!("there is no namespace {}", quoted(namespace));
                problems.push(Problem::new(at.key("namespace").span(), message).help(help));
            }
            return None;
        }
        let name = name?;
        let key = (kind, cluster, namespace.to_owned(), name.to_owned());
        if let Some(first) = taken.get(&key) {
            let message = format!("a {kind} called `{name}` exists already in the namespace `{namespace}`");
            problems.push(
                Problem::new(name_span, message)
                    .help(format!("the first is in {}", first.seen_from(name_span))),
            );
            return None;
        }
        taken.insert(key, name_span);
        Some((cluster, namespace.to_owned()))
    }

    fn cluster(&self, metadata: &ObjectMeta, at: At<'_>, problems: &mut Vec<Problem>) -> Option<usize> {
        if annotation(metadata, CLUSTER).is_some() {
            return written_cluster(metadata, at, self.clusters, self.spec, problems);
        }
        let lost = self.spec.lab.at().key("managedClusters").has_lost_any();
        match self.clusters {
            [_] if !lost => Some(0),
            [] if !lost => {
                let message = "the lab has no cluster for this";
                problems.push(Problem::new(at.span(), message).help("add one to `managedClusters`"));
                None
            }
            _ if lost => None,
            clusters => {
                let names: Vec<&str> = clusters.iter().map(|cluster| cluster.name.as_str()).collect();
                problems.push(
                    Problem::new(
                        at.span(),
                        "the lab has several clusters, and this does not say which it is in",
                    )
                    .help(format!("add the annotation `{CLUSTER}` with one of {}", list(&names))),
                );
                None
            }
        }
    }
}

fn named<'m>(
    metadata: &'m ObjectMeta,
    at: At<'_>,
    kind: &str,
    problems: &mut Vec<Problem>,
) -> Option<&'m str> {
    let name = metadata.name.as_deref();
    if name.is_none() && !at.key("name").is_lost() {
        problems.push(Problem::new(at.span(), format!("a {kind} needs `metadata.name`")));
    }
    name
}

pub(super) fn written_cluster(
    metadata: &ObjectMeta,
    at: At<'_>,
    clusters: &[&ManagedCluster],
    spec: &LabSpec,
    problems: &mut Vec<Problem>,
) -> Option<usize> {
    let name = annotation(metadata, CLUSTER)?;
    let found = clusters.iter().position(|cluster| cluster.name == name);
    if found.is_none() && !spec.lab.at().key("managedClusters").has_lost(name) {
        let names = clusters.iter().map(|cluster| cluster.name.as_str());
        let span = at.key("annotations").key(CLUSTER).span();
        let message = format!("there is no cluster {}", quoted(name));
        problems.push(Problem::new(span, message).help(advice(name, "clusters", names)));
    }
    found
}

/// Refuses annotations of ours that would have no effect. `at` has the `metadata`.
pub(super) fn annotations(metadata: &ObjectMeta, at: At<'_>, known: &[&str], problems: &mut Vec<Problem>) {
    let ours = metadata.annotations.iter().flatten().filter(|(key, _)| key.starts_with("fabricd/"));
    for (key, _) in ours.filter(|(key, _)| !known.contains(&key.as_str())) {
        let span = at.key("metadata").key("annotations").key(key).span();
        problems.push(match key.as_str() {
            POD_IP => Problem::new(span, format!("`{POD_IP}` has no effect here"))
                .help("write it in the metadata of the pod or of the pod template"),
            CLUSTER => Problem::new(span, format!("`{CLUSTER}` has no effect here"))
                .help("write it in the metadata of the Deployment"),
            key => Problem::new(span, format!("fabricd knows no annotation {}", quoted(key))).help(advice(
                key,
                "annotations that it knows",
                known.iter().copied(),
            )),
        });
    }
}

/// The address of the annotation. `at` has the `metadata`.
fn pinned(metadata: &ObjectMeta, at: At<'_>, problems: &mut Vec<Problem>) -> Option<(Ipv4Addr, Span)> {
    let text = annotation(metadata, POD_IP)?;
    let span = at.key("metadata").key("annotations").key(POD_IP).span();
    let address = text.parse().ok();
    if address.is_none() {
        let message = format!("{} is not an IPv4 address", quoted(text));
        problems.push(Problem::new(span, message).help("write it like 10.244.0.15"));
    }
    Some((address?, span))
}

fn annotation<'m>(metadata: &'m ObjectMeta, key: &str) -> Option<&'m str> {
    metadata.annotations.as_ref()?.get(key).map(String::as_str)
}
