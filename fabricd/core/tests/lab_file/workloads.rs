//! What pods serve, which programs they run, and which probes ask for them.

use fabric_core::{
    fault::Faults,
    health_probe::health_probes,
    listener::listeners,
    program::{Restart, programs},
    topology::Topology,
};

use crate::text::{mistakes, topology};

const LAB: &str = "apiVersion: fabric/v1\nkind: Lab\nmetadata: {name: lab}\nmanagedClusters:\n- name: aks\n  \
                   agentPoolProfiles: [{name: a, count: 2, scaleSet: aks-a-1-vmss}]\n";

fn pod(name: &str, spec: &str) -> String {
    format!("---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n")
}

fn lab(pods: &[String]) -> Topology {
    topology(&(LAB.to_owned() + &pods.concat()))
}

fn served(lab: &Topology) -> Vec<String> {
    listeners(lab).iter().map(|listener| format!("{listener} {}", listener.name)).collect()
}

#[test]
fn pods_serve_by_their_images_and_ports() {
    let node = "nodeName: aks-a-1-vmss000000";
    let lab = lab(&[
        pod("web", "containers: [{name: a, image: 'nginx:1.27'}, {name: b, image: redis}]"),
        pod(
            "echo",
            "containers: [{name: a, image: shop, ports: [{containerPort: 9, protocol: UDP}, {name: tcp-x, containerPort: 9}]}]",
        ),
        pod(
            "tools",
            "containers: [{name: a, image: busybox, command: [sleep, '3600'], ports: [{containerPort: 80}]}]",
        ),
        pod("host", &format!("{node}, hostNetwork: true, containers: [{{name: a, image: httpd}}]")),
    ]);
    insta::assert_snapshot!(served(&lab).join("\n"), @"
    platform/aks-vnet-95255588: TCP 168.63.129.16:53 aks-vnet-95255588
    platform/aks-vnet-95255588: UDP 168.63.129.16:53 aks-vnet-95255588
    server/example-com: TCP 203.0.113.10:7 example-com
    server/example-com: UDP 203.0.113.10:7 example-com
    server/example-com: TCP 203.0.113.10:80 example-com
    server/example-com: TCP 203.0.113.10:443 example-com
    server/example-org: TCP 203.0.113.20:7 example-org
    server/example-org: UDP 203.0.113.20:7 example-org
    server/example-org: TCP 203.0.113.20:80 example-org
    server/example-org: TCP 203.0.113.20:443 example-org
    node/aks-a-1-vmss000000: TCP *:10256 aks-a-1-vmss000000
    node/aks-a-1-vmss000000: TCP 10.224.0.4:80 host
    node/aks-a-1-vmss000001: TCP *:10256 aks-a-1-vmss000001
    pod/aks/default/echo: TCP *:9 echo
    pod/aks/default/echo: UDP *:9 echo
    pod/aks/default/web: TCP *:80 web
    pod/aks/default/web: TCP *:6379 web
    pod/aks/kube-system/coredns-5ff54486cd-6gb4x: TCP *:53 coredns-5ff54486cd-6gb4x
    pod/aks/kube-system/coredns-5ff54486cd-6gb4x: UDP *:53 coredns-5ff54486cd-6gb4x
    pod/aks/kube-system/coredns-5ff54486cd-ff9l9: TCP *:53 coredns-5ff54486cd-ff9l9
    pod/aks/kube-system/coredns-5ff54486cd-ff9l9: UDP *:53 coredns-5ff54486cd-ff9l9
    ");
}

#[test]
fn pods_of_the_host_network_share_their_nodes_ports() {
    let host = |name: &str| pod(name, "hostNetwork: true, containers: [{name: a, image: nginx}]");
    // The node with the fewest pods would be the same one again.
    let other =
        |name: &str| pod(name, "nodeName: aks-a-1-vmss000001, containers: [{name: a, image: busybox}]");
    let spread = lab(&[other("x"), other("y"), host("one"), host("two")]);
    let own = spread.managed_clusters[0].pods.iter().filter(|pod| pod.namespace == "default");
    let nodes: Vec<usize> = own.map(|pod| pod.node).collect();
    assert_eq!(nodes, [1, 1, 0, 1]);
    let text = LAB.to_owned() + &[host("one"), host("two"), host("three")].concat();
    assert!(mistakes(&text).contains("no node has TCP port 80 free"), "{}", mistakes(&text));
    let named = |name| {
        pod(name, "nodeName: aks-a-1-vmss000000, hostNetwork: true, containers: [{name: a, image: nginx}]")
    };
    let text = LAB.to_owned() + &[named("one"), named("two")].concat();
    let told = mistakes(&text);
    assert!(told.contains("has TCP port 80 of the node `aks-a-1-vmss000000`"), "{told}");
}

#[test]
fn commands_are_programs_of_their_pods() {
    let lab = lab(&[
        pod(
            "job",
            "restartPolicy: OnFailure, containers: [{name: a, image: shop, command: [sh, -c, 'echo $(WHO) $(NONE) $$(WHO)'], \
             args: ['$(POD)', '$(HOST)'], env: [{name: WHO, value: me}, {name: TWICE, value: '$(WHO)$(WHO)'}, \
             {name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}, \
             {name: HOST, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}, \
             {name: SECRET, valueFrom: {secretKeyRef: {name: s, key: k}}}]}]",
        ),
        pod("sleeper", "containers: [{name: a, image: busybox, command: [sleep, infinity]}]"),
        pod(
            "host",
            "hostNetwork: true, containers: [{name: a, image: busybox, args: [top]}, {name: b, image: nginx}]",
        ),
    ]);
    let programs = programs(&lab, &Faults::default());
    let told: Vec<_> =
        programs.iter().map(|it| (it.place.to_string(), it.name.as_str(), &it.command)).collect();
    let address = lab.managed_clusters[0].nodes[0].nic.private_ip_address;
    let words =
        ["sh", "-c", "echo me $(NONE) $(WHO)", "job", &address.to_string()].map(str::to_owned).to_vec();
    assert_eq!(
        told,
        [
            ("pod/aks/default/job".to_owned(), "a", &words),
            ("node/aks-a-1-vmss000000".to_owned(), "default/host/a", &vec!["top".to_owned()]),
        ]
    );
    assert_eq!(programs[0].restart, Restart::OnFailure);
    assert_eq!(programs[0].pod.as_deref(), Some("aks/default/job"));
    let variables = programs[0].environment.clone().unwrap();
    let told: Vec<String> = variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(told, ["WHO=me", "TWICE=meme", "POD=job", &format!("HOST={address}")]);
}

#[test]
fn a_lab_runs_some_programs_and_not_thousands() {
    let deployment = |replicas: u32, command: &str| {
        format!(
            "{LAB}---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: d}}\nspec:\n  replicas: {replicas}\n  \
             selector: {{matchLabels: {{app: d}}}}\n  template:\n    metadata: {{labels: {{app: d}}}}\n    \
             spec: {{containers: [{{name: a, image: busybox, command: {command}}}]}}\n"
        )
        .replace("count: 2", "count: 2, maxPods: 250")
    };
    topology(&deployment(250, "[top]"));
    topology(&deployment(400, "[sleep, infinity]"));
    let told = mistakes(&deployment(251, "[top]"));
    assert!(told.contains("run at most 250 programs"), "{told}");
}

#[test]
fn readiness_probes_ask_from_the_node() {
    let container = |probe: &str| {
        format!(
            "containers: [{{name: a, image: nginx, ports: [{{name: web, containerPort: 8080}}], readinessProbe: {probe}}}]"
        )
    };
    let lab = lab(&[
        pod(
            "http",
            &container(
                "{httpGet: {port: web, path: '/r?x=1', httpHeaders: [{name: A, value: b}]}, periodSeconds: 2}",
            ),
        ),
        pod("tcp", &container("{tcpSocket: {port: 8080}, initialDelaySeconds: 5, failureThreshold: 1}")),
        pod("none", "containers: [{name: a, image: nginx}]"),
    ]);
    let told: Vec<String> = health_probes(&lab)
        .iter()
        .map(|probe| {
            format!("{:?} {} {} {:?} {:?}", probe.subject, probe.from, probe.to, probe.question, probe.rhythm)
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    Pod { pod: "aks/default/http", container: "a" } node/aks-a-1-vmss000000 10.244.0.1:8080 Http { path: "/r?x=1", user_agent: "kube-probe/1.30", headers: [("A", "b")], last_good: 399 } Rhythm { initial_delay: 0, period: 2, timeout: 1, failure_threshold: 3, success_threshold: 1 }
    Pod { pod: "aks/default/tcp", container: "a" } node/aks-a-1-vmss000001 10.244.1.1:8080 Tcp Rhythm { initial_delay: 5, period: 10, timeout: 1, failure_threshold: 1, success_threshold: 1 }
    "#);
}
