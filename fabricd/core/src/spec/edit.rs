//! Changing a lab file in its text: everything else, comments too, stays as the user wrote it.

mod deployment;
mod service;

pub use self::{
    deployment::{WorkloadKind, WorkloadName, set_replicas},
    service::{Exposure, add_service},
};
use super::{
    LabSpec, Source,
    problem::Span,
    read,
    tree::{At, Value},
};

/// Why a lab's file cannot be changed so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// There is no such pool.
    #[error("there is no node pool `{pool}`; there {}", are(known))]
    NoPool {
        /// As the user wrote it.
        pool: String,
        /// Those that are there, as `CLUSTER/POOL`.
        known: Vec<String>,
    },
    /// Several clusters have one.
    #[error("several clusters have a node pool `{pool}`: write {}", known.join(" or "))]
    Several {
        /// As the user wrote it.
        pool: String,
        /// Those that are meant, as `CLUSTER/POOL`.
        known: Vec<String>,
    },
    /// There is no such Deployment or pod.
    #[error("there is no {kind} `{name}` in the namespace `{namespace}`{}", meant(similar.as_ref()))]
    NoWorkload {
        /// What it should be.
        kind: WorkloadKind,
        /// Where it was looked for.
        namespace: String,
        /// As the user wrote it.
        name: String,
        /// A name that is there and looks alike.
        similar: Option<String>,
    },
    /// Several clusters have one.
    #[error("the clusters {} have a {kind} `{name}`: name one of them", clusters.join(" and "))]
    SeveralClusters {
        /// What it is.
        kind: WorkloadKind,
        /// As the user wrote it.
        name: String,
        /// Those that have it.
        clusters: Vec<String>,
    },
    /// A Service finds its pods by labels.
    #[error("the {kind} `{name}` has no labels by which a Service could find its pods")]
    NoLabels {
        /// What it is.
        kind: WorkloadKind,
        /// Its name.
        name: String,
    },
    /// There is a Service of that name.
    #[error("a Service `{name}` exists already in the namespace `{namespace}`; choose another name")]
    Taken {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// The file is written in a way in which the value cannot be replaced.
    #[error("cannot change `{0}` in the lab's file: change it there and apply it")]
    Unwritable(&'static str),
}

fn meant(similar: Option<&String>) -> String {
    similar.map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

fn are(known: &[String]) -> String {
    match known {
        [] => "are none".to_owned(),
        [one] => format!("is {one}"),
        several => format!("are {}", several.join(", ")),
    }
}

/// A node pool of a lab file, by its place in the lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolIndex {
    /// Which of `managedClusters`.
    pub cluster: usize,
    /// Which of its `agentPoolProfiles`.
    pub pool: usize,
}

/// The node pool that is meant by `POOL` or `CLUSTER/POOL`.
///
/// # Errors
/// If there is none, or more than one.
pub fn find_pool(spec: &LabSpec, name: &str) -> Result<PoolIndex, EditError> {
    let clusters = spec.lab.value.managed_clusters.iter().enumerate();
    let all: Vec<(PoolIndex, String, &str)> = clusters
        .flat_map(|(index, cluster)| {
            let pools = cluster.agent_pool_profiles.iter().enumerate();
            pools.map(move |(pool, it)| {
                let full = format!("{}/{}", cluster.name, it.name);
                (PoolIndex { cluster: index, pool }, full, it.name.as_str())
            })
        })
        .collect();
    let meant: Vec<_> = all.iter().filter(|(_, full, bare)| full == name || *bare == name).collect();
    let short: String = name.chars().take(80).collect();
    match meant[..] {
        [(index, ..)] => Ok(*index),
        [] => Err(EditError::NoPool { pool: short, known: all.into_iter().map(|it| it.1).collect() }),
        _ => Err(EditError::Several { pool: short, known: meant.iter().map(|it| it.1.clone()).collect() }),
    }
}

/// The files with the pool's `count` set.
///
/// # Errors
/// If the text cannot be changed so that it says just that.
pub fn set_count(sources: &[Source], pool: PoolIndex, count: u32) -> Result<Vec<Source>, EditError> {
    let edited = set(sources, pool, "count", &count.to_string())?;
    let says = profile(&edited, pool).and_then(|profile| profile.count);
    if says == Some(count) { Ok(edited) } else { Err(EditError::Unwritable("count")) }
}

/// The files with the pool's `orchestratorVersion` set.
///
/// # Errors
/// As [`set_count`].
pub fn set_version(sources: &[Source], pool: PoolIndex, version: &str) -> Result<Vec<Source>, EditError> {
    let unwritable = EditError::Unwritable("orchestratorVersion");
    if !version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Err(unwritable);
    }
    let edited = set(sources, pool, "orchestratorVersion", &format!("\"{version}\""))?;
    let says = profile(&edited, pool).and_then(|profile| profile.orchestrator_version);
    if says.as_deref() == Some(version) { Ok(edited) } else { Err(unwritable) }
}

fn profile(sources: &[Source], pool: PoolIndex) -> Option<super::managed_cluster::AgentPoolProfile> {
    let spec = read(sources).0?;
    let cluster = spec.lab.value.managed_clusters.into_iter().nth(pool.cluster)?;
    cluster.agent_pool_profiles.into_iter().nth(pool.pool)
}

fn set(sources: &[Source], pool: PoolIndex, key: &'static str, text: &str) -> Result<Vec<Source>, EditError> {
    let spec = whole(sources).ok_or(EditError::Unwritable(key))?;
    let clusters = spec.lab.at().key("managedClusters");
    let at = clusters.item(pool.cluster).key("agentPoolProfiles").item(pool.pool);
    set_at(sources, at, key, text)
}

/// What the files say, if there is no mistake in them.
fn whole(sources: &[Source]) -> Option<LabSpec> {
    let (spec, problems) = read(sources);
    spec.filter(|_| problems.is_empty())
}

/// The files with `key` of the mapping `at` set.
fn set_at(sources: &[Source], at: At<'_>, key: &'static str, text: &str) -> Result<Vec<Source>, EditError> {
    let unwritable = || EditError::Unwritable(key);
    let mut edited = sources.to_vec();
    let (span, text) = match at.key(key).node() {
        Some(node) => (node.span, text.to_owned()),
        None => before_first_key(sources, at, key, text).ok_or_else(unwritable)?,
    };
    let source = edited.get_mut(span.source as usize).ok_or_else(unwritable)?;
    source.text = replaced(&source.text, span, &text).ok_or_else(unwritable)?;
    Ok(edited)
}

/// Where a new entry of a mapping goes, and its text: before the first one, on a line of its own in block style.
fn before_first_key(sources: &[Source], at: At<'_>, key: &str, text: &str) -> Option<(Span, String)> {
    let Value::Mapping(mapping) = &at.node()?.value else { return None };
    let first = mapping.entries.first()?.key_span;
    let line = sources.get(first.source as usize)?.text.lines().nth(first.line as usize - 1)?;
    let before: String = line.chars().take(first.column as usize - 1).collect();
    let is_flow = before.trim_end().ends_with(['{', ',']);
    let entry = if is_flow {
        format!("{key}: {text}, ")
    } else {
        format!("{key}: {text}\n{:indent$}", "", indent = first.column as usize - 1)
    };
    Some((Span { length: 0, ..first }, entry))
}

fn replaced(text: &str, span: Span, new: &str) -> Option<String> {
    let line_start = match span.line {
        0 => return None,
        1 => 0,
        line => text.match_indices('\n').nth(line as usize - 2)?.0 + 1,
    };
    let line = &text[line_start..];
    let offset = |characters: u32| {
        line.char_indices().map(|(index, _)| index).chain([line.len()]).nth(characters as usize)
    };
    let begin = line_start + offset(span.column - 1)?;
    let end = line_start + offset(span.column - 1 + span.length)?;
    Some([&text[..begin], new, &text[end..]].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lab(clusters: &str) -> Vec<Source> {
        let text = format!(
            "apiVersion: fabric/v1\nkind: Lab\nmetadata: {{name: lab}}\nmanagedClusters:\n{clusters}"
        );
        vec![Source { name: "lab.yaml".into(), text }]
    }

    fn edit(clusters: &str, pool: &str, count: u32) -> String {
        let sources = lab(clusters);
        let spec = read(&sources).0.unwrap();
        match find_pool(&spec, pool).and_then(|pool| set_count(&sources, pool, count)) {
            Ok(edited) => edited[0].text.split_once("managedClusters:\n").unwrap().1.to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_written_count_is_replaced_and_all_else_stays() {
        let file = "- name: ä # a cluster\n  agentPoolProfiles:\n  - name: one\n    count:   2 # nodes\n  - {name: two, count: 30, maxPods: 20}\n".replace('ä', "aks");
        assert_eq!(edit(&file, "one", 12), file.replace("  2 #", "  12 #"));
        assert_eq!(edit(&file, "aks/two", 1), file.replace("30", "1"));
    }

    #[test]
    fn a_missing_count_is_written() {
        assert_eq!(
            edit("- name: aks\n  agentPoolProfiles:\n  - name: one # first\n    maxPods: 30\n", "one", 2),
            "- name: aks\n  agentPoolProfiles:\n  - count: 2\n    name: one # first\n    maxPods: 30\n"
        );
        assert_eq!(
            edit("- {name: aks, agentPoolProfiles: [{name: one}]}\n", "one", 2),
            "- {name: aks, agentPoolProfiles: [{count: 2, name: one}]}\n"
        );
        let broken = "- name: aks\n  agentPoolProfiles: [{\n    name: one}]\n";
        assert_eq!(
            edit(broken, "one", 2),
            "cannot change `count` in the lab's file: change it there and apply it"
        );
    }

    #[test]
    fn it_is_clear_which_pool_is_meant() {
        let two =
            "- {name: a, agentPoolProfiles: [{name: one}]}\n- {name: b, agentPoolProfiles: [{name: one}]}\n";
        assert_eq!(edit(two, "one", 1), "several clusters have a node pool `one`: write a/one or b/one");
        assert_eq!(edit(two, "two", 1), "there is no node pool `two`; there are a/one, b/one");
        assert!(edit(two, "b/one", 7).contains("- {name: b, agentPoolProfiles: [{count: 7, name: one}]}"));
    }
}
