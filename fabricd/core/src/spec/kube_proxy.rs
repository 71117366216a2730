//! How a cluster's kube-proxy is set up, in the words of `Microsoft.ContainerService/managedClusters`.

use schemars::JsonSchema;
use serde::Deserialize;

/// A cluster's kube-proxy.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KubeProxyConfig {
    /// Whether nodes have it. Default: true. Something else would have to take its place: only Cilium does.
    pub enabled: Option<bool>,
    /// What it makes of Services. Default: `IPTABLES`.
    pub mode: Option<KubeProxyMode>,
    /// With `mode: IPVS`.
    pub ipvs_config: Option<IpvsConfig>,
}

/// What kube-proxy makes of Services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum KubeProxyMode {
    /// Rules of iptables.
    Iptables,
    /// Virtual servers of the kernel's load balancer. Not built.
    Ipvs,
    /// Rules of nftables. Not built.
    Nftables,
}

/// The kernel's load balancer. Not built.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IpvsConfig {
    /// How it chooses.
    pub scheduler: Option<IpvsScheduler>,
    /// Seconds that a TCP connection without packets is kept.
    #[schemars(range(min = 1))]
    pub tcp_timeout_seconds: Option<u32>,
    /// Seconds that a TCP connection is kept after a FIN.
    #[schemars(range(min = 1))]
    pub tcp_fin_timeout_seconds: Option<u32>,
    /// Seconds that UDP packets are taken for one connection.
    #[schemars(range(min = 1))]
    pub udp_timeout_seconds: Option<u32>,
}

/// How the kernel's load balancer chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum IpvsScheduler {
    /// In turn.
    RoundRobin,
    /// Who has the fewest connections.
    LeastConnection,
}
