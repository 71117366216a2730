//! The environment of a place: what its manifest says, and the HTTP proxy of its cluster.

use k8s_openapi::api::core::v1::{Container, EnvVar};

use crate::{
    place::Place,
    topology::{HttpProxyConfig, ManagedCluster, Pod, Topology},
};

/// A pod with this annotation, `"true"`, gets no proxy (AKS "HTTP proxy support").
const OPT_OUT: &str = "kubernetes.azure.com/no-http-proxy-vars";

/// Variables that a program in `place`, which is one of the lab's, has beside those of every program.
///
/// A pod has those of its first container, see [`of_container`]. A node has the proxy from `/etc/environment`.
pub fn environment(topology: &Topology, place: &Place) -> Vec<(String, String)> {
    let clusters = &topology.managed_clusters;
    match place {
        Place::Node { name } => {
            let of = clusters.iter().find(|cluster| cluster.nodes.iter().any(|node| node.name == *name));
            of.and_then(|cluster| cluster.http_proxy.as_ref()).map(variables).unwrap_or_default()
        }
        Place::Pod { cluster, namespace, name } => {
            let pod = clusters.iter().find(|known| known.name == *cluster).and_then(|cluster| {
                let mut pods = cluster.pods.iter();
                Some((cluster, pods.find(|pod| pod.namespace == *namespace && pod.name == *name)?))
            });
            pod.map(|(cluster, pod)| of_pod(cluster, pod)).unwrap_or_default()
        }
        _ => vec![],
    }
}

fn of_pod(cluster: &ManagedCluster, pod: &Pod) -> Vec<(String, String)> {
    let container = pod.manifest.spec.as_ref().and_then(|spec| spec.containers.first());
    container.map(|container| of_container(cluster, pod, container)).unwrap_or_default()
}

/// The variables of a container: those that are written out (`value`), in which `$(NAME)` stands for the value
/// of one before, or are a field of the pod, and the proxy of its cluster, as AKS' mutating webhook writes it
/// into each container. What the manifest sets the webhook leaves alone, each variable by itself
/// (github.com/Azure/AKS/issues/2674). What comes from ConfigMaps and Secrets is not there.
pub fn of_container(cluster: &ManagedCluster, pod: &Pod, container: &Container) -> Vec<(String, String)> {
    let written: &[EnvVar] = container.env.as_deref().unwrap_or_default();
    let annotations = pod.manifest.metadata.annotations.as_ref();
    let opted_out = annotations.and_then(|all| all.get(OPT_OUT)).is_some_and(|value| value == "true");
    let proxy = cluster.http_proxy.as_ref().filter(|_| !opted_out).map(variables).unwrap_or_default();
    let injected = proxy.into_iter().filter(|(name, _)| !written.iter().any(|own| own.name == *name));
    let mut all: Vec<(String, String)> = vec![];
    for own in written {
        let value = match &own.value_from {
            None => Some(expand(own.value.as_deref().unwrap_or_default(), &all)),
            Some(source) => {
                source.field_ref.as_ref().and_then(|field| field_of(cluster, pod, &field.field_path))
            }
        };
        if let Some(value) = value.filter(|value| value.len() <= VALUE_MAX) {
            all.push((own.name.clone(), value));
        }
    }
    all.extend(injected);
    all
}

/// Longest value in bytes: the kernel takes 128 KiB for name and value (`MAX_ARG_STRLEN`), and values that hold
/// others twice would grow without end.
const VALUE_MAX: usize = 64 * 1024;

/// A field of a pod as the downward API gives it.
fn field_of(cluster: &ManagedCluster, pod: &Pod, path: &str) -> Option<String> {
    let node = &cluster.nodes[pod.node];
    let account = || pod.manifest.spec.as_ref().and_then(|spec| spec.service_account_name.clone());
    match path {
        "metadata.name" => Some(pod.name.clone()),
        "metadata.namespace" => Some(pod.namespace.clone()),
        "spec.nodeName" => Some(node.name.clone()),
        "spec.serviceAccountName" => Some(account().unwrap_or_else(|| "default".to_owned())),
        "status.podIP" | "status.podIPs" => pod.address.map(|address| address.to_string()),
        "status.hostIP" | "status.hostIPs" => Some(node.nic.private_ip_address.to_string()),
        _ => None,
    }
}

/// Replaces `$(NAME)` by the variable's value, the last one of that name; what is no variable stays as it is,
/// and `$$` is a dollar sign, as Kubernetes expands `command`, `args` and values (third_party/forked/golang).
pub fn expand(text: &str, variables: &[(String, String)]) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        let reference = after.strip_prefix('(').and_then(|inside| inside.split_once(')'));
        let value =
            |name: &str| variables.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value);
        if let Some(tail) = after.strip_prefix('$') {
            expanded.push('$');
            rest = tail;
        } else if let Some((value, tail)) = reference.and_then(|(name, tail)| Some((value(name)?, tail))) {
            if expanded.len() + value.len() <= 2 * VALUE_MAX {
                expanded.push_str(value);
            }
            rest = tail;
        } else {
            expanded.push('$');
            rest = after;
        }
    }
    expanded.push_str(rest);
    expanded
}

/// All six, in the order of the webhook.
fn variables(proxy: &HttpProxyConfig) -> Vec<(String, String)> {
    let no_proxy = Some(proxy.effective_no_proxy.join(","));
    let values = [
        ("HTTP_PROXY", &proxy.http_proxy),
        ("http_proxy", &proxy.http_proxy),
        ("HTTPS_PROXY", &proxy.https_proxy),
        ("https_proxy", &proxy.https_proxy),
        ("NO_PROXY", &no_proxy),
        ("no_proxy", &no_proxy),
    ];
    values.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_expanded_as_kubernetes_does() {
        let variables = [("A", "1"), ("B", "$(A)"), ("A", "2")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        for (text, expected) in [
            ("", ""),
            ("$(A)", "2"),
            ("x$(A)y$(B)", "x2y$(A)"),
            ("$$(A)", "$(A)"),
            ("$(NONE) $(A", "$(NONE) $(A"),
            ("$A ${A} $", "$A ${A} $"),
            ("$$$(A)", "$2"),
        ] {
            assert_eq!(expand(text, &variables), expected, "{text}");
        }
    }
}
