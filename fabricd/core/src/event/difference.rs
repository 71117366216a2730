//! What has become different between two states of a lab, told in Azure's and Kubernetes' words.

use std::collections::BTreeMap;

use super::{
    Event, Object, Reason,
    facts::{self, Change, Fact, Facts},
};
use crate::{inventory::Kind, topology::Topology};

/// Most events of one kind and reason that are told one by one; the rest is told in one more.
pub const SAME_MAX: usize = 50;

/// What the change from `before` to `after` means, object by object: what has gone, in the reverse order
/// of the lab, then what is new or different, in its order.
///
/// Nothing is said about what stays as it is, and nothing but the pool's size where a pool grows or
/// shrinks by nodes that are told themselves.
pub fn difference(before: &Topology, after: &Topology) -> Vec<Event> {
    let (before, after) = (facts::of(before), facts::of(after));
    let key = |facts: &Facts| (facts.object.clone(), facts.within.clone());
    let old: BTreeMap<_, &Facts> = before.iter().map(|facts| (key(facts), facts)).collect();
    let new: BTreeMap<_, &Facts> = after.iter().map(|facts| (key(facts), facts)).collect();

    let gone = before.iter().rev().filter(|facts| !new.contains_key(&key(facts)));
    let mut events: Vec<Event> = gone
        .map(|facts| Event::new(facts.object.clone(), Reason::Removed, list(&facts.facts, true)))
        .collect();
    for facts in &after {
        match old.get(&key(facts)) {
            None => events.extend(added(facts)),
            Some(old) => events.extend(changed(&facts.object, &old.facts, &facts.facts)),
        }
    }
    shortened(events)
}

/// What other conditions of the same files mean for Services.
pub fn endpoints(before: &Topology, after: &Topology) -> Vec<Event> {
    let clusters = before.managed_clusters.iter().zip(&after.managed_clusters);
    let services = clusters.flat_map(|(before, after)| before.services.iter().zip(&after.services));
    let events = services.flat_map(|(before, after)| {
        let object = Object {
            kind: Kind::Services,
            namespace: Some(after.namespace.clone()),
            name: after.name.clone(),
        };
        changed(&object, &facts::service::endpoints(before), &facts::service::endpoints(after))
    });
    events.collect()
}

/// `address 10.0.0.4, subnet vnet/s`; what is off is left out.
fn list(facts: &[Fact], with_state: bool) -> String {
    let told = facts.iter().filter(|fact| with_state || fact.change != Change::State);
    let words = told.filter_map(|fact| match fact.value.as_deref() {
        None | Some("false") => None,
        Some("true") => Some(fact.what.to_owned()),
        Some(value) => Some(format!("{} {value}", fact.what)),
    });
    words.collect::<Vec<_>>().join(", ")
}

fn added(new: &Facts) -> Vec<Event> {
    let event = |reason, message| Event::new(new.object.clone(), reason, message);
    let mut events = vec![event(Reason::Added, list(&new.facts, false))];
    for fact in &new.facts {
        if fact.change == Change::State {
            events.extend(changed(
                &new.object,
                &[Fact { value: None, ..fact.clone() }],
                std::slice::from_ref(fact),
            ));
        }
    }
    events
}

fn changed(object: &Object, old: &[Fact], new: &[Fact]) -> Vec<Event> {
    let mut events = vec![];
    let mut grouped: BTreeMap<Reason, Vec<String>> = BTreeMap::new();
    for new in new {
        // A list that has another length tells the cluster's name in one of the two only.
        let Some(old) = old.iter().find(|old| old.what == new.what) else { continue };
        if old.value == new.value {
            continue;
        }
        let [was, is] = [&old.value, &new.value].map(|value| value.as_deref().unwrap_or("none"));
        let change = format!("{} {was} → {is}", new.what);
        let event = |reason, message| Event::new(object.clone(), reason, message);
        match new.change {
            Change::As(reason) => grouped.entry(reason).or_default().push(change),
            Change::Attachment => {
                let both = [(Reason::Detached, &old.value), (Reason::Attached, &new.value)];
                for (reason, value) in both {
                    events.extend(value.iter().map(|value| event(reason, format!("{} {value}", new.what))));
                }
            }
            Change::State => {
                let reason = if is == "Connected" { Reason::Connected } else { Reason::Initiated };
                let message = match reason {
                    Reason::Connected => "both halves are there",
                    _ => "the other VNet has no half of it",
                };
                events.push(event(reason, message.to_owned()));
            }
        }
    }
    // With several clusters, a pod's name alone does not say which one is meant.
    let cluster = new.iter().find(|fact| fact.what == "cluster").and_then(|fact| fact.value.as_ref());
    let cluster = cluster.map(|cluster| format!(" (cluster {cluster})")).unwrap_or_default();
    // A pod that is moved has another address too: one event, with the stronger word.
    if let Some(mut moved) = grouped.remove(&Reason::Moved) {
        moved.extend(grouped.remove(&Reason::Changed).unwrap_or_default());
        grouped.insert(Reason::Moved, moved);
    }
    let rest = grouped.into_iter().map(|(reason, changes)| (reason, changes.join(", ") + &cluster));
    events.extend(rest.map(|(reason, message)| Event::new(object.clone(), reason, message)));
    events
}

/// The same, with what is beyond [`SAME_MAX`] of a kind and reason replaced by its number.
pub fn shortened(events: Vec<Event>) -> Vec<Event> {
    let mut seen: BTreeMap<(Kind, Reason), usize> = BTreeMap::new();
    let mut shown = vec![];
    for event in events {
        let count = seen.entry((event.object.kind, event.reason)).or_default();
        *count += 1;
        if *count <= SAME_MAX {
            shown.push(event);
        }
    }
    for ((kind, reason), count) in seen {
        let Some(more) = count.checked_sub(SAME_MAX).filter(|more| *more > 0) else { continue };
        let object = Object { kind, namespace: None, name: String::new() };
        let event = Event::new(object, reason, format!("{more} more"));
        shown.push(event.with_counts([("more", u64::try_from(more).unwrap_or(u64::MAX))]));
    }
    shown
}
