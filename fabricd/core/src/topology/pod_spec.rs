//! What a pod's spec must have, and what of it is not built.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Container, EnvVar, PodSpec};

use super::{container_port, container_probe};
use crate::{
    name::check_label,
    spec::{problem::Problem, suggest::quoted, tree::At},
};

/// Bytes of a container's variables. Kubernetes has no such limit; the kernel takes 128 KiB for each.
const ENVIRONMENT_MAX: usize = 64 * 1024;

/// Bytes of a container's `command`, and of its `args`.
const COMMAND_MAX: usize = 64 * 1024;

/// Checks a pod's spec; `at` is where it is.
pub(super) fn check(spec: Option<&PodSpec>, at: At<'_>, problems: &mut Vec<Problem>) {
    let Some(spec) = spec.filter(|spec| !spec.containers.is_empty()) else {
        if !at.is_lost() {
            let help = "such as `containers: [{name: shell, image: busybox}]`";
            problems.push(
                Problem::new(at.key("containers").span(), "a pod needs at least one container").help(help),
            );
        }
        return;
    };
    let mut names = BTreeSet::new();
    for (index, container) in spec.containers.iter().enumerate() {
        let at = at.key("containers").item(index);
        let span = at.key("name").span();
        match check_label(&container.name, 63) {
            Err(_) if container.name.is_empty() => {
                problems.push(Problem::new(span, "a container needs a `name`"))
            }
            Err(error) => problems.push(Problem::new(span, error.to_string())),
            Ok(()) if !names.insert(&container.name) => {
                let message = format!("a container called `{}` exists already in this pod", container.name);
                problems.push(Problem::new(span, message));
            }
            Ok(()) => {}
        }
        if container.image.as_deref().is_none_or(str::is_empty) {
            problems.push(Problem::new(at.key("image").span(), "a container needs an `image`"));
        }
        check_environment(container.env.as_deref().unwrap_or_default(), at.key("env"), problems);
        check_command(container, at, problems);
        container_port::check(container.ports.as_deref().unwrap_or_default(), at.key("ports"), problems);
        container_probe::check(container, at, problems);
    }
    container_port::check_shared(spec, at, problems);
    if let Some(policy) = spec.restart_policy.as_deref()
        && !["Always", "OnFailure", "Never"].contains(&policy)
    {
        let message = format!("there is no restart policy {}", quoted(policy));
        let help = "use `Always`, `OnFailure` or `Never`";
        problems.push(Problem::new(at.key("restartPolicy").span(), message).help(help));
    }
    let later = [
        ("affinity", spec.affinity.is_some(), "`nodeSelector` or `nodeName`"),
        (
            "topologySpreadConstraints",
            spec.topology_spread_constraints.is_some(),
            "`nodeSelector` or `nodeName`",
        ),
    ];
    for (key, _, instead) in later.into_iter().filter(|(_, used, _)| *used) {
        let message = format!("`{key}` is not built yet");
        problems.push(Problem::new(at.key(key).span(), message).help(format!("use {instead}")));
    }
}

/// Kubernetes has no limit either but that of its objects; no program takes a zero byte.
fn check_command(container: &Container, at: At<'_>, problems: &mut Vec<Problem>) {
    for (key, words) in [("command", &container.command), ("args", &container.args)] {
        let words = words.as_deref().unwrap_or_default();
        if words.iter().any(|word| word.contains('\0')) {
            problems.push(Problem::new(at.key(key).span(), format!("`{key}` cannot hold a zero byte")));
        }
        if words.iter().map(String::len).sum::<usize>() > COMMAND_MAX {
            let message = format!("`{key}` has more than {} KiB", COMMAND_MAX / 1024);
            problems.push(Problem::new(at.key(key).span(), message));
        }
    }
    if container.command.as_ref().and_then(|words| words.first()).is_some_and(String::is_empty) {
        problems.push(Problem::new(at.key("command").span(), "a command needs a program"));
    }
}

/// Kubernetes takes printable ASCII without `=` (`IsRelaxedEnvVarName`, since 1.32), no program a zero byte.
fn check_environment(variables: &[EnvVar], at: At<'_>, problems: &mut Vec<Problem>) {
    let mut bytes = 0;
    for (index, variable) in variables.iter().enumerate() {
        let at = at.item(index);
        let printable = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b'=';
        if variable.name.is_empty() || !variable.name.bytes().all(printable) {
            let message = format!("{} cannot be the name of a variable", quoted(&variable.name));
            let help = "use letters, digits, `_`, `-` and `.`";
            problems.push(Problem::new(at.key("name").span(), message).help(help));
        }
        let value = variable.value.as_deref().unwrap_or_default();
        if value.contains('\0') {
            problems.push(Problem::new(at.key("value").span(), "a variable cannot hold a zero byte"));
        }
        bytes += variable.name.len() + value.len();
    }
    if bytes > ENVIRONMENT_MAX {
        let message = format!("the variables of a container have more than {} KiB", ENVIRONMENT_MAX / 1024);
        problems.push(Problem::new(at.span(), message));
    }
}
