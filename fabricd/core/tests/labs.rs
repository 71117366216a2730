//! Every lab under `labs/`, drawn: the blueprint and all rendered rules.

#![allow(missing_docs)]

use std::{fs, path::Path};

use fabric_core::{
    blueprint::{self, Blueprint},
    kernel::Machine,
    plan::{self, Observed},
    spec::{self, Source},
};

#[test]
fn every_lab_draws_the_blueprint_of_its_snapshot() {
    insta::glob!("../../../labs", "*/lab.yaml", |path| insta::assert_snapshot!(drawn(path)));
}

/// What no lab of the collection has.
#[test]
fn every_lab_for_tests_draws_the_blueprint_of_its_snapshot() {
    insta::glob!("labs", "*.yaml", |path| insta::assert_snapshot!(drawn(path)));
}

fn drawn(path: &Path) -> Blueprint {
    let topology = load(path);
    let blueprint = blueprint::draw(&topology, Machine::COMPLETE);
    assert_eq!(blueprint, blueprint::draw(&topology, Machine::COMPLETE), "drawing twice is the same");
    let plan = plan::between(&Observed::default(), &Blueprint::default(), &blueprint);
    assert_eq!(plan.len(), blueprint.len(), "a plan from nothing makes everything once");
    blueprint
}

fn load(path: &Path) -> fabric_core::topology::Topology {
    let text = fs::read_to_string(path).unwrap();
    let source = Source { name: path.display().to_string(), text };
    spec::load(&[source]).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"))
}
