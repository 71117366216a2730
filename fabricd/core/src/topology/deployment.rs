//! Deployments: the pods that their ReplicaSets make.

use std::collections::BTreeSet;

use k8s_openapi::{
    api::{apps::v1::Deployment, core::v1::Pod},
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};

use super::{
    derived_name::{suffix, template_hash, uid},
    pod_spec,
};
use crate::spec::{problem::Problem, tree::At};

/// The label that tells the pods of one template from those of another.
const TEMPLATE_HASH: &str = "pod-template-hash";

/// `metadata.generateName` is cut to so many characters, to leave room for five in a label
/// (`k8s.io/apiserver/pkg/storage/names`).
pub(super) const GENERATE_NAME_MAX: usize = 58;

/// Pods that a Deployment wants.
pub(super) fn replicas(deployment: &Deployment) -> usize {
    let replicas = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    usize::try_from(replicas).unwrap_or(0)
}

/// Checks a Deployment as the API server does; false if no pods can be made from it.
pub(super) fn check(deployment: &Deployment, at: At<'_>, problems: &mut Vec<Problem>) -> bool {
    let at = at.key("spec");
    let Some(spec) = &deployment.spec else {
        problems.push(Problem::new(at.span(), "a Deployment needs a `spec`"));
        return false;
    };
    if spec.replicas.is_some_and(|replicas| replicas < 0) {
        problems.push(Problem::new(at.key("replicas").span(), "`replicas` cannot be below 0"));
    }
    let labels =
        spec.template.metadata.as_ref().and_then(|metadata| metadata.labels.clone()).unwrap_or_default();
    let selector = at.key("selector");
    match &spec.selector.match_labels {
        _ if spec.selector.match_expressions.is_some() => {
            let message = "`selector.matchExpressions` is not built yet";
            problems.push(
                Problem::new(selector.key("matchExpressions").span(), message).help("use `matchLabels`"),
            );
        }
        Some(wanted) if !wanted.is_empty() => {
            if let Some((key, _)) = wanted.iter().find(|(key, value)| labels.get(*key) != Some(value)) {
                problems.push(
                    Problem::new(
                        selector.key("matchLabels").key(key).span(),
                        "the selector does not match the template's labels",
                    )
                    .help(format!(
                        "write the label `{key}` with the same value in `template.metadata.labels`"
                    )),
                );
            }
        }
        _ => problems.push(
            Problem::new(selector.span(), "a Deployment needs `selector.matchLabels`")
                .help("with labels of `template.metadata.labels`"),
        ),
    }
    let template = at.key("template").key("spec");
    let policy = spec.template.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref());
    if policy.is_some_and(|policy| policy != "Always") {
        let message = "pods of a Deployment are always started again";
        let span = template.key("restartPolicy").span();
        problems.push(Problem::new(span, message).help("use `restartPolicy: Always`, or a Pod"));
    }
    pod_spec::check(spec.template.spec.as_ref(), template, problems);
    true
}

/// The hash of the pod template, with which the names of its ReplicaSet and pods go on.
pub(super) fn hash_of_template(deployment: &Deployment) -> String {
    let template =
        deployment.spec.as_ref().map(|spec| serde_json::to_string(&spec.template).unwrap_or_default());
    template_hash(&[&template.unwrap_or_default()])
}

/// The pods of `deployment`, with all that Kubernetes fills in.
pub(super) fn pods(lab: &str, cluster: &str, namespace: &str, deployment: &Deployment) -> Vec<Pod> {
    let Some(spec) = &deployment.spec else { return vec![] };
    let name = deployment.metadata.name.as_deref().unwrap_or_default();
    let hash = hash_of_template(deployment);
    let replica_set = format!("{name}-{hash}");
    let owner = OwnerReference {
        api_version: "apps/v1".to_owned(),
        kind: "ReplicaSet".to_owned(),
        name: replica_set.clone(),
        uid: uid(&[lab, cluster, namespace, &replica_set]),
        controller: Some(true),
        block_owner_deletion: Some(true),
    };
    let generate_name = format!("{replica_set}-");
    let base: String = generate_name.chars().take(GENERATE_NAME_MAX).collect();
    let mut metadata = ObjectMeta {
        namespace: Some(namespace.to_owned()),
        generate_name: Some(generate_name),
        owner_references: Some(vec![owner]),
        ..spec.template.metadata.clone().unwrap_or_default()
    };
    metadata.labels.get_or_insert_default().insert(TEMPLATE_HASH.to_owned(), hash);

    let mut taken = BTreeSet::new();
    let mut attempt = 0_u64;
    let names = std::iter::repeat_with(move || {
        // Five characters collide now and then; Kubernetes tries again too.
        loop {
            let suffix = suffix(&[lab, cluster, namespace, &replica_set, &attempt.to_string()]);
            attempt += 1;
            if taken.insert(suffix.clone()) {
                return format!("{base}{suffix}");
            }
        }
    });
    let pods = names.take(replicas(deployment)).map(|name| Pod {
        metadata: ObjectMeta { name: Some(name), ..metadata.clone() },
        spec: spec.template.spec.clone(),
        status: None,
    });
    pods.collect()
}
