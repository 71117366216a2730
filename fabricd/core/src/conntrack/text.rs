//! The lines of `conntrack -L`: libnetfilter_conntrack's `snprintf_default.c`.

use std::{fmt, str::FromStr};

use super::{Connection, Ends, Protocol, Status, TcpState, Tuple};

const STATES: [(TcpState, &str); 10] = [
    (TcpState::None, "NONE"),
    (TcpState::SynSent, "SYN_SENT"),
    (TcpState::SynReceived, "SYN_RECV"),
    (TcpState::Established, "ESTABLISHED"),
    (TcpState::FinWait, "FIN_WAIT"),
    (TcpState::CloseWait, "CLOSE_WAIT"),
    (TcpState::LastAck, "LAST_ACK"),
    (TcpState::TimeWait, "TIME_WAIT"),
    (TcpState::Close, "CLOSE"),
    (TcpState::SynSent2, "SYN_SENT2"),
];

const PROTOCOLS: [(Protocol, &str); 8] = [
    (Protocol::ICMP, "icmp"),
    (Protocol::TCP, "tcp"),
    (Protocol::UDP, "udp"),
    (Protocol(33), "dccp"),
    (Protocol(47), "gre"),
    (Protocol::ICMPV6, "icmpv6"),
    (Protocol(132), "sctp"),
    (Protocol(136), "udplite"),
];

/// A word that is no state of a TCP connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("that is no state of a TCP connection")]
pub struct UnknownState;

impl TcpState {
    /// By the kernel's number, from 0; `None` for one that is newer than this.
    pub fn from_number(number: u8) -> Option<Self> {
        STATES.get(usize::from(number)).map(|(state, _)| *state)
    }
}

impl fmt::Display for TcpState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = STATES.iter().find(|(state, _)| state == self).map_or("NONE", |(_, name)| name);
        f.pad(name)
    }
}

impl FromStr for TcpState {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, UnknownState> {
        STATES.iter().find(|(_, name)| *name == text).map(|(state, _)| *state).ok_or(UnknownState)
    }
}

impl fmt::Display for Protocol {
    /// `tcp`; `unknown` for one that conntrack has no word for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(PROTOCOLS.iter().find(|(protocol, _)| protocol == self).map_or("unknown", |(_, name)| name))
    }
}

impl FromStr for Protocol {
    type Err = &'static str;

    /// A name, or a number up to 255.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = PROTOCOLS.iter().find(|(_, name)| name.eq_ignore_ascii_case(text));
        let protocol = named.map(|(protocol, _)| *protocol).or_else(|| text.parse().ok().map(Self));
        protocol.ok_or("write tcp, udp, icmp or the number of another protocol")
    }
}

impl fmt::Display for Tuple {
    /// `src=10.244.0.15 dst=203.0.113.10 sport=45512 dport=80`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, destination, ends } = self;
        write!(f, "src={source} dst={destination}")?;
        match ends {
            Ends::Ports { source, destination } => write!(f, " sport={source} dport={destination}"),
            Ends::Icmp { kind, code, id } => write!(f, " type={kind} code={code} id={id}"),
            Ends::Nothing => Ok(()),
        }
    }
}

impl fmt::Display for Connection {
    /// One line of `conntrack -L`; with `{:#}` one of `conntrack -L -o extended`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { protocol, original, reply, state, timeout, status, mark, zone, uses } = self;
        if f.alternate() {
            let (family, number) = if original.source.is_ipv4() { ("ipv4", 2) } else { ("ipv6", 10) };
            write!(f, "{family:<8} {number} ")?;
        }
        write!(f, "{protocol:<8} {} ", protocol.0)?;
        if let Some(timeout) = timeout {
            write!(f, "{timeout} ")?;
        }
        if let Some(state) = state {
            write!(f, "{state} ")?;
        }
        write!(f, "{original} ")?;
        if !status.has(Status::SEEN_REPLY) {
            f.write_str("[UNREPLIED] ")?;
        }
        write!(f, "{reply} ")?;
        let words = [
            (Status::HARDWARE_OFFLOAD, "[HW_OFFLOAD] "),
            (Status::OFFLOAD, "[OFFLOAD] "),
            (Status::ASSURED, "[ASSURED] "),
        ];
        if let Some((_, word)) = words.iter().find(|(bit, _)| status.has(*bit)) {
            f.write_str(word)?;
        }
        write!(f, "mark={mark} ")?;
        if *zone != 0 {
            write!(f, "zone={zone} ")?;
        }
        write!(f, "use={uses}")
    }
}
