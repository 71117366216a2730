//! What a daemon tells of its labs, over gRPC, with a kernel that can refuse.

use std::sync::Arc;

use fabric_core::event::Reason;
use fabric_core::{name::LabName, spec::Source};
use fabricd::{
    events::{Heard, Occurrence},
    lab::{Change, ChangeEvent, DeleteEvent, Registry},
    ledger::Ledger,
};
use futures::StreamExt;

use crate::{
    fake_kernel::{FakeKernel, NEVER},
    fake_programs::nothing_runs,
};

const KUBENET: &str = include_str!("../../../labs/kubenet/lab.yaml");

async fn apply(registry: &Registry<FakeKernel>, text: &str, dry_run: bool) {
    let sources = vec![Source { name: "lab.yaml".into(), text: text.into() }];
    let lab = LabName::new("kubenet").unwrap();
    let mut events = registry.handle(&lab).change(Change::Apply { sources, reading: None, dry_run }).await;
    while let Some(event) = events.recv().await {
        if let ChangeEvent::Rejected(mistakes) = event {
            panic!("{mistakes:#?}");
        }
    }
}

async fn told(registry: &Registry<FakeKernel>) -> Vec<Arc<Occurrence>> {
    let occurrence = |heard| match heard {
        Heard::Event(occurrence) => occurrence,
        Heard::Missed(missed) => panic!("missed {missed}"),
    };
    registry.events().listen(None, false).map(occurrence).collect().await
}

#[tokio::test]
async fn what_is_done_is_told_and_what_is_not_done_is_not() {
    let registry = Registry::new(Arc::new(FakeKernel::new()), Ledger::none(), nothing_runs());
    apply(&registry, KUBENET, true).await;
    assert!(told(&registry).await.is_empty(), "a dry run does nothing");
    registry.kernel().fail_after(40);
    apply(&registry, KUBENET, false).await;
    registry.kernel().fail_after(NEVER);
    apply(&registry, KUBENET, false).await;
    apply(&registry, KUBENET, false).await;
    apply(&registry, &KUBENET.replace("10.224.1.2", "10.224.1.9"), false).await;
    registry.kernel().fail_after(3);
    apply(&registry, KUBENET, false).await;
    registry.kernel().fail_after(NEVER);
    let lab = LabName::new("kubenet").unwrap();
    let mut events = registry.handle(&lab).delete().await;
    while let Some(event) = events.recv().await {
        assert!(!matches!(event, DeleteEvent::Failed(_)), "{event:?}");
    }
    let told = told(&registry).await;
    let shown: Vec<(Reason, &str)> =
        told.iter().map(|one| (one.event.reason, one.event.object.kind.singular())).collect();
    let expected = [
        (Reason::ApplyFailed, "lab"),
        (Reason::Applied, "lab"),
        (Reason::Changed, "virtualmachine"),
        (Reason::Applied, "lab"),
        (Reason::ApplyFailed, "lab"),
        (Reason::Deleted, "lab"),
    ];
    assert_eq!(shown, expected, "applying the same again is not told");
    let failed = &told[0].event;
    assert!(
        failed.message.starts_with("nothing was changed: ")
            && failed.message.contains("Cannot allocate memory")
    );
    assert_eq!(told[2].event.message, "address 10.224.1.2 → 10.224.1.9");
    let generation = |number: usize| told[number].event.counts.iter().find(|count| count.0 == "generation");
    assert_eq!((generation(1), generation(3)), (Some(&("generation", 1)), Some(&("generation", 2))));
    assert!(told.windows(2).all(|pair| pair[0].number + 1 == pair[1].number));
    assert!(told.iter().all(|one| one.unix_microseconds > 1_700_000_000_000_000));
}
