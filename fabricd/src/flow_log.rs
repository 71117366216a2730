//! What firewalls have decided, for everybody who wants to read it.
//!
//! The last [`KEPT`] decisions of each firewall are kept. Whoever reads slower than they come misses some, is
//! told how many, and holds nobody up.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use fabric_core::{firewall::log::Entry, name::LabName, topology::Topology};
use futures::{Stream, StreamExt, stream};
use tokio::sync::broadcast;
use tokio_stream::wrappers::{BroadcastStream, errors::BroadcastStreamRecvError};

/// Why no firewall's log can be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// None was named, and there is none.
    #[error("the lab has no Azure Firewall: write one under `azureFirewalls`")]
    None,
    /// None was named, and there are several.
    #[error("the lab has several Azure Firewalls; name one: {}", .0.join(", "))]
    Several(Vec<String>),
    /// There is none of this name.
    #[error("there is no Azure Firewall `{name}`{}", there_are(.all))]
    NotFound {
        /// As asked for.
        name: String,
        /// Those that there are.
        all: Vec<String>,
    },
}

fn there_are(all: &[String]) -> String {
    if all.is_empty() { String::new() } else { format!("; there are: {}", all.join(", ")) }
}

/// The firewall that `name` means: its name or target, or nothing for the only one.
///
/// # Errors
/// If it means none.
pub fn select<'a>(topology: &'a Topology, name: &str) -> Result<&'a str, SelectError> {
    let all: Vec<&str> = topology.azure_firewalls.iter().map(|firewall| firewall.name.as_str()).collect();
    let names = || all.iter().map(|&name| name.to_owned()).collect();
    let bare = name.strip_prefix("firewall/").unwrap_or(name);
    match (name, all.as_slice()) {
        ("", []) => Err(SelectError::None),
        ("", [one]) => Ok(one),
        ("", _) => Err(SelectError::Several(names())),
        _ => all.iter().copied().find(|name| *name == bare).ok_or_else(|| {
            let name = name.chars().take(80).collect();
            SelectError::NotFound { name, all: names() }
        }),
    }
}

/// Decisions of one firewall that are kept, and that a reader may be behind before it misses some.
pub const KEPT: usize = 1_000;

/// A decision with its time.
#[derive(Clone, Debug)]
pub struct Record {
    /// Microseconds since 1970-01-01 00:00 UTC.
    pub unix_microseconds: i64,
    /// What was decided.
    pub entry: Entry,
}

/// What a reader hears.
#[derive(Clone, Debug)]
pub enum Heard {
    /// A decision.
    Record(Arc<Record>),
    /// So many came faster than the reader took them.
    Missed(u64),
}

/// The log of one firewall.
#[derive(Debug)]
pub struct FlowLog {
    kept: Mutex<VecDeque<Arc<Record>>>,
    sender: broadcast::Sender<Arc<Record>>,
}

impl Default for FlowLog {
    fn default() -> Self {
        Self { kept: Mutex::default(), sender: broadcast::Sender::new(KEPT) }
    }
}

impl FlowLog {
    /// Writes a decision down, now.
    pub fn write(&self, entry: Entry) {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let unix_microseconds = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
        let record = Arc::new(Record { unix_microseconds, entry });
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(record.clone());
        // That nobody reads is no error.
        let _ = self.sender.send(record);
    }

    /// The last `tail` decisions, oldest first, and with `follow` those to come until the firewall goes.
    pub fn read(&self, tail: usize, follow: bool) -> impl Stream<Item = Heard> + Send + use<> {
        // Under the lock, so that no decision is in both or in neither.
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let past: Vec<Heard> =
            kept.iter().skip(kept.len().saturating_sub(tail)).cloned().map(Heard::Record).collect();
        let receiver = follow.then(|| self.sender.subscribe());
        drop(kept);
        let future = stream::iter(receiver).flat_map(BroadcastStream::new).map(|received| match received {
            Ok(record) => Heard::Record(record),
            Err(BroadcastStreamRecvError::Lagged(missed)) => Heard::Missed(missed),
        });
        stream::iter(past).chain(future)
    }
}

/// The logs of all firewalls of all labs.
#[derive(Debug, Default)]
pub struct FlowLogs {
    by_lab: Mutex<BTreeMap<LabName, BTreeMap<String, Arc<FlowLog>>>>,
}

impl FlowLogs {
    /// The log of a firewall, which must be there: a log that is not there is begun.
    pub fn of(&self, lab: &LabName, firewall: &str) -> Arc<FlowLog> {
        self.lock().entry(lab.clone()).or_default().entry(firewall.to_owned()).or_default().clone()
    }

    /// Throws all logs of `lab` away but those of `firewalls`. Who reads the others comes to their end.
    pub fn keep(&self, lab: &LabName, firewalls: &BTreeSet<&str>) {
        let mut by_lab = self.lock();
        let Some(of_lab) = by_lab.get_mut(lab) else { return };
        of_lab.retain(|name, _| firewalls.contains(name.as_str()));
        if of_lab.is_empty() {
            by_lab.remove(lab);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<LabName, BTreeMap<String, Arc<FlowLog>>>> {
        // The map is whole between any two lines, whatever panicked.
        self.by_lab.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use fabric_core::firewall::{Action, log::Decision};

    use super::*;

    fn entry(number: usize) -> Entry {
        let decision = Decision::Network {
            protocol: "TCP".to_owned(),
            destination: Ipv4Addr::LOCALHOST,
            destination_port: None,
            action: Action::Deny,
        };
        let source_port = u16::try_from(number).ok();
        Entry { source: Ipv4Addr::LOCALHOST, source_port, decision, rule: None }
    }

    fn ports(heard: &[Heard]) -> Vec<u16> {
        let port = |heard: &Heard| match heard {
            Heard::Record(record) => record.entry.source_port.expect("a number"),
            Heard::Missed(missed) => panic!("missed {missed}"),
        };
        heard.iter().map(port).collect()
    }

    #[tokio::test]
    async fn the_last_are_kept_and_the_next_follow_without_a_gap() {
        let log = FlowLog::default();
        (0..KEPT + 5).for_each(|number| log.write(entry(number)));
        let all: Vec<Heard> = log.read(usize::MAX, false).collect().await;
        assert_eq!((all.len(), ports(&all)[0]), (KEPT, 5));
        let some = log.read(2, true);
        log.write(entry(2000));
        drop(log);
        let some: Vec<Heard> = some.collect().await;
        assert_eq!(ports(&some), [1003, 1004, 2000]);
    }

    #[tokio::test]
    async fn who_reads_a_firewall_that_goes_comes_to_an_end() {
        let (logs, lab) = (FlowLogs::default(), LabName::new("lab").expect("a name"));
        logs.of(&lab, "stays").write(entry(1));
        logs.of(&lab, "goes").write(entry(2));
        let going = logs.of(&lab, "goes").read(10, true);
        logs.keep(&lab, &BTreeSet::from(["stays"]));
        assert_eq!(ports(&going.collect::<Vec<_>>().await), [2]);
        let stayed = logs.of(&lab, "stays").read(10, false).collect::<Vec<_>>().await;
        assert_eq!(ports(&stayed), [1]);
        assert!(logs.of(&lab, "goes").read(10, false).collect::<Vec<_>>().await.is_empty());
    }
}
