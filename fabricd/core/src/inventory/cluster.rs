//! AKS clusters and their node pools, in the shape of `az aks show` and `az aks nodepool show`.

use serde_json::{Value, json};

use super::{
    Kind, Resource,
    azure::{azure, cluster_id, reference},
    resource_id::{public_address_id, subnet_id},
};
use crate::{
    address_plan::Mode,
    topology::{
        AgentPool, AutoScaling, HttpProxyConfig, ManagedCluster, NetworkPlugin, PublicAddress, Topology,
    },
};

/// `az aks show`.
pub(super) fn managed_clusters(topology: &Topology) -> Vec<Resource> {
    let clusters = topology.managed_clusters.iter().map(|cluster| {
        let mut profile = json!({
            "dnsServiceIp": cluster.dns_service_ip,
            "loadBalancerSku": "standard",
            "networkPlugin": plugin(cluster.network_plugin),
            "outboundType": cluster.outbound.outbound_type,
        });
        outbound_profile(topology, cluster, &mut profile);
        if cluster.network_plugin == NetworkPlugin::Overlay {
            profile["networkPluginMode"] = "overlay".into();
        }
        if let Some(pod_cidr) = cluster.pod_cidr {
            profile["podCidr"] = json!(pod_cidr);
            profile["podCidrs"] = json!([pod_cidr]);
        }
        profile["serviceCidr"] = json!(cluster.service_cidr);
        profile["serviceCidrs"] = json!([cluster.service_cidr]);
        let pools = cluster.agent_pools.iter().map(|pool| pool_object(topology, cluster, pool));
        let mut object = json!({
            "agentPoolProfiles": pools.collect::<Vec<_>>(),
            "currentKubernetesVersion": cluster.kubernetes_version,
        });
        if let Some(proxy) = &cluster.http_proxy {
            object["httpProxyConfig"] = proxy_object(proxy);
        }
        object["id"] = cluster_id(topology, &cluster.name).into();
        object["kubernetesVersion"] = cluster.kubernetes_version.as_str().into();
        object["name"] = cluster.name.as_str().into();
        object["networkProfile"] = profile;
        object["type"] = Kind::ManagedClusters.type_name().into();
        azure(&cluster.name, object)
    });
    clusters.collect()
}

/// What AKS has made for the outbound type, in the profile of that.
fn outbound_profile(topology: &Topology, cluster: &ManagedCluster, profile: &mut Value) {
    let ids = |addresses: &[PublicAddress]| -> Vec<Value> {
        addresses.iter().map(|public| reference(public_address_id(topology, &public.name))).collect()
    };
    if let Some(balancer) = &cluster.outbound.load_balancer {
        let effective = ids(&balancer.frontends);
        let (word, addresses) = if balancer.managed_addresses {
            ("managedOutboundIPs", json!({ "count": balancer.frontends.len() }))
        } else {
            ("outboundIPs", json!({ "publicIPs": effective }))
        };
        profile["loadBalancerProfile"] = json!({
            "allocatedOutboundPorts": balancer.allocated_outbound_ports,
            "effectiveOutboundIPs": effective,
            "idleTimeoutInMinutes": balancer.idle_timeout_minutes,
        });
        profile["loadBalancerProfile"][word] = addresses;
    }
    let mut gateways = topology.nat_gateways.iter();
    if let Some(gateway) = gateways.find(|it| it.managed_by.as_ref() == Some(&cluster.name)) {
        profile["natGatewayProfile"] = json!({
            "effectiveOutboundIPs": ids(&gateway.public_addresses),
            "idleTimeoutInMinutes": gateway.idle_timeout_minutes,
            "managedOutboundIPProfile": { "count": gateway.public_addresses.len() },
        });
    }
}

/// `az aks nodepool show`.
pub(super) fn agent_pools(topology: &Topology) -> Vec<Resource> {
    let pools = topology.managed_clusters.iter().flat_map(|cluster| {
        cluster.agent_pools.iter().map(move |pool| {
            azure(&format!("{}/{}", cluster.name, pool.name), pool_object(topology, cluster, pool))
        })
    });
    pools.collect()
}

fn pool_object(topology: &Topology, cluster: &ManagedCluster, pool: &AgentPool) -> Value {
    // The version that its nodes have: during an upgrade the older one.
    let nodes = || cluster.nodes.iter().filter(|node| cluster.agent_pools[node.pool].name == pool.name);
    let version = nodes().map(|node| node.kubernetes_version.as_str()).min();
    let version = version.unwrap_or(&cluster.kubernetes_version);
    let mut object = json!({
        "count": pool.count,
        "currentOrchestratorVersion": version,
        "id": format!("{}/agentPools/{}", cluster_id(topology, &cluster.name), pool.name),
        "enableAutoScaling": pool.auto_scaling.is_some(),
        "maxPods": pool.max_pods,
        "name": pool.name,
        "orchestratorVersion": version,
        "osType": "Linux",
        "scaleSet": pool.scale_set,
        "type": Kind::AgentPools.type_name(),
        "upgradeSettings": { "maxSurge": pool.max_surge.to_string() },
        "vnetSubnetId": subnet_id(topology, pool.subnet),
    });
    if let Some(AutoScaling { min_count, max_count }) = pool.auto_scaling {
        object["maxCount"] = max_count.into();
        object["minCount"] = min_count.into();
    }
    if let Some(subnet) = pool.pod_subnet {
        let is_static = pool.mode == Mode::StaticBlock;
        object["podIpAllocationMode"] = if is_static { "StaticBlock" } else { "DynamicIndividual" }.into();
        object["podSubnetId"] = subnet_id(topology, subnet).into();
    }
    object
}

fn proxy_object(proxy: &HttpProxyConfig) -> Value {
    json!({
        "effectiveNoProxy": proxy.effective_no_proxy,
        "httpProxy": proxy.http_proxy,
        "httpsProxy": proxy.https_proxy,
        "noProxy": proxy.no_proxy,
        "trustedCa": proxy.trusted_ca,
    })
}

fn plugin(plugin: NetworkPlugin) -> &'static str {
    match plugin {
        NetworkPlugin::Kubenet => "kubenet",
        NetworkPlugin::NodeSubnet | NetworkPlugin::PodSubnet | NetworkPlugin::Overlay => "azure",
        NetworkPlugin::None => "none",
    }
}
