use crate::{fake::Fake, run};

#[test]
fn faults_are_asked_for_and_told() {
    let fake = Fake::start();
    insta::assert_snapshot!(run(&fake, "link down pod/a"), @"
    ::pod/a LinkDown(LinkDown)
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "--lab kubenet -n web link up again"), @"
    kubenet:web:again already LinkUp(LinkUp)
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "link set a:eth0 --delay 50ms --jitter 1.5ms --loss 0.5% --rate 10mbit"), @"
    ::a:eth0 LinkSet(LinkSet { delay_microseconds: Some(50000), jitter_microseconds: Some(1500), loss_per_million: Some(5000), rate_bits_per_second: Some(10000000) })
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "link set a --loss 0 -o name"), @"
    ::a
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "link clear underlay"), @"
    ::underlay LinkClear(LinkClear)
    ! note: it is below the VNets
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "node stop n0 -o json"), @r#"
    {
      "name": "::n0",
      "state": "MachineStop(MachineStop)",
      "changed": true,
      "notes": []
    }
    [0]
    "#);
    insta::assert_snapshot!(run(&fake, "node start underlay -o json"), @r#"
    {
      "name": "::underlay",
      "state": "MachineStart(MachineStart)",
      "changed": true,
      "notes": [
        "it is below the VNets"
      ]
    }
    [0]
    "#);
    insta::assert_snapshot!(run(&fake, "link list"), @"
    ! No resources found.
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "link list -o json"), @r#"
    {
        "apiVersion": "v1",
        "items": [],
        "kind": "List"
    }
    [0]
    "#);
}

#[test]
fn bad_faults_are_refused() {
    let fake = Fake::start();
    insta::assert_snapshot!(run(&fake, "link down nowhere"), @"
    ! error: lab `kubenet` has no `nowhere`
    [1]
    ");
    insta::assert_snapshot!(run(&fake, "link set a --delay 50"), @"
    ! error: invalid value '50' for '--delay <TIME>': `50` is no time: write it as 50ms, 300us or 1s
    ! 
    ! For more information, try '--help'.
    [64]
    ");
    insta::assert_snapshot!(run(&fake, "link set a --loss 101%"), @"
    ! error: invalid value '101%' for '--loss <SHARE>': `101%` is no share of packets: write it as 10% or 0.5%, at most 100%
    ! 
    ! For more information, try '--help'.
    [64]
    ");
    insta::assert_snapshot!(run(&fake, "link set a --rate fast"), @"
    ! error: invalid value 'fast' for '--rate <RATE>': `fast` is no rate: write it as 10mbit, 512kbit or 1gbit
    ! 
    ! For more information, try '--help'.
    [64]
    ");
    insta::assert_snapshot!(run(&fake, "node stop"), @"
    ! error: the following required arguments were not provided:
    !   <NAME>
    ! 
    ! Usage: fabctl node stop <NAME>
    ! 
    ! For more information, try '--help'.
    [64]
    ");
}
