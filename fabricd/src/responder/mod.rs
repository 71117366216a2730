//! Answers for the servers of labs, by sockets in their namespaces: no process, and no thread for each.
//!
//! [`Responder`] keeps what listens equal to what a lab wants. A socket keeps its namespace alive, so a lab's
//! owner says before each change which sockets may stay, and after it which there shall be. Both return when
//! it is so; neither waits for a client.

mod application_rules;
mod client;
mod dns;
mod echo;
mod flow_log;
mod greeting;
mod http;
mod live;
mod room;
mod server;
#[cfg(test)]
mod tests;
mod tls;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use fabric_core::{
    kernel::{Kernel, Listening, NamespaceId},
    listener::{Listener, Protocol},
    name::LabName,
    place::Place,
    topology::Topology,
};
use tokio::{runtime::Handle, sync::oneshot};

pub use self::room::{CONNECTIONS_MAX, LISTENER_CONNECTIONS_MAX};
use self::{dns::Resolver, live::Live, room::Room, server::More};
use crate::flow_log::FlowLogs;

/// How long a connection is kept on which nothing moves: longer than any idle time-out of Azure, of which the
/// longest is 120 minutes (aks-facts 4.3, 4.4), so that it is not the server who ends it.
const IDLE: Duration = Duration::from_secs(3 * 60 * 60);

/// All that is answered, of all labs.
#[derive(Debug)]
pub struct Responder {
    room: Arc<Room>,
    logs: FlowLogs,
    resolvers: Mutex<BTreeMap<LabName, Arc<Resolver>>>,
    labs: Mutex<BTreeMap<LabName, BTreeMap<Listener, Held>>>,
    lives: Mutex<BTreeMap<LabName, Live>>,
}

/// Listeners that are told one by one where their sockets cannot be opened.
const TOLD_MAX: usize = 5;

/// One open socket, with its connections. They end with this.
#[derive(Debug)]
struct Held {
    namespace: NamespaceId,
    /// Dropped to end it.
    stop: oneshot::Sender<()>,
    /// Ends when all of it is closed.
    closed: oneshot::Receiver<()>,
}

impl Responder {
    /// Nothing is answered yet. `files` is how many files the daemon may have open.
    pub fn new(files: u64) -> Self {
        Self {
            room: Arc::new(Room::new(files)),
            logs: FlowLogs::default(),
            resolvers: Mutex::default(),
            labs: Mutex::default(),
            lives: Mutex::default(),
        }
    }

    /// What firewalls have decided.
    pub fn logs(&self) -> &FlowLogs {
        &self.logs
    }

    fn resolver(&self, lab: &LabName) -> Arc<Resolver> {
        let mut resolvers = self.resolvers.lock().unwrap_or_else(PoisonError::into_inner);
        resolvers.entry(lab.clone()).or_default().clone()
    }

    /// What is listened at for `lab`.
    pub fn listening(&self, lab: &LabName) -> BTreeSet<Listener> {
        self.lock().get(lab).into_iter().flat_map(BTreeMap::keys).cloned().collect()
    }

    /// Closes all sockets of `lab` with their connections, but for those of `wanted`. Blocking, until they
    /// are closed: the places that they were in can then be removed.
    pub fn keep(&self, lab: &LabName, wanted: &BTreeSet<Listener>) {
        self.close_unless(lab, |listener, _| wanted.contains(listener));
        let logs = wanted.iter().filter(|listener| listener.protocol == Protocol::FlowLog);
        self.logs.keep(lab, &logs.map(|listener| listener.name.as_str()).collect());
        if wanted.is_empty() {
            self.resolvers.lock().unwrap_or_else(PoisonError::into_inner).remove(lab);
        }
    }

    /// Closes the sockets of `lab` whose place was removed or made anew by somebody else. Blocking as
    /// [`Responder::keep`].
    pub fn leave_lost_places(&self, kernel: &impl Kernel, lab: &LabName) {
        // A namespace that a socket keeps alive shares its number with no other.
        let places: BTreeSet<Place> =
            self.listening(lab).into_iter().map(|listener| listener.place).collect();
        let now: BTreeMap<Place, Option<NamespaceId>> = places
            .into_iter()
            .map(|place| {
                let namespace = kernel.namespace(lab, &place);
                (place, namespace)
            })
            .collect();
        self.close_unless(lab, |listener, held| now.get(&listener.place) == Some(&Some(held.namespace)));
    }

    /// The lab is as `topology` says from now on, with its conditions: what is answered follows at once, and no
    /// socket is opened anew for it.
    pub fn show(&self, lab: &LabName, topology: Arc<Topology>) {
        self.resolver(lab).show(topology.clone());
        self.live(lab).show(topology);
    }

    fn live(&self, lab: &LabName) -> Live {
        // It is whole between any two lines, whatever panicked.
        let mut lives = self.lives.lock().unwrap_or_else(PoisonError::into_inner);
        lives.entry(lab.clone()).or_default().clone()
    }

    /// Opens the sockets of `wanted` that are not there. Blocking; to be called from a thread that belongs
    /// to the runtime.
    ///
    /// What cannot be opened is logged, and tried again at the lab's next change: a learner may have taken
    /// the port, and a lab without one of its servers is better than none.
    pub fn answer(&self, kernel: &impl Kernel, lab: &LabName, wanted: &BTreeSet<Listener>) {
        self.leave_lost_places(kernel, lab);
        let have = self.listening(lab);
        let missing: BTreeSet<Listener> = wanted.difference(&have).cloned().collect();
        if missing.is_empty() {
            return;
        }
        let begun = Instant::now();
        let opened = kernel.listen(lab, &missing);
        tracing::debug!(%lab, sockets = opened.len(), time = ?begun.elapsed(), "opened");
        let mut failed = 0;
        let mut labs = self.lock();
        let of_lab = labs.entry(lab.clone()).or_default();
        for (listener, result) in missing.into_iter().zip(opened) {
            match result {
                Ok(listening) => {
                    let held = self.hold(lab, &listener, listening);
                    of_lab.insert(listener, held);
                }
                Err(error) if failed < TOLD_MAX => {
                    failed += 1;
                    tracing::warn!(%lab, %error, reason = %error.source, "nobody answers there");
                }
                Err(_) => failed += 1,
            }
        }
        if failed > TOLD_MAX {
            tracing::warn!(%lab, "nobody answers on {} more ports", failed - TOLD_MAX);
        }
    }

    fn hold(&self, lab: &LabName, listener: &Listener, Listening { socket, namespace }: Listening) -> Held {
        let (stop, stopped) = oneshot::channel();
        let (closing, closed) = oneshot::channel();
        let log = matches!(listener.protocol, Protocol::ApplicationRules(_) | Protocol::FlowLog)
            .then(|| self.logs.of(lab, &listener.name));
        let more = More { live: self.live(lab), log, resolver: self.resolver(lab) };
        let serving = server::run(self.room.clone(), listener.clone(), socket, more, stopped);
        Handle::current().spawn(async move {
            serving.await;
            drop(closing);
        });
        Held { namespace, stop, closed }
    }

    fn close_unless(&self, lab: &LabName, stays: impl Fn(&Listener, &Held) -> bool) {
        let mut labs = self.lock();
        let Some(of_lab) = labs.get_mut(lab) else { return };
        let going: Vec<Held> =
            of_lab.extract_if(.., |listener, held| !stays(listener, held)).map(|(_, held)| held).collect();
        if of_lab.is_empty() {
            labs.remove(lab);
            self.lives.lock().unwrap_or_else(PoisonError::into_inner).remove(lab);
        }
        drop(labs);
        let closing: Vec<oneshot::Receiver<()>> = going
            .into_iter()
            .map(|held| {
                drop(held.stop);
                held.closed
            })
            .collect();
        for closed in closing {
            // It never says a word: its end is the news.
            let _ = closed.blocking_recv();
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<LabName, BTreeMap<Listener, Held>>> {
        // The map is whole between any two lines, whatever panicked.
        self.labs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
