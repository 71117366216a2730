//! How pods answer: most with what they have seen, those of some images with something of their own.

use std::net::SocketAddr;

use super::{
    answer::{self, Answer, Seen},
    workload::{Behaviour, PodServer},
};
use crate::topology::Topology;

impl PodServer {
    pub(super) fn answer(
        &self,
        live: Option<&Topology>,
        seen: &Seen<'_>,
        (path, query): (&str, &str),
        json: bool,
    ) -> Answer {
        let is_off = live.is_some_and(|live| live.conditions.switched_off.contains(&self.key()));
        if is_off && self.readiness_path.as_deref() == Some(path) {
            return Answer::text(503, "switched to not ready\n".to_owned());
        }
        let text = |text: &str| Answer::text(200, text.to_owned());
        match &self.behaviour {
            Behaviour::Common => seen.answer(Some(self), json),
            Behaviour::Hostname => text(&self.hostname),
            Behaviour::Text(own) => text(&format!("{own}\n")),
            // Source: test/images/agnhost/netexec of Kubernetes.
            Behaviour::Netexec => match path {
                "/clientip" => text(&seen.client.to_string()),
                "/hostname" | "/hostName" => text(&self.hostname),
                "/healthz" => text(""),
                "/echo" => text(&argument(query, "msg").unwrap_or_default()),
                _ => seen.answer(Some(self), json),
            },
        }
    }

    /// What is sent back for a datagram, if anything is.
    pub fn datagram(&self, client: SocketAddr, payload: &[u8]) -> Option<Vec<u8>> {
        match self.behaviour {
            Behaviour::Common | Behaviour::Text(_) => Some(answer::datagram(client, payload)),
            Behaviour::Hostname => Some(self.hostname.clone().into_bytes()),
            // Source: as above; what it does not know it does not answer.
            Behaviour::Netexec => {
                let text = String::from_utf8_lossy(payload);
                let text = text.trim();
                match text.split_once(' ') {
                    None if text.eq_ignore_ascii_case("hostname") => Some(self.hostname.clone().into_bytes()),
                    None if text.eq_ignore_ascii_case("clientip") => Some(client.to_string().into_bytes()),
                    Some((word, rest)) if word.eq_ignore_ascii_case("echo") => Some(rest.as_bytes().to_vec()),
                    _ => None,
                }
            }
        }
    }
}

/// The value of `name` in a query, decoded.
fn argument(query: &str, name: &str) -> Option<String> {
    let pair = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
    let mut decoded = vec![];
    let mut rest = pair.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        let hex = (*first == b'%').then(|| tail.get(..2)).flatten();
        let hex = hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match (first, hex) {
            (_, Some(byte)) => {
                decoded.push(byte);
                rest = &tail[2..];
            }
            (b'+', None) => decoded.push(b' '),
            (byte, None) => decoded.push(*byte),
        }
    }
    Some(String::from_utf8_lossy(&decoded).into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::listener::image::Speech;

    fn server(behaviour: Behaviour) -> PodServer {
        PodServer {
            cluster: "aks".into(),
            namespace: "shop".into(),
            pod: "web-1".into(),
            node: "node0".into(),
            hostname: "web-1".into(),
            speech: Speech::Http,
            behaviour,
            readiness_path: Some("/ready".into()),
        }
    }

    fn ask(behaviour: Behaviour, path: &str, query: &str, json: bool) -> Answer {
        let headers = [("host", "web"), ("x-a", "1"), ("x-a", "2")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let seen = Seen {
            name: "web-1",
            server: "10.244.0.5:80".parse().expect("an address"),
            client: "10.244.1.6:40000".parse().expect("an address"),
            request: "GET / HTTP/1.1",
            host: Some("web"),
            tls_server_name: None,
            headers: &headers,
        };
        server(behaviour).answer(None, &seen, (path, query), json)
    }

    #[test]
    fn a_pod_says_who_it_is_and_what_it_has_seen() {
        insta::assert_snapshot!(ask(Behaviour::Common, "/", "", false).body, @"
        pod: web-1
        namespace: shop
        node: node0
        server: web-1 10.244.0.5:80
        client: 10.244.1.6:40000
        request: GET / HTTP/1.1
        host: web
        header: host: web
        header: x-a: 1
        header: x-a: 2
        ");
        insta::assert_snapshot!(ask(Behaviour::Common, "/", "", true).body, @r#"{"pod":"web-1","namespace":"shop","node":"node0","server":"web-1 10.244.0.5:80","client":"10.244.1.6:40000","request":"GET / HTTP/1.1","host":"web","headers":{"host":"web","x-a":"1, 2"}}"#);
    }

    #[test]
    fn agnhost_and_http_echo_answer_as_they_do() {
        let body = |behaviour, path, query| ask(behaviour, path, query, false).body;
        assert_eq!(body(Behaviour::Netexec, "/clientip", ""), "10.244.1.6:40000");
        assert_eq!(body(Behaviour::Netexec, "/hostname", ""), "web-1");
        assert_eq!(body(Behaviour::Netexec, "/echo", "a=b&msg=x+%C3%A4%zz"), "x ä%zz");
        assert_eq!(body(Behaviour::Netexec, "/healthz", ""), "");
        assert!(body(Behaviour::Netexec, "/", "").starts_with("pod: web-1\n"));
        assert_eq!(body(Behaviour::Hostname, "/x", ""), "web-1");
        assert_eq!(body(Behaviour::Text("blue".into()), "/x", ""), "blue\n");

        let client = "10.244.1.6:40000".parse().expect("an address");
        let told = |payload: &str| server(Behaviour::Netexec).datagram(client, payload.as_bytes());
        assert_eq!(told("hostname\n").as_deref(), Some(&b"web-1"[..]));
        assert_eq!(told("clientip").as_deref(), Some(&b"10.244.1.6:40000"[..]));
        assert_eq!(told("echo a b").as_deref(), Some(&b"a b"[..]));
        assert_eq!(told("what"), None);
    }

    proptest! {
        #[test]
        fn any_query_can_be_read(query in "\\PC{0,30}") {
            let _ = argument(&query, "msg");
            prop_assert_eq!(argument(&format!("msg={}", query.replace(['%', '+', '&'], "_")), "msg"),
                Some(query.replace(['%', '+', '&'], "_")));
        }
    }
}
