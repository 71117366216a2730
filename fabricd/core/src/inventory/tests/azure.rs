use super::*;

#[test]
fn networks_look_as_in_az() {
    insta::assert_snapshot!(show(Kind::VirtualNetworks), @r#"
    {
      "addressSpace": {
        "addressPrefixes": [
          "10.224.0.0/12"
        ]
      },
      "id": "/labs/kubenet/providers/Microsoft.Network/virtualNetworks/aks-vnet",
      "name": "aks-vnet",
      "subnets": [
        {
          "addressPrefix": "10.224.0.0/16",
          "id": "/labs/kubenet/providers/Microsoft.Network/virtualNetworks/aks-vnet/subnets/aks-subnet",
          "name": "aks-subnet",
          "routeTable": {
            "id": "/labs/kubenet/providers/Microsoft.Network/routeTables/aks-routetable"
          },
          "type": "Microsoft.Network/virtualNetworks/subnets"
        },
        {
          "addressPrefix": "10.225.0.0/27",
          "id": "/labs/kubenet/providers/Microsoft.Network/virtualNetworks/aks-vnet/subnets/GatewaySubnet",
          "name": "GatewaySubnet",
          "type": "Microsoft.Network/virtualNetworks/subnets"
        }
      ],
      "type": "Microsoft.Network/virtualNetworks",
      "virtualNetworkPeerings": []
    }
    "#);
    insta::assert_snapshot!(show(Kind::RouteTables), @r#"
    {
      "disableBgpRoutePropagation": false,
      "id": "/labs/kubenet/providers/Microsoft.Network/routeTables/aks-routetable",
      "name": "aks-routetable",
      "routes": [
        {
          "addressPrefix": "10.244.0.0/24",
          "id": "/labs/kubenet/providers/Microsoft.Network/routeTables/aks-routetable/routes/aks-nodepool1-11743156-vmss000000",
          "name": "aks-nodepool1-11743156-vmss000000",
          "nextHopType": "VirtualAppliance",
          "type": "Microsoft.Network/routeTables/routes",
          "nextHopIpAddress": "10.224.0.4"
        }
      ],
      "subnets": [
        {
          "id": "/labs/kubenet/providers/Microsoft.Network/virtualNetworks/aks-vnet/subnets/aks-subnet"
        }
      ],
      "type": "Microsoft.Network/routeTables",
      "managedBy": "/labs/kubenet/providers/Microsoft.ContainerService/managedClusters/aks"
    }
    "#);
    insta::assert_snapshot!(show(Kind::VirtualMachines), @r#"
    {
      "id": "/labs/kubenet/providers/Microsoft.Compute/virtualMachines/device",
      "name": "device",
      "networkProfile": {
        "networkInterfaces": [
          {
            "enableIPForwarding": false,
            "ipConfigurations": [
              {
                "privateIPAddress": "10.224.1.2",
                "subnet": {
                  "id": "/labs/kubenet/providers/Microsoft.Network/virtualNetworks/aks-vnet/subnets/aks-subnet"
                }
              }
            ],
            "primary": true
          }
        ]
      },
      "powerState": "VM running",
      "privateIps": "10.224.1.2",
      "type": "Microsoft.Compute/virtualMachines"
    }
    "#);
    insta::assert_snapshot!(show(Kind::VirtualNetworkGateways), @r#"
    {
      "gatewayType": "Vpn",
      "id": "/labs/kubenet/providers/Microsoft.Network/virtualNetworkGateways/vpn",
      "ipConfigurations": [
        {
          "privateIPAddress": "10.225.0.4",
          "subnet": {
            "id": "/labs/kubenet/providers/Microsoft.Network/virtualNetworks/aks-vnet/subnets/GatewaySubnet"
          }
        }
      ],
      "name": "vpn",
      "type": "Microsoft.Network/virtualNetworkGateways"
    }
    "#);
    insta::assert_snapshot!(show(Kind::OnPremises), @r#"
    {
      "addressPrefixes": [
        "10.1.0.0/16"
      ],
      "id": "/labs/kubenet/providers/Fabric/onPremises/datacenter",
      "machines": [
        {
          "id": "/labs/kubenet/providers/Fabric/onPremises/datacenter/machines/server",
          "name": "server",
          "privateIPAddress": "10.1.2.3",
          "type": "Fabric/onPremises/machines"
        }
      ],
      "name": "datacenter",
      "type": "Fabric/onPremises",
      "virtualNetworkGateway": {
        "id": "/labs/kubenet/providers/Microsoft.Network/virtualNetworkGateways/vpn"
      }
    }
    "#);
}

#[test]
fn clusters_look_as_in_az() {
    insta::assert_snapshot!(show(Kind::ManagedClusters), @r#"
    {
      "agentPoolProfiles": [
        {
          "count": 1,
          "currentOrchestratorVersion": "1.30",
          "id": "/labs/kubenet/providers/Microsoft.ContainerService/managedClusters/aks/agentPools/nodepool1",
          "enableAutoScaling": false,
          "maxPods": 110,
          "name": "nodepool1",
          "orchestratorVersion": "1.30",
          "osType": "Linux",
          "scaleSet": "aks-nodepool1-11743156-vmss",
          "type": "Microsoft.ContainerService/managedClusters/agentPools",
          "upgradeSettings": {
            "maxSurge": "1"
          },
          "vnetSubnetId": "/labs/kubenet/providers/Microsoft.Network/virtualNetworks/aks-vnet/subnets/aks-subnet"
        }
      ],
      "currentKubernetesVersion": "1.30",
      "id": "/labs/kubenet/providers/Microsoft.ContainerService/managedClusters/aks",
      "kubernetesVersion": "1.30",
      "name": "aks",
      "networkProfile": {
        "dnsServiceIp": "10.0.0.10",
        "loadBalancerSku": "standard",
        "networkPlugin": "kubenet",
        "outboundType": "none",
        "podCidr": "10.244.0.0/16",
        "podCidrs": [
          "10.244.0.0/16"
        ],
        "serviceCidr": "10.0.0.0/16",
        "serviceCidrs": [
          "10.0.0.0/16"
        ]
      },
      "type": "Microsoft.ContainerService/managedClusters"
    }
    "#);
}
