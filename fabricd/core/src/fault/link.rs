//! The links of a blueprint by their ends.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    blueprint::Blueprint,
    name::IfName,
    object::{LinkRef, Object},
    place::Place,
};

/// One end of a link: an interface at a place. Written `PLACE:INTERFACE`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct LinkEnd {
    /// Where.
    pub place: Place,
    /// Its name there.
    pub interface: IfName,
}

impl fmt::Display for LinkEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.place, self.interface)
    }
}

impl FromStr for LinkEnd {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.rsplit_once(':').and_then(|(place, interface)| {
            Some(Self { place: place.parse().ok()?, interface: IfName::new(interface).ok()? })
        });
        parts.ok_or_else(|| format!("`{text}` is no PLACE:INTERFACE"))
    }
}

impl From<LinkEnd> for String {
    fn from(end: LinkEnd) -> Self {
        end.to_string()
    }
}

impl TryFrom<String> for LinkEnd {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// An end, as the kernel knows it, and the end that it is joined to if it is one of a veth pair.
#[derive(Clone, Debug)]
struct Known {
    link: LinkRef,
    other: Option<(Place, LinkRef)>,
}

/// Every link of a blueprint, far ends of veth pairs included, `lo` not.
#[derive(Clone, Debug, Default)]
pub struct Links {
    places: BTreeMap<Place, BTreeMap<IfName, Known>>,
}

impl Links {
    /// Those of `blueprint`.
    pub fn of(blueprint: &Blueprint) -> Self {
        let mut links = Self::default();
        for (place, parts) in &blueprint.places {
            for part in parts.values() {
                match &part.object {
                    Object::Bridge(bridge) => links.add(place, &bridge.link, None),
                    Object::Vxlan(vxlan) => links.add(place, &vxlan.link, None),
                    Object::Veth(veth) => {
                        let far = &veth.peer;
                        links.add(place, &veth.link, Some((far.place.clone(), far.link.clone())));
                        links.add(&far.place, &far.link, Some((place.clone(), veth.link.clone())));
                    }
                    _ => {}
                }
            }
        }
        links
    }

    fn add(&mut self, place: &Place, link: &LinkRef, other: Option<(Place, LinkRef)>) {
        let known = Known { link: link.clone(), other };
        self.places.entry(place.clone()).or_default().insert(link.name.clone(), known);
    }

    fn known(&self, end: &LinkEnd) -> Option<&Known> {
        self.places.get(&end.place)?.get(&end.interface)
    }

    /// The link at `end`.
    pub fn get(&self, end: &LinkEnd) -> Option<&LinkRef> {
        self.known(end).map(|known| &known.link)
    }

    /// The other end of the veth pair; `None` for bridges and VXLAN devices, which have no other end.
    pub fn other(&self, end: &LinkEnd) -> Option<LinkEnd> {
        let (place, link) = self.known(end)?.other.as_ref()?;
        Some(LinkEnd { place: place.clone(), interface: link.name.clone() })
    }

    /// Both ends of the veth pair; nothing for what is none.
    pub fn both<'a>(&'a self, end: &'a LinkEnd) -> impl Iterator<Item = (&'a Place, &'a LinkRef)> {
        let pair = self.known(end).and_then(|known| {
            let (place, link) = known.other.as_ref()?;
            Some([(&end.place, &known.link), (place, link)])
        });
        pair.into_iter().flatten()
    }

    /// The names of the interfaces at `place`, in the order of their indexes.
    pub fn names(&self, place: &Place) -> Vec<String> {
        let mut links: Vec<&LinkRef> =
            self.places.get(place).into_iter().flat_map(BTreeMap::values).map(|known| &known.link).collect();
        links.sort_by_key(|link| link.index);
        links.into_iter().map(LinkRef::to_string).collect()
    }
}
