//! CoreDNS: the Deployment that AKS puts into every cluster, and what the ConfigMap `coredns-custom` adds.
//!
//! Its pods come last: no pod of the lab file has another node or address since they are there. Where there is
//! no room for one it is pending, which here means that it is not there.

use std::collections::BTreeSet;

use k8s_openapi::api::apps::v1::Deployment;
use serde_json::json;

use super::{
    ManagedCluster, NetworkPlugin, config_map, deployment, pod_address::on_host_network, standing::Course,
    workload::Draft,
};
use crate::{
    address_plan::{Mode, formula::batches},
    dns::{
        LABEL, NAMESPACE,
        corefile::{self, Custom, Mistake},
    },
    spec::{LabSpec, problem::Problem, suggest::quoted, tree::At},
};

/// The name of the Deployment.
const NAME: &str = "coredns";

/// The ConfigMap of one's own directives (aks-facts 5.2).
pub(super) const CUSTOM: &str = "coredns-custom";

/// As AKS has it: two replicas (aks-facts 5.2). Ports 8080 and 8181 are for probes that nobody makes here.
fn manifest() -> Deployment {
    let labels = json!({ LABEL.0: LABEL.1, "kubernetes.io/cluster-service": "true", "version": "v20" });
    serde_json::from_value(json!({
        "metadata": {
            "name": NAME,
            "namespace": NAMESPACE,
            "labels": { LABEL.0: LABEL.1, "kubernetes.io/name": "CoreDNS" },
        },
        "spec": {
            "replicas": 2,
            "selector": { "matchLabels": { LABEL.0: LABEL.1, "version": "v20" } },
            "template": {
                "metadata": { "labels": labels },
                "spec": {
                    "containers": [{
                        "name": NAME,
                        "image": "mcr.microsoft.com/oss/v2/kubernetes/coredns:v1.11.3-8",
                        "args": ["-conf", "/etc/coredns/Corefile"],
                        "ports": [
                            { "containerPort": 53, "name": "dns", "protocol": "UDP" },
                            { "containerPort": 53, "name": "dns-tcp", "protocol": "TCP" },
                            { "containerPort": 9153, "name": "metrics", "protocol": "TCP" },
                        ],
                    }],
                    "dnsPolicy": "Default",
                    "priorityClassName": "system-node-critical",
                    "serviceAccountName": NAME,
                },
            },
        },
    }))
    .unwrap_or_default()
}

/// The pods of CoreDNS in `cluster`, and their Deployment. None where a CNI plugin of one's own gives addresses, or
/// the lab file has a Deployment of that name.
pub(super) fn drafts<'a>(
    spec: &'a LabSpec,
    lab: &str,
    (index, cluster): (usize, &ManagedCluster),
    written: &[(usize, Deployment)],
) -> (Vec<Draft<'a>>, Option<Deployment>) {
    let is_written = |(of, deployment): &(usize, Deployment)| {
        let metadata = &deployment.metadata;
        let name = (metadata.namespace.as_deref(), metadata.name.as_deref());
        *of == index && name == (Some(NAMESPACE), Some(NAME))
    };
    if cluster.network_plugin == NetworkPlugin::None || written.iter().any(is_written) {
        return (vec![], None);
    }
    let deployment = manifest();
    let at = spec.lab.at().key("managedClusters").item(index);
    let draft = |pod| Draft {
        cluster: index,
        namespace: NAMESPACE.to_owned(),
        manifest: Box::new(pod),
        pinned: None,
        at,
        pod_at: at,
    };
    let pods = deployment::pods(lab, &cluster.name, NAMESPACE, &deployment);
    (pods.into_iter().map(draft).collect(), Some(deployment))
}

/// A node for each of `pods` of CoreDNS, beside `drafts` that have been placed; `None` where there is no room.
///
/// They stay where they are, if they can. New ones go to the first node pool, which is the one of mode `System`,
/// and apart from each other.
pub(super) fn place(
    cluster: &ManagedCluster,
    (drafts, placed): (&[&Draft<'_>], &[Option<usize>]),
    pods: &[Draft<'_>],
    course: Course<'_>,
) -> Vec<Option<usize>> {
    let names: BTreeSet<&str> =
        drafts.iter().filter(|draft| draft.namespace == NAMESPACE).map(|draft| draft.name()).collect();
    let mut all = vec![0_u32; cluster.nodes.len()];
    let mut with_addresses = all.clone();
    for (draft, node) in drafts.iter().zip(placed).filter_map(|(draft, node)| Some((draft, (*node)?))) {
        all[node] += 1;
        with_addresses[node] += u32::from(!on_host_network(draft));
    }
    let mut here = vec![0_u32; cluster.nodes.len()];
    let has_room = |node: usize, here: &[u32], stays: bool| {
        let pool = &cluster.agent_pools[cluster.nodes[node].pool];
        let addresses = with_addresses[node];
        // A batch more might not be there, and would be asked for by nobody but CoreDNS.
        let needed = batches(addresses + here[node] + 1);
        let has = course.standing.addresses_of_pods(&cluster.nodes[node].name);
        let batch =
            pool.mode != Mode::PodSubnet || needed == batches(addresses) || stays && u64::from(needed) <= has;
        !course.rollout.drained.contains(&cluster.nodes[node].name)
            && all[node] + here[node] < pool.max_pods
            && batch
    };
    let mut nodes = vec![None; pods.len()];
    for only_staying in [true, false] {
        for (pod, chosen) in pods.iter().zip(&mut nodes).filter(|(_, chosen)| chosen.is_none()) {
            if names.contains(pod.name()) {
                continue;
            }
            let lease = course.standing.pod(&cluster.name, NAMESPACE, pod.name());
            let free = (0..cluster.nodes.len()).filter(|&node| has_room(node, &here, only_staying));
            *chosen = match (only_staying, lease) {
                (true, Some(lease)) => free.into_iter().find(|&node| cluster.nodes[node].name == lease.node),
                (true, None) => None,
                (false, _) => {
                    let order =
                        |&node: &usize| (cluster.nodes[node].pool, here[node], all[node] + here[node], node);
                    free.min_by_key(order)
                }
            };
            if let Some(node) = *chosen {
                here[node] += 1;
            }
        }
    }
    nodes
}

/// What `coredns-custom` says for each of `clusters`.
pub(super) fn custom(
    spec: &LabSpec,
    clusters: &[&ManagedCluster],
    problems: &mut Vec<Problem>,
) -> Vec<Custom> {
    let mut customs = vec![Custom::default(); clusters.len()];
    let mut written = BTreeSet::new();
    for config_map in spec.config_maps.iter().filter(|it| is_custom(&it.value.metadata)) {
        let (at, metadata) = (config_map.at(), &config_map.value.metadata);
        let Some(meant) = config_map::clusters_of(metadata, at, clusters, spec, problems) else { continue };
        if !config_map::claim(CUSTOM, &meant, &mut written, at, problems) {
            continue;
        }
        let mut custom = Custom::default();
        for (entry, text) in config_map.value.data.iter().flatten() {
            read(&mut custom, entry, text, at.key("data").key(entry), problems);
        }
        meant.into_iter().for_each(|index| customs[index] = custom.clone());
    }
    customs
}

/// Whether a ConfigMap is CoreDNS'.
pub(super) fn is_custom(metadata: &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta) -> bool {
    metadata.name.as_deref() == Some(CUSTOM) && metadata.namespace.as_deref() == Some(NAMESPACE)
}

fn read(custom: &mut Custom, entry: &str, text: &str, at: At<'_>, problems: &mut Vec<Problem>) {
    let mut tell = |mistake: Mistake| {
        let message = format!("line {} of `{entry}`: {}", mistake.line, mistake.message);
        problems.push(Problem::new(at.span(), message).maybe_help(mistake.help));
    };
    if entry.ends_with(".server") {
        match corefile::server_blocks(text) {
            Ok(stanzas) => {
                let taken: BTreeSet<&String> = custom.servers.iter().flat_map(|it| &it.zones).collect();
                let twice = stanzas.iter().flat_map(|it| &it.zones).find(|zone| taken.contains(zone));
                match twice.cloned() {
                    Some(zone) => {
                        let message = format!("a server block for `{zone}` is in another entry already");
                        tell(Mistake { line: 1, message, help: None });
                    }
                    None => custom.servers.extend(stanzas),
                }
            }
            Err(mistake) => tell(mistake),
        }
    } else if entry.ends_with(".override") {
        let joined = corefile::overrides(text).and_then(|plugins| {
            custom.overrides.join(plugins).map_err(|message| Mistake { line: 1, message, help: None })
        });
        if let Err(mistake) = joined {
            tell(mistake);
        }
    } else {
        let message = format!("CoreDNS reads no entry {}", quoted(entry));
        problems
            .push(Problem::new(at.span(), message).help("let its name end with `.server` or `.override`"));
    }
}
