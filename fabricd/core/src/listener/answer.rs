//! What servers say: whom they have seen, and what they were asked.
//!
//! It is for learners: the source address and port tell what every translation on the way has made of them.

use std::net::SocketAddr;

use serde_json::{Map, Value};

use super::{Listener, Protocol, workload::PodServer};
use crate::topology::Topology;

/// Most bytes of a UDP datagram over IPv4: 65,535 without the headers of IP and UDP.
pub const DATAGRAM_MAX: usize = 65_507;

/// One HTTP request, as the server has seen it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen<'a> {
    /// What the server calls itself.
    pub name: &'a str,
    /// The address and port that the request came to.
    pub server: SocketAddr,
    /// The address and port that it came from.
    pub client: SocketAddr,
    /// The request line, such as `GET / HTTP/1.1`.
    pub request: &'a str,
    /// The header `Host`, if there was one.
    pub host: Option<&'a str>,
    /// The name that the client has asked for in TLS (Server Name Indication), if it has.
    pub tls_server_name: Option<&'a str>,
    /// All headers, their names in lower case, in the order in which they came. Only pods tell them.
    pub headers: &'a [(String, String)],
}

/// A whole answer by HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Such as 200.
    pub status: u16,
    /// What the body is.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
}

impl Answer {
    /// Text.
    pub fn text(status: u16, body: String) -> Self {
        Self { status, content_type: "text/plain; charset=utf-8", body }
    }

    /// JSON.
    pub fn json(status: u16, body: String) -> Self {
        Self { status, content_type: "application/json", body }
    }
}

/// What `listener` answers to a request that it has `seen` for the path and query `target`, while the lab is
/// `live`; `accept` has the values of the headers of that name.
pub fn answer<'a>(
    listener: &Listener,
    live: Option<&Topology>,
    seen: &Seen<'_>,
    target: &str,
    accept: impl IntoIterator<Item = &'a str>,
) -> Answer {
    let json = accept.into_iter().any(wants_json);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    match (&listener.protocol, live) {
        (Protocol::Health(server), Some(live)) => server.answer(live, &listener.name, path),
        (Protocol::Health(_), None) => Answer::text(503, String::new()),
        (Protocol::Pod(server), live) => server.answer(live, seen, (path, query), json),
        _ => seen.answer(None, json),
    }
}

impl Seen<'_> {
    /// The common form, of the pod `server` if it is one.
    pub(super) fn answer(&self, server: Option<&PodServer>, json: bool) -> Answer {
        match (server, json) {
            (None, true) => Answer::json(200, self.json()),
            (None, false) => Answer::text(200, self.text()),
            (Some(server), true) => Answer::json(200, self.json_of_pod(server)),
            (Some(server), false) => Answer::text(200, self.text_of_pod(server)),
        }
    }

    fn text_of_pod(&self, server: &PodServer) -> String {
        let PodServer { pod, namespace, node, .. } = server;
        let headers = self.headers.iter().map(|(name, value)| format!("header: {name}: {value}\n"));
        let headers: String = headers.collect();
        format!("pod: {pod}\nnamespace: {namespace}\nnode: {node}\n{}{headers}", self.text())
    }

    fn json_of_pod(&self, server: &PodServer) -> String {
        let PodServer { pod, namespace, node, .. } = server;
        let own = [("pod", pod), ("namespace", namespace), ("node", node)];
        let own = own.map(|(name, value)| (name.to_owned(), Value::String(value.clone())));
        let facts = self.facts().map(|(name, value)| (name.to_owned(), Value::String(value)));
        let mut all: Map<String, Value> = own.into_iter().chain(facts).collect();
        let mut headers = Map::new();
        for (name, value) in self.headers {
            match headers.get_mut(name) {
                // As RFC 9110 joins the values of headers that come several times.
                Some(Value::String(before)) => *before = format!("{before}, {value}"),
                _ => drop(headers.insert(name.clone(), Value::String(value.clone()))),
            }
        }
        all.insert("headers".to_owned(), Value::Object(headers));
        format!("{}\n", Value::Object(all))
    }

    fn facts(&self) -> impl Iterator<Item = (&'static str, String)> {
        [
            Some(("server", format!("{} {}", self.name, self.server))),
            Some(("client", self.client.to_string())),
            Some(("request", self.request.to_owned())),
            self.host.map(|host| ("host", host.to_owned())),
            self.tls_server_name.map(|name| ("tls-server-name", name.to_owned())),
        ]
        .into_iter()
        .flatten()
    }

    /// A line for each fact: `server`, `client`, `request`, and where they are known `host` and
    /// `tls-server-name`.
    pub fn text(&self) -> String {
        self.facts().map(|(name, value)| format!("{name}: {value}\n")).collect()
    }

    /// The same as an object of strings, on one line.
    pub fn json(&self) -> String {
        let facts: Map<String, Value> =
            self.facts().map(|(name, value)| (name.to_owned(), Value::String(value))).collect();
        format!("{}\n", Value::Object(facts))
    }
}

/// Whether a header `Accept` asks for JSON. Weights are not looked at: who names JSON wants it.
pub fn wants_json(accept: &str) -> bool {
    accept.split(',').any(|range| {
        let media_type = range.split(';').next().unwrap_or_default();
        media_type.trim().eq_ignore_ascii_case("application/json")
    })
}

/// What a server says first of all on TCP port 7.
pub fn greeting(client: SocketAddr) -> String {
    format!("client {client}\n")
}

/// What a server answers to the datagram `payload`. Its end is cut off where no datagram can hold it all.
pub fn datagram(client: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let mut answer = greeting(client).into_bytes();
    answer.extend_from_slice(payload);
    answer.truncate(DATAGRAM_MAX);
    answer
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seen() -> Seen<'static> {
        Seen {
            name: "example-com",
            server: "203.0.113.10:80".parse().expect("an address"),
            client: "198.51.100.1:1024".parse().expect("an address"),
            request: "GET /\"quoted\" HTTP/1.1",
            host: Some("example.com"),
            tls_server_name: None,
            headers: &[],
        }
    }

    #[test]
    fn text_and_json_say_the_same() {
        assert_eq!(
            seen().text(),
            "server: example-com 203.0.113.10:80\nclient: 198.51.100.1:1024\n\
             request: GET /\"quoted\" HTTP/1.1\nhost: example.com\n"
        );
        assert_eq!(
            seen().json(),
            "{\"server\":\"example-com 203.0.113.10:80\",\"client\":\"198.51.100.1:1024\",\
             \"request\":\"GET /\\\"quoted\\\" HTTP/1.1\",\"host\":\"example.com\"}\n"
        );
        let bare = Seen { host: None, tls_server_name: Some("www.example.com"), ..seen() };
        assert!(bare.text().ends_with("HTTP/1.1\ntls-server-name: www.example.com\n"), "{}", bare.text());
    }

    #[test]
    fn json_is_for_those_who_name_it() {
        for accept in ["application/json", "text/html, Application/JSON;q=0.5", " application/json "] {
            assert!(wants_json(accept), "{accept}");
        }
        for accept in ["", "*/*", "text/plain", "application/jsonl", "text/x;a=application/json"] {
            assert!(!wants_json(accept), "{accept}");
        }
    }

    proptest! {
        #[test]
        fn every_datagram_has_an_answer_that_fits(
            payload in proptest::collection::vec(any::<u8>(), 0..200), repeat in 1..600_usize, port: u16,
        ) {
            let client = SocketAddr::from(([198, 51, 100, 1], port));
            let payload = payload.repeat(repeat);
            let answer = datagram(client, &payload);
            let first = greeting(client);
            prop_assert!(answer.len() <= DATAGRAM_MAX);
            prop_assert!(answer.starts_with(first.as_bytes()));
            let rest = &answer[first.len()..];
            prop_assert_eq!(rest, &payload[..payload.len().min(DATAGRAM_MAX - first.len())]);
        }

        #[test]
        fn whatever_is_asked_json_reads_back(request in "\\PC{0,40}", host in proptest::option::of("\\PC{0,20}")) {
            let seen = Seen { request: &request, host: host.as_deref(), ..seen() };
            let read: Value = serde_json::from_str(&seen.json()).expect("JSON");
            prop_assert_eq!(read["request"].as_str(), Some(request.as_str()));
            prop_assert_eq!(read["host"].as_str(), host.as_deref());
        }
    }
}
