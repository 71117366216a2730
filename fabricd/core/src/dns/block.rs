//! A server block: what is done with a question, in the order of CoreDNS' `plugin.cfg`.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddrV4},
    sync::Arc,
};

use super::{
    cluster::PodNames,
    record::{Answer, Code, Data, Kind, Question, Record, below, reverse_name, within},
    zone::{Found as InZone, Zone},
};

/// What answers for all names in one zone.
#[derive(Clone, Debug, Default)]
pub struct Block {
    /// The zone; all names if it is empty.
    pub zone: String,
    /// First of all: which names are taken for others.
    pub rewrites: Vec<Rewrite>,
    /// What is not there, whatever others say.
    pub templates: Vec<Template>,
    /// Names with addresses, as in a hosts file.
    pub hosts: Option<Hosts>,
    /// What is known: the longest zone that a name is in counts.
    pub zones: Vec<Arc<Zone>>,
    /// Names of the addresses of pods, in one of `zones`.
    pub pods: Option<PodNames>,
    /// Names of addresses, and how many seconds they hold. What is not here goes on.
    pub reverse: BTreeMap<String, Vec<Record>>,
    /// Who is asked for the rest; the longest `from` that a name is in counts.
    pub forwards: Vec<Forward>,
    /// Whether answers from here are those of who knows; Azure DNS is a resolver.
    pub authoritative: bool,
    /// What is said if nobody is asked.
    pub otherwise: Option<Code>,
}

/// A name that is taken for another (plugin `rewrite`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewrite {
    /// Whether all names count that end so, or this one alone.
    pub suffix: bool,
    /// The name or the end.
    pub from: String,
    /// What it becomes.
    pub to: String,
}

impl Rewrite {
    /// What becomes of `name`, if it is meant.
    pub fn apply(&self, name: &str) -> Option<String> {
        if !self.suffix {
            return (name == self.from).then(|| self.to.clone());
        }
        name.strip_suffix(&self.from).map(|rest| format!("{rest}{}", self.to))
    }
}

/// Names that are not there (plugin `template` with `rcode NXDOMAIN`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Names in this domain.
    pub zone: String,
    /// Only those with so many labels more.
    pub labels_min: usize,
}

/// A hosts file (plugin `hosts`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts {
    /// Names with their addresses, in the order of the file.
    pub names: BTreeMap<String, Vec<Ipv4Addr>>,
    /// How long they hold, in seconds.
    pub ttl: u32,
    /// Whether others are asked for what is not here.
    pub fallthrough: bool,
    /// Whether addresses have names.
    pub reverse: bool,
}

/// Whom to ask (plugin `forward`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// For names in this domain.
    pub from: String,
    /// The servers.
    pub to: Vec<SocketAddrV4>,
    /// Whether those of the node's resolv.conf are meant too.
    pub node_servers: bool,
    /// Which of them is asked first.
    pub policy: Policy,
}

/// Which of several servers is asked first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// Each in turn. CoreDNS' default is a random one, which no document could show.
    #[default]
    RoundRobin,
    /// Always the first.
    Sequential,
}

/// What a block does with a question.
#[derive(Clone, Debug)]
pub enum Found {
    /// It answers.
    Answer(Answer),
    /// The name is another one for this; the record says so.
    Alias(Record, String),
    /// Others are asked.
    Forward(Forward),
}

impl Block {
    /// What `name` is taken for, if it is taken for something else.
    pub fn rewritten(&self, name: &str) -> Option<String> {
        self.rewrites.iter().find_map(|rewrite| rewrite.apply(name))
    }

    /// What is done with a question.
    pub fn ask(&self, question: &Question) -> Found {
        let name = &question.name;
        if self.templates.iter().any(|template| template.fits(name)) {
            return Found::Answer(Answer { authoritative: true, ..Answer::code(Code::NxDomain) });
        }
        if let Some(answer) = self.hosts.as_ref().and_then(|hosts| hosts.answer(question)) {
            return Found::Answer(answer);
        }
        if let Some(records) = self.reverse.get(name).filter(|_| question.kind == Kind::Ptr) {
            let answer = Answer { authoritative: self.authoritative, ..Answer::code(Code::NoError) };
            return Found::Answer(Answer { answers: records.clone(), ..answer });
        }
        let inside = self.zones.iter().filter(|zone| within(name, &zone.origin));
        if let Some(zone) = inside.max_by_key(|zone| zone.origin.len()) {
            if let Some(answer) = self.pods.as_ref().and_then(|pods| pods.answer(zone, question)) {
                return Found::Answer(answer);
            }
            return match zone.answer(question) {
                InZone::Answer(answer) => Found::Answer(answer),
                InZone::Alias(record, target) => Found::Alias(record, target),
            };
        }
        let inside = self.forwards.iter().filter(|forward| within(name, &forward.from));
        match inside.max_by_key(|forward| forward.from.len()) {
            Some(forward) => Found::Forward(forward.clone()),
            None => Found::Answer(Answer::code(self.otherwise.unwrap_or(Code::ServFail))),
        }
    }
}

impl Template {
    fn fits(&self, name: &str) -> bool {
        let labels = |rest: &str| if rest.is_empty() { 0 } else { rest.split('.').count() };
        below(name, &self.zone).is_some_and(|rest| labels(rest) >= self.labels_min)
    }
}

impl Hosts {
    /// `None` if others are to be asked. Without `fallthrough` the plugin answers SERVFAIL to what it does not
    /// have, since a hosts file has no SOA (`plugin/hosts/hosts.go`).
    fn answer(&self, question: &Question) -> Option<Answer> {
        let record = |data| Record { name: question.name.clone(), ttl: self.ttl, data };
        let known = self.names.get(&question.name);
        let answers: Vec<Record> = match question.kind {
            Kind::A => known.into_iter().flatten().map(|address| record(Data::A(*address))).collect(),
            Kind::Ptr if self.reverse => {
                let has =
                    |addresses: &[Ipv4Addr]| addresses.iter().any(|it| reverse_name(*it) == question.name);
                let names = self.names.iter().filter(|(_, addresses)| has(addresses));
                names.map(|(name, _)| record(Data::Ptr(name.clone()))).collect()
            }
            _ => vec![],
        };
        let code = match (answers.is_empty() && known.is_none(), self.fallthrough) {
            (false, _) => Code::NoError,
            (true, true) => return None,
            (true, false) => Code::ServFail,
        };
        Some(Answer { authoritative: code == Code::NoError, answers, ..Answer::code(code) })
    }
}
