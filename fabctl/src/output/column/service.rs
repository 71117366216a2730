//! The columns of Services and EndpointSlices, as kubectl's printers fill them.

use serde_json::Value;

use super::{
    super::object::{list, text},
    Column, KUBERNETES_NAME, labels, usual, wide,
};

pub(super) const SERVICE: [Column; 6] = [
    KUBERNETES_NAME,
    usual("TYPE", |o| text(o, "/spec/type")),
    usual("CLUSTER-IP", |o| text(o, "/spec/clusterIP")),
    usual("EXTERNAL-IP", external_address),
    usual("PORT(S)", |o| list(o, "/spec/ports").iter().map(port).collect::<Vec<_>>().join(",")),
    wide("SELECTOR", |o| labels(o, "/spec/selector")),
];

pub(super) const ENDPOINT_SLICE: [Column; 4] = [
    KUBERNETES_NAME,
    usual("ADDRESSTYPE", |o| text(o, "/addressType")),
    usual("PORTS", |o| some(list(o, "/ports").iter().map(|port| text(port, "/port")).collect())),
    usual("ENDPOINTS", |o| {
        let endpoints = list(o, "/endpoints").iter();
        some(endpoints.flat_map(|one| list(one, "/addresses")).map(|address| text(address, "")).collect())
    }),
];

/// The address of the load balancer, or the name that the Service is another one for.
fn external_address(service: &Value) -> String {
    match text(service, "/spec/type").as_str() {
        "LoadBalancer" => {
            let ingress = list(service, "/status/loadBalancer/ingress").iter();
            let addresses: Vec<String> = ingress.map(|one| text(one, "/ip")).collect();
            if addresses.is_empty() { "<pending>".to_owned() } else { addresses.join(",") }
        }
        "ExternalName" => text(service, "/spec/externalName"),
        _ => String::new(),
    }
}

/// `80/TCP`, `80:30080/TCP`.
fn port(port: &Value) -> String {
    let [number, node_port, protocol] = ["/port", "/nodePort", "/protocol"].map(|field| text(port, field));
    if node_port.is_empty() {
        format!("{number}/{protocol}")
    } else {
        format!("{number}:{node_port}/{protocol}")
    }
}

/// The first three, and how many more there are (kubectl, `listWithMoreString`).
fn some(all: Vec<String>) -> String {
    const SHOWN: usize = 3;
    match all.len() {
        0 => "<unset>".to_owned(),
        1..=SHOWN => all.join(","),
        count => format!("{} + {} more...", all[..SHOWN].join(","), count - SHOWN),
    }
}

#[cfg(test)]
mod tests {
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
        some,
    };

    fn services() -> Topology {
        let text = include_str!("../../../../fabricd/core/tests/lab_file/services.yaml").to_owned();
        load(&[Source { name: "lab.yaml".into(), text }]).unwrap()
    }

    fn objects(topology: &Topology, kind: Kind, name: Option<&str>) -> Vec<Object> {
        // What every cluster has in kube-system is told by its own tests.
        let found = list(topology, &Faults::default(), kind, Some("default"), name).into_iter();
        let object = |one: fabric_core::inventory::Resource| Object {
            kind,
            namespace: one.namespace.unwrap_or_default(),
            name: one.name,
            json: one.object,
        };
        found.map(object).collect()
    }

    fn shown(topology: &Topology, kind: Kind, wide: bool) -> String {
        let extent = Extent { wide, namespace: true, ..Extent::default() };
        table(kind, &objects(topology, kind, None), extent)
    }

    #[test]
    fn services_are_listed_as_with_kubectl() {
        let lab = services();
        insta::assert_snapshot!(shown(&lab, Kind::Services, false), @"
        NAMESPACE   NAME             TYPE           CLUSTER-IP     EXTERNAL-IP     PORT(S)
        default     docs             ExternalName   <none>         example.com     <none>
        default     fixed            NodePort       10.0.9.9       <none>          80:30080/TCP,53:32220/UDP
        default     internal         LoadBalancer   10.0.172.43    10.224.1.4      80:32219/TCP
        default     internal-fixed   LoadBalancer   10.0.205.239   10.224.0.200    80:31295/TCP
        default     internal-too     LoadBalancer   10.0.79.194    10.224.0.7      80:31452/TCP
        default     kubernetes       ClusterIP      10.0.0.1       <none>          443/TCP
        default     local            LoadBalancer   10.0.163.242   198.51.100.77   443:32066/TCP
        default     peers            ClusterIP      None           <none>          8080/TCP
        default     plain            ClusterIP      10.0.221.179   <none>          8080/TCP
        default     web              LoadBalancer   10.0.126.226   198.51.100.2    80:30524/TCP
        ");
        insta::assert_snapshot!(shown(&lab, Kind::EndpointSlices, false), @"
        NAMESPACE   NAME                   ADDRESSTYPE   PORTS     ENDPOINTS
        default     fixed-dxl5w            IPv4          8080,53   10.244.0.1,10.244.1.1
        default     internal-fixed-zmx7h   IPv4          8080      10.244.0.1,10.244.1.1
        default     internal-fqp6w         IPv4          8080      10.244.0.1,10.244.1.1
        default     internal-too-jk4hn     IPv4          8080      10.244.0.1,10.244.1.1
        default     local-dfpvw            IPv4          8080      10.244.0.1,10.244.1.1
        default     peers-zwb5t            IPv4          8080      10.244.0.1,10.244.1.1
        default     plain-p4f2c            IPv4          8080      10.244.0.1,10.244.1.1,10.244.0.2
        default     web-2qq5z              IPv4          8080      10.244.0.1,10.244.1.1
        ");
        insta::assert_snapshot!(shown(&lab, Kind::Deployments, true), @"
        NAMESPACE   NAME   READY   UP-TO-DATE   AVAILABLE   CONTAINERS   IMAGES   SELECTOR
        default     web    2/2     2            2           web          nginx    app=web
        ");
        insta::assert_snapshot!(shown(&lab, Kind::ReplicaSets, true), @"
        NAMESPACE   NAME             DESIRED   CURRENT   READY   CONTAINERS   IMAGES   SELECTOR
        default     web-6d7b7fc4cc   2         2         2       web          nginx    app=web,pod-template-hash=6d7b7fc4cc
        ");
        let wide = shown(&lab, Kind::Services, true);
        assert!(wide.contains("  app=web,tier=front\n"), "{wide}");
    }

    #[test]
    fn a_pod_that_is_not_ready_shows_everywhere() {
        let lab = services();
        let pod = lab.managed_clusters[0].pods.iter().find(|pod| pod.name.starts_with("web-")).unwrap();
        let mut conditions = lab.conditions.clone();
        conditions.switched_off.insert(format!("aks/default/{}", pod.name));
        let lab = lab.with_conditions(conditions);
        insta::assert_snapshot!(shown(&lab, Kind::Pods, false), @"
        NAMESPACE   NAME                   READY   STATUS    IP           NODE
        default     other                  1/1     Running   10.244.0.2   aks-pool-11111111-vmss000000
        default     web-6d7b7fc4cc-dn6w4   0/1     Running   10.244.0.1   aks-pool-11111111-vmss000000
        default     web-6d7b7fc4cc-l77fz   1/1     Running   10.244.1.1   aks-pool-11111111-vmss000001
        ");
        insta::assert_snapshot!(shown(&lab, Kind::ReplicaSets, false), @"
        NAMESPACE   NAME             DESIRED   CURRENT   READY
        default     web-6d7b7fc4cc   2         2         1
        ");
        let pod = &objects(&lab, Kind::Pods, Some(&pod.name))[0];
        insta::assert_snapshot!(describe::render(pod, &[]), @"
        Name:           web-6d7b7fc4cc-dn6w4
        Namespace:      default
        Node:           aks-pool-11111111-vmss000000/10.224.0.4
        Labels:         app=web
                        pod-template-hash=6d7b7fc4cc
                        tier=front
        Status:         Running
        IP:             10.244.0.1
        IPs:            10.244.0.1
        Controlled By:  ReplicaSet/web-6d7b7fc4cc
        Containers:
          web:
            Image:  nginx
            Ports:
              http:
                Container Port:  8080
              dns:
                Container Port:  53
                Protocol:        UDP
            Ready:  False
        Conditions:
          Type              Status
          Initialized       True
          Ready             False
          ContainersReady   False
          PodScheduled      True
        ");
    }

    #[test]
    fn services_are_described_as_with_kubectl() {
        let lab = services();
        let slices = objects(&lab, Kind::EndpointSlices, None);
        let text = |kind, name| describe::render(&objects(&lab, kind, Some(name))[0], &slices);
        insta::assert_snapshot!(text(Kind::Services, "fixed"), @"
        Name:                     fixed
        Namespace:                default
        Selector:                 app=web
                                  tier=front
        Type:                     NodePort
        IP Family Policy:         SingleStack
        IP Families:              IPv4
        IP:                       10.0.9.9
        IPs:                      10.0.9.9
        Ports:
          http:
            Port:        http  80/TCP
            TargetPort:  http/TCP
            NodePort:    http  30080/TCP
            Endpoints:   10.244.0.1:8080,10.244.1.1:8080
          dns:
            Port:        dns  53/UDP
            TargetPort:  dns/UDP
            NodePort:    dns  32220/UDP
            Endpoints:   10.244.0.1:53,10.244.1.1:53
        Session Affinity:         ClientIP
        External Traffic Policy:  Cluster
        Internal Traffic Policy:  Cluster
        Session Affinity Config:
          Client IP:
            Timeout Seconds:  10800
        ");
        insta::assert_snapshot!(text(Kind::Services, "local"), @"
        Name:                         local
        Namespace:                    default
        Annotations:                  service.beta.kubernetes.io/azure-pip-name: front-ip
        Selector:                     tier=front
        Type:                         LoadBalancer
        IP Family Policy:             SingleStack
        IP Families:                  IPv4
        IP:                           10.0.163.242
        IPs:                          10.0.163.242
        LoadBalancer Ingress:         198.51.100.77
        Port:                         <unset>  443/TCP
        TargetPort:                   8080/TCP
        NodePort:                     <unset>  32066/TCP
        Endpoints:                    10.244.0.1:8080,10.244.1.1:8080
        Session Affinity:             None
        External Traffic Policy:      Local
        Internal Traffic Policy:      Cluster
        HealthCheck NodePort:         32258
        Load Balancer Source Ranges:  203.0.113.0/24
        ");
        insta::assert_snapshot!(text(Kind::Services, "docs"), @"
        Name:              docs
        Namespace:         default
        Selector:          <none>
        Type:              ExternalName
        External Name:     example.com
        Session Affinity:  None
        ");
        insta::assert_snapshot!(text(Kind::EndpointSlices, &slices[0].name), @"
        Name:         fixed-dxl5w
        Namespace:    default
        Labels:       endpointslice.kubernetes.io/managed-by=endpointslice-controller.k8s.io
                      kubernetes.io/service-name=fixed
        AddressType:  IPv4
        Ports:        http  8080/TCP
                      dns  53/UDP
        Endpoints:
          -
            Addresses:   10.244.0.1
            Conditions:
              Ready:  true
            TargetRef:   Pod/web-6d7b7fc4cc-dn6w4
            NodeName:    aks-pool-11111111-vmss000000
          -
            Addresses:   10.244.1.1
            Conditions:
              Ready:  true
            TargetRef:   Pod/web-6d7b7fc4cc-l77fz
            NodeName:    aks-pool-11111111-vmss000001
        ");
        insta::assert_snapshot!(text(Kind::Deployments, "web"), @"
        Name:          web
        Namespace:     default
        Selector:      app=web
        Replicas:      2 desired | 2 updated | 2 total | 2 available | 0 unavailable
        Pod Template:
          Labels:      app=web
                       tier=front
          Containers:
            web:
              Image:  nginx
              Ports:
                http:
                  Container Port:  8080
                dns:
                  Container Port:  53
                  Protocol:        UDP
        ");
    }

    #[test]
    fn load_balancers_show_what_services_want_of_them() {
        let lab = services();
        insta::assert_snapshot!(shown(&lab, Kind::LoadBalancers, true), @"
        Name                 Cluster    Addresses                                  NumNodes    AllocatedOutboundPorts    EnableTcpReset    IdleTimeoutInMinutes    OutboundRule     Protocol    LoadBalancingRules                                         Probes                           Health
        -------------------  ---------  -----------------------------------------  ----------  ------------------------  ----------------  ----------------------  ---------------  ----------  ---------------------------------------------------------  -------------------------------  ----------------
        kubernetes           aks        198.51.100.1, 198.51.100.2, 198.51.100.77  2           0                         true              30                      aksOutboundRule  All         198.51.100.2:80/Tcp, 198.51.100.77:443/Tcp                 Tcp:30524, Http:32258/healthz    2 up, 2 up
        kubernetes-internal  aks        10.224.1.4, 10.224.0.7, 10.224.0.200       2                                                                                                            10.224.1.4:80/Tcp, 10.224.0.7:80/Tcp, 10.224.0.200:80/Tcp  Tcp:32219, Tcp:31452, Tcp:31295  2 up, 2 up, 2 up
        ");
        insta::assert_snapshot!(shown(&lab, Kind::PublicIpAddresses, true), @"
        Name                                         Address        AssociatedWith               Service
        -------------------------------------------  -------------  ---------------------------  -------------
        aks-outbound-1                               198.51.100.1   loadbalancer/aks/kubernetes
        front-ip                                     198.51.100.77  loadbalancer/aks/kubernetes  default/local
        kubernetes-a3c44349ad56684e8aa59fd413efb192  198.51.100.2   loadbalancer/aks/kubernetes  default/web
        ");
    }

    #[test]
    fn three_of_many_are_shown() {
        let all = |count: usize| some((1..=count).map(|number| number.to_string()).collect());
        assert_eq!([all(0), all(3), all(5)], ["<unset>", "1,2,3", "1,2,3 + 2 more..."]);
    }
}
