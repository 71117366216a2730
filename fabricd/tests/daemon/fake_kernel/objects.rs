//! Objects of places: which are there, and which go with others.

use std::collections::BTreeMap;

use fabric_core::{
    name::IfName,
    object::{Key, Object},
    place::Place,
};

pub fn link_exists(places: &BTreeMap<Place, BTreeMap<Key, Object>>, place: &Place, link: &IfName) -> bool {
    link.as_str() == "lo"
        || places.get(place).is_some_and(|objects| objects.contains_key(&Key::Link(link.clone())))
        || places.values().flat_map(BTreeMap::values).any(|object| {
            matches!(object, Object::Veth(veth) if veth.peer.place == *place && veth.peer.link.name == *link)
        })
}

pub fn is_up(places: &BTreeMap<Place, BTreeMap<Key, Object>>, place: &Place, link: &IfName) -> bool {
    link.as_str() == "lo"
        || places.get(place).is_some_and(|objects| objects.contains_key(&Key::Up(link.clone())))
}

pub fn remove_place(
    places: &mut BTreeMap<Place, BTreeMap<Key, Object>>,
    place: &Place,
) -> Result<(), String> {
    let own = places.remove(place).ok_or("No such namespace")?;
    let mut far_ends: Vec<(Place, IfName)> = vec![];
    for object in own.values() {
        if let Object::Veth(veth) = object {
            far_ends.push((veth.peer.place.clone(), veth.peer.link.name.clone()));
        }
    }
    let mut owners = vec![];
    for (owner, objects) in places.iter() {
        for (key, object) in objects {
            if matches!(object, Object::Veth(veth) if veth.peer.place == *place) {
                owners.push((owner.clone(), key.clone()));
            }
        }
    }
    for (owner, key) in owners {
        remove_object(places, &owner, &key)?;
    }
    for (place, link) in far_ends {
        remove_dependants(places, &place, &link);
    }
    Ok(())
}

pub fn remove_object(
    places: &mut BTreeMap<Place, BTreeMap<Key, Object>>,
    place: &Place,
    key: &Key,
) -> Result<(), String> {
    let objects = places.get_mut(place).ok_or("No such namespace")?;
    let object = objects.remove(key).ok_or("No such object")?;
    if let Key::Up(link) = key {
        objects.retain(|_, object| object.needs_up() != Some(link));
    }
    if let Key::Link(link) = key {
        remove_dependants(places, place, link);
        if let Object::Veth(veth) = object {
            remove_dependants(places, &veth.peer.place, &veth.peer.link.name);
        }
    }
    Ok(())
}

fn remove_dependants(places: &mut BTreeMap<Place, BTreeMap<Key, Object>>, place: &Place, link: &IfName) {
    let Some(objects) = places.get_mut(place) else { return };
    let hanging: Vec<Key> = objects
        .iter()
        .filter(|(_, object)| object.needs_link() == Some(link))
        .map(|(key, _)| key.clone())
        .collect();
    for key in &hanging {
        objects.remove(key);
    }
    for key in hanging {
        if let Key::Link(name) = key {
            remove_dependants(places, place, &name);
        }
    }
}
