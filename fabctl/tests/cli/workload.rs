use crate::{fake::Fake, run};

#[test]
fn deployments_are_scaled() {
    let fake = Fake::start();
    insta::assert_snapshot!(run(&fake, "scale deployment web --replicas 3"), @"
    deployment/web scaled (97 ms)
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "scale --replicas=2 deployment/web"), @"
    deployment/web scaled: nothing to do (97 ms)
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "scale deploy wep --replicas 1 -n shop --lab x --cluster blue"), @"
    ! error: there is no Deployment `x:blue:shop:wep`; did you mean `web`?
    [1]
    ");
    insta::assert_snapshot!(run(&fake, "scale deployment web --replicas -1"), @"
    ! error: invalid value '-1' for '--replicas <N>': write a number from 0 to 20000
    ! 
    ! For more information, try '--help'.
    [64]
    ");
    assert!(run(&fake, "scale deployment web").ends_with("[64]\n"));
}

#[test]
fn what_is_exposed_gets_a_service() {
    let fake = Fake::start();
    insta::assert_snapshot!(run(&fake, "expose deployment web --port 80"), @r#"
    service/web exposed (97 ms)
    ! ExposeRequest { lab: "", name: "web", port: 80, target_port: "", r#type: ClusterIp, protocol: Tcp, dry_run: false, workload: Some(Deployment(Workload { cluster: "", namespace: "", name: "web" })) }
    ! 
    [0]
    "#);
    let line =
        "expose pod/a --port 53 --target-port dns --protocol udp --type nodeport --name x -n shop --dry-run";
    insta::assert_snapshot!(run(&fake, line), @r#"
    ExposeRequest { lab: "", name: "x", port: 53, target_port: "dns", r#type: NodePort, protocol: Udp, dry_run: true, workload: Some(Pod(Workload { cluster: "", namespace: "shop", name: "a" })) }
    service/x: 3 to create, 0 to change, 0 to remove (dry run)
    [0]
    "#);
    insta::assert_snapshot!(run(&fake, "expose deploy web --port 80 --name taken"), @"
    ! error: a Service `taken` exists already in the namespace `default`
    [1]
    ");
    for line in ["expose deployment web", "expose service web --port 80", "expose pod a --port 0"] {
        assert!(run(&fake, line).ends_with("[64]\n"), "{line}");
    }
}

#[test]
fn pods_are_switched_to_not_ready_and_back() {
    let fake = Fake::start();
    insta::assert_snapshot!(run(&fake, "pod a --ready=false"), @"
    pod/a not ready (97 ms)
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "pod pod/a --ready true"), @"
    pod/a ready: nothing to do (97 ms)
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "pod n0 --ready=false -n web --lab x"), @"
    ! error: `x:web:n0` is no pod
    [1]
    ");
    assert!(run(&fake, "pod a").ends_with("[64]\n"));
}
