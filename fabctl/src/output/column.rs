//! Which columns a table has, by kind: kubectl's for Kubernetes objects, az's for Azure ones, less
//! those that say nothing about an emulated network.

mod egress;
mod service;

use fabric_core::inventory::Kind;
use serde_json::Value;

use super::{
    object::{Object, condition, id_name, id_parent, list, text},
    table::{self, Look},
};

/// What a table shows besides its usual columns.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extent {
    /// The columns of `-o wide`.
    pub wide: bool,
    /// The namespace.
    pub namespace: bool,
    /// `pod/a` instead of `a`.
    pub full_name: bool,
    /// No titles.
    pub no_titles: bool,
}

/// The table of objects of one kind.
pub fn table(kind: Kind, objects: &[Object], extent: Extent) -> String {
    let columns: Vec<_> = columns(kind).into_iter().filter(|column| extent.wide || !column.wide).collect();
    let namespace = (extent.namespace && kind.is_namespaced()).then_some("NAMESPACE");
    let titles: Vec<_> = namespace.into_iter().chain(columns.iter().map(|column| column.title)).collect();
    let row = |object: &Object| {
        let cells = columns.iter().map(|column| {
            if extent.full_name && column.title.eq_ignore_ascii_case("name") {
                return object.full_name();
            }
            let cell = (column.cell)(&object.json);
            if cell.is_empty() && kind.is_kubernetes() { "<none>".to_owned() } else { cell }
        });
        namespace.map(|_| object.namespace.clone()).into_iter().chain(cells).collect()
    };
    let rows: Vec<Vec<String>> = objects.iter().map(row).collect();
    let look = if kind.is_kubernetes() { Look::Kubectl } else { Look::Az };
    table::render(look, (!extent.no_titles).then_some(titles.as_slice()), &rows)
}

struct Column {
    title: &'static str,
    wide: bool,
    cell: fn(&Value) -> String,
}

const fn usual(title: &'static str, cell: fn(&Value) -> String) -> Column {
    Column { title, wide: false, cell }
}

const fn wide(title: &'static str, cell: fn(&Value) -> String) -> Column {
    Column { title, wide: true, cell }
}

const KUBERNETES_NAME: Column = usual("NAME", |o| text(o, "/metadata/name"));
const AZURE_NAME: Column = usual("Name", |o| text(o, "/name"));

fn columns(kind: Kind) -> Vec<Column> {
    match kind {
        Kind::Labs => vec![
            KUBERNETES_NAME,
            usual("GENERATION", |o| text(o, "/metadata/generation")),
            usual("VNETS", |o| text(o, "/status/virtualNetworks")),
            usual("CLUSTERS", |o| text(o, "/status/managedClusters")),
            usual("NODES", |o| text(o, "/status/nodes")),
            usual("PODS", |o| text(o, "/status/pods")),
        ],
        Kind::Nodes => vec![
            KUBERNETES_NAME,
            usual("STATUS", |o| ready_word(&condition(o, "Ready"))),
            usual("ROLES", |_| String::new()),
            usual("VERSION", |o| text(o, "/status/nodeInfo/kubeletVersion")),
            wide("INTERNAL-IP", node_address),
            wide("POD-CIDR", |o| text(o, "/spec/podCIDR")),
            wide("OS-IMAGE", |o| text(o, "/status/nodeInfo/osImage")),
        ],
        Kind::Pods => vec![
            KUBERNETES_NAME,
            usual("READY", pod_ready),
            usual("STATUS", |o| text(o, "/status/phase")),
            usual("IP", |o| text(o, "/status/podIP")),
            usual("NODE", |o| text(o, "/spec/nodeName")),
            wide("NODE-IP", |o| text(o, "/status/hostIP")),
            wide("IMAGES", |o| joined(list(o, "/spec/containers"), "/image")),
        ],
        Kind::Deployments => vec![
            KUBERNETES_NAME,
            usual("READY", |o| {
                format!("{}/{}", count(o, "/status/readyReplicas"), count(o, "/spec/replicas"))
            }),
            usual("UP-TO-DATE", |o| count(o, "/status/updatedReplicas")),
            usual("AVAILABLE", |o| count(o, "/status/availableReplicas")),
            wide("CONTAINERS", |o| joined(list(o, "/spec/template/spec/containers"), "/name")),
            wide("IMAGES", |o| joined(list(o, "/spec/template/spec/containers"), "/image")),
            wide("SELECTOR", |o| labels(o, "/spec/selector/matchLabels")),
        ],
        Kind::ReplicaSets => vec![
            KUBERNETES_NAME,
            usual("DESIRED", |o| count(o, "/spec/replicas")),
            usual("CURRENT", |o| count(o, "/status/replicas")),
            usual("READY", |o| count(o, "/status/readyReplicas")),
            wide("CONTAINERS", |o| joined(list(o, "/spec/template/spec/containers"), "/name")),
            wide("IMAGES", |o| joined(list(o, "/spec/template/spec/containers"), "/image")),
            wide("SELECTOR", |o| labels(o, "/spec/selector/matchLabels")),
        ],
        Kind::Services => service::SERVICE.into(),
        Kind::EndpointSlices => service::ENDPOINT_SLICE.into(),
        Kind::Faults => vec![KUBERNETES_NAME, usual("STATE", |o| text(o, "/status/state"))],
        Kind::Namespaces => vec![KUBERNETES_NAME, usual("STATUS", |o| text(o, "/status/phase"))],
        Kind::VirtualNetworks => vec![
            AZURE_NAME,
            usual("NumSubnets", |o| list(o, "/subnets").len().to_string()),
            usual("Prefixes", |o| joined(list(o, "/addressSpace/addressPrefixes"), "")),
        ],
        Kind::Subnets => vec![
            usual("AddressPrefix", |o| text(o, "/addressPrefix")),
            AZURE_NAME,
            usual("VirtualNetwork", |o| id_parent(o, "/id")),
            usual("RouteTable", |o| id_name(o, "/routeTable/id")),
            wide("NatGateway", |o| id_name(o, "/natGateway/id")),
        ],
        Kind::VirtualNetworkPeerings => vec![
            AZURE_NAME,
            usual("PeeringState", |o| text(o, "/peeringState")),
            usual("VirtualNetwork", |o| id_parent(o, "/id")),
            usual("RemoteVirtualNetwork", |o| id_name(o, "/remoteVirtualNetwork/id")),
            usual("AllowForwardedTraffic", |o| text(o, "/allowForwardedTraffic")),
            usual("AllowGatewayTransit", |o| text(o, "/allowGatewayTransit")),
            usual("UseRemoteGateways", |o| text(o, "/useRemoteGateways")),
        ],
        Kind::RouteTables => vec![
            AZURE_NAME,
            usual("NumRoutes", |o| list(o, "/routes").len().to_string()),
            usual("Subnets", |o| {
                let subnets: Vec<_> =
                    list(o, "/subnets").iter().map(|subnet| id_name(subnet, "/id")).collect();
                subnets.join(", ")
            }),
        ],
        Kind::Routes => vec![
            usual("AddressPrefix", |o| text(o, "/addressPrefix")),
            AZURE_NAME,
            usual("NextHopIpAddress", |o| text(o, "/nextHopIpAddress")),
            usual("NextHopType", |o| text(o, "/nextHopType")),
            usual("RouteTable", |o| id_parent(o, "/id")),
        ],
        Kind::PublicIpAddresses => egress::PUBLIC_IP_ADDRESS.into(),
        Kind::NatGateways => egress::NAT_GATEWAY.into(),
        Kind::LoadBalancers => egress::LOAD_BALANCER.into(),
        Kind::Servers => egress::SERVER.into(),
        Kind::VirtualNetworkGateways => vec![
            AZURE_NAME,
            usual("GatewayType", |o| text(o, "/gatewayType")),
            usual("PrivateIps", |o| joined(list(o, "/ipConfigurations"), "/privateIPAddress")),
            usual("VirtualNetwork", |o| id_parent(o, "/ipConfigurations/0/subnet/id")),
            wide("DefaultSite", |o| id_name(o, "/gatewayDefaultSite/id")),
        ],
        Kind::AzureFirewalls => vec![
            AZURE_NAME,
            usual("PrivateIp", |o| text(o, "/ipConfigurations/0/privateIPAddress")),
            usual("NumPublicIps", |o| list(o, "/ipConfigurations").len().to_string()),
            usual("VirtualNetwork", |o| id_parent(o, "/ipConfigurations/0/subnet/id")),
        ],
        Kind::VirtualMachines => vec![
            AZURE_NAME,
            usual("PowerState", |o| text(o, "/powerState")),
            usual("PrivateIps", |o| text(o, "/privateIps")),
            usual("Subnet", |o| {
                id_name(o, "/networkProfile/networkInterfaces/0/ipConfigurations/0/subnet/id")
            }),
            wide("PublicIps", |o| text(o, "/publicIps")),
        ],
        Kind::OnPremises => vec![
            AZURE_NAME,
            usual("Prefixes", |o| joined(list(o, "/addressPrefixes"), "")),
            usual("Gateway", |o| id_name(o, "/virtualNetworkGateway/id")),
            usual("NumMachines", |o| list(o, "/machines").len().to_string()),
            wide("PublicIp", |o| text(o, "/publicIPAddress")),
        ],
        Kind::Machines => vec![
            AZURE_NAME,
            usual("PrivateIps", |o| text(o, "/privateIPAddress")),
            usual("Site", |o| id_parent(o, "/id")),
        ],
        Kind::ManagedClusters => vec![
            AZURE_NAME,
            usual("KubernetesVersion", |o| text(o, "/kubernetesVersion")),
            usual("NetworkPlugin", network_plugin),
            usual("PodCidr", |o| text(o, "/networkProfile/podCidr")),
            usual("ServiceCidr", |o| text(o, "/networkProfile/serviceCidr")),
            wide("OutboundType", |o| text(o, "/networkProfile/outboundType")),
            wide("OutboundIps", egress::outbound_ips),
        ],
        Kind::AgentPools => vec![
            AZURE_NAME,
            usual("Cluster", |o| id_parent(o, "/id")),
            usual("KubernetesVersion", |o| text(o, "/currentOrchestratorVersion")),
            usual("Count", |o| text(o, "/count")),
            usual("MaxPods", |o| text(o, "/maxPods")),
            usual("Subnet", |o| id_name(o, "/vnetSubnetId")),
            usual("PodSubnet", |o| id_name(o, "/podSubnetId")),
        ],
        Kind::All => vec![],
    }
}

fn ready_word(status: &str) -> String {
    if status == "True" { "Ready" } else { "NotReady" }.to_owned()
}

fn node_address(node: &Value) -> String {
    let addresses = list(node, "/status/addresses").iter();
    let mut internal = addresses.filter(|address| text(address, "/type") == "InternalIP");
    internal.next().map(|address| text(address, "/address")).unwrap_or_default()
}

fn pod_ready(pod: &Value) -> String {
    let containers = list(pod, "/spec/containers").len();
    let ready = if condition(pod, "ContainersReady") == "True" { containers } else { 0 };
    format!("{ready}/{containers}")
}

/// `azure overlay`, `azure pod subnet`: the plugin, and where pods have their addresses from, if it leaves
/// a choice.
fn network_plugin(cluster: &Value) -> String {
    let plugin = text(cluster, "/networkProfile/networkPlugin");
    let mode = text(cluster, "/networkProfile/networkPluginMode");
    let has_pod_subnet =
        list(cluster, "/agentPoolProfiles").iter().any(|pool| pool.get("podSubnetId").is_some());
    match (mode.as_str(), has_pod_subnet) {
        ("", false) => plugin,
        ("", true) => format!("{plugin} pod subnet"),
        (mode, _) => format!("{plugin} {mode}"),
    }
}

/// `app=web,tier=front`.
fn labels(value: &Value, pointer: &str) -> String {
    let labels = value.pointer(pointer).and_then(Value::as_object);
    let pairs = labels.into_iter().flatten().map(|(name, value)| format!("{name}={}", text(value, "")));
    pairs.collect::<Vec<_>>().join(",")
}

fn count(value: &Value, pointer: &str) -> String {
    let count = text(value, pointer);
    if count.is_empty() { "0".to_owned() } else { count }
}

fn joined(values: &[Value], pointer: &str) -> String {
    let separator = if pointer == "/image" || pointer == "/name" { "," } else { ", " };
    values.iter().map(|value| text(value, pointer)).collect::<Vec<_>>().join(separator)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::network_plugin;

    #[test]
    fn a_clusters_network_plugin_is_told_with_its_mode() {
        let cluster = |profile, pool| {
            network_plugin(&json!({ "networkProfile": profile, "agentPoolProfiles": [pool] }))
        };
        let azure = || json!({ "networkPlugin": "azure" });
        assert_eq!(cluster(json!({ "networkPlugin": "kubenet" }), json!({})), "kubenet");
        assert_eq!(cluster(azure(), json!({})), "azure");
        assert_eq!(cluster(azure(), json!({ "podSubnetId": "/s" })), "azure pod subnet");
        let overlay = json!({ "networkPlugin": "azure", "networkPluginMode": "overlay" });
        assert_eq!(cluster(overlay, json!({})), "azure overlay");
        assert_eq!(cluster(json!({ "networkPlugin": "none" }), json!({})), "none");
    }
}
