//! Services: their addresses, ports and pods, and that they stay.

use fabric_core::{
    condition::Conditions,
    spec::load_onto,
    topology::{Rollout, Service, Standing, Topology},
};

use crate::text::{rendered, source, topology};

const LAB: &str = include_str!("services.yaml");

/// A line for each Service, and one for each of its ports.
fn listing(topology: &Topology) -> String {
    let cluster = &topology.managed_clusters[0];
    let mut text = String::new();
    for service in &cluster.services {
        let address = service.cluster_ip.map_or("None".to_owned(), |address| address.to_string());
        text += &format!("{} {} {address}", service.namespaced_name(), service.service_type);
        if let Some(frontend) = &service.frontend {
            text += &format!(" {} {}", frontend.address.address, frontend.address.name);
        }
        if let Some(port) = service.health_check_node_port {
            text += &format!(" health {port}");
        }
        text.push('\n');
        for port in &service.ports {
            text += &format!("  {}", Service::rule_name(port));
            if let Some(node_port) = port.node_port {
                text += &format!(":{node_port}");
            }
            for endpoint in &port.endpoints {
                let pod = &cluster.pods[endpoint.pod];
                let ready = if endpoint.ready { "" } else { " not ready" };
                text += &format!(" {}:{} {}{ready},", endpoint.address, endpoint.port, pod.name);
            }
            text.push('\n');
        }
    }
    text
}

fn onto(text: &str, standing: &Standing) -> Topology {
    load_onto(&source(text), standing, &Rollout::default()).unwrap_or_else(|it| panic!("{}", rendered(&it)))
}

#[test]
fn services_get_addresses_ports_and_pods() {
    insta::assert_snapshot!(listing(&topology(LAB)), @"
    default/kubernetes ClusterIP 10.0.0.1
      TCP-443
    kube-system/kube-dns ClusterIP 10.0.0.10
      UDP-53 10.244.0.3:53 coredns-5ff54486cd-nwjmc, 10.244.1.2:53 coredns-5ff54486cd-2nshh,
      TCP-53 10.244.0.3:53 coredns-5ff54486cd-nwjmc, 10.244.1.2:53 coredns-5ff54486cd-2nshh,
    default/web LoadBalancer 10.0.126.226 198.51.100.2 kubernetes-a3c44349ad56684e8aa59fd413efb192
      TCP-80:30524 10.244.0.1:8080 web-6d7b7fc4cc-dn6w4, 10.244.1.1:8080 web-6d7b7fc4cc-l77fz,
    default/plain ClusterIP 10.0.221.179
      TCP-8080 10.244.0.1:8080 web-6d7b7fc4cc-dn6w4, 10.244.0.2:8080 other, 10.244.1.1:8080 web-6d7b7fc4cc-l77fz,
    default/fixed NodePort 10.0.9.9
      TCP-80:30080 10.244.0.1:8080 web-6d7b7fc4cc-dn6w4, 10.244.1.1:8080 web-6d7b7fc4cc-l77fz,
      UDP-53:32220 10.244.0.1:53 web-6d7b7fc4cc-dn6w4, 10.244.1.1:53 web-6d7b7fc4cc-l77fz,
    default/peers ClusterIP None
      TCP-8080 10.244.0.1:8080 web-6d7b7fc4cc-dn6w4, 10.244.1.1:8080 web-6d7b7fc4cc-l77fz,
    default/docs ExternalName None
    default/local LoadBalancer 10.0.163.242 198.51.100.77 front-ip health 32258
      TCP-443:32066 10.244.0.1:8080 web-6d7b7fc4cc-dn6w4, 10.244.1.1:8080 web-6d7b7fc4cc-l77fz,
    default/internal LoadBalancer 10.0.172.43 10.224.1.4 a0f559189dda7866eaaacfdee49653fb
      TCP-80:32219 10.244.0.1:8080 web-6d7b7fc4cc-dn6w4, 10.244.1.1:8080 web-6d7b7fc4cc-l77fz,
    default/internal-too LoadBalancer 10.0.79.194 10.224.0.7 a22be42826ca084efa76ba493b064dcb
      TCP-80:31452 10.244.0.1:8080 web-6d7b7fc4cc-dn6w4, 10.244.1.1:8080 web-6d7b7fc4cc-l77fz,
    default/internal-fixed LoadBalancer 10.0.205.239 10.224.0.200 a905aab0ddf6284ada861bf5304c85ce
      TCP-80:31295 10.244.0.1:8080 web-6d7b7fc4cc-dn6w4, 10.244.1.1:8080 web-6d7b7fc4cc-l77fz,
    ");
}

#[test]
fn who_stays_keeps_address_and_ports() {
    let before = topology(LAB);
    let standing = Standing::of(&before);
    assert_eq!(listing(&onto(LAB, &standing)), listing(&before));
    // A Service and a VM before all others.
    let more = LAB.replace(
        "---\napiVersion: v1\nkind: Service\nmetadata: {name: web}",
        "---\napiVersion: v1\nkind: Service\nmetadata: {name: first}\n\
         spec: {type: LoadBalancer, ports: [{port: 80}]}\n\
         ---\napiVersion: v1\nkind: Service\nmetadata: {name: second, annotations: \
         {service.beta.kubernetes.io/azure-load-balancer-internal: 'true'}}\n\
         spec: {type: LoadBalancer, ports: [{port: 80}]}\n\
         ---\napiVersion: v1\nkind: Service\nmetadata: {name: web}",
    );
    let more = more.replace("virtualMachines:", "virtualMachines:\n- {name: more, subnet: vnet/nodes}");
    let after = onto(&more, &standing);
    let lines = listing(&after);
    for line in listing(&before).lines() {
        assert!(lines.contains(line), "{line}\n{lines}");
    }
}

#[test]
fn a_service_that_comes_later_gets_what_it_would_have_got_at_once() {
    let without = LAB.replace("metadata: {name: web}", "metadata: {name: other}");
    let later = onto(LAB, &Standing::of(&topology(&without)));
    let of = |topology: &Topology| {
        let services = &topology.managed_clusters[0].services;
        services.iter().find(|it| it.name == "web").map(|it| (it.cluster_ip, it.ports[0].node_port)).unwrap()
    };
    assert_eq!(of(&later), of(&topology(LAB)));
}

#[test]
fn a_pod_that_is_not_ready_is_no_endpoint_and_a_node_that_is_not_healthy_no_backend() {
    let topology = topology(LAB);
    let cluster = &topology.managed_clusters[0];
    let pod = &cluster.pods[0];
    let mut conditions = Conditions::default();
    conditions.switched_off.insert(format!("aks/default/{}", pod.name));
    conditions.unhealthy.insert("aks/default/web/TCP-80".into(), [cluster.nodes[1].name.clone()].into());
    let changed = topology.with_conditions(conditions);
    assert_eq!(changed.managed_clusters[0].services[2].ports[0].unhealthy, [1].into());
    let ready = |topology: &Topology, service: usize| {
        let endpoints = &topology.managed_clusters[0].services[service].ports[0].endpoints;
        endpoints.iter().filter(|endpoint| endpoint.ready).count()
    };
    assert_eq!((ready(&topology, 2), ready(&changed, 2)), (2, 1));
    // `publishNotReadyAddresses`.
    let all =
        |name: &str| changed.managed_clusters[0].services.iter().position(|it| it.name == name).unwrap();
    assert_eq!(ready(&changed, all("peers")), 2);
    // It is kept, by a change of the files too.
    let again = onto(LAB, &Standing::of(&changed));
    assert_eq!(listing(&again), listing(&changed));
    assert_eq!(listing(&again.with_conditions(Conditions::default())), listing(&topology));
}

#[test]
fn a_backend_begins_as_its_first_probe_will_find_it() {
    // Both pods of three nodes; without the pods that are ready nobody is healthy.
    let text = LAB.replace("count: 2", "count: 3");
    let of = |topology: &Topology, name: &str| {
        let services = &topology.managed_clusters[0].services;
        let service = services.iter().find(|service| service.name == name).unwrap();
        service.ports[0].unhealthy.iter().copied().collect::<Vec<usize>>()
    };
    let before = topology(&text);
    assert_eq!((of(&before, "web"), of(&before, "local")), (vec![], vec![2]));
    // A node that comes later, too; and a pod that goes is found by its probe alone.
    let grown = onto(&text.replace("count: 3", "count: 4"), &Standing::of(&before));
    assert_eq!(of(&grown, "local"), [2, 3]);
    let shrunk = onto(&text.replace("replicas: 2", "replicas: 0"), &Standing::of(&before));
    assert_eq!(of(&shrunk, "local"), [2]);
    assert_eq!(of(&topology(&text.replace("replicas: 2", "replicas: 0")), "web"), [0, 1, 2]);
}
