//! The programs of containers: `command` and `args` of a manifest, as a program of this machine.

use std::time::Duration;

use k8s_openapi::api::core::v1::Container;

use super::{Program, Restart};
use crate::{
    environment,
    listener::image::{Image, image},
    topology::{ManagedCluster, Pod, Topology},
};

/// A pod that sleeps for less than this really does: its end is what the manifest is about.
const LONG_SLEEP: Duration = Duration::from_secs(60);

/// The program that a container names, and its arguments, as written: `command` and `args`, or `args` alone for
/// an image without an entry point. `None` if it leaves that to its image.
pub fn command(container: &Container) -> Option<Vec<String>> {
    let command = container.command.as_deref().unwrap_or_default();
    let arguments = container.args.as_deref().unwrap_or_default();
    let is_shell = image(container.image.as_deref().unwrap_or_default()) == Image::Shell;
    let by_arguments = is_shell && !arguments.is_empty();
    if command.is_empty() && !by_arguments {
        return None;
    }
    Some(command.iter().chain(arguments).cloned().collect())
}

/// The programs of all pods of `topology`. What only waits is none.
pub(super) fn of(topology: &Topology) -> impl Iterator<Item = Program> + '_ {
    topology
        .managed_clusters
        .iter()
        .flat_map(move |cluster| cluster.pods.iter().flat_map(move |pod| of_pod(cluster, pod)))
}

fn of_pod(cluster: &ManagedCluster, pod: &Pod) -> Vec<Program> {
    let Some(spec) = &pod.manifest.spec else { return vec![] };
    let restart = match spec.restart_policy.as_deref() {
        Some("Never") => Restart::Never,
        Some("OnFailure") => Restart::OnFailure,
        _ => Restart::Always,
    };
    let program = |container: &Container| {
        let command = command(container).filter(|command| !only_waits(container, command))?;
        let variables = environment::of_container(cluster, pod, container);
        let expand = |text: &String| environment::expand(text, &variables);
        Some(Program {
            place: cluster.pod_place(pod),
            // The programs of all pods of the host network are in one place.
            name: match pod.host_network {
                true => format!("{}/{}/{}", pod.namespace, pod.name, container.name),
                false => container.name.clone(),
            },
            command: command.iter().map(expand).collect(),
            files: vec![],
            port: None,
            package: None,
            environment: Some(variables.clone()),
            restart,
            pod: Some(format!("{}/{}/{}", cluster.name, pod.namespace, pod.name)),
        })
    };
    spec.containers.iter().filter_map(program).collect()
}

/// Whether the container runs a program, and not one that only waits.
pub fn runs(container: &Container) -> bool {
    command(container).is_some_and(|command| !only_waits(container, &command))
}

/// Whether the command does nothing but keep its container alive, as in so many manifests: thousands of pods
/// that sleep need no processes. A small exact table, see `docs/workloads.md`.
fn only_waits(container: &Container, command: &[String]) -> bool {
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let Some((program, arguments)) = command.split_first() else { return false };
    let is_shell = matches!(name(program).as_str(), "sh" | "bash" | "ash" | "zsh");
    match arguments {
        // It waits for what is typed, which nobody does.
        [] if is_shell => container.stdin == Some(true) || container.tty == Some(true),
        [] => name(program) == "pause",
        ["-c" | "-ec", script] if is_shell => script_only_waits(script),
        words => simple_command_only_waits(&[&[*program], words].concat()),
    }
}

fn simple_command_only_waits(words: &[&str]) -> bool {
    let Some((program, arguments)) = words.split_first() else { return false };
    match (program.rsplit('/').next().unwrap_or_default(), arguments) {
        ("sleep", [time]) => is_long(time),
        ("tail", ["-f" | "-F", "/dev/null"]) => true,
        _ => false,
    }
}

/// `sleep 3600`, `while true; do sleep 30; done`, `trap : TERM INT; sleep infinity & wait` and their like.
fn script_only_waits(script: &str) -> bool {
    let words: Vec<&str> = script.split_ascii_whitespace().collect();
    let text = words.join(" ");
    let text = text.trim_end_matches(';').trim();
    let text = text.strip_prefix("exec ").unwrap_or(text);
    if let Some(rest) = text.strip_prefix("trap : TERM INT; ") {
        return script_only_waits(rest);
    }
    if let Some(rest) = text.strip_suffix("& wait") {
        return script_only_waits(rest);
    }
    let looped = ["while true; do ", "while :; do ", "while true ; do ", "while [ true ]; do "];
    if let Some(body) = looped.into_iter().find_map(|head| text.strip_prefix(head)) {
        let body = body.strip_suffix("done").map(|body| body.trim().trim_end_matches(';').trim());
        let words: Vec<&str> = body.unwrap_or_default().split(' ').collect();
        return matches!(words.as_slice(), ["sleep", time] if seconds(time).is_some());
    }
    simple_command_only_waits(&text.split(' ').collect::<Vec<_>>())
}

fn is_long(time: &str) -> bool {
    seconds(time).is_some_and(|seconds| seconds >= LONG_SLEEP.as_secs_f64())
}

/// A time as sleep(1) takes it.
fn seconds(time: &str) -> Option<f64> {
    if matches!(time, "infinity" | "inf") {
        return Some(f64::INFINITY);
    }
    let (number, unit) = match time.char_indices().last()? {
        (at, 's') => (&time[..at], 1.0),
        (at, 'm') => (&time[..at], 60.0),
        (at, 'h') => (&time[..at], 3_600.0),
        (at, 'd') => (&time[..at], 86_400.0),
        _ => (time, 1.0),
    };
    // Not what else is a number to Rust, such as `1e9` or `NaN`.
    let digits = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    number.parse::<f64>().ok().filter(|_| digits).map(|number| number * unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(image: &str, command: &[&str], args: &[&str]) -> Container {
        let list = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            Some(words).filter(|words| !words.is_empty())
        };
        Container {
            name: "c".into(),
            image: Some(image.into()),
            command: list(command),
            args: list(args),
            ..Container::default()
        }
    }

    #[test]
    fn command_and_arguments_make_the_program() {
        let told = |image, words: &[&str], args: &[&str]| command(&container(image, words, args));
        assert_eq!(told("nginx", &[], &[]), None);
        assert_eq!(told("nginx", &[], &["-g", "x"]), None, "its entry point is the image's own");
        assert_eq!(told("busybox", &[], &["top"]), Some(vec!["top".to_owned()]));
        let both = Some(["sh", "-c", "id"].map(str::to_owned).to_vec());
        assert_eq!(told("nginx", &["sh"], &["-c", "id"]), both);
    }

    #[test]
    fn what_only_waits_needs_no_process() {
        for command in [
            &["sleep", "3600"][..],
            &["/bin/sleep", "infinity"],
            &["sleep", "1d"],
            &["tail", "-f", "/dev/null"],
            &["/pause"],
            &["sh", "-c", "sleep 3600"],
            &["/bin/sh", "-c", "exec sleep inf;"],
            &["/bin/bash", "-c", "tail -f /dev/null"],
            &["sh", "-c", "while true; do sleep 30; done"],
            &["sh", "-c", "while :; do\n  sleep 5;\ndone;"],
            &["sh", "-c", "trap : TERM INT; sleep infinity & wait"],
        ] {
            assert!(!runs(&container("busybox", command, &[])), "{command:?}");
        }
        for command in [
            &["sleep", "5"][..],
            &["sleep"],
            &["sleep", "1e9"],
            &["sleep", "3600", "1"],
            &["sh"],
            &["sh", "-c", "sleep 3600; id"],
            &["sh", "-c", "while true; do date; sleep 5; done"],
            &["sh", "-c", "sleep $(id)"],
            &["sh", "-c", "trap : TERM INT; (sleep 9) & wait; id"],
            &["tail", "-f", "/var/log/x"],
            &["python3", "-m", "http.server"],
        ] {
            assert!(runs(&container("busybox", command, &[])), "{command:?}");
        }
        let mut typed = container("busybox", &["sh"], &[]);
        typed.stdin = Some(true);
        assert!(!runs(&typed));
    }
}
