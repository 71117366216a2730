//! A zone: names with records, and those that are there only since others are below them.

use std::collections::BTreeMap;

use super::record::{Answer, Code, Data, Kind, NAME_MAX, Question, Record, within};

/// A zone that a server knows all of.
#[derive(Clone, Debug)]
pub struct Zone {
    /// Its name.
    pub origin: String,
    soa: Record,
    names: BTreeMap<String, Vec<Record>>,
    /// Whether answers say that they are from who knows. A resolver that has them from elsewhere does not.
    authoritative: bool,
}

/// What a zone says to a question.
#[derive(Clone, Debug)]
pub enum Found {
    /// This.
    Answer(Answer),
    /// It is another name for this one; the record says so.
    Alias(Record, String),
}

impl Zone {
    /// An empty zone. `soa` is what its beginning says, for so many seconds.
    pub fn new(origin: &str, soa: Data, ttl: u32, authoritative: bool) -> Self {
        let soa = Record { name: origin.to_owned(), ttl, data: soa };
        let names = BTreeMap::from([(origin.to_owned(), vec![soa.clone()])]);
        Self { origin: origin.to_owned(), soa, names, authoritative }
    }

    /// Adds a record, unless it is there already. One that is not of this zone, or has too long a name, is left out.
    pub fn add(&mut self, name: &str, ttl: u32, data: Data) {
        if name.len() > NAME_MAX || !within(name, &self.origin) {
            return;
        }
        self.exists(name);
        let records = self.names.entry(name.to_owned()).or_default();
        if !records.iter().any(|record| same(&record.data, &data)) {
            records.push(Record { name: name.to_owned(), ttl, data });
        }
    }

    /// Makes `name` and all above it exist, without any record.
    pub fn exists(&mut self, name: &str) {
        let mut rest = name;
        while within(rest, &self.origin) && !self.names.contains_key(rest) {
            self.names.insert(rest.to_owned(), vec![]);
            rest = parent(rest);
        }
    }

    /// Gives all SRV records of `name` the same weight, by how many they are.
    pub fn share(&mut self, name: &str, of: impl Fn(usize) -> u16) {
        let Some(records) = self.names.get_mut(name) else { return };
        let each = of(records.len());
        for record in records {
            if let Data::Srv { weight, .. } = &mut record.data {
                *weight = each;
            }
        }
    }

    /// The records of `name` of this kind.
    pub fn records(&self, name: &str, kind: Kind) -> impl Iterator<Item = &Record> {
        let records = self.names.get(name).into_iter().flatten();
        records.filter(move |record| record.data.kind() == kind)
    }

    /// What it says to a question about one of its names.
    pub fn answer(&self, question: &Question) -> Found {
        let Some(records) = self.names.get(&question.name).or_else(|| self.wildcard(&question.name)) else {
            return Found::Answer(self.nothing(Code::NxDomain));
        };
        let own = |record: &Record| Record { name: question.name.clone(), ..record.clone() };
        let fits = |record: &&Record| question.kind == Kind::Any || record.data.kind() == question.kind;
        let answers: Vec<Record> = records.iter().filter(fits).map(own).collect();
        if answers.is_empty() {
            let alias = records.iter().find_map(|record| match &record.data {
                Data::Cname(target) => Some(Found::Alias(own(record), target.clone())),
                _ => None,
            });
            return alias.unwrap_or_else(|| Found::Answer(self.nothing(Code::NoError)));
        }
        let mut additional: Vec<Record> = vec![];
        for record in &answers {
            if let Data::Srv { target, .. } = &record.data {
                let known = additional.iter().any(|it| it.name == *target);
                additional.extend(self.records(target, Kind::A).filter(|_| !known).cloned());
            }
        }
        Found::Answer(Answer { answers, additional, ..self.nothing(Code::NoError).without_authority() })
    }

    /// The answer that something is not there: with the zone's beginning (RFC 2308).
    pub fn nothing(&self, code: Code) -> Answer {
        Answer {
            authoritative: self.authoritative,
            recursion_available: !self.authoritative,
            authority: vec![self.soa.clone()],
            ..Answer::code(code)
        }
    }

    /// An answer with these records.
    pub fn with(&self, answers: Vec<Record>) -> Answer {
        Answer { answers, ..self.nothing(Code::NoError).without_authority() }
    }

    /// The records of `*` beside or above the name, if nothing stands between (RFC 4592).
    fn wildcard(&self, name: &str) -> Option<&Vec<Record>> {
        let mut rest = parent(name);
        while within(rest, &self.origin) {
            if self.names.contains_key(rest) {
                return self.names.get(&format!("*.{rest}"));
            }
            rest = parent(rest);
        }
        None
    }
}

impl Answer {
    fn without_authority(self) -> Self {
        Self { authority: vec![], ..self }
    }
}

fn parent(name: &str) -> &str {
    name.split_once('.').map_or("", |(_, rest)| rest)
}

/// Whether both say the same. The weight of a port depends on how many there are.
fn same(one: &Data, other: &Data) -> bool {
    match (one, other) {
        (Data::Srv { port, target, .. }, Data::Srv { port: other_port, target: other_target, .. }) => {
            port == other_port && target == other_target
        }
        _ => one == other,
    }
}
