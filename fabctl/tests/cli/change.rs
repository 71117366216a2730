use crate::{fake::Fake, run, run_with_stdin};

#[test]
fn a_difference_ends_with_1() {
    let fake = Fake::start();
    insta::assert_snapshot!(run_with_stdin(&fake, "diff -f -", "other"), @"
    + node/n  veth eth0  node n
    [1]
    ");
    insta::assert_snapshot!(run_with_stdin(&fake, "diff -f -", "mistake"), @"
    ! error: it is wrong
    !  --> lab.yaml:1:1
    !   |
    ! 1 | mistake
    !   | ^^^^^^^
    !   |
    !   = help: make it right
    ! 
    ! error: it is ugly
    !  --> lab.yaml:1:1
    !   |
    ! 1 | mistake
    !   | ^^^^^^^
    ! 
    ! 2 mistakes; nothing was changed
    [65]
    ");
    insta::assert_snapshot!(run(&fake, "verify"), @"
    missing: host/n: route 10.244.1.0/24 via 10.224.0.5 dev vnet  # routeTable/rt/n
    changed: node/n: sysctl net/ipv4/ip_forward = 1
    lab/kubenet: 2 differences
    [1]
    ");
    insta::assert_snapshot!(run(&fake, "verify whole"), @"
    lab/kubenet: as it should be
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "verify --repair"), @"
    missing: host/n: route 10.244.1.0/24 via 10.224.0.5 dev vnet  # routeTable/rt/n
    changed: node/n: sysctl net/ipv4/ip_forward = 1
    lab/kubenet: 2 differences, mended
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "verify -o json"), @r#"
    {
      "lab": "kubenet",
      "repaired": false,
      "differences": [
        {
          "difference": "missing",
          "place": "host/n",
          "object": "route 10.244.1.0/24 via 10.224.0.5 dev vnet",
          "cause": "routeTable/rt/n"
        },
        {
          "difference": "changed",
          "place": "node/n",
          "object": "sysctl net/ipv4/ip_forward = 1",
          "cause": ""
        }
      ]
    }
    [1]
    "#);
}

#[test]
fn nodes_are_scaled_upgraded_and_restarted() {
    let fake = Fake::start();
    insta::assert_snapshot!(run(&fake, "scale nodepool np --count 3"), @"
    nodepool/np scaled (97 ms)
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "scale nodepool np --count 2"), @"
    nodepool/np scaled: nothing to do (97 ms)
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "scale nodepool np"), @"
    ! error: the following required arguments were not provided:
    !   --count <N>
    ! 
    ! Usage: fabctl scale nodepool --count <N> <POOL>
    ! 
    ! For more information, try '--help'.
    [64]
    ");
    insta::assert_snapshot!(run(&fake, "upgrade nodepool np -k 1.31"), @"
    nodepool/np upgraded (97 ms)
    ! n is made anew 1.31
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "restart node node/n"), @"
    node/n restarted (97 ms)
    ! n goes down
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "restart node x"), @"
    ! error: lab `kubenet` has no AKS node `x`
    [1]
    ");
}
