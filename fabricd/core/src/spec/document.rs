//! Which kind each document is, and what it says.

use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{ConfigMap, Namespace, Pod, Service},
};
use serde::Deserialize;

use super::{
    Placed, Source, Workload,
    lab::Lab,
    limits::OBJECTS_MAX,
    not_built::{BUILT_KINDS, OTHER_KINDS, unknown_field},
    problem::{Problem, Span},
    suggest::{nearest, quoted},
    tree::{Node, Value},
    typed::{self, Read},
    yaml,
};

/// All documents of a lab's files, by kind.
#[derive(Default)]
pub(super) struct Documents {
    pub lab: Option<Placed<Lab>>,
    /// Whether there is a `kind: Lab` that could not be read.
    pub lab_lost: bool,
    pub workloads: Vec<Workload>,
    pub namespaces: Vec<Placed<Namespace>>,
    /// Names of Kubernetes namespaces whose documents could not be read; `None` if unreadable too.
    pub namespaces_lost: Vec<Option<String>>,
    pub config_maps: Vec<Placed<ConfigMap>>,
    pub services: Vec<Placed<Service>>,
    objects: usize,
    first_lab: Option<Span>,
}

impl Documents {
    /// Reads `sources`, noting every mistake.
    pub fn read(sources: &[Source], problems: &mut Vec<Problem>) -> Self {
        let mut documents = Self::default();
        for root in yaml::documents(sources, problems) {
            documents.take(root, false, problems);
        }
        if documents.objects > OBJECTS_MAX {
            let message = format!("{} objects; a lab has at most {OBJECTS_MAX}", documents.objects);
            problems.push(Problem::new(Span { line: 1, column: 1, ..Span::default() }, message));
        }
        documents
    }

    fn take(&mut self, mut root: Node, in_list: bool, problems: &mut Vec<Problem>) {
        self.objects += 1;
        if self.objects > OBJECTS_MAX {
            return;
        }
        let Some((api_version, kind)) = type_of(&root, problems) else { return };
        match (api_version.as_str(), kind.as_str()) {
            ("fabric/v1", "Lab") => self.take_lab(root, problems),
            ("v1", "List") if !in_list => {
                self.objects -= 1;
                self.take_list(root, problems);
            }
            ("v1", "Pod") => {
                let pod = placed::<Pod>(root, problems).filter(|(_, whole)| *whole);
                self.workloads.extend(pod.map(|(pod, _)| Workload::Pod(Box::new(pod))));
            }
            ("apps/v1", "Deployment") => {
                let deployment = placed::<Deployment>(root, problems).filter(|(_, whole)| *whole);
                self.workloads.extend(deployment.map(|(it, _)| Workload::Deployment(Box::new(it))));
            }
            ("v1", "ConfigMap") => {
                let config_map = placed::<ConfigMap>(root, problems).filter(|(_, whole)| *whole);
                self.config_maps.extend(config_map.map(|(it, _)| it));
            }
            ("v1", "Service") => {
                let service = placed::<Service>(root, problems).filter(|(_, whole)| *whole);
                self.services.extend(service.map(|(it, _)| it));
            }
            ("v1", "Namespace") => {
                let name =
                    root.at().key("metadata").key("name").node().and_then(Node::text).map(str::to_owned);
                match placed::<Namespace>(root, problems) {
                    Some((namespace, true)) => self.namespaces.push(namespace),
                    _ => self.namespaces_lost.push(name),
                }
            }
            _ => {
                self.lab_lost |= kind == "Lab";
                let at = |key| root.at().key(key).span();
                problems.push(refusal(&api_version, &kind, at("apiVersion"), at("kind")));
                root.value = Value::Plain(String::new());
            }
        }
    }

    fn take_lab(&mut self, mut root: Node, problems: &mut Vec<Problem>) {
        let span = root.at().key("kind").span();
        if let Some(first) = self.first_lab {
            let help = format!("the first is in {}; put everything into one", first.seen_from(span));
            problems.push(Problem::new(span, "a second document of `kind: Lab`").help(help));
            return;
        }
        self.first_lab = Some(span);
        match typed::read::<Lab>(&mut root, &unknown_field, problems) {
            Some(Read { value, .. }) => self.lab = Some(Placed { value, tree: root }),
            None => self.lab_lost = true,
        }
    }

    fn take_list(&mut self, root: Node, problems: &mut Vec<Problem>) {
        let Value::Mapping(list) = root.value else { return };
        for entry in list.entries {
            match (entry.key.as_str(), entry.value.value) {
                ("items", Value::Sequence(items)) => {
                    for item in items.items {
                        self.take(item, true, problems);
                    }
                }
                ("items", _) => problems.push(Problem::new(entry.value.span, "expected a list of objects")),
                ("apiVersion" | "kind" | "metadata", _) => {}
                (key, _) => {
                    let message = format!("unknown field {}", quoted(key));
                    problems.push(Problem::new(entry.key_span, message).help("a List has `items`"));
                }
            }
        }
    }
}

/// A manifest, and whether it is all of what was written.
fn placed<T>(mut root: Node, problems: &mut Vec<Problem>) -> Option<(Placed<T>, bool)>
where
    T: for<'de> Deserialize<'de>,
{
    let Read { value, whole } = typed::read::<T>(&mut root, &unknown_field, problems)?;
    Some((Placed { value, tree: root }, whole))
}

/// `apiVersion` and `kind` of a document; problems if it has none.
fn type_of(root: &Node, problems: &mut Vec<Problem>) -> Option<(String, String)> {
    if !matches!(root.value, Value::Mapping(_)) {
        problems.push(
            Problem::new(root.span, "a document must be a mapping with `apiVersion` and `kind`")
                .help("begin a lab with `apiVersion: fabric/v1` and `kind: Lab`"),
        );
        return None;
    }
    let mut word = |key: &str, example: &str| {
        let at = root.at().key(key);
        match at.node() {
            None => {
                problems.push(Problem::new(at.span(), format!("missing field `{key}`")).help(example));
                None
            }
            Some(node) => {
                let text = node.text().filter(|_| !node.is_null()).map(str::to_owned);
                if text.is_none() {
                    problems.push(Problem::new(at.span(), format!("`{key}` must be text")).help(example));
                }
                text
            }
        }
    };
    let api_version = word("apiVersion", "`fabric/v1` for a lab, `v1` for a Pod, `apps/v1` for a Deployment");
    let kind = word("kind", "one of `Lab`, `Pod`, `Deployment`, `Service`, `Namespace`, `ConfigMap`");
    Some((api_version?, kind?))
}

fn refusal(api_version: &str, kind: &str, version_span: Span, kind_span: Span) -> Problem {
    let expected = match kind {
        "Lab" => Some("fabric/v1"),
        "Pod" | "Namespace" | "ConfigMap" | "Service" => Some("v1"),
        "Deployment" => Some("apps/v1"),
        _ => None,
    };
    if let Some(expected) = expected {
        let message = format!("{} is not the apiVersion of a {kind}", quoted(api_version));
        return Problem::new(version_span, message).help(format!("write `apiVersion: {expected}`"));
    }
    if kind == "List" {
        let message =
            if api_version == "v1" { "a List inside a List" } else { "a List has `apiVersion: v1`" };
        return Problem::new(kind_span, message);
    }
    match nearest(kind, BUILT_KINDS.into_iter().chain(OTHER_KINDS)) {
        Some(name) if name != kind => Problem::new(kind_span, format!("unknown kind {}", quoted(kind)))
            .help(format!("did you mean `{name}`?")),
        _ => Problem::new(kind_span, format!("not built yet: {kind} ({api_version})"))
            .help("remove the document; Lab, Pod, Deployment, Service, Namespace and ConfigMap are built"),
    }
}
