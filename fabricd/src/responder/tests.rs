//! Servers on this machine's loopback, spoken with as any client would.

use std::{sync::Arc, time::Duration};

use fabric_core::{
    kernel::ListeningSocket,
    listener::{Listener, Protocol},
    place::Place,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        self, ClientConfig, DigitallySignedStruct, SignatureScheme,
        client::{
            danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
            verify_server_name,
        },
        crypto::{ring, verify_tls12_signature, verify_tls13_signature},
        pki_types::{CertificateDer, ServerName, UnixTime},
        server::ParsedCertificate,
    },
};

use super::{client::Client, echo, room::Room, server};

/// Longest that a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server that runs until it is stopped.
struct Running {
    address: std::net::SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

impl Running {
    fn start(protocol: Protocol, files: u64) -> Self {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a socket");
        socket.set_nonblocking(true).expect("a socket");
        let address = socket.local_addr().expect("an address");
        let listener = Listener {
            place: Place::Machine { name: "server".into() },
            address: Some(address.ip()),
            port: address.port(),
            protocol,
            name: "example-com".into(),
            fqdns: vec!["example.com".into(), "www.example.com".into()],
        };
        let (stop, stopped) = oneshot::channel();
        let room = Arc::new(Room::new(files));
        let ended = tokio::spawn(server::run(
            room,
            listener,
            ListeningSocket::Stream(socket),
            server::More::default(),
            stopped,
        ));
        Self { address, stop, ended }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("it listens")
    }

    /// What comes back for `request`, until the server closes.
    async fn ask(&self, request: &str) -> String {
        let mut stream = self.connect().await;
        // A server that refuses what it has not read to its end may close before.
        let _ = stream.write_all(request.as_bytes()).await;
        let mut answer = vec![];
        let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("it closes");
        String::from_utf8(answer).expect("text")
    }
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no body: {answer}")).1
}

#[tokio::test]
async fn requests_are_answered_in_text_and_in_json() {
    let server = Running::start(Protocol::Http, 1024);
    let mut stream = server.connect().await;
    let (own, address) = (stream.local_addr().expect("an address"), server.address);
    // Two on one connection; the second is the last.
    let first = "GET /a?b=c HTTP/1.1\r\nHost: example.com\r\n\r\n";
    let second = "POST /d HTTP/1.1\r\nHost: e\r\nAccept: application/json\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc";
    stream.write_all(first.as_bytes()).await.expect("it reads");
    let text = format!(
        "server: example-com {address}\nclient: {own}\nrequest: GET /a?b=c HTTP/1.1\nhost: example.com\n"
    );
    let mut got = String::new();
    while !got.ends_with(&text) {
        let mut bytes = [0; 1024];
        let length =
            tokio::time::timeout(PATIENCE, stream.read(&mut bytes)).await.expect("an answer").expect("it");
        assert_ne!(length, 0, "closed after {got}");
        got.push_str(std::str::from_utf8(&bytes[..length]).expect("text"));
    }
    assert!(got.starts_with("HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\n"), "{got}");
    stream.write_all(second.as_bytes()).await.expect("it is kept alive");
    let mut got = String::new();
    stream.read_to_string(&mut got).await.expect("to the end");
    assert!(got.contains("content-type: application/json\r\n"), "{got}");
    assert_eq!(
        body(&got),
        format!(
            "{{\"server\":\"example-com {address}\",\"client\":\"{own}\",\"request\":\"POST /d HTTP/1.1\",\"host\":\"e\"}}\n"
        )
    );
}

#[tokio::test]
async fn what_is_too_large_or_no_request_is_refused() {
    let server = Running::start(Protocol::Http, 1024);
    let long = "x".repeat(20_000);
    for (request, status) in [
        ("no request at all\r\n\r\n".to_owned(), "400"),
        (format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n"), "431"),
        (format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}\r\n\r\n"), "431"),
        ("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), "405"),
        (
            format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n{}", "y".repeat(1_048_577)),
            "413",
        ),
    ] {
        let answer = server.ask(&request).await;
        let shown: String = request.chars().take(40).collect();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{shown}: {answer}");
    }
    // It still answers, in the old way too, and without a host.
    let answer = server.ask("GET / HTTP/1.0\r\n\r\n").await;
    assert!(body(&answer).ends_with("request: GET / HTTP/1.0\n"), "{answer}");
}

#[tokio::test]
async fn there_is_a_certificate_for_every_name() {
    let server = Running::start(Protocol::Https, 1024);
    for name in ["example.com", "www.example.com", "127.0.0.1"] {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(NamesOnly))
            .with_no_client_auth();
        let connector = TlsConnector::from(Arc::new(config));
        let server_name = ServerName::try_from(name).expect("a name");
        let connected = connector.connect(server_name, server.connect().await).await;
        let mut stream = connected.unwrap_or_else(|error| panic!("{name}: {error}"));
        let request = format!("GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("to the end");
        // Addresses are not asked for by name.
        let asked = if name == "127.0.0.1" { String::new() } else { format!("tls-server-name: {name}\n") };
        assert!(answer.ends_with(&format!("HTTP/1.1\nhost: {name}\n{asked}")), "{answer}");
    }
}

#[tokio::test]
async fn who_finds_no_room_is_reset_and_who_has_it_keeps_it() {
    // Half of the files: two connections.
    let server = Running::start(Protocol::TcpEcho, 4);
    let mut first = greeted(&server).await.expect("room");
    let second = greeted(&server).await.expect("room");
    for _ in 0..3 {
        assert!(greeted(&server).await.is_none(), "there is no room");
    }
    first.write_all(b"still here\n").await.expect("it reads");
    let mut line = [0; 11];
    first.read_exact(&mut line).await.expect("it answers");
    assert_eq!(&line, b"still here\n");
    drop(second);
    let begun = std::time::Instant::now();
    while greeted(&server).await.is_none() {
        assert!(begun.elapsed() < PATIENCE, "a place is free again");
    }
}

#[tokio::test]
async fn who_is_silent_for_too_long_is_reset() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a socket");
    let address = listener.local_addr().expect("an address");
    let client = async {
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        let mut rest = vec![];
        stream.read_to_end(&mut rest).await.expect_err("it is reset");
        rest
    };
    let server = async {
        let (stream, address) = listener.accept().await.expect("a client");
        let client = Client::new(stream, address).expect("it is there");
        echo::stream(client, Duration::from_millis(30)).await.expect_err("it is idle").kind()
    };
    let (said, why) = tokio::join!(client, server);
    assert!(said.starts_with(b"client 127.0.0.1:"));
    assert_eq!(why, std::io::ErrorKind::TimedOut);
}

/// A connection that the server has spoken on; nothing if it was refused.
async fn greeted(server: &Running) -> Option<TcpStream> {
    let mut stream = server.connect().await;
    let mut first = [0; 7];
    stream.read_exact(&mut first).await.ok()?;
    assert_eq!(&first, b"client ");
    let mut byte = [0];
    while byte != *b"\n" {
        stream.read_exact(&mut byte).await.ok()?;
    }
    Some(stream)
}

#[tokio::test]
async fn a_stop_waits_for_nobody() {
    for protocol in [Protocol::Http, Protocol::Https, Protocol::TcpEcho] {
        let server = Running::start(protocol.clone(), 1024);
        let mut silent = server.connect().await;
        let mut half = server.connect().await;
        half.write_all(b"GET / HT").await.expect("it reads");
        drop(server.stop);
        tokio::time::timeout(PATIENCE, server.ended).await.expect("at once").expect("no panic");
        let mut rest = vec![];
        // The greeting may come first.
        assert!(silent.read_to_end(&mut rest).await.is_err(), "{protocol:?}: it is reset");
        assert!(TcpStream::connect(server.address).await.is_err(), "{protocol:?}: nobody listens");
    }
}

/// Looks at the names in a certificate, and at nothing else.
#[derive(Debug)]
struct NamesOnly;

impl ServerCertVerifier for NamesOnly {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = ring::default_provider().signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = ring::default_provider().signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
