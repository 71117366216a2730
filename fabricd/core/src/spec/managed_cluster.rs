//! AKS clusters in a lab file, in the words of `Microsoft.ContainerService/managedClusters`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    http_proxy::HttpProxyConfig,
    kube_proxy::KubeProxyConfig,
    max_surge::MaxSurge,
    network_value::{Address, Cidr, SubnetReference},
    outbound::{LoadBalancerProfile, NatGatewayProfile, OutboundType},
};

/// An AKS cluster.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ManagedCluster {
    /// Unique in the lab: lower case letters, digits and `-`, at most 63.
    #[schemars(regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"), length(max = 63))]
    pub name: String,
    /// In quotes, such as "1.30". Default: "1.30".
    #[schemars(regex(pattern = r"^1\.[0-9]+(\.[0-9]+)?$"))]
    pub kubernetes_version: Option<String>,
    /// How pods and Services are connected. Default: Azure CNI Overlay, as AKS takes it.
    pub network_profile: Option<NetworkProfile>,
    /// The HTTP proxy of its nodes and pods. Default: none.
    pub http_proxy_config: Option<HttpProxyConfig>,
    /// Node pools.
    #[schemars(length(min = 1))]
    pub agent_pool_profiles: Vec<AgentPoolProfile>,
}

/// How pods and Services are connected.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NetworkProfile {
    /// Default: `azure`, and then with `networkPluginMode: overlay`.
    pub network_plugin: Option<NetworkPlugin>,
    /// `overlay` gives pods addresses of `podCidr`. Without it, a written `networkPlugin: azure` gives them
    /// addresses of the VNet.
    pub network_plugin_mode: Option<NetworkPluginMode>,
    /// Only `azure` is built.
    pub network_dataplane: Option<NetworkDataplane>,
    /// Only `none` is built.
    pub network_policy: Option<NetworkPolicy>,
    /// Where pods get their addresses from; each node gets a /24 of it. Default: 10.244.0.0/16. Not for
    /// Azure CNI without overlay, which takes them from a subnet.
    pub pod_cidr: Option<Cidr>,
    /// Where Services get their addresses from. Default: 10.0.0.0/16.
    pub service_cidr: Option<Cidr>,
    /// The cluster's DNS server, in `serviceCidr`. Default: the tenth address, 10.0.0.10.
    #[serde(rename = "dnsServiceIP")]
    pub dns_service_ip: Option<Address>,
    /// What makes Services work on nodes. Default: kube-proxy with iptables.
    pub kube_proxy_config: Option<KubeProxyConfig>,
    /// How packets leave for the internet. Default: `loadBalancer`.
    pub outbound_type: Option<OutboundType>,
    /// With `outboundType: loadBalancer`.
    pub load_balancer_profile: Option<LoadBalancerProfile>,
    /// With `outboundType: managedNATGateway`.
    pub nat_gateway_profile: Option<NatGatewayProfile>,
}

/// How pods are connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum NetworkPlugin {
    /// Bridge `cbr0` on each node, and a route table.
    Kubenet,
    /// Azure CNI: a veth pair and a route for each pod.
    Azure,
    /// A CNI plugin of one's own: nothing is done for pods.
    None,
}

/// A variant of Azure CNI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum NetworkPluginMode {
    /// Pods are in a routing domain of their own.
    Overlay,
}

/// What carries packets on a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum NetworkDataplane {
    /// iptables.
    Azure,
    /// eBPF. Not built yet.
    Cilium,
}

/// What enforces network policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum NetworkPolicy {
    /// Nothing.
    None,
    /// Azure Network Policy Manager. Not built yet.
    Azure,
    /// Not built yet.
    Calico,
    /// Not built yet.
    Cilium,
}

/// A node pool.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AgentPoolProfile {
    /// Unique in its cluster: 1 to 12 lower case letters and digits, beginning with a letter.
    #[schemars(regex(pattern = "^[a-z][a-z0-9]{0,11}$"))]
    pub name: String,
    /// Nodes. Default: 3.
    #[schemars(range(max = 1000))]
    pub count: Option<u32>,
    /// Whether the cluster autoscaler changes `count`. It does not run here: its limits are checked and
    /// planned with.
    pub enable_auto_scaling: Option<bool>,
    /// The fewest nodes that the autoscaler leaves.
    #[schemars(range(max = 1000))]
    pub min_count: Option<u32>,
    /// The most nodes that the autoscaler makes. AKS wants addresses for all of them.
    #[schemars(range(min = 1, max = 1000))]
    pub max_count: Option<u32>,
    /// How the pool is upgraded.
    pub upgrade_settings: Option<UpgradeSettings>,
    /// Pods that each node takes. Default: 110 with kubenet and with a pod subnet, 30 with Azure CNI in the
    /// nodes' subnet, else 250.
    #[schemars(range(min = 10, max = 250))]
    pub max_pods: Option<u32>,
    /// Where the nodes are: `VNET/SUBNET`. Default: the only subnet that there is.
    pub vnet_subnet: Option<SubnetReference>,
    /// Where the pods are, with `networkPlugin: azure`: `VNET/SUBNET`, another one than the nodes' and of
    /// the same VNet. Pools and clusters may share it. Default: pods are in the nodes' subnet.
    pub pod_subnet: Option<SubnetReference>,
    /// How nodes get addresses of `podSubnet`. Default: `DynamicIndividual`.
    #[serde(rename = "podIPAllocationMode")]
    pub pod_ip_allocation_mode: Option<PodIpAllocationMode>,
    /// Nodes of this pool have addresses of this part of their subnet, and nothing else has. Not known to
    /// AKS.
    pub node_address_range: Option<Cidr>,
    /// Pods of this pool have addresses of this part of what they have them from (`podCidr`, `podSubnet` or
    /// `vnetSubnet`), and nothing else has. Not known to AKS.
    pub pod_address_range: Option<Cidr>,
    /// The exact name of the VM scale set. Default: `aks-<pool>-<8 digits>-vmss`, the digits derived from
    /// the names of lab, cluster and pool.
    #[schemars(regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"), length(max = 57))]
    pub scale_set: Option<String>,
    /// Its nodes' version of Kubernetes, in quotes. Default: the cluster's.
    #[schemars(regex(pattern = r"^1\.[0-9]+(\.[0-9]+)?$"))]
    pub orchestrator_version: Option<String>,
    /// Accepted and without effect.
    pub mode: Option<AgentPoolMode>,
    /// Accepted and without effect.
    pub vm_size: Option<String>,
    /// Only `Linux` is built. Default: `Linux`.
    pub os_type: Option<OsType>,
}

/// How a node pool is upgraded.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpgradeSettings {
    /// Nodes more than there are while it is upgraded. Default: "1".
    pub max_surge: Option<MaxSurge>,
}

/// How nodes get addresses of a pod subnet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum PodIpAllocationMode {
    /// 16 at a time, as their pods need them.
    #[default]
    DynamicIndividual,
    /// As many blocks of /28 as `maxPods` pods need, for as long as the node lives.
    StaticBlock,
}

/// What a node pool is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum AgentPoolMode {
    /// The cluster's own pods first.
    System,
    /// The user's pods.
    User,
}

/// A node's operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum OsType {
    /// Ubuntu.
    Linux,
    /// Not built yet.
    Windows,
}
