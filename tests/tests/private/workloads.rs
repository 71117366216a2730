//! Pods answer for their images, and run what their manifests say; nothing of it outlives them.

use std::fs;

use fabric_tests::{Process, Session, wait_until};

pub const TESTS: [(&str, fn()); 4] = [
    ("pods_say_who_they_are", pods_say_who_they_are),
    ("a_command_runs_in_its_pod_and_ends_with_it", a_command_runs_in_its_pod_and_ends_with_it),
    ("a_thousand_pods_answer", a_thousand_pods_answer),
    ("probes_decide_who_is_ready", probes_decide_who_is_ready),
];

const LAB: &str = "apiVersion: fabric/v1\nkind: Lab\nmetadata: {name: workloads}\nmanagedClusters:\n- name: aks\n  \
                   networkProfile: {networkPlugin: azure, networkPluginMode: overlay}\n  \
                   agentPoolProfiles: [{name: a, count: 2, scaleSet: aks-a-1-vmss, maxPods: 250}]\n";

fn deployment(name: &str, replicas: u32, container: &str) -> String {
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  replicas: {replicas}\n  \
         selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    \
         spec: {{containers: [{{name: a, {container}}}]}}\n"
    )
}

fn pod(name: &str, spec: &str) -> String {
    format!("---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n")
}

fn apply(session: &Session, text: &str) {
    let file = session.folder().join("lab.yaml");
    fs::write(&file, text).expect("a file");
    session.ok(&["apply", "-f", file.to_str().expect("UTF-8")]);
}

fn curl(session: &Session, pod: &str, arguments: &[&str]) -> String {
    session.ok(&[&["exec", pod, "--", "curl", "-sS", "-m", "10"], arguments].concat())
}

/// Name, address and node of each pod whose name begins so.
fn pods(session: &Session, prefix: &str) -> Vec<(String, String, String)> {
    let all: serde_json::Value =
        serde_json::from_str(&session.ok(&["get", "pods", "-o", "json"])).expect("JSON");
    let all = all["items"].as_array().or(all.as_array()).expect("a list").clone();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let all = all.iter().map(|pod| {
        (text(&pod["metadata"]["name"]), text(&pod["status"]["podIP"]), text(&pod["spec"]["nodeName"]))
    });
    all.filter(|(name, ..)| name.starts_with(prefix)).collect()
}

fn pods_say_who_they_are() {
    let session = Session::new();
    let netexec = "image: registry.k8s.io/e2e-test-images/agnhost, args: [netexec, --http-port=80]";
    let lab = [
        LAB.to_owned(),
        deployment("web", 2, "image: nginx"),
        pod("net", &format!("containers: [{{name: a, {netexec}}}]")),
        pod("text", "containers: [{name: a, image: hashicorp/http-echo, args: [-listen=:80, -text=blue]}]"),
        pod(
            "host",
            "hostNetwork: true, containers: [{name: a, image: httpd, ports: [{containerPort: 8080}]}]",
        ),
    ];
    apply(&session, &lab.concat());
    let web = pods(&session, "web-");
    let [(one, one_address, _), (two, two_address, two_node)] = web.as_slice() else { panic!("{web:?}") };
    let answer = curl(&session, one, &[&format!("http://{two_address}/x"), "-A", "me"]);
    let (head, rest) = answer.split_once("client: ").expect("a client");
    assert_eq!(
        head,
        format!("pod: {two}\nnamespace: default\nnode: {two_node}\nserver: {two} {two_address}:80\n")
    );
    assert!(rest.starts_with(&format!("{one_address}:")), "{answer}");
    assert!(
        rest.contains("\nrequest: GET /x HTTP/1.1\n") && rest.contains("\nheader: user-agent: me\n"),
        "{answer}"
    );

    let address = |name: &str| pods(&session, name)[0].1.clone();
    let net = address("net");
    assert_eq!(curl(&session, one, &[&format!("http://{net}/hostname")]), "net");
    let seen = curl(&session, one, &[&format!("http://{net}/clientip")]);
    assert!(seen.starts_with(&format!("{one_address}:")), "{seen}");
    let script = format!("exec 3<>/dev/udp/{net}/8081; echo -n hostname >&3; timeout 10 head -c 3 <&3");
    assert_eq!(session.ok(&["exec", one, "--", "bash", "-c", &script]), "net");
    assert_eq!(curl(&session, one, &[&format!("http://{}", address("text"))]), "blue\n");
    let (host, node) = (address("host"), pods(&session, "host")[0].2.clone());
    let answer = curl(&session, one, &[&format!("http://{host}:8080")]);
    assert!(answer.starts_with(&format!("pod: host\nnamespace: default\nnode: {node}\n")), "{answer}");
    // kube-proxy of a node is there too.
    let answer = curl(
        &session,
        one,
        &["-o", "/dev/null", "-w", "%{http_code}", &format!("http://{host}:10256/healthz")],
    );
    assert_eq!(answer, "200");
    // No process of a pod does it.
    let sockets = session.ok(&["exec", two, "--", "ss", "-Hltnp"]);
    assert!(sockets.contains(":80 ") && !sockets.contains("users:"), "{sockets}");
}

fn a_command_runs_in_its_pod_and_ends_with_it() {
    let session = Session::new();
    let script = "echo $POD of $(POD) on `hostname` has `ls /proc | grep -c ^1$`; cat /proc/net/fib_trie | grep -c $IP; \
                  trap : TERM; while :; do read -t 3600 x </dev/zero; done";
    let lab = |more: &str| {
        let env = "{name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}, {name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}";
        let job = format!(
            "containers: [{{name: a, image: busybox, command: [bash, -c, '{script}'], env: [{env}]}}]"
        );
        [
            LAB,
            &pod("job", &job),
            &pod("missing", "containers: [{name: a, image: shop, command: [no-such-program]}]"),
            &pod("once", "restartPolicy: Never, containers: [{name: a, image: busybox, args: [echo, done]}]"),
            &pod("sleeper", "containers: [{name: a, image: busybox, command: [sleep, infinity]}]"),
            more,
        ]
        .concat()
    };
    apply(&session, &lab(""));
    wait_until("it has said what it sees", || session.ok(&["logs", "pod/job"]).lines().count() >= 2);
    let log = session.ok(&["logs", "pod/job"]);
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines[0], "job of job on job has 1", "{log}");
    assert_ne!(lines[1], "0", "its own address: {log}");
    wait_until("it has tried", || session.ok(&["logs", "pod/missing"]).contains("started again"));
    let log = session.ok(&["logs", "pod/missing"]);
    assert!(log.contains("`no-such-program` is not installed on this machine"), "{log}");
    wait_until("it has ended", || session.ok(&["logs", "pod/once"]).contains("exit code 0"));
    let log = session.ok(&["logs", "pod/once"]);
    assert_eq!(log.matches("done").count(), 1, "{log}");
    session.fails(1, &["logs", "pod/sleeper"]);

    let of_job = |session: &Session| {
        let all = Process::tree(session.daemon_pid()).into_iter();
        all.filter(|process| process.command.contains("fib_trie")).collect::<Vec<_>>()
    };
    let before = of_job(&session);
    assert!(!before.is_empty(), "it runs");
    // Another pod comes: the program does not notice. Its own pod goes: it does too.
    apply(&session, &lab(&pod("more", "containers: [{name: a, image: busybox}]")));
    assert!(before.iter().all(Process::is_alive));
    apply(&session, LAB);
    wait_until("its processes have gone", || !before.iter().any(Process::is_alive));
    apply(&session, &lab(""));
    let before = of_job(&session);
    session.ok(&["delete", "lab", "workloads"]);
    assert!(!before.is_empty() && !before.iter().any(Process::is_alive));
}

fn a_thousand_pods_answer() {
    let session = Session::new();
    let lab = LAB.replace("count: 2", "count: 5") + &deployment("web", 1000, "image: nginx");
    apply(&session, &lab);
    let all = pods(&session, "web-");
    assert_eq!(all.len(), 1000);
    let (first, ..) = &all[0];
    for (name, address, _) in all.iter().step_by(199) {
        let answer = curl(&session, first, &[&format!("http://{address}")]);
        assert!(answer.starts_with(&format!("pod: {name}\n")), "{answer}");
    }
}

fn probes_decide_who_is_ready() {
    let session = Session::new();
    let probed = |name: &str, probe: &str| {
        let probe = format!("readinessProbe: {{{probe}, periodSeconds: 1, failureThreshold: 2}}");
        pod(name, &format!("containers: [{{name: a, image: nginx, {probe}}}]"))
    };
    let service = "---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, \
                   type: LoadBalancer, externalTrafficPolicy: Local, ports: [{port: 80}]}\n";
    let lab = [
        LAB.to_owned(),
        probed("good", "httpGet: {port: 80, path: /ready}"),
        probed("closed", "tcpSocket: {port: 81}"),
        deployment("web", 1, "image: nginx"),
        service.to_owned(),
    ];
    apply(&session, &lab.concat());
    let told = || session.ok(&["events", "--no-follow"]);
    wait_until("the kubelet has asked", || told().contains("dial tcp 10.244."));
    let node = pods(&session, "web-")[0].2.clone();
    let events = told();
    assert!(!events.contains("is left out"), "a node without a pod begins so: {events}");
    session.ok(&["pod", &pods(&session, "web-")[0].0, "--ready=false"]);
    wait_until("the load balancer has asked", || {
        told().contains(&format!(
            "the node {node} is left out: Health probe failed: HTTP probe failed with statuscode: 503"
        ))
    });
    let events = told();
    let closed = events.lines().find(|line| line.contains("Readiness probe failed")).expect("an event");
    assert!(closed.contains("closed") && closed.contains(":81: connect: connection refused"), "{closed}");
    assert_eq!(events.matches("Readiness probe failed").count(), 1, "{events}");
    assert_eq!(events.matches("is left out").count(), 1, "{events}");
    assert_eq!(events.matches("Applied").count(), 1, "{events}");
    // What asks leaves when its places go.
    session.ok(&["delete", "lab", "workloads"]);
    let names = format!("/proc/{}/root/run/netns", Process::tree(session.daemon_pid())[2].pid());
    assert_eq!(fs::read_dir(names).expect("the daemon's").count(), 0);
}
