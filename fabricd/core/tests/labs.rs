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
    insta::glob!("../../../labs", "*/*.yaml", |path| {
        let blueprint = drawn(path);
        // The others of a folder are variations of labs that have one.
        if path.ends_with("lab.yaml") {
            insta::assert_snapshot!(blueprint);
        }
    });
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

/// What is compared is the network: everything else is written alike.
#[test]
fn labs_that_are_compared_differ_in_their_cluster_only() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../labs/compare-network-models");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let labs = files.filter(|file| file.extension().is_some_and(|end| end == "yaml"));
    let texts: Vec<String> = labs.map(|file| fs::read_to_string(file).unwrap()).collect();
    assert!(texts.len() >= 4);
    let behind_the_cluster =
        |text: &String| text.split_once("\nvirtualMachines:").map(|(_, rest)| rest.to_owned());
    let [first, others @ ..] = texts.as_slice() else { unreachable!() };
    assert!(behind_the_cluster(first).is_some());
    for other in others {
        assert_eq!(behind_the_cluster(other), behind_the_cluster(first));
    }
}

fn load(path: &Path) -> fabric_core::topology::Topology {
    let text = fs::read_to_string(path).unwrap();
    let source = Source { name: path.display().to_string(), text };
    spec::load(&[source]).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"))
}
