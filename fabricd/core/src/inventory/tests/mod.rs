//! One small lab, listed.

mod azure;
mod azure_firewall;
mod egress;
mod faults;
mod fixture;
mod kubernetes;
mod load_balancers;
mod services;

use serde_json::Value;

use self::fixture::topology;
use super::*;

fn show(kind: Kind) -> String {
    let found = list(&topology(), &Faults::default(), kind, None, None);
    let objects: Vec<_> =
        found.iter().map(|one| serde_json::to_string_pretty(&one.object).unwrap()).collect();
    objects.join("\n")
}

fn names(kind: &str, namespace: Option<&str>, name: Option<&str>) -> String {
    let found = list(&topology(), &Faults::default(), kind.parse().unwrap(), namespace, name);
    let name = |one: Resource| match one.namespace {
        Some(namespace) => format!("{namespace}:{}", one.name),
        None => one.name,
    };
    found.into_iter().map(name).collect::<Vec<_>>().join(" ")
}

#[test]
fn objects_are_sorted_and_found_by_name_and_namespace() {
    assert_eq!(names("pods", None, None), "default:a default:b web:b");
    assert_eq!(names("po", Some("default"), None), "default:a default:b");
    assert_eq!(names("pod", None, Some("b")), "default:b web:b");
    assert_eq!(names("nodes", Some("web"), None), "aks-nodepool1-11743156-vmss000000");
    assert_eq!(names("subnets", None, None), "aks-vnet/GatewaySubnet aks-vnet/aks-subnet");
    assert_eq!(names("subnet", None, Some("aks-subnet")), "aks-vnet/aks-subnet");
    assert_eq!(names("subnet", None, Some("aks-vnet/aks-subnet")), "aks-vnet/aks-subnet");
    assert_eq!(names("np", None, None), "aks/nodepool1");
    assert_eq!(names("labs", None, None), "");
}

#[test]
fn all_shows_each_object_once_and_it_says_what_it_is() {
    let all = list(&topology(), &Faults::default(), Kind::All, Some("default"), None);
    let kinds = all.iter().map(|resource| {
        let object = &resource.object;
        let type_name = object.get("kind").or(object.get("type")).and_then(Value::as_str).unwrap();
        Kind::from_type_name(type_name).unwrap().singular().to_owned() + "/" + &resource.name
    });
    insta::assert_snapshot!(kinds.collect::<Vec<_>>().join("\n"), @"
    virtualnetwork/aks-vnet
    routetable/aks-routetable
    virtualnetworkgateway/vpn
    virtualmachine/device
    site/datacenter
    managedcluster/aks
    node/aks-nodepool1-11743156-vmss000000
    deployment/web
    replicaset/web-587cd64d54
    pod/a
    pod/b
    ");
    for kind in Kind::every() {
        for resource in
            list(&topology(), &Faults::default(), kind, None, None).iter().filter(|_| kind != Kind::All)
        {
            let own = [&resource.object["kind"], &resource.object["type"]];
            assert!(own.contains(&&Value::from(kind.type_name())), "{kind}");
        }
    }
}

#[test]
fn with_several_clusters_an_object_says_whose_it_is() {
    let mut topology = topology();
    let mut second = topology.managed_clusters[0].clone();
    second.name = "blue".into();
    topology.managed_clusters.push(second);
    for kind in [Kind::Nodes, Kind::Pods, Kind::Deployments, Kind::ReplicaSets, Kind::Namespaces] {
        let found = list(&topology, &Faults::default(), kind, None, None);
        let clusters =
            found.iter().filter_map(|one| one.object["metadata"]["annotations"]["fabricd/cluster"].as_str());
        assert_eq!(clusters.filter(|name| *name == "blue").count(), found.len() / 2, "{kind}");
    }
}
