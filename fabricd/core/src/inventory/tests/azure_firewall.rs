use crate::{
    fault::Faults,
    inventory::{Kind, list},
    spec::{self, Source},
};

#[test]
fn a_firewall_looks_as_in_az() {
    let text = include_str!("../../../tests/labs/azure-firewall.yaml").to_owned();
    let topology = spec::load(&[Source { name: "lab.yaml".into(), text }]).expect("the lab");
    let all = list(&topology, &Faults::default(), Kind::AzureFirewalls, None, None);
    let [firewall] = all.as_slice() else { panic!("{all:?}") };
    insta::assert_snapshot!(serde_json::to_string_pretty(&firewall.object).unwrap());
}
