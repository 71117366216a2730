//! Azure Firewalls, in the shape of `az network firewall show`.

use serde_json::{Value, json};

use super::{
    Kind, Resource,
    azure::{azure, reference},
    resource_id::{network_id, subnet_id},
};
use crate::{
    firewall::{ApplicationRule, Collection, Fqdns, NatRule, NetworkRule},
    topology::{AzureFirewall, Topology},
};

/// `az network firewall show`.
pub(super) fn azure_firewalls(topology: &Topology) -> Vec<Resource> {
    let firewalls = topology.azure_firewalls.iter().map(|firewall| {
        let rules = &firewall.rules;
        azure(
            &firewall.name,
            json!({
                "applicationRuleCollections": collections(&rules.application, None, application_rule),
                "id": network_id(topology, &["azureFirewalls", &firewall.name]),
                "ipConfigurations": ip_configurations(topology, firewall),
                "name": firewall.name,
                "natRuleCollections": collections(&rules.nat, Some("Dnat"), nat_rule),
                "networkRuleCollections": collections(&rules.network, None, network_rule),
                "type": Kind::AzureFirewalls.type_name(),
            }),
        )
    });
    firewalls.collect()
}

/// The first has the subnet, as on Azure.
fn ip_configurations(topology: &Topology, firewall: &AzureFirewall) -> Vec<Value> {
    let public = firewall.public_addresses.iter().map(|public| {
        let id = network_id(topology, &["publicIPAddresses", &public.name]);
        json!({ "name": public.name, "publicIPAddress": reference(id) })
    });
    let mut all: Vec<Value> = public.collect();
    if let Some(first) = all.first_mut() {
        first["privateIPAddress"] = firewall.private_ip_address.to_string().into();
        first["subnet"] = reference(subnet_id(topology, firewall.subnet));
    }
    all
}

fn collections<R>(all: &[Collection<R>], action: Option<&str>, rule: impl Fn(&R) -> Value) -> Vec<Value> {
    let shown = all.iter().map(|collection| {
        let word = collection.action.to_string();
        json!({
            "action": { "type": action.unwrap_or(&word) },
            "name": collection.name,
            "priority": collection.priority,
            "rules": collection.rules.iter().map(&rule).collect::<Vec<_>>(),
        })
    });
    shown.collect()
}

fn nat_rule(rule: &NatRule) -> Value {
    json!({
        "destinationAddresses": texts(&rule.destinations),
        "destinationPorts": texts(&rule.ports),
        "name": rule.name,
        "protocols": texts(&rule.protocols),
        "sourceAddresses": texts(&rule.sources),
        "translatedAddress": rule.translated_address,
        "translatedPort": rule.translated_port.to_string(),
    })
}

fn network_rule(rule: &NetworkRule) -> Value {
    json!({
        "destinationAddresses": texts(&rule.destinations),
        "destinationPorts": texts(&rule.ports),
        "name": rule.name,
        "protocols": texts(&rule.protocols),
        "sourceAddresses": texts(&rule.sources),
    })
}

fn application_rule(rule: &ApplicationRule) -> Value {
    let (targets, tags) = match &rule.fqdns {
        Fqdns::Targets(targets) => (targets.clone(), vec![]),
        Fqdns::AzureKubernetesService => (vec![], vec!["AzureKubernetesService"]),
    };
    let protocols = rule
        .protocols
        .iter()
        .map(|protocol| json!({ "port": protocol.port, "protocolType": protocol.scheme.to_string() }));
    json!({
        "fqdnTags": tags,
        "name": rule.name,
        "protocols": protocols.collect::<Vec<_>>(),
        "sourceAddresses": texts(&rule.sources),
        "targetFqdns": targets,
    })
}

fn texts<T: ToString>(all: &[T]) -> Vec<String> {
    all.iter().map(ToString::to_string).collect()
}
