//! Several live captures as one, in the order of time.
//!
//! An item waits until no live source can still bring an earlier one, or until it is older than the
//! window: a place where nothing happens must not hold up the others for ever.

use std::{cmp::Reverse, collections::BinaryHeap};

use super::timestamp::Nanoseconds;

/// Merges sources, each of which brings its items in the order of time.
#[derive(Debug)]
pub struct Merger<T> {
    waiting: BinaryHeap<Reverse<Waiting<T>>>,
    sources: Vec<Source>,
    window: Nanoseconds,
    arrivals: u64,
}

/// An item that has come out, with its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged<T> {
    /// Which source brought it.
    pub source: usize,
    /// Its time.
    pub time: Nanoseconds,
    /// The item.
    pub item: T,
}

#[derive(Clone, Debug)]
enum Source {
    /// The time of the last item, if one came.
    Live(Option<Nanoseconds>),
    Ended,
}

#[derive(Debug)]
struct Waiting<T> {
    time: Nanoseconds,
    source: usize,
    arrival: u64,
    item: T,
}

impl<T> Merger<T> {
    /// A merger for sources `0..sources`; an item waits for slower ones until it is `window` old.
    pub fn new(sources: usize, window: Nanoseconds) -> Self {
        Self { waiting: BinaryHeap::new(), sources: vec![Source::Live(None); sources], window, arrivals: 0 }
    }

    /// Takes an item. One that comes later than the window comes out at once, out of order.
    ///
    /// # Panics
    /// If there is no such source.
    pub fn push(&mut self, source: usize, time: Nanoseconds, item: T) {
        if let Source::Live(last) = &mut self.sources[source] {
            *last = (*last).max(Some(time));
        }
        self.waiting.push(Reverse(Waiting { time, source, arrival: self.arrivals, item }));
        self.arrivals += 1;
    }

    /// Nothing more will come from `source`; what came stays.
    ///
    /// # Panics
    /// If there is no such source.
    pub fn end(&mut self, source: usize) {
        self.sources[source] = Source::Ended;
    }

    /// The next item that may go out at the time `now`; call until it gives `None`.
    ///
    /// Of equal times the lower source goes first.
    pub fn pop_ready(&mut self, now: Nanoseconds) -> Option<Merged<T>> {
        let Reverse(first) = self.waiting.peek()?;
        let old = now.saturating_sub(first.time) >= self.window;
        let settled = self.sources.iter().all(|source| match source {
            Source::Ended => true,
            Source::Live(last) => last.is_some_and(|last| last >= first.time),
        });
        if !old && !settled {
            return None;
        }
        let Reverse(Waiting { time, source, item, .. }) = self.waiting.pop()?;
        Some(Merged { source, time, item })
    }

    /// When [`Merger::pop_ready`] gives something even if nothing more comes.
    pub fn deadline(&self) -> Option<Nanoseconds> {
        self.waiting.peek().map(|Reverse(first)| first.time.saturating_add(self.window))
    }
}

impl<T> Waiting<T> {
    fn key(&self) -> (Nanoseconds, usize, u64) {
        (self.time, self.source, self.arrival)
    }
}

impl<T> PartialEq for Waiting<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<T> Eq for Waiting<T> {}

impl<T> PartialOrd for Waiting<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Waiting<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn drain<T>(merger: &mut Merger<T>, now: Nanoseconds) -> Vec<T> {
        std::iter::from_fn(|| merger.pop_ready(now)).map(|merged| merged.item).collect()
    }

    #[test]
    fn an_item_waits_for_the_other_sources_or_for_the_window() {
        let mut merger = Merger::new(2, 100);
        merger.push(0, 10, "a10");
        merger.push(0, 20, "a20");
        assert_eq!(drain(&mut merger, 50), [""; 0]);
        merger.push(1, 15, "b15");
        assert_eq!(drain(&mut merger, 50), ["a10", "b15"]);
        assert_eq!(merger.deadline(), Some(120));
        assert_eq!(drain(&mut merger, 119), [""; 0]);
        assert_eq!(drain(&mut merger, 120), ["a20"]);
        merger.push(1, 12, "b12, too late");
        assert_eq!(drain(&mut merger, 120), ["b12, too late"]);
    }

    #[test]
    fn an_ended_source_holds_up_nobody() {
        let mut merger = Merger::new(2, 100);
        merger.push(0, 10, "a");
        merger.push(1, 10, "b");
        merger.push(1, 11, "c");
        merger.end(0);
        assert_eq!(drain(&mut merger, 11), ["a", "b", "c"]);
        assert_eq!(merger.deadline(), None);
    }

    proptest! {
        /// Packets of three places, each seen at its time and read up to one window later, each
        /// place in its own order.
        #[test]
        fn output_is_sorted_and_whole(packets in prop::collection::vec((0..3_usize, 0..50_i64, 0..100_i64), 0..200)) {
            let window = 100;
            let mut time = 0;
            let mut readable = [0; 3];
            let mut arrivals: Vec<(Nanoseconds, usize, Nanoseconds)> = vec![];
            for (source, gap, delay) in packets {
                time += gap;
                readable[source] = readable[source].max(time + delay).min(time + window);
                arrivals.push((readable[source], source, time));
            }
            arrivals.sort_by_key(|arrival| arrival.0);
            let mut merger = Merger::new(3, window);
            let mut out = vec![];
            for (number, (now, source, time)) in arrivals.iter().enumerate() {
                merger.push(*source, *time, number);
                out.extend(std::iter::from_fn(|| merger.pop_ready(*now)));
            }
            (0..3).for_each(|source| merger.end(source));
            out.extend(std::iter::from_fn(|| merger.pop_ready(0)));
            prop_assert!(out.is_sorted_by_key(|merged| merged.time));
            let mut numbers: Vec<_> = out.iter().map(|merged| merged.item).collect();
            numbers.sort_unstable();
            prop_assert_eq!(numbers, (0..arrivals.len()).collect::<Vec<_>>());
        }
    }
}
