//! A Service for what is there: a document more at the end of the files.

use std::{collections::BTreeMap, fmt::Write};

use k8s_openapi::{api::core::v1::Service, apimachinery::pkg::util::intstr::IntOrString};

use super::{
    EditError, WorkloadKind, WorkloadName,
    deployment::{in_cluster, in_namespace},
    whole,
};
use crate::{
    spec::{Source, scalar, scalar::Scalar},
    topology::{ManagedCluster, ServiceType, Topology, Transport},
};

/// A Service that shall be made for a Deployment or a pod, as `kubectl expose` makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposure {
    /// Whose pods it has.
    pub workload: WorkloadName,
    /// Its name; the workload's own if there is none.
    pub name: Option<String>,
    /// Its only port, from 1.
    pub port: u16,
    /// The port of the pods, by number or by the name that a container gives it; the same as `port` if there is
    /// none.
    pub target_port: Option<String>,
    /// How it can be reached.
    pub service_type: ServiceType,
    /// Its transport.
    pub transport: Transport,
}

/// The files with the Service behind; `topology` is what they mean.
///
/// # Errors
/// If there is no such workload or it has no labels, if the name is taken, or if no document can be put behind
/// the files' text.
pub fn add_service(
    sources: &[Source],
    topology: &Topology,
    exposure: &Exposure,
) -> Result<Vec<Source>, EditError> {
    let unwritable = || EditError::Unwritable("kind: Service");
    let WorkloadName { kind, namespace, name: workload, .. } = &exposure.workload;
    let cluster = exposure.workload.cluster(topology)?;
    let name = exposure.name.as_ref().unwrap_or(workload);
    if cluster.services.iter().any(|service| service.namespace == *namespace && service.name == *name) {
        return Err(EditError::Taken { namespace: namespace.clone(), name: name.clone() });
    }
    let selector = selector(cluster, &exposure.workload);
    let selector = selector.filter(|selector| !selector.is_empty());
    let selector = selector.ok_or_else(|| EditError::NoLabels { kind: *kind, name: workload.clone() })?;

    let only = topology.managed_clusters.len() == 1;
    let text = document(exposure, name, (!only).then_some(&cluster.name), &selector);
    let before = whole(sources).ok_or_else(unwritable)?;
    let mut edited = sources.to_vec();
    let last = edited.last_mut().ok_or_else(unwritable)?;
    let line_end = if last.text.is_empty() || last.text.ends_with('\n') { "" } else { "\n" };
    last.text = [&last.text, line_end, &text].concat();
    // A file can end in a way that swallows what comes behind.
    let after = whole(&edited).ok_or_else(unwritable)?;
    let more =
        after.services.len() == before.services.len() + 1 && after.workloads.len() == before.workloads.len();
    match after.services.last() {
        Some(added) if more && says(&added.value, exposure, name, &cluster.name, &selector) => Ok(edited),
        _ => Err(unwritable()),
    }
}

/// The labels of the workload's pods: of a Deployment its selector's, as kubectl takes them.
fn selector(cluster: &ManagedCluster, workload: &WorkloadName) -> Option<BTreeMap<String, String>> {
    let WorkloadName { kind, namespace, name, .. } = workload;
    match kind {
        WorkloadKind::Pod => {
            let mut pods = cluster.pods.iter();
            let pod = pods.find(|pod| pod.namespace == *namespace && pod.name == *name)?;
            pod.manifest.metadata.labels.clone()
        }
        WorkloadKind::Deployment => {
            let mut deployments =
                cluster.deployments.iter().filter(|it| in_namespace(&it.metadata, namespace));
            let deployment = deployments.find(|it| it.metadata.name.as_ref() == Some(name))?;
            deployment.spec.as_ref()?.selector.match_labels.clone()
        }
    }
}

fn document(
    exposure: &Exposure,
    name: &str,
    cluster: Option<&String>,
    selector: &BTreeMap<String, String>,
) -> String {
    let Exposure { workload, port, service_type, transport, .. } = exposure;
    let mut text = format!("---\napiVersion: v1\nkind: Service\nmetadata:\n  name: {}\n", scalar_text(name));
    let mut line = |line: String| {
        let _ = writeln!(text, "{line}");
    };
    if workload.namespace != "default" {
        line(format!("  namespace: {}", scalar_text(&workload.namespace)));
    }
    if let Some(cluster) = cluster {
        line(format!("  annotations:\n    fabricd/cluster: {}", scalar_text(cluster)));
    }
    line(format!("spec:\n  type: {service_type}\n  selector:"));
    for (key, value) in selector {
        line(format!("    {}: {}", scalar_text(key), scalar_text(value)));
    }
    line(format!("  ports:\n  - port: {port}\n    protocol: {transport}"));
    match target(exposure) {
        IntOrString::Int(number) => line(format!("    targetPort: {number}")),
        IntOrString::String(name) => line(format!("    targetPort: {}", scalar_text(&name))),
    }
    text
}

fn target(exposure: &Exposure) -> IntOrString {
    let same = i32::from(exposure.port);
    match &exposure.target_port {
        None => IntOrString::Int(same),
        Some(text) => match text.parse::<u16>() {
            Ok(number) => IntOrString::Int(i32::from(number)),
            Err(_) => IntOrString::String(text.clone()),
        },
    }
}

/// The text as a scalar of YAML that is this text for every reader.
fn scalar_text(text: &str) -> String {
    // Words that only YAML 1.1, which kubectl reads, takes for something else.
    const BOOLEANS: [&str; 6] = ["y", "n", "yes", "no", "on", "off"];
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic());
    let simple = text.chars().all(|c| c.is_ascii_alphanumeric() || "-._/".contains(c));
    let is_text = scalar::resolve(text) == Scalar::Text(text);
    if begins && simple && is_text && !BOOLEANS.contains(&text.to_ascii_lowercase().as_str()) {
        text.to_owned()
    } else {
        // A string of JSON is one of YAML too.
        serde_json::Value::from(text).to_string()
    }
}

/// Whether the manifest is what was wanted.
fn says(
    service: &Service,
    exposure: &Exposure,
    name: &str,
    cluster: &str,
    selector: &BTreeMap<String, String>,
) -> bool {
    let metadata = &service.metadata;
    let Some(spec) = &service.spec else { return false };
    let port = |spec: &k8s_openapi::api::core::v1::ServicePort| {
        spec.port == i32::from(exposure.port) && spec.target_port.as_ref() == Some(&target(exposure))
    };
    metadata.name.as_deref() == Some(name)
        && in_namespace(metadata, &exposure.workload.namespace)
        && in_cluster(metadata, cluster)
        && spec.selector.as_ref() == Some(selector)
        && matches!(spec.ports.as_deref(), Some([one]) if port(one))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::spec::{load, read};

    const LAB: &str = "apiVersion: fabric/v1\nkind: Lab\nmetadata: {name: lab}\nmanagedClusters:\n\
                       - name: aks\n  agentPoolProfiles: [{name: one, count: 1}]\n";
    const DEPLOYMENT: &str = "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  \
        selector: {matchLabels: {app: web}}\n  template: {metadata: {labels: {app: web, tier: front}}, \
        spec: {containers: [{name: web, image: nginx}]}}\n";

    fn pod(labels: &str) -> String {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: a{labels}}}\nspec: {{containers: [{{name: c, image: i}}]}}"
        )
    }

    fn exposure(kind: WorkloadKind, name: &str) -> Exposure {
        Exposure {
            workload: WorkloadName { kind, cluster: None, namespace: "default".into(), name: name.into() },
            name: None,
            port: 80,
            target_port: None,
            service_type: ServiceType::ClusterIp,
            transport: Transport::Tcp,
        }
    }

    fn added(text: &str, exposure: &Exposure) -> Result<String, String> {
        let sources = vec![Source { name: "lab.yaml".into(), text: text.to_owned() }];
        let topology = load(&sources).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
        let edited = add_service(&sources, &topology, exposure).map_err(|error| error.to_string())?;
        Ok(edited[0].text.strip_prefix(text).unwrap().to_owned())
    }

    #[test]
    fn a_deployment_gets_a_service_by_its_selector() {
        let lab = format!("{LAB}{DEPLOYMENT}");
        let text = added(&lab, &exposure(WorkloadKind::Deployment, "web")).unwrap();
        insta::assert_snapshot!(text, @r"
        ---
        apiVersion: v1
        kind: Service
        metadata:
          name: web
        spec:
          type: ClusterIP
          selector:
            app: web
          ports:
          - port: 80
            protocol: TCP
            targetPort: 80
        ");
        let wrong = added(&lab, &exposure(WorkloadKind::Deployment, "wep")).unwrap_err();
        assert_eq!(wrong, "there is no Deployment `wep` in the namespace `default`; did you mean `web`?");
    }

    #[test]
    fn a_pod_gets_one_by_its_labels_which_may_look_like_anything() {
        let lab = format!("{LAB}{}", pod(", labels: {app: \"on\", \"1\": \"\", x/y: 1.2.3}"));
        let named = Exposure {
            name: Some("other".into()),
            target_port: Some("http".into()),
            service_type: ServiceType::LoadBalancer,
            transport: Transport::Udp,
            ..exposure(WorkloadKind::Pod, "a")
        };
        insta::assert_snapshot!(added(&lab, &named).unwrap(), @r#"

        ---
        apiVersion: v1
        kind: Service
        metadata:
          name: other
        spec:
          type: LoadBalancer
          selector:
            "1": ""
            app: "on"
            x/y: "1.2.3"
          ports:
          - port: 80
            protocol: UDP
            targetPort: http
        "#);
        let bare = added(&format!("{LAB}{}", pod("")), &exposure(WorkloadKind::Pod, "a"));
        assert_eq!(bare.unwrap_err(), "the pod `a` has no labels by which a Service could find its pods");
    }

    proptest! {
        #[test]
        fn no_name_breaks_out_of_its_document(name in "\\PC{0,30}|[a-z: #{}\\[\\]'\"\n-]{0,20}", target in "\\PC{0,12}") {
            let lab = format!("{LAB}{DEPLOYMENT}");
            let sources = vec![Source { name: "lab.yaml".into(), text: lab }];
            let topology = load(&sources).unwrap();
            let wanted = Exposure {
                name: Some(name.clone()),
                target_port: Some(target),
                ..exposure(WorkloadKind::Deployment, "web")
            };
            if let Ok(edited) = add_service(&sources, &topology, &wanted) {
                let spec = read(&edited).0.unwrap();
                prop_assert_eq!(spec.services.len(), 1);
                prop_assert_eq!(spec.workloads.len(), 1);
                prop_assert_eq!(spec.services[0].value.metadata.name.as_ref(), Some(&name));
            }
        }
    }
}
