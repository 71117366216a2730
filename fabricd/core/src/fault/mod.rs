//! Faults on purpose: links that are down, slow or lossy, machines that are stopped.
//!
//! A fault is a pure transform of the blueprint: [`Faults::act_on`] takes from it what the kernel takes
//! away when a link goes down, and adds the queueing disciplines of links that are impaired. So making
//! and lifting a fault is reconciling like any change, and a fault is never mistaken for drift.

mod change;
mod impairment;
mod link;
mod quantity;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

pub use self::{
    change::{Change, Changed, FaultError, LinkChange, Scene},
    impairment::{DELAY_MAX, Impairment, ImpairmentError, LOSS_MAX, Settings},
    link::{LinkEnd, Links},
    quantity::{QuantityError, loss, rate, time},
};
use crate::{
    blueprint::{Blueprint, azure_host::vm_port},
    name::IfName,
    object::{Key, NETEM_LIMIT, Netem, Object},
    place::Place,
    target::default_interface,
};

/// All faults of one lab.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Faults {
    /// Ends of links that are set down. The other end has no carrier.
    down: BTreeSet<LinkEnd>,
    /// Links that are impaired, by the end that was named. No link is here by both its ends.
    #[serde(with = "pairs")]
    impaired: BTreeMap<LinkEnd, Impairment>,
    /// Nodes and VMs that are stopped.
    stopped: BTreeSet<Place>,
}

/// What is wrong with one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The VM is stopped.
    Stopped,
    /// A link, down or impaired or both.
    Link {
        /// Whether this end is set down.
        down: bool,
        /// What happens to its packets, in each direction.
        impairment: Impairment,
    },
}

impl Faults {
    /// Whether all is well.
    pub fn is_empty(&self) -> bool {
        self.down.is_empty() && self.impaired.is_empty() && self.stopped.is_empty()
    }

    /// All faults by the full names of what they are of, sorted.
    pub fn list(&self) -> Vec<(String, Fault)> {
        let stopped = self.stopped.iter().map(|place| (place.to_string(), Fault::Stopped));
        let ends: BTreeSet<&LinkEnd> = self.down.iter().chain(self.impaired.keys()).collect();
        let links = ends.into_iter().map(|end| {
            let impairment = self.impaired.get(end).copied().unwrap_or_default();
            (end.to_string(), Fault::Link { down: self.down.contains(end), impairment })
        });
        let mut all: Vec<_> = stopped.chain(links).collect();
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        all
    }

    /// Whether the node or VM at `place` is stopped.
    pub fn is_stopped(&self, place: &Place) -> bool {
        self.stopped.contains(place)
    }

    /// Whether nothing gets into or out of the node or VM at `place`: it is stopped, or a link on its
    /// only way is down or loses everything.
    pub fn cut_off(&self, place: &Place) -> bool {
        let (Place::Node { name } | Place::VirtualMachine { name }) = place else { return false };
        let host = Place::Host { vm: name.clone() };
        let port = LinkEnd { place: host.clone(), interface: vm_port().name };
        let on_its_way = [LinkEnd::default_of(place.clone()), port, LinkEnd::default_of(host)];
        self.is_stopped(place)
            || on_its_way.iter().any(|end| {
                self.down.contains(end)
                    || self.impaired.get(end).is_some_and(|impairment| impairment.loses_all())
            })
    }

    /// Those whose link or machine `blueprint` still has.
    #[must_use]
    pub fn kept(&self, blueprint: &Blueprint) -> Self {
        if self.is_empty() {
            return Self::default();
        }
        let links = Links::of(blueprint);
        let there = |end: &LinkEnd| links.get(end).is_some();
        let pair = |end: &LinkEnd| links.other(end).is_some();
        Self {
            down: self.down.iter().filter(|end| there(end)).cloned().collect(),
            impaired: self
                .impaired
                .iter()
                .filter(|(end, _)| pair(end))
                .map(|(end, impairment)| (end.clone(), *impairment))
                .collect(),
            stopped: self
                .stopped
                .iter()
                .filter(|place| blueprint.places.contains_key(*place))
                .cloned()
                .collect(),
        }
    }

    /// Makes `blueprint`, drawn from the topology, that of the lab with these faults. Faults of what it
    /// does not have do nothing.
    pub fn act_on(&self, blueprint: &mut Blueprint) {
        if !self.impaired.is_empty() {
            let links = Links::of(blueprint);
            for (end, impairment) in &self.impaired {
                let cause: Arc<str> = Arc::from(format!("fault/{end}"));
                for (place, link) in links.both(end) {
                    let netem = Netem { link: link.clone(), limit: NETEM_LIMIT, impairment: *impairment };
                    blueprint.add(place, &cause, Object::Qdisc(netem));
                }
            }
        }
        for end in &self.down {
            set_down(blueprint, &end.place, &end.interface);
        }
        for place in &self.stopped {
            if let Place::Node { name } | Place::VirtualMachine { name } = place {
                let host = Place::Host { vm: name.clone() };
                set_down(blueprint, &host, &vm_port().name);
            }
        }
    }

    /// What the lab may have in the kernel: `faulty`, the blueprint that these faults have acted on, and
    /// `whole`, the one before. What is in neither was made by somebody else.
    #[must_use]
    pub fn owned(faulty: &Blueprint, mut whole: Blueprint) -> Blueprint {
        for (place, parts) in &faulty.places {
            let own = whole.places.entry(place.clone()).or_default();
            own.extend(parts.iter().map(|(key, part)| (key.clone(), part.clone())));
        }
        whole
    }
}

/// Takes away what the kernel takes away when the link is set down, and that it is up.
fn set_down(blueprint: &mut Blueprint, place: &Place, link: &IfName) {
    let Some(parts) = blueprint.places.get_mut(place) else { return };
    parts.remove(&Key::Up(link.clone()));
    parts.retain(|_, part| part.object.needs_up() != Some(link));
}

impl LinkEnd {
    /// The interface that is meant at `place` if none is named.
    pub fn default_of(place: Place) -> Self {
        let interface = IfName::fixed(default_interface(&place));
        Self { place, interface }
    }
}

/// JSON has text keys only, and a list of pairs reads better than a text that stands for both.
mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Impairment, LinkEnd};

    pub fn serialize<S: Serializer>(
        map: &BTreeMap<LinkEnd, Impairment>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        map.iter().collect::<Vec<_>>().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<LinkEnd, Impairment>, D::Error> {
        Ok(Vec::<(LinkEnd, Impairment)>::deserialize(deserializer)?.into_iter().collect())
    }
}
