use crate::{fake::Fake, run, run_with_stdin};

#[test]
fn a_difference_ends_with_1() {
    let fake = Fake::start();
    insta::assert_snapshot!(run_with_stdin(&fake, "diff -f -", "other"), @"");
    insta::assert_snapshot!(run_with_stdin(&fake, "diff -f -", "mistake"), @"");
    insta::assert_snapshot!(run(&fake, "verify"), @"");
    insta::assert_snapshot!(run(&fake, "verify whole"), @"");
    insta::assert_snapshot!(run(&fake, "verify --repair"), @"");
    insta::assert_snapshot!(run(&fake, "verify -o json"), @"");
}

#[test]
fn nodes_are_scaled_upgraded_and_restarted() {
    let fake = Fake::start();
    insta::assert_snapshot!(run(&fake, "scale nodepool np --count 3"), @"");
    insta::assert_snapshot!(run(&fake, "scale nodepool np --count 2"), @"");
    insta::assert_snapshot!(run(&fake, "scale nodepool np"), @"");
    insta::assert_snapshot!(run(&fake, "upgrade nodepool np -k 1.31"), @"");
    insta::assert_snapshot!(run(&fake, "restart node node/n"), @"");
    insta::assert_snapshot!(run(&fake, "restart node x"), @"");
}
