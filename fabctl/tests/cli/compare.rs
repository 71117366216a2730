//! `fabctl compare` before it has made a lab.

use std::fs;

use crate::{fake::Fake, run};

const LAB: &str = "apiVersion: fabric/v1\nkind: Lab\nmetadata:\n  name: NAME\n";

/// Runs it where `NAME.yaml` is a lab of that name and `wrong.yaml` is none.
fn compare(arguments: &str) -> String {
    let fake = Fake::start();
    let folder = fake.path("");
    for name in ["one", "two"] {
        fake.file(&format!("{name}.yaml"), &LAB.replace("NAME", name));
    }
    fake.file("wrong.yaml", "apiVersion: fabric/v1\nkind: Lab\nmetadata:\n  nam: x\n");
    let arguments = arguments.replace("AT/", &folder);
    run(&fake, &format!("compare {arguments}")).replace(&folder, "AT/")
}

#[test]
fn what_no_lab_has_is_told_before_anything_is_made() {
    insta::assert_snapshot!(compare("a b AT/one.yaml AT/two.yaml"), @r"
    ! error: lab `one` has no `a`; it has no pods, VMs, machines or nodes
    ! error: lab `two` has no `a`; it has no pods, VMs, machines or nodes
    [1]
    ");
    insta::assert_snapshot!(compare("a b AT/one.yaml -o json"), @r#"
    {
      "source": "a",
      "destination": "b",
      "labs": [
        {
          "lab": "one",
          "path": "AT/one.yaml",
          "error": "lab `one` has no `a`; it has no pods, VMs, machines or nodes"
        }
      ]
    }
    ! error: lab `one` has no `a`; it has no pods, VMs, machines or nodes
    [1]
    "#);
}

#[test]
fn mistakes_in_one_file_keep_all_labs_from_being_made() {
    insta::assert_snapshot!(compare("a b AT/one.yaml AT/wrong.yaml"), @r"
    ! error: a lab needs `metadata.name`
    !  --> AT/wrong.yaml:3:1
    !   |
    ! 3 | metadata:
    !   | ^^^^^^^^
    !   |
    !   = help: lower case letters, digits and `-`, at most 32
    ! 
    ! error: unknown field `nam`
    !  --> AT/wrong.yaml:4:3
    !   |
    ! 4 |   nam: x
    !   |   ^^^
    !   |
    !   = help: did you mean `name`?
    ! 
    ! 2 mistakes; nothing was changed
    [65]
    ");
    insta::assert_snapshot!(compare("a b AT/nowhere.yaml"), @r"
    ! error: AT/nowhere.yaml: No such file or directory (os error 2)
    [1]
    ");
}

#[test]
fn a_comparison_needs_two_ends_and_a_lab() {
    for arguments in ["", "a", "a b", "a b AT/one.yaml -o name", "a b AT/one.yaml -j x"] {
        assert!(compare(arguments).ends_with("[64]\n"), "{arguments}");
    }
    let many = "AT/one.yaml ".repeat(17);
    insta::assert_snapshot!(compare(&format!("a b {many}")), @r"
    ! error: 17 labs; 16 can be compared at a time
    [64]
    ");
    let help = compare("--help");
    assert!(
        help.contains("fabctl compare client server labs/compare-network-models") && help.ends_with("[0]\n")
    );
}

#[test]
fn a_folder_may_hold_several_labs() {
    let fake = Fake::start();
    let labs = fake.path("labs");
    fs::create_dir(&labs).unwrap();
    for name in ["one", "two"] {
        fs::write(format!("{labs}/{name}.yaml"), LAB.replace("NAME", name)).unwrap();
    }
    let shown = run(&fake, &format!("compare a b {labs}"));
    insta::assert_snapshot!(shown, @r"
    ! error: lab `one` has no `a`; it has no pods, VMs, machines or nodes
    ! error: lab `two` has no `a`; it has no pods, VMs, machines or nodes
    [1]
    ");
}
