//! All labs of a daemon, by name.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use fabric_core::{
    blueprint::Blueprint,
    fault::Faults,
    kernel::Kernel,
    name::LabName,
    spec::{self, Source},
    topology::Rollout,
};
use fabric_kernel::open_files;

use super::{
    Lab, LabHandle, actor,
    actor::{Recovered, Shared},
    goal::Goal,
    reconcile,
    worker::says_the_same,
};
use crate::{
    events::Events,
    ledger::{Design, Intent, Ledger},
    program::Launch,
    responder::Responder,
};

/// Why no lab could be picked.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// There is none at all.
    #[error("no lab is running; `fabctl apply -f FILE` makes one")]
    NoLab,
    /// There is none of that name.
    #[error("there is no lab `{name}`{}", .running)]
    NotFound {
        /// The name asked for.
        name: String,
        /// What is running instead, as the end of the sentence.
        running: String,
    },
    /// No name was given, and there are several.
    #[error("several labs are running ({}); say which with --lab", .0.join(", "))]
    Several(Vec<String>),
}

/// All labs.
pub struct Registry<K> {
    shared: Shared<K>,
    labs: Mutex<BTreeMap<LabName, LabHandle>>,
}

impl<K: Kernel> Registry<K> {
    /// A registry without labs. Their programs are started by `launch`.
    pub fn new(kernel: Arc<K>, ledger: Ledger, launch: Arc<dyn Launch>) -> Self {
        // Where nobody says, it is the least that a machine allows.
        let files = open_files::limit().unwrap_or(1024);
        let shared = Shared {
            kernel,
            ledger: Arc::new(ledger),
            events: Arc::default(),
            responder: Arc::new(Responder::new(files)),
            launch,
        };
        Self { shared, labs: Mutex::default() }
    }

    /// The kernel that all labs are in.
    pub fn kernel(&self) -> &K {
        &self.shared.kernel
    }

    /// What happens to all labs.
    pub fn events(&self) -> &Events {
        &self.shared.events
    }

    /// Who answers for the servers of all labs.
    pub fn responder(&self) -> &Responder {
        &self.shared.responder
    }

    /// Takes over what the ledger says, as after a crash or an update of the daemon: finishes what was
    /// begun, or takes away what was being taken away. A lab that is whole loses no packet.
    ///
    /// Blocking. Labs that cannot be taken over are logged and left as they are.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn recover(&self) -> Result<(), crate::ledger::LedgerError> {
        for intent in self.shared.ledger.read()? {
            let name = intent.lab.clone();
            match self.recover_lab(intent) {
                Ok(lab) => {
                    let handle = self.start(&name, lab);
                    self.lock().insert(name, handle);
                }
                Err(error) => tracing::error!(lab = %name, error, "cannot take the lab over"),
            }
        }
        Ok(())
    }

    fn recover_lab(&self, intent: Intent) -> Result<Option<Recovered>, String> {
        let machine = self.shared.kernel.machine();
        let goal = |design: &Design| {
            let Design { sources, standing, faults } = design.clone();
            let loaded = spec::load_onto(&sources, &standing, &Rollout::default());
            let topology = loaded.map_err(|mistakes| {
                let first = mistakes.first().map_or("no reason given", |mistake| &mistake.message);
                format!("this version does not understand its file: {first}")
            })?;
            Ok::<_, String>(Goal::new(sources, Arc::new(topology), faults, machine))
        };
        let before = intent.before.as_ref().map(goal).transpose()?;
        let nothing = Blueprint::default();
        let owned = before.as_ref().map_or(&nothing, |before| &*before.owned);
        let Some(design) = intent.wanted else {
            reconcile(&*self.shared.kernel, &intent.lab, owned, &nothing, &|_, _| {})
                .map_err(|error| error.to_string())?;
            self.shared.ledger.remove(&intent.lab).map_err(|error| error.to_string())?;
            tracing::info!(lab = %intent.lab, "finished taking it away");
            return Ok(None);
        };
        let goal = goal(&design)?;
        // What its faults have taken away may be there by an unlucky hand or crash, and is the lab's too.
        let both = Faults::owned(owned, (*goal.owned).clone());
        let steps = reconcile(&*self.shared.kernel, &intent.lab, &both, &goal.blueprint, &|_, _| {})
            .map_err(|error| error.to_string())?;
        tracing::info!(lab = %intent.lab, steps, "taken over");
        self.shared.responder.show(&intent.lab, goal.topology.clone());
        self.shared.responder.answer(&*self.shared.kernel, &intent.lab, &goal.listeners());
        let generation = intent.generation;
        let done = Intent { wanted: Some(design), before: None, ..intent };
        self.shared.ledger.write(&done).map_err(|error| error.to_string())?;
        Ok(Some(Recovered { generation, goal }))
    }

    /// The way to the lab `name`, whether it is there yet or not.
    pub fn handle(&self, name: &LabName) -> LabHandle {
        self.lock().entry(name.clone()).or_insert_with(|| self.start(name, None)).clone()
    }

    fn start(&self, name: &LabName, lab: Option<Recovered>) -> LabHandle {
        actor::start(&self.shared, name.clone(), lab)
    }

    /// The name of the lab that was made from these files, if one was: so they need not be read to know it.
    pub fn made_from(&self, sources: &[Source]) -> Option<LabName> {
        let labs = self.labs();
        let found = labs.iter().find(|lab| says_the_same(&lab.sources, sources));
        found.map(|lab| lab.topology.lab.clone())
    }

    /// The names of all labs that are there.
    pub fn names(&self) -> BTreeSet<LabName> {
        self.labs().iter().map(|lab| lab.topology.lab.clone()).collect()
    }

    /// All labs that are there, sorted by name.
    pub fn labs(&self) -> Vec<Arc<Lab>> {
        self.lock().values().filter_map(LabHandle::lab).collect()
    }

    /// The lab `name`, or if that is empty the only one there is.
    ///
    /// # Errors
    /// If there is none of that name, or not exactly one.
    pub fn select(&self, name: &str) -> Result<Arc<Lab>, SelectError> {
        let mut labs = self.labs();
        let names = || -> Vec<String> { labs.iter().map(|lab| lab.topology.lab.to_string()).collect() };
        if !name.is_empty() {
            let running = match names().as_slice() {
                [] => "; none is running".to_owned(),
                names => format!("; running: {}", names.join(", ")),
            };
            let found = labs.iter().find(|lab| lab.topology.lab.as_str() == name);
            return found
                .cloned()
                .ok_or_else(|| SelectError::NotFound { name: name.chars().take(64).collect(), running });
        }
        match labs.len() {
            0 => Err(SelectError::NoLab),
            1 => Ok(labs.remove(0)),
            _ => Err(SelectError::Several(names())),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<LabName, LabHandle>> {
        // The map is whole between any two lines, whatever panicked.
        self.labs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
