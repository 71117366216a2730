use crate::{fake::Fake, run, run_with_stdin};

#[test]
fn an_apply_says_what_it_did() {
    let fake = Fake::start();
    let file = |text| fake.file("lab.yaml", text);
    insta::assert_snapshot!(run(&fake, &format!("apply -f {}", file("new"))), @"
    lab/kubenet created (43 objects, 97 ms)
    [0]
    ");
    insta::assert_snapshot!(run(&fake, &format!("apply -f {}", file("other"))), @"
    lab/kubenet configured (43 objects, 97 ms)
    [0]
    ");
    insta::assert_snapshot!(run(&fake, &format!("apply -f {}", file("again"))), @"
    lab/kubenet unchanged (97 ms)
    [0]
    ");
    insta::assert_snapshot!(run(&fake, &format!("apply --dry-run -f {}", file("new"))), @"
    + node/n  veth eth0  node n
    lab/kubenet: 43 to create, 0 to change, 0 to remove (dry run)
    [0]
    ");
    insta::assert_snapshot!(run(&fake, &format!("apply -o json -f {}", file("new"))), @r#"
    {
      "lab": "kubenet",
      "result": "created",
      "generation": 1,
      "create": 43,
      "change": 0,
      "remove": 0,
      "milliseconds": 97
    }
    [0]
    "#);
    insta::assert_snapshot!(run_with_stdin(&fake, "apply -o name -f -", "new"), @"
    lab/kubenet
    [0]
    ");
}

#[test]
fn mistakes_are_shown_and_end_with_65() {
    let fake = Fake::start();
    insta::assert_snapshot!(run_with_stdin(&fake, "apply -f -", "a: mistake\n"), @"
    ! error: it is wrong
    !  --> lab.yaml:1:4
    !   |
    ! 1 | a: mistake
    !   |    ^^^^^^^
    !   |
    !   = help: make it right
    ! 
    ! error: it is ugly
    !  --> lab.yaml:1:4
    !   |
    ! 1 | a: mistake
    !   |    ^^^^^^^
    ! 
    ! 2 mistakes; nothing was changed
    [65]
    ");
    insta::assert_snapshot!(run_with_stdin(&fake, "apply -o json -f -", "a: mistake\n"), @r#"
    {
      "result": "rejected",
      "diagnostics": [
        {
          "message": "it is wrong",
          "help": "make it right",
          "file": "lab.yaml",
          "line": 1,
          "column": 4,
          "length": 7
        },
        {
          "message": "it is ugly",
          "help": null,
          "file": "lab.yaml",
          "line": 1,
          "column": 4,
          "length": 7
        }
      ]
    }
    [65]
    "#);
}

#[test]
fn a_kernel_that_refuses_is_told_in_the_daemons_words() {
    let fake = Fake::start();
    insta::assert_snapshot!(run_with_stdin(&fake, "apply -f -", "refuse"), @"
    ! error: the kernel refused veth `x`; the lab is as it was
    [1]
    ");
}

#[test]
fn a_lab_is_deleted_by_name_or_by_file() {
    let fake = Fake::start();
    let file = fake.file("lab.yaml", "kind: Lab\nmetadata:\n  name: kubenet\nbroken: [\n");
    insta::assert_snapshot!(run(&fake, "delete lab kubenet"), @"
    lab/kubenet deleted (12 ms)
    [0]
    ");
    insta::assert_snapshot!(run(&fake, &format!("delete -f {file}")), @"
    lab/kubenet deleted (12 ms)
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "delete lab/kubnet lab/kubenet"), @"
    lab/kubenet deleted (12 ms)
    ! error: there is no lab `kubnet`; did you mean `kubenet`?
    [1]
    ");
    insta::assert_snapshot!(run(&fake, "delete --ignore-not-found lab kubnet"), @"[0]");
    insta::assert_snapshot!(run(&fake, "delete pod a"), @"
    ! error: only labs can be deleted: `fabctl delete lab NAME`; to take a part away, apply a file without it
    [64]
    ");
}
