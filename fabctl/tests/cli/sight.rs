//! Seeing a lab: its picture, and what happens to it.

use crate::{fake::Fake, run, run_with_stdin};

const LAB: &str = "apiVersion: fabric/v1\nkind: Lab\nmetadata: {name: small}\nvirtualNetworks:\n\
    - {name: vnet, addressPrefixes: [10.0.0.0/16], subnets: [{name: s, addressPrefix: 10.0.0.0/24}]}\n";

#[test]
fn a_picture_comes_from_the_daemon_or_from_files() {
    let fake = Fake::start();
    insta::assert_snapshot!(run(&fake, "graph"), @"");
    insta::assert_snapshot!(run(&fake, "graph kubenet -o mermaid"), @"");
    insta::assert_snapshot!(run(&fake, "--lab kubenet graph -o dot"), @"");
    insta::assert_snapshot!(run(&fake, "graph another"), @"");
    let picture = run_with_stdin(&fake, "graph -f -", LAB);
    assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n[0]\n"), "{picture}");
    for (file, begin) in [("x.svg", "<svg "), ("x.mmd", "flowchart LR"), ("x.gv", "digraph "), ("x", "<svg ")] {
        let path = fake.path(file);
        assert_eq!(run_with_stdin(&fake, &format!("graph -f - --file {path}"), LAB), "[0]\n");
        assert!(std::fs::read_to_string(&path).unwrap().starts_with(begin), "{file}");
    }
    let shown = run_with_stdin(&fake, "graph -f - --file /nowhere/x.svg", LAB);
    assert!(shown.starts_with("! error: cannot write /nowhere/x.svg: ") && shown.ends_with("[1]\n"), "{shown}");
    let shown = run_with_stdin(&fake, "graph -f -", &LAB.replace("vnet", "v net"));
    assert!(shown.contains("! 1 mistake;") && shown.ends_with("[65]\n"), "{shown}");
    assert!(run(&fake, "graph kubenet -f x").ends_with("[64]\n"), "a lab and files do not go together");
}

#[test]
fn events_look_as_with_kubectl() {
    let fake = Fake::start();
    insta::assert_snapshot!(run(&fake, "events"), @"");
    insta::assert_snapshot!(run(&fake, "events kubenet --no-follow -o json"), @"");
    insta::assert_snapshot!(run(&fake, "events -o json --follow"), @"");
    insta::assert_snapshot!(run(&fake, "events another"), @"");
}
