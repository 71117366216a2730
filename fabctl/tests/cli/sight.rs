//! Seeing a lab: its picture, and what happens to it.

use fabric_proto::v1::{Count, Event, events_response::Message};

use crate::{fake::Fake, run, run_with_stdin};

const LAB: &str = "apiVersion: fabric/v1\nkind: Lab\nmetadata: {name: small}\nvirtualNetworks:\n\
    - {name: vnet, addressPrefixes: [10.0.0.0/16], subnets: [{name: s, addressPrefix: 10.0.0.0/24}]}\n";

#[test]
fn a_picture_comes_from_the_daemon_or_from_files() {
    let fake = Fake::start();
    insta::assert_snapshot!(run(&fake, "graph"), @"
    a picture as Svg
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "graph kubenet -o mermaid"), @"
    a picture as Mermaid
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "--lab kubenet graph -o dot"), @"
    a picture as Dot
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "graph another"), @"
    ! error: there is no lab `another`
    [1]
    ");
    let picture = run_with_stdin(&fake, "graph -f -", LAB);
    assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n[0]\n"), "{picture}");
    for (file, begin) in [("x.svg", "<svg "), ("x.mmd", "flowchart LR"), ("x.gv", "digraph "), ("x", "<svg ")]
    {
        let path = fake.path(file);
        assert_eq!(run_with_stdin(&fake, &format!("graph -f - --file {path}"), LAB), "[0]\n");
        assert!(std::fs::read_to_string(&path).unwrap().starts_with(begin), "{file}");
    }
    let shown = run_with_stdin(&fake, "graph -f - --file /nowhere/x.svg", LAB);
    assert!(
        shown.starts_with("! error: cannot write /nowhere/x.svg: ") && shown.ends_with("[1]\n"),
        "{shown}"
    );
    let shown = run_with_stdin(&fake, "graph -f -", &LAB.replace("vnet", "v net"));
    assert!(shown.contains("! 1 mistake;") && shown.ends_with("[65]\n"), "{shown}");
    assert!(run(&fake, "graph kubenet -f x").ends_with("[64]\n"), "a lab and files do not go together");
}

#[test]
fn events_look_as_with_kubectl() {
    let fake = Fake::start();
    insta::assert_snapshot!(run(&fake, "events"), @"
    TIME                       LAB            OBJECT                                   REASON        MESSAGE
    2026-05-04T12:15:39.123Z   kubenet        pod/a                                    Added         node n0, address 10.244.0.15
    2026-05-04T12:15:39.123Z   kubenet        pod/web/c                                Added         node n0, address 10.244.0.15
    2026-05-04T12:15:39.123Z   kubenet        route/aks-agentpool-16404877-routetable/aks-nodepool1-11743156-vmss000000____102440024   Added         address prefix 10.244.0.0/24
    2026-05-04T12:15:39.123Z   kubenet        lab/kubenet                                    ApplyFailed   nothing was changed:  [31mno
    2026-05-04T12:15:39.123Z   kubenet        pod                                            Added         7 more
    ! 12 events came too fast and are not shown
    [0]
    ");
    insta::assert_snapshot!(run(&fake, "events kubenet --no-follow -o json"), @r#"
    {"number":1,"time":"2026-05-04T12:15:39.123456Z","lab":"kubenet","type":"Normal","reason":"Added","kind":"pod","namespace":"default","name":"a","message":"node n0, address 10.244.0.15"}
    {"number":2,"time":"2026-05-04T12:15:39.123456Z","lab":"kubenet","type":"Normal","reason":"Added","kind":"pod","namespace":"web","name":"c","message":"node n0, address 10.244.0.15"}
    {"number":1,"time":"2026-05-04T12:15:39.123456Z","lab":"kubenet","type":"Normal","reason":"Added","kind":"route","namespace":null,"name":"aks-agentpool-16404877-routetable/aks-nodepool1-11743156-vmss000000____102440024","message":"address prefix 10.244.0.0/24"}
    {"number":1,"time":"2026-05-04T12:15:39.123456Z","lab":"kubenet","type":"Warning","reason":"ApplyFailed","kind":"lab","namespace":null,"name":"kubenet","message":"nothing was changed:\n\u001b[31mno","counts":{"generation":3}}
    {"number":1,"time":"2026-05-04T12:15:39.123456Z","lab":"kubenet","type":"Normal","reason":"Added","kind":"pod","namespace":"default","name":null,"message":"7 more"}
    [0]
    "#);
    insta::assert_snapshot!(run(&fake, "events -o json --follow"), @r#"
    {"number":1,"time":"2026-05-04T12:15:39.123456Z","lab":"kubenet","type":"Normal","reason":"Added","kind":"pod","namespace":"default","name":"a","message":"node n0, address 10.244.0.15"}
    {"number":2,"time":"2026-05-04T12:15:39.123456Z","lab":"kubenet","type":"Normal","reason":"Added","kind":"pod","namespace":"web","name":"c","message":"node n0, address 10.244.0.15"}
    {"number":1,"time":"2026-05-04T12:15:39.123456Z","lab":"kubenet","type":"Normal","reason":"Added","kind":"route","namespace":null,"name":"aks-agentpool-16404877-routetable/aks-nodepool1-11743156-vmss000000____102440024","message":"address prefix 10.244.0.0/24"}
    {"number":1,"time":"2026-05-04T12:15:39.123456Z","lab":"kubenet","type":"Warning","reason":"ApplyFailed","kind":"lab","namespace":null,"name":"kubenet","message":"nothing was changed:\n\u001b[31mno","counts":{"generation":3}}
    {"number":1,"time":"2026-05-04T12:15:39.123456Z","lab":"kubenet","type":"Normal","reason":"Added","kind":"pod","namespace":"default","name":null,"message":"7 more"}
    {"missed":12}
    [0]
    "#);
    insta::assert_snapshot!(run(&fake, "events another"), @"
    TIME                       LAB            OBJECT                                   REASON        MESSAGE
    [0]
    ");
}

/// What the daemon that is none tells.
pub fn events() -> Vec<Message> {
    let event = Event {
        number: 1,
        unix_microseconds: 1_777_896_939_123_456,
        lab: "kubenet".into(),
        kind: "pod".into(),
        namespace: "default".into(),
        name: "a".into(),
        reason: "Added".into(),
        warning: false,
        message: "node n0, address 10.244.0.15".into(),
        counts: vec![],
    };
    let in_web = Event { number: 2, namespace: "web".into(), name: "c".into(), ..event.clone() };
    let route = Event {
        kind: "route".into(),
        namespace: String::new(),
        name: "aks-agentpool-16404877-routetable/aks-nodepool1-11743156-vmss000000____102440024".into(),
        message: "address prefix 10.244.0.0/24".into(),
        ..event.clone()
    };
    let failed = Event {
        kind: "lab".into(),
        namespace: String::new(),
        name: "kubenet".into(),
        reason: "ApplyFailed".into(),
        warning: true,
        message: "nothing was changed:\n\u{1b}[31mno".into(),
        counts: vec![Count { name: "generation".into(), value: 3 }],
        ..event.clone()
    };
    let more = Event { name: String::new(), message: "7 more".into(), ..event.clone() };
    [event, in_web, route, failed, more].into_iter().map(Message::Event).collect()
}
