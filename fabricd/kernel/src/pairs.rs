//! Which two veth ends are a pair.
//!
//! An end shows the index of the other, and a number for the other's namespace that means something
//! in its own namespace only. Mostly the two indexes suffice to find the other end. Where several ends
//! could be it, a namespace of our own gives each namespace a number, and the kernel translates.

use std::{
    collections::{HashMap, HashSet},
    io,
    os::fd::AsFd,
};

use crate::{
    linux::in_new_namespace,
    namespace::Namespace,
    netlink::{Batch, Socket, nsid},
};

/// One end of a veth pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct End {
    /// Which of the namespaces it is in, by its number in the caller's list.
    pub(crate) place: usize,
    /// Its index there.
    pub(crate) index: u32,
    /// The other end's index.
    pub(crate) peer: u32,
    /// The number of the other end's namespace in this one; `None` if it is the same namespace.
    pub(crate) peer_namespace: Option<i32>,
}

/// All pairs of which both ends are given, each with the end of the smaller place (and index) first.
/// `open` opens one of the caller's namespaces.
pub(crate) fn pair(
    ends: &[End],
    open: impl Fn(usize) -> io::Result<Namespace> + Sync,
) -> io::Result<Vec<(End, End)>> {
    let mut by_indexes: HashMap<(u32, u32), Vec<&End>> = HashMap::new();
    for end in ends {
        by_indexes.entry((end.index, end.peer)).or_default().push(end);
    }
    let none = Vec::new();
    let of = |key| by_indexes.get(&key).unwrap_or(&none);
    let is_clear = |end: &End| {
        end.index != end.peer && of((end.index, end.peer)).len() == 1 && of((end.peer, end.index)).len() == 1
    };

    let unclear: HashSet<usize> = ends
        .iter()
        .filter(|end| end.peer_namespace.is_some() && !is_clear(end))
        .map(|end| end.place)
        .collect();
    let translation = if unclear.is_empty() { HashMap::new() } else { translate(&unclear, open)? };

    let mut pairs = Vec::new();
    for end in ends {
        let candidates = of((end.peer, end.index)).iter().copied();
        let other = match end.peer_namespace {
            None => candidates.into_iter().find(|other| other.place == end.place && *other != end),
            Some(_) if is_clear(end) => candidates.into_iter().find(|other| other.place != end.place),
            Some(id) => {
                let place = translation.get(&(end.place, id));
                candidates.into_iter().find(|other| Some(&other.place) == place)
            }
        };
        if let Some(other) = other.filter(|other| (end.place, end.index) < (other.place, other.index)) {
            pairs.push((*end, *other));
        }
    }
    Ok(pairs)
}

/// By namespace and number in it: which namespace is meant.
fn translate(
    places: &HashSet<usize>,
    open: impl Fn(usize) -> io::Result<Namespace> + Sync,
) -> io::Result<HashMap<(usize, i32), usize>> {
    in_new_namespace(|| {
        let socket = Socket::route()?.strict()?;
        let mut batch = Batch::default();
        let mut open_files = Vec::new();
        let send = |batch: &mut Batch, open_files: &mut Vec<Namespace>| {
            let refused = batch.send(&socket)?;
            open_files.clear();
            refused.into_iter().next().map_or(Ok(()), |first| Err(io::Error::other(first.refusal)))
        };
        for &place in places {
            let namespace = open(place)?;
            batch.push(place, nsid::assign(namespace.as_fd(), number(place)));
            open_files.push(namespace);
            if batch.is_full() {
                send(&mut batch, &mut open_files)?;
            }
        }
        send(&mut batch, &mut open_files)?;
        let mut meanings = HashMap::new();
        for &place in places {
            for (id, ours) in nsid::of_target(&socket, number(place))? {
                meanings.extend(usize::try_from(ours).ok().map(|ours| ((place, id), ours)));
            }
        }
        Ok(meanings)
    })
}

fn number(place: usize) -> i32 {
    i32::try_from(place).expect("there are far fewer namespaces than numbers")
}
