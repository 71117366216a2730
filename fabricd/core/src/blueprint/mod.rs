//! Every kernel object that a lab needs, with the Azure or Kubernetes object that asks for it.
//!
//! Drawing cannot fail: what could be wrong was found when the topology was resolved. No choice is
//! left for later.

use std::{collections::BTreeMap, fmt, sync::Arc};

use crate::{
    object::{Key, Object},
    place::Place,
};

/// One object and why it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The object.
    pub object: Object,
    /// What asks for it, such as `routeTable/aks-agentpool-11743156-routetable/…`.
    pub cause: Arc<str>,
}

/// All objects of one lab.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blueprint {
    /// By place, then by identity.
    pub places: BTreeMap<Place, BTreeMap<Key, Part>>,
}

impl Blueprint {
    /// Adds an object.
    ///
    /// # Panics
    /// In debug builds, if the place already has one of this identity: two parts of the drawing
    /// disagree.
    pub fn add(&mut self, place: &Place, cause: &Arc<str>, object: Object) {
        let key = object.key();
        let part = Part { object, cause: cause.clone() };
        let objects = match self.places.get_mut(place) {
            Some(objects) => objects,
            None => self.places.entry(place.clone()).or_default(),
        };
        let before = objects.insert(key, part);
        debug_assert!(before.is_none(), "{place}: drawn twice: {before:?}");
    }

    /// The part of this identity.
    pub fn get(&self, place: &Place, key: &Key) -> Option<&Part> {
        self.places.get(place)?.get(key)
    }

    /// Whether there is one of this identity.
    pub fn has(&self, place: &Place, key: &Key) -> bool {
        self.get(place, key).is_some()
    }

    /// What asks for the part of this identity; empty if there is none.
    pub fn cause(&self, place: &Place, key: &Key) -> Arc<str> {
        self.get(place, key).map_or_else(|| Arc::from(""), |part| part.cause.clone())
    }

    /// The number of objects.
    pub fn len(&self) -> usize {
        self.places.values().map(BTreeMap::len).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

impl fmt::Display for Blueprint {
    /// A block a place, a line an object; rule sets in full. This is what the snapshots hold.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, parts) in &self.places {
            writeln!(f, "{place}")?;
            for part in parts.values() {
                writeln!(f, "  {}  # {}", part.object, part.cause)?;
                if let Object::Ruleset(ruleset) = &part.object {
                    for line in ruleset.text.lines() {
                        writeln!(f, "  | {line}")?;
                    }
                }
            }
        }
        Ok(())
    }
}
