//! What the firewall says of each new flow, in the words of Azure's structured logs.
//!
//! Source: Azure Monitor's tables `AZFWNetworkRule`, `AZFWApplicationRule` and `AZFWNatRule`.

use std::net::{Ipv4Addr, SocketAddrV4};

use serde_json::{Value, json};

use super::{Action, Scheme, application::Verdict};

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Who asked; without a port where the protocol has none.
    pub source: Ipv4Addr,
    /// The port that it was asked from.
    pub source_port: Option<u16>,
    /// What was decided by which kind of rule.
    pub decision: Decision,
    /// The collection and the rule that matched; `None` if none did.
    pub rule: Option<(String, String)>,
}

/// A decision, with what its table has of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// `AZFWNetworkRule`, and what nothing matched.
    Network {
        /// In the kernel's words: `TCP`, `UDP`, `ICMP`, else the number.
        protocol: String,
        /// Where to.
        destination: Ipv4Addr,
        /// The port there, if the protocol has any.
        destination_port: Option<u16>,
        /// Whether it passes.
        action: Action,
    },
    /// `AZFWApplicationRule`.
    Application {
        /// How the name was found.
        scheme: Scheme,
        /// The name; `None` if none was said.
        fqdn: Option<String>,
        /// The port that it was sent to.
        destination_port: u16,
        /// Whether it passes.
        action: Action,
    },
    /// `AZFWNatRule`.
    Nat {
        /// As above.
        protocol: String,
        /// The firewall's address.
        destination: Ipv4Addr,
        /// The port there.
        destination_port: Option<u16>,
        /// What it became.
        translated: SocketAddrV4,
    },
}

impl Entry {
    /// The table that Azure has it in.
    pub fn table(&self) -> &'static str {
        match self.decision {
            Decision::Network { .. } => "AZFWNetworkRule",
            Decision::Application { .. } => "AZFWApplicationRule",
            Decision::Nat { .. } => "AZFWNatRule",
        }
    }

    /// Whether it passes.
    pub fn action(&self) -> Action {
        match self.decision {
            Decision::Network { action, .. } | Decision::Application { action, .. } => action,
            Decision::Nat { .. } => Action::Allow,
        }
    }

    /// The row of its table, without `TimeGenerated`. What is not known is left out.
    pub fn columns(&self) -> Value {
        let mut row = json!({ "Type": self.table() });
        let mut put = |column: &str, value: Option<Value>| {
            if let Some(value) = value {
                row[column] = value;
            }
        };
        let (protocol, translated) = match &self.decision {
            Decision::Network { protocol, .. } => (protocol.clone(), None),
            Decision::Application { scheme: Scheme::Http, .. } => ("HTTP".to_owned(), None),
            Decision::Application { scheme: Scheme::Https, .. } => ("HTTPS".to_owned(), None),
            Decision::Nat { protocol, translated, .. } => (protocol.clone(), Some(translated)),
        };
        put("Protocol", Some(protocol.into()));
        put("SourceIp", Some(self.source.to_string().into()));
        put("SourcePort", self.source_port.map(Into::into));
        match &self.decision {
            Decision::Network { destination, destination_port, .. }
            | Decision::Nat { destination, destination_port, .. } => {
                put("DestinationIp", Some(destination.to_string().into()));
                put("DestinationPort", destination_port.map(Into::into));
            }
            Decision::Application { fqdn, destination_port, .. } => {
                put("DestinationPort", Some((*destination_port).into()));
                put("Fqdn", fqdn.clone().map(Into::into));
            }
        }
        put("TranslatedIp", translated.map(|it| it.ip().to_string().into()));
        put("TranslatedPort", translated.map(|it| it.port().into()));
        if translated.is_none() {
            put("Action", Some(self.action().to_string().into()));
        }
        put("RuleCollection", self.rule.as_ref().map(|(collection, _)| collection.as_str().into()));
        put("Rule", self.rule.as_ref().map(|(_, rule)| rule.as_str().into()));
        if self.rule.is_none() {
            put("ActionReason", Some(REASON_OF_NOTHING.into()));
        }
        row
    }
}

/// Why it was denied where no rule matched (`ActionReason`).
pub const REASON_OF_NOTHING: &str = "Default Action";

/// What a client of HTTP is told whom the firewall does not let through, with the status 470. Source: what
/// Azure Firewall answers, as users quote it ("HTTP request from … to …. Action: Deny. …").
pub fn refusal(source: SocketAddrV4, fqdn: &str, port: u16, verdict: &Verdict<'_>) -> String {
    let reason = match verdict.rule {
        Some((collection, rule)) => format!("Rule Collection: {collection}. Rule: {rule}"),
        None => "Reason: No rule matched. Proceeding with default action".to_owned(),
    };
    format!("HTTP request from {source} to {fqdn}:{port}. Action: Deny. {reason}\n")
}

/// What the kernel's log carries: the kind of rule, what it decided, and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// Whether it passes.
    pub action: Action,
    /// What it becomes, with NAT rules only.
    pub translated: Option<SocketAddrV4>,
    /// Collection and rule.
    pub rule: Option<(String, String)>,
}

impl Prefix {
    /// Reads what its [`std::fmt::Display`] wrote; `None` for what is not ours.
    pub fn parse(text: &str) -> Option<Self> {
        let (decision, rule) = text.split_once(' ')?;
        let (action, translated) = match decision {
            "Allow" => (Action::Allow, None),
            "Deny" => (Action::Deny, None),
            other => (Action::Allow, Some(other.parse().ok()?)),
        };
        let rule = match rule {
            "" => None,
            rule => rule.split_once('/').map(|(collection, rule)| Some((collection.into(), rule.into())))?,
        };
        Some(Self { action, translated, rule })
    }

    /// The entry for a packet with this prefix.
    pub fn entry(self, packet: &Packet) -> Entry {
        let Packet { protocol, source, source_port, destination, destination_port } = *packet;
        let protocol = match protocol {
            1 => "ICMP".to_owned(),
            6 => "TCP".to_owned(),
            17 => "UDP".to_owned(),
            other => other.to_string(),
        };
        let decision = match self.translated {
            Some(translated) => Decision::Nat { protocol, destination, destination_port, translated },
            None => Decision::Network { protocol, destination, destination_port, action: self.action },
        };
        Entry { source, source_port, decision, rule: self.rule }
    }
}

impl std::fmt::Display for Prefix {
    /// At most 127 characters, see [`super::NAMES_MAX`]. It always has one blank: the kernel takes no end off.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.translated {
            Some(translated) => write!(f, "{translated} ")?,
            None => write!(f, "{} ", self.action)?,
        }
        match &self.rule {
            Some((collection, rule)) => write!(f, "{collection}/{rule}"),
            None => Ok(()),
        }
    }
}

/// A packet's header, as far as the log shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The protocol's number.
    pub protocol: u8,
    /// From.
    pub source: Ipv4Addr,
    /// From, with TCP and UDP.
    pub source_port: Option<u16>,
    /// To.
    pub destination: Ipv4Addr,
    /// To, with TCP and UDP.
    pub destination_port: Option<u16>,
}

impl Packet {
    /// Reads the beginning of an IPv4 packet; `None` if it is none, or cut off before its addresses.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let address =
            |from: usize| Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes.get(from..from + 4)?).ok()?));
        let header = usize::from(bytes.first()? & 0xf) * 4;
        if bytes[0] >> 4 != 4 || header < 20 {
            return None;
        }
        let protocol = *bytes.get(9)?;
        let port = |from: usize| {
            let bytes = bytes.get(header + from..header + from + 2)?;
            matches!(protocol, 6 | 17).then(|| u16::from_be_bytes([bytes[0], bytes[1]]))
        };
        Some(Self {
            protocol,
            source: address(12)?,
            source_port: port(0),
            destination: address(16)?,
            destination_port: port(2),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_row_has_the_columns_of_its_table() {
        let packet = Packet {
            protocol: 6,
            source: Ipv4Addr::new(10, 1, 0, 4),
            source_port: Some(40_000),
            destination: Ipv4Addr::new(203, 0, 113, 10),
            destination_port: Some(80),
        };
        let row = |prefix: &str| Prefix::parse(prefix).unwrap().entry(&packet).columns().to_string();
        insta::assert_snapshot!(row("Allow net/web"), @r#"{"Type":"AZFWNetworkRule","Protocol":"TCP","SourceIp":"10.1.0.4","SourcePort":40000,"DestinationIp":"203.0.113.10","DestinationPort":80,"Action":"Allow","RuleCollection":"net","Rule":"web"}"#);
        insta::assert_snapshot!(row("Deny "), @r#"{"Type":"AZFWNetworkRule","Protocol":"TCP","SourceIp":"10.1.0.4","SourcePort":40000,"DestinationIp":"203.0.113.10","DestinationPort":80,"Action":"Deny","ActionReason":"Default Action"}"#);
        insta::assert_snapshot!(row("10.1.0.5:8080 dnat/web"), @r#"{"Type":"AZFWNatRule","Protocol":"TCP","SourceIp":"10.1.0.4","SourcePort":40000,"DestinationIp":"203.0.113.10","DestinationPort":80,"TranslatedIp":"10.1.0.5","TranslatedPort":8080,"RuleCollection":"dnat","Rule":"web"}"#);
    }

    #[test]
    fn no_prefix_is_longer_than_the_kernel_takes() {
        let rule = Some(("c".repeat(50), "r".repeat(crate::firewall::NAMES_MAX - 50)));
        let translated = Some(SocketAddrV4::new(Ipv4Addr::BROADCAST, u16::MAX));
        assert!(Prefix { action: Action::Allow, translated, rule }.to_string().len() <= 127);
    }

    proptest! {
        #[test]
        fn prefixes_read_back(
            deny: bool, translated in proptest::option::of(any::<(u32, u16)>()),
            rule in proptest::option::of(("[A-Za-z0-9._-]{1,40}", "[A-Za-z0-9._-]{1,40}")),
        ) {
            let action = if deny && translated.is_none() { Action::Deny } else { Action::Allow };
            let translated = translated.map(|(address, port)| SocketAddrV4::new(address.into(), port));
            let prefix = Prefix { action, translated, rule };
            prop_assert_eq!(Prefix::parse(&prefix.to_string()), Some(prefix));
        }

        #[test]
        fn no_packet_is_too_strange(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Some(packet) = Packet::parse(&bytes) {
                prop_assert_eq!(packet.source_port.is_some(), matches!(packet.protocol, 6 | 17)
                    && bytes.len() >= usize::from(bytes[0] & 0xf) * 4 + 2);
            }
        }

        #[test]
        fn no_prefix_is_too_strange(text in "\\PC{0,40}") {
            let _ = Prefix::parse(&text);
        }
    }
}
