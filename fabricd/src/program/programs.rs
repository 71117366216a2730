//! All programs of one lab.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use fabric_core::{
    kernel::{Kernel, NamespaceId},
    name::LabName,
    place::Place,
    program::{Program, Restart},
    topology::Topology,
};
use fabric_kernel::process::Entry;
use futures::future::join_all;
use tokio::{
    runtime::Handle,
    sync::{oneshot, watch},
    task::JoinHandle,
    time::timeout,
};

use super::{
    Launch, Log,
    attend::{Attended, State},
};
use crate::{lab::OpenPlaces, probe::Lifeline};

/// How long programs that were started may take until they serve; then it goes on without them.
const STARTING: Duration = Duration::from_secs(3);

/// Why there is no log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// Nothing runs there.
    #[error("no program runs in {0} as long as the lab does; `fabctl exec` runs one there")]
    None(Place),
    /// Something else runs there.
    #[error("{place} has no program `{name}`; it has {}", there.join(", "))]
    NotFound {
        /// The place.
        place: Place,
        /// As the user wrote it.
        name: String,
        /// The names of those that it has.
        there: Vec<String>,
    },
    /// Several do, and none was named.
    #[error("several programs run in {place}: {}; say which with --container", there.join(", "))]
    Several {
        /// The place.
        place: Place,
        /// Their names.
        there: Vec<String>,
    },
}

/// A place, and the program's name in it.
type Id = (Place, String);

/// The programs of a lab. They end with this value.
pub struct Programs {
    launch: Arc<dyn Launch>,
    running: Mutex<BTreeMap<Id, Running>>,
}

impl fmt::Debug for Programs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.lock().keys()).finish()
    }
}

struct Running {
    entry: Entry,
    restart: Restart,
    /// The pod that it is a container of.
    pod: Option<String>,
    state: watch::Receiver<State>,
    /// That of the place when it was started. A namespace in which something runs shares its number with no
    /// other.
    namespace: Option<NamespaceId>,
    log: Arc<Log>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Running {
    /// Lets it end; its task says when it has.
    fn stop(self) -> JoinHandle<()> {
        drop(self.stop);
        self.task
    }
}

impl Programs {
    /// No programs yet.
    pub fn new(launch: Arc<dyn Launch>) -> Self {
        Self { launch, running: Mutex::default() }
    }

    /// The first program that is missing on this machine, of those that a lab cannot be made without. Blocking.
    pub fn missing<'a>(&self, wanted: &'a [Program]) -> Option<&'a Program> {
        let needed = wanted.iter().filter(|program| program.package.is_some());
        let name = |program: &Program| program.command.first().cloned().unwrap_or_default();
        let mut known = BTreeMap::new();
        needed.into_iter().find(|program| {
            !*known.entry(name(program)).or_insert_with_key(|name| self.launch.is_installed(name))
        })
    }

    /// Ends the programs of all places but these, and returns when they have ended. Blocking.
    pub fn end_outside(&self, places: &BTreeSet<Place>) {
        let leaving: Vec<Running> =
            self.lock().extract_if(.., |(place, _), _| !places.contains(place)).map(|(_, one)| one).collect();
        wait(leaving.into_iter().map(Running::stop).collect());
    }

    /// Ends the programs of `lab` whose place was removed or made anew by somebody else. Blocking.
    pub fn leave_lost_places(&self, kernel: &impl Kernel, lab: &LabName) {
        let lost = |(place, _): &Id, one: &mut Running| kernel.namespace(lab, place) != one.namespace;
        let leaving: Vec<Running> = self.lock().extract_if(.., lost).map(|(_, one)| one).collect();
        wait(leaving.into_iter().map(Running::stop).collect());
    }

    /// Runs these programs and no others, and returns when they serve, or do not for three seconds. One whose
    /// surroundings have changed is started anew. Blocking.
    pub fn run(
        &self,
        kernel: &impl Kernel,
        topology: &Topology,
        wanted: Vec<Program>,
        open_places: &OpenPlaces,
    ) {
        let wanted: BTreeMap<Id, (Program, Entry)> = wanted
            .into_iter()
            .map(|program| {
                let entry = self.launch.entry(topology, &program);
                ((program.place.clone(), program.name.clone()), (program, entry))
            })
            .collect();
        let leaves = |id: &Id, one: &mut Running| {
            let stays = wanted
                .get(id)
                .is_some_and(|(program, entry)| *entry == one.entry && program.restart == one.restart);
            !stays || kernel.namespace(&topology.lab, &id.0) != one.namespace
        };
        let leaving: Vec<(Id, Running)> = self.lock().extract_if(.., leaves).collect();
        let mut logs: BTreeMap<Id, Arc<Log>> =
            leaving.iter().map(|(id, one)| (id.clone(), one.log.clone())).collect();
        wait(leaving.into_iter().map(|(_, one)| one.stop()).collect());

        let mut starting = vec![];
        for (id, (program, entry)) in wanted {
            if self.lock().contains_key(&id) {
                continue;
            }
            let log = logs.remove(&id).unwrap_or_default();
            let lifeline = Lifeline { place: program.place.clone(), open_places: open_places.clone() };
            let namespace = kernel.namespace(&topology.lab, &program.place);
            let (running, ready) = self.start((program, entry, namespace), lifeline, log);
            starting.push(ready);
            self.lock().insert(id, running);
        }
        if starting.is_empty() {
            return;
        }
        let ready = starting.into_iter().map(|mut ready| async move {
            // An error means that it has been ended meanwhile.
            let _ = ready.wait_for(|ready| *ready).await;
        });
        let ready = async { timeout(STARTING, join_all(ready)).await.is_ok() };
        if !Handle::current().block_on(ready) {
            tracing::warn!("not all programs of the lab serve yet");
        }
    }

    fn start(
        &self,
        (program, entry, namespace): (Program, Entry, Option<NamespaceId>),
        lifeline: Lifeline,
        log: Arc<Log>,
    ) -> (Running, watch::Receiver<bool>) {
        let (stop, stopped) = oneshot::channel();
        let (ready, is_ready) = watch::channel(false);
        let (sender, state) = watch::channel(State::Starting);
        let attended = Attended {
            launch: self.launch.clone(),
            name: program.name.clone(),
            entry: entry.clone(),
            port: program.port,
            restart: program.restart,
            lifeline,
            log: log.clone(),
            ready,
            state: sender,
            stop: stopped,
        };
        // On a thread of the runtime's own, which lives as long as the daemon.
        let task = tokio::spawn(attended.run());
        let (restart, pod) = (program.restart, program.pod);
        (Running { entry, restart, pod, state, namespace, log, stop, task }, is_ready)
    }

    /// Programs of containers that do not run, each with its pod (`CLUSTER/NAMESPACE/NAME`), the container's name
    /// and the reason. A pod that has one is not ready.
    pub fn down(&self) -> Vec<(String, String, String)> {
        let running = self.lock();
        let told = running.iter().filter_map(|((_, name), one)| match &*one.state.borrow() {
            State::Down(why) => Some((one.pod.clone()?, name.clone(), why.clone())),
            State::Starting | State::Running => None,
        });
        told.collect()
    }

    /// Whether any program is a container's.
    pub fn has_containers(&self) -> bool {
        self.lock().values().any(|one| one.pod.is_some())
    }

    /// The log of the program `name` of a place, or of its only one if the name is empty.
    ///
    /// # Errors
    /// If there is none of that name, or not exactly one.
    pub fn log(&self, place: &Place, name: &str) -> Result<Arc<Log>, LogError> {
        let running = self.lock();
        let there: Vec<(&String, &Running)> =
            running.iter().filter(|((at, _), _)| at == place).map(|((_, name), one)| (name, one)).collect();
        let names = || there.iter().map(|(name, _)| (*name).clone()).collect();
        let place = place.clone();
        match there.as_slice() {
            [] => Err(LogError::None(place)),
            [(_, one)] if name.is_empty() => Ok(one.log.clone()),
            _ if name.is_empty() => Err(LogError::Several { place, there: names() }),
            several => {
                let found = several.iter().find(|(known, _)| *known == name);
                let name = name.chars().take(64).collect();
                found.map(|(_, one)| one.log.clone()).ok_or_else(|| LogError::NotFound {
                    place,
                    name,
                    there: names(),
                })
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Id, Running>> {
        // It is whole between any two lines, whatever panicked.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Each ends within a time of its own.
fn wait(ending: Vec<JoinHandle<()>>) {
    if !ending.is_empty() {
        Handle::current().block_on(join_all(ending));
    }
}
