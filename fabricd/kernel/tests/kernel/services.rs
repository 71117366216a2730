//! Packets to Services, through the rules that kube-proxy writes, in a lab as a lab file draws it.

use std::{
    collections::BTreeSet,
    io,
    net::{Ipv4Addr, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use fabric_core::{
    blueprint,
    kernel::Kernel,
    place::Place,
    spec::{Source, load},
    topology::Topology,
};
use fabric_kernel::{NETNS_DIR, socket::in_place};

use crate::lab::{Lab, kernel};

crate::tests!(
    every_endpoint_is_chosen,
    whose_address_is_seen,
    a_pod_asks_itself,
    what_is_refused,
    who_comes_back
);

/// Three nodes: the first two have a server each, the third a client.
const LAB: &str = "
apiVersion: fabric/v1
kind: Lab
metadata: {name: services}
virtualNetworks:
- name: vnet
  addressPrefixes: [10.224.0.0/12]
  subnets: [{name: nodes, addressPrefix: 10.224.0.0/16}]
managedClusters:
- name: aks
  networkProfile: {networkPlugin: PLUGIN}
  agentPoolProfiles: [{name: a, count: 3, scaleSet: vmss}]
virtualMachines: [{name: vm, subnet: vnet/nodes}]
---
{apiVersion: v1, kind: Pod, metadata: {name: web0, labels: {app: web}}, spec: {nodeName: vmss000000, containers: [{name: a, image: a}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: web1, labels: {app: web}}, spec: {nodeName: vmss000001, containers: [{name: a, image: a}]}}
---
{apiVersion: v1, kind: Pod, metadata: {name: client}, spec: {nodeName: vmss000002, containers: [{name: a, image: a}]}}
---
apiVersion: v1
kind: Service
metadata: {name: plain}
spec: {type: NodePort, clusterIP: 10.0.7.1, selector: {app: web}, ports: [{port: 80, targetPort: 8080, nodePort: 30001}]}
---
apiVersion: v1
kind: Service
metadata: {name: local}
spec:
  {type: NodePort, externalTrafficPolicy: Local, clusterIP: 10.0.7.2, selector: {app: web}, ports: [{port: 80, targetPort: 8080, nodePort: 30002}]}
---
apiVersion: v1
kind: Service
metadata: {name: sticky}
spec: {sessionAffinity: ClientIP, clusterIP: 10.0.7.3, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: empty}
spec: {type: NodePort, clusterIP: 10.0.7.4, selector: {app: none}, ports: [{port: 80, nodePort: 30004}]}
---
apiVersion: v1
kind: Service
metadata: {name: inside}
spec: {internalTrafficPolicy: Local, clusterIP: 10.0.7.5, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
";

/// More than enough for each of two endpoints to be chosen: they are not in one of 2^40 runs.
const OFTEN: usize = 40;

struct Running {
    lab: Lab,
    topology: Topology,
    servers: [TcpListener; 2],
}

impl Running {
    fn new(plugin: &str) -> Self {
        let source = Source { name: "lab.yaml".to_owned(), text: LAB.replace("PLUGIN", plugin) };
        let topology = load(&[source]).unwrap();
        let mut lab = Lab::new();
        lab.apply(blueprint::draw(&topology, kernel().machine()))
            .map_err(|errors| errors[0].to_string())
            .unwrap();
        let servers = [0, 1].map(|number| {
            inside(&lab, &pod(&format!("web{number}")), || {
                let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 8080))?;
                listener.set_nonblocking(true)?;
                Ok(listener)
            })
        });
        Self { lab, topology, servers }
    }

    /// Which server is reached, and whose address it sees.
    fn ask(&self, from: &Place, to: Ipv4Addr, port: u16) -> io::Result<(usize, Ipv4Addr)> {
        self.ask_for(from, to, port, Duration::from_secs(10))
    }

    fn ask_for(
        &self,
        from: &Place,
        to: Ipv4Addr,
        port: u16,
        patience: Duration,
    ) -> io::Result<(usize, Ipv4Addr)> {
        let connect = || Ok(TcpStream::connect_timeout(&(to, port).into(), patience));
        let _client = inside(&self.lab, from, connect)?;
        let begun = Instant::now();
        loop {
            for (number, server) in self.servers.iter().enumerate() {
                match server.accept() {
                    Ok((_, peer)) => {
                        let std::net::IpAddr::V4(peer) = peer.ip() else { panic!("{peer}") };
                        return Ok((number, peer));
                    }
                    Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
                }
            }
            assert!(begun.elapsed() < Duration::from_secs(10), "a server sees its client");
            thread::yield_now();
        }
    }

    /// All that is seen in many connections.
    fn all(&self, from: &Place, to: Ipv4Addr, port: u16) -> BTreeSet<(usize, Ipv4Addr)> {
        let ask =
            |_| self.ask(from, to, port).unwrap_or_else(|error| panic!("{from} to {to}:{port}: {error}"));
        (0..OFTEN).map(ask).collect()
    }

    fn refusal(&self, from: &Place, to: Ipv4Addr, port: u16) -> io::ErrorKind {
        self.ask(from, to, port).unwrap_err().kind()
    }

    fn node_address(&self, number: usize) -> Ipv4Addr {
        self.topology.managed_clusters[0].nodes[number].nic.private_ip_address
    }

    fn pod_address(&self, name: &str) -> Ipv4Addr {
        let pods = &self.topology.managed_clusters[0].pods;
        pods.iter().find(|pod| pod.name == name).unwrap().address.unwrap()
    }
}

fn inside<T: Send>(lab: &Lab, place: &Place, work: impl FnOnce() -> io::Result<T> + Send) -> T {
    in_place(NETNS_DIR.as_ref(), &lab.name, place, work).unwrap()
}

fn pod(name: &str) -> Place {
    Place::Pod { cluster: "aks".into(), namespace: "default".into(), name: name.into() }
}

fn node(number: usize) -> Place {
    Place::Node { name: format!("vmss00000{number}") }
}

fn vm() -> Place {
    Place::VirtualMachine { name: "vm".into() }
}

const PLAIN: Ipv4Addr = Ipv4Addr::new(10, 0, 7, 1);
const STICKY: Ipv4Addr = Ipv4Addr::new(10, 0, 7, 3);
const EMPTY: Ipv4Addr = Ipv4Addr::new(10, 0, 7, 4);
const INSIDE: Ipv4Addr = Ipv4Addr::new(10, 0, 7, 5);

const PLUGINS: [&str; 2] = ["azure, networkPluginMode: overlay", "kubenet"];

fn every_endpoint_is_chosen() {
    for plugin in PLUGINS {
        let lab = Running::new(plugin);
        let client = lab.pod_address("client");
        assert_eq!(lab.all(&pod("client"), PLAIN, 80), [(0, client), (1, client)].into());
        // From the node itself, by its address and by 127.0.0.1 too.
        let own = lab.node_address(2);
        for (to, port) in [(PLAIN, 80), (own, 30001), (Ipv4Addr::LOCALHOST, 30001)] {
            let seen = lab.all(&node(2), to, port);
            let servers: BTreeSet<usize> = seen.iter().map(|(server, _)| *server).collect();
            assert_eq!(servers, [0, 1].into(), "{plugin}: {to}:{port}");
        }
    }
}

fn whose_address_is_seen() {
    for plugin in PLUGINS {
        let lab = Running::new(plugin);
        let address = lab.topology.virtual_machines[0].nic.private_ip_address;
        // With the policy Cluster a node that passes packets on puts its own address in their place. On kubenet
        // that of its bridge, where the server is its own pod.
        let seen = lab.all(&vm(), lab.node_address(2), 30001);
        assert_eq!(seen, [(0, lab.node_address(2)), (1, lab.node_address(2))].into(), "{plugin}");
        for number in [0, 1] {
            assert_eq!(
                lab.all(&vm(), lab.node_address(number), 30002),
                [(number, address)].into(),
                "{plugin}"
            );
        }
        // A pod is let off the policy, even where no endpoint is.
        let client = lab.pod_address("client");
        assert_eq!(lab.all(&pod("client"), lab.node_address(2), 30002), [(0, client), (1, client)].into());
    }
}

/// It must not see its own address, or it would answer itself past its node.
fn a_pod_asks_itself() {
    let lab = Running::new(PLUGINS[0]);
    let seen = lab.all(&pod("web0"), PLAIN, 80);
    assert_eq!(seen, [(0, lab.node_address(0)), (1, lab.pod_address("web0"))].into());
}

fn what_is_refused() {
    let lab = Running::new(PLUGINS[0]);
    for from in [pod("client"), node(2)] {
        assert_eq!(lab.refusal(&from, EMPTY, 80), io::ErrorKind::ConnectionRefused, "{from}");
    }
    assert_eq!(lab.refusal(&vm(), lab.node_address(0), 30004), io::ErrorKind::ConnectionRefused);
    // Not refused: a load balancer asks the health check port where to send packets.
    let dropped = lab.ask_for(&vm(), lab.node_address(2), 30002, Duration::from_millis(500));
    assert_eq!(dropped.unwrap_err().kind(), io::ErrorKind::TimedOut);
    assert_eq!(lab.all(&pod("web1"), INSIDE, 80).len(), 1);
}

fn who_comes_back() {
    let lab = Running::new(PLUGINS[0]);
    assert_eq!(lab.all(&pod("client"), STICKY, 80).len(), 1);
}
