use super::*;
use crate::{
    spec::{self, Source},
    topology::Topology,
};

fn services() -> Topology {
    let text = include_str!("../../../tests/lab_file/services.yaml").to_owned();
    spec::load(&[Source { name: "lab.yaml".into(), text }]).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"))
}

fn object(topology: &Topology, kind: Kind, name: &str) -> Value {
    let mut found = list(topology, &Faults::default(), kind, None, Some(name));
    assert_eq!(found.len(), 1, "{kind} {name}");
    found.remove(0).object
}

fn pretty(object: &Value) -> String {
    serde_json::to_string_pretty(object).unwrap()
}

#[test]
fn a_service_has_what_the_api_server_fills_in() {
    let topology = services();
    insta::assert_snapshot!(pretty(&object(&topology, Kind::Services, "web")), @r#"
    {
      "apiVersion": "v1",
      "kind": "Service",
      "metadata": {
        "name": "web",
        "namespace": "default",
        "uid": "3c44349a-d566-84e8-aa59-fd413efb1923"
      },
      "spec": {
        "clusterIP": "10.0.126.226",
        "clusterIPs": [
          "10.0.126.226"
        ],
        "externalTrafficPolicy": "Cluster",
        "internalTrafficPolicy": "Cluster",
        "ipFamilies": [
          "IPv4"
        ],
        "ipFamilyPolicy": "SingleStack",
        "ports": [
          {
            "nodePort": 30524,
            "port": 80,
            "protocol": "TCP",
            "targetPort": "http"
          }
        ],
        "selector": {
          "app": "web",
          "tier": "front"
        },
        "sessionAffinity": "None",
        "type": "LoadBalancer"
      },
      "status": {
        "loadBalancer": {
          "ingress": [
            {
              "ip": "198.51.100.2",
              "ipMode": "VIP"
            }
          ]
        }
      }
    }
    "#);
    let spec = |name: &str| object(&topology, Kind::Services, name)["spec"].clone();
    let fixed = spec("fixed");
    assert_eq!(fixed["sessionAffinityConfig"]["clientIP"]["timeoutSeconds"], 10_800);
    assert_eq!(fixed["ports"][0]["nodePort"], 30_080);
    assert_eq!(fixed["ports"][1]["targetPort"], "dns");
    let peers = spec("peers");
    assert_eq!((&peers["clusterIP"], &peers["clusterIPs"][0]), (&"None".into(), &"None".into()));
    let docs = spec("docs");
    assert_eq!((&docs["type"], docs.get("clusterIP")), (&"ExternalName".into(), None));
    assert!(spec("local")["healthCheckNodePort"].is_u64());
    for resource in list(&topology, &Faults::default(), Kind::Services, None, None) {
        let again: k8s_openapi::api::core::v1::Service = serde_json::from_value(resource.object).unwrap();
        assert!(again.metadata.uid.is_some(), "{}", resource.name);
    }
}

#[test]
fn slices_say_who_is_behind_a_service_and_whether_it_is_ready() {
    let topology = services();
    let slices = |topology: &Topology, service: &str| -> Vec<Value> {
        let all = list(topology, &Faults::default(), Kind::EndpointSlices, None, None).into_iter();
        let own =
            all.filter(|slice| slice.object["metadata"]["labels"]["kubernetes.io/service-name"] == service);
        own.map(|slice| slice.object).collect()
    };
    insta::assert_snapshot!(pretty(&slices(&topology, "fixed")[0]), @r#"
    {
      "addressType": "IPv4",
      "apiVersion": "discovery.k8s.io/v1",
      "endpoints": [
        {
          "addresses": [
            "10.244.0.1"
          ],
          "conditions": {
            "ready": true,
            "serving": true,
            "terminating": false
          },
          "nodeName": "aks-pool-11111111-vmss000000",
          "targetRef": {
            "kind": "Pod",
            "name": "web-6d7b7fc4cc-dn6w4",
            "namespace": "default"
          }
        },
        {
          "addresses": [
            "10.244.1.1"
          ],
          "conditions": {
            "ready": true,
            "serving": true,
            "terminating": false
          },
          "nodeName": "aks-pool-11111111-vmss000001",
          "targetRef": {
            "kind": "Pod",
            "name": "web-6d7b7fc4cc-l77fz",
            "namespace": "default"
          }
        }
      ],
      "kind": "EndpointSlice",
      "metadata": {
        "generateName": "fixed-",
        "labels": {
          "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
          "kubernetes.io/service-name": "fixed"
        },
        "name": "fixed-dxl5w",
        "namespace": "default",
        "ownerReferences": [
          {
            "apiVersion": "v1",
            "blockOwnerDeletion": true,
            "controller": true,
            "kind": "Service",
            "name": "fixed",
            "uid": "7b3837f6-d2d1-8963-a38c-25b761a56f25"
          }
        ],
        "uid": "537efb4c-62cf-8bbd-a489-ab710c6653ea"
      },
      "ports": [
        {
          "name": "http",
          "port": 8080,
          "protocol": "TCP"
        },
        {
          "name": "dns",
          "port": 53,
          "protocol": "UDP"
        }
      ]
    }
    "#);
    for (service, count) in [("docs", 0), ("kubernetes", 0), ("plain", 1)] {
        let of = slices(&topology, service);
        assert_eq!(of.len(), count, "{service}");
        for slice in of {
            serde_json::from_value::<k8s_openapi::api::discovery::v1::EndpointSlice>(slice).unwrap();
        }
    }

    let cluster = &topology.managed_clusters[0];
    let pod = cluster.pods.iter().find(|pod| pod.name.starts_with("web-")).unwrap();
    let mut conditions = topology.conditions.clone();
    conditions.switched_off.insert(format!("aks/default/{}", pod.name));
    let unready = topology.with_conditions(conditions);
    let ready = |service: &str| {
        let slice = slices(&unready, service).remove(0);
        let of = slice["endpoints"].as_array().unwrap().clone();
        let own = of.iter().find(|endpoint| endpoint["targetRef"]["name"] == pod.name.as_str()).unwrap();
        (own["conditions"]["ready"].clone(), own["conditions"]["serving"].clone())
    };
    assert_eq!(ready("web"), (false.into(), false.into()));
    // It publishes addresses that are not ready.
    assert_eq!(ready("peers"), (true.into(), false.into()));
}

#[test]
fn pods_with_other_ports_are_in_another_slice_and_a_hundred_fit_into_one() {
    let pod = |name: &str, port: u16| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, labels: {{app: web}}}}\n\
             spec: {{containers: [{{name: c, image: i, ports: [{{name: http, containerPort: {port}}}]}}]}}\n"
        )
    };
    let text = format!(
        "apiVersion: fabric/v1\nkind: Lab\nmetadata: {{name: lab}}\nmanagedClusters:\n\
         - {{name: aks, agentPoolProfiles: [{{name: pool, count: 2}}]}}\n\
         ---\napiVersion: v1\nkind: Service\nmetadata: {{name: web}}\n\
         spec: {{selector: {{app: web}}, ports: [{{port: 80, targetPort: http}}]}}\n{}{}",
        (0..130).map(|number| pod(&format!("old-{number}"), 8080)).collect::<String>(),
        pod("new", 9090)
    );
    let topology = spec::load(&[Source { name: "lab.yaml".into(), text }]).unwrap();
    let slices = list(&topology, &Faults::default(), Kind::EndpointSlices, Some("default"), None);
    let mut shape: Vec<_> = slices
        .iter()
        .map(|slice| {
            (slice.object["ports"][0]["port"].as_u64(), slice.object["endpoints"].as_array().unwrap().len())
        })
        .collect();
    shape.sort_unstable();
    assert_eq!(shape, [(Some(8080), 30), (Some(8080), 100), (Some(9090), 1)]);
    let names: std::collections::BTreeSet<&str> = slices.iter().map(|slice| slice.name.as_str()).collect();
    assert_eq!(names.len(), 3);
    assert!(names.iter().all(|name| name.starts_with("web-") && name.len() == 9), "{names:?}");
}

#[test]
fn a_replica_set_has_its_deployments_pods() {
    let topology = services();
    let sets = list(&topology, &Faults::default(), Kind::ReplicaSets, Some("default"), None);
    let [set] = sets.as_slice() else { panic!("one Deployment") };
    assert_eq!(set.object["metadata"]["ownerReferences"][0]["name"], "web");
    let pods = list(&topology, &Faults::default(), Kind::Pods, None, None);
    let own =
        pods.iter().filter(|pod| pod.object["metadata"]["ownerReferences"][0]["name"] == set.name.as_str());
    let uids: Vec<&Value> = own.map(|pod| &pod.object["metadata"]["ownerReferences"][0]["uid"]).collect();
    assert_eq!(uids, [&set.object["metadata"]["uid"]; 2]);
    let selector = set.object["spec"]["selector"]["matchLabels"].as_object().unwrap();
    assert!(selector.contains_key("pod-template-hash"));
}

#[test]
fn load_balancers_have_rules_and_probes_of_services() {
    let topology = services();
    let text = pretty(&object(&topology, Kind::LoadBalancers, "aks/kubernetes"));
    insta::assert_snapshot!(text.replace("/labs/services/providers/Microsoft.ContainerService", "…"), @r#"
    {
      "backendAddressPools": [
        {
          "id": "…/managedClusters/aks/loadBalancers/kubernetes/backendAddressPools/aksOutboundBackendPool",
          "loadBalancerBackendAddresses": [
            {
              "ipAddress": "10.224.0.4",
              "name": "aks-pool-11111111-vmss000000"
            },
            {
              "ipAddress": "10.224.0.5",
              "name": "aks-pool-11111111-vmss000001"
            }
          ],
          "name": "aksOutboundBackendPool"
        },
        {
          "id": "…/managedClusters/aks/loadBalancers/kubernetes/backendAddressPools/kubernetes",
          "loadBalancerBackendAddresses": [
            {
              "ipAddress": "10.224.0.4",
              "name": "aks-pool-11111111-vmss000000"
            },
            {
              "ipAddress": "10.224.0.5",
              "name": "aks-pool-11111111-vmss000001"
            }
          ],
          "name": "kubernetes"
        }
      ],
      "frontendIPConfigurations": [
        {
          "id": "…/managedClusters/aks/loadBalancers/kubernetes/frontendIPConfigurations/aks-outbound-1",
          "name": "aks-outbound-1",
          "publicIPAddress": {
            "id": "/labs/services/providers/Microsoft.Network/publicIPAddresses/aks-outbound-1",
            "ipAddress": "198.51.100.1"
          }
        },
        {
          "id": "…/managedClusters/aks/loadBalancers/kubernetes/frontendIPConfigurations/a3c44349ad56684e8aa59fd413efb192",
          "name": "a3c44349ad56684e8aa59fd413efb192",
          "publicIPAddress": {
            "id": "/labs/services/providers/Microsoft.Network/publicIPAddresses/kubernetes-a3c44349ad56684e8aa59fd413efb192",
            "ipAddress": "198.51.100.2"
          }
        },
        {
          "id": "…/managedClusters/aks/loadBalancers/kubernetes/frontendIPConfigurations/aca466568dc7787ffa40f2e3d6efb875",
          "name": "aca466568dc7787ffa40f2e3d6efb875",
          "publicIPAddress": {
            "id": "/labs/services/providers/Microsoft.Network/publicIPAddresses/front-ip",
            "ipAddress": "198.51.100.77"
          }
        }
      ],
      "id": "…/managedClusters/aks/loadBalancers/kubernetes",
      "loadBalancingRules": [
        {
          "backendAddressPool": {
            "id": "…/managedClusters/aks/loadBalancers/kubernetes/backendAddressPools/kubernetes"
          },
          "backendPort": 80,
          "disableOutboundSnat": true,
          "enableFloatingIP": true,
          "enableTcpReset": true,
          "frontendIPConfiguration": {
            "id": "…/managedClusters/aks/loadBalancers/kubernetes/frontendIPConfigurations/a3c44349ad56684e8aa59fd413efb192"
          },
          "frontendPort": 80,
          "id": "…/managedClusters/aks/loadBalancers/kubernetes/loadBalancingRules/a3c44349ad56684e8aa59fd413efb192-TCP-80",
          "idleTimeoutInMinutes": 4,
          "loadDistribution": "Default",
          "name": "a3c44349ad56684e8aa59fd413efb192-TCP-80",
          "health": {
            "down": 0,
            "loadBalancerBackendAddresses": [
              {
                "ipAddress": "10.224.0.4",
                "name": "aks-pool-11111111-vmss000000",
                "state": "Up"
              },
              {
                "ipAddress": "10.224.0.5",
                "name": "aks-pool-11111111-vmss000001",
                "state": "Up"
              }
            ],
            "up": 2
          },
          "probe": {
            "id": "…/managedClusters/aks/loadBalancers/kubernetes/probes/a3c44349ad56684e8aa59fd413efb192-TCP-80"
          },
          "protocol": "Tcp"
        },
        {
          "backendAddressPool": {
            "id": "…/managedClusters/aks/loadBalancers/kubernetes/backendAddressPools/kubernetes"
          },
          "backendPort": 443,
          "disableOutboundSnat": true,
          "enableFloatingIP": true,
          "enableTcpReset": true,
          "frontendIPConfiguration": {
            "id": "…/managedClusters/aks/loadBalancers/kubernetes/frontendIPConfigurations/aca466568dc7787ffa40f2e3d6efb875"
          },
          "frontendPort": 443,
          "id": "…/managedClusters/aks/loadBalancers/kubernetes/loadBalancingRules/aca466568dc7787ffa40f2e3d6efb875-TCP-443",
          "idleTimeoutInMinutes": 4,
          "loadDistribution": "Default",
          "name": "aca466568dc7787ffa40f2e3d6efb875-TCP-443",
          "health": {
            "down": 0,
            "loadBalancerBackendAddresses": [
              {
                "ipAddress": "10.224.0.4",
                "name": "aks-pool-11111111-vmss000000",
                "state": "Up"
              },
              {
                "ipAddress": "10.224.0.5",
                "name": "aks-pool-11111111-vmss000001",
                "state": "Up"
              }
            ],
            "up": 2
          },
          "probe": {
            "id": "…/managedClusters/aks/loadBalancers/kubernetes/probes/aca466568dc7787ffa40f2e3d6efb875-TCP-32258"
          },
          "protocol": "Tcp"
        }
      ],
      "name": "kubernetes",
      "outboundRules": [
        {
          "allocatedOutboundPorts": 0,
          "backendAddressPool": {
            "id": "…/managedClusters/aks/loadBalancers/kubernetes/backendAddressPools/aksOutboundBackendPool"
          },
          "enableTcpReset": true,
          "frontendIPConfigurations": [
            {
              "id": "…/managedClusters/aks/loadBalancers/kubernetes/frontendIPConfigurations/aks-outbound-1"
            }
          ],
          "id": "…/managedClusters/aks/loadBalancers/kubernetes/outboundRules/aksOutboundRule",
          "idleTimeoutInMinutes": 30,
          "name": "aksOutboundRule",
          "protocol": "All"
        }
      ],
      "probes": [
        {
          "id": "…/managedClusters/aks/loadBalancers/kubernetes/probes/a3c44349ad56684e8aa59fd413efb192-TCP-80",
          "intervalInSeconds": 5,
          "name": "a3c44349ad56684e8aa59fd413efb192-TCP-80",
          "port": 30524,
          "probeThreshold": 2,
          "protocol": "Tcp"
        },
        {
          "id": "…/managedClusters/aks/loadBalancers/kubernetes/probes/aca466568dc7787ffa40f2e3d6efb875-TCP-32258",
          "intervalInSeconds": 5,
          "name": "aca466568dc7787ffa40f2e3d6efb875-TCP-32258",
          "port": 32258,
          "probeThreshold": 2,
          "protocol": "Http",
          "requestPath": "/healthz"
        }
      ],
      "sku": {
        "name": "Standard"
      },
      "type": "Microsoft.Network/loadBalancers"
    }
    "#);
    let internal = object(&topology, Kind::LoadBalancers, "aks/kubernetes-internal");
    let [named, plain, _] = internal["frontendIPConfigurations"].as_array().unwrap().as_slice() else {
        panic!("three frontends")
    };
    // The subnet's name is in the names only where the Service says it.
    assert!(named["name"].as_str().unwrap().ends_with("-inside"), "{named}");
    assert_eq!(plain["name"].as_str().unwrap().len(), 32);
    let rules = internal["loadBalancingRules"].as_array().unwrap();
    assert!(rules[0]["name"].as_str().unwrap().ends_with("-inside-TCP-80"), "{rules:?}");
    assert!(named["subnet"]["id"].as_str().unwrap().ends_with("/subnets/inside"));
    assert!(internal.get("outboundRules").is_none());
}

#[test]
fn a_services_public_address_says_whose_it_is() {
    let topology = services();
    let front = object(&topology, Kind::PublicIpAddresses, "front-ip");
    assert_eq!(front["tags"]["k8s-azure-service"], "default/local");
    let balancer = object(&topology, Kind::LoadBalancers, "aks/kubernetes");
    let frontends = balancer["frontendIPConfigurations"].as_array().unwrap();
    let own = frontends.iter().find(|it| it["publicIPAddress"]["id"] == front["id"]).unwrap();
    assert_eq!(front["ipConfiguration"]["id"], own["id"]);
}
