//! Classic rules, as `az network firewall` knows them.

use std::{fmt, net::Ipv4Addr, str::FromStr};

use ipnet::Ipv4Net;

/// All rules of a firewall; each list is in the order of priority.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rules {
    /// Inbound, and what else comes to an address of the firewall's own.
    pub nat: Vec<Collection<NatRule>>,
    /// By address and port.
    pub network: Vec<Collection<NetworkRule>>,
    /// By name.
    pub application: Vec<Collection<ApplicationRule>>,
}

/// Rules with one priority and one action.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Collection<R> {
    /// Unique among the firewall's collections of its kind.
    pub name: String,
    /// 100 to 65,000; lower comes first, and no two of a kind are alike.
    pub priority: u32,
    /// What happens to what matches. NAT rules translate, and that is [`Action::Allow`].
    pub action: Action,
    /// In the order of the file, which is that of their processing.
    pub rules: Vec<R>,
}

/// What happens to a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// It passes.
    Allow,
    /// It does not.
    Deny,
}

/// Inbound traffic to one address and port is for another one (DNAT).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NatRule {
    /// Unique in its collection.
    pub name: String,
    /// Whose.
    pub sources: Vec<Addresses>,
    /// Addresses of the firewall's own.
    pub destinations: Vec<Ipv4Addr>,
    /// To which ports.
    pub ports: Vec<Ports>,
    /// TCP, UDP or both.
    pub protocols: Vec<Protocol>,
    /// Where it goes.
    pub translated_address: Ipv4Addr,
    /// And to which port.
    pub translated_port: u16,
}

/// Who may talk with whom.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NetworkRule {
    /// Unique in its collection.
    pub name: String,
    /// Whose.
    pub sources: Vec<Addresses>,
    /// To whom.
    pub destinations: Vec<Addresses>,
    /// To which ports.
    pub ports: Vec<Ports>,
    /// Which protocols.
    pub protocols: Vec<Protocol>,
}

/// Who may ask for which names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApplicationRule {
    /// Unique in its collection.
    pub name: String,
    /// Whose.
    pub sources: Vec<Addresses>,
    /// On which ports, and how.
    pub protocols: Vec<ApplicationProtocol>,
    /// For which names.
    pub fqdns: Fqdns,
}

/// The names of an application rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fqdns {
    /// In lower case: a name, `*.` before a domain for all below it, or `*`.
    Targets(Vec<String>),
    /// The tag `AzureKubernetesService`.
    AzureKubernetesService,
}

/// A protocol with its port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApplicationProtocol {
    /// How the name is found.
    pub scheme: Scheme,
    /// From 1.
    pub port: u16,
}

/// How the name that is asked for is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scheme {
    /// By the header `Host`.
    Http,
    /// By the server name of TLS (SNI).
    Https,
}

/// A protocol of IP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP, which has no ports.
    Icmp,
    /// All there are.
    Any,
}

/// Addresses in a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Addresses {
    /// `*`.
    Any,
    /// An address or a CIDR block.
    Network(Ipv4Net),
    /// From the first to the last, both included.
    Range(Ipv4Addr, Ipv4Addr),
}

impl Addresses {
    /// Whether `address` is one of them.
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        match self {
            Self::Any => true,
            Self::Network(network) => network.contains(&address),
            Self::Range(first, last) => (*first..=*last).contains(&address),
        }
    }
}

impl FromStr for Addresses {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text == "*" {
            return Ok(Self::Any);
        }
        if let Some((first, last)) = text.split_once('-') {
            let (first, last) = (first.parse().map_err(drop)?, last.parse().map_err(drop)?);
            return if first < last { Ok(Self::Range(first, last)) } else { Err(()) };
        }
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Ok(Self::Network(address.into()));
        }
        let network: Ipv4Net = text.parse().map_err(drop)?;
        if network.addr() == network.network() { Ok(Self::Network(network)) } else { Err(()) }
    }
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Network(network) if network.prefix_len() == 32 => network.addr().fmt(f),
            Self::Network(network) => network.fmt(f),
            Self::Range(first, last) => write!(f, "{first}-{last}"),
        }
    }
}

/// Ports in a rule, from the first to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ports {
    /// From 0, which stands for all of them with 65,535.
    pub first: u16,
    /// Not less.
    pub last: u16,
}

impl Ports {
    /// `*`.
    pub const ALL: Self = Self { first: 0, last: u16::MAX };
}

impl FromStr for Ports {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text == "*" {
            return Ok(Self::ALL);
        }
        // `parse` would take "+80" too.
        let port = |digits: &str| {
            let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse().ok().filter(|port: &u16| plain && *port > 0).ok_or(())
        };
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (first, last) = (port(first)?, port(last)?);
        if first <= last { Ok(Self { first, last }) } else { Err(()) }
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.first, self.last) {
            _ if *self == Self::ALL => f.write_str("*"),
            (first, last) if first == last => first.fmt(f),
            (first, last) => write!(f, "{first}-{last}"),
        }
    }
}

impl fmt::Display for Protocol {
    /// As Azure writes it in rules.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Icmp => "ICMP",
            Self::Any => "Any",
        })
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "Allow",
            Self::Deny => "Deny",
        })
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "Http",
            Self::Https => "Https",
        })
    }
}

impl fmt::Display for NatRule {
    /// One line, for events.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, sources, destinations, ports, protocols, translated_address, translated_port } =
            self;
        let (from, to) = (joined(sources), joined(destinations));
        let (ports, protocols) = (joined(ports), joined(protocols));
        write!(f, "{name} {protocols} {from} > {to}:{ports} = {translated_address}:{translated_port}")
    }
}

impl fmt::Display for NetworkRule {
    /// One line, for events.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, sources, destinations, ports, protocols } = self;
        let (from, to) = (joined(sources), joined(destinations));
        write!(f, "{name} {} {from} > {to}:{}", joined(protocols), joined(ports))
    }
}

impl fmt::Display for ApplicationRule {
    /// One line, for events.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocols: Vec<String> =
            self.protocols.iter().map(|it| format!("{}:{}", it.scheme, it.port)).collect();
        let fqdns = match &self.fqdns {
            Fqdns::Targets(targets) => targets.join(","),
            Fqdns::AzureKubernetesService => "AzureKubernetesService".to_owned(),
        };
        write!(f, "{} {} {} > {fqdns}", self.name, protocols.join(","), joined(&self.sources))
    }
}

impl<R: fmt::Display> fmt::Display for Collection<R> {
    /// One line, for events.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, priority, action, rules } = self;
        let rules: Vec<String> = rules.iter().map(ToString::to_string).collect();
        write!(f, "{name} {priority} {action} [{}]", rules.join(", "))
    }
}

fn joined<T: fmt::Display>(all: &[T]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}
