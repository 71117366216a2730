//! Who answers on which port: the servers of a lab that are more than a network namespace.
//!
//! The daemon itself answers for them, by sockets that it opens in their places; no process runs there. Which
//! sockets those are follows from the topology and is decided here; what they say is in [`answer`].

pub mod answer;
pub mod health_server;
pub mod image;
mod pod_answer;
pub mod workload;

use std::{
    collections::BTreeSet,
    fmt,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use self::{health_server::HealthServer, image::Speech, workload::PodServer};
use crate::{
    blueprint::PLATFORM_ADDRESS,
    dns,
    firewall::{ApplicationRule, Collection, LOG_GROUP, PROXY_PORT},
    place::Place,
    topology::{AzureFirewall, Topology, Transport},
};

/// A port that is answered at one place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listener {
    /// Where.
    pub place: Place,
    /// The address that it listens at; any IPv4 address of the place if there is none.
    pub address: Option<IpAddr>,
    /// The port, from 1.
    pub port: u16,
    /// What is spoken there.
    pub protocol: Protocol,
    /// What the server calls itself in its answers.
    pub name: String,
    /// Names that its certificate is for, with [`Protocol::Https`]. The address is always in it.
    pub fqdns: Vec<String>,
}

/// What is spoken on a port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// HTTP/1.1 over TCP: each request is answered with what the server has seen of it.
    Http,
    /// The same inside TLS, with a certificate that nobody has signed but the server itself.
    Https,
    /// TCP: the server says whom it sees, then gives back whatever comes.
    TcpEcho,
    /// UDP: each datagram is answered by whom the server sees, and the datagram.
    UdpEcho,
    /// HTTP and TLS that a firewall redirects to the daemon, which decides by these rules and passes it on.
    ApplicationRules(Arc<Vec<Collection<ApplicationRule>>>),
    /// DNS, over the transport. What is answered is the lab's zones', see [`crate::dns::Zones`].
    Dns(Transport),
    /// What a firewall's rules log. The port is the group of the kernel's log.
    FlowLog,
    /// A container of a pod, by HTTP, HTTPS or UDP.
    Pod(Arc<PodServer>),
    /// A health server of kube-proxy, by HTTP.
    Health(HealthServer),
}

impl Protocol {
    /// Whether it is over UDP.
    pub fn is_datagram(&self) -> bool {
        match self {
            Self::UdpEcho | Self::Dns(Transport::Udp) => true,
            Self::Pod(server) => server.speech == Speech::Udp,
            _ => false,
        }
    }
}

impl fmt::Display for Listener {
    /// `machine/server: TCP 10.1.2.3:80`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let transport = match self.protocol {
            ref protocol if protocol.is_datagram() => "UDP",
            Protocol::FlowLog => return write!(f, "{}: log group {}", self.place, self.port),
            _ => "TCP",
        };
        write!(f, "{}: {transport} ", self.place)?;
        match self.address {
            Some(IpAddr::V4(address)) => write!(f, "{address}")?,
            Some(IpAddr::V6(address)) => write!(f, "[{address}]")?,
            None => f.write_str("*")?,
        }
        write!(f, ":{}", self.port)
    }
}

/// The port of the echo protocol, for TCP and UDP (RFC 862).
const ECHO: u16 = 7;

/// Every port that somebody of the lab answers on: servers on the internet 80 and 443, machines on premises 80,
/// and both 7 for TCP and UDP. Firewalls have their application rules, and a log. Pods answer for their
/// containers, nodes for kube-proxy. Azure DNS, CoreDNS' pods and DNS servers of one's own answer on 53.
pub fn listeners(topology: &Topology) -> BTreeSet<Listener> {
    let machines = topology.on_premises.iter().flat_map(|site| &site.machines).flat_map(|machine| {
        let place = Place::Machine { name: machine.name.clone() };
        of_server(&place, machine.address, &machine.name, &[], &[(80, Protocol::Http)])
    });
    let servers = topology.internet.iter().flat_map(|internet| &internet.servers).flat_map(|server| {
        let place = Place::Server { name: server.name.clone() };
        let web = [(80, Protocol::Http), (443, Protocol::Https)];
        of_server(&place, server.address, &server.name, &server.fqdns, &web)
    });
    let firewalls = topology.azure_firewalls.iter().flat_map(of_firewall);
    let clusters = topology.managed_clusters.iter();
    let clusters =
        clusters.flat_map(|cluster| health_server::of_cluster(cluster).chain(workload::of_cluster(cluster)));
    machines.chain(servers).chain(firewalls).chain(clusters).chain(of_dns(topology)).collect()
}

/// Both transports of every DNS server.
fn of_dns(topology: &Topology) -> impl Iterator<Item = Listener> {
    dns::places(topology).flat_map(|(place, name)| {
        // The VNet's other address there is a tunnel's: an answer must come from the one that was asked.
        let address = matches!(place, Place::Platform { .. }).then_some(PLATFORM_ADDRESS.into());
        [Transport::Tcp, Transport::Udp].map(|transport| Listener {
            place: place.clone(),
            address,
            port: dns::PORT,
            protocol: Protocol::Dns(transport),
            name: name.clone(),
            fqdns: vec![],
        })
    })
}

fn of_firewall(firewall: &AzureFirewall) -> [Listener; 2] {
    let listener = |address, port, protocol| Listener {
        place: Place::Firewall { name: firewall.name.clone() },
        address,
        port,
        protocol,
        name: firewall.name.clone(),
        fqdns: vec![],
    };
    let rules = Protocol::ApplicationRules(Arc::new(firewall.rules.application.clone()));
    let private = Some(firewall.private_ip_address.into());
    [listener(private, PROXY_PORT, rules), listener(None, LOG_GROUP, Protocol::FlowLog)]
}

fn of_server(
    place: &Place,
    address: Ipv4Addr,
    name: &str,
    fqdns: &[String],
    web: &[(u16, Protocol)],
) -> Vec<Listener> {
    let echo = [(ECHO, Protocol::TcpEcho), (ECHO, Protocol::UdpEcho)];
    let ports = echo.iter().chain(web);
    let listener = |(port, protocol): &(u16, Protocol)| Listener {
        place: place.clone(),
        address: Some(address.into()),
        port: *port,
        protocol: protocol.clone(),
        name: name.to_owned(),
        // A change of names is none of what has no certificate.
        fqdns: if *protocol == Protocol::Https { fqdns.to_vec() } else { vec![] },
    };
    ports.map(listener).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{self, Source};

    #[test]
    fn servers_machines_and_nodes_answer() {
        let text = include_str!("../../../../labs/kubenet/lab.yaml").to_owned();
        let topology = spec::load(&[Source { name: "lab.yaml".into(), text }]).expect("the lab");
        let line = |listener: &Listener| {
            format!("{listener} {:?} {}", listener.protocol, listener.fqdns.join(" ")).trim_end().to_owned()
        };
        let lines: Vec<String> = listeners(&topology).iter().map(line).collect();
        assert_eq!(
            lines,
            [
                "platform/aks-vnet: TCP 168.63.129.16:53 Dns(Tcp)",
                "platform/aks-vnet: UDP 168.63.129.16:53 Dns(Udp)",
                "server/example-com: TCP 203.0.113.10:7 TcpEcho",
                "server/example-com: UDP 203.0.113.10:7 UdpEcho",
                "server/example-com: TCP 203.0.113.10:80 Http",
                "server/example-com: TCP 203.0.113.10:443 Https example.com www.example.com",
                "server/example-org: TCP 203.0.113.20:7 TcpEcho",
                "server/example-org: UDP 203.0.113.20:7 UdpEcho",
                "server/example-org: TCP 203.0.113.20:80 Http",
                "server/example-org: TCP 203.0.113.20:443 Https example.org www.example.org",
                "machine/server: TCP 10.1.2.3:7 TcpEcho",
                "machine/server: UDP 10.1.2.3:7 UdpEcho",
                "machine/server: TCP 10.1.2.3:80 Http",
                "node/aks-nodepool1-11743156-vmss000000: TCP *:10256 Health(Node)",
                "node/aks-pool2-13111960-vmss000000: TCP *:10256 Health(Node)",
                "pod/aks/kube-system/coredns-5ff54486cd-8rfrq: TCP *:53 Dns(Tcp)",
                "pod/aks/kube-system/coredns-5ff54486cd-8rfrq: UDP *:53 Dns(Udp)",
                "pod/aks/kube-system/coredns-5ff54486cd-bj8vh: TCP *:53 Dns(Tcp)",
                "pod/aks/kube-system/coredns-5ff54486cd-bj8vh: UDP *:53 Dns(Udp)",
            ]
        );
    }
}
