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
        let found = list(topology, &Faults::default(), kind, None, name).into_iter();
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
        insta::assert_snapshot!(shown(&lab, Kind::Services, false), @"");
        insta::assert_snapshot!(shown(&lab, Kind::EndpointSlices, false), @"");
        insta::assert_snapshot!(shown(&lab, Kind::Deployments, true), @"");
        insta::assert_snapshot!(shown(&lab, Kind::ReplicaSets, true), @"");
        let wide = shown(&lab, Kind::Services, true);
        assert!(wide.contains("  app=web,tier=front\n") && wide.contains("  k8s-app=kube-dns\n"), "{wide}");
    }

    #[test]
    fn a_pod_that_is_not_ready_shows_everywhere() {
        let lab = services();
        let pod = lab.managed_clusters[0].pods.iter().find(|pod| pod.name.starts_with("web-")).unwrap();
        let mut conditions = lab.conditions.clone();
        conditions.switched_off.insert(format!("aks/default/{}", pod.name));
        let lab = lab.with_conditions(conditions);
        insta::assert_snapshot!(shown(&lab, Kind::Pods, false), @"");
        insta::assert_snapshot!(shown(&lab, Kind::ReplicaSets, false), @"");
        let pod = &objects(&lab, Kind::Pods, Some(&pod.name))[0];
        insta::assert_snapshot!(describe::render(pod, &[]), @"");
    }

    #[test]
    fn services_are_described_as_with_kubectl() {
        let lab = services();
        let slices = objects(&lab, Kind::EndpointSlices, None);
        let text = |kind, name| describe::render(&objects(&lab, kind, Some(name))[0], &slices);
        insta::assert_snapshot!(text(Kind::Services, "fixed"), @"");
        insta::assert_snapshot!(text(Kind::Services, "local"), @"");
        insta::assert_snapshot!(text(Kind::Services, "docs"), @"");
        insta::assert_snapshot!(text(Kind::EndpointSlices, &slices[0].name), @"");
        insta::assert_snapshot!(text(Kind::Deployments, "web"), @"");
    }

    #[test]
    fn load_balancers_show_what_services_want_of_them() {
        let lab = services();
        insta::assert_snapshot!(shown(&lab, Kind::LoadBalancers, true), @"");
        insta::assert_snapshot!(shown(&lab, Kind::PublicIpAddresses, true), @"");
    }

    #[test]
    fn three_of_many_are_shown() {
        let all = |count: usize| some((1..=count).map(|number| number.to_string()).collect());
        assert_eq!([all(0), all(3), all(5)], ["<unset>", "1,2,3", "1,2,3 + 2 more..."]);
    }
}
