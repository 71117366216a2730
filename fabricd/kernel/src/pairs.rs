//! Which two veth ends are a pair.
//!
//! An end shows the index of the other, and a number for the other's namespace that means something
//! in its own namespace only. Mostly the two indexes suffice to find the other end. Where several ends
//! could be it, a namespace of our own gives each namespace a number, and the kernel translates. That
//! takes the longer the more namespaces there are, so the caller remembers what came out.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
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

/// Which place is meant, by a place and a number in its namespace.
pub(crate) type Meanings = HashMap<(usize, i32), usize>;

/// All pairs of which both ends are given, each with the end of the smaller place (and index) first.
/// `known` says what a number means, if that is known, and `open` opens one of the caller's namespaces.
/// Beside the pairs there is what had to be found out.
pub(crate) fn pair(
    ends: &[End],
    known: impl Fn(usize, i32) -> Option<usize>,
    open: impl Fn(usize) -> io::Result<Namespace> + Sync,
) -> io::Result<(BTreeSet<(End, End)>, Meanings)> {
    let all = Ends::of(ends);
    let mut learned = Meanings::new();
    let mut pairs = all.pairs(&known);
    // One side of a pair is enough, so the places with many ends are asked first.
    for least in [2, 1] {
        let unpaired = all.unpaired(&pairs);
        let asked: Vec<usize> =
            unpaired.iter().filter(|&(_, &count)| count >= least).map(|(&place, _)| place).collect();
        if !asked.is_empty() {
            learned.extend(translate(unpaired.keys().copied(), &asked, &open)?);
            pairs = all.pairs(|place, id| known(place, id).or_else(|| learned.get(&(place, id)).copied()));
        }
    }
    Ok((pairs, learned))
}

/// The ends by what is looked for.
struct Ends<'a> {
    /// By the index and the other end's.
    by_indexes: HashMap<(u32, u32), Vec<&'a End>>,
    by_place: HashMap<(usize, u32), &'a End>,
}

impl<'a> Ends<'a> {
    fn of(ends: &'a [End]) -> Self {
        let mut by_indexes: HashMap<_, Vec<_>> = HashMap::new();
        for end in ends {
            by_indexes.entry((end.index, end.peer)).or_default().push(end);
        }
        Self { by_indexes, by_place: ends.iter().map(|end| ((end.place, end.index), end)).collect() }
    }

    fn candidates(&self, end: &End) -> &[&'a End] {
        self.by_indexes.get(&(end.peer, end.index)).map_or(&[], Vec::as_slice)
    }

    fn pairs(&self, meaning: impl Fn(usize, i32) -> Option<usize>) -> BTreeSet<(End, End)> {
        let mut pairs = BTreeSet::new();
        for end in self.by_place.values() {
            let same = &self.by_indexes[&(end.index, end.peer)];
            let other = match (end.peer_namespace, same.as_slice(), self.candidates(end)) {
                (None, ..) => self.by_place.get(&(end.place, end.peer)).copied(),
                (Some(_), [_], [other]) if end.index != end.peer => Some(*other),
                (Some(id), ..) => {
                    meaning(end.place, id).and_then(|place| self.by_place.get(&(place, end.peer)).copied())
                }
            };
            if let Some(other) = other.filter(|other| other.peer == end.index && other != end) {
                pairs.insert((**end.min(&other), **end.max(&other)));
            }
        }
        pairs
    }

    /// How many ends of which places are in none of the pairs, though they could be.
    fn unpaired(&self, pairs: &BTreeSet<(End, End)>) -> BTreeMap<usize, usize> {
        let paired: HashSet<&End> = pairs.iter().flat_map(|(near, far)| [near, far]).collect();
        let mut counts = BTreeMap::new();
        for end in self.by_place.values() {
            let open = end.peer_namespace.is_some() && !self.candidates(end).is_empty();
            if open && !paired.contains(end) {
                *counts.entry(end.place).or_default() += 1;
            }
        }
        counts
    }
}

/// What the numbers in the namespaces `asked` mean, as far as they mean one of `places`.
fn translate(
    places: impl Iterator<Item = usize> + Send,
    asked: &[usize],
    open: impl Fn(usize) -> io::Result<Namespace> + Sync,
) -> io::Result<Meanings> {
    in_new_namespace(|| {
        let socket = Socket::route()?.strict()?;
        let mut batch = Batch::default();
        let mut open_files = Vec::new();
        let send = |batch: &mut Batch, open_files: &mut Vec<Namespace>| {
            let refused = batch.send(&socket)?;
            open_files.clear();
            refused.into_iter().next().map_or(Ok(()), |first| Err(io::Error::other(first.refusal)))
        };
        for place in places {
            let namespace = open(place)?;
            batch.push(place, nsid::assign(namespace.as_fd(), number(place)));
            open_files.push(namespace);
            if batch.is_full() {
                send(&mut batch, &mut open_files)?;
            }
        }
        send(&mut batch, &mut open_files)?;
        let mut meanings = Meanings::new();
        for &place in asked {
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
