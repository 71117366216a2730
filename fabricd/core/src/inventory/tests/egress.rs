use super::*;
use crate::spec::{self, Source};

fn lab(text: &str) -> Topology {
    let source = Source { name: "lab.yaml".into(), text: text.to_owned() };
    spec::load(&[source]).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"))
}

fn every_way_out() -> Topology {
    lab(include_str!("../../../tests/lab_file/every_way_out.yaml"))
}

fn show(topology: &Topology, kind: Kind, name: Option<&str>) -> String {
    let found = list(topology, &Faults::default(), kind, None, name);
    let objects = found.iter().map(|one| serde_json::to_string_pretty(&one.object).unwrap());
    objects.collect::<Vec<_>>().join("\n")
}

#[test]
fn public_addresses_say_whose_they_are() {
    let topology = every_way_out();
    let lines = list(&topology, &Faults::default(), Kind::PublicIpAddresses, None, None);
    let lines = lines.iter().map(|one| {
        let object = &one.object;
        let id = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or("-").to_owned();
        let whose = [id("/ipConfiguration/id"), id("/natGateway/id"), id("/managedBy")];
        format!(
            "{} {} {}",
            one.name,
            id("/ipAddress"),
            whose.join(" ").replace("/labs/every-way-out/providers", "")
        )
    });
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @"
    blue-outbound-1 198.51.100.1 /Microsoft.ContainerService/managedClusters/blue/loadBalancers/kubernetes/frontendIPConfigurations/blue-outbound-1 - /Microsoft.ContainerService/managedClusters/blue
    blue-outbound-2 198.51.100.2 /Microsoft.ContainerService/managedClusters/blue/loadBalancers/kubernetes/frontendIPConfigurations/blue-outbound-2 - /Microsoft.ContainerService/managedClusters/blue
    flat-outbound-1 198.51.100.3 /Microsoft.ContainerService/managedClusters/flat/loadBalancers/kubernetes/frontendIPConfigurations/flat-outbound-1 - /Microsoft.ContainerService/managedClusters/flat
    jump-ip 198.51.100.70 /Microsoft.Network/networkInterfaces/jumpbox/ipConfigurations/ipconfig1 - -
    nat-1 198.51.100.50 - /Microsoft.Network/natGateways/natgw -
    nat-2 198.51.100.51 - /Microsoft.Network/natGateways/natgw -
    nva-ip 198.51.100.80 /Microsoft.Network/networkInterfaces/nva/ipConfigurations/ipconfig1 - -
    pods-ip 198.51.100.60 - /Microsoft.Network/natGateways/pods-natgw -
    spare 198.51.100.99 - - -
    ");
    insta::assert_snapshot!(show(&topology, Kind::PublicIpAddresses, Some("spare")), @r#"
    {
      "id": "/labs/every-way-out/providers/Microsoft.Network/publicIPAddresses/spare",
      "ipAddress": "198.51.100.99",
      "name": "spare",
      "publicIPAddressVersion": "IPv4",
      "publicIPAllocationMethod": "Static",
      "sku": {
        "name": "Standard"
      },
      "type": "Microsoft.Network/publicIPAddresses"
    }
    "#);
}

#[test]
fn every_public_address_is_listed_once() {
    let topology = lab(include_str!("../../../../../labs/azure-firewall/lab.yaml"));
    let listed = list(&topology, &Faults::default(), Kind::PublicIpAddresses, None, None);
    let names: std::collections::BTreeSet<&str> = listed.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names.len(), listed.len(), "{names:?}");
}

#[test]
fn devices_look_as_in_az() {
    let topology = every_way_out();
    insta::assert_snapshot!(show(&topology, Kind::NatGateways, Some("natgw")), @r#"
    {
      "id": "/labs/every-way-out/providers/Microsoft.Network/natGateways/natgw",
      "idleTimeoutInMinutes": 10,
      "name": "natgw",
      "publicIpAddresses": [
        {
          "id": "/labs/every-way-out/providers/Microsoft.Network/publicIPAddresses/nat-1",
          "ipAddress": "198.51.100.50",
          "name": "nat-1"
        },
        {
          "id": "/labs/every-way-out/providers/Microsoft.Network/publicIPAddresses/nat-2",
          "ipAddress": "198.51.100.51",
          "name": "nat-2"
        }
      ],
      "sku": {
        "name": "Standard"
      },
      "subnets": [
        {
          "id": "/labs/every-way-out/providers/Microsoft.Network/virtualNetworks/vnet/subnets/translated"
        }
      ],
      "type": "Microsoft.Network/natGateways"
    }
    "#);
    assert_eq!(names(&topology, Kind::NatGateways), ["natgw", "pods-natgw"]);
    insta::assert_snapshot!(show(&topology, Kind::LoadBalancers, Some("blue/kubernetes")), @r#"
    {
      "backendAddressPools": [
        {
          "id": "/labs/every-way-out/providers/Microsoft.ContainerService/managedClusters/blue/loadBalancers/kubernetes/backendAddressPools/aksOutboundBackendPool",
          "loadBalancerBackendAddresses": [
            {
              "ipAddress": "10.224.0.4",
              "name": "aks-blue-11111111-vmss000000"
            },
            {
              "ipAddress": "10.224.0.5",
              "name": "aks-blue-11111111-vmss000001"
            }
          ],
          "name": "aksOutboundBackendPool"
        }
      ],
      "frontendIPConfigurations": [
        {
          "id": "/labs/every-way-out/providers/Microsoft.ContainerService/managedClusters/blue/loadBalancers/kubernetes/frontendIPConfigurations/blue-outbound-1",
          "name": "blue-outbound-1",
          "publicIPAddress": {
            "id": "/labs/every-way-out/providers/Microsoft.Network/publicIPAddresses/blue-outbound-1",
            "ipAddress": "198.51.100.1"
          }
        },
        {
          "id": "/labs/every-way-out/providers/Microsoft.ContainerService/managedClusters/blue/loadBalancers/kubernetes/frontendIPConfigurations/blue-outbound-2",
          "name": "blue-outbound-2",
          "publicIPAddress": {
            "id": "/labs/every-way-out/providers/Microsoft.Network/publicIPAddresses/blue-outbound-2",
            "ipAddress": "198.51.100.2"
          }
        }
      ],
      "id": "/labs/every-way-out/providers/Microsoft.ContainerService/managedClusters/blue/loadBalancers/kubernetes",
      "name": "kubernetes",
      "outboundRules": [
        {
          "allocatedOutboundPorts": 8000,
          "backendAddressPool": {
            "id": "/labs/every-way-out/providers/Microsoft.ContainerService/managedClusters/blue/loadBalancers/kubernetes/backendAddressPools/aksOutboundBackendPool"
          },
          "enableTcpReset": true,
          "frontendIPConfigurations": [
            {
              "id": "/labs/every-way-out/providers/Microsoft.ContainerService/managedClusters/blue/loadBalancers/kubernetes/frontendIPConfigurations/blue-outbound-1"
            },
            {
              "id": "/labs/every-way-out/providers/Microsoft.ContainerService/managedClusters/blue/loadBalancers/kubernetes/frontendIPConfigurations/blue-outbound-2"
            }
          ],
          "id": "/labs/every-way-out/providers/Microsoft.ContainerService/managedClusters/blue/loadBalancers/kubernetes/outboundRules/aksOutboundRule",
          "idleTimeoutInMinutes": 30,
          "name": "aksOutboundRule",
          "protocol": "All"
        }
      ],
      "sku": {
        "name": "Standard"
      },
      "type": "Microsoft.Network/loadBalancers"
    }
    "#);
    // AKS calls all of them the same.
    assert_eq!(names(&topology, Kind::LoadBalancers), ["blue/kubernetes", "flat/kubernetes"]);
    assert_eq!(list(&topology, &Faults::default(), Kind::LoadBalancers, None, Some("kubernetes")).len(), 2);
    insta::assert_snapshot!(show(&topology, Kind::Servers, Some("example-com")), @r#"
    {
      "fqdns": [
        "example.com",
        "www.example.com"
      ],
      "id": "/labs/every-way-out/providers/Fabric/internet/servers/example-com",
      "ipAddress": "203.0.113.10",
      "name": "example-com",
      "type": "Fabric/internet/servers"
    }
    "#);
}

fn names(topology: &Topology, kind: Kind) -> Vec<String> {
    list(topology, &Faults::default(), kind, None, None).into_iter().map(|one| one.name).collect()
}

fn at(topology: &Topology, kind: Kind, name: &str, pointer: &str) -> Value {
    let found = list(topology, &Faults::default(), kind, None, Some(name));
    found[0].object.pointer(pointer).cloned().unwrap_or_default()
}

#[test]
fn who_leaves_by_them_says_so() {
    let topology = every_way_out();
    let at = |kind, name, pointer| at(&topology, kind, name, pointer).to_string().replace('"', "");
    let network = "/labs/every-way-out/providers/Microsoft.Network";
    assert_eq!(at(Kind::Subnets, "translated", "/natGateway/id"), format!("{network}/natGateways/natgw"));
    assert_eq!(at(Kind::Subnets, "closed", "/natGateway"), "null");
    assert_eq!(at(Kind::VirtualMachines, "jumpbox", "/publicIps"), "198.51.100.70");
    let own = "/networkProfile/networkInterfaces/0/ipConfigurations/0/publicIPAddress/id";
    assert_eq!(at(Kind::VirtualMachines, "jumpbox", own), format!("{network}/publicIPAddresses/jump-ip"));
    assert_eq!(at(Kind::VirtualMachines, "closed", "/publicIps"), "null");
    assert_eq!(at(Kind::OnPremises, "datacenter", "/publicIPAddress"), "192.0.2.9");
}

#[test]
fn a_gateway_names_its_default_site() {
    let topology = lab(include_str!("../../../../../labs/forced-tunnelling/lab.yaml"));
    let site = at(&topology, Kind::VirtualNetworkGateways, "vpn-gateway", "/gatewayDefaultSite/id");
    assert_eq!(site, "/labs/forced-tunnelling/providers/Fabric/onPremises/datacenter");
}

#[test]
fn nodes_say_how_they_leave() {
    let topology = every_way_out();
    let nodes = list(&topology, &Faults::default(), Kind::Nodes, None, None);
    let lines = nodes.iter().map(|node| {
        let annotations = &node.object["metadata"]["annotations"];
        format!("{} {}: {}", annotations["fabricd/cluster"], node.name, annotations["fabricd/outbound"])
    });
    insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @r#"
    "blue" aks-blue-11111111-vmss000000: "198.51.100.1, ports 1024-9023, by loadBalancer/blue"
    "blue" aks-blue-11111111-vmss000001: "198.51.100.1, ports 9024-17023, by loadBalancer/blue"
    "flat" aks-flat-33333333-vmss000000: "198.51.100.3, ports 1024-2047, by loadBalancer/flat; its pods: 198.51.100.60, by natGateway/pods-natgw"
    "green" aks-green-22222222-vmss000000: "198.51.100.50, 198.51.100.51, by natGateway/natgw"
    "routed" aks-routed-44444444-vmss000000: "by the virtual appliance 10.224.4.5"
    "#);
}

#[test]
fn clusters_say_what_aks_has_made() {
    let profile = |topology: &Topology, name: &str| {
        let profile = at(topology, Kind::ManagedClusters, name, "/networkProfile");
        let parts = ["outboundType", "loadBalancerProfile", "natGatewayProfile"];
        parts.iter().filter_map(|part| profile.get(part)).map(Value::to_string).collect::<Vec<_>>().join(" ")
    };
    let topology = every_way_out();
    let of_all = ["blue", "flat", "green", "routed"].map(|name| profile(&topology, name));
    insta::assert_snapshot!(of_all.join("\n"), @r#"
    "loadBalancer" {"allocatedOutboundPorts":8000,"effectiveOutboundIPs":[{"id":"/labs/every-way-out/providers/Microsoft.Network/publicIPAddresses/blue-outbound-1"},{"id":"/labs/every-way-out/providers/Microsoft.Network/publicIPAddresses/blue-outbound-2"}],"idleTimeoutInMinutes":30,"managedOutboundIPs":{"count":2}}
    "loadBalancer" {"allocatedOutboundPorts":0,"effectiveOutboundIPs":[{"id":"/labs/every-way-out/providers/Microsoft.Network/publicIPAddresses/flat-outbound-1"}],"idleTimeoutInMinutes":30,"managedOutboundIPs":{"count":1}}
    "userAssignedNATGateway"
    "userDefinedRouting"
    "#);
    let made = |network_profile: &str| {
        lab(&format!(
            "apiVersion: fabric/v1\nkind: Lab\nmetadata: {{name: x}}\npublicIPAddresses: [{{name: own}}]\nmanagedClusters:\n\
             - {{name: aks, networkProfile: {{{network_profile}}}, agentPoolProfiles: [{{name: p, count: 1}}]}}\n"
        ))
    };
    let managed = made("outboundType: managedNATGateway, natGatewayProfile: {idleTimeoutInMinutes: 7}");
    insta::assert_snapshot!(profile(&managed, "aks"), @r#""managedNATGateway" {"effectiveOutboundIPs":[{"id":"/labs/x/providers/Microsoft.Network/publicIPAddresses/aks-natgateway-1"}],"idleTimeoutInMinutes":7,"managedOutboundIPProfile":{"count":1}}"#);
    assert_eq!(
        at(&managed, Kind::PublicIpAddresses, "aks-natgateway-1", "/managedBy"),
        at(&managed, Kind::NatGateways, "aks-natgateway", "/managedBy")
    );
    let own = made("loadBalancerProfile: {outboundIPs: {publicIPs: [own]}}");
    insta::assert_snapshot!(profile(&own, "aks"), @r#""loadBalancer" {"allocatedOutboundPorts":0,"effectiveOutboundIPs":[{"id":"/labs/x/providers/Microsoft.Network/publicIPAddresses/own"}],"idleTimeoutInMinutes":30,"outboundIPs":{"publicIPs":[{"id":"/labs/x/providers/Microsoft.Network/publicIPAddresses/own"}]}}"#);
    assert_eq!(at(&own, Kind::PublicIpAddresses, "own", "/managedBy"), Value::Null);
}
