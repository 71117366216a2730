//! Reading back what a lab's namespaces hold, in the vocabulary of the blueprint.
//!
//! Left out is what the kernel puts there by itself and what no blueprint could say.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use fabric_core::{
    kernel::KernelError,
    name::LabName,
    object::{Key, LinkRef, Object, Veth, VethPeer},
    place::Place,
    plan::Observed,
};
use netlink_packet_route::RouteNetlinkMessage;

use crate::{
    linux::{LinuxKernel, cores},
    namespace::{self, Namespace},
    netlink::{
        Socket, address,
        connected_route::ConnectedRoutes,
        generation,
        link::{self, SeenKind, SeenLink},
        neighbour, qdisc, route, rule,
    },
    pairs::{self, End},
    sysctl::Parameters,
};

/// Everything that the lab's namespaces hold.
pub(crate) fn lab(kernel: &LinuxKernel, lab: &LabName) -> Result<Observed, KernelError> {
    let places = list(kernel, lab)?;
    let seen = all(kernel, &places)?;
    let veths = veths(kernel, &places, &seen)
        .map_err(|e| KernelError::new("cannot find the other ends of the veth pairs", e))?;

    let mut observed = Observed::default();
    for ((place, _), seen) in places.iter().zip(seen) {
        observed.places.insert(place.clone(), seen.objects);
    }
    for (place, veth) in veths {
        let objects = observed.places.entry(places[place].0.clone()).or_default();
        objects.insert(Key::Link(veth.link.name.clone()), Object::Veth(veth));
    }
    Ok(observed)
}

/// What some of the lab's namespaces hold, without veth pairs.
pub(crate) fn places(
    kernel: &LinuxKernel,
    lab: &LabName,
    wanted: &BTreeSet<Place>,
) -> Result<Observed, KernelError> {
    let mut places = list(kernel, lab)?;
    places.retain(|(place, _)| wanted.contains(place));
    let seen = all(kernel, &places)?.into_iter().map(|seen| seen.objects);
    Ok(Observed { places: places.into_iter().map(|(place, _)| place).zip(seen).collect() })
}

fn list(kernel: &LinuxKernel, lab: &LabName) -> Result<Vec<(Place, String)>, KernelError> {
    namespace::list(&kernel.directory, lab)
        .map_err(|e| KernelError::new(format!("cannot list {}", kernel.directory.display()), e))
}

/// What one namespace holds.
#[derive(Default)]
struct Seen {
    /// All but veth pairs, whose other ends are elsewhere.
    objects: BTreeMap<Key, Object>,
    links: Vec<SeenLink>,
    /// See [`Socket::namespace_cookie`].
    cookie: Option<u64>,
}

fn all(kernel: &LinuxKernel, places: &[(Place, String)]) -> Result<Vec<Seen>, KernelError> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for _ in 0..cores().min(places.len()) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some((_, name)) = places.get(at) else { break };
                    let result = one(kernel, name);
                    results.lock().unwrap_or_else(PoisonError::into_inner).insert(at, result);
                }
            });
        }
    });
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    let named = places.iter().zip(results.into_values());
    named
        .map(|((place, _), result)| result.map_err(|e| KernelError::new(format!("cannot read {place}"), e)))
        .collect()
}

/// Reads one namespace; moves the calling thread into it.
fn one(kernel: &LinuxKernel, name: &str) -> io::Result<Seen> {
    // A file without a namespace is left from a crash: a place, but nothing in it.
    let Some(namespace) = Namespace::open(&kernel.directory.join(name))? else { return Ok(Seen::default()) };
    namespace.enter()?;
    let mut objects = vec![Object::Namespace];
    let remembered = kernel.memory.recall(name, namespace.identity());
    if let Some(remembered) = &remembered {
        let mut parameters = Parameters::new(kernel.procfs.of(name));
        for wanted in remembered.sysctls.values() {
            objects.extend(parameters.read(wanted)?.map(Object::Sysctl));
        }
        if !remembered.rulesets.is_empty() && generation::generation()? == remembered.generation {
            objects.extend(remembered.rulesets.iter().cloned().map(Object::Ruleset));
        }
    }

    let socket = Socket::route()?;
    let links: Vec<SeenLink> = socket
        .dump(&link::question())?
        .into_iter()
        .filter_map(|answer| match answer {
            RouteNetlinkMessage::NewLink(message) => link::read(message),
            _ => None,
        })
        .collect();
    let by_index: HashMap<u32, &LinkRef> = links.iter().map(|seen| (seen.link.index, &seen.link)).collect();
    let link_named = |index| by_index.get(&index).map(|&link| link.clone());
    let name_of = |index| by_index.get(&index).map(|link| link.name.clone());
    objects.extend(links.iter().flat_map(|link| link.objects(link_named)));

    let mut answers = Vec::new();
    // Without netem there is none to be seen.
    let qdiscs = kernel.machine.netem.then(qdisc::question);
    for question in [address::question(), rule::question(), route::question()].into_iter().chain(qdiscs) {
        answers.extend(socket.dump(&question)?);
    }
    match remembered.as_ref().and_then(|remembered| remembered.neighbours.as_ref()) {
        Some(known) => {
            for neighbour in known {
                answers.extend(socket.look_up(&neighbour::question_for(neighbour))?);
            }
        }
        None => {
            answers.extend(socket.dump(&neighbour::question(false))?);
            answers.extend(socket.dump(&neighbour::question(true))?);
        }
    }
    let mut connected = ConnectedRoutes::default();
    objects.extend(answers.into_iter().filter_map(|answer| match answer {
        RouteNetlinkMessage::NewAddress(message) => address::read(message, name_of).map(Object::Address),
        RouteNetlinkMessage::NewRule(message) => rule::read(message).map(Object::Rule),
        RouteNetlinkMessage::NewRoute(message) => {
            connected.note(&message);
            route::read(message, name_of).map(Object::Route)
        }
        RouteNetlinkMessage::NewNeighbour(message) => {
            neighbour::read(message, name_of).map(Object::Neighbour)
        }
        RouteNetlinkMessage::NewQueueDiscipline(message) => {
            qdisc::read(message, link_named).map(Object::Qdisc)
        }
        _ => None,
    }));
    // A link that is down has no routes at all.
    let up = |link: &LinkRef| links.iter().any(|seen| seen.link.index == link.index && seen.is_up());
    let absences = objects.iter().filter_map(|object| match object {
        Object::Address(address) if up(&address.link) => connected.absence(address),
        _ => None,
    });
    let absences: Vec<Object> = absences.map(Object::NoConnectedRoute).collect();
    objects.extend(absences);
    let objects = objects.into_iter().map(|object| (object.key(), object)).collect();
    Ok(Seen { objects, links, cookie: socket.namespace_cookie() })
}

/// The veth pairs, each with the number of the place that owns it: the smaller one of the two.
fn veths(kernel: &LinuxKernel, places: &[(Place, String)], seen: &[Seen]) -> io::Result<Vec<(usize, Veth)>> {
    let mut ends = Vec::new();
    let mut links = HashMap::new();
    for (place, seen) in seen.iter().enumerate() {
        for link in &seen.links {
            if let SeenKind::Veth { peer, peer_namespace } = link.kind {
                let index = link.link.index;
                ends.push(End { place, index, peer, peer_namespace });
                links.insert((place, index), link);
            }
        }
    }
    let open = |place: usize| {
        let path = kernel.directory.join(&places[place].1);
        Namespace::open(&path)?.ok_or_else(|| io::Error::other("the file is no namespace"))
    };
    let veth = |(near, far): (End, End)| {
        let (near_link, far_link) = (links[&(near.place, near.index)], links[&(far.place, far.index)]);
        // No blueprint has an MTU of 0: two ends that disagree are a difference, whatever is wanted.
        let mtu = if near_link.mtu == far_link.mtu { near_link.mtu } else { 0 };
        let place = places[far.place].0.clone();
        let peer = VethPeer { place, link: far_link.link.clone(), mac: far_link.mac };
        (near.place, Veth { link: near_link.link.clone(), mac: near_link.mac, mtu, peer })
    };
    let by_cookie: HashMap<u64, usize> =
        seen.iter().enumerate().filter_map(|(place, seen)| Some((seen.cookie?, place))).collect();
    let known = |place: usize, number| {
        let meaning = kernel.memory.meaning(&places[place].1, seen[place].cookie?, number)?;
        by_cookie.get(&meaning).copied()
    };
    let (pairs, learned) = pairs::pair(&ends, known, open)?;
    for ((place, number), meaning) in learned {
        if let (Some(cookie), Some(meaning)) = (seen[place].cookie, seen[meaning].cookie) {
            kernel.memory.learn_meaning(&places[place].1, cookie, number, meaning);
        }
    }
    Ok(pairs.into_iter().map(veth).collect())
}
