//! The columns of ways out.

use fabric_core::inventory::Kind;
use serde_json::Value;

use super::{
    super::object::{id_name, id_parent, list, text},
    AZURE_NAME, Column, joined, usual, wide,
};

pub(super) const PUBLIC_IP_ADDRESS: [Column; 4] = [
    AZURE_NAME,
    usual("Address", |o| text(o, "/ipAddress")),
    usual("AssociatedWith", associated_with),
    wide("Service", |o| text(o, "/tags/k8s-azure-service")),
];

pub(super) const NAT_GATEWAY: [Column; 4] = [
    AZURE_NAME,
    usual("Addresses", |o| joined(list(o, "/publicIpAddresses"), "/ipAddress")),
    usual("Subnets", subnets),
    usual("IdleTimeoutInMinutes", |o| text(o, "/idleTimeoutInMinutes")),
];

/// Wide, those of `az network lb outbound-rule list` too, in its order, then what Services want.
pub(super) const LOAD_BALANCER: [Column; 12] = [
    AZURE_NAME,
    usual("Cluster", |o| id_parent(o, "/id")),
    usual("Addresses", |o| {
        list(o, "/frontendIPConfigurations").iter().map(address).collect::<Vec<_>>().join(", ")
    }),
    usual("NumNodes", |o| list(o, "/backendAddressPools/0/loadBalancerBackendAddresses").len().to_string()),
    wide("AllocatedOutboundPorts", |o| text(o, "/outboundRules/0/allocatedOutboundPorts")),
    wide("EnableTcpReset", |o| text(o, "/outboundRules/0/enableTcpReset")),
    wide("IdleTimeoutInMinutes", |o| text(o, "/outboundRules/0/idleTimeoutInMinutes")),
    wide("OutboundRule", |o| text(o, "/outboundRules/0/name")),
    wide("Protocol", |o| text(o, "/outboundRules/0/protocol")),
    wide("LoadBalancingRules", rules),
    wide("Probes", |o| list(o, "/probes").iter().map(probe).collect::<Vec<_>>().join(", ")),
    wide("Health", |o| list(o, "/loadBalancingRules").iter().map(health).collect::<Vec<_>>().join(", ")),
];

pub(super) const SERVER: [Column; 3] = [
    AZURE_NAME,
    usual("Address", |o| text(o, "/ipAddress")),
    usual("Fqdns", |o| joined(list(o, "/fqdns"), "")),
];

fn subnets(gateway: &Value) -> String {
    let name = |one: &Value| format!("{}/{}", id_parent(one, "/id"), id_name(one, "/id"));
    list(gateway, "/subnets").iter().map(name).collect::<Vec<_>>().join(", ")
}

/// The address of a frontend, public or of its subnet.
fn address(frontend: &Value) -> String {
    let public = text(frontend, "/publicIPAddress/ipAddress");
    if public.is_empty() { text(frontend, "/privateIPAddress") } else { public }
}

/// `2 up 1 down`: the nodes of a rule, as its probe finds them.
fn health(rule: &Value) -> String {
    match (count(rule, "/health/up"), count(rule, "/health/down")) {
        (None, _) | (_, None) => String::new(),
        (Some(up), Some(0)) => format!("{up} up"),
        (Some(up), Some(down)) => format!("{up} up {down} down"),
    }
}

fn count(object: &Value, pointer: &str) -> Option<u64> {
    object.pointer(pointer).and_then(Value::as_u64)
}

/// `198.51.100.3:80/Tcp`: the ways in; with the port of the nodes where that is another.
fn rules(balancer: &Value) -> String {
    let frontends = list(balancer, "/frontendIPConfigurations");
    let rule = |rule: &Value| {
        let id = text(rule, "/frontendIPConfiguration/id");
        let frontend = frontends.iter().find(|frontend| text(frontend, "/id") == id);
        let [port, backend, protocol] =
            ["/frontendPort", "/backendPort", "/protocol"].map(|it| text(rule, it));
        let to = if backend == port { String::new() } else { format!(" to {backend}") };
        format!("{}:{port}/{protocol}{to}", frontend.map(address).unwrap_or_default())
    };
    list(balancer, "/loadBalancingRules").iter().map(rule).collect::<Vec<_>>().join(", ")
}

/// `Tcp:30080`, `Http:31000/healthz`: how nodes are asked.
fn probe(probe: &Value) -> String {
    format!("{}:{}{}", text(probe, "/protocol"), text(probe, "/port"), text(probe, "/requestPath"))
}

/// `natgateway/natgw`, `loadbalancer/aks/kubernetes`, `virtualmachine/device`: as one would name it to see it.
fn associated_with(public: &Value) -> String {
    let gateway = id_name(public, "/natGateway/id");
    if !gateway.is_empty() {
        return format!("{}/{gateway}", Kind::NatGateways.singular());
    }
    let id = text(public, "/ipConfiguration/id");
    let parts: Vec<&str> = id.split('/').collect();
    match parts.as_slice() {
        [.., "managedClusters", cluster, "loadBalancers", name, _, _] => {
            format!("{}/{cluster}/{name}", Kind::LoadBalancers.singular())
        }
        [.., "networkInterfaces", name, _, _] => format!("{}/{name}", Kind::VirtualMachines.singular()),
        [.., kind, name, _, _] => format!("{}/{name}", kind.trim_end_matches('s').to_ascii_lowercase()),
        _ => String::new(),
    }
}

/// The names of the addresses that AKS knows a cluster to leave with.
pub(super) fn outbound_ips(cluster: &Value) -> String {
    let profiles = ["loadBalancerProfile", "natGatewayProfile"];
    let ids = profiles
        .iter()
        .flat_map(|profile| list(cluster, &format!("/networkProfile/{profile}/effectiveOutboundIPs")));
    ids.map(|one| id_name(one, "/id")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use fabric_core::{
        fault::Faults,
        inventory::{Kind, list},
        spec::{Source, load},
        topology::Topology,
    };

    use super::{
        super::super::{
            column::{Extent, table},
            describe,
            object::Object,
        },
        associated_with,
    };

    fn every_way_out() -> Topology {
        let text = include_str!("../../../../fabricd/core/tests/lab_file/every_way_out.yaml").to_owned();
        load(&[Source { name: "lab.yaml".into(), text }]).unwrap()
    }

    fn objects(kind: Kind, name: Option<&str>) -> Vec<Object> {
        let found = list(&every_way_out(), &Faults::default(), kind, None, name).into_iter();
        found.map(|one| Object { kind, namespace: String::new(), name: one.name, json: one.object }).collect()
    }

    fn tables(kinds: &[Kind], wide: bool) -> String {
        let extent = Extent { wide, ..Extent::default() };
        let tables = kinds.iter().map(|kind| table(*kind, &objects(*kind, None), extent));
        tables.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn ways_out_are_listed() {
        let kinds = [Kind::PublicIpAddresses, Kind::NatGateways, Kind::LoadBalancers, Kind::Servers];
        insta::assert_snapshot!(tables(&kinds, false), @"
        Name             Address        AssociatedWith
        ---------------  -------------  ----------------------------
        blue-outbound-1  198.51.100.1   loadbalancer/blue/kubernetes
        blue-outbound-2  198.51.100.2   loadbalancer/blue/kubernetes
        flat-outbound-1  198.51.100.3   loadbalancer/flat/kubernetes
        jump-ip          198.51.100.70  virtualmachine/jumpbox
        nat-1            198.51.100.50  natgateway/natgw
        nat-2            198.51.100.51  natgateway/natgw
        nva-ip           198.51.100.80  virtualmachine/nva
        pods-ip          198.51.100.60  natgateway/pods-natgw
        spare            198.51.100.99

        Name        Addresses                     Subnets          IdleTimeoutInMinutes
        ----------  ----------------------------  ---------------  ----------------------
        natgw       198.51.100.50, 198.51.100.51  vnet/translated  10
        pods-natgw  198.51.100.60                 vnet/pods        4

        Name        Cluster    Addresses                   NumNodes
        ----------  ---------  --------------------------  ----------
        kubernetes  blue       198.51.100.1, 198.51.100.2  2
        kubernetes  flat       198.51.100.3                1

        Name         Address       Fqdns
        -----------  ------------  ----------------------------
        example-com  203.0.113.10  example.com, www.example.com
        example-org  203.0.113.20  example.org
        ");
        insta::assert_snapshot!(tables(&[Kind::LoadBalancers], true), @"
        Name        Cluster    Addresses                   NumNodes    AllocatedOutboundPorts    EnableTcpReset    IdleTimeoutInMinutes    OutboundRule     Protocol    LoadBalancingRules    Probes    Health
        ----------  ---------  --------------------------  ----------  ------------------------  ----------------  ----------------------  ---------------  ----------  --------------------  --------  --------
        kubernetes  blue       198.51.100.1, 198.51.100.2  2           8000                      true              30                      aksOutboundRule  All
        kubernetes  flat       198.51.100.3                1           0                         true              30                      aksOutboundRule  All
        ");
    }

    #[test]
    fn whoever_leaves_by_them_says_so_in_wide_tables() {
        let kinds = [
            Kind::Subnets,
            Kind::VirtualNetworkGateways,
            Kind::VirtualMachines,
            Kind::OnPremises,
            Kind::ManagedClusters,
        ];
        insta::assert_snapshot!(tables(&kinds, true), @"
        AddressPrefix    Name           VirtualNetwork    RouteTable        NatGateway
        ---------------  -------------  ----------------  ----------------  ------------
        10.224.255.0/27  GatewaySubnet  vnet
        10.224.0.0/24    balanced       vnet
        10.224.7.0/24    closed         vnet
        10.224.5.0/24    inspected      vnet              by-the-appliance
        10.224.4.0/24    jump           vnet
        10.224.2.0/24    nodes          vnet
        10.224.3.0/24    pods           vnet                                pods-natgw
        10.224.1.0/24    translated     vnet                                natgw
        10.224.6.0/24    tunnelled      vnet              by-the-gateway

        Name         GatewayType    PrivateIps    VirtualNetwork    DefaultSite
        -----------  -------------  ------------  ----------------  -------------
        vpn-gateway  Vpn            10.224.255.4  vnet

        Name       PowerState    PrivateIps    Subnet     PublicIps
        ---------  ------------  ------------  ---------  -------------
        closed     VM running    10.224.7.4    closed
        jumpbox    VM running    10.224.4.4    jump       198.51.100.70
        nva        VM running    10.224.4.5    jump       198.51.100.80
        tunnelled  VM running    10.224.6.4    tunnelled

        Name        Prefixes     Gateway      NumMachines    PublicIp
        ----------  -----------  -----------  -------------  ----------
        datacenter  10.1.0.0/16  vpn-gateway  1              192.0.2.9

        Name    KubernetesVersion    NetworkPlugin     PodCidr        ServiceCidr    OutboundType            OutboundIps
        ------  -------------------  ----------------  -------------  -------------  ----------------------  --------------------------------
        blue    1.30                 azure overlay     10.244.0.0/16  10.0.0.0/16    loadBalancer            blue-outbound-1, blue-outbound-2
        flat    1.30                 azure pod subnet                 10.0.0.0/16    loadBalancer            flat-outbound-1
        green   1.30                 azure overlay     10.245.0.0/16  10.0.0.0/16    userAssignedNATGateway
        routed  1.30                 azure overlay     10.246.0.0/16  10.0.0.0/16    userDefinedRouting
        ");
    }

    #[test]
    fn ways_out_are_described() {
        let text = |kind, name| describe::render(&objects(kind, Some(name))[0], &[]);
        insta::assert_snapshot!(text(Kind::NatGateways, "natgw"), @"
        Name:                     natgw
        Idle Timeout In Minutes:  10
        Public IP Addresses:
          nat-1:
            IP Address:  198.51.100.50
          nat-2:
            IP Address:  198.51.100.51
        Sku:
          Name:  Standard
        Subnets:                  /labs/every-way-out/providers/Microsoft.Network/virtualNetworks/vnet/subnets/translated
        ");
        insta::assert_snapshot!(text(Kind::PublicIpAddresses, "blue-outbound-1"), @"
        Name:                         blue-outbound-1
        IP Address:                   198.51.100.1
        Public IP Address Version:    IPv4
        Public IP Allocation Method:  Static
        Sku:
          Name:  Standard
        IP Configuration:
          ID:  /labs/every-way-out/providers/Microsoft.ContainerService/managedClusters/blue/loadBalancers/kubernetes/frontendIPConfigurations/blue-outbound-1
        Managed By:                   /labs/every-way-out/providers/Microsoft.ContainerService/managedClusters/blue
        ");
        insta::assert_snapshot!(text(Kind::LoadBalancers, "blue/kubernetes"), @"
        Name:                        blue/kubernetes
        Backend Address Pools:
          aksOutboundBackendPool:
            Load Balancer Backend Addresses:
              aks-blue-11111111-vmss000000:
                IP Address:  10.224.0.4
              aks-blue-11111111-vmss000001:
                IP Address:  10.224.0.5
        Frontend IP Configurations:
          blue-outbound-1:
            Public IP Address:
              ID:          /labs/every-way-out/providers/Microsoft.Network/publicIPAddresses/blue-outbound-1
              IP Address:  198.51.100.1
          blue-outbound-2:
            Public IP Address:
              ID:          /labs/every-way-out/providers/Microsoft.Network/publicIPAddresses/blue-outbound-2
              IP Address:  198.51.100.2
        Outbound Rules:
          aksOutboundRule:
            Allocated Outbound Ports:    8000
            Backend Address Pool:
              ID:  /labs/every-way-out/providers/Microsoft.ContainerService/managedClusters/blue/loadBalancers/kubernetes/backendAddressPools/aksOutboundBackendPool
            Enable Tcp Reset:            true
            Frontend IP Configurations:  /labs/every-way-out/providers/Microsoft.ContainerService/managedClusters/blue/loadBalancers/kubernetes/frontendIPConfigurations/blue-outbound-1
                                         /labs/every-way-out/providers/Microsoft.ContainerService/managedClusters/blue/loadBalancers/kubernetes/frontendIPConfigurations/blue-outbound-2
            Idle Timeout In Minutes:     30
            Protocol:                    All
        Sku:
          Name:  Standard
        ");
        let node = text(Kind::Nodes, "aks-blue-11111111-vmss000001");
        assert!(
            node.contains("fabricd/outbound: 198.51.100.1, ports 9024-17023, by loadBalancer/blue"),
            "{node}"
        );
    }

    #[test]
    fn a_public_address_says_whose_it_is() {
        let at = |id: &str| associated_with(&json!({ "ipConfiguration": { "id": id } }));
        let cluster = "/labs/l/providers/Microsoft.ContainerService/managedClusters/aks";
        let balancer = format!("{cluster}/loadBalancers/kubernetes/frontendIPConfigurations/ip");
        assert_eq!(at(&balancer), "loadbalancer/aks/kubernetes");
        let network = "/labs/l/providers/Microsoft.Network";
        let nic = format!("{network}/networkInterfaces/device/ipConfigurations/ipconfig1");
        assert_eq!(at(&nic), "virtualmachine/device");
        let other = format!("{network}/azureFirewalls/fw/azureFirewallIpConfigurations/ip");
        assert_eq!(at(&other), "azurefirewall/fw");
        let gateway = json!({ "natGateway": { "id": format!("{network}/natGateways/natgw") } });
        assert_eq!(associated_with(&gateway), "natgateway/natgw");
        assert_eq!(associated_with(&json!({})), "");
    }
}
