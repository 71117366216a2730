//! What is answered, by CoreDNS, Azure DNS and servers of one's own.

use std::fmt::Write;

use insta::assert_snapshot;

use super::{
    Server, Step, Zones, coredns_pods, of_machine, of_pod, of_vm,
    record::{Answer, Code, Data, Kind, Question, Record},
    wire::{self, Carrier, Query},
};
use crate::{
    identity::identity,
    place::Place,
    spec::{self, Source},
    topology::Topology,
};

const LAB: &str = include_str!("tests/lab.yaml");

fn topology(text: &str) -> Topology {
    let source = Source { name: "lab.yaml".into(), text: text.to_owned() };
    spec::load(&[source]).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn coredns(topology: &Topology) -> std::sync::Arc<Server> {
    let cluster = &topology.managed_clusters[0];
    let (_, pod) = coredns_pods(cluster).next().expect("a pod of CoreDNS");
    Zones::of(topology).server(&cluster.pod_place(pod)).expect("a server").clone()
}

fn azure(topology: &Topology, network: &str) -> std::sync::Arc<Server> {
    let place = Place::Platform { virtual_network: network.to_owned() };
    Zones::of(topology).server(&place).expect("a server").clone()
}

fn vm(topology: &Topology, name: &str) -> std::sync::Arc<Server> {
    let place = Place::VirtualMachine { name: name.to_owned() };
    Zones::of(topology).server(&place).expect("a server").clone()
}

fn question(text: &str) -> Question {
    let (kind, name) = text.split_once(' ').expect("TYPE NAME");
    let kind = match kind {
        "A" => Kind::A,
        "AAAA" => Kind::Aaaa,
        "SRV" => Kind::Srv,
        "PTR" => Kind::Ptr,
        "TXT" => Kind::Txt,
        "SOA" => Kind::Soa,
        "NS" => Kind::Ns,
        "CNAME" => Kind::Cname,
        "MX" => Kind::Mx,
        other => panic!("{other}"),
    };
    Question { name: name.to_owned(), kind }
}

/// Questions and what comes of them, in dig's manner.
fn told(server: &Server, questions: &[&str]) -> String {
    let mut told = String::new();
    for text in questions {
        match server.resolve(&question(text)) {
            Step::Done(answer) => {
                writeln!(told, "{text}: {:?}{}", answer.code, if answer.authoritative { " aa" } else { "" })
                    .unwrap();
                write_records(&mut told, &answer);
            }
            Step::Ask(forward, pending) => {
                let to: Vec<String> = forward.to.iter().map(ToString::to_string).collect();
                let plain = if pending.is_plain() { "" } else { " for " };
                let other = if pending.is_plain() { "" } else { &pending.question().name };
                writeln!(told, "{text}: ask {}{plain}{other}", to.join(" ")).unwrap();
            }
        }
    }
    told
}

fn write_records(told: &mut String, answer: &Answer) {
    let sections =
        [("", &answer.answers), ("authority ", &answer.authority), ("additional ", &answer.additional)];
    for (section, records) in sections {
        for record in records {
            writeln!(told, "  {section}{} {} {:?}", record.name, record.ttl, record.data).unwrap();
        }
    }
}

#[test]
fn services_have_names() {
    let topology = topology(LAB);
    assert_snapshot!(told(&coredns(&topology), &[
        "A kubernetes.default.svc.cluster.local",
        "A kube-dns.kube-system.svc.cluster.local",
        "A web.default.svc.cluster.local",
        "AAAA web.default.svc.cluster.local",
        "SRV _http._tcp.web.default.svc.cluster.local",
        "SRV web.default.svc.cluster.local",
        "A nothing.default.svc.cluster.local",
        "A default.svc.cluster.local",
        "A elsewhere.svc.cluster.local",
        "TXT dns-version.cluster.local",
        "NS cluster.local",
    ]), @r#"
    A kubernetes.default.svc.cluster.local: NoError aa
      kubernetes.default.svc.cluster.local 30 A(10.0.0.1)
    A kube-dns.kube-system.svc.cluster.local: NoError aa
      kube-dns.kube-system.svc.cluster.local 30 A(10.0.0.10)
    A web.default.svc.cluster.local: NoError aa
      web.default.svc.cluster.local 30 A(10.0.10.196)
    AAAA web.default.svc.cluster.local: NoError aa
      authority cluster.local 30 Soa { server: "ns.dns.cluster.local", mailbox: "hostmaster.cluster.local", minimum: 30 }
    SRV _http._tcp.web.default.svc.cluster.local: NoError aa
      _http._tcp.web.default.svc.cluster.local 30 Srv { priority: 0, weight: 100, port: 80, target: "web.default.svc.cluster.local" }
      additional web.default.svc.cluster.local 30 A(10.0.10.196)
    SRV web.default.svc.cluster.local: NoError aa
      web.default.svc.cluster.local 30 Srv { priority: 0, weight: 50, port: 80, target: "web.default.svc.cluster.local" }
      web.default.svc.cluster.local 30 Srv { priority: 0, weight: 50, port: 443, target: "web.default.svc.cluster.local" }
      additional web.default.svc.cluster.local 30 A(10.0.10.196)
    A nothing.default.svc.cluster.local: NxDomain aa
      authority cluster.local 30 Soa { server: "ns.dns.cluster.local", mailbox: "hostmaster.cluster.local", minimum: 30 }
    A default.svc.cluster.local: NoError aa
      authority cluster.local 30 Soa { server: "ns.dns.cluster.local", mailbox: "hostmaster.cluster.local", minimum: 30 }
    A elsewhere.svc.cluster.local: NxDomain aa
      authority cluster.local 30 Soa { server: "ns.dns.cluster.local", mailbox: "hostmaster.cluster.local", minimum: 30 }
    TXT dns-version.cluster.local: NoError aa
      dns-version.cluster.local 30 Txt(["1.1.0"])
    NS cluster.local: NoError aa
      cluster.local 30 Ns("kube-dns.kube-system.svc.cluster.local")
    "#);
}

#[test]
fn headless_services_have_those_of_their_pods() {
    let topology = topology(LAB);
    assert_snapshot!(told(&coredns(&topology), &[
        "A db.default.svc.cluster.local",
        "A db-0.db.default.svc.cluster.local",
        "SRV _sql._tcp.db.default.svc.cluster.local",
        "A bare.default.svc.cluster.local",
        "A all.default.svc.cluster.local",
    ]), @r#"
    A db.default.svc.cluster.local: NoError aa
      db.default.svc.cluster.local 30 A(10.244.0.2)
      db.default.svc.cluster.local 30 A(10.244.1.1)
    A db-0.db.default.svc.cluster.local: NoError aa
      db-0.db.default.svc.cluster.local 30 A(10.244.1.1)
    SRV _sql._tcp.db.default.svc.cluster.local: NoError aa
      _sql._tcp.db.default.svc.cluster.local 30 Srv { priority: 0, weight: 50, port: 5432, target: "10-244-0-2.db.default.svc.cluster.local" }
      _sql._tcp.db.default.svc.cluster.local 30 Srv { priority: 0, weight: 50, port: 5432, target: "db-0.db.default.svc.cluster.local" }
      additional 10-244-0-2.db.default.svc.cluster.local 30 A(10.244.0.2)
      additional db-0.db.default.svc.cluster.local 30 A(10.244.1.1)
    A bare.default.svc.cluster.local: NoError aa
      bare.default.svc.cluster.local 30 A(10.244.0.2)
      bare.default.svc.cluster.local 30 A(10.244.1.1)
    A all.default.svc.cluster.local: NoError aa
      all.default.svc.cluster.local 30 A(10.244.0.2)
      all.default.svc.cluster.local 30 A(10.244.1.1)
    "#);
    let mut conditions = topology.conditions.clone();
    conditions.switched_off.insert("aks/default/db-0".to_owned());
    let topology = topology.with_conditions(conditions);
    assert_snapshot!(told(&coredns(&topology), &[
        "A db.default.svc.cluster.local",
        "A db-0.db.default.svc.cluster.local",
        "A all.default.svc.cluster.local",
    ]), @r#"
    A db.default.svc.cluster.local: NoError aa
      db.default.svc.cluster.local 30 A(10.244.0.2)
    A db-0.db.default.svc.cluster.local: NxDomain aa
      authority cluster.local 30 Soa { server: "ns.dns.cluster.local", mailbox: "hostmaster.cluster.local", minimum: 30 }
    A all.default.svc.cluster.local: NoError aa
      all.default.svc.cluster.local 30 A(10.244.0.2)
      all.default.svc.cluster.local 30 A(10.244.1.1)
    "#);
}

#[test]
fn pods_and_addresses_have_names() {
    let topology = topology(LAB);
    assert_snapshot!(told(&coredns(&topology), &[
        "A 10-244-0-13.default.pod.cluster.local",
        "AAAA 10-244-0-13.default.pod.cluster.local",
        "A 10-244-0-13.elsewhere.pod.cluster.local",
        "A a.default.pod.cluster.local",
        "PTR 1.0.0.10.in-addr.arpa",
        "PTR 9.9.0.10.in-addr.arpa",
    ]), @r#"
    A 10-244-0-13.default.pod.cluster.local: NoError aa
      10-244-0-13.default.pod.cluster.local 30 A(10.244.0.13)
    AAAA 10-244-0-13.default.pod.cluster.local: NoError aa
      authority cluster.local 30 Soa { server: "ns.dns.cluster.local", mailbox: "hostmaster.cluster.local", minimum: 30 }
    A 10-244-0-13.elsewhere.pod.cluster.local: NxDomain aa
      authority cluster.local 30 Soa { server: "ns.dns.cluster.local", mailbox: "hostmaster.cluster.local", minimum: 30 }
    A a.default.pod.cluster.local: NxDomain aa
      authority cluster.local 30 Soa { server: "ns.dns.cluster.local", mailbox: "hostmaster.cluster.local", minimum: 30 }
    PTR 1.0.0.10.in-addr.arpa: NoError aa
      1.0.0.10.in-addr.arpa 30 Ptr("kubernetes.default.svc.cluster.local")
    PTR 9.9.0.10.in-addr.arpa: ask 168.63.129.16:53
    "#);
}

#[test]
fn what_is_not_the_clusters_is_asked_for_elsewhere() {
    let topology = topology(LAB);
    assert_snapshot!(told(&coredns(&topology), &[
        "A example.com",
        "A ext.default.svc.cluster.local",
        "CNAME ext.default.svc.cluster.local",
        "A inner.default.svc.cluster.local",
        "A web.default.svc.cluster.local.abcd.bx.internal.cloudapp.net",
        "A vm.abcd.bx.internal.cloudapp.net",
        "A anything.reddog.microsoft.com",
        "A db.corp.example",
        "A api.stub.example",
        "A other.stub.example",
        "A old.example.com",
    ]), @r#"
    A example.com: ask 168.63.129.16:53
    A ext.default.svc.cluster.local: ask 168.63.129.16:53 for example.com
    CNAME ext.default.svc.cluster.local: NoError aa
      ext.default.svc.cluster.local 30 Cname("example.com")
    A inner.default.svc.cluster.local: NoError aa
      inner.default.svc.cluster.local 30 Cname("web.default.svc.cluster.local")
      web.default.svc.cluster.local 30 A(10.0.10.196)
    A web.default.svc.cluster.local.abcd.bx.internal.cloudapp.net: NxDomain aa
    A vm.abcd.bx.internal.cloudapp.net: ask 168.63.129.16:53
    A anything.reddog.microsoft.com: NxDomain aa
    A db.corp.example: ask 10.225.0.4:53
    A api.stub.example: NoError aa
      api.stub.example 3600 A(10.0.5.5)
    A other.stub.example: ask 10.9.9.9:53 10.9.9.10:5353
    A old.example.com: NoError aa
      old.example.com 30 A(10.0.10.196)
    "#);
}

#[test]
fn azure_answers_for_its_virtual_network() {
    let topology = topology(LAB);
    let domain = super::internal_domain(&topology.virtual_networks[0]);
    let own = format!("A vm.{domain}");
    assert_snapshot!(told(&azure(&topology, "vnet"), &[
        &own,
        "PTR 50.0.224.10.in-addr.arpa",
        "A db.corp.internal",
        "A www.corp.internal",
        "A vm.corp.internal",
        "A any.wild.corp.internal",
        "TXT corp.internal",
        "MX corp.internal",
        "A none.corp.internal",
        "A example.com",
        "A nowhere.example.net",
    ]).replace(&domain, "DOMAIN"), @r#"
    A vm.DOMAIN: NoError
      vm.DOMAIN 10 A(10.224.0.50)
    PTR 50.0.224.10.in-addr.arpa: NoError
      50.0.224.10.in-addr.arpa 10 Ptr("vm.corp.internal")
    A db.corp.internal: NoError
      db.corp.internal 60 A(10.224.0.60)
      db.corp.internal 60 A(10.224.0.61)
    A www.corp.internal: NoError
      www.corp.internal 3600 Cname("example.com")
      example.com 300 A(203.0.113.10)
    A vm.corp.internal: NoError
      vm.corp.internal 10 A(10.224.0.50)
    A any.wild.corp.internal: NoError
      any.wild.corp.internal 3600 A(10.224.0.70)
    TXT corp.internal: NoError
      corp.internal 3600 Txt(["v=spf1 -all"])
    MX corp.internal: NoError
      authority corp.internal 3600 Soa { server: "azureprivatedns.net", mailbox: "azureprivatedns-host.microsoft.com", minimum: 10 }
    A none.corp.internal: NxDomain
      authority corp.internal 3600 Soa { server: "azureprivatedns.net", mailbox: "azureprivatedns-host.microsoft.com", minimum: 10 }
    A example.com: NoError
      example.com 300 A(203.0.113.10)
    A nowhere.example.net: NxDomain
      authority  86400 Soa { server: "a.root-servers.net", mailbox: "nstld.verisign-grs.com", minimum: 86400 }
    "#);
    assert_snapshot!(told(&azure(&topology, "hub"), &["A db.corp.internal", &own]).replace(&domain, "DOMAIN"), @r#"
    A db.corp.internal: NxDomain
      authority  86400 Soa { server: "a.root-servers.net", mailbox: "nstld.verisign-grs.com", minimum: 86400 }
    A vm.DOMAIN: NxDomain
      authority  86400 Soa { server: "a.root-servers.net", mailbox: "nstld.verisign-grs.com", minimum: 86400 }
    "#);
}

#[test]
fn a_server_of_ones_own_knows_its_zones_and_asks_for_others() {
    let topology = topology(LAB);
    assert_snapshot!(told(&vm(&topology, "dns"), &[
        "A db.corp.example",
        "A none.corp.example",
        "A example.com",
    ]), @r#"
    A db.corp.example: NoError aa
      db.corp.example 3600 A(192.168.0.20)
    A none.corp.example: NxDomain aa
      authority corp.example 300 Soa { server: "ns.corp.example", mailbox: "hostmaster.corp.example", minimum: 300 }
    A example.com: ask 168.63.129.16:53
    "#);
    assert_snapshot!(told(&vm(&topology, "vm"), &["A example.com", "A a.lone.example"]), @"
    A example.com: Refused
    A a.lone.example: NoError aa
      a.lone.example 3600 A(10.0.0.1)
    ");
}

#[test]
fn places_ask_the_right_servers() {
    let topology = topology(LAB);
    let cluster = &topology.managed_clusters[0];
    let mut told = String::new();
    for pod in cluster.pods.iter().filter(|pod| pod.name.starts_with("conf") || pod.name == "web") {
        writeln!(told, "{}:\n{}", pod.name, of_pod(&topology, cluster, pod)).unwrap();
    }
    writeln!(told, "vnet:\n{}\nhub:\n{}", of_vm(&topology, 0), of_vm(&topology, 1)).unwrap();
    writeln!(told, "office:\n{}", of_machine(&topology.on_premises[0])).unwrap();
    let domain = super::internal_domain(&topology.virtual_networks[0]);
    assert_snapshot!(told.replace(&domain, "DOMAIN"), @"
    web:
    search default.svc.cluster.local svc.cluster.local cluster.local DOMAIN
    nameserver 10.0.0.10
    options ndots:5

    conf-default:
    search DOMAIN
    nameserver 168.63.129.16

    conf-none:
    search a.example
    nameserver 10.1.1.1
    options ndots:2 rotate

    conf-more:
    search default.svc.cluster.local svc.cluster.local cluster.local DOMAIN a.example
    nameserver 10.0.0.10
    options ndots:1

    conf-host:
    search DOMAIN
    nameserver 168.63.129.16

    vnet:
    nameserver 168.63.129.16
    search DOMAIN

    hub:
    nameserver 10.225.0.4
    search reddog.microsoft.com

    office:
    nameserver 192.168.0.53
    ");
    let files = identity(&topology, &Place::VirtualMachine { name: "vm".into() }).files;
    let resolv_conf = files.iter().find(|(path, _)| path == "/etc/resolv.conf").expect("the file");
    assert_eq!(resolv_conf.1, of_vm(&topology, 0).to_string());
}

#[test]
fn cnames_end_somewhere() {
    let zones: String = (0..20)
        .map(|number| {
            format!(
                "      - {{name: c{number}, type: CNAME, values: [c{}.loop.example]}}\n",
                (number + 1) % 20
            )
        })
        .collect();
    let text = format!(
        "apiVersion: fabric/v1\nkind: Lab\nmetadata: {{name: loop}}\nvirtualNetworks:\n- name: vnet\n  \
         addressPrefixes: [10.0.0.0/16]\n  subnets: [{{name: s, addressPrefix: 10.0.0.0/24}}]\nvirtualMachines:\n\
         - name: dns\n  subnet: vnet/s\n  dnsServer:\n    zones:\n    - name: loop.example\n      recordSets:\n{zones}"
    );
    let topology = topology(&text);
    let Step::Done(answer) = vm(&topology, "dns").resolve(&question("A c0.loop.example")) else { panic!() };
    assert_eq!(answer.code, Code::ServFail);
}

/// `dig +noedns` of a name, as it is on the wire.
fn query(name: &str, size: Option<u16>) -> Vec<u8> {
    let mut bytes = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(size.is_some())];
    for label in name.split('.') {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend_from_slice(label.as_bytes());
    }
    bytes.extend_from_slice(&[0, 0, 1, 0, 1]);
    if let Some(size) = size {
        bytes.extend_from_slice(&[0, 0, 41]);
        bytes.extend_from_slice(&size.to_be_bytes());
        bytes.extend_from_slice(&[0, 0, 0, 0, 0, 0]);
    }
    bytes
}

#[test]
fn answers_are_cut_to_what_the_client_takes() {
    let record =
        |last: u8| Record { name: "db.example".into(), ttl: 30, data: Data::A([10, 0, 0, last].into()) };
    let answer = Answer { answers: (0..200).map(record).collect(), ..Answer::code(Code::NoError) };
    for (size, carrier, max) in [
        (None, Carrier::Datagram, 512),
        (Some(1232), Carrier::Datagram, 1232),
        (Some(100), Carrier::Datagram, 512),
        (Some(65_000), Carrier::Datagram, 4096),
        (None, Carrier::Stream, 65_535),
    ] {
        let query = Query::read(&query("DB.example", size)).expect("a query");
        assert_eq!(query.question().name, "db.example");
        let reply = query.reply(&answer, carrier);
        assert!(reply.len() <= max, "{} of {max}", reply.len());
        assert!(wire::is_answer(&reply, 0x1234));
        let truncated = reply[2] & 2 != 0;
        let said = wire::read_answer(&reply).expect("it can be read");
        assert_eq!(truncated, said.answers.len() < 200);
        assert!(said.answers.len() > 20);
        // As it was asked, and once: the owners are pointers.
        assert!(reply.windows(10).any(|bytes| bytes == b"DB\x07example"));
        assert!(reply.len() < 100 + 16 * said.answers.len());
    }
}

#[test]
fn what_cannot_be_answered_is_refused() {
    let good = query("a.example", None);
    let code = |bytes: &[u8]| Query::read(bytes).expect_err("no query").map(|reply| (reply[3], reply.len()));
    let with = |at: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[at] = value;
        bytes
    };
    assert_eq!(code(&with(2, 0x80)), None, "an answer");
    assert_eq!(code(&good[..11]), None);
    assert_eq!(code(&with(2, 0x28)), Some((4, 12)), "an update");
    assert_eq!(code(&with(5, 0)), Some((1, 12)), "no question");
    let last = good.len() - 1;
    assert_eq!(code(&with(last, 3)), Some((5, 12)), "the class of version.bind");
    assert_eq!(code(&with(last - 2, 252)), Some((5, 12)), "a zone transfer");
    assert_eq!(code(&good[..last]), Some((1, 12)));
}

proptest::proptest! {
    #[test]
    fn no_bytes_break_it(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..600)) {
        if let Ok(query) = Query::read(&bytes) {
            let _ = query.reply(&Answer::code(Code::NxDomain), Carrier::Datagram);
        }
        let _ = wire::read_answer(&bytes);
    }

    #[test]
    fn nearly_right_bytes_break_nothing(
        at in 0_usize..40, value in proptest::num::u8::ANY, name in "[a-zA-Z0-9.-]{1,60}",
    ) {
        let mut bytes = query(&name.split('.').filter(|it| !it.is_empty()).collect::<Vec<_>>().join("."), Some(1232));
        let at = at % bytes.len();
        bytes[at] = value;
        if let Ok(query) = Query::read(&bytes) {
            let reply = query.reply(&Answer::code(Code::NoError), Carrier::Datagram);
            proptest::prop_assert!(wire::is_answer(&reply, query.id()));
            proptest::prop_assert!(wire::read_answer(&reply).is_some());
        }
    }
}
