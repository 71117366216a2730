//! What the user wrote.
//!
//! A lab is one or more YAML files of one or more documents each: one of `kind: Lab` and any number of
//! Kubernetes manifests. [`load`] is the door; [`read`] is its first half, from text to [`LabSpec`],
//! [`crate::topology::resolve`] its second. Both go on after a mistake, to tell all of them at once.

pub mod azure_firewall;
mod diagnostic;
pub mod dns;
mod document;
pub mod edit;
pub mod http_proxy;
pub mod internet;
pub mod ip_masq_agent;
pub mod kube_proxy;
pub mod lab;
pub mod limits;
pub mod managed_cluster;
pub mod max_surge;
mod mistake;
pub mod network_value;
mod not_built;
pub mod outbound;
pub mod problem;
pub mod route_table;
mod scalar;
mod schema;
pub(crate) mod suggest;
pub mod tree;
mod typed;
mod yaml;

use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Namespace, Pod, Service},
};

pub use self::schema::schema;
use self::{
    document::Documents,
    lab::Lab,
    limits::TEXT_BYTES_MAX,
    problem::{Problem, Span},
    tree::{At, Node},
};
use crate::{
    address_plan::AddressPlan,
    name::LabName,
    topology::{self, Rollout, Standing, Topology},
};

/// One lab file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// As the user named it; for messages only.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// One mistake in a lab file, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// [`Source::name`] of the file.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
    /// Length of the marked text in characters, at least 1.
    pub length: u32,
    /// The line itself, without its end; of a very long line the first 1,000 characters.
    pub line_text: String,
}

/// All that the files of a lab say, before anything is looked up or calculated.
#[derive(Clone, Debug)]
pub struct LabSpec {
    /// The document of `kind: Lab`.
    pub lab: Placed<Lab>,
    /// Pods and Deployments, in the order of the files.
    pub workloads: Vec<Workload>,
    /// Kubernetes namespaces.
    pub namespaces: Vec<Placed<Namespace>>,
    /// Namespaces that cannot be used because of mistakes; `None` where the name is not known.
    pub namespaces_lost: Vec<Option<String>>,
    /// Kubernetes ConfigMaps.
    pub config_maps: Vec<Placed<ConfigMap>>,
    /// Kubernetes Services.
    pub services: Vec<Placed<Service>>,
}

/// A typed document with the places of its values.
#[derive(Clone, Debug)]
pub struct Placed<T> {
    /// What it says.
    pub value: T,
    /// Where it says it. Indexes are those of `value`: what had to be left out there is not here.
    pub tree: Node,
}

impl<T> Placed<T> {
    /// The document, for finding places.
    pub fn at(&self) -> At<'_> {
        self.tree.at()
    }
}

/// What makes pods.
#[derive(Clone, Debug)]
pub enum Workload {
    /// One pod.
    Pod(Box<Placed<Pod>>),
    /// Its template, `replicas` times.
    Deployment(Box<Placed<Deployment>>),
}

/// Reads, checks and resolves the files of one lab.
///
/// # Errors
/// Every mistake that was found, in the order of the files.
pub fn load(sources: &[Source]) -> Result<Topology, Vec<Diagnostic>> {
    load_onto(sources, &Standing::default(), &Rollout::default())
}

/// As [`load`], for a lab that is running: who stays keeps what `standing` says.
///
/// # Errors
/// As [`load`].
pub fn load_onto(
    sources: &[Source],
    standing: &Standing,
    rollout: &Rollout,
) -> Result<Topology, Vec<Diagnostic>> {
    Reading::of(sources).onto(sources, standing, rollout)
}

/// Files that have been read, and not yet looked up in.
#[derive(Clone, Debug)]
pub struct Reading {
    spec: Option<LabSpec>,
    problems: Vec<Problem>,
}

impl Reading {
    /// Reads the files of one lab.
    pub fn of(sources: &[Source]) -> Self {
        let (spec, problems) = read(sources);
        Self { spec, problems }
    }

    /// The lab's name, if it can be known.
    pub fn lab(&self) -> Option<LabName> {
        LabName::new(self.spec.as_ref()?.lab.value.metadata.as_ref()?.name.clone()?).ok()
    }

    /// As [`load_onto`]. `sources` are the files that were read.
    ///
    /// # Errors
    /// As [`load`].
    pub fn onto(
        &self,
        sources: &[Source],
        standing: &Standing,
        rollout: &Rollout,
    ) -> Result<Topology, Vec<Diagnostic>> {
        let mut problems = self.problems.clone();
        let topology = self.spec.as_ref().and_then(|spec| match topology::resolve(spec, standing, rollout) {
            Ok(topology) => Some(topology),
            Err(more) => {
                problems.extend(more);
                None
            }
        });
        match topology {
            Some(topology) if problems.is_empty() => Ok(topology),
            _ => Err(diagnostic::diagnostics(sources, problems)),
        }
    }
}

/// Reads the files of one lab, and counts the addresses that it needs: also of one that does not fit.
///
/// # Errors
/// Every mistake but those that the plan shows.
pub fn plan_addresses(sources: &[Source]) -> Result<(String, AddressPlan), Vec<Diagnostic>> {
    let (spec, mut problems) = read(sources);
    let plan = spec.and_then(|spec| match topology::plan_addresses(&spec) {
        Ok(plan) => Some(plan),
        Err(more) => {
            problems.extend(more);
            None
        }
    });
    match plan {
        Some(plan) if problems.is_empty() => Ok(plan),
        _ => Err(diagnostic::diagnostics(sources, problems)),
    }
}

/// Reads the files of one lab.
///
/// Without a usable document of `kind: Lab` there is no [`LabSpec`], and then there are problems.
pub fn read(sources: &[Source]) -> (Option<LabSpec>, Vec<Problem>) {
    let start = Span { line: 1, column: 1, ..Span::default() };
    if sources.iter().map(|source| source.text.len()).sum::<usize>() > TEXT_BYTES_MAX {
        let message = format!("the files have more than {} MiB of text", TEXT_BYTES_MAX / (1024 * 1024));
        return (None, vec![Problem::new(start, message)]);
    }
    let mut problems = vec![];
    let documents = Documents::read(sources, &mut problems);
    let Documents { lab, lab_lost, workloads, namespaces, namespaces_lost, config_maps, services, .. } =
        documents;
    if lab.is_none() && !lab_lost {
        problems.push(
            Problem::new(start, "no document of `kind: Lab`")
                .help("one file of a lab begins with `apiVersion: fabric/v1` and `kind: Lab`"),
        );
    }
    let spec = lab.map(|lab| LabSpec { lab, workloads, namespaces, namespaces_lost, config_maps, services });
    (spec, problems)
}
