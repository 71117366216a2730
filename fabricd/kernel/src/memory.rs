//! What cannot be read back from the kernel, remembered while the daemon lives.
//!
//! Of parameters: which ones a lab cares for. Of rules: the text that they were loaded from, and the
//! generation that nf_tables had afterwards; any change by anybody makes that number differ.
//! After a restart nothing is remembered, so parameters and rules are applied once more, which
//! changes nothing if they are still there.
//!
//! And what can be read back, but takes long: of a pod's neighbours, which entries we made, to ask for
//! these alone; of the numbers that namespaces have for others, which one is meant. Not knowing these
//! costs time only.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use fabric_core::{
    object::{Neighbour, Ruleset, Sysctl},
    place::Place,
};

use crate::namespace::Identity;

/// By the file name of the namespace.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    namespaces: Mutex<HashMap<String, Arc<Remembered>>>,
    numbers: Mutex<HashMap<String, Numbers>>,
}

/// What is remembered of one namespace.
#[derive(Clone, Debug)]
pub(crate) struct Remembered {
    namespace: Identity,
    pub(crate) sysctls: BTreeMap<String, Sysctl>,
    pub(crate) rulesets: Vec<Ruleset>,
    /// The generation of nf_tables in which the rule sets were seen last.
    pub(crate) generation: u32,
    /// In a pod that we made, every entry that a blueprint has put there; `None` elsewhere.
    pub(crate) neighbours: Option<Vec<Neighbour>>,
}

/// What one namespace's numbers for others mean. A number means the same as long as both are there.
#[derive(Debug)]
struct Numbers {
    /// See [`crate::netlink::Socket::namespace_cookie`].
    cookie: u64,
    /// The cookies of the others.
    meanings: HashMap<i32, u64>,
}

impl Memory {
    /// What is remembered of the namespace, if it is still the same one.
    pub(crate) fn recall(&self, name: &str, namespace: Identity) -> Option<Arc<Remembered>> {
        lock(&self.namespaces).get(name).filter(|remembered| remembered.namespace == namespace).cloned()
    }

    /// Changes what is remembered of the namespace.
    pub(crate) fn update(&self, name: &str, namespace: Identity, change: impl FnOnce(&mut Remembered)) {
        let mut all = lock(&self.namespaces);
        let fresh = || Arc::new(Remembered::nothing(namespace));
        let known = all.entry(name.to_owned()).or_insert_with(fresh);
        if known.namespace != namespace {
            *known = fresh();
        }
        change(Arc::make_mut(known));
    }

    /// Which namespace the number means in the namespace `name`; both are told by their cookies.
    pub(crate) fn meaning(&self, name: &str, cookie: u64, number: i32) -> Option<u64> {
        let all = lock(&self.numbers);
        all.get(name).filter(|known| known.cookie == cookie)?.meanings.get(&number).copied()
    }

    /// Remembers which namespace the number means.
    pub(crate) fn learn_meaning(&self, name: &str, cookie: u64, number: i32, meaning: u64) {
        let mut all = lock(&self.numbers);
        let fresh = || Numbers { cookie, meanings: HashMap::new() };
        let known = all.entry(name.to_owned()).or_insert_with(fresh);
        if known.cookie != cookie {
            *known = fresh();
        }
        known.meanings.insert(number, meaning);
    }

    /// Begins anew with a namespace that was just made for `place`.
    pub(crate) fn begin(&self, place: &Place, name: &str, namespace: Identity) {
        self.forget(name);
        // What traffic makes in a pod goes with the pod. In a node it outlives the pods that it is about,
        // so there all entries must be seen.
        if matches!(place, Place::Pod { .. }) {
            self.update(name, namespace, |fresh| fresh.neighbours = Some(Vec::new()));
        }
    }

    /// Forgets a namespace that was removed.
    pub(crate) fn forget(&self, name: &str) {
        lock(&self.namespaces).remove(name);
        lock(&self.numbers).remove(name);
    }
}

impl Remembered {
    fn nothing(namespace: Identity) -> Self {
        Self { namespace, sysctls: BTreeMap::new(), rulesets: Vec::new(), generation: 0, neighbours: None }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics with the lock held; and the worst that half a change does is a reload.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
