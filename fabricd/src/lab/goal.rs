//! What a lab shall become, from its files to every object.

use std::{collections::BTreeSet, sync::Arc};

use fabric_core::{
    blueprint::{self, Blueprint},
    fault::Faults,
    kernel::Machine,
    listener::{self, Listener},
    program::{self, Program},
    spec::Source,
    topology::{Standing, Topology},
};

use super::{Lab, OpenPlaces};
use crate::{ledger::Design, program::Programs};

/// What a lab shall become.
pub struct Goal {
    /// Its files.
    pub sources: Vec<Source>,
    /// What they mean.
    pub topology: Arc<Topology>,
    /// What is broken on purpose.
    pub faults: Faults,
    /// Every object, as the faults leave them.
    pub blueprint: Arc<Blueprint>,
    /// See [`Lab::owned`].
    pub owned: Arc<Blueprint>,
}

impl Goal {
    /// What files that were resolved to `topology` ask for, with those of `faults` that are still of something.
    pub fn new(sources: Vec<Source>, topology: Arc<Topology>, faults: Faults, machine: Machine) -> Self {
        let whole = blueprint::draw(&topology, machine);
        let faults = faults.kept(&whole);
        let (blueprint, owned) = if faults.is_empty() {
            let whole = Arc::new(whole);
            (whole.clone(), whole)
        } else {
            let mut faulty = whole.clone();
            faults.act_on(&mut faulty);
            let owned = Faults::owned(&faulty, whole);
            (Arc::new(faulty), Arc::new(owned))
        };
        Self { sources, topology, faults, blueprint, owned }
    }

    /// What it is made from.
    pub fn design(&self) -> Design {
        let standing = Standing::of(&self.topology);
        Design { sources: self.sources.clone(), standing, faults: self.faults.clone() }
    }

    /// What runs in its places.
    pub fn programs(&self) -> Vec<Program> {
        let mut programs = program::programs(&self.topology, &self.faults);
        // A node that is started again has no place for a while.
        programs.retain(|program| self.blueprint.places.contains_key(&program.place));
        programs
    }

    /// Who answers in it: those whose places are there.
    pub fn listeners(&self) -> BTreeSet<Listener> {
        let mut listeners = listener::listeners(&self.topology);
        listeners.retain(|listener| self.blueprint.places.contains_key(&listener.place));
        listeners
    }

    /// The lab that it has become.
    pub fn reached(self, generation: u64, open_places: OpenPlaces, programs: Arc<Programs>) -> Lab {
        let Self { sources, topology, faults, blueprint, owned } = self;
        Lab { generation, sources, topology, faults, blueprint, owned, open_places, programs }
    }

    /// What the lab is already.
    pub fn of(lab: &Lab) -> Self {
        Self {
            sources: lab.sources.clone(),
            topology: lab.topology.clone(),
            faults: lab.faults.clone(),
            blueprint: lab.blueprint.clone(),
            owned: lab.owned.clone(),
        }
    }
}
