//! Any faults on any lab lead to exactly the transformed blueprint, and lifting them leads back.

use std::sync::Arc;

use fabric_core::{
    blueprint::{self, Blueprint},
    fault::{Change, Faults, LinkChange, LinkEnd, Links, Scene, Settings},
    kernel::{Kernel, Machine},
    place::Place,
    plan,
    spec::{self, Source},
    topology::Topology,
};
use fabricd::{
    lab::{FaultOutcome, Registry, reconcile},
    ledger::Ledger,
};
use proptest::prelude::*;

use crate::{
    changes::{Lab, lab, objects, settled, topology},
    fake_kernel::{FakeKernel, NEVER},
    fake_programs::nothing_runs,
    reconcile::{KUBENET, apply},
};

/// A change of a fault, with numbers for names.
#[derive(Clone, Debug)]
enum Draft {
    Link(usize, LinkChange),
    Machine(usize, bool),
}

fn drafts() -> impl Strategy<Value = Vec<Draft>> {
    let settings = (any::<Option<bool>>(), any::<Option<bool>>()).prop_map(|(slow, lossy)| Settings {
        delay: slow.map(|slow| u32::from(slow) * 50_000),
        loss: Some(lossy.map_or(7, |lossy| u32::from(lossy) * 100_000)),
        ..Settings::default()
    });
    let change = prop_oneof![
        Just(LinkChange::Down),
        Just(LinkChange::Up),
        Just(LinkChange::Clear),
        settings.prop_map(LinkChange::Set),
    ];
    let draft = prop_oneof![
        4 => (any::<prop::sample::Index>(), change).prop_map(|(at, change)| Draft::Link(at.index(1 << 20), change)),
        1 => (any::<prop::sample::Index>(), any::<bool>()).prop_map(|(at, runs)| Draft::Machine(at.index(1 << 20), runs)),
    ];
    proptest::collection::vec(draft, 1..8)
}

/// Every end of a link of the lab.
fn ends(blueprint: &Blueprint) -> Vec<LinkEnd> {
    let links = Links::of(blueprint);
    let at = |place: &Place| {
        let of_place = |name: String| format!("{place}:{name}").parse().expect("a link's end");
        links.names(place).into_iter().map(of_place).collect::<Vec<_>>()
    };
    blueprint.places.keys().flat_map(at).collect()
}

impl Draft {
    fn change(&self, topology: &Topology, ends: &[LinkEnd]) -> Change {
        match self {
            Self::Link(at, change) => {
                Change::Link { end: ends[at % ends.len()].to_string(), change: *change }
            }
            Self::Machine(at, runs) => {
                let machines: Vec<_> = topology.azure_vms().map(|(place, _, _)| place.to_string()).collect();
                Change::Machine { name: machines[at % machines.len()].clone(), runs: *runs }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_faults_on_any_lab_are_reached_and_lifted(first in lab(), second in lab(), drafts in drafts()) {
        any_faults(&first, &second, &drafts)?;
    }
}

fn any_faults(first: &Lab, second: &Lab, drafts: &[Draft]) -> Result<(), TestCaseError> {
    let (kernel, machine) = (FakeKernel::new(), Machine::COMPLETE);
    let name = fabric_core::name::LabName::new("any").expect("a name");
    let topology_of = |lab| topology(lab);
    let (before, after) = (topology_of(first), topology_of(second));
    let whole = blueprint::draw(&before, machine);
    reconcile(&kernel, &name, &Blueprint::default(), &whole, &|_, _| {}).expect("from nothing");

    let ends = ends(&whole);
    let (mut faults, mut last) = (Faults::default(), whole.clone());
    for draft in drafts {
        let scene = Scene { topology: &before, blueprint: &last, machine };
        // What is no veth cannot be slow.
        let Ok(changed) = faults.changed(scene, "default", &draft.change(&before, &ends)) else { continue };
        faults = changed.faults;
        let mut wanted = whole.clone();
        faults.act_on(&mut wanted);
        let owned = Faults::owned(&last, whole.clone());
        let plan = plan::between(&kernel.observe(&name).expect("a model"), &owned, &wanted);
        for wave in &plan.waves {
            kernel
                .execute(&name, wave, &|_| {})
                .unwrap_or_else(|errors| panic!("{}: {}", errors[0], errors[0].source));
        }
        prop_assert_eq!(settled(&kernel), objects(&wanted));
        let again = plan::between(&kernel.observe(&name).expect("a model"), &wanted, &wanted);
        prop_assert!(again.is_empty(), "{again}");
        last = wanted;
    }

    // Another lab, with those faults that its links and machines can still have.
    let other = blueprint::draw(&after, machine);
    let kept = faults.kept(&other);
    let mut wanted = other.clone();
    kept.act_on(&mut wanted);
    let owned = Faults::owned(&last, whole.clone());
    reconcile(&kernel, &name, &owned, &wanted, &|_, _| {}).unwrap_or_else(|error| panic!("{error}"));
    prop_assert_eq!(settled(&kernel), objects(&wanted));

    // And back, with nothing broken.
    let owned = Faults::owned(&wanted, other);
    reconcile(&kernel, &name, &owned, &whole, &|_, _| {}).unwrap_or_else(|error| panic!("{error}"));
    prop_assert_eq!(settled(&kernel), objects(&whole));
    Ok(())
}

async fn fault(registry: &Registry<FakeKernel>, change: Change) -> FaultOutcome {
    let lab = registry.select("").unwrap().topology.lab.clone();
    registry.handle(&lab).fault("default".to_owned(), change).await.unwrap()
}

fn down(end: &str) -> Change {
    Change::Link { end: end.into(), change: LinkChange::Down }
}

fn slow(end: &str) -> Change {
    let settings = Settings { delay: Some(50_000), ..Settings::default() };
    Change::Link { end: end.into(), change: LinkChange::Set(settings) }
}

#[tokio::test]
async fn a_fault_survives_an_apply_and_the_daemon_and_goes_with_the_lab() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = || Ledger::open(directory.path()).unwrap();
    let kernel = Arc::new(FakeKernel::new());
    let registry = Registry::new(kernel.clone(), ledger(), nothing_runs());
    apply(&registry, KUBENET).await.unwrap();
    let whole = settled(&kernel);

    assert!(fault(&registry, down("a")).await.changed);
    assert!(!fault(&registry, down("a")).await.changed);
    assert!(fault(&registry, slow("c")).await.changed);
    let broken = settled(&kernel);
    assert_ne!(broken, whole);
    // The same file again changes nothing.
    assert_eq!(apply(&registry, KUBENET).await.unwrap(), (false, false, 3));
    // What a learner mends by hand is a change of the lab's, and is found.
    let pod: Place = "pod/aks/default/a".parse().unwrap();
    let whole_pod = blueprint::draw(&registry.select("").unwrap().topology, Machine::COMPLETE);
    kernel.by_hand(|places| {
        let up = fabric_core::object::Key::Up(fabric_core::name::IfName::fixed("eth0"));
        let object = whole_pod.get(&pod, &up).unwrap().object.clone();
        places.get_mut(&pod).unwrap().insert(up, object);
    });
    assert_eq!(apply(&registry, KUBENET).await.unwrap(), (false, true, 4));
    assert_eq!(settled(&kernel), broken);
    drop(registry);

    let registry = Registry::new(kernel.clone(), ledger(), nothing_runs());
    registry.recover().unwrap();
    assert_eq!(settled(&kernel), broken);
    assert_eq!(registry.select("").unwrap().faults.list().len(), 2);

    // An edited file keeps what its links still have.
    let without_c = KUBENET.rsplit_once("---\n").unwrap().0;
    let source = Source { name: "lab.yaml".into(), text: without_c.into() };
    assert!(spec::load(&[source]).is_ok());
    apply(&registry, without_c).await.unwrap();
    let kept = registry.select("").unwrap().faults.list();
    assert_eq!(kept.len(), 1, "{kept:?}");
    apply(&registry, KUBENET).await.unwrap();
    let up = Change::Link { end: "a".into(), change: LinkChange::Up };
    assert!(fault(&registry, up).await.changed);
    assert_eq!(settled(&kernel), whole);
    fault(&registry, down("a")).await;
    let lab = registry.select("").unwrap().topology.lab.clone();
    let mut events = registry.handle(&lab).delete().await;
    while events.recv().await.is_some() {}
    assert!(kernel.state().is_empty());
    assert_eq!(ledger().read().unwrap(), []);
    apply(&registry, KUBENET).await.unwrap();
    assert!(registry.select("").unwrap().faults.is_empty());
}

#[tokio::test]
async fn a_fault_that_the_kernel_refuses_is_none() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = || Ledger::open(directory.path()).unwrap();
    let registry = Registry::new(Arc::new(FakeKernel::new()), ledger(), nothing_runs());
    apply(&registry, KUBENET).await.unwrap();
    let (whole, written) = (settled(registry.kernel()), ledger().read().unwrap());
    registry.kernel().fail_after(1);
    let lab = registry.select("").unwrap().topology.lab.clone();
    assert!(registry.handle(&lab).fault("default".into(), slow("a")).await.is_err());
    registry.kernel().fail_after(NEVER);
    assert_eq!(settled(registry.kernel()), whole);
    assert_eq!(ledger().read().unwrap(), written);
    assert!(registry.select("").unwrap().faults.is_empty());
}

#[tokio::test]
async fn a_crash_in_the_middle_of_a_fault_is_finished() {
    for (first, second) in
        [(slow("a"), Change::Link { end: "a".into(), change: LinkChange::Clear }), (down("a"), slow("a"))]
    {
        let directory = tempfile::tempdir().unwrap();
        let ledger = || Ledger::open(directory.path()).unwrap();
        let kernel = Arc::new(FakeKernel::new());
        let registry = Registry::new(kernel.clone(), ledger(), nothing_runs());
        apply(&registry, KUBENET).await.unwrap();
        fault(&registry, first).await;
        let (before, state) = (ledger().read().unwrap().remove(0), kernel.state());
        fault(&registry, second).await;
        let (after, wanted) = (ledger().read().unwrap().remove(0), settled(&kernel));
        drop(registry);
        // As if it had been killed before its first step.
        kernel.by_hand(|places| *places = state);
        let intent = fabricd::ledger::Intent { before: before.wanted, ..after };
        ledger().write(&intent).unwrap();
        let registry = Registry::new(kernel.clone(), ledger(), nothing_runs());
        registry.recover().unwrap();
        assert_eq!(settled(&kernel), wanted);
    }
}
