//! What happens to labs, for everybody who wants to hear of it.
//!
//! Whoever changes a lab publishes and goes on: nobody who listens can hold it up. The last
//! [`KEPT`] events are kept, each with a message of limited length, so the memory is bounded too.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use fabric_core::{event::Event, name::LabName};
use futures::{Stream, StreamExt, stream};
use tokio::sync::broadcast;
use tokio_stream::wrappers::{BroadcastStream, errors::BroadcastStreamRecvError};

/// Events that are kept, and that a listener may be behind before it misses some.
pub const KEPT: usize = 1_000;

/// An event with its lab and time.
#[derive(Clone, Debug)]
pub struct Occurrence {
    /// Counts the events of the daemon, from 1.
    pub number: u64,
    /// When it was published: microseconds since 1970-01-01 00:00 UTC.
    pub unix_microseconds: i64,
    /// The lab.
    pub lab: LabName,
    /// What happened.
    pub event: Event,
}

/// What a listener hears.
#[derive(Clone, Debug)]
pub enum Heard {
    /// An event.
    Event(Arc<Occurrence>),
    /// So many events, of whatever lab, came faster than the listener took them.
    Missed(u64),
}

/// The events of a daemon.
#[derive(Debug)]
pub struct Events {
    past: Mutex<Past>,
    sender: broadcast::Sender<Arc<Occurrence>>,
}

#[derive(Debug, Default)]
struct Past {
    last: u64,
    kept: VecDeque<Arc<Occurrence>>,
}

impl Default for Events {
    fn default() -> Self {
        Self { past: Mutex::default(), sender: broadcast::Sender::new(KEPT) }
    }
}

impl Events {
    /// Tells everybody, in this order and with nothing of others between.
    pub fn publish(&self, lab: &LabName, events: impl IntoIterator<Item = Event>) {
        let mut past = self.lock();
        for event in events {
            past.last += 1;
            let number = past.last;
            let occurrence =
                Arc::new(Occurrence { number, unix_microseconds: now(), lab: lab.clone(), event });
            if past.kept.len() == KEPT {
                past.kept.pop_front();
            }
            past.kept.push_back(occurrence.clone());
            // That nobody listens is no error.
            let _ = self.sender.send(occurrence);
        }
    }

    /// The events that are kept, oldest first, and with `follow` those to come, without a gap between;
    /// only those of `lab`, if one is named.
    pub fn listen(&self, lab: Option<String>, follow: bool) -> impl Stream<Item = Heard> + Send + use<> {
        // Under the lock, so that no event is in both or in neither.
        let past = self.lock();
        let kept: Vec<Arc<Occurrence>> = past.kept.iter().cloned().collect();
        let receiver = follow.then(|| self.sender.subscribe());
        drop(past);
        let future = stream::iter(receiver).flat_map(BroadcastStream::new).map(|received| match received {
            Ok(occurrence) => Heard::Event(occurrence),
            Err(BroadcastStreamRecvError::Lagged(missed)) => Heard::Missed(missed),
        });
        stream::iter(kept).map(Heard::Event).chain(future).filter(move |heard| {
            let wanted = match (heard, &lab) {
                (Heard::Event(occurrence), Some(lab)) => occurrence.lab.as_str() == lab,
                _ => true,
            };
            std::future::ready(wanted)
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Past> {
        // It is whole between any two lines, whatever panicked.
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use fabric_core::event::{MESSAGE_MAX, Reason};
    use futures::FutureExt;

    use super::*;

    fn lab(name: &str) -> LabName {
        LabName::new(name).expect("a name")
    }

    fn event(message: &str) -> Event {
        Event::of_lab(&lab("x"), Reason::Applied, message)
    }

    fn numbers(heard: &[Heard]) -> Vec<u64> {
        let number = |heard: &Heard| match heard {
            Heard::Event(occurrence) => occurrence.number,
            Heard::Missed(missed) => panic!("missed {missed}"),
        };
        heard.iter().map(number).collect()
    }

    #[tokio::test]
    async fn however_much_happens_only_the_last_are_kept() {
        let events = Events::default();
        let long = "ä".repeat(MESSAGE_MAX * 50);
        events.publish(&lab("x"), (0..KEPT * 3).map(|_| event(&long)));
        let heard: Vec<Heard> = events.listen(None, false).collect().await;
        assert_eq!(numbers(&heard), (KEPT as u64 * 2 + 1..=KEPT as u64 * 3).collect::<Vec<_>>());
        let past = events.lock();
        assert!(past.kept.capacity() <= KEPT * 2, "{}", past.kept.capacity());
        let bytes: usize = past.kept.iter().map(|one| one.event.message.capacity()).sum();
        assert!(bytes <= KEPT * MESSAGE_MAX * 4, "{bytes}");
        assert!(past.kept.iter().all(|one| one.event.message.chars().count() <= MESSAGE_MAX));
    }

    #[tokio::test]
    async fn a_slow_listener_is_told_what_it_missed_and_holds_nobody_up() {
        let events = Events::default();
        events.publish(&lab("x"), [event("before")]);
        let mut slow = Box::pin(events.listen(None, true));
        let mut fast = Box::pin(events.listen(None, true));
        assert!(matches!(fast.next().await, Some(Heard::Event(one)) if one.number == 1));
        for number in 2..2 * KEPT as u64 {
            events.publish(&lab("x"), [event("now")]);
            assert!(matches!(fast.next().await, Some(Heard::Event(one)) if one.number == number));
        }
        assert!(fast.next().now_or_never().is_none(), "nothing more has happened");
        assert!(matches!(slow.next().await, Some(Heard::Event(one)) if one.number == 1));
        let Some(Heard::Missed(missed)) = slow.next().await else { panic!("it must be told") };
        let Some(Heard::Event(next)) = slow.next().await else { panic!("it goes on") };
        assert_eq!(next.number, 2 + missed, "what was missed and what comes are all there is");
    }

    #[tokio::test]
    async fn one_lab_is_heard_alone_and_nothing_twice() {
        let events = Events::default();
        for number in 0..10 {
            events.publish(&lab(if number % 2 == 0 { "even" } else { "odd" }), [event("past")]);
        }
        let odd = events.listen(Some("odd".to_owned()), true);
        events.publish(&lab("even"), [event("future")]);
        events.publish(&lab("odd"), [event("future")]);
        let heard: Vec<Heard> = odd.take(6).collect().await;
        assert_eq!(numbers(&heard), [2, 4, 6, 8, 10, 12]);
        let past: Vec<Heard> = events.listen(Some("nobody".to_owned()), false).collect().await;
        assert!(past.is_empty());
    }
}
