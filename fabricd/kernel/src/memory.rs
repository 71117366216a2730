//! What cannot be read back from the kernel, remembered while the daemon lives.
//!
//! Of parameters: which ones a lab cares for. Of rules: the text that they were loaded from, and the
//! generation that nf_tables had afterwards; any change by anybody makes that number differ.
//! After a restart nothing is remembered, so parameters and rules are applied once more, which
//! changes nothing if they are still there.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use fabric_core::object::{Ruleset, Sysctl};

use crate::namespace::Identity;

/// By the file name of the namespace.
#[derive(Debug, Default)]
pub(crate) struct Memory(Mutex<HashMap<String, Remembered>>);

/// What is remembered of one namespace.
#[derive(Clone, Debug)]
pub(crate) struct Remembered {
    namespace: Identity,
    pub(crate) sysctls: BTreeMap<String, Sysctl>,
    pub(crate) rulesets: Vec<Ruleset>,
    /// The generation of nf_tables in which the rule sets were seen last.
    pub(crate) generation: u32,
}

impl Memory {
    /// What is remembered of the namespace, if it is still the same one.
    pub(crate) fn recall(&self, name: &str, namespace: Identity) -> Option<Remembered> {
        self.lock().get(name).filter(|remembered| remembered.namespace == namespace).cloned()
    }

    /// Changes what is remembered of the namespace.
    pub(crate) fn update(&self, name: &str, namespace: Identity, change: impl FnOnce(&mut Remembered)) {
        let mut all = self.lock();
        let fresh = Remembered { namespace, sysctls: BTreeMap::new(), rulesets: Vec::new(), generation: 0 };
        match all.get_mut(name) {
            Some(known) if known.namespace == namespace => change(known),
            _ => change(all.entry(name.to_owned()).insert_entry(fresh).into_mut()),
        }
    }

    /// Forgets a namespace that was removed.
    pub(crate) fn forget(&self, name: &str) {
        self.lock().remove(name);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Remembered>> {
        // Nothing panics with the lock held; and the worst that half a change does is a reload.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
