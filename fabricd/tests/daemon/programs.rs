//! Programs of a lab: they come with it, change with it, and end before their places do.

use std::sync::{Arc, atomic::Ordering};

use fabric_core::{fault::Change, name::LabName};
use fabricd::{
    lab::{ChangeError, Registry},
    ledger::Ledger,
    program::{Heard, LogError},
};
use futures::StreamExt;

use crate::{
    fake_kernel::{FakeKernel, NEVER},
    fake_programs::FakePrograms,
    reconcile::{KUBENET, apply},
};

/// The kubenet lab, with its VM as a proxy.
fn with_proxy(port: u16) -> String {
    let address = "  privateIPAddress: 10.224.1.2\n";
    assert!(KUBENET.contains(address));
    KUBENET.replace(address, &format!("{address}  httpProxy: {{port: {port}}}\n"))
}

struct World {
    kernel: Arc<FakeKernel>,
    programs: Arc<FakePrograms>,
    registry: Arc<Registry<FakeKernel>>,
}

impl World {
    fn new(ledger: Ledger) -> Self {
        let kernel = Arc::new(FakeKernel::new());
        let programs = FakePrograms::new(kernel.clone());
        let registry = Arc::new(Registry::new(kernel.clone(), ledger, programs.clone()));
        Self { kernel, programs, registry }
    }

    /// The configuration of the program in the VM, if one runs.
    fn configuration(&self) -> Option<String> {
        let alive = self.programs.alive();
        assert!(alive.len() <= 1);
        let (place, entry) = alive.into_iter().next()?;
        assert_eq!((place.as_str(), entry.command[0].as_str()), ("vm/device", "tinyproxy"));
        assert!(entry.contained);
        let (_, configuration) = entry.files.iter().find(|(path, _)| *path == entry.command[3]).unwrap();
        Some(configuration.clone())
    }

    fn log(&self) -> Result<Vec<String>, LogError> {
        let lab = self.registry.select("").unwrap();
        let log = lab.programs.log(&"vm/device".parse().unwrap(), "")?;
        let lines = log.read(None, false).map(|heard| match heard {
            Heard::Line(line) => line.text.clone(),
            Heard::Missed(missed) => panic!("missed {missed}"),
        });
        Ok(futures::executor::block_on(lines.collect()))
    }

    async fn until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let begun = std::time::Instant::now();
        while !condition(self) {
            assert!(begun.elapsed().as_secs() < 20, "waited too long for this: {what}");
            tokio::task::yield_now().await;
        }
    }

    async fn delete(&self) {
        let mut events = self.registry.handle(&LabName::new("kubenet").unwrap()).delete().await;
        while events.recv().await.is_some() {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_comes_and_changes_and_goes_with_its_lab() {
    let world = World::new(Ledger::none());
    apply(&world.registry, &with_proxy(3128)).await.unwrap();
    assert!(world.configuration().unwrap().contains("Port 3128\n"), "it runs when the apply ends");
    world.programs.print("vm/device", "hello\n").await;
    world.until("the line is there", |world| world.log().unwrap() == ["hello"]).await;
    assert_eq!(world.programs.told(), ["starts vm/device"]);

    // Neither the same file nor a change of something else disturbs it.
    apply(&world.registry, &with_proxy(3128)).await.unwrap();
    apply(&world.registry, &with_proxy(3128).replace("10.244.1.27", "10.244.1.28")).await.unwrap();
    assert_eq!(world.programs.told(), [""; 0]);
    apply(&world.registry, &with_proxy(8080)).await.unwrap();
    assert_eq!(world.programs.told(), ["killed in vm/device, which is there: true", "starts vm/device"]);
    assert!(world.configuration().unwrap().contains("Port 8080\n"));
    assert_eq!(world.log().unwrap(), ["hello"], "what it said before is still there");

    apply(&world.registry, KUBENET).await.unwrap();
    assert_eq!(world.configuration(), None);
    assert_eq!(world.log(), Err(LogError::None("vm/device".parse().unwrap())));
    apply(&world.registry, &with_proxy(8080)).await.unwrap();
    world.programs.told();
    world.delete().await;
    assert_eq!(world.programs.told(), ["killed in vm/device, which is there: true"]);
    assert!(world.kernel.state().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_ends_is_started_again_and_its_log_says_so() {
    let world = World::new(Ledger::none());
    apply(&world.registry, &with_proxy(3128)).await.unwrap();
    world.programs.print("vm/device", "a line without end").await;
    world.programs.exit("vm/device", 3).await;
    world.until("it runs again", |world| world.configuration().is_some()).await;
    assert_eq!(
        world.log().unwrap(),
        ["a line without end", "fabric: tinyproxy ended with exit code 3; it is started again in 100ms"]
    );
    world.programs.exit("vm/device", 0).await;
    world.until("it runs again", |world| world.configuration().is_some()).await;
    assert!(world.log().unwrap()[2].ends_with("exit code 0; it is started again in 200ms"));
    // Taken away while it waits for its next start.
    world.programs.exit("vm/device", 0).await;
    world.until("its end was seen", |world| world.log().unwrap().len() == 4).await;
    world.programs.told();
    world.delete().await;
    assert_eq!(world.programs.told(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_apply_that_fails_leaves_the_programs_of_before() {
    let world = World::new(Ledger::none());
    world.kernel.fail_after(40);
    apply(&world.registry, &with_proxy(3128)).await.unwrap_err();
    world.kernel.fail_after(NEVER);
    assert_eq!(world.programs.told(), [""; 0], "none of a lab that never was");

    apply(&world.registry, &with_proxy(3128)).await.unwrap();
    world.kernel.fail_after(2);
    let gone = KUBENET.replace("- name: device\n", "- name: another\n");
    apply(&world.registry, &gone).await.unwrap_err();
    world.kernel.fail_after(NEVER);
    assert!(world.configuration().is_some());
    let expected = ["starts vm/device", "killed in vm/device, which is there: true", "starts vm/device"];
    assert_eq!(world.programs.told(), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lab_whose_program_is_not_installed_is_refused() {
    let world = World::new(Ledger::none());
    world.programs.installed.store(false, Ordering::SeqCst);
    apply(&world.registry, KUBENET).await.unwrap();
    let before = world.kernel.state();
    let error = apply(&world.registry, &with_proxy(3128)).await.unwrap_err();
    assert!(matches!(error, ChangeError::NotInstalled { .. }));
    assert_eq!(
        error.to_string(),
        "nothing was changed: vm/device runs tinyproxy, which is not installed; \
         `apt-get install -y --no-install-recommends tinyproxy-bin` installs it"
    );
    assert_eq!(world.kernel.state(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vm_that_is_stopped_runs_nothing() {
    let world = World::new(Ledger::none());
    apply(&world.registry, &with_proxy(3128)).await.unwrap();
    let lab = world.registry.handle(&LabName::new("kubenet").unwrap());
    for runs in [false, true] {
        let change = Change::Machine { name: "vm/device".into(), runs };
        lab.fault("default".into(), change).await.unwrap();
        assert_eq!(world.configuration().is_some(), runs);
    }
}

/// The namespace would live on with what runs in it, and its links be in the way of new ones.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_leaves_a_place_that_somebody_removed() {
    let world = World::new(Ledger::none());
    apply(&world.registry, &with_proxy(3128)).await.unwrap();
    world.programs.told();
    world.kernel.by_hand(|places| drop(places.remove(&"vm/device".parse().unwrap())));
    apply(&world.registry, &with_proxy(3128)).await.unwrap();
    assert_eq!(world.programs.told(), ["killed in vm/device, which is there: false", "starts vm/device"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_takes_a_lab_over_runs_its_programs() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = || Ledger::open(directory.path()).unwrap();
    let world = World::new(ledger());
    apply(&world.registry, &with_proxy(3128)).await.unwrap();
    // As if the daemon had been killed, and its programs with it.
    let programs = FakePrograms::new(world.kernel.clone());
    let registry = Arc::new(Registry::new(world.kernel.clone(), ledger(), programs.clone()));
    let recovering = registry.clone();
    tokio::task::spawn_blocking(move || recovering.recover()).await.unwrap().unwrap();
    assert_eq!(programs.told(), ["starts vm/device"]);
}
