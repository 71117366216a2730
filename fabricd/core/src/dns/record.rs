//! Questions, records and answers, apart from how they are written on the wire.
//!
//! Names are in lower case and have no dot at the end; the root is the empty text. A dot inside a label is
//! written `\.`.

use std::net::Ipv4Addr;

/// Longest name, in characters (RFC 1035: 255 bytes on the wire).
pub const NAME_MAX: usize = 253;

/// What kind of record is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// An IPv4 address.
    A,
    /// A name server.
    Ns,
    /// Another name.
    Cname,
    /// The beginning of a zone.
    Soa,
    /// The name of an address.
    Ptr,
    /// A mail server.
    Mx,
    /// Text.
    Txt,
    /// An IPv6 address: nobody has one.
    Aaaa,
    /// A port of a service.
    Srv,
    /// All that there is.
    Any,
    /// Something that nobody here has.
    Other(u16),
}

/// A question of class IN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The name.
    pub name: String,
    /// What is wanted of it.
    pub kind: Kind,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Data {
    /// An IPv4 address.
    A(Ipv4Addr),
    /// The name that it is another one for.
    Cname(String),
    /// The name of an address.
    Ptr(String),
    /// A name server.
    Ns(String),
    /// Texts of at most 255 bytes each.
    Txt(Vec<String>),
    /// A mail server.
    Mx {
        /// The lowest is the first to be tried.
        preference: u16,
        /// Its name.
        exchange: String,
    },
    /// A port of a service.
    Srv {
        /// The lowest is the first to be tried.
        priority: u16,
        /// The share among those of the same priority.
        weight: u16,
        /// The port.
        port: u16,
        /// Whose.
        target: String,
    },
    /// The beginning of a zone.
    Soa {
        /// Its name server.
        server: String,
        /// The mailbox of who keeps it, with a dot for the `@`.
        mailbox: String,
        /// How long, in seconds, it holds that something is not there.
        minimum: u32,
    },
}

impl Data {
    /// What kind of record it makes.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::A(_) => Kind::A,
            Self::Cname(_) => Kind::Cname,
            Self::Ptr(_) => Kind::Ptr,
            Self::Ns(_) => Kind::Ns,
            Self::Txt(_) => Kind::Txt,
            Self::Mx { .. } => Kind::Mx,
            Self::Srv { .. } => Kind::Srv,
            Self::Soa { .. } => Kind::Soa,
        }
    }
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Whose it is.
    pub name: String,
    /// How long it holds, in seconds.
    pub ttl: u32,
    /// What it says.
    pub data: Data,
}

/// How an answer ends (RFC 1035, 4.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// With what is there, or with nothing of the wanted kind.
    NoError,
    /// The question cannot be understood.
    FormErr,
    /// Who should know does not say.
    ServFail,
    /// There is no such name.
    NxDomain,
    /// Such questions are not answered.
    NotImp,
    /// Not by this server.
    Refused,
}

/// What is said to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// How it ends.
    pub code: Code,
    /// Whether the server is the one that knows.
    pub authoritative: bool,
    /// Whether the server asks others.
    pub recursion_available: bool,
    /// What was asked for.
    pub answers: Vec<Record>,
    /// The zone, where something is not there.
    pub authority: Vec<Record>,
    /// What the asker will want next.
    pub additional: Vec<Record>,
}

impl Answer {
    /// An answer that is only a code.
    pub const fn code(code: Code) -> Self {
        Self {
            code,
            authoritative: false,
            recursion_available: true,
            answers: vec![],
            authority: vec![],
            additional: vec![],
        }
    }
}

/// Whether `name` is `domain` or below it. Everything is below the root.
pub fn within(name: &str, domain: &str) -> bool {
    below(name, domain).is_some()
}

/// What stands before `domain` in `name`, without the dot; empty if both are the same.
pub fn below<'n>(name: &'n str, domain: &str) -> Option<&'n str> {
    if domain.is_empty() {
        return Some(name);
    }
    let rest = name.strip_suffix(domain)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_suffix('.') }
}

/// The name by which an address is looked up: `4.0.224.10.in-addr.arpa`.
pub fn reverse_name(address: Ipv4Addr) -> String {
    let [a, b, c, d] = address.octets();
    format!("{d}.{c}.{b}.{a}.in-addr.arpa")
}
