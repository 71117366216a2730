use std::fmt::Write;

use super::*;
use crate::{
    blueprint,
    kernel::Machine,
    plan::{self, Observed},
    spec::{self, Source},
    topology::Topology,
};

const NODE: &str = "aks-nodepool1-11743156-vmss000000";

struct Lab {
    topology: Topology,
    blueprint: Blueprint,
    faults: Faults,
    machine: Machine,
}

impl Lab {
    fn new() -> Self {
        let text = include_str!("../../../../labs/kubenet/lab.yaml").to_owned();
        let topology = spec::load(&[Source { name: "lab.yaml".into(), text }]).unwrap();
        let blueprint = blueprint::draw(&topology, Machine::COMPLETE);
        Self { topology, blueprint, faults: Faults::default(), machine: Machine::COMPLETE }
    }

    /// Makes a change, and says what a user hears of it.
    fn say(&mut self, change: &Change) -> String {
        let scene = Scene { topology: &self.topology, blueprint: &self.blueprint, machine: self.machine };
        match self.faults.changed(scene, "default", change) {
            Ok(Changed { faults, subject, state, notes }) => {
                self.faults = faults;
                let mut text = format!("{subject} {state}");
                for note in notes {
                    write!(text, "\n{note}").unwrap();
                }
                text
            }
            Err(error) => format!("error: {error}"),
        }
    }

    fn link(&mut self, end: &str, change: LinkChange) -> String {
        self.say(&Change::Link { end: end.into(), change })
    }

    fn machine(&mut self, name: &str, runs: bool) -> String {
        self.say(&Change::Machine { name: name.into(), runs })
    }

    fn drawn(&self) -> Blueprint {
        let mut blueprint = self.blueprint.clone();
        self.faults.act_on(&mut blueprint);
        blueprint
    }

    /// The plan from the lab as it should be to the lab as it is.
    fn plan(&self) -> String {
        plan::between(&observed(&self.blueprint), &self.blueprint, &self.drawn()).to_string()
    }

    fn back(&self) -> String {
        let drawn = self.drawn();
        plan::between(&observed(&drawn), &drawn, &self.blueprint).to_string()
    }
}

fn observed(blueprint: &Blueprint) -> Observed {
    let object = |(key, part): (&Key, &blueprint::Part)| (key.clone(), part.object.clone());
    let places =
        blueprint.places.iter().map(|(place, parts)| (place.clone(), parts.iter().map(object).collect()));
    Observed { places: places.collect() }
}

fn delay(micros: u32) -> LinkChange {
    LinkChange::Set(Settings { delay: Some(micros), ..Settings::default() })
}

#[test]
fn a_link_that_is_down_takes_its_routes_with_it_and_gets_them_back() {
    let mut lab = Lab::new();
    assert_eq!(lab.link("a", LinkChange::Down), "pod/aks/default/a:eth0 down");
    insta::assert_snapshot!(lab.plan(), @"- pod/aks/default/a: up eth0  # pod/aks/default/a");
    insta::assert_snapshot!(lab.back(), @"
    + pod/aks/default/a: up eth0  # pod/aks/default/a
    + pod/aks/default/a: route default via 10.244.0.1 dev eth0  # pod/aks/default/a
    ");
    assert_eq!(lab.link("pod/a:eth0", LinkChange::Up), "pod/aks/default/a:eth0 up");
    assert!(lab.faults.is_empty());
    assert_eq!(lab.drawn(), lab.blueprint);
}

#[test]
fn a_stopped_node_is_a_switch_port_without_a_link() {
    let mut lab = Lab::new();
    assert_eq!(lab.machine(NODE, false), format!("node/{NODE} stopped"));
    insta::assert_snapshot!(lab.plan(), @"- host/aks-nodepool1-11743156-vmss000000: up vm0  # networkInterface/aks-nodepool1-11743156-vmss000000");
    insta::assert_snapshot!(lab.back(), @"
    + host/aks-nodepool1-11743156-vmss000000: up vm0  # networkInterface/aks-nodepool1-11743156-vmss000000
    + host/aks-nodepool1-11743156-vmss000000: route default via 10.224.0.4 dev vm0 onlink table 1  # networkInterface/aks-nodepool1-11743156-vmss000000
    + host/aks-nodepool1-11743156-vmss000000: route 10.244.0.0/24 via 10.224.0.4 dev vm0 onlink proto static metric 1  # routeTable/aks-agentpool-16404877-routetable/aks-nodepool1-11743156-vmss000000____102440024
    + host/aks-nodepool1-11743156-vmss000000: neighbour 10.224.0.4 dev vm0 lladdr 00:0d:3a:bc:e9:f5 permanent  # networkInterface/aks-nodepool1-11743156-vmss000000
    ");
    assert_eq!(
        lab.link(&format!("node/{NODE}"), LinkChange::Up),
        format!(
            "node/{NODE}:eth0 up\nnode/{NODE} is stopped, so this link stays down; `fabctl node start node/{NODE}` starts it"
        )
    );
    assert_eq!(lab.machine(&format!("node/{NODE}"), true), format!("node/{NODE} running"));
    assert!(lab.faults.is_empty());
    assert_eq!(lab.machine("device", false), "vm/device stopped");
    assert_eq!(lab.machine("vm/device", true), "vm/device running");
}

#[test]
fn both_ends_of_a_link_are_one_link() {
    let mut lab = Lab::new();
    let blueprint = lab.blueprint.clone();
    let links = Links::of(&blueprint);
    let pod: LinkEnd = "pod/aks/default/a:eth0".parse().unwrap();
    let far = links.other(&pod).unwrap();
    assert_eq!(links.other(&far), Some(pod.clone()));

    assert_eq!(lab.link("a", delay(50_000)), "pod/aks/default/a:eth0 delay 50ms");
    let more = LinkChange::Set(Settings { loss: Some(100_000), ..Settings::default() });
    assert_eq!(lab.link(&far.to_string(), more), format!("{far} delay 50ms loss 10%"));
    assert_eq!(lab.faults.list().len(), 1);
    insta::assert_snapshot!(lab.plan(), @"
    + node/aks-nodepool1-11743156-vmss000000: qdisc netem dev veth0a63e862 limit 1000 delay 50ms loss 10%  # fault/node/aks-nodepool1-11743156-vmss000000:veth0a63e862
    + pod/aks/default/a: qdisc netem dev eth0 limit 1000 delay 50ms loss 10%  # fault/node/aks-nodepool1-11743156-vmss000000:veth0a63e862
    ");
    assert_eq!(lab.faults.impairment(&links, &pod), lab.faults.impairment(&links, &far));
    assert_eq!(lab.link("a", LinkChange::Clear), "pod/aks/default/a:eth0 clear");
    assert!(lab.faults.is_empty());

    lab.link(&far.to_string(), LinkChange::Down);
    let up = lab.link("a", LinkChange::Up);
    assert_eq!(up, format!("{pod} up\nit was down at its other end, {far}, which is up again"));
    assert!(lab.faults.is_empty());
    lab.link("a", delay(50_000));
    assert_eq!(lab.link("a", delay(0)), "pod/aks/default/a:eth0 clear");
    assert!(lab.faults.is_empty());
}

#[test]
fn the_underlay_is_allowed_and_said() {
    let mut lab = Lab::new();
    assert_eq!(
        lab.link(&format!("host/{NODE}"), LinkChange::Down),
        format!(
            "host/{NODE}:pa0 down\nhost/{NODE}:pa0 is below the VNets: what its tunnels carry is lost too"
        )
    );
    assert!(lab.link("underlay", LinkChange::Down).contains("underlay:br0 is below"));
    assert!(!lab.link("machine/server", LinkChange::Down).contains("below"));
}

#[test]
fn what_cannot_be_done_is_said() {
    let mut lab = Lab::new();
    insta::assert_snapshot!(lab.link("z", LinkChange::Down), @"error: lab `kubenet` has no `z`");
    insta::assert_snapshot!(lab.link("a:eth7", LinkChange::Down), @"error: pod/aks/default/a has no interface `eth7`; it has eth0");
    insta::assert_snapshot!(lab.link("a:", LinkChange::Up), @"error: pod/aks/default/a has no interface ``; it has eth0");
    insta::assert_snapshot!(lab.link(&format!("node/{NODE}:lo"), LinkChange::Down), @"error: `lo` is no link to anywhere; node/aks-nodepool1-11743156-vmss000000 has eth0, cbr0, veth9a97ee3c, veth44634e33, veth0a63e862, veth9122c938");
    insta::assert_snapshot!(lab.link(&format!("node/{NODE}:cbr0"), delay(1)), @"error: node/aks-nodepool1-11743156-vmss000000:cbr0 is no veth: only a link between two interfaces can be slow or lossy; name one of them");
    insta::assert_snapshot!(lab.link("a", LinkChange::Set(Settings::default())), @"error: say what the link shall have: --delay, --jitter, --loss or --rate");
    let jitter = LinkChange::Set(Settings { jitter: Some(5_000), ..Settings::default() });
    insta::assert_snapshot!(lab.link("a", jitter), @"error: the jitter, 5ms, is more than the delay, 0us");
    insta::assert_snapshot!(lab.link("a", delay(60_000_001)), @"error: a delay of 60.000001s is more than 60s");
    let rate = LinkChange::Set(Settings { rate: Some(9), ..Settings::default() });
    insta::assert_snapshot!(lab.link("a", rate), @"error: a rate of 9 bit/s is no whole number of bytes a second");
    insta::assert_snapshot!(lab.machine("a", false), @"error: pod/aks/default/a is no node and no VM; `fabctl link down pod/aks/default/a` cuts it off");
    lab.machine.netem = false;
    insta::assert_snapshot!(lab.link("a", delay(1)), @"error: the kernel of this machine has no netem, which delays, loses and holds back packets; load it (modprobe sch_netem) or boot a kernel that has it (CONFIG_NET_SCH_NETEM), then start fabricd anew");
    assert!(lab.faults.is_empty());
    assert_eq!(lab.link("a", LinkChange::Clear), "pod/aks/default/a:eth0 clear");
}

#[test]
fn faults_stay_with_what_stays() {
    let mut lab = Lab::new();
    lab.link("a", LinkChange::Down);
    lab.link("b", delay(1));
    lab.machine("device", false);
    assert_eq!(lab.faults.kept(&lab.blueprint), lab.faults);
    let mut less = lab.blueprint.clone();
    let gone: Place = "pod/aks/default/b".parse().unwrap();
    less.places.remove(&gone);
    for parts in less.places.values_mut() {
        parts.retain(|_, part| !matches!(&part.object, Object::Veth(veth) if veth.peer.place == gone));
    }
    let kept: Vec<_> = lab.faults.kept(&less).list().into_iter().map(|(name, _)| name).collect();
    assert_eq!(kept, ["pod/aks/default/a:eth0", "vm/device"].map(str::to_owned));
    assert!(lab.faults.kept(&Blueprint::default()).is_empty());
    // And what is gone does nothing.
    lab.faults.act_on(&mut less);
}

#[test]
fn they_are_written_down_as_text() {
    let mut lab = Lab::new();
    lab.link("a", LinkChange::Down);
    lab.link("b", delay(1));
    lab.machine("device", false);
    let text = serde_json::to_string(&lab.faults).unwrap();
    insta::assert_snapshot!(text, @r#"{"down":["pod/aks/default/a:eth0"],"impaired":[["pod/aks/default/b:eth0",{"delay":1,"jitter":0,"loss":0,"rate":0}]],"stopped":["vm/device"]}"#);
    assert_eq!(serde_json::from_str::<Faults>(&text).unwrap(), lab.faults);
    for bad in [r#""down":["eth0"]"#, r#""down":["pod/a:eth0 x"]"#, r#""down":["sun/a:eth0"]"#] {
        let text = format!(r#"{{{bad},"impaired":[],"stopped":[]}}"#);
        assert!(serde_json::from_str::<Faults>(&text).is_err(), "{bad}");
    }
}
