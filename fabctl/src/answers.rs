//! Who has answered requests, and what came of those that nobody has answered.

use std::{cmp::Reverse, collections::BTreeMap};

use clap::ValueEnum;
use serde_json::{Value, json};

use crate::output::table::{self, Look};

/// Most characters of a name that are shown: of an answer that is no answer of ours it may be anything.
const NAME_MAX: usize = 100;

/// By what answers are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// The pod that has answered, or the server
    Pod,
    /// The node of that pod
    Node,
    /// The address that it has seen as the client's, without the port
    Client,
    /// The first line of the answer
    Body,
}

impl By {
    /// The field of an answer in JSON, which is the key in ours too.
    pub fn field(self) -> &'static str {
        match self {
            Self::Pod => "pod",
            Self::Node => "node",
            Self::Client => "client",
            Self::Body => "body",
        }
    }

    /// What stands for an answer. One that says nothing of what is asked for stands under its server's name, or
    /// under its own first line.
    fn name(self, body: &[u8]) -> String {
        let read: Option<Value> = serde_json::from_slice(body).ok();
        let field = |name: &str| read.as_ref()?.get(name)?.as_str().map(str::to_owned);
        let server = || field("server").and_then(|server| server.split(' ').next().map(str::to_owned));
        let first_line = || {
            let text = String::from_utf8_lossy(body);
            let line = text.lines().map(str::trim).find(|line| !line.is_empty());
            line.map_or_else(|| "(nothing)".to_owned(), str::to_owned)
        };
        let name = match self {
            Self::Body => None,
            Self::Client => field("client").map(|client| without_port(&client).to_owned()),
            Self::Pod | Self::Node => field(self.field()).or_else(server),
        };
        name.unwrap_or_else(first_line).chars().filter(|c| !c.is_control()).take(NAME_MAX).collect()
    }
}

/// `10.244.0.5` of `10.244.0.5:41234`.
fn without_port(client: &str) -> &str {
    match client.parse::<std::net::SocketAddr>() {
        Ok(_) => client.rsplit_once(':').map_or(client, |(address, _)| address),
        Err(_) => client,
    }
}

/// Why a request had no answer, by curl's exit code and what it has said with `-v`.
pub fn failure(code: i32, said: &str) -> String {
    let words = match code {
        5 => "could not resolve proxy",
        6 => "could not resolve host",
        7 if said.contains("Connection refused") => "connection refused",
        7 if said.contains("No route to host") => "no route to host",
        7 if said.contains("Network is unreachable") => "network is unreachable",
        7 => "could not connect",
        28 => "timed out",
        35 => "no TLS",
        52 => "empty reply",
        55 | 56 => "connection reset",
        60 => "certificate not trusted",
        97 => "proxy refused",
        _ => return format!("curl ended with {code}"),
    };
    words.to_owned()
}

/// How many requests were answered by whom.
#[derive(Clone, Debug)]
pub struct Tally {
    by: By,
    answers: BTreeMap<String, u32>,
    failures: BTreeMap<(String, i32), u32>,
}

impl Tally {
    /// Of nothing yet.
    pub fn new(by: By) -> Self {
        Self { by, answers: BTreeMap::new(), failures: BTreeMap::new() }
    }

    /// One was answered with `body`.
    pub fn answered(&mut self, body: &[u8]) {
        *self.answers.entry(self.by.name(body)).or_default() += 1;
    }

    /// One was not: curl ended with `code`, and has `said` why.
    pub fn failed(&mut self, code: i32, said: &str) {
        *self.failures.entry((failure(code, said), code)).or_default() += 1;
    }

    /// Whether one was not answered.
    pub fn has_failures(&self) -> bool {
        !self.failures.is_empty()
    }

    /// Requests that were made.
    fn requests(&self) -> u32 {
        self.answers.values().chain(self.failures.values()).sum()
    }

    /// Who has answered most comes first, then by name; failures are behind, in parentheses.
    pub fn table(&self) -> String {
        let title = self.by.field().to_uppercase();
        let answers =
            sorted(&self.answers).into_iter().map(|(name, count)| vec![name.clone(), count.to_string()]);
        let failures = sorted(&self.failures).into_iter();
        let failures = failures.map(|((words, _), count)| vec![format!("({words})"), count.to_string()]);
        let rows: Vec<_> = answers.chain(failures).collect();
        table::render(Look::Kubectl, Some(&[&title, "REQUESTS"]), &rows)
    }

    /// The same for programs.
    pub fn json(&self) -> Value {
        let answers = sorted(&self.answers).into_iter();
        let answers = answers.map(|(name, count)| json!({ self.by.field(): name, "requests": count }));
        let failures = sorted(&self.failures).into_iter();
        let failures = failures
            .map(|((words, code), count)| json!({ "failure": words, "exitCode": code, "requests": count }));
        json!({
            "requests": self.requests(),
            "answers": answers.collect::<Vec<_>>(),
            "failures": failures.collect::<Vec<_>>(),
        })
    }
}

fn sorted<K: Ord>(counts: &BTreeMap<K, u32>) -> Vec<(&K, u32)> {
    let mut all: Vec<_> = counts.iter().map(|(key, count)| (key, *count)).collect();
    // Equal counts stay in the order of their names.
    all.sort_by_key(|(_, count)| Reverse(*count));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &[u8] =
        br#"{"pod":"web-1","node":"n0","server":"web-1 10.244.0.5:80","client":"10.224.0.4:40000"}"#;
    const SERVER: &[u8] = br#"{"server":"example-com 203.0.113.10:80","client":"[fd00::1]:9"}"#;

    #[test]
    fn an_answer_stands_under_who_gave_it() {
        let names =
            |body: &[u8]| [By::Pod, By::Node, By::Client, By::Body].map(|by| by.name(body)).join(" | ");
        let text = String::from_utf8_lossy(ANSWER);
        assert_eq!(names(ANSWER), format!("web-1 | n0 | 10.224.0.4 | {}", &text[..text.len().min(NAME_MAX)]));
        assert!(names(SERVER).starts_with("example-com | example-com | [fd00::1] | {"), "{}", names(SERVER));
        assert_eq!(names(b"\n  blue\nsky\n"), "blue | blue | blue | blue");
        assert_eq!(names(b""), "(nothing) | (nothing) | (nothing) | (nothing)");
        assert_eq!(By::Pod.name("ä\u{1b}[31m".repeat(99).as_bytes()).chars().count(), NAME_MAX);
    }

    #[test]
    fn a_tally_has_always_the_same_form() {
        let mut tally = Tally::new(By::Pod);
        for name in ["web-2", "web-1", "web-3", "web-3", "web-1", "web-2", "web-4", "web-3"] {
            tally.answered(format!("{{\"pod\":\"{name}\"}}").as_bytes());
        }
        assert!(!tally.has_failures());
        tally.failed(28, "");
        tally.failed(7, "* connect to 10.0.0.9 port 80 failed: Connection refused");
        tally.failed(28, "");
        assert!(tally.has_failures());
        insta::assert_snapshot!(tally.table(), @"
        POD                    REQUESTS
        web-3                  3
        web-1                  2
        web-2                  2
        web-4                  1
        (timed out)            2
        (connection refused)   1
        ");
        insta::assert_snapshot!(tally.json(), @r#"{"requests":11,"answers":[{"pod":"web-3","requests":3},{"pod":"web-1","requests":2},{"pod":"web-2","requests":2},{"pod":"web-4","requests":1}],"failures":[{"failure":"timed out","exitCode":28,"requests":2},{"failure":"connection refused","exitCode":7,"requests":1}]}"#);
    }

    #[test]
    fn curls_exit_codes_have_words() {
        assert_eq!(failure(6, ""), "could not resolve host");
        assert_eq!(failure(7, "connect to 10.1.1.1 port 80 failed: No route to host"), "no route to host");
        assert_eq!(failure(7, ""), "could not connect");
        assert_eq!(failure(99, ""), "curl ended with 99");
    }
}
