//! Questions and answers as bytes (RFC 1035, 6891).
//!
//! The format itself is `simple-dns`': hickory-proto brings some 40 crates (IDNA tables, random numbers, URLs)
//! for what is needed here.

use simple_dns::{
    CLASS, Name, OPCODE, Packet, PacketFlag, QCLASS, QTYPE, RCODE, ResourceRecord, SimpleDnsError, TYPE,
    rdata::{CNAME, MX, NS, OPT, PTR, RData, SOA, SRV, TXT},
};

use super::record::{Answer, Code, Data, Kind, NAME_MAX, Question, Record};

/// Longest message over UDP without EDNS (RFC 1035, 4.2.1).
pub const DATAGRAM: usize = 512;

/// Longest datagram that is sent, whatever a client would take.
pub const DATAGRAM_MAX: usize = 4096;

/// Longest message over TCP.
pub const MESSAGE_MAX: usize = 65_535;

/// The size of datagrams that is announced (DNS flag day 2020).
const ANNOUNCED: u16 = 1232;

/// Bytes before the first question.
const HEADER: usize = 12;

/// A question that somebody asks.
#[derive(Clone, Debug)]
pub struct Query {
    id: u16,
    question: Question,
    asked: simple_dns::Question<'static>,
    recursion_desired: bool,
    checking_disabled: bool,
    /// What the client takes over UDP, if it says so.
    datagram: Option<u16>,
}

/// Over what it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// UDP.
    Datagram,
    /// TCP.
    Stream,
}

impl Query {
    /// Reads a question.
    ///
    /// # Errors
    /// What to send back for one that cannot be answered; nothing where silence is right, as to an answer.
    pub fn read(bytes: &[u8]) -> Result<Self, Option<Vec<u8>>> {
        let &[_, _, flags, _, ..] = bytes else { return Err(None) };
        if bytes.len() < HEADER || flags & 0x80 != 0 {
            return Err(None);
        }
        let packet = match Packet::parse(bytes) {
            Ok(packet) => packet,
            Err(SimpleDnsError::InvalidQType(_)) => return Err(Some(refusal(bytes, Code::NotImp))),
            Err(SimpleDnsError::InvalidQClass(_)) => return Err(Some(refusal(bytes, Code::Refused))),
            Err(_) => return Err(Some(refusal(bytes, Code::FormErr))),
        };
        if packet.opcode() != OPCODE::StandardQuery {
            return Err(Some(refusal(bytes, Code::NotImp)));
        }
        let [asked] = &packet.questions[..] else { return Err(Some(refusal(bytes, Code::FormErr))) };
        let name = text(&asked.qname);
        if name.len() > NAME_MAX {
            return Err(Some(refusal(bytes, Code::FormErr)));
        }
        let in_class = matches!(asked.qclass, QCLASS::CLASS(CLASS::IN) | QCLASS::ANY);
        if !in_class || matches!(asked.qtype, QTYPE::AXFR | QTYPE::IXFR) {
            return Err(Some(refusal(bytes, Code::Refused)));
        }
        Ok(Self {
            id: packet.id(),
            question: Question { name, kind: kind(asked.qtype) },
            asked: asked.clone().into_owned(),
            recursion_desired: packet.has_flags(PacketFlag::RECURSION_DESIRED),
            checking_disabled: packet.has_flags(PacketFlag::CHECKING_DISABLED),
            datagram: packet.opt().map(|opt| opt.udp_packet_size),
        })
    }

    /// What is asked.
    pub const fn question(&self) -> &Question {
        &self.question
    }

    /// The number of the question.
    pub const fn id(&self) -> u16 {
        self.id
    }

    /// The answer as it is sent back, cut to what the client takes.
    pub fn reply(&self, answer: &Answer, carrier: Carrier) -> Vec<u8> {
        let max = match carrier {
            Carrier::Stream => MESSAGE_MAX,
            Carrier::Datagram => {
                self.datagram.map_or(DATAGRAM, |size| usize::from(size).clamp(DATAGRAM, DATAGRAM_MAX))
            }
        };
        let whole = self.built(answer, answer.answers.len(), false);
        if whole.len() <= max {
            return whole;
        }
        // What the client will want next is the first to be left out, and none of the answer is missing then.
        let bare = Answer { additional: vec![], ..answer.clone() };
        let without = self.built(&bare, bare.answers.len(), false);
        if without.len() <= max {
            return without;
        }
        let (mut fits, mut too_many) = (0, bare.answers.len());
        while fits + 1 < too_many {
            let middle = fits.midpoint(too_many);
            if self.built(&bare, middle, true).len() <= max { fits = middle } else { too_many = middle }
        }
        self.built(&bare, fits, true)
    }

    fn built(&self, answer: &Answer, answers: usize, truncated: bool) -> Vec<u8> {
        let mut packet = Packet::new_reply(self.id);
        let flags = [
            (PacketFlag::AUTHORITATIVE_ANSWER, answer.authoritative),
            (PacketFlag::RECURSION_AVAILABLE, answer.recursion_available),
            (PacketFlag::RECURSION_DESIRED, self.recursion_desired),
            (PacketFlag::CHECKING_DISABLED, self.checking_disabled),
            (PacketFlag::TRUNCATION, truncated),
        ];
        for (flag, _) in flags.into_iter().filter(|(_, is_set)| *is_set) {
            packet.set_flags(flag);
        }
        *packet.rcode_mut() = rcode(answer.code);
        packet.questions.push(self.asked.clone());
        let made = |record: &Record| resource_record(record, (&self.question.name, &self.asked.qname));
        packet.answers.extend(answer.answers.iter().take(answers).filter_map(made));
        packet.name_servers.extend(answer.authority.iter().filter_map(made));
        packet.additional_records.extend(answer.additional.iter().filter_map(made));
        if self.datagram.is_some() {
            *packet.opt_mut() = Some(OPT { opt_codes: vec![], udp_packet_size: ANNOUNCED, version: 0 });
        }
        packet.build_bytes_vec_compressed().unwrap_or_else(|_| vec![])
    }
}

/// A question for another server; nothing if it cannot be written.
pub fn question(id: u16, question: &Question) -> Option<Vec<u8>> {
    let mut packet = Packet::new_query(id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    let name = Name::new(&question.name).ok()?;
    packet.questions.push(simple_dns::Question::new(name, qtype(question.kind)?, CLASS::IN.into(), false));
    *packet.opt_mut() = Some(OPT { opt_codes: vec![], udp_packet_size: ANNOUNCED, version: 0 });
    packet.build_bytes_vec_compressed().ok()
}

/// Whether `bytes` are an answer with this number.
pub fn is_answer(bytes: &[u8], id: u16) -> bool {
    bytes.len() >= HEADER && bytes[..2] == id.to_be_bytes() && bytes[2] & 0x80 != 0
}

/// Reads what another server has said. Records of kinds that nobody here has are left out.
pub fn read_answer(bytes: &[u8]) -> Option<Answer> {
    let packet = Packet::parse(bytes).ok()?;
    let records = |records: &[ResourceRecord<'_>]| records.iter().filter_map(record).collect();
    let code = match packet.rcode() {
        RCODE::NoError => Code::NoError,
        RCODE::NameError => Code::NxDomain,
        RCODE::Refused => Code::Refused,
        RCODE::NotImplemented => Code::NotImp,
        RCODE::FormatError => Code::FormErr,
        _ => Code::ServFail,
    };
    Some(Answer {
        code,
        authoritative: false,
        recursion_available: packet.has_flags(PacketFlag::RECURSION_AVAILABLE),
        answers: records(&packet.answers),
        authority: records(&packet.name_servers),
        additional: vec![],
    })
}

/// The header alone, with the number of the question.
fn refusal(bytes: &[u8], code: Code) -> Vec<u8> {
    let mut header = bytes[..HEADER].to_vec();
    header[2] = 0x80 | header[2] & 0x79;
    header[3] = rcode(code) as u8;
    header[4..].fill(0);
    header
}

fn text(name: &Name<'_>) -> String {
    name.to_string().to_ascii_lowercase()
}

const fn rcode(code: Code) -> RCODE {
    match code {
        Code::NoError => RCODE::NoError,
        Code::FormErr => RCODE::FormatError,
        Code::ServFail => RCODE::ServerFailure,
        Code::NxDomain => RCODE::NameError,
        Code::NotImp => RCODE::NotImplemented,
        Code::Refused => RCODE::Refused,
    }
}

fn kind(qtype: QTYPE) -> Kind {
    match qtype {
        QTYPE::TYPE(TYPE::A) => Kind::A,
        QTYPE::TYPE(TYPE::NS) => Kind::Ns,
        QTYPE::TYPE(TYPE::CNAME) => Kind::Cname,
        QTYPE::TYPE(TYPE::SOA) => Kind::Soa,
        QTYPE::TYPE(TYPE::PTR) => Kind::Ptr,
        QTYPE::TYPE(TYPE::MX) => Kind::Mx,
        QTYPE::TYPE(TYPE::TXT) => Kind::Txt,
        QTYPE::TYPE(TYPE::AAAA) => Kind::Aaaa,
        QTYPE::TYPE(TYPE::SRV) => Kind::Srv,
        QTYPE::ANY => Kind::Any,
        other => Kind::Other(other.into()),
    }
}

fn qtype(kind: Kind) -> Option<QTYPE> {
    Some(match kind {
        Kind::A => TYPE::A.into(),
        Kind::Ns => TYPE::NS.into(),
        Kind::Cname => TYPE::CNAME.into(),
        Kind::Soa => TYPE::SOA.into(),
        Kind::Ptr => TYPE::PTR.into(),
        Kind::Mx => TYPE::MX.into(),
        Kind::Txt => TYPE::TXT.into(),
        Kind::Aaaa => TYPE::AAAA.into(),
        Kind::Srv => TYPE::SRV.into(),
        Kind::Any => QTYPE::ANY,
        Kind::Other(number) => QTYPE::try_from(number).ok()?,
    })
}

/// `asked` is the name of the question in both forms: who asks gets it back as it was written (RFC 4343).
fn resource_record(record: &Record, asked: (&str, &Name<'static>)) -> Option<ResourceRecord<'static>> {
    let name = |name: &str| Name::new(name).ok().map(Name::into_owned);
    let owner = if record.name == asked.0 { asked.1.clone() } else { name(&record.name)? };
    let data = match &record.data {
        Data::A(address) => RData::A((*address).into()),
        Data::Cname(target) => RData::CNAME(CNAME(name(target)?)),
        Data::Ptr(target) => RData::PTR(PTR(name(target)?)),
        Data::Ns(server) => RData::NS(NS(name(server)?)),
        Data::Txt(texts) => {
            let mut txt = TXT::new();
            texts.iter().try_for_each(|text| txt.add_string(text)).ok()?;
            RData::TXT(txt.into_owned())
        }
        Data::Mx { preference, exchange } => {
            RData::MX(MX { preference: *preference, exchange: name(exchange)? })
        }
        Data::Srv { priority, weight, port, target } => {
            RData::SRV(SRV { priority: *priority, weight: *weight, port: *port, target: name(target)? })
        }
        // The times are CoreDNS' for zone transfers, which nobody makes here.
        Data::Soa { server, mailbox, minimum } => RData::SOA(SOA {
            mname: name(server)?,
            rname: name(mailbox)?,
            serial: 1,
            refresh: 7200,
            retry: 1800,
            expire: 86400,
            minimum: *minimum,
        }),
    };
    Some(ResourceRecord::new(owner, CLASS::IN, record.ttl, data))
}

fn record(record: &ResourceRecord<'_>) -> Option<Record> {
    let data = match &record.rdata {
        RData::A(a) => Data::A(a.address.into()),
        RData::CNAME(CNAME(target)) => Data::Cname(text(target)),
        RData::PTR(PTR(target)) => Data::Ptr(text(target)),
        RData::NS(NS(server)) => Data::Ns(text(server)),
        RData::SRV(it) => {
            Data::Srv { priority: it.priority, weight: it.weight, port: it.port, target: text(&it.target) }
        }
        RData::MX(it) => Data::Mx { preference: it.preference, exchange: text(&it.exchange) },
        RData::SOA(it) => {
            Data::Soa { server: text(&it.mname), mailbox: text(&it.rname), minimum: it.minimum }
        }
        RData::TXT(it) => Data::Txt(vec![String::try_from(it.clone()).ok()?]),
        _ => return None,
    };
    Some(Record { name: text(&record.name), ttl: record.ttl, data })
}
