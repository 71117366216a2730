//! What listens is what the lab says, and never in the way of a place that is to go.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::Arc,
};

use fabric_core::{
    dns::{
        record::{Answer, Code, Data, Kind, Question},
        wire,
    },
    fault,
    listener::{self, Listener, Protocol},
    place::Place,
    topology::Transport,
};
use fabricd::{
    lab::{Change, ChangeError, ChangeEvent, DeleteEvent, Registry},
    ledger::Ledger,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpStream, UdpSocket},
};

use crate::{
    fake_kernel::{FakeKernel, NEVER},
    fake_programs::nothing_runs,
    reconcile::{KUBENET, apply, changed, drawn, topology},
};

fn wanted(text: &str) -> BTreeSet<Listener> {
    listener::listeners(&topology(text))
}

fn open(registry: &Registry<FakeKernel>) -> BTreeSet<Listener> {
    let open = registry.kernel().sockets().into_keys().collect();
    assert_eq!(registry.responder().listening(&topology(KUBENET).lab), open, "what is thought to be open");
    open
}

/// Where the first machine on premises is spoken with.
fn address(registry: &Registry<FakeKernel>, protocol: Protocol) -> SocketAddr {
    let sockets = registry.kernel().sockets();
    let is_it = |listener: &Listener| listener.place.kind() == "machine" && listener.protocol == protocol;
    *sockets.iter().find(|(listener, _)| is_it(listener)).expect("a socket").1
}

/// A connection to the echo server, with its greeting read.
async fn connect(address: SocketAddr) -> BufReader<TcpStream> {
    let mut stream = BufReader::new(TcpStream::connect(address).await.expect("it listens"));
    let mut greeting = String::new();
    stream.read_line(&mut greeting).await.expect("it speaks first");
    let own = stream.get_ref().local_addr().expect("an address");
    assert_eq!(greeting, format!("client {own}\n"));
    stream
}

async fn says(stream: &mut BufReader<TcpStream>, line: &str) -> std::io::Result<String> {
    stream.write_all(line.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_line(&mut answer).await?;
    Ok(answer)
}

async fn delete(registry: &Registry<FakeKernel>) -> Option<DeleteEvent> {
    let lab = topology(KUBENET).lab;
    let mut events = registry.handle(&lab).delete().await;
    let mut last = None;
    while let Some(event) = events.recv().await {
        last = Some(event);
    }
    last
}

async fn change(registry: &Registry<FakeKernel>, change: Change) {
    let mut events = registry.handle(&topology(KUBENET).lab).change(change).await;
    while let Some(event) = events.recv().await {
        assert!(!matches!(event, ChangeEvent::Failed(_) | ChangeEvent::Rejected(_)), "{event:?}");
    }
}

#[tokio::test]
async fn sockets_come_and_go_with_their_machines() {
    let registry = Registry::new(Arc::new(FakeKernel::new()), Ledger::none(), nothing_runs());
    apply(&registry, KUBENET).await.unwrap();
    assert_eq!(open(&registry), wanted(KUBENET));
    assert_eq!(
        open(&registry).len(),
        19,
        "two servers on the internet, a machine, two nodes, Azure DNS and CoreDNS"
    );
    let mut held = connect(address(&registry, Protocol::TcpEcho)).await;
    assert_eq!(says(&mut held, "a\n").await.unwrap(), "a\n");

    // What stays is not touched: neither the socket nor who is connected.
    let same = registry.kernel().sockets();
    let fewer = KUBENET.rsplit_once("---\n").unwrap().0;
    apply(&registry, fewer).await.unwrap();
    assert_eq!(registry.kernel().sockets(), same);
    assert_eq!(says(&mut held, "b\n").await.unwrap(), "b\n");

    // The machine goes, another comes.
    apply(&registry, &changed()).await.unwrap();
    assert_eq!(open(&registry), wanted(&changed()));
    let now = registry.kernel().sockets();
    let stayed = now.iter().filter(|(listener, address)| same.get(*listener) == Some(*address)).count();
    assert_eq!(stayed, 16, "the servers and nodes, Azure DNS and CoreDNS");
    let mut byte = [0];
    assert!(held.read(&mut byte).await.is_err(), "it is reset");

    let held = connect(address(&registry, Protocol::TcpEcho)).await;
    assert!(matches!(delete(&registry).await, Some(DeleteEvent::Deleted(_))));
    assert_eq!(open(&registry), BTreeSet::new());
    assert!(registry.kernel().state().is_empty());
    assert!({ held }.read(&mut byte).await.is_err(), "it is reset");
}

#[tokio::test]
async fn datagrams_are_answered() {
    let registry = Registry::new(Arc::new(FakeKernel::new()), Ledger::none(), nothing_runs());
    apply(&registry, KUBENET).await.unwrap();
    let server = address(&registry, Protocol::UdpEcho);
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    client.connect(server).await.unwrap();
    let expected = format!("client {}\n", client.local_addr().unwrap());
    for length in [0, 5, 40_000] {
        client.send(&vec![b'x'; length]).await.unwrap();
        let mut answer = vec![0; 65_536];
        let got = client.recv(&mut answer).await.unwrap();
        assert_eq!(got, expected.len() + length);
        assert!(answer.starts_with(expected.as_bytes()));
    }
}

#[tokio::test]
async fn whatever_step_fails_the_sockets_are_those_of_what_is_there() {
    // Every step of making a machine and of taking it away is among them.
    let steps = drawn(KUBENET).len();
    for step in (0..steps).step_by(7).chain([NEVER]) {
        let registry = Registry::new(Arc::new(FakeKernel::new()), Ledger::none(), nothing_runs());
        registry.kernel().fail_after(step);
        match apply(&registry, KUBENET).await {
            Err(ChangeError::Refused(_)) => assert_eq!(open(&registry), BTreeSet::new(), "at {step}"),
            Ok(_) => assert_eq!(step, NEVER),
            Err(other) => panic!("{other}"),
        }
    }
    let registry = Registry::new(Arc::new(FakeKernel::new()), Ledger::none(), nothing_runs());
    apply(&registry, KUBENET).await.unwrap();
    for step in 0.. {
        registry.kernel().fail_after(step);
        match apply(&registry, &changed()).await {
            Err(ChangeError::Refused(_)) => assert_eq!(open(&registry), wanted(KUBENET), "at {step}"),
            Ok(_) => break,
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(open(&registry), wanted(&changed()));
    registry.kernel().fail_after(NEVER);
    apply(&registry, KUBENET).await.unwrap();
    // A delete that fails has nothing open in what is left.
    registry.kernel().fail_after(0);
    assert!(matches!(delete(&registry).await, Some(DeleteEvent::Failed(_))));
    assert_eq!(open(&registry), BTreeSet::new());
    registry.kernel().fail_after(NEVER);
    assert!(matches!(delete(&registry).await, Some(DeleteEvent::Deleted(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_takes_over_answers() {
    let directory = tempfile::tempdir().unwrap();
    let ledger = || Ledger::open(directory.path()).unwrap();
    let kernel = Arc::new(FakeKernel::new());
    let registry = Registry::new(kernel.clone(), ledger(), nothing_runs());
    apply(&registry, KUBENET).await.unwrap();
    drop(registry);
    while !kernel.sockets().is_empty() {
        tokio::task::yield_now().await;
    }
    let registry = Arc::new(Registry::new(kernel, ledger(), nothing_runs()));
    let recovering = registry.clone();
    tokio::task::spawn_blocking(move || recovering.recover().unwrap()).await.unwrap();
    assert_eq!(open(&registry), wanted(KUBENET));
    connect(address(&registry, Protocol::TcpEcho)).await;
}

#[tokio::test]
async fn a_place_that_was_made_anew_is_answered_for_again() {
    let registry = Registry::new(Arc::new(FakeKernel::new()), Ledger::none(), nothing_runs());
    apply(&registry, KUBENET).await.unwrap();
    let before = registry.kernel().sockets();
    let moved = |before: &BTreeMap<Listener, SocketAddr>| {
        assert_eq!(open(&registry), wanted(KUBENET));
        let now = registry.kernel().sockets();
        let moved = now.into_iter().filter(|(listener, address)| before[listener] != *address);
        moved.map(|(listener, _)| listener.place.to_string()).collect::<Vec<_>>()
    };
    change(&registry, Change::Verify { repair: true }).await;
    assert_eq!(moved(&before), [""; 0], "nothing was wrong");
    let place = Place::Machine { name: "server".into() };
    registry.kernel().make_anew(&place);
    change(&registry, Change::Verify { repair: true }).await;
    assert_eq!(moved(&before), ["machine/server"; 3]);

    let before = registry.kernel().sockets();
    registry.kernel().by_hand(|places| drop(places.remove(&place)));
    apply(&registry, KUBENET).await.unwrap();
    assert_eq!(moved(&before), ["machine/server"; 3]);

    // A node's restart takes its pods with it, and lets all others be; so does a fault of a server itself.
    let before = registry.kernel().sockets();
    let node = "aks-nodepool1-11743156-vmss000000".to_owned();
    change(&registry, Change::RestartNode { node }).await;
    let moved = moved(&before);
    let of_dns = moved.iter().filter(|place| place.starts_with("pod/aks/kube-system/coredns-")).count();
    assert_eq!((of_dns, moved.len()), (4, 5), "both of CoreDNS, and the node's kube-proxy: {moved:?}");
    let before = registry.kernel().sockets();
    let down = fault::Change::Link { end: "machine/server".into(), change: fault::LinkChange::Down };
    let lab = topology(KUBENET).lab;
    assert!(registry.handle(&lab).fault("default".into(), down).await.unwrap().changed);
    assert_eq!(registry.kernel().sockets(), before);
}

#[tokio::test]
async fn a_port_that_is_taken_is_tried_again() {
    let registry = Registry::new(Arc::new(FakeKernel::new()), Ledger::none(), nothing_runs());
    let kernel = registry.kernel();
    let echo = wanted(KUBENET).pop_first().unwrap();
    let learner = kernel.take(&echo);
    apply(&registry, KUBENET).await.unwrap();
    let mut others = wanted(KUBENET);
    others.remove(&echo);
    assert_eq!(registry.responder().listening(&topology(KUBENET).lab), others);
    drop(learner);
    apply(&registry, KUBENET).await.unwrap();
    assert_eq!(open(&registry), wanted(KUBENET));
}

/// What CoreDNS says to `A NAME`, over UDP.
async fn ask(registry: &Registry<FakeKernel>, name: &str) -> Answer {
    let sockets = registry.kernel().sockets();
    let is_it = |listener: &Listener| {
        listener.place.kind() == "pod" && listener.protocol == Protocol::Dns(Transport::Udp)
    };
    let server = *sockets.iter().find(|(listener, _)| is_it(listener)).expect("a socket").1;
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    client.connect(server).await.unwrap();
    let question = Question { name: name.to_owned(), kind: Kind::A };
    client.send(&wire::question(7, &question).expect("a question")).await.unwrap();
    let mut bytes = vec![0; 4096];
    let length = client.recv(&mut bytes).await.unwrap();
    wire::read_answer(&bytes[..length]).expect("an answer")
}

#[tokio::test]
async fn names_are_answered_and_change_while_the_sockets_stay() {
    let registry = Registry::new(Arc::new(FakeKernel::new()), Ledger::none(), nothing_runs());
    apply(&registry, KUBENET).await.unwrap();
    let answer = ask(&registry, "kubernetes.default.svc.cluster.local").await;
    assert_eq!(answer.answers[0].data, Data::A([10, 0, 0, 1].into()));
    assert_eq!(ask(&registry, "web.default.svc.cluster.local").await.code, Code::NxDomain);
    let sockets = registry.kernel().sockets();
    let service = "---\napiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {clusterIP: 10.0.0.77, \
                   ports: [{port: 80}]}\n";
    apply(&registry, &format!("{KUBENET}{service}")).await.unwrap();
    let answer = ask(&registry, "web.default.svc.cluster.local").await;
    assert_eq!(answer.answers[0].data, Data::A([10, 0, 0, 77].into()));
    assert_eq!(registry.kernel().sockets(), sockets);
    // There is no way to Azure DNS here, and the asker is told.
    assert_eq!(ask(&registry, "example.com").await.code, Code::ServFail);
}

#[tokio::test]
async fn questions_come_by_tcp_too() {
    let registry = Registry::new(Arc::new(FakeKernel::new()), Ledger::none(), nothing_runs());
    apply(&registry, KUBENET).await.unwrap();
    let sockets = registry.kernel().sockets();
    let is_it = |listener: &Listener| listener.protocol == Protocol::Dns(Transport::Tcp);
    let server = *sockets.iter().find(|(listener, _)| is_it(listener)).expect("Azure DNS").1;
    let mut stream = TcpStream::connect(server).await.unwrap();
    for name in ["example.com", "www.example.org"] {
        let question = wire::question(9, &Question { name: name.into(), kind: Kind::A }).expect("a question");
        stream.write_u16(u16::try_from(question.len()).unwrap()).await.unwrap();
        stream.write_all(&question).await.unwrap();
        let mut bytes = vec![0; usize::from(stream.read_u16().await.unwrap())];
        stream.read_exact(&mut bytes).await.unwrap();
        assert!(wire::is_answer(&bytes, 9));
        assert_eq!(wire::read_answer(&bytes).expect("an answer").answers.len(), 1, "{name}");
    }
    stream.write_all(&[0, 3, 1, 2, 3]).await.unwrap();
    assert!(stream.read_u16().await.is_err(), "who says no question is left");
}
