//! Pods and nodes that become unhealthy, found by asking, with a model of the kernel.

use std::sync::Arc;

use fabric_core::{event::Reason, listener::Protocol, name::LabName, place::Place};
use fabricd::{
    events::{Heard, Occurrence},
    lab::{Change, ChangeError, ChangeEvent, Lab, Registry},
    ledger::Ledger,
};
use futures::StreamExt;

use crate::{
    fake_kernel::FakeKernel,
    fake_programs::{FakePrograms, nothing_runs},
    reconcile::{KUBENET, apply},
};

const PROBE: &str =
    "readinessProbe: {httpGet: {port: 80, path: /ready}, periodSeconds: 1, failureThreshold: 1}";

/// The kubenet lab with two pods `web` that are asked, and a Service before them.
fn with_web(container: &str) -> String {
    let pod = |name: &str| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, labels: {{app: web}}}}\n\
             spec: {{containers: [{{name: c, {container}}}]}}\n"
        )
    };
    let service = "---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, \
                   type: LoadBalancer, externalTrafficPolicy: Local, ports: [{port: 80}]}\n";
    [KUBENET, &pod("web-1"), &pod("web-2"), service].concat()
}

struct World {
    registry: Registry<FakeKernel>,
}

impl World {
    fn lab(&self) -> Arc<Lab> {
        self.registry.select("").unwrap()
    }

    /// The pods `web` that are ready, by endpoints and by themselves.
    fn ready(&self) -> Vec<String> {
        let lab = self.lab();
        let cluster = &lab.topology.managed_clusters[0];
        let service = cluster.services.iter().find(|service| service.name == "web").expect("the Service");
        let ready = service.ports[0].endpoints.iter().filter(|endpoint| endpoint.ready);
        let mut names: Vec<String> = ready.map(|endpoint| cluster.pods[endpoint.pod].name.clone()).collect();
        names.sort();
        let by_pods = cluster.pods.iter().filter(|pod| pod.name.starts_with("web") && pod.ready);
        assert_eq!(names, by_pods.map(|pod| pod.name.clone()).collect::<Vec<_>>());
        names
    }

    async fn until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let begun = std::time::Instant::now();
        while !condition(self) {
            assert!(begun.elapsed().as_secs() < 20, "waited too long for this: {what}");
            tokio::task::yield_now().await;
        }
    }

    /// An event is told after what it is about can be seen.
    async fn until_told(&self, message: &str) {
        let begun = std::time::Instant::now();
        while !self.events().await.iter().any(|it| it.event.message == message) {
            assert!(begun.elapsed().as_secs() < 20, "waited too long for the event: {message}");
            tokio::task::yield_now().await;
        }
    }

    async fn events(&self) -> Vec<Arc<Occurrence>> {
        let heard = self.registry.events().listen(None, false).map(|heard| match heard {
            Heard::Event(occurrence) => occurrence,
            Heard::Missed(missed) => panic!("missed {missed}"),
        });
        heard.collect().await
    }

    async fn switch(&self, pod: &str, ready: bool) -> Result<bool, ChangeError> {
        let change = Change::SetPodReady { pod: pod.into(), ready };
        let mut events = self.registry.handle(&LabName::new("kubenet").unwrap()).change(change).await;
        match events.recv().await {
            Some(ChangeEvent::Applied { changed, generation, .. }) => {
                assert_eq!(generation, 1, "it is the same lab");
                Ok(changed)
            }
            Some(ChangeEvent::Failed(error)) => Err(error),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_is_switched_off_and_on() {
    let world =
        World { registry: Registry::new(Arc::new(FakeKernel::new()), Ledger::none(), nothing_runs()) };
    apply(&world.registry, &with_web("image: nginx")).await.unwrap();
    assert_eq!(world.ready(), ["web-1", "web-2"]);
    let told = world.events().await.len();
    assert!(world.switch("aks/default/web-2", false).await.unwrap());
    assert!(!world.switch("aks/default/web-2", false).await.unwrap(), "it is already");
    assert_eq!(world.ready(), ["web-1"]);
    let error = world.switch("aks/default/web-3", false).await.unwrap_err();
    assert_eq!(error.to_string(), "lab `kubenet` has no pod `aks/default/web-3`");
    assert!(world.switch("aks/default/web-2", true).await.unwrap());
    assert_eq!(world.ready(), ["web-1", "web-2"]);
    let events = world.events().await;
    let reasons: Vec<Reason> = events[told..].iter().map(|it| it.event.reason).collect();
    let switched = |reason| [reason, Reason::EndpointsChanged];
    let expected = [switched(Reason::Unhealthy), switched(Reason::Ready)].concat();
    assert_eq!(reasons, expected, "and nothing was applied");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_probe_that_fails_takes_the_pod_out_and_its_node_too() {
    let world =
        World { registry: Registry::new(Arc::new(FakeKernel::new()), Ledger::none(), nothing_runs()) };
    apply(&world.registry, &with_web(&format!("image: nginx, {PROBE}"))).await.unwrap();
    // Switched off its probe fails; switched back it needs one that does not.
    assert!(world.switch("aks/default/web-2", false).await.unwrap());
    world.until("the probe has failed", |world| world.lab().topology.conditions.unready.len() == 1).await;
    world.until_told("Readiness probe failed: HTTP probe failed with statuscode: 503").await;
    assert_eq!(world.ready(), ["web-1"]);
    // The node of the other pod serves the Service; no other does.
    let health_check =
        world.registry.kernel().sockets().into_iter().filter(|(listener, _)| {
            matches!(&listener.protocol, Protocol::Health(_)) && listener.port != 10_256
        });
    let nodes = world.lab().topology.managed_clusters[0].nodes.len();
    assert_eq!(health_check.count(), nodes);
    let rule = "aks/default/web/TCP-80";
    world
        .until("nodes without a pod that is ready are left out", |world| {
            let lab = world.lab();
            let cluster = &lab.topology.managed_clusters[0];
            let pod = cluster.pods.iter().find(|pod| pod.name == "web-1").expect("the pod");
            let mut expected: Vec<&String> = cluster.nodes.iter().map(|node| &node.name).collect();
            expected.remove(pod.node);
            let down = lab.topology.conditions.unhealthy.get(rule);
            down.is_some_and(|down| down.iter().collect::<Vec<_>>() == expected)
        })
        .await;
    world.switch("aks/default/web-2", true).await.unwrap();
    world.until("the probe is good again", |world| world.ready() == ["web-1", "web-2"]).await;
    assert_eq!(world.lab().generation, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_answers_and_it_is_known_until_the_probe_goes() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = || Ledger::open(directory.path()).unwrap();
    let kernel = Arc::new(FakeKernel::new());
    let world = World { registry: Registry::new(kernel.clone(), ledger(), nothing_runs()) };
    let probe = "readinessProbe: {tcpSocket: {port: 81}, periodSeconds: 1, failureThreshold: 1}";
    apply(&world.registry, &with_web(&format!("image: nginx, {probe}"))).await.unwrap();
    world.until("nobody listens there", |world| world.ready().is_empty()).await;
    let unready = world.lab().topology.conditions.unready.clone();
    // A daemon that takes the lab over knows.
    drop(world);
    while !kernel.sockets().is_empty() {
        tokio::task::yield_now().await;
    }
    let registry = Arc::new(Registry::new(kernel, ledger(), nothing_runs()));
    let recovering = registry.clone();
    tokio::task::spawn_blocking(move || recovering.recover().unwrap()).await.unwrap();
    assert_eq!(registry.select("").unwrap().topology.conditions.unready, unready);
    apply(&registry, &with_web("image: nginx")).await.unwrap();
    let begun = std::time::Instant::now();
    while !registry.select("").unwrap().topology.conditions.unready.is_empty() {
        assert!(begun.elapsed().as_secs() < 20, "nobody asks any more");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_whose_program_does_not_run_is_not_ready() {
    let kernel = Arc::new(FakeKernel::new());
    let programs = FakePrograms::new(kernel.clone());
    let world = World { registry: Registry::new(kernel, Ledger::none(), programs.clone()) };
    apply(&world.registry, &with_web("image: busybox, command: [top]")).await.unwrap();
    assert_eq!(world.ready(), ["web-1", "web-2"]);
    let place = "pod/aks/default/web-1";
    // It is started again after a pause, each longer than the one before.
    let runs = |place: &str| programs.alive().iter().any(|(known, _)| known == place);
    for _ in 0..3 {
        programs.exit(place, 1).await;
        world.until("it is started again", |_| runs(place)).await;
    }
    programs.exit(place, 1).await;
    world.until("it is seen", |world| world.ready() == ["web-2"]).await;
    world.until_told("container c ended with exit code 1").await;
    world.until("it runs again", |world| world.ready() == ["web-1", "web-2"]).await;
    let gone = place.parse::<Place>().unwrap();
    assert!(world.registry.kernel().state().contains_key(&gone));
    apply(&world.registry, KUBENET).await.unwrap();
    assert!(!world.registry.kernel().state().contains_key(&gone));
}
