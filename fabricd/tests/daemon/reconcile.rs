//! Apply, change, delete and recovery, failing at every step, against a model of the kernel.

use std::sync::Arc;

use crate::{
    fake_kernel::{FakeKernel, NEVER},
    fake_programs::nothing_runs,
};
use fabric_core::{
    blueprint::{self, Blueprint},
    fault::Faults,
    kernel::{Kernel, Machine},
    object::{Key, Object},
    plan::{self, Observed},
    spec::{self, Source},
    topology::{Standing, Topology},
};
use fabricd::{
    lab::{Change, ChangeError, ChangeEvent, DeleteEvent, Registry, reconcile},
    ledger::{Design, Intent, Ledger},
};

pub const KUBENET: &str = include_str!("../../../labs/kubenet/lab.yaml");

/// The kubenet lab, with pod `b` and the server on premises gone, pod `d` new, and `c` at another address.
pub fn changed() -> String {
    let (head, tail) = KUBENET.split_once("  name: b\n").unwrap();
    let (_, rest) = tail.split_once("---\n").unwrap();
    let head = head.rsplit_once("---\n").unwrap().0;
    let text = format!("{head}---\n{rest}").replace("10.244.1.27", "10.244.1.28");
    let text = text.replace(
        "  - name: server\n    privateIPAddress: 10.1.2.3\n",
        "  - name: desk\n    privateIPAddress: 10.1.9.9\n",
    );
    text + "---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: d\n  annotations: {fabricd/pod-ip: 10.244.0.40}\nspec:\n  containers:\n  - name: shell\n    image: busybox\n"
}

fn sources(text: &str) -> Vec<Source> {
    vec![Source { name: "lab.yaml".into(), text: text.into() }]
}

pub fn topology(text: &str) -> Topology {
    spec::load(&sources(text)).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"))
}

pub fn drawn(text: &str) -> Blueprint {
    blueprint::draw(&topology(text), Machine::COMPLETE)
}

fn observed(blueprint: &Blueprint) -> Observed {
    let places = blueprint.places.iter().map(|(place, parts)| {
        (place.clone(), parts.iter().map(|(key, part)| (key.clone(), part.object.clone())).collect())
    });
    Observed { places: places.collect() }
}

/// As the kernel has it, without what is only seeded and may be missing.
pub fn settled(kernel: &FakeKernel) -> Observed {
    let mut places = kernel.state();
    for objects in places.values_mut() {
        objects.retain(|_, object| !object.is_seed());
    }
    Observed { places }
}

fn without_seeds(blueprint: &Blueprint) -> Observed {
    let mut observed = observed(blueprint);
    for objects in observed.places.values_mut() {
        objects.retain(|_, object| !object.is_seed());
    }
    observed
}

#[test]
fn applying_and_deleting_is_exact() {
    let (wanted, kernel, nothing) = (drawn(KUBENET), FakeKernel::new(), Blueprint::default());
    let lab = topology(KUBENET).lab;
    let steps = reconcile(&kernel, &lab, &nothing, &wanted, &|_, _| {}).unwrap();
    assert_eq!(steps, wanted.len());
    assert_eq!(Observed { places: kernel.state() }, observed(&wanted));
    assert_eq!(reconcile(&kernel, &lab, &wanted, &wanted, &|_, _| {}).unwrap(), 0);
    reconcile(&kernel, &lab, &wanted, &nothing, &|_, _| {}).unwrap();
    assert!(kernel.state().is_empty());
}

#[test]
fn a_change_does_only_the_difference() {
    let (before, after, kernel) = (drawn(KUBENET), drawn(&changed()), FakeKernel::new());
    let lab = topology(KUBENET).lab;
    reconcile(&kernel, &lab, &Blueprint::default(), &before, &|_, _| {}).unwrap();
    let plan = plan::between(&kernel.observe(&lab).unwrap(), &before, &after);
    let touched: std::collections::BTreeSet<String> =
        plan.steps().map(|(place, _)| place.to_string()).collect();
    assert!(!touched.contains("pod/aks/default/a"), "{plan}");
    assert!(!touched.contains("vm/device"), "{plan}");
    reconcile(&kernel, &lab, &before, &after, &|_, _| {}).unwrap();
    assert_eq!(settled(&kernel), without_seeds(&after));
    reconcile(&kernel, &lab, &after, &before, &|_, _| {}).unwrap();
    assert_eq!(settled(&kernel), without_seeds(&before));
}

#[test]
fn what_others_made_by_hand_stays_until_its_namespace_goes() {
    let (wanted, kernel) = (drawn(KUBENET), FakeKernel::new());
    let lab = topology(KUBENET).lab;
    reconcile(&kernel, &lab, &Blueprint::default(), &wanted, &|_, _| {}).unwrap();
    let (place, _) = wanted.places.iter().find(|(place, _)| place.kind() == "node").unwrap();
    let foreign = Object::Rule(fabric_core::object::Rule {
        priority: 77,
        input: None,
        from: None,
        mark: None,
        table: 7,
    });
    kernel.by_hand(|places| {
        let objects = places.get_mut(place).unwrap();
        objects.insert(foreign.key(), foreign.clone());
        // And one of ours goes missing.
        let route = objects.keys().find(|key| matches!(key, Key::Route(..))).unwrap().clone();
        objects.remove(&route);
    });
    assert_eq!(reconcile(&kernel, &lab, &wanted, &wanted, &|_, _| {}).unwrap(), 1);
    assert_eq!(kernel.state()[place].get(&foreign.key()), Some(&foreign));
    reconcile(&kernel, &lab, &wanted, &Blueprint::default(), &|_, _| {}).unwrap();
    assert!(kernel.state().is_empty());
}

/// Runs `check` for every step that a run from `before` to `after` takes.
fn at_every_step(before: &Blueprint, after: &Blueprint, check: impl Fn(usize, FakeKernel)) {
    let lab = topology(KUBENET).lab;
    let nothing = Blueprint::default();
    for step in 0.. {
        let kernel = FakeKernel::new();
        reconcile(&kernel, &lab, &nothing, before, &|_, _| {}).unwrap();
        kernel.fail_after(step);
        let result = reconcile(&kernel, &lab, before, after, &|_, _| {});
        kernel.fail_after(NEVER);
        if result.is_ok() {
            assert!(step > 0);
            return;
        }
        check(step, kernel);
    }
}

#[test]
fn a_failed_step_leads_back_or_on_whichever_is_wanted() {
    let (nothing, first, second) = (Blueprint::default(), drawn(KUBENET), drawn(&changed()));
    let lab = topology(KUBENET).lab;
    for (before, after) in [(&nothing, &first), (&first, &second), (&first, &nothing)] {
        at_every_step(before, after, |step, kernel| {
            reconcile(&kernel, &lab, after, before, &|_, _| {})
                .unwrap_or_else(|error| panic!("back from step {step}: {error}"));
            assert_eq!(settled(&kernel), without_seeds(before), "back from step {step}");
        });
        at_every_step(before, after, |step, kernel| {
            // As after a crash: the same intent again, by a daemon that knows what was there before.
            reconcile(&kernel, &lab, before, after, &|_, _| {})
                .unwrap_or_else(|error| panic!("on from step {step}: {error}"));
            assert_eq!(settled(&kernel), without_seeds(after), "on from step {step}");
        });
    }
}

fn design(text: &str) -> Design {
    Design { sources: sources(text), standing: Standing::of(&topology(text)), faults: Faults::default() }
}

pub async fn apply(registry: &Registry<FakeKernel>, text: &str) -> Result<(bool, bool, u64), ChangeError> {
    let change = Change::Apply { sources: sources(text), reading: None, dry_run: false };
    let mut events = registry.handle(&topology(text).lab).change(change).await;
    while let Some(event) = events.recv().await {
        match event {
            ChangeEvent::Applied { generation, changed, created, .. } => {
                return Ok((created, changed, generation));
            }
            ChangeEvent::Failed(error) => return Err(error),
            ChangeEvent::Rejected(mistakes) => panic!("{mistakes:?}"),
            ChangeEvent::Planned { .. } | ChangeEvent::Stage(_) | ChangeEvent::Progress(..) => {}
        }
    }
    panic!("the events ended without a result")
}

#[tokio::test]
async fn a_lab_is_created_configured_unchanged_and_deleted() {
    let registry = Registry::new(Arc::new(FakeKernel::new()), Ledger::none(), nothing_runs());
    assert_eq!(apply(&registry, KUBENET).await.unwrap(), (true, true, 1));
    assert_eq!(apply(&registry, KUBENET).await.unwrap(), (false, false, 1));
    assert_eq!(apply(&registry, &changed()).await.unwrap(), (false, true, 2));
    let lab = registry.select("").unwrap().topology.lab.clone();
    let mut events = registry.handle(&lab).delete().await;
    loop {
        match events.recv().await.expect("an end") {
            DeleteEvent::Deleted(_) => break,
            DeleteEvent::Progress(..) => {}
            DeleteEvent::Failed(error) => panic!("{error}"),
        }
    }
    assert!(registry.kernel().state().is_empty());
    assert!(registry.labs().is_empty());
}

#[tokio::test]
async fn a_refused_apply_leaves_the_kernel_and_the_ledger_as_they_were() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = || Ledger::open(directory.path()).unwrap();
    let registry = Registry::new(Arc::new(FakeKernel::new()), ledger(), nothing_runs());
    registry.kernel().fail_after(40);
    assert!(matches!(apply(&registry, KUBENET).await, Err(ChangeError::Refused(_))));
    assert!(registry.kernel().state().is_empty());
    assert_eq!(ledger().read().unwrap(), []);

    apply(&registry, KUBENET).await.unwrap();
    let whole = settled(registry.kernel());
    let written = ledger().read().unwrap();
    registry.kernel().fail_after(3);
    assert!(matches!(apply(&registry, &changed()).await, Err(ChangeError::Refused(_))));
    registry.kernel().fail_after(NEVER);
    assert_eq!(settled(registry.kernel()), whole);
    assert_eq!(ledger().read().unwrap(), written);
    assert_eq!(registry.select("kubenet").unwrap().generation, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_a_lab_is_whole_or_gone_as_the_ledger_says() {
    let (first, second) = (drawn(KUBENET), drawn(&changed()));
    let nothing = Blueprint::default();
    let lab = topology(KUBENET).lab;
    for (before, after) in
        [(None, Some(KUBENET.to_owned())), (Some(KUBENET), Some(changed())), (Some(KUBENET), None)]
    {
        let (was, wanted) = match (before, &after) {
            (None, _) => (&nothing, &first),
            (_, Some(_)) => (&first, &second),
            (_, None) => (&first, &nothing),
        };
        at_every_step(was, wanted, |step, kernel| {
            let directory = tempfile::tempdir().unwrap();
            let ledger = || Ledger::open(directory.path()).unwrap();
            let intent = Intent {
                lab: lab.clone(),
                generation: 7,
                wanted: after.as_deref().map(design),
                before: before.map(design),
            };
            ledger().write(&intent).unwrap();
            let registry = Registry::new(Arc::new(kernel), ledger(), nothing_runs());
            registry.recover().unwrap();
            assert_eq!(settled(registry.kernel()), without_seeds(wanted), "killed at step {step}");
            let left = ledger().read().unwrap();
            match &after {
                Some(_) => assert_eq!(left, [Intent { before: None, ..intent }]),
                None => assert_eq!(left, []),
            }
        });
    }
}

#[tokio::test]
async fn what_was_not_thought_to_be_there_is_mended_on_the_way() {
    let (before, after) = (drawn(KUBENET), drawn(&changed()));
    // What the change makes on a link that stays.
    let made = after.places.iter().flat_map(|(place, parts)| parts.iter().map(move |part| (place, part)));
    let (place, (key, part)) = made
        .filter(|(place, (key, _))| before.places.contains_key(place) && !before.has(place, key))
        .find(|(place, (_, part))| {
            let on = part.object.needs_link();
            on.is_some_and(|link| before.has(place, &Key::Link(link.clone())))
        })
        .expect("something new in an old place");
    let link = part.object.needs_link().expect("its link").clone();

    let registry = Registry::new(Arc::new(FakeKernel::new()), Ledger::none(), nothing_runs());
    apply(&registry, KUBENET).await.unwrap();
    registry.kernel().by_hand(|places| {
        places.get_mut(place).unwrap().insert(key.clone(), part.object.clone());
    });
    assert!(apply(&registry, &changed()).await.unwrap().1, "it is in the way");
    assert_eq!(settled(registry.kernel()), without_seeds(&after));

    apply(&registry, KUBENET).await.unwrap();
    registry.kernel().by_hand(|places| {
        let objects = places.get_mut(place).unwrap();
        objects.retain(|key, object| *key != Key::Link(link.clone()) && object.needs_link() != Some(&link));
    });
    assert!(apply(&registry, &changed()).await.unwrap().1, "its link is missing");
    assert_eq!(settled(registry.kernel()), without_seeds(&after));
}
