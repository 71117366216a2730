//! What the lab file tells ip-masq-agent: the ConfigMap `azure-ip-masq-agent-config`.

use std::collections::BTreeSet;

use ipnet::Ipv4Net;

use super::{
    ManagedCluster, NetworkPlugin, config_map,
    coredns::{self, CUSTOM},
};
use crate::spec::{LabSpec, ip_masq_agent::IpMasqAgent, problem::Problem, suggest::quoted};

/// Its place: the agent merges it with what AKS itself says (aks-facts 4.1).
const NAME: &str = "azure-ip-masq-agent-config";
const NAMESPACE: &str = "kube-system";

/// The agent reads entries whose names begin so.
const ENTRY: &str = "ip-masq-agent";

/// CIDR blocks that the agent takes. Source: aks-facts 4.1.
const CIDRS_MAX: usize = 64;

/// The CIDR blocks that each of `clusters` gets beside its network plugin's own.
pub(super) fn resolve(
    spec: &LabSpec,
    clusters: &[&ManagedCluster],
    problems: &mut Vec<Problem>,
) -> Vec<Vec<Ipv4Net>> {
    let mut cidrs = vec![vec![]; clusters.len()];
    let mut written = BTreeSet::new();
    for config_map in spec.config_maps.iter().filter(|it| !coredns::is_custom(&it.value.metadata)) {
        let (at, metadata) = (config_map.at(), &config_map.value.metadata);
        let name = metadata.name.as_deref().unwrap_or_default();
        let namespace = metadata.namespace.as_deref().unwrap_or("default");
        if (namespace, name) != (NAMESPACE, NAME) {
            let message = format!("the ConfigMap {} in {} is not built yet", quoted(name), quoted(namespace));
            let help = format!("`{NAME}` and `{CUSTOM}` in `{NAMESPACE}` are those that mean something here");
            problems.push(Problem::new(at.key("metadata").key("name").span(), message).help(help));
            continue;
        }
        let Some(mut meant) = config_map::clusters_of(metadata, at, clusters, spec, problems) else {
            continue;
        };
        meant.retain(|index| has_agent(clusters[*index]));
        if meant.is_empty() && !clusters.is_empty() {
            let message = "no cluster that this is for has an ip-masq-agent";
            let help = "AKS has none with a pod subnet, and none where one brings a CNI plugin; remove it";
            problems.push(Problem::new(at.key("metadata").key("name").span(), message).help(help));
        }
        if !config_map::claim(NAME, &meant, &mut written, at, problems) {
            continue;
        }
        for (entry, text) in config_map.value.data.iter().flatten() {
            let span = at.key("data").key(entry).span();
            if !entry.starts_with(ENTRY) {
                let message = format!("ip-masq-agent reads no entry {}", quoted(entry));
                problems
                    .push(Problem::new(span, message).help(format!("call it `{ENTRY}`, or begin with it")));
                continue;
            }
            let Some(agent) = IpMasqAgent::read(text, span, problems) else { continue };
            if agent.non_masquerade_cidrs.len() > CIDRS_MAX {
                let message = format!("ip-masq-agent takes at most {CIDRS_MAX} CIDR blocks");
                problems.push(Problem::new(span, message));
                continue;
            }
            for index in &meant {
                cidrs[*index].extend(agent.non_masquerade_cidrs.iter().map(|cidr| cidr.0));
            }
        }
    }
    cidrs
}

/// Whether AKS runs the agent (aks-facts 1.3, 4.1).
fn has_agent(cluster: &ManagedCluster) -> bool {
    match cluster.network_plugin {
        NetworkPlugin::Kubenet | NetworkPlugin::NodeSubnet | NetworkPlugin::Overlay => true,
        NetworkPlugin::PodSubnet | NetworkPlugin::None => false,
    }
}
