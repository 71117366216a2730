use super::{
    services::{object, pretty, services},
    *,
};

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
