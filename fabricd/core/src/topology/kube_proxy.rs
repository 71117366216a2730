//! What of a cluster's `kubeProxyConfig` is built: iptables.

use crate::spec::{
    kube_proxy::KubeProxyMode,
    managed_cluster::{NetworkDataplane, NetworkProfile},
    problem::Problem,
    tree::At,
};

/// Refuses what is not built. `at` is the network profile.
pub(super) fn check(profile: &NetworkProfile, at: At<'_>, problems: &mut Vec<Problem>) {
    let Some(config) = &profile.kube_proxy_config else { return };
    let at = at.key("kubeProxyConfig");
    let mut refuse = |key: &str, message: &str, help: &str| {
        problems.push(Problem::new(at.key(key).span(), message).help(help));
    };
    match config.mode {
        Some(KubeProxyMode::Ipvs) => refuse(
            "mode",
            "IPVS needs the kernel module ip_vs, which a lab cannot rely on; not built",
            "write `mode: IPTABLES`",
        ),
        Some(KubeProxyMode::Nftables) => refuse(
            "mode",
            "what kube-proxy writes in its nftables mode is not known well enough; not built",
            "write `mode: IPTABLES`",
        ),
        Some(KubeProxyMode::Iptables) | None => {
            if config.ipvs_config.is_some() && !at.key("mode").is_lost() {
                refuse("ipvsConfig", "`ipvsConfig` is for `mode: IPVS`", "remove it");
            }
        }
    }
    if config.enabled == Some(false) && profile.network_dataplane != Some(NetworkDataplane::Cilium) {
        refuse(
            "enabled",
            "without kube-proxy no Service works: only Cilium takes its place",
            "write `enabled: true`",
        );
    }
}
