//! The environment of a place: what its manifest says, and the HTTP proxy of its cluster.

use k8s_openapi::api::core::v1::EnvVar;

use crate::{
    place::Place,
    topology::{HttpProxyConfig, ManagedCluster, Pod, Topology},
};

/// A pod with this annotation, `"true"`, gets no proxy (AKS "HTTP proxy support").
const OPT_OUT: &str = "kubernetes.azure.com/no-http-proxy-vars";

/// Variables that a program in `place`, which is one of the lab's, has beside those of every program.
///
/// A pod has those of its first container that are written out (`value`), and the proxy of its cluster, as
/// AKS' mutating webhook writes it into each container. What the manifest sets the webhook leaves alone, each
/// variable by itself (github.com/Azure/AKS/issues/2674). A node has the proxy from `/etc/environment`.
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
    let written: &[EnvVar] = container.and_then(|container| container.env.as_deref()).unwrap_or_default();
    let annotations = pod.manifest.metadata.annotations.as_ref();
    let opted_out = annotations.and_then(|all| all.get(OPT_OUT)).is_some_and(|value| value == "true");
    let proxy = cluster.http_proxy.as_ref().filter(|_| !opted_out).map(variables).unwrap_or_default();
    let injected = proxy.into_iter().filter(|(name, _)| !written.iter().any(|own| own.name == *name));
    let literal = written.iter().filter(|own| own.value_from.is_none());
    literal.map(|own| (own.name.clone(), own.value.clone().unwrap_or_default())).chain(injected).collect()
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
