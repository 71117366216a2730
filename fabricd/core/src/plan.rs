//! The ordered difference between what the kernel has and what a lab wants.
//!
//! Pure: the same two sets always give the same plan. `fabric-kernel` executes the waves in order
//! and makes no choice of its own.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use ipnet::IpNet;

use crate::{
    blueprint::{Blueprint, Part},
    name::IfName,
    object::{Key, NextHop, Object},
    place::Place,
};

/// What the kernel has of one lab: the blueprint's vocabulary, read back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// Every place that exists, with its objects.
    pub places: BTreeMap<Place, BTreeMap<Key, Object>>,
}

impl Observed {
    /// What the kernel has if it has just what `blueprint` says.
    pub fn of(blueprint: &Blueprint) -> Self {
        let objects = |parts: &BTreeMap<Key, Part>| {
            parts.iter().map(|(key, part)| (key.clone(), part.object.clone())).collect()
        };
        let places = blueprint.places.iter();
        Self { places: places.map(|(place, parts)| (place.clone(), objects(parts))).collect() }
    }

    /// Whether `places` are as `wanted` has them, as far as [`crate::kernel::Kernel::observe_places`] tells:
    /// veth pairs are not looked at, nor what ages by itself, nor what somebody has added.
    pub fn agrees(&self, wanted: &Blueprint, places: &BTreeSet<Place>) -> bool {
        let apart = |object: &Object| object.is_seed() || matches!(object, Object::Veth(_));
        places.iter().all(|place| match (self.places.get(place), wanted.places.get(place)) {
            (None, None) => true,
            (Some(have), Some(want)) => want
                .iter()
                .filter(|(_, part)| !apart(&part.object))
                .all(|(key, part)| have.get(key) == Some(&part.object)),
            _ => false,
        })
    }
}

/// The places in which two blueprints differ, with the far ends of the veth pairs that do.
pub fn changed_places(before: &Blueprint, after: &Blueprint) -> BTreeSet<Place> {
    let mut changed = BTreeSet::new();
    let nothing = BTreeMap::new();
    for place in before.places.keys().chain(after.places.keys()) {
        let had = before.places.get(place).unwrap_or(&nothing);
        let has = after.places.get(place).unwrap_or(&nothing);
        let differs = |one: &BTreeMap<Key, Part>, other: &BTreeMap<Key, Part>| {
            let parts =
                one.iter().filter(|(key, part)| other.get(key).map(|it| &it.object) != Some(&part.object));
            parts.map(|(_, part)| part.object.clone()).collect::<Vec<_>>()
        };
        for object in differs(had, has).into_iter().chain(differs(has, had)) {
            changed.insert(place.clone());
            if let Object::Veth(veth) = object {
                changed.insert(veth.peer.place);
            }
        }
    }
    changed
}

/// What is done with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// It is not there and shall be.
    Create,
    /// It is there with other settings, which can be changed in place.
    Replace,
    /// It is there and shall not be.
    Remove,
}

/// One thing to do in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What to do.
    pub action: Action,
    /// The object: the wanted one, or for [`Action::Remove`] the one that is there.
    pub object: Object,
    /// The Azure or Kubernetes object that asks for it; empty for removals of unknown origin.
    pub cause: Arc<str>,
}

/// The steps of one place within a wave, to be done in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Where.
    pub place: Place,
    /// What, in order.
    pub steps: Vec<Step>,
}

/// Jobs that may run side by side. A wave begins when the one before it has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wave {
    /// Which of the six it is.
    pub kind: WaveKind,
    /// At most one job a place, sorted by place.
    pub jobs: Vec<Job>,
}

/// The waves, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WaveKind {
    /// Take away objects of places that stay.
    Remove,
    /// Take away whole namespaces, with all in them.
    RemoveNamespaces,
    /// Make namespaces, with their parameters, rules and bridges, before any packet can flow.
    Namespaces,
    /// Make veth pairs, which need both their namespaces.
    Veths,
    /// Everything else.
    Configure,
    /// Make learned neighbours, when both ends of all pairs are up: a link without carrier loses them.
    Neighbours,
}

/// Everything to do, in order. Empty if the kernel already has what is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The waves that have something to do.
    pub waves: Vec<Wave>,
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.waves.is_empty()
    }

    /// The number of steps.
    pub fn len(&self) -> usize {
        self.steps().count()
    }

    /// All steps with their places, in order.
    pub fn steps(&self) -> impl Iterator<Item = (&Place, &Step)> {
        let jobs = self.waves.iter().flat_map(|wave| &wave.jobs);
        jobs.flat_map(|job| job.steps.iter().map(move |step| (&job.place, step)))
    }
}

/// The plan that turns `observed` into `wanted`.
///
/// `owned` is the blueprint that was wanted last: what it does not hold was made by somebody else
/// (a learner in a node's shell) and is left alone, unless it is of a namespace that goes.
pub fn between(observed: &Observed, owned: &Blueprint, wanted: &Blueprint) -> Plan {
    let mut steps: BTreeMap<WaveKind, BTreeMap<Place, Vec<Step>>> = BTreeMap::new();
    let mut add = |kind, place: &Place, step| {
        steps.entry(kind).or_default().entry(place.clone()).or_default().push(step);
    };
    for (place, have) in &observed.places {
        if wanted.places.contains_key(place) {
            continue;
        }
        let cause = owned.cause(place, &Key::Namespace);
        let step = Step { action: Action::Remove, object: Object::Namespace, cause };
        add(WaveKind::RemoveNamespaces, place, step);
        // A pair with its other end in a place that stays goes at once, and not when the kernel gets
        // round to clearing up the namespace: its name may be wanted again.
        for (key, object) in have {
            if matches!(object, Object::Veth(veth) if wanted.places.contains_key(&veth.peer.place)) {
                let cause = owned.cause(place, key);
                add(WaveKind::Remove, place, Step { action: Action::Remove, object: object.clone(), cause });
            }
        }
    }

    let lost = lost_links(observed, owned, wanted);
    let existing = existing_links(observed);
    for (place, have) in &observed.places {
        let Some(want) = wanted.places.get(place) else { continue };
        for (key, object) in have.iter().rev() {
            let taken_with_its_link = object.needs_link().is_some_and(|link| lost.contains(&(place, link)))
                || object.needs_up().is_some_and(|link| goes_down(place, have, link, owned, wanted));
            let peer_goes = is_link_to_a_lost_place(object, wanted);
            let kept = want.get(key).is_some_and(|part| !must_be_remade(object, &part.object));
            let ours = || owned.has(place, key) || wanted.has(place, key);
            if peer_goes || (!kept && !taken_with_its_link && ours()) {
                let cause = owned.cause(place, key);
                add(WaveKind::Remove, place, Step { action: Action::Remove, object: object.clone(), cause });
            }
        }
    }

    for (place, want) in &wanted.places {
        let have = observed.places.get(place);
        for (key, part) in want {
            let there = have.and_then(|have| have.get(key)).filter(|object| {
                !must_be_remade(object, &part.object)
                    && !is_link_to_a_lost_place(object, wanted)
                    && !object.needs_link().is_some_and(|link| lost.contains(&(place, link)))
            });
            let action = match there {
                Some(object) if *object == part.object => continue,
                Some(_) => Action::Replace,
                None => Action::Create,
            };
            let link_is_old = have.is_some()
                && part
                    .object
                    .needs_link()
                    .is_some_and(|link| !lost.contains(&(place, link)) && existing.contains(&(place, link)));
            if part.object.is_seed() && link_is_old {
                continue;
            }
            add(
                wave_of(&part.object),
                place,
                Step { action, object: part.object.clone(), cause: part.cause.clone() },
            );
        }
    }

    let waves = steps.into_iter().map(|(kind, jobs)| {
        let jobs = jobs.into_iter().map(|(place, steps)| Job { place, steps: in_order(kind, steps) });
        Wave { kind, jobs: jobs.collect() }
    });
    Plan { waves: waves.collect() }
}

/// Links that are there now and will not be, or not the same: what hangs on them must be made anew.
fn lost_links<'a>(
    observed: &'a Observed,
    owned: &Blueprint,
    wanted: &Blueprint,
) -> BTreeSet<(&'a Place, &'a IfName)> {
    let mut lost = BTreeSet::new();
    for (place, have) in &observed.places {
        for (key, object) in have {
            let Key::Link(name) = key else { continue };
            let ours = || owned.has(place, key) || wanted.has(place, key);
            let kept = wanted.get(place, key).is_some_and(|part| !must_be_remade(object, &part.object));
            if is_link_to_a_lost_place(object, wanted) || (!kept && ours()) {
                lost.insert((place, name));
                if let Object::Veth(veth) = object {
                    lost.insert((&veth.peer.place, &veth.peer.link.name));
                }
            }
        }
    }
    let on_lost_lower: Vec<_> = observed
        .places
        .iter()
        .flat_map(|(place, have)| have.values().map(move |object| (place, object)))
        .filter_map(|(place, object)| match object {
            Object::Vxlan(vxlan) if lost.contains(&(place, &vxlan.lower.name)) => {
                Some((place, &vxlan.link.name))
            }
            _ => None,
        })
        .collect();
    lost.extend(on_lost_lower);
    lost
}

/// Whether the plan sets the link down, which takes away all that needs it up.
fn goes_down(
    place: &Place,
    have: &BTreeMap<Key, Object>,
    link: &IfName,
    owned: &Blueprint,
    wanted: &Blueprint,
) -> bool {
    let up = Key::Up(link.clone());
    have.contains_key(&up) && owned.has(place, &up) && !wanted.has(place, &up)
}

fn is_link_to_a_lost_place(object: &Object, wanted: &Blueprint) -> bool {
    matches!(object, Object::Veth(veth) if !wanted.places.contains_key(&veth.peer.place))
}

/// Every link that is there, the far ends of veth pairs included.
fn existing_links(observed: &Observed) -> BTreeSet<(&Place, &IfName)> {
    let mut existing = BTreeSet::new();
    for (place, have) in &observed.places {
        for (key, object) in have {
            if let Key::Link(name) = key {
                existing.insert((place, name));
            }
            if let Object::Veth(veth) = object {
                existing.insert((&veth.peer.place, &veth.peer.link.name));
            }
        }
    }
    existing
}

/// Whether the kernel cannot change `have` into `want` while it is there.
fn must_be_remade(have: &Object, want: &Object) -> bool {
    have != want
        && matches!(
            want,
            Object::Bridge(_)
                | Object::Veth(_)
                | Object::Vxlan(_)
                | Object::Address(_)
                | Object::NoConnectedRoute(_)
                | Object::Rule(_)
        )
}

fn wave_of(object: &Object) -> WaveKind {
    match object {
        Object::Namespace | Object::Ruleset(_) | Object::Bridge(_) => WaveKind::Namespaces,
        Object::Sysctl(sysctl) if sysctl.link.is_none() => WaveKind::Namespaces,
        Object::Veth(_) => WaveKind::Veths,
        object if object.is_seed() => WaveKind::Neighbours,
        _ => WaveKind::Configure,
    }
}

fn in_order(kind: WaveKind, mut steps: Vec<Step>) -> Vec<Step> {
    // A VXLAN device comes before the parameters of links, and a route to a link before the routes by
    // gateways that it leads to. Removals run the other way.
    let rank = |step: &Step| {
        let late = !matches!(step.object, Object::Namespace | Object::Vxlan(_));
        let by_gateway =
            matches!(&step.object, Object::Route(route) if matches!(route.next_hop, NextHop::Via { .. }));
        let key = step.object.key();
        let kind = match key {
            // All routes are one group, in which the next hop comes first.
            Key::Route(..) => Key::Route(0, IpNet::default(), 0),
            _ => key.clone(),
        };
        (late, kind, by_gateway, key)
    };
    steps.sort_by_cached_key(rank);
    if kind == WaveKind::Remove {
        steps.reverse();
    }
    steps
}

impl fmt::Display for Step {
    /// `create route 10.244.0.0/24 …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self.action {
            Action::Create => "create",
            Action::Replace => "change to",
            Action::Remove => "remove",
        };
        write!(f, "{verb} {}", self.object)
    }
}

impl fmt::Display for Plan {
    /// One line a step: `+`, `~` or `-`, place, object, and behind `#` what asks for it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, step) in self.steps() {
            let sign = match step.action {
                Action::Create => '+',
                Action::Replace => '~',
                Action::Remove => '-',
            };
            write!(f, "{sign} {place}: {}", step.object)?;
            if step.cause.is_empty() {
                writeln!(f)?;
            } else {
                writeln!(f, "  # {}", step.cause)?;
            }
        }
        Ok(())
    }
}
